# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Summary: the facts of clusters as one report, from which pages and metrics are made (docs/report.schema.json)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import BadOption
from ..ganeti.model import NodeState, RepairType
from ..ganeti.operations import STEPS
from ..repair.case import State
from ..repair.reasons import Why
from ..tags.fields import PREFIX
from .explanations import FOR_PEOPLE

VERSION = 1  # of the report's form
Facts = Mapping[str, Any]
Report = dict[str, Any]

_OPCODES = {step.value: step.opcode for step in STEPS}
_HARMLESS = re.compile(r"[A-Za-z0-9_@%+=:,./ -]+\Z")  # nothing of it means more to a shell than it says
_ENDS = {"success": "done", "error": "failed", "canceled": "canceled"}


@dataclass(frozen=True)
class Look:
    """One look at one cluster: its C(facts), or the C(error) for which there are none.

    C(name) is its name in the inventory; C(time) is when it was looked at, or last could be, C(last_round) when a
    round was played there last, where that is known; in seconds since the epoch.
    """

    name: str
    facts: Facts | None
    error: str = ""
    time: int | None = None
    last_round: int | None = None


def report_of(looks: Sequence[Look], now: int) -> Report:
    """The report on all of C(looks), made at C(now) (seconds since the epoch). Raises BadOption for strange facts."""
    clusters = [_cluster(look) for look in looks]
    return {"version": VERSION, "time": now, "summary": _total(clusters), "clusters": clusters}


def part_of(report: Report, cluster: Mapping[str, Any]) -> Report:
    """The report on one of its clusters."""
    return dict(report, summary=_total([cluster]), clusters=[cluster])


def without_healthy(report: Report) -> Report:
    """C(report) without the instances of which there is nothing to say; they are still counted."""
    return dict(report, clusters=[_unhealthy(cluster) for cluster in report["clusters"]])


def _unhealthy(cluster: Mapping[str, Any]) -> Mapping[str, Any]:
    seen = cluster["seen"]
    if seen is None:
        return cluster
    told = [one for one in seen["instances"] if one["attention"] or one["state"] != State.HEALTHY.value]
    return dict(cluster, seen=dict(seen, instances=told))


# --- one cluster -----------------------------------------------------------------------------------------------------


def _cluster(look: Look) -> Report:
    try:
        seen = None if look.facts is None else _seen(look.facts)
        time = look.time if look.facts is None else int(look.facts["time"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadOption(
            f"cannot make a report of {look.name}: its facts are not those of ganeti_autorepair_facts ({error!r})"
        ) from error
    problem = None if seen else look.error or "nobody has looked at it"
    return {"name": look.name, "error": problem, "time": time, "last_round": look.last_round, "seen": seen}


def _seen(facts: Facts) -> Report:
    instances = _instances(facts)
    repairs = [(one, one["repair"]) for one in instances if one["repair"]]
    pending = [repair for one, repair in repairs if repair["result"] is None]
    failed = [repair for one, repair in repairs if repair["result"] == "failure"]
    return {
        "cluster": dict(facts["cluster"]),
        "counts": {
            "states": _count((one["state"] for one in instances), [state.value for state in reversed(State)]),
            "attention": _count((one["attention"] for one in instances), ("person", "repair", "hold")),
            "reasons": _count((one["why"] for one in instances), [why.value for why in Why]),
            "needed": _count((one["needs"] for one in instances), _TYPES),
            "pending": _count((repair["type"] for repair in pending), _TYPES),
            "failed": _count((repair["type"] for repair in failed), _TYPES),
            "nodes": _count((node["state"] for node in facts["nodes"]), [state.value for state in NodeState]),
        },
        "oldest_pending": min((repair["timestamp"] for repair in pending), default=None),
        "oldest_failure": min((repair["timestamp"] for repair in failed), default=None),
        "breaker": dict(facts["breaker"]),
        "stopped": facts["stopped"],
        "notices": _notices(facts),
        "fence": list(facts["plan"]["fence"]),
        "groups": [dict(group) for group in facts["groups"]],
        "nodes": _nodes(facts),
        "instances": instances,
    }


def _notices(facts: Facts) -> list[str]:
    """What a person has to look at on the cluster itself, or on one of its groups."""
    found = [one for one in facts["plan"]["actions"] if one["instance"] is None and one["action"] == "report"]
    return [f"{one['scope']} {one['name']}".strip() + f": {one['reason']}" for one in found]


_TYPES = [kind.label for kind in RepairType]


def _count(found: Iterable[Any], names: Iterable[str]) -> dict[str, int]:
    """How often each of C(names) was C(found); all of them, so that none is ever missing."""
    counts = Counter(found)
    return {name: counts[name] for name in names}


def _total(clusters: Sequence[Mapping[str, Any]]) -> Report:
    seen = [cluster["seen"]["counts"] for cluster in clusters if cluster["seen"]]
    return {
        "clusters": len(clusters),
        "unread": len(clusters) - len(seen),
        "states": _sum((counts["states"] for counts in seen), [state.value for state in reversed(State)]),
        "attention": _sum((counts["attention"] for counts in seen), ("person", "repair", "hold")),
    }


def _sum(counts: Iterable[Mapping[str, int]], names: Iterable[str]) -> dict[str, int]:
    every = list(counts)
    return {name: sum(one[name] for one in every) for name in names}


def _nodes(facts: Facts) -> list[Report]:
    primaries = Counter(one["primary"] for one in facts["instances"])
    secondaries = Counter(name for one in facts["instances"] for name in one["secondaries"])
    return [
        dict(node, primaries=primaries[node["name"]], secondaries=secondaries[node["name"]]) for node in facts["nodes"]
    ]


# --- one instance ----------------------------------------------------------------------------------------------------


def _instances(facts: Facts) -> list[Report]:
    """The instances with all that is known of each: those first that need a person."""
    actions = {one["instance"]: one for one in facts["plan"]["actions"] if one["instance"] and one["action"] != "lift"}
    jobs = {job["id"]: job for job in facts["jobs"]}
    nodes = {node["name"]: node for node in facts["nodes"]}
    found = [_instance(one, actions.get(one["name"], {}), jobs, nodes) for one in facts["instances"]]
    order = ("person", "repair", "hold", None)
    return sorted(found, key=lambda one: (order.index(one["attention"]), one["name"]))


def _instance(one: Facts, action: Facts, jobs: Mapping[int, Facts], nodes: Mapping[str, Facts]) -> Report:
    repair = one["repair"]
    open_repair = repair if repair and repair["result"] in (None, "failure") else None
    mine = [jobs.get(number, _gone(number)) for number in open_repair["jobs"]] if open_repair else []
    return dict(
        one,
        attention=_attention(one),
        since=_since(one, nodes),
        command=_command(one, action, nodes),
        steps=_steps(action, mine),
        jobs=mine,
    )


def _gone(number: int) -> Report:
    """A job that has left the queue."""
    return {"id": number, "status": None, "operations": [], "done": 0, "error": None, "ended": None}


def _attention(one: Facts) -> str | None:
    """What an instance asks for: a C(person); nothing, as it is under C(repair); nothing yet, as something holds it."""
    if one["next"] in ("report", "refuse") or one["why"] in FOR_PEOPLE:
        return "person"
    if one["next"] in ("submit", "finish") or (one["next"] == "wait" and one["state"] == "pending_repair"):
        return "repair"
    if one["next"] in ("hold", "wait") or (one["next"] == "none" and one["needs"] and one["why"] == "not_chosen"):
        return "hold"
    return None


def _since(one: Facts, nodes: Mapping[str, Facts]) -> int | None:
    """Since when it is as it is: its repair began or failed then; or its first bad node was marked then, or before."""
    repair = one["repair"]
    if repair and one["state"] in ("pending_repair", "repair_failed"):
        return int(repair["timestamp"])
    if not one["needs"]:
        return None
    placed = [nodes[name] for name in (one["primary"], *one["secondaries"]) if name in nodes]
    marked = [int(node["changed"]) for node in placed if node["state"] != "online" and node["changed"] is not None]
    return min(marked, default=None)


def _command(one: Facts, action: Facts, nodes: Mapping[str, Facts]) -> str | None:
    """What a person can run; nothing that a shell would take for more than it is."""
    command = action.get("command")
    if one["why"] == Why.NOT_ALLOWED.value and one["needs"]:
        command = f"gnt-instance add-tags {one['name']} {PREFIX}{one['needs']}"
    if one["why"] == Why.LAST_COPY_DRAINED.value:
        drained = [name for name in one["secondaries"] if nodes.get(name, {}).get("state") == "drained"]
        command = f"gnt-node modify --drained=no {drained[0]}" if drained else None
    return command if command and _HARMLESS.match(command) else None


def _steps(action: Facts, jobs: Sequence[Facts]) -> list[Report]:
    """The steps of a repair: those that its jobs have taken or are taking, then those to come."""
    taken = [_taken(job, at, opcode) for job in jobs for at, opcode in enumerate(job["operations"])]
    steps = [step for step in taken if step["step"]]
    coming = list(action.get("steps", ()))
    if coming and any(step["state"] == "running" and step["step"] == coming[0] for step in steps):
        del coming[0]
    open_end = action.get("type") is None and action.get("action") in ("hold", "wait")  # nobody has weighed them yet
    allowed = len(coming) if open_end else len(action.get("permitted", ()))
    later = [("to_come" if at < allowed else "not_allowed", name) for at, name in enumerate(coming)]
    return steps + [{"step": name, "state": state, "job": None} for state, name in later]


def _taken(job: Facts, at: int, opcode: str) -> Report:
    """What became of one operation of a job; C(step) is None for one that is no step of a repair."""
    step = next((name for name, known in _OPCODES.items() if known == opcode), None)
    state = "done" if at < job["done"] else _ENDS.get(job["status"], "running") if at == job["done"] else "to_come"
    return {"step": step, "state": state, "job": job["id"]}
