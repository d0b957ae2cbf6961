# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What proves that a node is off, which nodes somebody should see to, and how they are named."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    NOW,
    OFFLINE,
    ONLINE,
    cluster,
    deeds,
    marked,
    node,
    rbd,
)
from unit.plugins.module_utils.planning.gates.cases import plan_with
from unit.plugins.module_utils.planning.test_planner import domain, named_to_fence

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.fencing import full_names, still_fenced
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Fencing, Limits

NAMES = [
    ("its full name", "node1.example.com", "a"),
    ("without its domain", "node1", "a"),
    ("without a part of its domain", "node1.example", "a"),
    ("in capitals, without its domain", "Node1", "a"),
    ("the one with a longer name", "node10", "b"),
]


@pytest.mark.parametrize(("name", "begun"), [row[1:] for row in NAMES], ids=[row[0] for row in NAMES])
def test_a_node_is_named_as_with_ganeti(name, begun):
    """A beginning of a name is none."""
    members = [domain("a", "node1.example.com"), domain("b", "node10.example.com")]
    plan = plan_with(*members, limits={"fencing": Fencing.CONFIRMED, "fenced_nodes": (name,)})
    assert [one for one, word in deeds(plan).items() if word == "submit"] == [begun]


@pytest.mark.parametrize("name", ["node2", "nod", "node1.", "node1.example.com.", "", "node*", "example.com", "a"])
def test_a_node_that_is_not_there_is_a_mistake(name):
    """Before anything is written: somebody means another cluster, or has mistyped the name of a node that lives."""
    one = domain("a", "node1.example.com")
    with pytest.raises(BadOption, match="nothing was done") as caught:
        plan_with(one, limits={"fencing": Fencing.CONFIRMED, "fenced_nodes": ("node1", name)})
    assert str(caught.value) == f"fenced_nodes: no node in the cluster is called {name}; nothing was done"


def test_a_short_name_that_two_nodes_have_is_a_mistake():
    """Only one of them was looked at by whoever says that it is off; Ganeti takes no such name either."""
    members = [domain("a", "node1.east.example.com"), domain("b", "node1.west.example.com")]
    with pytest.raises(BadOption, match=r"^fenced_nodes: more than one node is called node1 ") as caught:
        plan_with(*members, limits={"fencing": Fencing.CONFIRMED, "fenced_nodes": ("node1",)})
    assert str(caught.value).endswith("(node1.east.example.com, node1.west.example.com); nothing was done")


def test_a_full_name_that_begins_another_is_meant_itself():
    """The exact name goes first."""
    members = [domain("a", "node1"), domain("b", "node1.example.com")]
    plan = plan_with(*members, limits={"fencing": Fencing.CONFIRMED, "fenced_nodes": ("node1",)})
    assert deeds(plan) == {"a": "submit", "b": "hold"}


@pytest.mark.parametrize(("changed", "names"), [(NOW - 9, []), (NOW, ["web1-p"])], ids=["has not", "has"])
def test_a_node_that_has_changed_since_it_was_fenced_is_to_be_fenced_again(changed, names):
    """In a run that goes on: somebody may have switched it on, and it has died anew."""
    limits = {"fenced_nodes": ("web1-p",), "fenced_as_of": {"web1-p": NOW - 9}}
    one = marked(rbd("web1", OFFLINE), changed=changed)
    assert named_to_fence(one, limits=limits) == names


STAYS = [
    ("one that stays as it was", {}, {}, True),
    ("one that is no longer marked", {}, {"state": ONLINE}, False),
    ("one that is drained now", {}, {"state": DRAINED}, False),
    ("one that was marked anew, or changed", {}, {"changed": NOW - 9}, False),
    ("one that has power", {}, {"powered": True}, False),
    ("one of which nobody knows when it was marked", {"changed": None}, {}, False),
    ("one that was not marked when it was fenced", {"state": ONLINE}, {}, False),
]


@pytest.mark.parametrize(("was", "now", "counts"), [row[1:] for row in STAYS], ids=[row[0] for row in STAYS])
def test_a_node_that_was_fenced_counts_in_the_next_round(was, now, counts):
    """As long as nobody can have switched it on since."""
    before = replace(node("n1", OFFLINE), **{"changed": NOW - 99, "powered": False, **was})
    one, two = (cluster(other) for other in (before, replace(before, **now)))
    assert still_fenced(("n1",), one, two) == ({"n1": NOW - 99} if counts else {})


def test_a_node_that_has_left_counts_no_more():
    """Nor one that was never there."""
    one, two = cluster(replace(node("n1", OFFLINE), changed=NOW)), cluster(node("n2"))
    assert still_fenced(("n1", "n2"), one, two) == {}


SEEN = [
    ("one that was seen, and is as it was", {"n1": 5}, ("n1",), ("n1",)),
    ("one that has changed since", {"n1": 4}, ("n1",), ()),
    ("one that has left since, which is no mistake", {"n9": 5}, ("n9",), ()),
    ("one that was seen, and one that was not", {"n1": 5}, ("n1", "n2"), ("n1", "n2")),
    ("none that was seen", {}, ("n2",), ("n2",)),
]


@pytest.mark.parametrize(("as_of", "names", "wanted"), [row[1:] for row in SEEN], ids=[row[0] for row in SEEN])
def test_fenced_nodes_that_were_seen_in_a_round_before(as_of, names, wanted):
    """Count as long as they have not changed."""
    nodes = {name: replace(node(name, OFFLINE), changed=5) for name in ("n1", "n2")}
    assert full_names(Limits(fenced_nodes=names, fenced_as_of=as_of), nodes) == wanted
