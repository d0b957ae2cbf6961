# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding and ending the processes of nodes.

No process id is ever stored, so none can be stale: a process belongs to a node because it lives in the node's
network namespace, or because its command line is that of the node's init. It is ended through a file descriptor
that stays with the process, whoever gets its number later.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .errors import LabError

NETNS_DIR = Path("/run/netns")


def in_network(namespace: str) -> Callable[[int], bool]:
    """Return a test for processes that live in this network namespace."""
    try:
        wanted = (NETNS_DIR / namespace).stat()
    except FileNotFoundError:
        return lambda pid: False

    def lives_there(pid: int) -> bool:
        found = os.stat(f"/proc/{pid}/ns/net")
        return (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino)

    return lives_there


def runs_program(program: Path, argument: str | None = None) -> Callable[[int], bool]:
    """Return a test for processes whose command line names this program, and then this argument."""

    def names_it(pid: int) -> bool:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        return str(program) in words and argument in (None, *words[words.index(str(program)) + 1 :])

    return names_it


def is_init(pid: int) -> bool:
    """Return whether the process is number 1 of a process namespace below ours."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("NSpid:"):
            numbers = line.split()[1:]
            return len(numbers) > 1 and numbers[-1] == "1"
    return False


def matching(test: Callable[[int], bool]) -> Iterator[int]:
    """Yield the ids of all processes that pass the test."""
    for entry in os.listdir("/proc"):
        if entry.isdecimal() and _passes(test, int(entry)):
            yield int(entry)


def kill_all(test: Callable[[int], bool], patience: float = 10.0) -> None:
    """Kill every process that passes the test, and return when none is left.

    Raises:
        LabError: when one outlives SIGKILL for `patience` seconds.
    """
    deadline = time.monotonic() + patience
    while left := list(matching(test)):
        if time.monotonic() > deadline:
            raise LabError(f"processes {left} of the lab do not die")
        for pid in left:
            _kill(pid, test)
        time.sleep(0.02)


def _kill(pid: int, test: Callable[[int], bool]) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if _passes(test, pid):  # asked again, now that the number can't change hands unseen
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)


def _passes(test: Callable[[int], bool], pid: int) -> bool:
    try:
        return pid != os.getpid() and test(pid)
    except OSError:  # it has ended meanwhile
        return False
