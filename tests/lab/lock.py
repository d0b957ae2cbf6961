# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One orchestrator at a time."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import LabError


@contextmanager
def exclusive(state_dir: Path, patience: float = 300.0) -> Iterator[None]:
    """Hold the lab of this folder, waiting up to `patience` seconds for another holder.

    The lock is a name in Linux's abstract socket space: it vanishes with its holder, even a killed one, and
    leaves no file behind.

    Raises:
        LabError: when another process holds on to the lab for too long.
    """
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    deadline = time.monotonic() + patience
    with holder:
        while not _bound(holder, f"\0ganeti-lab:{state_dir}"):
            if time.monotonic() > deadline:
                raise LabError(f"another process has been busy with the lab in {state_dir} for {patience:.0f} s")
            time.sleep(0.2)
        yield


def _bound(holder: socket.socket, name: str) -> bool:
    try:
        holder.bind(name)
    except OSError:
        return False
    return True
