# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Summary: the facts of clusters as one report, from which pages and metrics are made (docs/report.schema.json)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from ..errors import BadOption
from ..ganeti.model import NodeState, RepairType
from ..ganeti.operations import STEPS
from ..planning.schema import ActionFacts, InstanceFacts, JobFacts, NodeFacts
from ..repair.action import ActionKind
from ..repair.case import State
from ..repair.reasons import Reason
from ..tags.fields import PREFIX
from .looked import looked_node, looked_nodes, verdict_counts
from .schema import ClusterReport, Facts, InstanceReport, NodeReport, Report, SeenCluster, StepReport, Totals

VERSION = 1  # of the report's format

_OPCODES = {step.value: step.opcode for step in STEPS}
_HARMLESS = re.compile(r"[A-Za-z0-9_@%+=:,./ -]+\Z")  # no character that is special to a shell
_FOR_PEOPLE = tuple(reason.value for reason in Reason if reason.for_people)
_OF_PERSON = (ActionKind.REPORT.label, ActionKind.REFUSE.label)
_OF_REPAIR = (ActionKind.SUBMIT.label, ActionKind.FINISH.label)
_ENDS = {"success": "done", "error": "failed", "canceled": "canceled"}


class Attention(Enum):
    """What an instance asks for: a person, nothing while it is under repair, or nothing while something holds it."""

    PERSON = "person"
    REPAIR = "repair"
    HOLD = "hold"


ATTENTION = tuple(attention.value for attention in Attention)


@dataclass(frozen=True)
class Look:
    """One look at one cluster: its `facts`, or the `error` that prevented them; and the facts about its `nodes`, if
    somebody looked at these.

    `name` is its name in the inventory. In seconds since the epoch, `time` is when it was last read if there are no
    `facts`, and `last_round` when the last known round ran.
    """

    name: str
    facts: Mapping[str, Any] | None
    error: str = ""
    time: int | None = None
    last_round: int | None = None
    nodes: Mapping[str, Any] | None = None


def report_of(looks: Sequence[Look], now: int) -> Report:
    """The report on all of `looks`, made at `now` (seconds since the epoch). Raises BadOption for malformed facts."""
    clusters = [_cluster(look) for look in looks]
    return {"version": VERSION, "time": now, "summary": _total(clusters), "clusters": clusters}


def part_of(report: Report, cluster: ClusterReport) -> Report:
    """The report on one of its clusters."""
    return {**report, "summary": _total([cluster]), "clusters": [cluster]}


def without_healthy(report: Report) -> Report:
    """`report` without the healthy instances that ask for nothing; they are still counted."""
    return {**report, "clusters": [_unhealthy(cluster) for cluster in report["clusters"]]}


def _unhealthy(cluster: ClusterReport) -> ClusterReport:
    seen = cluster["seen"]
    if seen is None:
        return cluster
    told = [
        instance for instance in seen["instances"] if instance["attention"] or instance["state"] != State.HEALTHY.value
    ]
    return {**cluster, "seen": {**seen, "instances": told}}


# --- one cluster -----------------------------------------------------------------------------------------------------


def _cluster(look: Look) -> ClusterReport:
    try:
        # what is missing raises KeyError
        seen = None if look.facts is None else _seen(cast(Facts, look.facts), look.nodes)
        time = look.time if look.facts is None else int(look.facts["time"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadOption(
            f"cannot make a report of {look.name}: its facts are not those of ganeti_autorepair_facts and of "
            f"ganeti_autorepair_node_facts ({error!r})"
        ) from error
    problem = None if seen else look.error or "it has not been read yet"
    return {"name": look.name, "error": problem, "time": time, "last_round": look.last_round, "seen": seen}


def _seen(facts: Facts, look_at_nodes: Mapping[str, Any] | None) -> SeenCluster:
    instances, nodes = _instances(facts), _nodes(facts, look_at_nodes)
    repairs = [(instance, instance["repair"]) for instance in instances if instance["repair"]]
    pending = [repair for instance, repair in repairs if repair["result"] is None]
    failed = [repair for instance, repair in repairs if repair["result"] == "failure"]
    return {
        "cluster": {**facts["cluster"]},
        "counts": {
            "states": _count((instance["state"] for instance in instances), [state.value for state in reversed(State)]),
            "attention": _count((instance["attention"] for instance in instances), ATTENTION),
            "reasons": _count((instance["why"] for instance in instances), [why.value for why in Reason]),
            "needed": _count((instance["needs"] for instance in instances), _TYPES),
            "pending": _count((repair["type"] for repair in pending), _TYPES),
            "failed": _count((repair["type"] for repair in failed), _TYPES),
            "nodes": _count((node["state"] for node in facts["nodes"]), [state.value for state in NodeState]),
            "verdicts": verdict_counts(nodes),
        },
        "oldest_pending": min((repair["timestamp"] for repair in pending), default=None),
        "oldest_failure": min((repair["timestamp"] for repair in failed), default=None),
        "breaker": {**facts["breaker"]},
        "stopped": facts["stopped"],
        "notices": _notices(facts),
        "fence": list(facts["plan"]["fence"]),
        "groups": [{**group} for group in facts["groups"]],
        "looked": looked_nodes(look_at_nodes) if look_at_nodes else None,
        "nodes": nodes,
        "instances": instances,
    }


def _notices(facts: Facts) -> list[str]:
    """What needs a person on the cluster itself, or on one of its groups."""
    found = [
        action for action in facts["plan"]["actions"] if action["instance"] is None and action["action"] == "report"
    ]
    return [f"{action['scope']} {action['name']}".strip() + f": {action['reason']}" for action in found]


_TYPES = [kind.label for kind in RepairType]


def _count(found: Iterable[Any], names: Iterable[str]) -> dict[str, int]:
    """How often each of `names` was `found`; 0 where it was not."""
    counts = Counter(found)
    return {name: counts[name] for name in names}


def _total(clusters: Sequence[ClusterReport]) -> Totals:
    seen = [cluster["seen"]["counts"] for cluster in clusters if cluster["seen"]]
    return {
        "clusters": len(clusters),
        "unread": len(clusters) - len(seen),
        "states": _sum((counts["states"] for counts in seen), [state.value for state in reversed(State)]),
        "attention": _sum((counts["attention"] for counts in seen), ATTENTION),
    }


def _sum(counts: Iterable[Mapping[str, int]], names: Iterable[str]) -> dict[str, int]:
    every = list(counts)
    return {name: sum(counts[name] for counts in every) for name in names}


def _nodes(facts: Facts, look_at_nodes: Mapping[str, Any] | None) -> list[NodeReport]:
    looked = {node["name"]: looked_node(node) for node in look_at_nodes["nodes"]} if look_at_nodes else {}
    primaries = Counter(instance["primary"] for instance in facts["instances"])
    secondaries = Counter(name for instance in facts["instances"] for name in instance["secondaries"])
    return [
        {
            **node,
            "primaries": primaries[node["name"]],
            "secondaries": secondaries[node["name"]],
            "looked": looked.get(node["name"]),
        }
        for node in facts["nodes"]
    ]


# --- one instance ----------------------------------------------------------------------------------------------------


def _instances(facts: Facts) -> list[InstanceReport]:
    """The instances with all that is known of each, sorted by what they ask for: first those that need a person."""
    actions = {
        action["instance"]: action
        for action in facts["plan"]["actions"]
        if action["instance"] and action["action"] != "lift"
    }
    jobs = {job["id"]: job for job in facts["jobs"]}
    nodes = {node["name"]: node for node in facts["nodes"]}
    found = [_instance(instance, actions.get(instance["name"]), jobs, nodes) for instance in facts["instances"]]
    order = (*ATTENTION, None)
    return sorted(found, key=lambda instance: (order.index(instance["attention"]), instance["name"]))


def _instance(
    instance: InstanceFacts,
    action: ActionFacts | None,
    jobs: Mapping[int, JobFacts],
    nodes: Mapping[str, NodeFacts],
) -> InstanceReport:
    repair, attention = instance["repair"], _attention(instance)
    open_repair = repair if repair and repair["result"] in (None, "failure") else None
    mine = [jobs.get(number, _gone(number)) for number in open_repair["jobs"]] if open_repair else []
    return {
        **instance,
        "attention": attention.value if attention else None,
        "since": _since(instance, nodes),
        "command": _command(instance, action, nodes),
        "steps": _steps(action, mine),
        "jobs": mine,
    }


def _gone(number: int) -> JobFacts:
    """A job that is no longer in the queue."""
    return {"id": number, "status": None, "operations": [], "done": 0, "error": None, "ended": None}


def _attention(instance: InstanceFacts) -> Attention | None:
    """What an instance asks for, judged by its next action and the reason."""
    if instance["next"] in _OF_PERSON or instance["why"] in _FOR_PEOPLE:
        return Attention.PERSON
    waits, chosen = instance["next"] == ActionKind.WAIT.label, instance["why"] != Reason.NOT_CHOSEN.value
    if instance["next"] in _OF_REPAIR or (waits and instance["state"] == State.PENDING_REPAIR.value):
        return Attention.REPAIR
    if waits or instance["next"] == ActionKind.HOLD.label or (instance["needs"] and not chosen):
        return Attention.HOLD
    return None


def _since(instance: InstanceFacts, nodes: Mapping[str, NodeFacts]) -> int | None:
    """Since when it is in its state: when its repair began or failed, or when its first bad node was last changed."""
    repair = instance["repair"]
    if repair and instance["state"] in ("pending_repair", "repair_failed"):
        return int(repair["timestamp"])
    if not instance["needs"]:
        return None
    placed = [nodes[name] for name in (instance["primary"], *instance["secondaries"]) if name in nodes]
    marked = [int(node["changed"]) for node in placed if node["state"] != "online" and node["changed"] is not None]
    return min(marked, default=None)


def _command(instance: InstanceFacts, action: ActionFacts | None, nodes: Mapping[str, NodeFacts]) -> str | None:
    """The command that a person can run; None if there is none, or if it has characters that are special to a shell."""
    command = action["command"] if action else None
    if instance["why"] == Reason.NOT_ALLOWED.value and instance["needs"]:
        command = f"gnt-instance add-tags {instance['name']} {PREFIX}{instance['needs']}"
    if instance["why"] == Reason.LAST_COPY_DRAINED.value:
        drained = [name for name in instance["secondaries"] if name in nodes and nodes[name]["state"] == "drained"]
        command = f"gnt-node modify --drained=no {drained[0]}" if drained else None
    return command if command and _HARMLESS.match(command) else None


def _steps(action: ActionFacts | None, jobs: Sequence[JobFacts]) -> list[StepReport]:
    """The steps of a repair: those that are done or running in its jobs, then those to come."""
    taken = [_taken(job, at, opcode) for job in jobs for at, opcode in enumerate(job["operations"])]
    steps = [step for step in taken if step]
    if not action:
        return steps
    coming = list(action["steps"])
    if coming and any(step["state"] == "running" and step["step"] == coming[0] for step in steps):
        del coming[0]
    open_end = action["type"] is None and action["action"] in ("hold", "wait")  # permissions not checked yet
    allowed = len(coming) if open_end else len(action["permitted"])
    for at, name in enumerate(coming):
        steps.append({"step": name, "state": "to_come" if at < allowed else "not_allowed", "job": None})
    return steps


def _taken(job: JobFacts, at: int, opcode: str) -> StepReport | None:
    """The state of one operation of a job; None if the operation is no step of a repair."""
    step = next((name for name, known in _OPCODES.items() if known == opcode), None)
    if step is None:
        return None
    ended = _ENDS.get(job["status"] or "", "running")
    state = "done" if at < job["done"] else ended if at == job["done"] else "to_come"
    return {"step": step, "state": state, "job": job["id"]}
