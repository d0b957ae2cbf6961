# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings: what a node says of itself, as things that are wrong with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.findings import findings_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.looks import Finding, Severity

EVACUATE, WARNING = Severity.EVACUATE, Severity.WARNING


@pytest.mark.parametrize(
    ("line", "severity", "text"),
    [
        (
            "disk 3 Diskless",
            EVACUATE,
            "DRBD has detached the disk of minor 3 (Diskless), and works on the other copy alone",
        ),
        (
            "disk 0 Failed",
            EVACUATE,
            "DRBD has detached the disk of minor 0 (Failed), and works on the other copy alone",
        ),
        ("missing 2 xenvg", EVACUATE, "volume group xenvg misses physical volumes (2)"),
        ("readonly /", EVACUATE, "its file system / has become read-only"),
        ("space /var/log 95", WARNING, "its file system /var/log is full by 95 %"),
        ("space / 100", WARNING, "its file system / is full by 100 %"),
        ("space / 99 inodes", WARNING, "its file system / has used 99 % of its inodes"),
        ("dead ganeti-confd", WARNING, "ganeti-confd does not run there"),
        ("errors sda 7", WARNING, "its kernel logged 7 I/O errors of sda within an hour"),
        ("checks 1", WARNING, "its kernel logged 1 hardware errors within an hour"),
        ("clock 1000 1151", WARNING, "its clock is 151 s behind that of the machine on which Ansible runs"),
        ("clock 1151 1000", WARNING, "its clock is 151 s ahead of that of the machine on which Ansible runs"),
    ],
)
def test_what_is_wrong(line: str, severity: Severity, text: str) -> None:
    """Guests leave only where there is an effect already; twice the same is one finding."""
    assert findings_of([line, line]) == (Finding(severity, text),)


@pytest.mark.parametrize(
    "line",
    [
        *(
            "disk 3 UpToDate",
            "disk 3 Inconsistent",
            "disk x Diskless",
            "missing 0 xenvg",
            "missing  xenvg",
            "missing xenvg",
        ),
        *("space / 94", "space / ?", "space / 9", "clock 1150 1000", "clock 1000 1150", "clock 1000", "clock x y"),
        *("dead sshd", "errors sda", "checks x", "checks 0", "readonly", "whole", "", "guest web1"),
    ],
)
def test_what_is_well(line: str) -> None:
    """Or can't be read, which says nothing."""
    assert findings_of([line]) == ()


@given(st.lists(st.text(max_size=40), max_size=5))
def test_nothing_that_a_node_prints_breaks_the_look(lines: list[str]) -> None:
    """Whatever it is."""
    assert isinstance(findings_of(lines), tuple)
