# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results: a plan and what became of it, as data for modules (design, section 6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .action import Action, Kind
from .approve import hash_of
from .causes import telling
from .model import Cluster, Group, Job, Node
from .outcome import Outcome
from .plan import Plan, is_left
from .repairs import Repair
from .report import lines, object_of
from .state import Case, State
from .tags import BEHIND, FOREVER, PREFIX

WHICH = ("all", "unhealthy", "none")  # instances that stand in facts


def facts(plan: Plan, which: str = "all") -> dict[str, Any]:
    """C(plan) as C(ansible_facts.ganeti_autorepair) gives it, with all instances, with none, or with those that are not
    healthy or of which there is something else to say, as C(which) of WHICH says; the rest is over all of them."""
    return {
        "cluster": _cluster(plan.cluster),
        "time": int(plan.time),
        "groups": [_group(group) for group in plan.cluster.groups.values()],
        "nodes": [_node(node) for node in plan.cluster.nodes.values()],
        "instances": [
            _instance(*row) for row in plan.rows if which == "all" or (which == "unhealthy" and _tells(*row))
        ],
        "jobs": _jobs(plan),
        "plan": {**planned(plan), "writes": plan.writes},
        **standing(plan),
        "report": lines(plan, [Outcome(action) for action in plan.actions], plan, dry_run=True),
    }


def standing(plan: Plan) -> dict[str, Any]:
    """How things stand by C(plan), in numbers and names."""
    return {
        "summary": dict(plan.summary),
        "pending": plan.under_way,
        "under_way": under_way(plan),
        "left": is_left(plan),
        "failed_instances": [case.instance.name for case, action in plan.rows if case.state is State.REPAIR_FAILED],
        "needs_person": [object_of(action) for action in plan.actions if action.kind is Kind.REPORT],
        "stopped": plan.stopped or None,
        "breaker": breaker(plan),
        "held": held(plan),
    }


def planned(plan: Plan) -> dict[str, Any]:
    """The actions of C(plan), the nodes to fence for it, and a hash over what it would write."""
    cases = {case.instance.name: case for case, action in plan.rows}
    actions = [{**_action(action), **_state(action, cases, plan)} for action in plan.actions]
    cluster = plan.cluster.uuid
    return {"actions": actions, "fence": list(plan.fence), "cluster": cluster, "hash": hash_of(actions, cluster)}


def breaker(plan: Plan) -> dict[str, Any]:
    """The breaker that has tripped, the cluster's before those of groups; the cluster's if none has."""
    one = next((one for one in plan.breakers if one.tripped), plan.breakers[0])
    return {
        "tripped": one.tripped,
        "counted": one.counted,
        "limit": one.limit,
        "total": one.total,
        "scope": one.scope,
        "name": one.name,
        "until": int(one.until) if one.cooling and one.until is not None else None,
        "reason": one.words if one.tripped else None,
    }


def held(plan: Plan) -> list[dict[str, Any]]:
    """The brakes and gates that hold something, each with the instances that it holds."""
    found: dict[str, list[str]] = {}
    for case, action in plan.rows:
        if action.kind is Kind.HOLD and action.why:
            found.setdefault(action.why.value, []).append(case.instance.name)
    return [{"why": why, "instances": names} for why, names in found.items()]


def performed(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """The actions with what became of each."""
    return [
        dict(
            _action(outcome.action),
            jobs=list(outcome.jobs),
            tags_added=list(outcome.added),
            tags_removed=list(outcome.removed),
            error=outcome.error or None,
        )
        for outcome in outcomes
    ]


def under_way(plan: Plan) -> list[dict[str, Any]]:
    """The repairs that have not ended, each with what it waits for."""
    return [
        {"instance": case.instance.name, "type": case.pending.type.label, "reason": action.reason}
        for case, action in plan.rows
        if case.pending
    ]


def diff(outcomes: Iterable[Outcome]) -> list[dict[str, str]]:
    """The tags of every object that changed, before and after, as C(--diff) shows them."""
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


# --- the parts -------------------------------------------------------------------------------------------------------


def _node(node: Node) -> dict[str, Any]:
    return {
        "name": node.name,
        "group": node.group,
        "state": node.state.value,
        "vm_capable": node.vm_capable,
        "powered": node.powered,
        "changed": None if node.changed is None else int(node.changed),
    }


def _group(group: Group) -> dict[str, Any]:
    return {"name": group.name, "tags": _ours(group.tags)}


def _ours(tags: Iterable[str]) -> list[str]:
    """Those of C(tags) that repairs go by."""
    return sorted(tag for tag in tags if tag.startswith((PREFIX, BEHIND)))


def _jobs(plan: Plan) -> list[dict[str, Any]]:
    """What is known of the jobs of repairs that are pending or have failed; one that has left the queue is not here."""
    known = {
        job.id: job
        for case, action in plan.rows
        for repair in (case.failure, case.pending)
        for job in (case.jobs if repair else ())
        if repair and job.id in repair.jobs
    }
    return [_job(known[number]) for number in sorted(known)]


def _job(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "status": job.status,
        "operations": list(job.operations),
        "done": len(job.done),
        "error": telling(job.error) or None,
        "ended": None if job.ended is None else int(job.ended),
    }


def _cluster(cluster: Cluster) -> dict[str, Any]:
    return {
        "name": cluster.name,
        "master": cluster.master,
        "version": cluster.version,
        "uuid": cluster.uuid,
        "queue_drained": cluster.queue_drained,
        "watcher_paused_until": cluster.watcher_paused_until,
        "tags": list(cluster.tags),
    }


def _instance(case: Case, action: Action) -> dict[str, Any]:
    until = case.policy.suspended_until
    instance = case.instance
    return {
        "name": instance.name,
        "uuid": instance.uuid,
        "group": case.group,
        "disk_template": instance.disk_template,
        "primary": instance.primary,
        "secondaries": list(instance.secondaries),
        "admin_state": instance.admin_state,
        "tags": _ours(instance.tags),
        "state": case.state.value,
        "policy": {
            "allowed": _label(case.policy.allowed),
            "suspended_until": "forever" if until == FOREVER else None if until is None else int(until),
            "source": case.policy.source,
        },
        "repair": _repair(case.failure or case.pending or (case.results[-1] if case.results else None)),
        "needs": _label(case.health.needs),
        "next": action.kind.value,
        "why": action.why.value if action.why else None,
        "reason": action.reason,
    }


def _tells(case: Case, action: Action) -> bool:
    """Whether there is anything to say of an instance."""
    return case.state is not State.HEALTHY or action.kind is not Kind.NONE or case.instance.forthcoming


def _label(kind: Any) -> str | None:
    return None if kind is None else str(kind.label)


def _repair(repair: Repair | None) -> dict[str, Any] | None:
    if repair is None:
        return None
    return {
        "type": repair.type.label,
        "id": repair.id,
        "timestamp": repair.timestamp,
        "jobs": list(repair.jobs),
        "result": repair.result,
    }


def _state(action: Action, cases: Mapping[str, Case], plan: Plan) -> dict[str, Any]:
    """What an action's instance is now: its UUID, its nodes with their states, and its last repair that has ended."""
    if action.scope != "instance":
        return {"uuid": None, "on": [], "after": None}
    case = cases[action.name]
    names = (case.instance.primary, *case.instance.secondaries)
    states = [(name, plan.cluster.nodes.get(name)) for name in names]
    return {
        "uuid": case.instance.uuid,
        "on": [f"{name} {node.state.value if node else 'unknown'}" for name, node in states],
        "after": case.results[-1].id if case.results else None,
    }


def _action(action: Action) -> dict[str, Any]:
    return {
        "instance": action.name if action.scope == "instance" else None,
        "scope": action.scope,
        "name": action.name,
        "action": action.kind.value,
        "type": _label(action.type),
        "id": action.repair.id if action.repair else None,
        "why": action.why.value if action.why else None,
        "steps": [step.operation.value for step in action.steps],
        "permitted": [step.operation.value for step in action.permitted],
        "nodes": list(action.nodes),
        "result": action.result,
        "cancel": list(action.cancel),
        "remove": sorted(action.remove),
        "add": sorted(action.add),
        "reason": action.reason,
        "command": action.command or None,
    }
