# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One node: its disks, its power switch, and commands on it."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import network
from .errors import LabError
from .processes import NETNS_DIR, in_network, is_init, kill_all, matching, runs_program
from .settings import Settings
from .shell import NODE_ENVIRONMENT, run, write
from .state import SYSTEM_PYTHON, in_root
from .stubs.kernel import power_off as forget_drbd

FIRST_GROUP = "default"  # as Ganeti names it
BOOT_SECONDS = 60.0
WIRING = threading.Lock()  # the first two "ip netns add" at once would spoil each other
DAEMON_OPTIONS = """\
NODED_ARGS="--no-mlock"
RAPI_ARGS="-b 0.0.0.0 --require-authentication"
CONFD_ARGS=""
MOND_ARGS=""
WCONFD_ARGS=""
LUXID_ARGS=""
KVMD_ARGS=""
"""
STORAGE_FOLDERS = ("/srv/ganeti/file-storage", "/srv/ganeti/shared-file-storage")


@dataclass(frozen=True)
class Node:
    """A node, by its number in the lab's settings."""

    settings: Settings
    number: int

    @property
    def name(self) -> str:
        """The short name."""
        return f"node{self.number}"

    @property
    def full_name(self) -> str:
        """The name that Ganeti knows."""
        return f"{self.name}.{self.settings.domain}"

    @property
    def address(self) -> str:
        """The address of eth0."""
        return self.settings.node_address(self.number)

    @property
    def group(self) -> str:
        """The node group that it is added to."""
        return self.settings.second_group if self.number >= self.settings.second_group_from else FIRST_GROUP

    @property
    def namespace(self) -> str:
        """The name of its network namespace."""
        return f"{self.settings.prefix}-{self.name}"

    @property
    def cable(self) -> str:
        """The machine's end of its network cable."""
        return f"{self.settings.prefix}-n{self.number}"

    @property
    def home(self) -> Path:
        """The folder of its disks."""
        return self.settings.state_dir / "nodes" / self.name

    @property
    def init_program(self) -> Path:
        """The program that its process 1 runs."""
        return self.settings.code_dir / "lab" / "node_init.py"

    def init(self) -> int | None:
        """Return the id of its process 1, as seen from outside, or None while it is off."""
        lives_here = in_network(self.namespace)
        return next(matching(lambda pid: lives_here(pid) and is_init(pid)), None)

    def is_on(self) -> bool:
        """Return whether it has booted to the end, and runs."""
        return self.init() is not None and (self.home / "run" / "lab-started").exists()

    def switch_on(self) -> None:
        """Boot it, unless it runs, and return when its daemons do.

        Raises:
            LabError: when it doesn't come up, with what it said.
        """
        if not self.is_on():
            self.switch_off()  # also one that a killed boot left on its way
            self._furnish()
            with WIRING:
                network.make_socket(self.namespace, self.cable, self.address)
            self._boot()
        network.plug_in(self.cable, self.settings.bridge)

    def switch_off(self) -> None:
        """Pull the plug: all processes die at once, and the network is dead; the disks stay."""
        network.unplug(self.cable)
        kill_all(in_network(self.namespace))
        kill_all(runs_program(self.init_program, self.name))
        if self.home.exists():
            shutil.rmtree(self.home / "run", ignore_errors=True)
            (self.home / "rbd-map.json").unlink(missing_ok=True)
            forget_drbd(str(self.settings.state_dir), self.name)

    def run(self, command: Sequence[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command on the node and return it with its output.

        Raises:
            LabError: when the node is off, or `check` is set and the command fails.
        """
        return run(self.enter(command), env=NODE_ENVIRONMENT, check=check)

    def enter(self, command: Sequence[str]) -> list[str]:
        """Return the machine's command line that runs a command on the node.

        Raises:
            LabError: when the node is off.
        """
        init = self.init()
        if init is None:
            raise LabError(f"cannot run {command[0]} on {self.name}: the node is off")
        return ["nsenter", "-t", str(init), "-m", "-u", "-i", "-n", "-p", "--", *command]

    def _boot(self) -> None:
        """Start process 1 in namespaces of its own, detached from this process, and wait for its daemons."""
        log = self.home / "console.log"
        start = ["setsid", "--fork", "nsenter", f"--net={NETNS_DIR / self.namespace}"]
        start += ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child=KILL"]
        start += map(str, in_root(self.settings, [SYSTEM_PYTHON, "-ISE", self.init_program, self.name]))
        with log.open("w") as console:
            subprocess.run(
                start, stdin=subprocess.DEVNULL, stdout=console, stderr=console, env=NODE_ENVIRONMENT, check=True
            )
        started = time.monotonic()
        while not self.is_on():
            if time.monotonic() - started > BOOT_SECONDS or (time.monotonic() - started > 2 and not self.init()):
                raise LabError(f"{self.name} does not boot: {log.read_text().strip() or 'it said nothing'}")
            time.sleep(0.1)

    def _furnish(self) -> None:
        """Make what the node finds at boot, but nothing that its disks already hold."""
        home, settings = self.home, self.settings
        for folder in ("run", "tmp", "srv/ganeti/shared-file-storage", "srv/ganeti/file-storage", "var-lib-ganeti"):
            (home / folder).mkdir(parents=True, exist_ok=True)
        (home / "volumes" / settings.volume_group).mkdir(parents=True, exist_ok=True)
        (home / "var-log-ganeti" / "extstorage").mkdir(parents=True, exist_ok=True)
        shared = settings.shared_dir
        for source, name in (
            (settings.root / "etc/ganeti", "etc-ganeti"),
            (shared / "ssh", "ssh"),
            (shared / "root", "root"),
        ):
            if not (home / name).exists():
                shutil.copytree(source, home / name, symlinks=True)
        write(home / "etc-ganeti" / "file-storage-paths", "\n".join([*STORAGE_FOLDERS, ""]))
        write(home / "etc-default-ganeti", DAEMON_OPTIONS)
        write(home / "hostname", f"{self.full_name}\n")
        write(home / "boot_id", f"{uuid.uuid4()}\n")
        write(home / "meminfo", _meminfo(settings.node_memory_mb * 1024))
        write(home / "cpuinfo", "".join(f"processor\t: {n}\nmodel name\t: lab\n\n" for n in range(settings.node_cpus)))


def _meminfo(total_kb: int) -> str:
    """Return the part of /proc/meminfo that Ganeti reads; one gigabyte is in use."""
    in_use = 1024 * 1024
    amounts = {
        "MemTotal": total_kb,
        "MemFree": total_kb - in_use,
        "MemAvailable": total_kb - in_use,
        "Buffers": 0,
        "Cached": 0,
        "Active": in_use,
        "SwapTotal": 0,
        "SwapFree": 0,
    }
    return "".join(f"{name + ':':<15} {amount} kB\n" for name, amount in amounts.items())
