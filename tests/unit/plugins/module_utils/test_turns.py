# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns: which repairs begin first, and how many are under way at once: in all, in a group, on a node (law 9)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    NOW,
    OFFLINE,
    ONLINE,
    Placed,
    cluster,
    deeds,
    drbd,
    job,
    no_room,
    node,
    pending,
    plain,
    plan_of,
    rbd,
    tag,
)
from unit.plugins.module_utils.fake import FakeClient

from ansible_collections.ganeti.autorepair.plugins.module_utils.capacity import place
from ansible_collections.ganeti.autorepair.plugins.module_utils.gates import gated
from ansible_collections.ganeti.autorepair.plugins.module_utils.limits import Limits
from ansible_collections.ganeti.autorepair.plugins.module_utils.plan import is_left, make_plan
from ansible_collections.ganeti.autorepair.plugins.module_utils.turns import in_turn
from ansible_collections.ganeti.autorepair.plugins.module_utils.why import Why
from unbraked import unbraked

ALLOW = [tag("reinstall")]


def _on(name: str, template, *names: str, tags=(), **more) -> Placed:
    """An instance on nodes that are called so; their states come with the cluster."""
    one = template(name, *[ONLINE] * len(names), *tags, **more)
    return Placed(replace(one.instance, primary=names[0], secondaries=tuple(names[1:])), ())


def _plan(*members, jobs=(), **limits):
    return plan_of(cluster(*members, tags=ALLOW, jobs=jobs), NOW, **limits)


def _begun(plan):
    """The new repairs that begin."""
    return [case.instance.name for case, action in plan.rows if action.begins]


# --- the order ------------------------------------------------------------------------------------------------------

DOWN = rbd("down", OFFLINE)
ORDERS = [
    ("down before degraded", [drbd("a", ONLINE, OFFLINE), rbd("b", OFFLINE)], "b a"),
    ("down before drained", [rbd("a", DRAINED), rbd("b", OFFLINE)], "b a"),
    ("down, though it risks more", [drbd("a", ONLINE, OFFLINE), plain("b", OFFLINE)], "b a"),
    ("one that is to be down is not down", [rbd("a", OFFLINE, admin_state="down"), rbd("b", OFFLINE)], "b a"),
    ("nor is one marked offline", [rbd("a", OFFLINE, admin_state="offline"), rbd("b", OFFLINE)], "b a"),
    ("down before what was asked for long ago", [rbd("a", DRAINED, pending("migrate")), rbd("b", OFFLINE)], "b a"),
    ("what was asked for before the rest", [rbd("a", OFFLINE), rbd("b", OFFLINE, pending())], "b a"),
    (
        "asked for, though it risks more",
        [rbd("a", OFFLINE), plain("b", OFFLINE, pending("reinstall", at=NOW - 2))],
        "b a",
    ),
    (
        "of what was asked for the oldest",
        [
            rbd("a", OFFLINE, pending(at=102)),
            rbd("b", OFFLINE, pending(repair="r2", at=101)),
            rbd("c", OFFLINE, pending(repair="r3", at=103)),
        ],
        "b a c",
    ),
    (
        "the oldest, though it risks more",
        [rbd("a", OFFLINE, pending(at=NOW - 1)), plain("b", OFFLINE, pending("reinstall", repair="r2", at=NOW - 2))],
        "b a",
    ),
    (
        "asked for in this second is as good as not asked for",
        [rbd("b", OFFLINE, pending(at=NOW)), rbd("a", OFFLINE)],
        "a b",
    ),
    ("the smaller risk", [plain("a", OFFLINE), rbd("b", OFFLINE)], "b a"),
    (
        "every risk in its order",
        [
            drbd("a", DRAINED, ONLINE, tag("migrate")),
            drbd("b", ONLINE, DRAINED, tag("fix-storage")),
            rbd("c", DRAINED, always_failover=True),
            drbd("d", OFFLINE, OFFLINE, admin_state="down"),
        ],
        "b a c d",
    ),
    ("else by name", [rbd("b", OFFLINE), rbd("a", OFFLINE), rbd("c", OFFLINE)], "a b c"),
]


@pytest.mark.parametrize(("members", "order"), [row[1:] for row in ORDERS], ids=[row[0] for row in ORDERS])
def test_first_comes(members, order):
    """With room for one more each time; and they are carried out in that order."""
    names = order.split()
    for most in range(len(names) + 1):
        plan = _plan(*members, max_in_flight=most)
        assert _begun(plan) == sorted(names[:most])
    assert [action.name for action in plan.actions] == names


def test_what_has_begun_goes_on_before_anything_begins():
    """Also where it is only degraded."""
    half = drbd("zz", ONLINE, OFFLINE, pending("fix-storage", "7"))
    plan = _plan(DOWN, half, jobs=[job(7, "success", "MIGRATE", "zz")])
    assert [action.name for action in plan.actions] == ["zz", "down"]


def test_what_is_done_is_told_before_what_is_held():
    """However urgent that is."""
    plan = _plan(rbd("a", OFFLINE, tag("suspend")), drbd("b", ONLINE, OFFLINE))
    assert [action.name for action in plan.actions] == ["b", "a"]


# --- limits at their edges ------------------------------------------------------------------------------------------

OPTIONS = ("max_in_flight", "max_per_group", "max_per_node")


def _five(**more):
    """Five instances on one node that is being emptied, in one group."""
    names = [f"new{number}" for number in range(5)]
    return [_on(name, drbd, "old", "spare", **more) for name in names] + [node("old", DRAINED), node("spare")]


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize(("most", "begun"), [(0, 0), (1, 1), (4, 4), (5, 5), (6, 5)])
def test_so_many_begin(option, most, begun):
    """The first of them; the rest is held, says by what, and is done in a later round, if ever one may be."""
    plan = _plan(*_five(), **{option: most})
    assert _begun(plan) == [f"new{number}" for number in range(begun)]
    held = [action for _case, action in plan.rows if action.kind.value == "hold"]
    assert len(held) == 5 - begun
    where = {"max_in_flight": "at once", "max_per_group": "in group default", "max_per_node": "on node old"}[option]
    for action in held:
        assert action.why is Why(option)
        assert action.reason.startswith("primary old is drained; held, as ")
        assert f"{option} lets {'1 repair' if most == 1 else f'{most} repairs'} be under way" in action.reason
        assert action.reason.endswith(where)
        assert [step.operation.value for step in action.steps] == ["migrate", "replace-disks"]
    assert is_left(plan) is (most > 0)


@pytest.mark.parametrize(("option", "most"), [("max_in_flight", 10), ("max_per_group", 10), ("max_per_node", 5)])
def test_unless_said_otherwise(option, most):
    """Brakes are on by default (law 9)."""
    assert getattr(Limits(), option) == most


UNDER_WAY = [
    ("one whose job runs", pending(jobs="7"), OFFLINE, [job(7, "running", "FAILOVER", "old1", repair="r1")], 1),
    ("one whose job waits", pending(jobs="7"), OFFLINE, [job(7, "waiting", "FAILOVER", "old1", repair="r1")], 1),
    ("one that takes its next step", pending(jobs="7"), OFFLINE, [job(7, "success", "MIGRATE", "old1")], 1),
    ("one that tries again", pending(jobs="7"), OFFLINE, [no_room(7, NOW - 9999, "FAILOVER", instance="old1")], 1),
    ("one that waits to try again", pending(jobs="7"), OFFLINE, [no_room(7, NOW, "FAILOVER", instance="old1")], 0),
    ("one that ends", pending(jobs="7"), ONLINE, [job(7, "success", "FAILOVER", "old1")], 0),
    ("one that is suspended between its steps", tag("suspend"), OFFLINE, [], 0),
    ("one that nobody may repair", tag("migrate"), OFFLINE, [], 0),
]


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize(
    ("text", "state", "jobs", "takes"), [row[1:] for row in UNDER_WAY], ids=[row[0] for row in UNDER_WAY]
)
def test_a_place_is_taken_by(option, text, state, jobs, takes):
    """What works on the cluster, or will now."""
    old = _on("old1", rbd, "far", tags=(text,))
    where = "spare" if option == "max_per_node" else "far"
    members = [_on("old1", drbd, "far", where, tags=(text,)) if where == "spare" else old]
    new = [_on("new1", drbd, "old", "spare"), _on("new2", drbd, "old", "spare")]
    nodes = [node("far", state), node("old", DRAINED), node("spare")]
    plan = _plan(*members, *new, *nodes, jobs=jobs, **{option: 2})
    assert len(_begun(plan)) == 2 - takes


TRIES = [
    ("one that has failed", job(7, "error", "FAILOVER", "old1", repair="r1", error="no", ended=NOW - 9999)),
    ("one for which there was no room", no_room(7, NOW - 9999, "FAILOVER", instance="old1")),
]


@pytest.mark.parametrize("last", [row[1] for row in TRIES], ids=[row[0] for row in TRIES])
def test_a_step_that_is_tried_again_waits_for_its_turn(last):
    """It has not run in the meantime; with those that begin it stands in one line, before them."""
    members = [rbd("old1", OFFLINE, pending(jobs="7")), rbd("new1", OFFLINE), rbd("new2", OFFLINE)]
    found = [deeds(_plan(*members, jobs=[last], max_in_flight=most)) for most in range(4)]
    assert [sorted(name for name, word in one.items() if word == "submit") for one in found] == [
        [], ["old1"], ["new1", "old1"], ["new1", "new2", "old1"],
    ]  # fmt: skip
    assert found[0] == dict.fromkeys(("new1", "new2", "old1"), "hold")


@pytest.mark.parametrize(("ended", "word"), [(NOW, "wait"), (NOW - 9999, "finish")], ids=["its pause", "its end"])
def test_a_limit_holds_neither_the_pause_nor_the_end_of_a_repair_that_failed(ended, word):
    """Only what would run."""
    last = job(7, "error", "FAILOVER", "old1", repair="r1", error="no", ended=ended)
    old = rbd("old1", OFFLINE if word == "wait" else ONLINE, pending(jobs="7"))
    assert deeds(_plan(old, jobs=[last], max_in_flight=0)) == {"old1": word}


def test_one_that_has_gone_on_while_the_cluster_was_read_takes_a_place():
    """Somebody's job may run for it."""
    one = cluster(*_five(), rbd("old1", OFFLINE, pending(jobs="7")), tags=ALLOW, unseen=True)
    assert len(_begun(plan_of(one, max_in_flight=2))) == 1


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("most", [0, 1])
def test_what_has_begun_is_never_held(option, most):
    """However many they are: a half-done repair is worse than none."""
    members = [
        _on(f"old{at}", drbd, "live", "dead", tags=(pending("fix-storage", f"{at}", repair=f"r{at}"),))
        for at in range(1, 6)
    ]
    jobs = [job(at, "success", "MIGRATE", f"old{at}", f"r{at}") for at in range(1, 6)]
    plan = _plan(*members, *_five(), node("live"), node("dead", OFFLINE), jobs=jobs, **{option: most})
    goes_on = [name for name, word in deeds(plan).items() if name.startswith("old") and word == "submit"]
    assert len(goes_on) == 5
    assert _begun(plan) == (["new0"] if (option, most) == ("max_per_node", 1) else [])


def test_a_node_that_the_cluster_does_not_know_works_on_nothing():
    """A repair whose job runs takes its place all the same."""
    old = _on("old1", drbd, "old", "lost", tags=(pending("migrate", "7"),))
    plan = _plan(*_five(), old, jobs=[job(7, "running", "MIGRATE", "old1", repair="r1")], max_per_node=2)
    assert _begun(plan) == ["new0"]


# --- groups and nodes -----------------------------------------------------------------------------------------------


def test_a_full_group_lets_the_others_by():
    """Though it comes first."""
    members = [rbd(f"a{at}", OFFLINE, group="rack1") for at in range(3)] + [rbd("b", OFFLINE, group="rack2")]
    plan = _plan(*members, max_per_group=2)
    assert _begun(plan) == ["a0", "a1", "b"]
    assert plan.rows[2][1].why is Why.MAX_PER_GROUP


def test_a_full_node_lets_the_others_by():
    """It is tried first again in the next round."""
    members = [_on("a1", drbd, "old", "x"), _on("a2", drbd, "old", "y"), _on("b", drbd, "older", "y")]
    nodes = [node("old", DRAINED), node("older", DRAINED), node("x"), node("y")]
    plan = _plan(*members, *nodes, max_per_node=1)
    assert _begun(plan) == ["a1", "b"]
    assert plan.rows[1][1].reason.endswith("held, as max_per_node lets 1 repair be under way on node old")


def test_what_is_held_takes_no_place():
    """Neither in all nor in its group nor on its nodes."""
    members = [_on("a1", drbd, "old", "x"), _on("a2", drbd, "old", "y"), _on("b", drbd, "older", "y")]
    nodes = [node("old", DRAINED), node("older", DRAINED), node("x"), node("y")]
    assert _begun(_plan(*members, *nodes, max_per_node=1, max_in_flight=2, max_per_group=2)) == ["a1", "b"]


def test_the_limit_in_all_is_named_before_that_of_the_group_and_of_the_node():
    """Each with its number."""
    found = []
    for limits in ({"max_in_flight": 0, "max_per_group": 0}, {"max_per_group": 0}, {}):
        found.append(_plan(*_five(), **{"max_per_node": 0, **limits}).rows[0][1].why)
    assert found == [Why.MAX_IN_FLIGHT, Why.MAX_PER_GROUP, Why.MAX_PER_NODE]


WORKING = [
    ("the primary that is being emptied", (DRAINED, ONLINE), "p", True),
    ("the secondary to which it goes", (DRAINED, ONLINE), "s", True),
    ("the primary whose secondary is replaced", (ONLINE, OFFLINE), "p", True),
    ("the secondary of a failover", (OFFLINE, ONLINE), "s", True),
    ("not a dead primary", (OFFLINE, ONLINE), "p", False),
    ("not a dead secondary", (ONLINE, OFFLINE), "s", False),
    ("a drained secondary that is replaced", (ONLINE, DRAINED), "s", True),
]


@pytest.mark.parametrize(("states", "which", "works"), [row[1:] for row in WORKING], ids=[row[0] for row in WORKING])
def test_a_node_works_on_a_repair(states, which, works):
    """If it is alive: then a second repair on it waits."""
    names = dict(zip("ps", ("one", "two"), strict=True))
    other = names[which]
    first = _on("a", drbd, "one", "two")
    second = _on("b", drbd, "other", other)
    nodes = [node("one", states[0]), node("two", states[1]), node("other", DRAINED)]
    assert ("b" in _begun(_plan(first, second, *nodes, max_per_node=1))) is not works


@pytest.mark.parametrize(("most", "begun"), [(1, ["a"]), (2, ["a", "b"])])
def test_nodes_that_were_chosen_count(most, begun):
    """Those of two instances that are recreated on one spare node."""
    members = [plain("a", OFFLINE), plain("b", OFFLINE), node("spare")]
    one = cluster(*members, tags=ALLOW)
    client = FakeClient(one, room={"spare": (90_000, 90_000)})
    plan = in_turn(place(gated(make_plan(one, unbraked(max_per_node=most), NOW)), client))
    assert _begun(plan) == begun
    if most == 1:
        assert plan.rows[1][1].reason.endswith("on node spare")


def test_a_node_that_was_chosen_counts_for_those_that_live_there():
    """New disks come to a node that is being emptied of something else."""
    members = [plain("a", OFFLINE), _on("b", drbd, "old", "spare"), node("spare"), node("old", DRAINED)]
    one = cluster(*members, tags=ALLOW)
    client = FakeClient(one, room={"spare": (90_000, 90_000)})
    plan = in_turn(place(gated(make_plan(one, unbraked(max_per_node=1), NOW)), client))
    assert _begun(plan) == ["a"]


def test_repairs_outside_of_the_selection_take_places():
    """The limits are the cluster's."""
    old = _on("old1", drbd, "old", "spare", tags=(pending("migrate", "7"),))
    running = [job(7, "running", "MIGRATE", "old1", repair="r1")]
    for option in OPTIONS:
        plan = _plan(*_five(), old, jobs=running, instances=("new*",), **{option: 1})
        assert _begun(plan) == []
