# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates: what keeps which step from being taken, to the second; the first one that is shut gives the reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    NOW,
    OFFLINE,
    ONLINE,
    Placed,
    at_most,
    cluster,
    drbd,
    ended,
    job,
    marked,
    no_room,
    pending,
    plain,
    plan_of,
    rbd,
    steps,
    tag,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import is_left
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Why
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Fencing
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.windows import parse_windows

ALLOW = [tag("reinstall")]
HOUR = 3600


def shut_by(kind):
    """A window for repairs of a type, which opens in an hour."""
    window = {"type": kind, "start": "09:00", "end": "10:00", "timezone": "UTC"}
    return {"windows": parse_windows([window])}


def plan_with(*members, limits=None, now=NOW, **more):
    return plan_of(cluster(*members, **{"tags": ALLOW, **more}), now, **(limits or {}))


def action_of(*members, **more):
    """What comes next for the first instance."""
    return plan_with(*members, **more).rows[0][1]


# --- which gate is for which step -----------------------------------------------------------------------------------


def _done(operations, repair="r1", **more):
    return {"jobs": [job(7, "success", operations, repair=repair, **more)]}


RESTING = plain("web1", ONLINE, pending("reinstall", "7"))
MARKED = plain("web1", ONLINE, pending("reinstall", "7"), admin_state="offline")
STEPS: dict[
    str, tuple[Placed, dict[str, Any]]
] = {  # what comes next, by what it is: the instance, and the jobs there were
    "a failover": (rbd("web1", OFFLINE), {}),
    "a failover that was asked for": (rbd("web1", OFFLINE, pending()), {}),
    "a failover to the secondary": (drbd("web1", OFFLINE, ONLINE), {}),
    "a move off a drained node that takes a failover": (rbd("web1", DRAINED, always_failover=True), {}),
    "a move of one that is down": (rbd("web1", DRAINED, admin_state="down"), {}),
    "a migration": (drbd("web1", DRAINED, ONLINE), {}),
    "a new secondary": (drbd("web1", ONLINE, OFFLINE), {}),
    "a new secondary for a drained one": (drbd("web1", ONLINE, DRAINED), {}),
    "new disks": (plain("web1", OFFLINE), {}),
    "new disks on two nodes": (drbd("web1", OFFLINE, OFFLINE), {}),
    "a new secondary after a failover": (drbd("web1", ONLINE, OFFLINE, pending(jobs="7")), _done("FAILOVER")),
    "a failover after a migration": (rbd("web1", OFFLINE, pending(jobs="7")), _done("MIGRATE")),
    "a failover off a drained node after a replacement": (
        drbd("web1", DRAINED, ONLINE, pending(jobs="7"), always_failover=True),
        _done("REPLACE_DISKS"),
    ),
    "a migration after a replacement": (drbd("web1", DRAINED, ONLINE, pending(jobs="7")), _done("REPLACE_DISKS")),
    "a failover that failed before": (
        rbd("web1", OFFLINE, pending(jobs="7")),
        {"jobs": [job(7, "error", "FAILOVER", repair="r1", ended=NOW - 9999)]},
    ),
    "a failover after a failover": (rbd("web1", OFFLINE, pending(jobs="7")), _done("FAILOVER")),
    "a new secondary after a replacement": (drbd("web1", ONLINE, OFFLINE, pending(jobs="7")), _done("REPLACE_DISKS")),
    "a migration after a migration": (drbd("web1", DRAINED, ONLINE, pending(jobs="7")), _done("MIGRATE")),
    "a new secondary that could not be made before": (
        drbd("web1", ONLINE, OFFLINE, pending("fix-storage", "7")),
        {"jobs": [no_room(7, NOW - 9999, "REPLACE_DISKS", repair="r1")]},
    ),
    "a new secondary before a migration": (drbd("web1", DRAINED, OFFLINE), {}),
    "a failover after a replacement and a failover": (
        rbd("web1", OFFLINE, pending(jobs="7+8")),
        {"jobs": [job(at, "success", what, repair="r1") for at, what in ((7, "REPLACE_DISKS"), (8, "FAILOVER"))]},
    ),
    "new disks after new disks": (plain("web1", OFFLINE, pending("reinstall", "7")), _done("RECREATE_DISKS")),
    "new disks that could not be made before": (
        plain("web1", OFFLINE, pending("reinstall", "7")),
        {"jobs": [no_room(7, NOW - 9999, "RECREATE_DISKS", repair="r1")]},
    ),
    "new disks after a failover": (drbd("web1", OFFLINE, OFFLINE, pending("reinstall", "7")), _done("FAILOVER")),
    "the rest of a reinstall": (RESTING, _done("RECREATE_DISKS")),
    "the rest for one marked offline": (MARKED, _done("RECREATE_DISKS")),
    "the mark of one that was offline": (
        replace(MARKED, instance=replace(MARKED.instance, admin_state="down")),
        {"jobs": [job(7, "success", "RECREATE_DISKS SET_PARAMS REINSTALL", repair="r1")]},
    ),
    "the rest on two nodes, of which one died since": (
        drbd("web1", ONLINE, OFFLINE, pending("reinstall", "7")),
        _done("RECREATE_DISKS"),
    ),
}
OFTEN = tuple(ended("success", jobs="1", repair=f"o{number}", at=NOW - 10 - number) for number in range(3))
SHUT: dict[
    str, tuple[dict[str, Any], dict[str, Any], Any]
] = {  # a gate that is shut: the limits, the cluster, and the instance's tags
    "stopped": ({}, {"tags": [*ALLOW, tag("stop")]}, ()),
    "breaker": ({"max_unhealthy": at_most("0")}, {}, ()),
    "watcher_paused": ({}, {"watcher_paused_until": NOW + 1}, ()),
    "settle_time": ({"settle_time": 100}, {}, ()),
    "flapping": ({"repair_window": HOUR}, {}, OFTEN),
    "windows": (shut_by("fix-storage"), {}, ()),
    "min_offline_age": ({"min_offline_age": 100}, {}, ()),
    "fencing": ({"fencing": Fencing.CONFIRMED}, {}, ()),
    "queue_drained": ({}, {"queue_drained": True}, ()),
}
NEW = "stopped breaker watcher_paused flapping windows queue_drained"
DEAD = " settle_time"
LOSS = "stopped breaker watcher_paused windows queue_drained settle_time min_offline_age fencing"  # a new one, half-way
PROVED = " min_offline_age fencing"
APPLIES = {
    "a failover": NEW + DEAD + PROVED,
    "a failover that was asked for": NEW + DEAD + PROVED,
    "a failover to the secondary": NEW + DEAD + PROVED,
    "a move off a drained node that takes a failover": NEW,
    "a move of one that is down": NEW,
    "a migration": NEW,
    "a new secondary": NEW + DEAD,
    "a new secondary for a drained one": NEW,
    "new disks": NEW + DEAD + PROVED,
    "new disks on two nodes": NEW + DEAD + PROVED,
    "a new secondary after a failover": "queue_drained",
    "a migration after a replacement": "windows queue_drained",
    "a failover after a migration": LOSS,
    "a failover off a drained node after a replacement": "stopped windows queue_drained",
    "new disks after a failover": LOSS,
    "new disks that could not be made before": LOSS,
    "a failover that failed before": LOSS,
    "a new secondary after a replacement": "queue_drained",
    "a migration after a migration": "queue_drained",
    "a new secondary that could not be made before": "windows queue_drained",
    "a new secondary before a migration": NEW + DEAD,
    "a failover after a replacement and a failover": LOSS.replace("windows ", ""),
    "new disks after new disks": LOSS.replace("windows ", ""),
    "a failover after a failover": LOSS.replace("windows ", ""),
    "the rest of a reinstall": "queue_drained",
    "the rest for one marked offline": "queue_drained",
    "the mark of one that was offline": "queue_drained",
    "the rest on two nodes, of which one died since": "queue_drained",
}


@pytest.mark.parametrize("gate", SHUT)
@pytest.mark.parametrize("what", STEPS)
def test_a_gate_is_for_a_step(what, gate):
    """New repairs ask most, later steps only for a new loss; what has empty disks is never kept waiting."""
    one, more = STEPS[what]
    limits, state, tags = SHUT[gate]
    one = marked(replace(one, instance=replace(one.instance, tags=(*one.instance.tags, *tags))), changed=NOW)
    others = [rbd(f"x{number}", OFFLINE) for number in range(3)]
    action = action_of(one, *others, limits=limits, **more, **state)
    applies = gate in APPLIES[what].split()
    assert action.why is (Why(gate) if applies else None)
    assert (action.kind.value == "submit") is not applies


@pytest.mark.parametrize("what", STEPS)
def test_with_every_gate_open_the_step_is_taken(what):
    """So that the table above can fail."""
    one, more = STEPS[what]
    action = action_of(one, **more)
    assert (action.kind.value, action.why) == ("submit", None)
    assert steps(action)


def test_what_is_held_still_tells_what_it_would_do():
    """Its steps, its type and whose it is; but nothing is written."""
    one, more = STEPS["new disks after a failover"]
    held = action_of(one, limits=shut_by("fix-storage"), **more)
    open_ = action_of(one, **more)
    assert (held.steps, held.type, held.repair) == (open_.steps, open_.type, open_.repair)
    assert held.reason == f"{open_.reason}; held, as reinstall may begin at 2027-01-15T09:00:00Z"
    assert not held.writes


# --- which comes first ----------------------------------------------------------------------------------------------


def test_the_first_gate_that_is_shut_gives_the_reason():
    """With all of them shut, and then one after the other opened."""
    states = {
        "stopped": {},
        "other_repair": (pending(repair="theirs", at=NOW - 1),),
        "breaker": {"max_unhealthy": at_most("0")},
        "watcher_paused": {},
        "settle_time": {"settle_time": 100},
        "flapping": {"repair_window": HOUR},
        "windows": shut_by("reinstall"),
        "min_offline_age": {"min_offline_age": 100},
        "fencing": {"fencing": Fencing.CONFIRMED},
    }
    found = []
    for opened in range(len(states) + 1):
        shut = list(states)[opened:]
        limits = {name: value for gate in shut if gate != "other_repair" for name, value in states[gate].items()}
        tags = (pending("reinstall", at=NOW - 2), *(OFTEN if "flapping" in shut else ()))
        tags += states["other_repair"] if "other_repair" in shut else ()
        more: dict[str, Any] = {"watcher_paused_until": NOW + 1} if "watcher_paused" in shut else {}
        more |= {"tags": [*ALLOW, tag("stop")]} if "stopped" in shut else {}
        one = marked(plain("web1", OFFLINE, *tags), changed=NOW)
        found.append(action_of(one, rbd("x", OFFLINE), limits=limits, queue_drained=True, **more).why.value)
    assert found == [*states, "queue_drained"]


# --- the drained queue ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("drained", "writes"), [(True, False), (False, True), (None, True)])
def test_a_drained_queue_holds_everything_that_writes(drained, writes):
    """Steps, ends, refusals, lifts and the breaker's memory; where the transport can't tell, none."""
    plan = plan_with(
        rbd("a", OFFLINE),
        rbd("b", ONLINE, pending()),
        rbd("c", OFFLINE, tag("migrate")),
        rbd("d", ONLINE, tag("suspend:1")),
        rbd("e", OFFLINE, tag("suspend")),
        tags=[*ALLOW, tag(f"breaker:{NOW}")],
        group_tags={"default": [tag("suspend:1")]},
        queue_drained=drained,
    )
    assert plan.writes is writes
    told = {action.name: action for action in plan.actions}
    assert told.pop("e").why is Why.SUSPENDED
    if not writes:
        assert set(told) == {"", "default", "a", "b", "c", "d"}
        assert all((one.kind.value, one.why) == ("hold", Why.QUEUE_DRAINED) for one in told.values())
        assert all(one.reason.endswith("; held, as the job queue is drained") for one in told.values())
        assert not is_left(plan)


# --- the paused watcher ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("until", "respect", "word"),
    [
        (NOW + 1, True, "hold"),
        (NOW, True, "submit"),
        (NOW - 1, True, "submit"),
        (None, True, "submit"),
        (NOW + 1, False, "submit"),
    ],
    ids=["a second more", "until this very second", "until a second ago", "not known", "not respected"],
)
def test_a_paused_watcher(until, respect, word):
    """Somebody has asked for peace."""
    action = action_of(rbd("web1", OFFLINE), watcher_paused_until=until, limits={"respect_watcher_pause": respect})
    assert action.kind.value == word
    if word == "hold":
        assert action.reason.endswith("; held, as the watcher is paused until 2027-01-15T08:00:01Z")


# --- seconds since a mark -------------------------------------------------------------------------------------------

AGES = [
    ("a second too young", 99, 100, "hold"),
    ("a part of a second too young", 99.9, 100, "hold"),
    ("just old enough", 100, 100, "submit"),
    ("a second older", 101, 100, "submit"),
    ("marked in the future, by another clock", -5, 100, "hold"),
    ("nobody knows, and nobody asks", None, 0, "submit"),
    ("just marked, and nobody asks", 0, 0, "submit"),
    ("just marked, one second is asked for", 0, 1, "hold"),
    ("a second ago, one second is asked for", 1, 1, "submit"),
]


@pytest.mark.parametrize("option", ["settle_time", "min_offline_age"])
@pytest.mark.parametrize(("age", "asked", "word"), [row[1:] for row in AGES], ids=[row[0] for row in AGES])
def test_a_node_must_have_been_marked_for_so_long(option, age, asked, word):
    """To the second."""
    one = marked(rbd("web1", OFFLINE), changed=None if age is None else NOW - age)
    action = action_of(one, limits={option: asked})
    assert (action.kind.value, action.why) == (word, Why(option) if word == "hold" else None)


@pytest.mark.parametrize("option", ["settle_time", "min_offline_age"])
def test_a_mark_of_which_nobody_knows_since_when_is_no_old_one(option):
    """Nor does a run wait for it."""
    plan = plan_with(rbd("web1", OFFLINE), limits={option: 1})
    assert (plan.rows[0][1].kind.value, plan.rows[0][1].why) == ("hold", Why.NOT_KNOWN)
    assert not is_left(plan)


def test_how_long_it_waits_is_told():
    """Until when, or that nobody knows."""
    young = action_of(marked(rbd("web1", OFFLINE), changed=NOW - 1), limits={"settle_time": 60})
    unknown = action_of(rbd("web1", OFFLINE), limits={"min_offline_age": 60})
    assert young.reason.endswith(
        "; held, as web1-p was marked, or changed, less than 60 s before; until 2027-01-15T08:00:59Z"
    )
    assert unknown.reason.endswith("; held, as the cluster did not say when web1-p was changed last (min_offline_age)")


def _of_ages(template, *states):
    """web1, on nodes in (state, seconds since they were marked)."""
    one = template("web1", *(state for state, _age in states))
    nodes = tuple(replace(node, changed=NOW - age) for node, (_state, age) in zip(one.nodes, states, strict=True))
    return replace(one, nodes=nodes)


TWO_AGES = [
    ("two dead nodes, both old", drbd, ((OFFLINE, 100), (OFFLINE, 100)), "submit", "submit"),
    ("two dead nodes, the primary young", drbd, ((OFFLINE, 99), (OFFLINE, 100)), "hold", "hold"),
    ("two dead nodes, the secondary young", drbd, ((OFFLINE, 100), (OFFLINE, 99)), "hold", "hold"),
    ("a young secondary is replaced", drbd, ((ONLINE, 0), (OFFLINE, 99)), "hold", "submit"),
    ("an online secondary is as young as it likes", drbd, ((OFFLINE, 100), (ONLINE, 0)), "submit", "submit"),
    ("a drained primary too", drbd, ((DRAINED, 0), (ONLINE, 0)), "submit", "submit"),
    ("a drained primary and a young dead secondary", drbd, ((DRAINED, 0), (OFFLINE, 99)), "hold", "submit"),
    ("a drained primary and an old dead secondary", drbd, ((DRAINED, 0), (OFFLINE, 100)), "submit", "submit"),
]


@pytest.mark.parametrize(
    ("template", "states", "settled", "aged"), [row[1:] for row in TWO_AGES], ids=[row[0] for row in TWO_AGES]
)
def test_of_two_nodes_those_that_are_dead_count(template, states, settled, aged):
    """Before any repair with settle_time; with min_offline_age before what asks for proof."""
    one = _of_ages(template, *states)
    assert action_of(one, limits={"settle_time": 100}).kind.value == settled
    assert action_of(one, limits={"min_offline_age": 100}).kind.value == aged


# --- windows --------------------------------------------------------------------------------------------------------

WINDOWS = [
    ("a failover, in that for failover", "a failover", "failover", "hold"),
    ("a failover, in that for a lesser type", "a failover", "migrate", "hold"),
    ("a failover has nothing to do with that for reinstall", "a failover", "reinstall", "submit"),
    ("a failover to the secondary counts as a failover", "a failover to the secondary", "failover", "hold"),
    ("a migration is no failover", "a migration", "failover", "submit"),
    ("a move of one that is down is a migration", "a move of one that is down", "failover", "submit"),
    ("a move that takes a failover is one", "a move off a drained node that takes a failover", "failover", "hold"),
    ("new disks are a reinstall", "new disks", "reinstall", "hold"),
    ("the next step is judged by itself", "a new secondary after a failover", "migrate", "submit"),
    ("and also where it's riskier", "new disks after a failover", "reinstall", "hold"),
    ("half-way in a repair that may do more", "a migration after a replacement", "failover", "submit"),
    ("what begins goes by all that it will do", "a new secondary before a migration", "migrate", "hold"),
    ("what was asked for goes by its type", "a failover that was asked for", "failover", "hold"),
    ("the rest of a reinstall goes on", "the rest of a reinstall", "reinstall", "submit"),
]


@pytest.mark.parametrize(("what", "kind", "word"), [row[1:] for row in WINDOWS], ids=[row[0] for row in WINDOWS])
def test_a_window_that_is_shut(what, kind, word):
    """By the type of a new repair, or what the next step of one that has begun needs."""
    one, more = STEPS[what]
    assert action_of(one, limits=shut_by(kind), **more).kind.value == word


@pytest.mark.parametrize(
    ("at", "word"), [(HOUR - 1, "hold"), (HOUR, "submit"), (2 * HOUR - 1, "submit"), (2 * HOUR, "hold")]
)
def test_a_window_opens_and_shuts_to_the_second(at, word):
    """It is eight o'clock now."""
    assert action_of(rbd("web1", OFFLINE), now=NOW + at, limits=shut_by("failover")).kind.value == word


# --- flapping -------------------------------------------------------------------------------------------------------


def _repaired(*ages, result="success", jobs="1", template=rbd, state=OFFLINE):
    """web1, whose repairs ended so many seconds ago."""
    tags = [ended(result, jobs=jobs, repair=f"o{at}", at=NOW - age) for at, age in enumerate(ages)]
    return template("web1", state, *tags)


FLAPS = [
    ("never repaired", _repaired(), 3, False),
    ("once less than it may", _repaired(10, 20), 3, False),
    ("as often as it may", _repaired(10, 20, 30), 3, True),
    ("more often", _repaired(10, 20, 30, 40), 3, True),
    ("the oldest is within the time by a second", _repaired(10, 20, 3599), 3, True),
    ("the oldest has just left it", _repaired(10, 20, 3600), 3, False),
    ("the oldest left it a second ago", _repaired(10, 20, 3601), 3, False),
    ("one is of another clock's future", _repaired(10, 20, -5), 3, True),
    ("once is enough", _repaired(3599), 1, True),
    ("once, and over", _repaired(3600), 1, False),
    ("enoperm after steps were taken", _repaired(10, 20, 30, result="enoperm"), 3, True),
    ("enoperm without a step", _repaired(10, 20, 30, result="enoperm", jobs=""), 3, False),
    ("success without a step", _repaired(10, 20, 30, jobs=""), 3, False),
    ("one that was asked for counts them too", rbd("web1", OFFLINE, *OFTEN, pending(at=NOW)), 3, True),
    ("harep's", rbd("web1", OFFLINE, *(
        tag(f"result:failover:9d0c8a0e-5b1f-4b55-8c56-7f6a4b3a1f2{at}:{NOW - 10}:success:{at + 1}") for at in range(3)
    )), 3, True),
    ("one repair with two tags is one", rbd("web1", OFFLINE, *OFTEN[:2], OFTEN[0] + "+2"), 3, False),
]  # fmt: skip


@pytest.mark.parametrize(("one", "often", "flaps"), [row[1:] for row in FLAPS], ids=[row[0] for row in FLAPS])
def test_an_instance_that_is_repaired_again_and_again_is_left_alone(one, often, flaps):
    """And reported: something is wrong with it that repairs don't heal."""
    action = action_of(one, limits={"repair_window": HOUR, "max_repairs_per_window": often})
    assert (action.kind.value, action.why) == (("report", Why.FLAPPING) if flaps else ("submit", None))


@pytest.mark.parametrize("age", [10, -10], ids=["just now", "by a clock that is ahead"])
def test_without_a_window_nothing_flaps(age):
    """0 switches it off."""
    one = _repaired(*[age] * 5)
    assert action_of(one, limits={"repair_window": 0, "max_repairs_per_window": 1}).kind.value == "submit"


def test_a_failure_is_no_repair_that_helped_for_a_while():
    """It keeps the instance for a person, however old, and its tag stays."""
    plan = plan_with(rbd("web1", OFFLINE, ended("failure", jobs="1", at=1), *OFTEN), limits={"repair_window": HOUR})
    assert plan.rows[0][1].why is Why.REPAIR_FAILED
    assert not plan.writes


def test_what_flaps_says_how_often_and_until_when():
    """Then it is repaired, to the second."""
    limits = {"repair_window": HOUR, "max_repairs_per_window": 2}
    one = _repaired(10, 1800, 3000)
    action = action_of(one, limits=limits)
    assert action.reason == (
        "primary web1-p is offline; it was repaired 3 times within 3600 s, so it is left alone until "
        "2027-01-15T08:30:00Z"
    )
    assert action_of(one, limits=limits, now=NOW + 1799).why is Why.FLAPPING
    assert action_of(one, limits=limits, now=NOW + 1800).kind.value == "submit"
    assert "repaired 1 time within" in action_of(_repaired(1), limits={**limits, "max_repairs_per_window": 1}).reason
    assert not is_left(plan_with(one, limits=limits))


def test_what_flaps_is_not_flapping_while_its_repair_goes_on():
    """It is followed to its end."""
    one, more = STEPS["a failover after a migration"]
    one = replace(one, instance=replace(one.instance, tags=(*one.instance.tags, *OFTEN)))
    assert action_of(one, limits={"repair_window": HOUR}, **more).kind.value == "submit"


FINISHES = [
    ("in the window all are kept", (10, 3599), "success", "1", 3600, ()),
    ("what has just left it goes", (10, 3600), "success", "1", 3600, (1,)),
    ("what left it a second ago goes", (3601, 10), "success", "1", 3600, (0,)),
    ("enoperm after steps is kept", (10, 20), "enoperm", "1", 3600, ()),
    ("enoperm without a step goes", (10, 20), "enoperm", "", 3600, (0, 1)),
    ("success without a step goes", (10, 20), "success", "", 3600, (0, 1)),
    ("without a window for an hour", (10, 3599, 3600), "success", "1", 0, (2,)),
    ("with a long one for that long", (3600, 7199, 7200), "success", "1", 7200, (2,)),
]


@pytest.mark.parametrize(
    ("ages", "word", "jobs", "window", "gone"), [row[1:] for row in FINISHES], ids=[row[0] for row in FINISHES]
)
def test_results_are_kept_for_as_long_as_they_count(ages, word, jobs, window, gone):
    """When the next repair ends; else nobody could tell how often it was."""
    old = [ended(word, jobs=jobs, repair=f"o{at}", at=NOW - age) for at, age in enumerate(ages)]
    own = pending(jobs="7", repair="new", at=NOW - 5)
    more = _done("FAILOVER", repair="new")
    action = action_of(rbd("web1", ONLINE, own, *old), limits={"repair_window": window}, **more)
    assert (action.kind.value, action.result) == ("finish", "success")
    assert set(action.remove) == {own, *(old[at] for at in gone)}


TIDIED = [
    ("all within the time stay", (10, 20, 3599), ()),
    ("those that have left it go", (10, 3600, 3601), (1, 2)),
    ("but not the last of all", (3600, 3700, 3800), (1, 2)),
    ("one alone stays", (9999,), ()),
]


@pytest.mark.parametrize(("ages", "gone"), [row[1:] for row in TIDIED], ids=[row[0] for row in TIDIED])
def test_results_that_nobody_counts_any_more_are_removed(ages, gone):
    """In the round after; a second round finds nothing to do (law 5)."""
    old = [ended("success", jobs="1", repair=f"o{at}", at=NOW - age) for at, age in enumerate(ages)]
    kept = [text for at, text in enumerate(old) if at not in gone]
    assert set(action_of(rbd("web1", ONLINE, *old), limits={"repair_window": HOUR}).remove) == set(old) - set(kept)
    assert not plan_with(rbd("web1", ONLINE, *kept), limits={"repair_window": HOUR}).writes


# --- somebody else's repair -----------------------------------------------------------------------------------------

OWN = pending("reinstall", at=NOW - 2)
OTHER, THIRD = pending(repair="r2", at=NOW - 1), pending("migrate", repair="r3", at=NOW - 1)
OURS, THEIRS = {"repair": "r1"}, {"repair": ""}
OTHERS = [
    ("nobody else's", plain("web1", OFFLINE, OWN), (), ""),
    ("another one that was asked for", plain("web1", OFFLINE, OWN, OTHER), (), OTHER),
    (
        "two others",
        plain("web1", OFFLINE, OWN, OTHER, THIRD),
        (),
        f"{OTHER} {THIRD}",
    ),
    ("one that was begun by us", plain("web1", OFFLINE, pending("reinstall", "7")), (OURS,), ""),
    (
        "one that was begun by somebody else",
        plain("web1", OFFLINE, pending("reinstall", "7")),
        (THEIRS,),
        pending("reinstall", "7"),
    ),
    (
        "one that was begun by somebody whose name begins as ours does",
        plain("web1", OFFLINE, pending("reinstall", "7")),
        ({"reasons": ("ganeti.autorepair.else:r1",)},),
        pending("reinstall", "7"),
    ),
    (
        "one that somebody else has gone on with",
        plain("web1", OFFLINE, pending("reinstall", "7+8")),
        (OURS, THEIRS),
        "",
    ),
    (
        "one of ours in two tags, as its runner died",
        plain("web1", OFFLINE, pending("reinstall"), pending("reinstall", "7")),
        (OURS,),
        "",
    ),
    (
        "one of ours whose first job has left the queue",
        plain("web1", OFFLINE, pending("reinstall", "6+7")),
        (OURS,),
        "",
    ),
    (
        "one that was begun by somebody else, whose job has left it",
        plain("web1", OFFLINE, pending("reinstall", "6+7")),
        (THEIRS,),
        pending("reinstall", "6+7"),
    ),
    (
        "one that was begun by somebody else, of an instance marked offline",
        plain("web1", OFFLINE, pending("reinstall", "7"), admin_state="offline"),
        (THEIRS,),
        pending("reinstall", "7"),
    ),
    (
        "a tag that is left over from one that has ended",
        plain("web1", OFFLINE, OWN, OTHER, ended("success", repair="r2", at=60)),
        (),
        "",
    ),
]


@pytest.mark.parametrize(("one", "jobs", "tags"), [row[1:] for row in OTHERS], ids=[row[0] for row in OTHERS])
def test_no_disks_are_given_up_while_a_repair_is_pending_that_is(one, jobs, tags):
    """A person has to see to it; the reason names its tags."""
    known = [job(7 + at, "success", "FAILOVER", **more) for at, more in enumerate(jobs)]
    action = action_of(one, jobs=known)
    assert (action.kind.value, action.why) == (("report", Why.OTHER_REPAIR) if tags else ("submit", None))
    if tags:
        words = "; no disks are given up while somebody else's repair is pending; see to it, or take its tag away: "
        assert action.command == f"gnt-instance remove-tags web1 {tags}"
        assert action.reason.endswith(words + action.command)
        assert steps(action)[0] == "recreate-disks"


def test_what_keeps_data_does_not_mind_somebody_else_s_repair():
    """It is worked through in the order of their times."""
    for one in (
        rbd("web1", OFFLINE, pending(), pending(repair="r2")),
        drbd("web1", ONLINE, OFFLINE, pending(), pending(repair="r2")),
        rbd("web1", OFFLINE, pending(jobs="7")),
    ):
        assert action_of(one, jobs=[job(7, "success", "MIGRATE")]).kind.value == "submit"
