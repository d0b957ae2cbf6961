# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""LUXI of the master, on a socket of this machine: by way of SSH, which forwards it."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from lab import luxi
from lab.errors import LabError
from lab.processes import kill_all, runs_program

from .node import Node
from .settings import Settings

THERE = "/run/ganeti/socket/ganeti-query"
MASTER_SECONDS = 120.0


def lead(settings: Settings, master: Node) -> None:
    """Let the master's socket answer here, and return when it does.

    Raises:
        LabError: when it does not.
    """
    if not _answers(settings):
        end(settings)
        settings.luxi_socket.unlink(missing_ok=True)
        program, *words = [str(word) for word in master.ssh]
        command = [program, "-N", "-f", "-oExitOnForwardFailure=yes", _forward(settings), *words]
        quiet = subprocess.DEVNULL
        subprocess.run(command, stdin=quiet, stdout=quiet, stderr=quiet, check=True)
    deadline = time.monotonic() + MASTER_SECONDS
    while not _answers(settings):
        if time.monotonic() > deadline:
            raise LabError(f"LUXI does not answer on {settings.luxi_socket}")
        time.sleep(0.3)


def end(settings: Settings) -> None:
    """End what forwards it."""
    kill_all(runs_program(Path("ssh"), _forward(settings)))


def _forward(settings: Settings) -> str:
    return f"-L{settings.luxi_socket}:{THERE}"


def _answers(settings: Settings) -> bool:
    try:
        return bool(luxi.rows(settings.luxi_socket, "node", ["name"]))
    except LabError:
        return False
