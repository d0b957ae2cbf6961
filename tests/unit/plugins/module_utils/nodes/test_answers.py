# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers: what the script printed becomes an observer; whoever did not get to the end has not answered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.answers import ParsedAnswer, parse_answer
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.looks import (
    Answer,
    Finding,
    Itself,
    Observer,
    Severity,
)

ADDRESSES = {"node1": ["192.0.2.11"], "node3": ["192.0.2.13", "198.51.100.13"], "node4": ["2001:db8::14"]}
TEXT = """\
Welcome to node1
look 1
boot_id boot-1
master node1
reach node3 silent
drbd 0 Connected
drbd 1 WFConnection
drbd 2 Connected
peer 0 198.51.100.13
peer 1 192.0.2.11
peer 2 2001:db8::14
reach node3 accepts
reach node4 answers
reach node4 refuses
reach node9 answers
outside 192.0.2.1 answers
outside 192.0.2.2 silent
outside 192.0.2.2 refuses
outside 192.0.2.3 silent
end
Connection closed.
"""


def test_an_answer_is_parsed() -> None:
    """The most alive of several answers counts, and DRBD's minors lead to nodes by their addresses."""
    reach = {"node3": Answer.ACCEPTS, "node4": Answer.ANSWERS}
    observer = Observer("node1", reach, "node1", "boot-1", frozenset({"node3", "node4"}))
    outside = {"192.0.2.1": True, "192.0.2.2": True, "192.0.2.3": False}
    assert parse_answer("node1", TEXT, ADDRESSES) == ParsedAnswer(observer, outside)
    assert parse_answer("node1", TEXT.replace("\n", "\r\n"), ADDRESSES) == ParsedAnswer(observer, outside)


@pytest.mark.parametrize(
    ("words", "silent"), [("silent silent", True), ("silent refuses", False), ("accepts silent", False)]
)
def test_an_address_from_which_nothing_comes(words: str, silent: bool) -> None:
    """While the node answers at another one; any answer will do, at any port."""
    told = "\n".join(f"reach node3 {word} 198.51.100.13" for word in words.split())
    text = f"look 1\n{told}\nreach node3 answers 192.0.2.13\nreach node9 silent 192.0.2.19\nend"
    found = parse_answer("node1", text, ADDRESSES)
    assert found and found.observer.reach == {"node3": Answer.ANSWERS}
    assert found.observer.silent_at == ({"node3": ("198.51.100.13",)} if silent else {})


def test_what_an_observer_says_of_itself() -> None:
    """After what it saw of others; as far as it came, and whether it came to the end."""
    text = "look 1\nend\nguest web1\nreadonly /\nguest web2\nguests told\n"
    found = (Finding(Severity.EVACUATE, "its file system / has become read-only"),)
    guests = frozenset({"web1", "web2"})
    half, whole = (parse_answer("node1", text + more, ADDRESSES) for more in ("", "whole\n"))
    assert half and half.observer == Observer("node1", findings=found, guests=guests, whole=False)
    assert whole and whole.observer == Observer("node1", findings=found, guests=guests, whole=True)
    cut = parse_answer("node1", "look 1\nend\nguest web1\n", ADDRESSES)
    assert cut and cut.observer == Observer("node1")  # which says nothing of any guest
    before = parse_answer("node1", "look 1\nguest web1\nguests told\nwhole\nend", ADDRESSES)
    assert before and before.observer == Observer("node1")


@pytest.mark.parametrize("text", ["", "end", "look 1", "end\nlook 1", "UNREACHABLE", TEXT.replace("end\n", "")])
def test_who_did_not_get_to_the_end_has_not_answered(text: str) -> None:
    """Killed in the middle, or never begun: its silence says nothing (N3)."""
    assert parse_answer("node1", text, ADDRESSES) is None


def test_one_that_could_read_nothing_is_an_observer_without_a_master() -> None:
    """As the machine on which Ansible runs, or a node whose disk is gone."""
    found = parse_answer("controller", "look 1\nboot_id \nmaster \nreach node3 answers\nend", ADDRESSES)
    assert found and found.observer == Observer("controller", {"node3": Answer.ANSWERS})


@pytest.mark.parametrize(
    "state", ["Connected", "SyncSource", "SyncTarget", "VerifyS", "PausedSyncT", "WFBitMapS", "Ahead"]
)
def test_a_copy_that_is_syncing_is_connected(state: str) -> None:
    """The other end is alive (N2)."""
    found = parse_answer("node1", f"look 1\ndrbd 0 {state}\npeer 0 192.0.2.13\nend", ADDRESSES)
    assert found and found.observer.replicates_with == {"node3"}


@pytest.mark.parametrize("state", ["WFConnection", "StandAlone", "NetworkFailure", "Timeout", "Unconfigured", ""])
def test_a_copy_without_its_link_says_nothing(state: str) -> None:
    """Nor does a minor that is not there."""
    found = parse_answer("node1", f"look 1\ndrbd 0 {state}\npeer 0 192.0.2.13\npeer 1 192.0.2.11\nend", ADDRESSES)
    assert found and found.observer.replicates_with == frozenset()


def test_what_a_witness_says_can_be_shown() -> None:
    """It is no node's name otherwise, and reaches terminals and pages."""
    found = parse_answer("node1", "look 1\nmaster node1\nmaster \x9b31mX\u202e\nboot_id a\x1bb\nend", ADDRESSES)
    assert found and (found.observer.master, found.observer.boot_id) == ("node1", "")


@given(st.lists(st.sampled_from(TEXT.splitlines()) | st.text(max_size=20)))
def test_nothing_is_seen_that_was_not_printed(lines: list[str]) -> None:
    """Whatever the lines are, and in whatever order."""
    found = parse_answer("node1", "\n".join(["look 1", *lines, "end"]), ADDRESSES)
    assert found
    for name, answer in found.observer.reach.items():
        assert f"reach {name} {answer.value}" in [line.strip() for line in "\n".join(lines).splitlines()]


def test_what_a_node_says_of_itself() -> None:
    """Its boot by this machine's clock, whatever its own says; broken lines say nothing."""
    own = ["clock 99 1000", "up 300", "runs ganeti-luxid", "config is there", "primary 4", "missing 0 xenvg"]
    own += ["volume a web1", "volume b", "up x", "runs", "clock 99"]
    found = parse_answer("node1", "\n".join(["look 1", "end", *own, "whole"]), ADDRESSES)
    assert found and found.observer.itself == Itself(
        booted=700.0,
        master_daemons=("ganeti-luxid",),
        has_configuration=True,
        primaries=("4",),
        volumes=(("a", "web1"),),
        has_volume_group=True,
    )
    found = parse_answer("node1", "look 1\nup 5\nconfig is there\nend\nclock 9 x\nwhole", ADDRESSES)
    assert found and found.observer.itself == Itself()
