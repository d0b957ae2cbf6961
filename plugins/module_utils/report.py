# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report: a plan and what became of it, as data for modules and as lines for people (design, section 6)."""

from __future__ import annotations

import hashlib
import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .action import Action, Kind
from .model import Cluster, utc
from .plan import Plan
from .repairs import Repair
from .state import Case, State
from .tags import FOREVER, parse_tags
from .writer import NOT_BEGUN, Outcome

WIDTH = 100  # of the lines of a report
INDENT = "    "


def facts(plan: Plan) -> dict[str, Any]:
    """All of C(plan) as C(ansible_facts.ganeti_autorepair) gives it."""
    return {
        "cluster": _cluster(plan.cluster),
        "time": int(plan.time),
        "summary": dict(plan.summary),
        "nodes": [
            {"name": node.name, "group": node.group, "state": node.state.value, "vm_capable": node.vm_capable}
            for node in plan.cluster.nodes.values()
        ],
        "instances": [_instance(case, action) for case, action in plan.rows],
        "plan": planned(plan),
        "report": lines(plan, [Outcome(action) for action in plan.actions], plan, dry_run=True),
    }


def planned(plan: Plan) -> dict[str, Any]:
    """The actions of C(plan), and a hash over those that write: the same hash means the same deeds."""
    deeds = [_deed(action) for action in plan.actions if action.kind.writes]
    text = json.dumps(sorted(deeds, key=lambda deed: (deed["scope"], deed["name"])), sort_keys=True)
    return {
        "actions": [_action(action) for action in plan.actions],
        "hash": hashlib.sha256(text.encode()).hexdigest(),
    }


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


def lines(before: Plan, outcomes: Sequence[Outcome], after: Plan, dry_run: bool) -> list[str]:
    """What a person wants to know of a round: what is not healthy, what was done about it and why, and the counts."""
    name = before.cluster.name or "the cluster"
    text = ["{}, {}{}".format(name, utc(before.time), ": nothing was written" if dry_run else "")]
    table = _table(before, outcomes, after, dry_run)
    text += ["", *table] if table else ["", "No instance is on a node marked offline or drained."]
    errors = [outcome for outcome in outcomes if outcome.error and outcome.error != NOT_BEGUN]
    remarks = [f"ERROR {_object(outcome.action)}: {outcome.error}" for outcome in errors]
    remarks += [remark for outcome in outcomes for remark in _forgotten(outcome)]
    remarks += [f"WARNING {warning}" for warning in before.warnings]
    text += ["", *remarks] if remarks else []
    counts = [f"{count} {state}" for state, count in after.summary.items() if count]
    text += ["", "{} instances: {}".format(len(after.rows), ", ".join(counts) or "none")]
    return text


# --- the parts ------------------------------------------------------------------------------------------------------


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
        "state": case.state.value,
        "policy": {
            "allowed": _label(case.policy.allowed),
            "suspended_until": "forever" if until == FOREVER else None if until is None else int(until),
            "source": case.policy.source,
        },
        "repair": _repair(case.failure or case.pending or (case.results[-1] if case.results else None)),
        "needs": _label(case.health.needs),
        "next": action.kind.value,
        "reason": action.reason,
    }


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


def _action(action: Action) -> dict[str, Any]:
    return {
        "instance": action.name if action.scope == "instance" else None,
        "scope": action.scope,
        "name": action.name,
        "action": action.kind.value,
        "type": _label(action.type),
        "id": action.repair.id if action.repair else None,
        "steps": [step.operation.value for step in action.steps],
        "nodes": list(action.nodes),
        "result": action.result,
        "reason": action.reason,
    }


def _deed(action: Action) -> dict[str, Any]:
    """What an action would do, without the words about it; where disks go is settled only when they are recreated."""
    deed = dict(_action(action), remove=sorted(action.remove))
    return {key: value for key, value in deed.items() if key not in ("reason", "nodes", "instance")}


_DONE: Mapping[Kind, tuple[str, str]] = {  # what a kind of action reads like: in a dry run, and when it was done
    Kind.FINISH: ("would end the repair: {}", "ended the repair: {}"),
    Kind.REFUSE: ("would note enoperm", "noted enoperm"),
    Kind.LIFT: ("would lift the suspend", "lifted the suspend"),
    Kind.WAIT: ("waits", "waits"),
    Kind.HOLD: ("held", "held"),
    Kind.REPORT: ("needs a person", "needs a person"),
}


def _table(before: Plan, outcomes: Sequence[Outcome], after: Plan, dry_run: bool) -> list[str]:
    """The instances that are not healthy or had something done to them, each with the reason below it; and the suspends
    that were lifted from groups and the cluster."""
    states = {case.instance.name: case.state.value for case, action in (*before.rows, *after.rows)}
    told = [
        ((_object(outcome.action), states.get(outcome.action.name, ""), _done(outcome, dry_run)), outcome.action)
        for outcome in outcomes
    ]
    names = {action.name for row, action in told}
    told += [
        ((case.instance.name, case.state.value, ""), action)
        for case, action in after.rows
        if case.instance.name not in names and case.state is not State.HEALTHY
    ]
    if not told:
        return []
    columns = _columns([("INSTANCE", "STATE", "DONE"), *(row for row, action in told)])
    return columns[:1] + [line for start, (row, action) in zip(columns[1:], told) for line in (start, *_reason(action))]


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """C(rows) in columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def _reason(action: Action) -> list[str]:
    """Why, in lines that are no wider than WIDTH; a command for a person has a line of its own, so that it can be
    copied."""
    words = action.reason[: len(action.reason) - len(action.command)].rstrip()
    whole = textwrap.TextWrapper(
        WIDTH, initial_indent=INDENT, subsequent_indent=INDENT, break_long_words=False, break_on_hyphens=False
    )
    text = whole.wrap(words)
    return text + ([INDENT + INDENT + action.command] if action.command else [])


def _object(action: Action) -> str:
    """What an action is about, for people: an instance by its name alone."""
    return action.name if action.scope == "instance" else f"{action.scope} {action.name}".strip()


def _forgotten(outcome: Outcome) -> Iterable[str]:
    """The jobs of a repair for which its newest tag has no room (design, section 2)."""
    tags = parse_tags(outcome.added)
    noted = [tag.jobs for tag in tags.results] + [tag.jobs for tag in tags.pendings if tag.jobs]
    lost = [str(job) for jobs in noted for job in outcome.jobs if job not in jobs]
    if lost:
        yield f"NOTE {_object(outcome.action)}: its tag has no room for the oldest of its jobs, {', '.join(lost)}"


def _done(outcome: Outcome, dry_run: bool) -> str:
    """What was done, in a few words."""
    action = outcome.action
    if outcome.error:
        return "not begun" if outcome.error == NOT_BEGUN else f"{action.kind.value} went wrong"
    if action.kind is Kind.SUBMIT:
        taken = [step.value for step in outcome.steps] or [action.steps[0].operation.value]
        nodes = " on " + " and ".join(action.nodes) if action.nodes else ""
        step = ", ".join([taken[0] + nodes, *taken[1:]])
        return f"would submit {step}" if dry_run else f"job {outcome.jobs[-1]}: {step}"
    return _DONE[action.kind][0 if dry_run else 1].format(action.result or "no result")
