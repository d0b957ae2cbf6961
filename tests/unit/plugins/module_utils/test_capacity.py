# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Capacity: where disks are recreated, from what the nodes have free (design, section 3)."""

from __future__ import annotations

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
    plan_of,
    rbd,
    tag,
)
from unit.plugins.module_utils.fake import FakeClient

from ansible_collections.ganeti.autorepair.plugins.module_utils.capacity import place
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import RequestRefused
from ansible_collections.ganeti.autorepair.plugins.module_utils.gates import gated
from ansible_collections.ganeti.autorepair.plugins.module_utils.plan import make_plan
from ansible_collections.ganeti.autorepair.plugins.module_utils.turns import in_turn
from unbraked import unbraked

ALLOW = [tag("reinstall")]


def _choose(one, **free):
    """The nodes that are chosen for new disks, of nodes with so much room."""
    nodes = [node(name) for name in free]
    plan, _client = _placed(one, *nodes, room=free)
    (action,) = (action for _case, action in plan.rows)
    return action.nodes or None


ONE, TWO = plain("web1", OFFLINE), drbd("web1", OFFLINE, OFFLINE)  # of 1024 MiB of disk, 512 of memory
CHOICES = [
    ("the node with the most free disk", ONE, {"a": (2000, 512), "b": (3000, 512)}, ("b",)),
    ("in a tie the first name", ONE, {"b": (2000, 512), "a": (2000, 900)}, ("a",)),
    ("just enough disk", ONE, {"a": (1024, 512)}, ("a",)),
    ("one MiB of disk too few", ONE, {"a": (1023, 512)}, None),
    ("just enough memory", ONE, {"a": (1024, 512)}, ("a",)),
    ("one MiB of memory too few", ONE, {"a": (1024, 511)}, None),
    (
        "no memory is needed for one that stays down",
        plain("web1", OFFLINE, admin_state="down"),
        {"a": (1024, 0)},
        ("a",),
    ),
    ("nor for one marked offline", plain("web1", OFFLINE, admin_state="offline"), {"a": (1024, 0)}, ("a",)),
    ("all disks count", plain("web1", OFFLINE, disk_sizes=(1000, 24)), {"a": (1023, 512)}, None),
    (
        "a mirrored one takes two, the roomier first",
        TWO,
        {"a": (2000, 512), "b": (9000, 512), "c": (3000, 512)},
        ("b", "c"),
    ),
    ("and not one", TWO, {"a": (2000, 512), "b": (100, 512)}, None),
    ("with room for its metadata", TWO, {"a": (1152, 512), "b": (1152, 512)}, ("a", "b")),
    ("on each disk", TWO, {"a": (1152, 512), "b": (1151, 512)}, None),
    (
        "for each of two disks",
        drbd("web1", OFFLINE, OFFLINE, disk_sizes=(1, 1)),
        {"a": (258, 512), "b": (257, 512)},
        None,
    ),
    ("no node at all", ONE, {}, None),
]


@pytest.mark.parametrize(("one", "free", "wanted"), [row[1:] for row in CHOICES], ids=[row[0] for row in CHOICES])
def test_nodes_are_chosen(one, free, wanted):
    """With enough of both; the primary first."""
    assert _choose(one, **free) == wanted


def _placed(*members, room, **limits):
    """A plan with its nodes, and the client that was asked."""
    one = cluster(*members, tags=ALLOW)
    client = FakeClient(one, room=room)
    return in_turn(place(gated(make_plan(one, unbraked(**limits), NOW)), client)), client


def _nodes(plan):
    return {case.instance.name: action.nodes for case, action in plan.rows if action.nodes}


def test_nothing_is_asked_when_no_disks_are_recreated():
    """Not one live query (law 6)."""
    plan, client = _placed(rbd("web1", OFFLINE), drbd("web2", OFFLINE, ONLINE), room={})
    assert (client.log, deeds(plan)) == ([], {"web1": "submit", "web2": "submit"})


def test_only_nodes_that_could_be_chosen_are_asked_and_all_at_once():
    """Online, able to hold instances, of the instance's own group; a dead node would be waited for."""
    asked = []

    class Spy(FakeClient):
        def query(self, resource, fields, qfilter=None, seconds=None):
            asked.append((resource, qfilter))
            return super().query(resource, fields, qfilter)

    others = [
        node("off", OFFLINE),
        node("drained", DRAINED),
        node("helper", vm_capable=False),
        node("far", group="other"),
        node("good1"),
        node("good2"),
    ]
    one = cluster(plain("web1", OFFLINE), plain("web2", OFFLINE), *others, tags=ALLOW)
    room = dict.fromkeys(one.nodes, (9000, 9000))
    plan = place(plan_of(one), Spy(one, room=room))
    assert asked == [("node", ["|", ["=", "name", "good1"], ["=", "name", "good2"]])]
    assert set(_nodes(plan).values()) == {("good1",), ("good2",)}


def test_what_one_instance_takes_the_next_can_not_have():
    """Three of 1024 MiB on two nodes with room for one each."""
    members = [plain(f"web{number}", OFFLINE) for number in (1, 2, 3)]
    plan, _client = _placed(*members, node("a"), node("b"), room={"a": (2000, 2000), "b": (1500, 1500)})
    assert _nodes(plan) == {"web1": ("a",), "web2": ("b",)}
    assert deeds(plan)["web3"] == "wait"


def test_memory_that_one_takes_is_taken_too():
    """Disk alone would suffice."""
    plan, _client = _placed(plain("web1", OFFLINE), plain("web2", OFFLINE), node("a"), room={"a": (9000, 1000)})
    assert deeds(plan) == {"web1": "submit", "web2": "wait"}


def test_an_instance_without_room_waits_and_says_how_much_it_needs():
    """With numbers, for a person who could make room."""
    plan, _client = _placed(drbd("web1", OFFLINE, OFFLINE), node("a"), room={"a": (9000, 9000)})
    ((_case, action),) = plan.rows
    assert action.kind.value == "wait"
    for words in ("no room in group default", "2 node", "1152 MiB of disk", "512 MiB of memory"):
        assert words in action.reason


@pytest.mark.parametrize("room", [{}, {"b": (9000, 9000)}], ids=["none answers", "one answers"])
def test_a_node_that_does_not_answer_is_not_chosen(room):
    """Its room is not known."""
    plan, _client = _placed(plain("web1", OFFLINE), node("a"), node("b"), room=room)
    assert _nodes(plan) == ({"web1": ("b",)} if room else {})


@pytest.mark.parametrize("nonsense", [("much", 9000), (9000, "much"), (None, 9000), (9.5, [])], ids=repr)
def test_nonsense_is_not_room(nonsense):
    """The node is left out."""
    plan, _client = _placed(plain("web1", OFFLINE), node("a"), room={"a": nonsense})
    assert deeds(plan) == {"web1": "wait"}


def test_a_value_that_ganeti_marks_as_missing_is_not_room():
    """Whatever stands beside the mark."""

    class Stale(FakeClient):
        def query(self, resource, fields, qfilter=None, seconds=None):
            return [tuple((0, "a") if at == "name" else (2, 9000) for at in fields)]

    one = cluster(plain("web1", OFFLINE), node("a"), tags=ALLOW)
    assert deeds(place(plan_of(one), Stale(one))) == {"web1": "wait"}


def test_a_group_without_nodes_to_choose_is_not_asked():
    """A filter without a term would mean every node."""
    plan, client = _placed(plain("web1", OFFLINE), room={})
    assert (client.log, deeds(plan)) == ([], {"web1": "wait"})


def test_an_instance_is_not_placed_in_another_group():
    """There the policy and the networks are others; Ganeti's own choice breaks the instance."""
    plan, _client = _placed(
        plain("web1", OFFLINE), plain("web2", OFFLINE, group="other"), node("far", group="other"),
        room={"far": (9000, 9000)},
    )  # fmt: skip
    assert deeds(plan) == {"web1": "wait", "web2": "submit"}


def test_a_size_that_did_not_come_is_not_taken_for_nothing():
    """Unknown data: leave the instance alone (law 7)."""
    plan, _client = _placed(plain("web1", OFFLINE, disk_sizes=()), node("a"), room={"a": (1, 9000)})
    assert not plan.rows[0][1].kind.writes


def test_a_live_query_that_is_refused_keeps_only_the_recreations_waiting():
    """Other repairs need no room of that kind (law 4)."""
    one = cluster(plain("web1", OFFLINE), rbd("web2", OFFLINE), node("a"), tags=ALLOW)
    client = FakeClient(one, failing={("node", "live"): RequestRefused("RAPI answered 500")})
    plan = place(plan_of(one), client)
    assert (deeds(plan)["web2"], plan.rows[0][1].kind.writes) == ("submit", False)


def test_one_without_room_does_not_take_the_place_of_another_repair():
    """Else one that never finds room keeps all others from ever beginning."""
    plan, _client = _placed(plain("web1", OFFLINE), drbd("web2", ONLINE, OFFLINE), room={}, max_in_flight=1)
    assert deeds(plan) == {"web1": "wait", "web2": "submit"}
