# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locations: tags of nodes as htools reads them, and what the choice of nodes makes of them."""

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
    drbd,
    node,
    plain,
    rbd,
    tag,
)
from unit.plugins.module_utils.fake import FakeClient

from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.locations import desired, labels
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.planner import plan_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from unbraked import unbraked

RACK = "htools:nlocation:rack"
HV = "htools:migration:hv"


def _node(name, *tags, state=ONLINE, known=True):
    return replace(node(name, state), tags=tags if known else None)


# --- what tags mean -------------------------------------------------------------------------------------------------

LOCATIONS = [
    ("a location", [RACK], ["rack:a"], {"rack:a"}),
    ("several of several kinds", [RACK, "htools:nlocation:psu"], ["rack:a", "psu:1", "hv:2"], {"rack:a", "psu:1"}),
    ("no kind is named", [], ["rack:a"], set()),
    ("the word alone is none", [RACK], ["rack"], set()),
    ("nor one that only begins so", [RACK], ["racks:a", "rack-a"], set()),
    ("a kind with a colon in it", ["htools:nlocation:dc:row"], ["dc:row:3", "dc:1"], {"dc:row:3"}),
    ("a kind without a name", ["htools:nlocation:"], [":a", "rack:a"], {":a"}),
]


@pytest.mark.parametrize(
    ("cluster_tags", "node_tags", "wanted"), [row[1:] for row in LOCATIONS], ids=[row[0] for row in LOCATIONS]
)
def test_locations(cluster_tags, node_tags, wanted):
    """What follows the prefix on the cluster, and a colon, begins a location of a node."""
    assert labels(_node("a", *node_tags), cluster_tags).locations == wanted


ALLOW = "htools:allowmigration:"
MIGRATIONS = [  # tags of the cluster, of the source, of the target
    ("no tags", [], [], [], True),
    ("none that counts", [], ["hv:1"], ["hv:2"], True),
    ("the same", [HV], ["hv:1"], ["hv:1"], True),
    ("another", [HV], ["hv:1"], ["hv:2"], False),
    ("the target has none", [HV], ["hv:1"], [], False),
    ("the source has none", [HV], [], ["hv:2"], True),
    ("the target has more", [HV], ["hv:1"], ["hv:1", "hv:2"], True),
    ("the source has more", [HV], ["hv:1", "hv:2"], ["hv:1"], False),
    ("an upgrade", [HV, ALLOW + "hv:1::hv:2"], ["hv:1"], ["hv:2"], True),
    ("not back", [HV, ALLOW + "hv:1::hv:2"], ["hv:2"], ["hv:1"], False),
    ("not over two", [HV, ALLOW + "hv:1::hv:2", ALLOW + "hv:2::hv:3"], ["hv:1"], ["hv:3"], False),
    ("unless that is said", [HV, ALLOW + "hv:1::hv:3"], ["hv:1"], ["hv:3"], True),
    ("two of a kind", [HV, ALLOW + "hv:1::hv:3", ALLOW + "hv:2::hv:3"], ["hv:1", "hv:2"], ["hv:3"], True),
    ("the new tag is no migration tag", [ALLOW + "hv:1::hv:2"], ["hv:1"], ["hv:2"], True),
    ("colons twice mean nothing", [HV, ALLOW + "hv:1::hv:2::x"], ["hv:1"], ["hv:2::x"], False),
    ("no colons mean nothing", [HV, ALLOW + "hv:1"], ["hv:1"], ["hv:2"], False),
]


@pytest.mark.parametrize(
    ("cluster_tags", "source", "target", "can"), [row[1:] for row in MIGRATIONS], ids=[row[0] for row in MIGRATIONS]
)
def test_migrations(cluster_tags, source, target, can):
    """All migration tags of the source have to be received by the target."""
    assert labels(_node("a", *source), cluster_tags).migrates_to(labels(_node("b", *target), cluster_tags)) is can


@pytest.mark.parametrize("which", ["a", "b"])
def test_nobody_migrates_where_tags_are_not_known(which):
    """Unknown data is no permission (law 7)."""
    one, two = (labels(_node(name, known=name != which), [HV]) for name in "ab")
    assert not one.migrates_to(two)


def test_locations_that_an_instance_prefers():
    """Here the prefix alone counts, as with htools."""
    assert desired(["rack:a", "racket", "x"], ["htools:desiredlocation:rack"]) == {"rack:a", "racket"}
    assert desired(["rack:a"], []) == frozenset()


# --- what the choice makes of them ----------------------------------------------------------------------------------


def _looked(*members, tags=(), room=None, **limits):
    one = cluster(*members, tags=[tag("reinstall"), *tags])
    room = room or dict.fromkeys(one.nodes, (90000, 90000))
    return plan_round(FakeClient(one, room=room), unbraked(**limits), NOW)


def _nodes(plan):
    return {case.instance.name: action.nodes for case, action in plan.rows if action.nodes}


ROOM = {"a": (9000, 9000), "b": (8000, 8000), "c": (7000, 7000), "d": (3000, 3000)}
RACKS = [
    ("apart, though others have more room", {"a": "rack:1", "b": "rack:1", "c": "rack:2"}, ("a", "c")),
    ("the roomiest of those apart", {"a": "rack:1", "b": "rack:2", "c": "rack:2"}, ("a", "b")),
    ("one without a location shares none", {"a": "rack:1", "b": "rack:1", "c": ""}, ("a", "c")),
    ("the roomiest pair that is apart", {"a": "rack:1", "b": "rack:1", "c": "rack:1", "d": ""}, ("a", "d")),
    ("together, where there is no other way", {"a": "rack:1", "b": "rack:1", "c": "rack:1"}, ("a", "b")),
    ("sharing one rather than two", {"a": "rack:1 psu:1", "b": "rack:1 psu:1", "c": "rack:1 psu:2"}, ("a", "c")),
]  # fmt: skip


@pytest.mark.parametrize(("racks", "wanted"), [row[1:] for row in RACKS], ids=[row[0] for row in RACKS])
def test_a_primary_and_its_secondary_do_not_fail_together(racks, wanted):
    """If there is a choice; without the cluster's tags only room counts."""
    spare = [_node(name, *locations.split()) for name, locations in racks.items()]
    plan = _looked(drbd("web1", OFFLINE, OFFLINE), *spare, tags=[RACK, "htools:nlocation:psu"], room=ROOM)
    assert _nodes(plan) == {"web1": wanted}
    assert _nodes(_looked(drbd("web1", OFFLINE, OFFLINE), *spare, room=ROOM)) == {"web1": ("a", "b")}


def test_a_primary_and_its_secondary_can_migrate():
    """Later on, if there is a choice."""
    spare = [_node("a", "hv:1"), _node("b", "hv:2"), _node("c", "hv:1")]
    plan = _looked(drbd("web1", OFFLINE, OFFLINE), *spare, tags=[HV], room=ROOM)
    assert _nodes(plan) == {"web1": ("a", "c")}


def test_what_excludes_each_other_does_not_fail_together():
    """Two of one service are in two racks, if there is a choice; also two of one round."""
    spare = [_node("a", "rack:1"), _node("b", "rack:1"), _node("c", "rack:2")]
    members = [plain(name, OFFLINE, "service:dns") for name in ("web1", "web2")]
    plan = _looked(*members, *spare, tags=[RACK, "htools:iextags:service"], room=ROOM)
    assert _nodes(plan) == {"web1": ("a",), "web2": ("c",)}


def test_an_instance_goes_to_the_location_that_it_prefers():
    """If there is a choice."""
    spare = [_node("a", "rack:1"), _node("b", "rack:2")]
    tags = [RACK, "htools:desiredlocation:rack"]
    assert _nodes(_looked(plain("web1", OFFLINE, "rack:2"), *spare, tags=tags, room=ROOM)) == {"web1": ("b",)}
    assert _nodes(_looked(plain("web1", OFFLINE, "rack:9"), *spare, tags=tags, room=ROOM)) == {"web1": ("a",)}


def _off(state, *tags, known=True):
    """An instance on shared storage whose node has these tags."""
    one = rbd("web1", state)
    return replace(one, nodes=tuple(replace(it, tags=tags if known else None) for it in one.nodes))


TARGETS = [
    ("a node that takes it", [_node("a", "hv:2"), _node("b", "hv:1")], ("b",)),
    ("by permission", [_node("a", "hv:0"), _node("b", "hv:3")], ("b",)),
    ("no such node", [_node("a", "hv:2"), _node("b")], None),
    ("nobody knows", [_node("a", known=False)], None),
]


@pytest.mark.parametrize(("spare", "wanted"), [row[1:] for row in TARGETS], ids=[row[0] for row in TARGETS])
def test_an_instance_migrates_only_to_a_node_that_takes_it(spare, wanted):
    """Where there is none a person is needed, and no job is submitted; a failover needs no such node."""
    tags = [HV, ALLOW + "hv:1::hv:3"]
    plan = _looked(_off(DRAINED, "hv:1"), *spare, tags=tags, room=ROOM, choose_nodes=True)
    assert _nodes(plan).get("web1") == wanted
    assert deeds(plan)["web1"] == ("submit" if wanted else "report")
    if not wanted:
        assert plan.rows[0][1].why is Reason.NO_NODE
        assert "no node of group default can ever take it" in plan.rows[0][1].reason
    dead = _looked(_off(OFFLINE, "hv:1"), *spare, tags=tags, room=ROOM, choose_nodes=True)
    assert deeds(dead)["web1"] == "submit"


def test_no_tags_are_asked_for_what_an_allocator_places():
    """It knows them itself."""
    plan = _looked(_off(DRAINED, "hv:1"), _node("a", "hv:2"), tags=[HV], room=ROOM)
    assert (deeds(plan)["web1"], _nodes(plan)) == ("submit", {})
