# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reach: who reaches whom, and when nobody may be judged because those who look are in trouble themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

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
    nodes that answered it, and `?node` for one that it asked in vain."""
    live = {name: None if name in silent.split() else "boot" for name in NODES}
    observers = []
    for name, nodes in reach.items():
        seen = {node.lstrip("?"): Answer.SILENT if node[0] == "?" else Answer.ANSWERS for node in nodes.split()}
        observers.append(Observer(name, seen, "" if name == CONTROLLER else "n1"))
    return NodeLook(0, live, frozenset(NODES), tuple(observers))


def replicating(seen: NodeLook, name: str, other: str) -> NodeLook:
    """The look, in which a DRBD device of an observer is connected with another node."""
    changed = [replace(o, replicates_with=frozenset({other})) if o.name == name else o for o in seen.observers]
    return replace(seen, observers=tuple(changed))


# who answered the master and us, and what they reached -> the parts
PARTS = [
    ("all answer the master", look(), "n1 n2 n3 n4 n5"),
    ("one is dead", look("n3", n2=""), "n1 n2 n4 n5"),
    ("one answers us alone", look("n3", n3=""), "n1 n2 n4 n5 | n3"),
    ("one is reached by another", look("n3", n2="n3", n3=""), "n1 n2 n3 n4 n5"),
    ("one reaches another", look("n3", n3="n2"), "n1 n2 n3 n4 n5"),
    ("two racks", look("n4 n5", n4="n5", n5="n4"), "n1 n2 n3 | n4 n5"),
    ("two racks, whose DRBD is connected", replicating(look("n4 n5", n4="n5", n5="n4"), "n4", "n2"), "n1 n2 n3 n4 n5"),
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


OFFLINE = replace(NODES["n5"], state=NodeState.OFFLINE)
JUDGED = [
    ("all answer", look(), ""),
    ("one is silent", look("n3"), ""),
    ("two of five are silent", look("n3 n5"), ""),
    ("three of five are silent", look("n3 n4 n5"), "rather the master is cut off"),
    ("the master is", look("n1"), "the master n1 does not answer itself"),
    ("of two nothing is known", replace(look("n3"), live={"n1": "b", "n2": "b", "n3": None}), "only 2 of 5"),
    ("racks apart", look("n4 n5", n4="n5"), "the network has fallen apart"),
    ("a node that only we reach", look("n3", n3=""), ""),
]


@pytest.mark.parametrize(("seen", "words"), [row[1:] for row in JUDGED], ids=[row[0] for row in JUDGED])
def test_nobody_is_judged_while(seen: NodeLook, words: str) -> None:
    """The sentence says why."""
    found = why_nobody_is_judged(seen, NODES, "n1", None)
    assert words in found
    assert bool(found) == bool(words)


def test_who_is_offline_does_not_count() -> None:
    """Neither among those that should answer, nor among those that do."""
    nodes = {**NODES, "n4": replace(NODES["n4"], state=NodeState.OFFLINE), "n5": OFFLINE}
    assert why_nobody_is_judged(look("n3"), nodes, "n1", None) == ""
    assert "only 1 of 3" in why_nobody_is_judged(look("n2 n3"), nodes, "n1", None)


QUORUM = [
    ("all witnesses", look("n3", n1="n2 ?n3", n2="n1 ?n3", n4="n1 ?n3", n5="n1 ?n3"), None, ""),
    ("more than half", look("n3", n1="n2 ?n3", n2="n1 ?n3", n4="n1 ?n3"), None, ""),
    ("half of them", look("n3", n1="n2 ?n3", n4="n1 ?n3"), None, "2 of 4 witnesses have looked at it"),
    ("one group alone", look("n3", n1="n2 ?n3", n2="n1 ?n3"), 2, "one node group"),
    ("as few as asked for", look("n3", n1="n2 ?n3", n4="n1 ?n3"), 2, ""),
    ("one, and this machine", look("n3", controller="?n3", n4="n1 ?n3"), 1, "one node group"),
    ("one alone", look("n3", n4="n1 ?n3"), 1, "only one witness"),
    ("nobody, whatever is asked for", look("n3"), 0, "0 of 4"),
    ("the node itself", look("n3", n3="n1", n1="n2 ?n3", n4="n1 ?n3"), None, "2 of 4"),
    ("this machine", look("n3", controller="?n3", n1="n2 ?n3", n4="n1 ?n3"), None, "2 of 4"),
    ("some that did not look at it", look("n3", n1="n2 ?n3", n2="n1", n4="n1"), None, "1 of 4"),
    ("some that reach nobody", look("n3", n1="n2 ?n3", n2="?n1 ?n3", n4="?n1 ?n3"), None, "1 of 4"),
    ("one that does not answer the master", look("n2 n3", n1="n4 ?n3", n2="n1 ?n3"), None, "1 of 3"),
]


@pytest.mark.parametrize(("seen", "needed", "words"), [row[1:] for row in QUORUM], ids=[row[0] for row in QUORUM])
def test_the_quorum(seen: NodeLook, needed: int | None, words: str) -> None:
    """To call n3 dead."""
    found = why_no_quorum(seen, "n3", NODES, needed)
    assert words in found
    assert bool(found) == bool(words)


def test_a_witness_knows_who_is_the_master() -> None:
    """One whose file could not be read agrees with nobody."""
    seen = look("n3", n1="n2 ?n3", n2="n1 ?n3", n4="n1 ?n3")
    doubtful = replace(seen, observers=tuple(replace(observer, master="") for observer in seen.observers))
    assert "0 of 4" in why_no_quorum(doubtful, "n3", NODES, None)


def test_who_is_offline_is_no_witness() -> None:
    """It may be anywhere."""
    nodes = {**NODES, "n5": OFFLINE}
    assert "1 of 3" in why_no_quorum(look("n3", n1="n2 ?n3", n5="n1 ?n3"), "n3", nodes, 2)


@pytest.mark.parametrize("state", [NodeState.ONLINE, NodeState.OFFLINE])
def test_a_node_marked_offline_was_behind_the_same_switch(state: NodeState) -> None:
    """Marking one does not make the other dead."""
    live = dict.fromkeys(("n1", "n2", "n3"), "boot")
    seen = NodeLook(0, {**live, "n4": None, **({"n5": None} if state is NodeState.ONLINE else {})})
    assert is_group_silent(seen, "n4", {**NODES, "n5": replace(OFFLINE, state=state)})


@pytest.mark.parametrize(("silent", "whole"), [("n4", False), ("n4 n5", True), ("n1 n2 n3", True), ("n1 n2 n4", False)])
def test_a_silent_group(silent: str, whole: bool) -> None:
    """If no node of it answers."""
    assert is_group_silent(look(silent), silent.split()[0], NODES) is whole
