# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Laws that no instance may escape, tried on the whole small space of instances (design, sections 3 and 5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    MISSING,
    NOW,
    OFFLINE,
    ONLINE,
    UNKNOWN,
    Placed,
    cluster,
    ended,
    job,
    no_room,
    pending,
    placed,
    plan_of,
    tag,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.action import Action, Kind
from ansible_collections.ganeti.autorepair.plugins.module_utils.model import TEMPLATE_CLASSES, Operation, RepairType

STATES = (ONLINE, DRAINED, OFFLINE, UNKNOWN, MISSING)
DESTROYERS = (Operation.RECREATE_DISKS, Operation.REINSTALL)


@dataclass(frozen=True)
class Tried:
    """One point of the space, what was planned for it, and what is to be lifted of it."""

    one: Placed
    states: tuple[object, ...]
    allowed: RepairType | None
    asked: RepairType | None
    action: Action
    lifts: int

    def __str__(self) -> str:
        words = (self.one.instance.disk_template, self.states, self.allowed, self.asked, self.one.instance.admin_state)
        return f"{words}: {self.action.kind.value} because {self.action.reason}"


def _places() -> Iterator[tuple[str, tuple[object, ...]]]:
    """Every disk template on nodes in every combination of states."""
    for template in TEMPLATE_CLASSES:
        copies = 2 if template == "drbd" else 1
        yield from ((template, states) for states in product(STATES, repeat=copies))


KINDS = (None, *RepairType)


def _try(
    extra: tuple[str, ...] = (),
    jobs: tuple[object, ...] = (),
    noted: str = "",
    alloweds: tuple[RepairType | None, ...] = KINDS,
    admins: tuple[tuple[str, bool], ...] = tuple(product(("up", "down", "offline"), (False, True))),
) -> list[Tried]:
    """The plan for every instance of the space, which also bears the tags C(extra)."""
    tried = []
    for (template, states), allowed, asked, (admin, always) in product(_places(), alloweds, KINDS, admins):
        tags = [tag(allowed.label)] if allowed else []
        tags += [pending(asked.label, noted)] if asked else []
        one = placed("web1", template, *states, tags=(*tags, *extra), admin_state=admin, always_failover=always)
        plan = plan_of(cluster(one, jobs=jobs))
        ((_case, action),) = plan.rows
        tried.append(Tried(one, states, allowed, asked, action, len(plan.upkeep)))
    return tried


@pytest.fixture(scope="module")
def space() -> list[Tried]:
    """The whole space, without jobs."""
    return _try()


def test_the_space_is_whole(space):
    """25 pairs of nodes for the mirrored template, 5 nodes for the eight others; both kinds of writes do happen."""
    assert len(space) == (25 + 8 * 5) * 5 * 5 * 3 * 2
    begun = {tried.action.steps[0].operation for tried in space if tried.action.kind is Kind.SUBMIT}
    assert begun == {Operation.REPLACE_SECONDARY, Operation.MIGRATE, Operation.FAILOVER, Operation.RECREATE_DISKS}
    assert {tried.action.kind for tried in space} >= {Kind.SUBMIT, Kind.REFUSE, Kind.FINISH, Kind.REPORT, Kind.WAIT}


def test_nothing_that_destroys_data_is_planned_while_a_node_with_a_copy_may_be_alive(space):
    """Every node that holds a copy is offline, and known to be."""
    for tried in space:
        planned = [step.operation for step in tried.action.steps]
        if any(operation in DESTROYERS for operation in planned):
            assert set(tried.states) == {OFFLINE}, str(tried)


def test_no_step_is_taken_that_is_not_allowed(space):
    """By the pending tag where there is one, else by the policy; and the repair's type is what was allowed."""
    for tried in space:
        if tried.action.kind is Kind.SUBMIT:
            limit = tried.asked or tried.allowed
            assert limit is not None, str(tried)
            assert tried.action.steps[0].needs <= limit, str(tried)
            assert tried.action.type <= limit, str(tried)
            assert tried.asked in (None, tried.action.type), str(tried)


def test_a_failover_is_never_planned_onto_a_node_that_is_not_online(space):
    """Ganeti refuses it, and the repair would end as failed."""
    for tried in space:
        if tried.action.kind is Kind.SUBMIT and tried.one.instance.disk_template == "drbd":
            first = tried.action.steps[0].operation
            assert first not in (Operation.FAILOVER, Operation.MIGRATE) or tried.states[1] is ONLINE, str(tried)


def test_a_running_instance_is_never_restarted_with_permission_to_migrate_only(space):
    """A failover of it needs failover; one that is down has nothing to lose."""
    for tried in space:
        starts = tried.action.kind is Kind.SUBMIT and tried.action.steps[0].operation is Operation.FAILOVER
        if starts and tried.one.instance.admin_state == "up":
            assert (tried.asked or tried.allowed) >= RepairType.FAILOVER, str(tried)


def test_what_is_unknown_is_never_written_to(space):
    """Fail closed (law 7)."""
    for tried in space:
        if {UNKNOWN, MISSING}.intersection(tried.states):
            assert not tried.action.kind.writes, str(tried)


def test_what_is_healthy_is_never_repaired(space):
    """All nodes online: nothing is submitted, and a repair that was asked for has ended."""
    for tried in space:
        if set(tried.states) == {ONLINE}:
            wanted = Kind.NONE if tried.asked is None else Kind.FINISH
            assert tried.action.kind is wanted, str(tried)


def test_every_instance_is_accounted_for(space):
    """Each has its action, with a reason in words (law 4)."""
    for tried in space:
        assert tried.action.name == "web1"
        assert len(tried.action.reason) >= len("healthy"), str(tried)
        assert "None" not in tried.action.reason, str(tried)


@pytest.mark.parametrize(
    "extra",
    [
        (tag("suspend"),),
        (tag("suspend:soon"),),
        (tag(f"suspend:{NOW + 1}"),),
        (ended("failure", repair="old"),),
        (tag("pending:nonsense"),),
        (tag("result:nonsense"),),
        (ended("failure", repair="old"), tag("suspend:1")),
        (tag("pending:nonsense"), tag("suspend:1")),
    ],
    ids=["suspended", "unreadably suspended", "suspended for a second", "failed", "pending unreadable",
         "result unreadable", "failed, with an expired suspend", "unreadable, with an expired suspend"],
)  # fmt: skip
def test_nothing_is_written_to_what_is_suspended_failed_or_unreadable(extra):
    """Not even the removal of a tag."""
    for tried in _try(extra, admins=(("up", False),)):
        assert not tried.action.kind.writes, str(tried)
        assert not tried.lifts, str(tried)


JOBS = [
    ("running", job(7, "running", "FAILOVER")),
    ("successful", job(7, "success", "FAILOVER")),
    ("failed", job(7, "error", "FAILOVER", error="it broke")),
    ("canceled", job(7, "canceled", "FAILOVER")),
    ("without resources", no_room(7)),
    ("gone", None),
]


@pytest.mark.parametrize("known", [row[1] for row in JOBS], ids=[row[0] for row in JOBS])
def test_the_laws_hold_whatever_has_become_of_the_job(known):
    """Of a repair that is pending: unknown instances, data, permissions."""
    for tried in _try(jobs=(known,) if known else (), noted="7", alloweds=(None, RepairType.REINSTALL)):
        if tried.asked is None:
            continue
        steps = tried.action.steps if tried.action.kind is Kind.SUBMIT else ()
        assert not {step.operation for step in steps} & set(DESTROYERS) or set(tried.states) == {OFFLINE}, str(tried)
        assert not steps or steps[0].needs <= tried.asked, str(tried)
        if {UNKNOWN, MISSING}.intersection(tried.states):
            assert not tried.action.kind.writes, str(tried)
        if tried.action.result == "success":
            assert set(tried.states) == {ONLINE}, str(tried)
            assert known is None or known.status == "success" or known.error_code, str(tried)  # no room: nothing done
        if known is not None and known.unfinished:
            assert tried.action.kind is Kind.WAIT or {UNKNOWN, MISSING}.intersection(tried.states), str(tried)
