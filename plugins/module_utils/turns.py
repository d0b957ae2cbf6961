# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns: which of the repairs that may begin do so now, so that no more are under way than the limits let (law 9)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from .action import Action, Kind, hold
from .model import NodeState
from .plan import Plan
from .repairs import Progress
from .state import Case
from .why import Why


@dataclass
class _Load:
    """The repairs under way: in all, by group, and by node that works on them."""

    total: int = 0
    groups: Counter[str] = field(default_factory=Counter)
    nodes: Counter[str] = field(default_factory=Counter)

    def add(self, case: Case, action: Action, plan: Plan) -> None:
        self.total += 1
        self.groups[case.group] += 1
        self.nodes.update(_working(case, action, plan))


def in_turn(plan: Plan) -> Plan:
    """C(plan) with the repairs held that would be too many at once; those that have done a step go on.

    The most urgent go first; one that is over a limit of its node or group lets the next by, and is tried first again
    in the next round.
    """
    load = _Load()
    for case, action in plan.rows:
        if _is_under_way(case, action):
            load.add(case, action, plan)
    over: dict[str, Action] = {}
    for case, action in sorted((row for row in plan.rows if _queues(*row)), key=plan.urgency):
        full = _full(case, action, plan, load)
        if full:
            over[case.instance.name] = hold(action, *full)
        else:
            load.add(case, action, plan)
    rows = tuple((case, over.get(case.instance.name, action)) for case, action in plan.rows)
    return replace(plan, rows=rows)


def _full(case: Case, action: Action, plan: Plan, load: _Load) -> tuple[Why, str] | None:
    """The limit that leaves no place for one more, in words."""
    limits = plan.limits
    if load.total >= limits.max_in_flight:
        return Why.MAX_IN_FLIGHT, f"max_in_flight lets {_repairs(limits.max_in_flight)} be under way at once"
    if load.groups[case.group] >= limits.max_per_group:
        return (
            Why.MAX_PER_GROUP,
            f"max_per_group lets {_repairs(limits.max_per_group)} be under way in group {case.group}",
        )
    for name in _working(case, action, plan):
        if load.nodes[name] >= limits.max_per_node:
            return Why.MAX_PER_NODE, f"max_per_node lets {_repairs(limits.max_per_node)} be under way on node {name}"
    return None


def _repairs(count: int) -> str:
    return "1 repair" if count == 1 else f"{count} repairs"


def _working(case: Case, action: Action, plan: Plan) -> tuple[str, ...]:
    """The nodes on which a repair works: those of the instance that are alive, and those chosen for it."""
    nodes = plan.cluster.nodes
    alive = [
        name
        for name in (case.instance.primary, *case.instance.secondaries)
        if name in nodes and nodes[name].state is not NodeState.OFFLINE
    ]
    return tuple(dict.fromkeys((*alive, *action.nodes)))


def _is_under_way(case: Case, action: Action) -> bool:
    if case.progress in (Progress.RUNNING, Progress.UNSEEN):
        return True
    return action.kind is Kind.SUBMIT and not _queues(case, action)


def _queues(case: Case, action: Action) -> bool:
    """Whether it begins, or tries again what it could not do before: that has not run in the meantime."""
    tried = case.progress in (Progress.FAILED, Progress.NO_ROOM)
    return action.kind is Kind.SUBMIT and (action.begins or tried)
