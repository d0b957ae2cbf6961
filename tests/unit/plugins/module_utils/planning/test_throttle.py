# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns: which steps go first, and how many are under way at once: in all, in a group, on a node (law 9).

What brings back an instance that is down counts by itself, and all other work by itself.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    NOW,
    OFFLINE,
    ONLINE,
    Member,
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

from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.gating import apply_gates
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.placement import assign_nodes
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import has_more_work, make_draft
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.throttle import limit_concurrency
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Limits
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
    return [case.instance.name for case, action in plan.rows if action.starts_repair]


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
    """With room for one more of each kind each time; and they are carried out in that order."""
    names = order.split()
    one = cluster(*members)
    down = [name for name in names if any(one.is_down(it) for it in one.instances if it.name == name)]
    others = [name for name in names if name not in down]
    for most in range(len(names) + 1):
        plan = _plan(*members, max_in_flight=most)
        assert _begun(plan) == sorted(down[:most] + others[:most])
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
        assert action.why is Reason(option)
        assert action.reason.startswith("primary old is drained; held: ")
        assert f"{option} allows {'1 repair' if most == 1 else f'{most} repairs'} at once" in action.reason
        assert action.reason.endswith(where)
        assert [step.operation.value for step in action.steps] == ["migrate", "replace-disks"]
    assert has_more_work(plan) is (most > 0)


@pytest.mark.parametrize(("option", "most"), [("max_in_flight", 10), ("max_per_group", 10), ("max_per_node", 5)])
def test_unless_said_otherwise(option, most):
    """Brakes are on by default (law 9)."""
    assert getattr(Limits(), option) == most


def _moves(status, operations="FAILOVER", number=7, **more):
    """A job of the repair of old1."""
    return job(number, status, operations, "old1", repair="r1", **more)


OLD_ONES = [  # the tag of old1, the state of its primary, its jobs; whether it holds back a return, and other work
    ("a failover that runs", pending(jobs="7"), OFFLINE, [_moves("running")], True, False),
    ("a failover that waits", pending(jobs="7"), OFFLINE, [_moves("waiting")], True, False),
    (
        "a failover, and the new secondary that waits for it",
        pending(jobs="7+8"),
        OFFLINE,
        [_moves("running"), _moves("waiting", "REPLACE_DISKS", 8)],
        True,
        True,
    ),
    ("both in one job", pending(jobs="7"), OFFLINE, [_moves("running", "FAILOVER REPLACE_DISKS")], True, True),
    (
        "one job of which the failover is done",
        pending(jobs="7"),
        ONLINE,
        [_moves("running", "FAILOVER REPLACE_DISKS", done=1)],
        False,
        True,
    ),
    (
        "a resync after a failover",
        pending(jobs="7+8"),
        ONLINE,
        [_moves("success"), _moves("running", "REPLACE_DISKS", 8)],
        False,
        True,
    ),
    ("a resync", pending("fix-storage", "7"), ONLINE, [_moves("running", "REPLACE_DISKS")], False, True),
    (
        "a resync for a day",
        pending("fix-storage", "7"),
        ONLINE,
        [_moves("running", "REPLACE_DISKS", started=NOW - 86400)],
        False,
        True,
    ),
    ("a migration", pending("migrate", "7"), DRAINED, [_moves("running", "MIGRATE")], False, True),
    ("a failover off a node that is alive", pending(jobs="7"), DRAINED, [_moves("running")], False, True),
    ("new disks", pending("reinstall", "7"), OFFLINE, [_moves("running", "RECREATE_DISKS")], True, False),
    ("new disks on their new node", pending("reinstall", "7"), ONLINE, [_moves("running", "REINSTALL")], True, False),
    ("a failover for 59 minutes", pending(jobs="7"), OFFLINE, [_moves("running", started=NOW - 3540)], True, False),
    ("a failover for an hour", pending(jobs="7"), OFFLINE, [_moves("running", started=NOW - 3601)], False, False),
    ("one that waits for 9 minutes", pending(jobs="7"), OFFLINE, [_moves("waiting", received=NOW - 540)], True, False),
    ("one that waits for 10", pending(jobs="7"), OFFLINE, [_moves("queued", received=NOW - 601)], False, False),
    ("one that pauses", pending(jobs="7"), OFFLINE, [no_room(7, NOW, "FAILOVER", instance="old1")], False, False),
    ("one that ends", pending(jobs="7"), ONLINE, [_moves("success")], False, False),
    ("one that is suspended between its steps", tag("suspend"), OFFLINE, [], False, False),
    ("one that nobody may repair", tag("fix-storage"), OFFLINE, [], False, False),
    ("one that goes on with a failover", pending(jobs="7"), OFFLINE, [_moves("success", ended=NOW - 99)], True, True),
    ("one that then migrates", pending("migrate", "7"), DRAINED, [_moves("success", "REPLACE_DISKS")], False, True),
]  # fmt: skip


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("most", [1, 2])
@pytest.mark.parametrize(
    ("text", "state", "jobs", "returns", "other"), [row[1:] for row in OLD_ONES], ids=[row[0] for row in OLD_ONES]
)
def test_a_place_is_taken_by(option, most, text, state, jobs, returns, other):
    """Work of the same kind only: nobody stays down because others resync, nor for a job that hangs. All work is on the
    node shared."""
    old = _on("old1", drbd, "far", "shared", tags=(text,))
    down = [_on(f"down{at}", drbd, "dead", "shared") for at in range(3)]
    drained = [_on(f"drained{at}", drbd, "empty", "shared") for at in range(3)]
    nodes = [node("far", state), node("dead", OFFLINE), node("empty", DRAINED), node("shared")]
    plan = _plan(old, *down, *drained, *nodes, jobs=jobs, **{option: most})
    found = {case.instance.name: action for case, action in plan.rows if action.starts_repair}
    assert [name for name in found if name.startswith("down")] == [f"down{at}" for at in range(most - returns)]
    alone = [name for name, action in found.items() if action.alone]  # the drained ones come after the down ones
    whole = [name for name in found if name.startswith("down") and name not in alone]
    assert len(whole) + len([name for name in found if name.startswith("drained")]) == most - other


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("most", range(4))
@pytest.mark.parametrize("resyncs", range(4))
@pytest.mark.parametrize("returns", range(4))
@pytest.mark.parametrize("new", range(4))
def test_the_law_of_turns(option, most, resyncs, returns, new):
    """Over all small numbers: what is down is held by returns alone, its new secondary by resyncs alone."""
    members: list[Member] = [
        _on(f"sync{at}", drbd, "live", "shared", tags=(pending("fix-storage", f"1{at}", repair=f"s{at}"),))
        for at in range(resyncs)
    ]
    members += [
        _on(f"over{at}", drbd, "dead", "shared", tags=(pending(jobs=f"2{at}", repair=f"o{at}"),))
        for at in range(returns)
    ]
    members += [_on(f"new{at}", drbd, "dead", "shared") for at in range(new)]
    jobs = [job(10 + at, "running", "REPLACE_DISKS", f"sync{at}", repair=f"s{at}") for at in range(resyncs)]
    jobs += [job(20 + at, "running", "FAILOVER", f"over{at}", repair=f"o{at}") for at in range(returns)]
    plan = _plan(*members, node("live"), node("shared"), node("dead", OFFLINE), jobs=jobs, **{option: most})
    begun = [action for _case, action in plan.rows if action.starts_repair]
    assert len(begun) == min(new, max(most - returns, 0))
    assert sum(not action.alone for action in begun) == min(len(begun), max(most - resyncs, 0))
    assert [len(action.submitted(multi_opcode=multi_opcode)) for action in begun for multi_opcode in (True, False)] == [
        1 if action.alone else 2 for action in begun for _joins in (True, False)
    ]


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize(("most", "goes"), [(0, 0), (1, 0), (2, 1), (9, 2)])
def test_a_new_secondary_that_follows_a_failover_waits_for_its_turn(option, most, goes):
    """It joins the other resyncs, before those that begin."""
    members: list[Member] = [
        _on("sync", drbd, "live", "shared", tags=(pending("fix-storage", "5", repair="r5"),)),
        *(_on(f"moved{at}", drbd, "live", "dead", tags=(pending(jobs=f"{at}", repair=f"r{at}"),)) for at in (1, 2)),
        _on("anew", drbd, "live", "dead"),
    ]
    jobs = [job(at, "success", "FAILOVER", f"moved{at}", repair=f"r{at}", ended=NOW - 9) for at in (1, 2)]
    jobs += [job(5, "running", "REPLACE_DISKS", "sync", repair="r5")]
    plan = _plan(*members, node("live"), node("dead", OFFLINE), node("shared"), jobs=jobs, **{option: most})
    done = deeds(plan)
    assert [done[f"moved{at}"] for at in (1, 2)] == ["submit"] * goes + ["hold"] * (2 - goes)
    assert done["anew"] == ("submit" if most == 9 else "hold")
    held = [action for case, action in plan.rows if case.instance.name.startswith("moved") and not action.writes]
    assert {action.why for action in held} <= {Reason(option)}
    assert [action.repair.jobs for action in held] == [(at,) for at in (1, 2)][goes:]


TRIES = [
    ("one that has failed", job(7, "error", "FAILOVER", "old1", repair="r1", error="no", ended=NOW - 9999)),
    ("one for which there was no room", no_room(7, NOW - 9999, "FAILOVER", instance="old1")),
]


@pytest.mark.parametrize("last", [row[1] for row in TRIES], ids=[row[0] for row in TRIES])
def test_a_step_that_is_tried_again_waits_for_its_turn(last):
    """It has not run since; with those that begin it stands in one line, before them."""
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
    for state, begun in ((DRAINED, 1), (OFFLINE, 2)):  # one that is down takes the place of a return
        one = cluster(*_five(), rbd("old1", state, pending(jobs="7")), tags=ALLOW, unseen=True)
        assert len(_begun(plan_of(one, max_in_flight=2))) == begun


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("most", [0, 1])
def test_a_move_of_a_repair_that_has_begun_is_never_held(option, most):
    """However many they are: a half-done repair is worse than none."""
    members: list[Member] = [
        _on(f"old{at}", drbd, "empty", "live", tags=(pending("migrate", f"{at}", repair=f"r{at}"),))
        for at in range(1, 6)
    ]
    jobs = [job(at, "success", "REPLACE_DISKS", f"old{at}", repair=f"r{at}") for at in range(1, 6)]
    plan = _plan(*members, *_five(), node("live"), node("empty", DRAINED), jobs=jobs, **{option: most})
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
    assert plan.rows[2][1].why is Reason.MAX_PER_GROUP


def test_a_full_node_lets_the_others_by():
    """It is tried first again in the next round."""
    members: list[Member] = [
        _on("a1", drbd, "old", "x"),
        _on("a2", drbd, "old", "y"),
        _on("b", drbd, "older", "y"),
    ]
    nodes = [node("old", DRAINED), node("older", DRAINED), node("x"), node("y")]
    plan = _plan(*members, *nodes, max_per_node=1)
    assert _begun(plan) == ["a1", "b"]
    assert plan.rows[1][1].reason.endswith("held: max_per_node allows 1 repair at once on node old")


def test_what_is_held_takes_no_place():
    """Neither in all nor in its group nor on its nodes."""
    members: list[Member] = [
        _on("a1", drbd, "old", "x"),
        _on("a2", drbd, "old", "y"),
        _on("b", drbd, "older", "y"),
    ]
    nodes = [node("old", DRAINED), node("older", DRAINED), node("x"), node("y")]
    assert _begun(_plan(*members, *nodes, max_per_node=1, max_in_flight=2, max_per_group=2)) == ["a1", "b"]


def test_the_limit_in_all_is_named_before_that_of_the_group_and_of_the_node():
    """Each with its number."""
    found = []
    for limits in ({"max_in_flight": 0, "max_per_group": 0}, {"max_per_group": 0}, {}):
        found.append(_plan(*_five(), **{"max_per_node": 0, **limits}).rows[0][1].why)
    assert found == [Reason.MAX_IN_FLIGHT, Reason.MAX_PER_GROUP, Reason.MAX_PER_NODE]


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
    members: list[Member] = [plain("a", OFFLINE), plain("b", OFFLINE), node("spare")]
    one = cluster(*members, tags=ALLOW)
    client = FakeClient(one, room={"spare": (90_000, 90_000)})
    plan = limit_concurrency(assign_nodes(apply_gates(make_draft(one, unbraked(max_per_node=most), NOW)), client))
    assert _begun(plan) == begun
    if most == 1:
        assert plan.rows[1][1].reason.endswith("on node spare")


def test_a_node_that_was_chosen_counts_for_those_that_live_there():
    """New disks come to a node to which something else fails over."""
    members: list[Member] = [
        plain("a", OFFLINE),
        _on("b", drbd, "old", "spare"),
        node("spare"),
        node("old", OFFLINE),
    ]
    one = cluster(*members, tags=ALLOW)
    client = FakeClient(one, room={"spare": (90_000, 90_000)})
    plan = limit_concurrency(assign_nodes(apply_gates(make_draft(one, unbraked(max_per_node=1), NOW)), client))
    assert _begun(plan) == ["b"]


def test_repairs_outside_of_the_selection_take_places():
    """The limits are the cluster's."""
    old = _on("old1", drbd, "old", "spare", tags=(pending("migrate", "7"),))
    running = [job(7, "running", "MIGRATE", "old1", repair="r1")]
    for option in OPTIONS:
        plan = _plan(*_five(), old, jobs=running, instances=("new*",), **{option: 1})
        assert _begun(plan) == []
