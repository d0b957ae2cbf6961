# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reach: who reaches whom, and when nobody may be judged because those who look are in trouble themselves."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import Node, NodeState
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.looks import (
    CONTROLLER,
    Answer,
    NodeLook,
    Observer,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.reach import (
    is_group_silent,
    masters_of,
    parts_of,
    why_no_quorum,
    why_nobody_is_judged,
)

NODES = {f"n{number}": Node(f"n{number}", "a" if number < 4 else "b", NodeState.ONLINE) for number in range(1, 6)}


def look(silent: str = "", **reach: str) -> NodeLook:
    """A look at n1 to n5, of which those in `silent` do not answer the master n1; `reach` has for each observer the
    nodes that answered it."""
    live = {name: None if name in silent.split() else "boot" for name in NODES}
    observers = [Observer(name, dict.fromkeys(nodes.split(), Answer.ANSWERS)) for name, nodes in reach.items()]
    return NodeLook(0, live, frozenset(NODES), tuple(observers))


# who answered the master and us, and what they reached -> the parts
PARTS = [
    ("all answer the master", look(), "n1 n2 n3 n4 n5"),
    ("one is dead", look("n3", n2=""), "n1 n2 n4 n5"),
    ("one answers us alone", look("n3", n3=""), "n1 n2 n4 n5 | n3"),
    ("one is reached by another", look("n3", n2="n3", n3=""), "n1 n2 n3 n4 n5"),
    ("one reaches another", look("n3", n3="n2"), "n1 n2 n3 n4 n5"),
    ("two racks", look("n4 n5", n4="n5", n5="n4"), "n1 n2 n3 | n4 n5"),
    ("two racks, with one link left", look("n4 n5", n4="n5", n5="n4 n2"), "n1 n2 n3 n4 n5"),
    (
        "we reach all, over a network of our own",
        look("n4 n5", controller="n1 n4 n5", n4="n5", n5=""),
        "n1 n2 n3 | n4 n5",
    ),
]


@pytest.mark.parametrize(("seen", "parts"), [row[1:] for row in PARTS], ids=[row[0] for row in PARTS])
def test_the_parts_of_the_network(seen: NodeLook, parts: str) -> None:
    """Of those that are alive, the master's part first."""
    assert parts_of(seen, NODES, "n1") == tuple(tuple(part.split()) for part in parts.split(" | "))


def test_the_masters() -> None:
    """The one that answered us, and those that nodes name; a node that is offline is not believed."""
    nodes: Mapping[str, Node] = {**NODES, "n5": Node("n5", "b", NodeState.OFFLINE)}
    observers = (
        Observer("n2", master="n2"),
        Observer("n3", master="n1"),
        Observer("n5", master="n5"),
        Observer(CONTROLLER),
    )
    assert masters_of(NodeLook(0, {}, observers=observers), nodes, "n1") == ("n1", "n2")


JUDGED = [
    ("all answer", look(), ""),
    ("one is silent", look("n3"), ""),
    ("two of five are silent", look("n3 n5"), ""),
    ("three of five are silent", look("n3 n4 n5"), "rather the master is cut off"),
    ("racks apart", look("n4 n5", n4="n5"), "the network has fallen apart"),
    ("a node that only we reach", look("n3", n3=""), ""),
]


@pytest.mark.parametrize(("seen", "words"), [row[1:] for row in JUDGED], ids=[row[0] for row in JUDGED])
def test_nobody_is_judged_while(seen: NodeLook, words: str) -> None:
    """The sentence says why."""
    found = why_nobody_is_judged(seen, NODES, "n1", alone=False)
    assert words in found
    assert bool(found) == bool(words)


QUORUM = [
    ("all witnesses", look("n3", n1="", n2="", n4="", n5=""), None, ""),
    ("more than half", look("n3", n1="", n2="", n4=""), None, ""),
    ("half of them", look("n3", n1="", n4=""), None, "2 of 4 witnesses answered; 3 must"),
    ("one group alone", look("n3", n1="", n2=""), 2, "one node group"),
    ("as few as asked for", look("n3", n1="", n4=""), 2, ""),
    ("nobody, where nobody is needed", look("n3"), 0, ""),
    ("the node itself", look("n3", n3="", n1="", n4=""), None, "2 of 4"),
    ("this machine", look("n3", controller="", n1="", n4=""), None, "2 of 4"),
]


@pytest.mark.parametrize(("seen", "needed", "words"), [row[1:] for row in QUORUM], ids=[row[0] for row in QUORUM])
def test_the_quorum(seen: NodeLook, needed: int | None, words: str) -> None:
    """To call n3 dead."""
    found = why_no_quorum(seen, "n3", NODES, needed)
    assert words in found
    assert bool(found) == bool(words)


@pytest.mark.parametrize(("silent", "whole"), [("n4", False), ("n4 n5", True), ("n1 n2 n3", True), ("n1 n2 n4", False)])
def test_a_silent_group(silent: str, whole: bool) -> None:
    """If no node of it answers."""
    assert is_group_silent(look(silent), silent.split()[0], NODES) is whole
