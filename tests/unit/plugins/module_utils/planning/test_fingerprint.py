# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingerprint: what a plan does, as it is approved, is what people are told of it, and writes only where it does."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import (
    MISSING,
    NOW,
    OFFLINE,
    ONLINE,
    Placed,
    drbd,
    ended,
    fingerprint_in,
    job,
    pending,
    plain,
    rbd,
    tag,
)
from unit.plugins.module_utils.planning.gates.cases import ALLOW, STEPS, plan_with, shut_by
from unit.plugins.module_utils.planning.storms import NONE, braked, nodes_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.document import plan_data
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.fingerprint import (
    fingerprint_of,
    last_ended,
    states_of_nodes,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import Plan

PAST, LATER = tag("suspend:1"), f"breaker:{NOW + 1}"
# sentence, the plan, the objects that are written to
PLANS = [
    ("nothing", plan_with(rbd("web1", ONLINE)), []),
    ("a first step", plan_with(rbd("web1", OFFLINE)), ["web1"]),
    ("several instances", plan_with(rbd("a", OFFLINE), rbd("b", ONLINE), drbd("c", ONLINE, OFFLINE)), ["a", "c"]),
    ("a step that is held", plan_with(rbd("web1", OFFLINE), limits=shut_by("failover")), []),
    ("a suspended instance", plan_with(rbd("web1", OFFLINE, tag("suspend"))), []),
    ("a refusal", plan_with(rbd("web1", OFFLINE, tag("migrate"))), ["web1"]),
    ("an end", plan_with(rbd("web1", ONLINE, pending(jobs="7")), jobs=[job(7, "success", "FAILOVER")]), ["web1"]),
    ("a job to wait for", plan_with(rbd("web1", OFFLINE, pending(jobs="7")), jobs=[job(7, "running", "FAILOVER")]), []),
    ("one to cancel", plan_with(rbd("a", ONLINE, pending(jobs="7")), jobs=[job(7, "queued", "FAILOVER", "a")]), ["a"]),
    ("what is for a person", plan_with(rbd("web1", OFFLINE, ended("failure", jobs="7"))), []),
    ("suspends that have run out", plan_with(
        rbd("web1", OFFLINE, PAST), tags=[*ALLOW, PAST], group_tags={"default": [PAST]}
    ), ["", "default", "web1", "web1"]),
    ("a storm to remember", braked(*nodes_of(2, 3), limits={"max_unhealthy": NONE}), ["", "default"]),
    ("a storm to forget", braked(*nodes_of(0, 3), tags=[tag(f"breaker:{NOW}")]), [""]),
    ("a storm that cools down", braked(*nodes_of(1, 3), tags=[tag(LATER)]), []),
    ("a drained job queue", plan_with(rbd("web1", OFFLINE, PAST), queue_drained=True), []),
    ("a step after a repair that has ended", plan_with(rbd("web1", OFFLINE, ended("success", repair="r0"))), ["web1"]),
]  # fmt: skip


@pytest.mark.parametrize("plan", [row[1] for row in PLANS], ids=[row[0] for row in PLANS])
def test_deeds_are_what_people_are_told(plan: Plan) -> None:
    """Whoever says yes to a plan as data says yes to all that is done."""
    told = plan_data(plan)
    assert fingerprint_of(plan) == fingerprint_in(told)
    assert fingerprint_of(plan).hash == fingerprint_in(told).hash == told["hash"]


@pytest.mark.parametrize("what", STEPS)
def test_deeds_are_what_people_are_told_of_a_step(what: str) -> None:
    """Of every kind, at every time of a repair; each writes."""
    one, more = STEPS[what]
    plan = plan_with(one, **more)
    assert fingerprint_of(plan) == fingerprint_in(plan_data(plan))
    assert [deed.writes for deed in fingerprint_of(plan).entries] == [True]


@pytest.mark.parametrize(("plan", "names"), [row[1:] for row in PLANS], ids=[row[0] for row in PLANS])
def test_deeds_write_where_the_actions_do(plan: Plan, names: list[str]) -> None:
    """What is held, waited for or reported is a deed that writes nothing."""
    deeds = fingerprint_of(plan).entries
    assert [deed.name for deed in deeds if deed.writes] == names
    assert [deed.writes for deed in deeds] == [action.writes for action in plan.actions]


STATES = [
    ("both nodes", drbd("web1", OFFLINE, ONLINE), ["web1-p offline", "web1-s online"]),
    ("one that the cluster does not know", drbd("web1", ONLINE, MISSING), ["web1-p online", "web1-s unknown"]),
    ("the only one", plain("web1", OFFLINE), ["web1-p offline"]),
]


@pytest.mark.parametrize(("one", "states"), [row[1:] for row in STATES], ids=[row[0] for row in STATES])
def test_states_of_nodes_are_those_of(one: Placed, states: list[str]) -> None:
    """The primary's first."""
    plan = plan_with(one)
    assert states_of_nodes(plan.rows[0][0], plan) == states


@pytest.mark.parametrize(
    ("tags", "last"),
    [
        ((), None),
        ((pending(),), None),
        ((ended("success", repair="r0"),), "r0"),
        ((ended("success", repair="r2", at=2), ended("success", repair="r1", at=1)), "r2"),
    ],
    ids=["none", "none that has ended", "the only one", "the later of two"],
)
def test_the_last_repair_that_ended_is(tags: tuple[str, ...], last: str | None) -> None:
    """So that an approval is good for one case once."""
    assert last_ended(plan_with(rbd("web1", ONLINE, *tags)).rows[0][0]) == last
