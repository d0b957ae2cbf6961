# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results: a plan and its outcomes, as data for modules (design, section 6)."""

from __future__ import annotations

from collections.abc import Iterable

from ..planning.document import (
    action_data,
    cluster_data,
    group_data,
    has_news,
    instance_data,
    jobs_data,
    node_data,
    plan_data,
)
from ..planning.plan import Plan, has_more_work
from ..planning.schema import BreakerFacts
from ..repair.action import ActionKind
from ..repair.case import State
from ..repair.outcome import Outcome
from .schema import ExecutedActionFacts, Facts, HeldFacts, StatusFacts, UnderWayFacts
from .text import object_of, render_round

WHICH = ("all", "unhealthy", "none")  # which instances the facts list


def facts(plan: Plan, which: str = "all") -> Facts:
    """`plan` as `ansible_facts.ganeti_autorepair`. `which`, one of WHICH, says which instances are listed; unhealthy
    are also those with other news (see `has_news`). All else covers every instance."""
    return {
        "cluster": cluster_data(plan.cluster),
        "time": int(plan.time),
        "groups": [group_data(group) for group in plan.cluster.groups.values()],
        "nodes": [node_data(node) for node in plan.cluster.nodes.values()],
        "instances": [
            instance_data(*row) for row in plan.rows if which == "all" or (which == "unhealthy" and has_news(*row))
        ],
        "jobs": jobs_data(plan),
        "plan": {**plan_data(plan), "writes": plan.writes},
        **status_data(plan),
        "report": render_round(plan, [Outcome(action) for action in plan.actions], plan, dry_run=True),
    }


def status_data(plan: Plan) -> StatusFacts:
    """The status of the cluster by `plan`, in numbers and names."""
    return {
        "summary": dict(plan.summary),
        "pending": plan.under_way,
        "under_way": under_way(plan),
        "left": has_more_work(plan),
        "failed_instances": [case.instance.name for case, action in plan.rows if case.state is State.REPAIR_FAILED],
        "needs_person": [object_of(action) for action in plan.actions if action.kind is ActionKind.REPORT],
        "stopped": plan.stopped or None,
        "breaker": breaker_data(plan),
        "held": held_by_reason(plan),
    }


def breaker_data(plan: Plan) -> BreakerFacts:
    """The first breaker that has tripped, where the cluster's comes before those of groups; else the cluster's."""
    breaker = next((brake for brake in plan.breakers if brake.tripped), plan.breakers[0])
    return {
        "tripped": breaker.tripped,
        "counted": breaker.counted,
        "limit": breaker.limit,
        "total": breaker.total,
        "scope": breaker.scope,
        "name": breaker.name,
        "until": int(breaker.until) if breaker.cooling and breaker.until is not None else None,
        "reason": breaker.words if breaker.tripped else None,
    }


def held_by_reason(plan: Plan) -> list[HeldFacts]:
    """The reasons why instances are held, each with the names of these instances."""
    found: dict[str, list[str]] = {}
    for case, action in plan.rows:
        if action.kind is ActionKind.HOLD and action.why:
            found.setdefault(action.why.value, []).append(case.instance.name)
    return [{"why": why, "instances": names} for why, names in found.items()]


def executed_actions(outcomes: Iterable[Outcome]) -> list[ExecutedActionFacts]:
    """The actions, each with its outcome."""
    return [
        {
            **action_data(outcome.action),
            "jobs": list(outcome.jobs),
            "tags_added": list(outcome.added),
            "tags_removed": list(outcome.removed),
            "error": outcome.error or None,
        }
        for outcome in outcomes
    ]


def under_way(plan: Plan) -> list[UnderWayFacts]:
    """The pending repairs, each with what it waits for."""
    return [
        {"instance": case.instance.name, "type": case.pending.type.label, "reason": action.reason}
        for case, action in plan.rows
        if case.pending
    ]


def diff(outcomes: Iterable[Outcome]) -> list[dict[str, str]]:
    """The tags that were removed from and added to each object, as `--diff` shows them."""
    return [
        {
            "before_header": f"{outcome.action.scope} {outcome.action.name}".strip(),
            "after_header": f"{outcome.action.scope} {outcome.action.name}".strip(),
            "before": "".join(f"{tag}\n" for tag in outcome.removed),
            "after": "".join(f"{tag}\n" for tag in outcome.added),
        }
        for outcome in outcomes
        if outcome.added or outcome.removed
    ]
