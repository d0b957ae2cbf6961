# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings: what is wrong with a node by its own words, the lines that `look.sh` printed there (design, section 8).

Only what has an effect already is a reason for guests to leave: a disk that DRBD has detached, a missing physical
volume, a file system that the kernel has made read-only. What the kernel has logged is for a person: where disks have
several paths, the loss of one is logged on every node at once, and costs nobody anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .looks import Finding, Severity

_SKEW = 150  # seconds, the most that Ganeti accepts between two nodes (NODE_MAX_CLOCK_SKEW)
_CLOCK = re.compile(r"clock ([0-9]{1,15}) ([0-9]{1,15})\Z")
_FULL = "(9[5-9]|1[0-9][0-9])"  # per cent

_LINES = [  # what a line means; {0} and so on are the parts of it
    (re.compile(pattern + r"\Z", re.ASCII), severity, text)
    for pattern, severity, text in (
        (
            r"disk (\d+) (Diskless|Failed|Detaching)",
            Severity.EVACUATE,
            "DRBD has detached the disk of minor {0} ({1}), and works on the other copy alone",
        ),
        (r"missing ([1-9]\d{0,8}) (\S{1,255})", Severity.EVACUATE, "volume group {1} misses physical volumes ({0})"),
        (r"readonly (/\S{0,255})", Severity.EVACUATE, "its file system {0} has become read-only"),
        (rf"space (/\S*) {_FULL}", Severity.WARNING, "its file system {0} is full by {1} %"),
        (rf"space (/\S*) {_FULL} inodes", Severity.WARNING, "its file system {0} has used {1} % of its inodes"),
        (r"dead (ganeti-\S{1,50})", Severity.WARNING, "{0} does not run there"),
        (
            r"errors (\S{1,255}) ([1-9]\d{0,8})",
            Severity.WARNING,
            "its kernel logged {1} I/O errors of {0} within an hour",
        ),
        (r"checks ([1-9]\d{0,8})", Severity.WARNING, "its kernel logged {0} hardware errors within an hour"),
    )
]


def findings_of(lines: Iterable[str]) -> tuple[Finding, ...]:
    """What is wrong, by the lines of the script; what is none of them says nothing."""
    found = [finding for line in lines for finding in (*_of_table(line), *_of_clock(line))]
    return tuple(dict.fromkeys(found))


def _of_table(line: str) -> Iterable[Finding]:
    for pattern, severity, text in _LINES:
        match = pattern.match(line)
        if match:
            yield Finding(severity, text.format(*match.groups()))


def _of_clock(line: str) -> Iterable[Finding]:
    match = _CLOCK.match(line)
    skew = int(match[1]) - int(match[2]) if match else 0
    if abs(skew) > _SKEW:
        where = "ahead of" if skew > 0 else "behind"
        text = f"its clock is {abs(skew)} s {where} that of the machine on which Ansible runs"
        yield Finding(Severity.WARNING, text)
