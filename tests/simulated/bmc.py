# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Simulated BMCs that speak real IPMI 2.0 (lanplus), and the `ipmitool` that asks them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyghmi.ipmi import bmc
from pyghmi.ipmi.private.session import Session

from lab.machine import PATIENT

USER, PASSWORD = "fencer", "la b$ecret'"  # at most 20 bytes
INSUFFICIENT_PRIVILEGE = 0xD4


class Bmc(bmc.Bmc):  # type: ignore[misc]  # pyghmi has no types
    """A BMC on the loopback; its node is on until it is told to power off, and then does what its kind says.

    Kinds: "on", "off" from the start, "slow" (goes off later), "stubborn" (never does), "refusing" (its user may
    not), "silent" (takes the order, goes off and answers nothing any more).
    """

    def __init__(self, kind: str) -> None:
        """Listen on a free port."""
        super().__init__({USER: PASSWORD}, port=free_port(), address="127.0.0.1")
        self.kind = kind
        self.is_on = kind != "off"
        self.orders = 0
        self._answers_left = 2 if kind == "slow" else 0

    def get_power_state(self) -> str:
        """The answer to `chassis power status`."""
        if self.kind == "slow" and self.orders:
            self._answers_left -= 1
            self.is_on = self._answers_left > 0
        return "on" if self.is_on else "off"

    def power_off(self) -> int:
        """The completion code of `chassis power off`."""
        self.orders += 1
        if self.kind == "refusing":
            return INSUFFICIENT_PRIVILEGE
        self.is_on = self.kind in ("slow", "stubborn")
        return 0

    def handle_raw_request(self, request: Any, session: Any) -> None:
        """Answer a request, or not."""
        if not (self.kind == "silent" and self.orders):
            super().handle_raw_request(request, session)


@contextmanager
def bmcs(*kinds: str) -> Iterator[dict[str, Bmc]]:
    """BMCs that answer, one of each kind, by their kinds."""
    made = {kind: Bmc(kind) for kind in kinds}
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            Session.wait_for_rsp(0.1)

    server = threading.Thread(target=serve)
    server.start()
    yield made
    ended.set()
    server.join()


def free_port() -> int:
    """A UDP port of the loopback on which nobody listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def install_ipmitool(log: Path) -> str:
    """Install ipmitool from the machine's own package sources, where it is missing; apt's output goes to `log`.

    Returns why that can't be, or nothing.
    """
    if shutil.which("ipmitool"):
        return ""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return "it is not there, and only root on Debian or a close relative can install it"
    install = ("apt-get", *PATIENT, "install", "--yes", "--no-install-recommends", "ipmitool")
    for command in (install, ("apt-get", *PATIENT, "update"), install):
        with log.open("a") as output:
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, check=False
            )
        if shutil.which("ipmitool"):
            return ""
    return f"apt-get could not install it; its output is in {log}"
