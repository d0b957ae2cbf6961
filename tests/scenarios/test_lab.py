# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab itself: up and down by one command each, also after a start that was killed, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from lab import Lab

STATE, PREFIX = Path("/var/tmp/ganeti-autorepair-killed-lab"), "garkill"
ENVIRONMENT = {
    "GANETI_LAB_STATE_DIR": str(STATE),
    "GANETI_LAB_PREFIX": PREFIX,
    "GANETI_LAB_NETWORK": "10.198.1.0/24",
    "GANETI_LAB_NODES": "2",
}


def start(command: str) -> subprocess.Popen[str]:
    """Start a command of a small lab beside the other one, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "lab", command],
        env={**os.environ, **ENVIRONMENT, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(command: str) -> None:
    """Run a command to its end, which must be a good one."""
    process = start(command)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output


def left_behind() -> list[str]:
    """What there is of the small lab on this machine."""
    namespaces = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    mounts = Path("/proc/self/mounts").read_text()
    found = [line for line in (*namespaces.splitlines(), *links.splitlines()) if PREFIX in line]
    found += [line for line in mounts.splitlines() if str(STATE) in line]
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [str(process)] if str(STATE) in process.read_text(errors="replace") else []
        except OSError:  # it has ended
            continue
    return found + ([str(STATE)] if STATE.exists() else [])


def test_a_start_that_was_killed(lab: Lab) -> None:
    """The next start brings the cluster up all the same; a further one changes nothing; and down leaves nothing."""
    assert lab.luxi_socket.exists()  # this machine can carry labs
    run("down")
    killed = start("up")
    time.sleep(8)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert left_behind()
    run("up")
    run("status")
    before = time.monotonic()
    run("up")
    assert time.monotonic() - before < 10
    run("down")
    assert left_behind() == []
