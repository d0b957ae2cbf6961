# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Document: a plan and its parts, as data for modules (design, section 6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..diagnosis.causes import telling
from ..ganeti.model import Cluster, Group, Job, Node
from ..repair.action import Action, ActionKind
from ..repair.case import Case, State
from ..repair.history import Repair
from ..tags.fields import BEHIND, PREFIX
from ..tags.values import FOREVER
from .fingerprint import fingerprint_of, last_ended, states_of_nodes
from .plan import Plan
from .schema import (
    ActionFacts,
    ClusterFacts,
    GroupFacts,
    InstanceFacts,
    JobFacts,
    NodeFacts,
    PlanFacts,
    PlannedActionFacts,
    RepairFacts,
)


def plan_data(plan: Plan) -> PlanFacts:
    """The actions of `plan`, the nodes to fence for it, and a hash over what it would write."""
    cases = {case.instance.name: case for case, action in plan.rows}
    actions = [_planned(action, cases, plan) for action in plan.actions]
    fingerprint = fingerprint_of(plan)
    return {"actions": actions, "fence": list(plan.fence), "cluster": fingerprint.cluster, "hash": fingerprint.hash}


def node_data(node: Node) -> NodeFacts:
    """A node as the facts have it."""
    return {
        "name": node.name,
        "group": node.group,
        "state": node.state.value,
        "vm_capable": node.vm_capable,
        "powered": node.powered,
        "changed": None if node.changed is None else int(node.changed),
    }


def group_data(group: Group) -> GroupFacts:
    """A node group as the facts have it."""
    return {"name": group.name, "tags": _ours(group.tags)}


def _ours(tags: Iterable[str]) -> list[str]:
    """Those of `tags` that repairs go by."""
    return sorted(tag for tag in tags if tag.startswith((PREFIX, BEHIND)))


def jobs_data(plan: Plan) -> list[JobFacts]:
    """What is known of the jobs of repairs that are pending or have failed; one that has left the queue is not here."""
    known = {
        job.id: job
        for case, action in plan.rows
        for repair in (case.failure, case.pending)
        for job in (case.jobs if repair else ())
        if repair and job.id in repair.jobs
    }
    return [_job(known[number]) for number in sorted(known)]


def _job(job: Job) -> JobFacts:
    return {
        "id": job.id,
        "status": job.status,
        "operations": list(job.operations),
        "done": len(job.done),
        "error": telling(job.error) or None,
        "ended": None if job.ended is None else int(job.ended),
    }


def cluster_data(cluster: Cluster) -> ClusterFacts:
    """The cluster itself as the facts have it."""
    return {
        "name": cluster.name,
        "master": cluster.master,
        "version": cluster.version,
        "uuid": cluster.uuid,
        "queue_drained": cluster.queue_drained,
        "watcher_paused_until": cluster.watcher_paused_until,
        "tags": list(cluster.tags),
    }


def instance_data(case: Case, action: Action) -> InstanceFacts:
    """An instance as the facts have it, with what comes next for it."""
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
        "next": action.kind.label,
        "why": action.why.value if action.why else None,
        "reason": action.reason,
    }


def has_news(case: Case, action: Action) -> bool:
    """Whether there is anything to say of an instance."""
    return case.state is not State.HEALTHY or action.kind is not ActionKind.NONE or case.instance.forthcoming


def _label(kind: Any) -> str | None:
    return None if kind is None else str(kind.label)


def _repair(repair: Repair | None) -> RepairFacts | None:
    if repair is None:
        return None
    return {
        "type": repair.type.label,
        "id": repair.id,
        "timestamp": repair.timestamp,
        "jobs": list(repair.jobs),
        "result": repair.result,
    }


def _planned(action: Action, cases: Mapping[str, Case], plan: Plan) -> PlannedActionFacts:
    """An action of `plan`, with what its instance is now: its UUID, its nodes with their states, and its last repair
    that has ended."""
    case = cases[action.name] if action.scope == "instance" else None
    return {
        **action_data(action),
        "uuid": case.instance.uuid if case else None,
        "on": states_of_nodes(case, plan) if case else [],
        "after": last_ended(case) if case else None,
    }


def action_data(action: Action) -> ActionFacts:
    """An action as plans and results have it."""
    return {
        "instance": action.name if action.scope == "instance" else None,
        "scope": action.scope,
        "name": action.name,
        "action": action.kind.label,
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
