# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text: a plan and its outcomes, as lines for people (design, section 6)."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ..diagnosis.instances import DrainedSecondaries
from ..ganeti.model import utc
from ..ganeti.operations import Operation
from ..planning.plan import Plan
from ..repair.action import Action, ActionKind
from ..repair.case import State
from ..repair.outcome import NOT_BEGUN, Outcome
from ..repair.reasons import Reason
from ..tags.values import parse_tags

WIDTH = 100  # of the lines of a report
INDENT = "    "
_COMMAND = re.compile(r"(?<=: )(?:gnt-|lvs |df )[^;]*")  # in a reason: from a colon to the next semicolon
_GLUE = "\0"  # stands for a space at which a line must not break


def render_round(before: Plan, outcomes: Sequence[Outcome], after: Plan, dry_run: bool) -> list[str]:
    """The report of a round: which instances are not healthy, what was done about them and why, and the counts."""
    name = before.cluster.name or "the cluster"
    text = ["{}, {}{}".format(name, utc(before.time), ": nothing was written" if dry_run else "")]
    text += [f"STOPPED no repair starts: {before.stopped}; to resume: {_start(before)}"] if before.stopped else []
    table = _table(before, outcomes, after, dry_run)
    text += ["", *(table or [_NOTHING[before.limits.drained_secondaries]])]
    errors = [outcome for outcome in outcomes if outcome.error and outcome.error != NOT_BEGUN]
    remarks = [f"{_level(outcome)} {object_of(outcome.action)}: {outcome.error}" for outcome in errors]
    remarks += [remark for outcome in outcomes for remark in _dropped_job_notes(outcome)]
    remarks += [f"WARNING {warning}" for warning in before.warnings]
    remarks += [_UNKNOWN] * _is_unknown(before)
    remarks += [f"BREAKER {breaker.words}" for breaker in after.breakers if breaker.tripped]
    remarks += [f"FENCE {name}: steps wait until it is confirmed to be off" for name in after.fence]
    text += ["", *remarks] if remarks else []
    counts = [f"{count} {state}" for state, count in after.summary.items() if count]
    text += ["", "{}: {}".format(_count(len(after.rows), "instance"), ", ".join(counts) or "none")]
    held = Counter(action.why.value for case, action in after.rows if action.kind is ActionKind.HOLD and action.why)
    text += ["held: " + ", ".join(f"{count} by {why}" for why, count in sorted(held.items()))] if held else []
    return text


_NOTHING: Mapping[DrainedSecondaries, str] = {
    DrainedSecondaries.REPLACE: "No instance is on a node marked offline or drained.",
    DrainedSecondaries.KEEP: "No instance is on a node marked offline, or has its primary on a drained one.",
}


# --- the parts -------------------------------------------------------------------------------------------------------


_UNKNOWN = "NOTE RAPI does not say whether the job queue is drained or the watcher is paused"
_DONE: Mapping[ActionKind, tuple[str, str]] = {  # how a kind of action is described: in a dry run, and once it is done
    ActionKind.FINISH: ("would end the repair: {}", "ended the repair: {}"),
    ActionKind.REFUSE: ("would note enoperm", "noted enoperm"),
    ActionKind.LIFT: ("would lift the suspend", "lifted the suspend"),
    ActionKind.WAIT: ("waits", "waits"),
    ActionKind.HOLD: ("held", "held"),
    ActionKind.REMEMBER: ("would remember the storm", "remembered the storm"),
    ActionKind.FORGET: ("would forget the storm", "forgot the storm"),
    ActionKind.REPORT: ("needs a person", "needs a person"),
}
_DOING: Mapping[ActionKind, str] = {  # what went wrong
    ActionKind.SUBMIT: "the step",
    ActionKind.FINISH: "ending the repair",
    ActionKind.REFUSE: "noting enoperm",
    ActionKind.LIFT: "removing the tag",
    ActionKind.REMEMBER: "remembering the storm",
    ActionKind.FORGET: "removing the tag",
}


def _table(before: Plan, outcomes: Sequence[Outcome], after: Plan, dry_run: bool) -> list[str]:
    """The instances that are not healthy or had an action, each with the reason below it; and the actions on groups and
    the cluster."""
    cases = {case.instance.name: case for case, action in (*before.rows, *after.rows)}
    states = {name: case.state.value for name, case in cases.items()}
    shared = frozenset(name for name, case in cases.items() if case.instance.shared)
    told = [
        (
            (object_of(outcome.action), states.get(outcome.action.name, ""), _done(outcome, dry_run, shared)),
            outcome.action,
        )
        for outcome in outcomes
    ]
    names = {action.name for row, action in told}
    told += [
        ((case.instance.name, case.state.value, ""), action)
        for case, action in after.rows
        if case.instance.name not in names and (case.state is not State.HEALTHY or action.why is Reason.FORTHCOMING)
    ]
    if not told:
        return []
    columns = columns_of([("INSTANCE", "STATE", "DONE"), *(row for row, action in told)])
    return columns[:1] + [line for start, (row, action) in zip(columns[1:], told) for line in (start, *_reason(action))]


def columns_of(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """`rows`, of one length, in columns for people."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def _reason(action: Action) -> list[str]:
    return reason_lines(action.reason[: len(action.reason) - len(action.command)].rstrip(), action.command)


def reason_lines(words: str, command: str) -> list[str]:
    """The reason, in lines of up to WIDTH characters. The command for a person has a line of its own, so that it can be
    copied; a command within the text is not broken."""
    whole = textwrap.TextWrapper(
        WIDTH, initial_indent=INDENT, subsequent_indent=INDENT, break_long_words=False, break_on_hyphens=False
    )
    glued = _COMMAND.sub(lambda found: found[0].replace(" ", _GLUE), words)
    text = [line.replace(_GLUE, " ") for line in whole.wrap(glued)]
    return text + ([INDENT + INDENT + command] if command else [])


def object_of(action: Action) -> str:
    """The object of an action, for people: an instance by its name alone, others with their scope."""
    return action.name if action.scope == "instance" else f"{action.scope} {action.name}".strip()


def _level(outcome: Outcome) -> str:
    """How bad the error is: it is only a note if the job is still queued."""
    return "NOTE" if outcome.still_queued else "ERROR"


def _dropped_job_notes(outcome: Outcome) -> Iterable[str]:
    """A note on the jobs of a repair that did not fit into its newest tag (design, section 2)."""
    tags = parse_tags(outcome.added)
    noted = [tag.jobs for tag in tags.results] + [tag.jobs for tag in tags.pendings if tag.jobs]
    lost = [str(job) for jobs in noted for job in outcome.jobs if job not in jobs]
    if lost and not outcome.error:
        yield f"NOTE {object_of(outcome.action)}: its tag has no room for the oldest of its jobs, {', '.join(lost)}"


def _is_unknown(plan: Plan) -> bool:
    """Whether a repair is about to start that a pause of the watcher may hold: RAPI can't tell (Ganeti facts, (d))."""
    begins = any(action.starts_repair for action in plan.actions)
    return begins and plan.limits.respect_watcher_pause and plan.cluster.watcher_paused_until is None


def _start(plan: Plan) -> str:
    """The command that removes the stop from the cluster."""
    tags = plan.shared.cluster
    stops = [tag.tag for tag in tags.stops] + [tag.tag for tag in tags.malformed if tag.kind == "stop"]
    return f"gnt-cluster remove-tags {' '.join(stops)}"


def _done(outcome: Outcome, dry_run: bool, shared: frozenset[str]) -> str:
    """What was done, in a few words; `shared` are the instances on shared storage."""
    action = outcome.action
    if outcome.error:
        how = "waits in the job queue" if outcome.still_queued else "failed"
        return "not started" if outcome.error == NOT_BEGUN else f"{_DOING[action.kind]} {how}"
    if action.kind is ActionKind.SUBMIT:
        now = outcome.steps or [step.operation for step in action.submitted(multi_opcode=False)]
        nodes = " on " + " and ".join(action.nodes) if action.nodes else ""
        if dry_run:
            names = [_if_room(step.operation, action, action.name in shared) for step in action.steps]
            return f"would submit {_listed(names[: len(now)], nodes)}{_to_come(action, names, len(now))}"
        return f"{_jobs(outcome)}: {_listed([operation.value for operation in now], nodes)}"
    if action.cancel and not action.repair:  # its pending tag is not set yet, so there is no repair to end
        return f"{'would cancel' if dry_run else 'canceled'} {_numbers(action.cancel)}"
    why = f": {action.why.value}" if action.why and not action.writes else ""
    return _DONE[action.kind][0 if dry_run else 1].format(action.result or "no result") + why


def _jobs(outcome: Outcome) -> str:
    """The jobs that were submitted now."""
    before = outcome.action.repair.jobs if outcome.action.repair else ()
    return _numbers([job for job in outcome.jobs if job not in before])


def _numbers(jobs: Sequence[int]) -> str:
    return f"{'job' if len(jobs) == 1 else 'jobs'} {', '.join(map(str, jobs))}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _if_room(operation: Operation, action: Action, shared: bool) -> str:
    """The name of a step, with a condition where an allocator has to find a node for it."""
    moves = operation in (Operation.FAILOVER, Operation.MIGRATE) and shared and not action.nodes
    depends = moves or operation is Operation.REPLACE_SECONDARY
    return f"{operation.value} if there is room" if depends else str(operation.value)


def _listed(names: Sequence[str], nodes: str) -> str:
    """Steps as a list, the first with the `nodes` that were chosen for it."""
    return ", ".join([names[0] + nodes, *names[1:]])


def _to_come(action: Action, names: Sequence[str], taken: int) -> str:
    """The steps, by their `names`, after the first `taken`, and which of them are not permitted."""
    allowed = len(action.permitted)
    later = [name + (", not permitted" if at >= allowed else "") for at, name in enumerate(names)]
    return "".join(f", then {name}" for name in later[taken:])
