# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throttle: concurrency limits: which steps may be submitted now (law 9).

The limits count two kinds of work separately. Work that brings back an instance that is down is short and urgent; it is
never held because others resync or migrate. The new secondary that would follow it immediately is left out if the
limits do not allow one more resync, and is submitted later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from ..ganeti.model import NodeState
from ..ganeti.operations import STEP_OPCODES, Operation
from ..repair.action import Action, ActionKind, hold
from ..repair.ages import is_overdue
from ..repair.case import Case
from ..repair.progress import Progress
from ..repair.reasons import Reason
from .plan import Plan


class Work(Enum):
    """A kind of work with limits of its own; the values are its singular and plural in messages."""

    RETURN = ("repair of an instance that is down", "repairs of instances that are down")
    OTHER = ("repair", "repairs")  # resyncs above all, and moves of what runs


@dataclass
class _Load:
    """The work of one kind in progress: in total, by group, and by node that takes part."""

    total: int = 0
    groups: Counter[str] = field(default_factory=Counter)
    nodes: Counter[str] = field(default_factory=Counter)

    def add(self, case: Case, action: Action, plan: Plan) -> None:
        """Count the work that `action` does, or will do, for the instance of `case`."""
        self.total += 1
        self.groups[case.group] += 1
        self.nodes.update(_working(case, action, plan))


_Loads = Mapping[Work, _Load]


def limit_concurrency(plan: Plan) -> Plan:
    """`plan` with the steps held that would be too many at once.

    The most urgent go first. One that exceeds a limit of its node or group lets the next one pass, and is first again
    in the next round.
    """
    loads = {work: _Load() for work in Work}
    for case, action in plan.rows:
        for work in _under_way(case, plan):
            loads[work].add(case, action, plan)
    changed: dict[str, Action] = {}
    submits = [row for row in plan.rows if row[1].kind is ActionKind.SUBMIT]
    for case, action in sorted(submits, key=lambda row: (_queues(*row), plan.urgency(row))):
        changed[case.instance.name] = _admitted(case, action, plan, loads)
    rows = tuple((case, changed.get(case.instance.name, action)) for case, action in plan.rows)
    return replace(plan, rows=rows)


def _admitted(case: Case, action: Action, plan: Plan, loads: _Loads) -> Action:
    """`action` as the limits allow it: as it is, its first step alone, or held. Its work is counted in `loads`."""
    first, *later = _works(case, action, plan)
    full = _full(case, action, plan, loads, first) if _queues(case, action) else None
    if full:
        return hold(action, *full)
    loads[first].add(case, action, plan)
    if later and _full(case, action, plan, loads, later[0]):
        return replace(action, alone=True)
    for work in later:
        loads[work].add(case, action, plan)
    return action


def _full(case: Case, action: Action, plan: Plan, loads: _Loads, work: Work) -> tuple[Reason, str] | None:
    """The limit that does not allow one more `work`, with its message; None if there is room."""
    limits, load = plan.limits, loads[work]
    if load.total >= limits.max_in_flight:
        return Reason.MAX_IN_FLIGHT, f"max_in_flight allows {_count(limits.max_in_flight, work)} at once"
    if load.groups[case.group] >= limits.max_per_group:
        words = f"max_per_group allows {_count(limits.max_per_group, work)} at once in group {case.group}"
        return Reason.MAX_PER_GROUP, words
    for name in _working(case, action, plan):
        if load.nodes[name] >= limits.max_per_node:
            words = f"max_per_node allows {_count(limits.max_per_node, work)} at once on node {name}"
            return Reason.MAX_PER_NODE, words
    return None


def _count(number: int, work: Work) -> str:
    single, several = work.value
    return f"1 {single}" if number == 1 else f"{number} {several}"


def _working(case: Case, action: Action, plan: Plan) -> tuple[str, ...]:
    """The nodes on which a repair works: those of the instance that are alive, and those chosen for it."""
    nodes = plan.cluster.nodes
    alive = [
        name
        for name in (case.instance.primary, *case.instance.secondaries)
        if name in nodes and nodes[name].state is not NodeState.OFFLINE
    ]
    return tuple(dict.fromkeys((*alive, *action.nodes)))


def _queues(case: Case, action: Action) -> bool:
    """Whether a step is subject to the limits: it starts a repair, retries a failed step, or makes a new secondary. Any
    other step of a repair continues at once, so that no instance stays half-way."""
    tried = case.progress in (Progress.FAILED, Progress.NO_RESOURCES)
    return action.starts_repair or tried or action.steps[0].operation is Operation.REPLACE_SECONDARY


# --- what is under way, and what would be ---------------------------------------------------------------------------


def _under_way(case: Case, plan: Plan) -> Iterable[Work]:
    """The work that the repair of `case` does now. An overdue return does not count: it may hang, and no other
    instance should stay down because of it."""
    if case.progress is Progress.NOT_READ:  # what has come since is not known
        return {Work.RETURN if plan.cluster.is_down(case.instance) else Work.OTHER}
    if case.progress is not Progress.RUNNING or not case.pending:
        return ()
    jobs = plan.cluster.jobs
    unfinished = [jobs[number] for number in case.pending.jobs if number in jobs and jobs[number].unfinished]
    found = {
        (_work(name, case, plan), is_overdue(job, plan.time))
        for job in unfinished
        for name in job.left
        if name in STEP_OPCODES
    }
    return {work for work, overdue in found if work is Work.OTHER or not overdue}


def _works(case: Case, action: Action, plan: Plan) -> tuple[Work, ...]:
    """The work that the steps do that `action` submits, in their order."""
    steps = action.submitted(multi_opcode=True)
    return tuple(dict.fromkeys(_work(step.operation.opcode, case, plan) for step in steps))


def _work(opcode: str, case: Case, plan: Plan) -> Work:
    """The kind of work that `opcode` does for the instance. A recreation moves the primary before it is done, so there
    it is not looked whether that is dead."""
    anew = opcode in (Operation.RECREATE_DISKS.opcode, Operation.REINSTALL.opcode) and case.instance.meant_to_run
    failover = opcode == Operation.FAILOVER.opcode and plan.cluster.is_down(case.instance)
    return Work.RETURN if anew or failover else Work.OTHER
