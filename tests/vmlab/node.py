# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node: a virtual machine, its power switch and its cable."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from lab.errors import LabError
from lab.processes import kill_all, matching, runs_program
from lab.shell import run

from . import network
from .image import image, kernel
from .settings import Settings

BOOT_SECONDS = 300.0
UNCHECKED = ("-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR")
# The kernel's program wants the newer C library's loader where the machine has its own.
START = 'mount --bind "$0" /lib64/ld-linux-x86-64.so.2 && LD_LIBRARY_PATH="${0%/*}" exec "$@"'
DISKS = ("root.cow", "vg.img")


class Node:
    """One node of the cluster; every question is asked of the machine, never of a note."""

    def __init__(self, settings: Settings, number: int) -> None:
        """Take the settings, and which node it is."""
        self._settings = settings
        self.number = number
        self.name = f"node{number}"
        self.full_name = f"{self.name}.{settings.domain}"
        self.address = settings.node_address(number)
        self.home = settings.state_dir / "nodes" / self.name
        self.cable = f"{settings.prefix}-n{number}"

    @property
    def is_on(self) -> bool:
        """Whether the machine runs."""
        return any(matching(runs_program(kernel(self._settings), self._mark)))

    def switch_on(self) -> None:
        """Let the machine boot, unless it runs; `wait` returns when it has."""
        if self.is_on:
            return
        for folder in (self.home, self._memory):
            folder.mkdir(parents=True, exist_ok=True)
        with (self.home / DISKS[1]).open("a") as disk:
            disk.truncate(self._settings.disk_mb << 20)
        network.make_cable(self.cable)
        network.plug_in(self.cable, self._settings.bridge)
        with (self.home / "console.log").open("a") as log:
            subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "TMPDIR": str(self._memory)},
                start_new_session=True,
            )

    def wait(self) -> None:
        """Return when the node answers SSH.

        Raises:
            LabError: when it does not.
        """
        deadline = time.monotonic() + BOOT_SECONDS
        while self.run("true", check=False).returncode:
            if time.monotonic() > deadline or not self.is_on:
                raise LabError(f"{self.name} does not come up; see {self.home}/console.log")
            time.sleep(0.3)

    def switch_off(self) -> None:
        """Pull the plug: nothing inside is told, and what was not written is lost."""
        kill_all(runs_program(kernel(self._settings), self._mark))
        shutil.rmtree(self._memory, ignore_errors=True)

    def unplug(self) -> None:
        """Pull the network cable."""
        network.unplug(self.cable)

    def plug_in(self) -> None:
        """Put the network cable back."""
        network.plug_in(self.cable, self._settings.bridge)

    def slow_down(self) -> None:
        """Let its cable bring it no more than a megabyte a second, until it is plugged in again."""
        network.slow_down(self.cable)

    def run(self, command: str | Sequence[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command on the node, given as a shell's line or as words, and return it with its output.

        Raises:
            LabError: when `check` is set and the command fails, or the node does not answer.
        """
        line = command if isinstance(command, str) else shlex.join(command)
        return run([*self.ssh, line], check=check)

    @property
    def ssh(self) -> list[str | Path]:
        """The words that lead to a shell on the node."""
        patience = ("-oBatchMode=yes", "-oConnectTimeout=10", "-oServerAliveInterval=10", "-oServerAliveCountMax=6")
        return ["ssh", "-i", self._settings.ssh_key, *UNCHECKED, *patience, f"root@{self.address}"]

    @property
    def _memory(self) -> Path:
        return self._settings.run_dir / self.name

    @property
    def _mark(self) -> str:
        """The word of the command line that is this machine's and no other's."""
        return f"uml_dir={self._memory}"

    @property
    def _loader(self) -> Path:
        return next((kernel(self._settings).parents[1] / "lib").glob("*/ld-linux-x86-64.so.2"))

    def _command(self) -> list[str]:
        isolated = ("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--")
        disks = (f"ubda={self.home / DISKS[0]},{image(self._settings)}", f"ubdb={self.home / DISKS[1]}")
        hardware_address = f"52:54:00:97:00:{self.number:02x}"
        wanted = [
            *(str(kernel(self._settings)), self._mark, f"umid={self.name}", "seccomp=auto"),
            *(f"mem={self._settings.memory_mb}M", *disks, "root=/dev/ubda", "rw", "panic=1", "quiet"),
            f"vec0:transport=tap,ifname={self.cable},depth=64,mac={hardware_address}",
            *("con0=null,fd:1", "con=null", "ssl=null"),
            *(f"node_address={self.address}", f"systemd.hostname={self.full_name}"),
            f"systemd.machine_id={0x5254 << 64 | self.number:032x}",
        ]
        return [*isolated, "sh", "-c", START, str(self._loader), *wanted]
