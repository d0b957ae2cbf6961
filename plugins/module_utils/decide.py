# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide: what comes next for one instance (design, sections 2 to 5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .health import REINSTALL, Step
from .model import Cluster, Job, NodeState, RepairType, utc
from .opcodes import STEPS
from .repairs import Progress, Repair, failed_step, repeatable, rest_of_reinstall, tries
from .state import Case
from .tags import FOREVER

FIRST_PAUSE, LONGEST_PAUSE = 60, 3600  # seconds between two tries of a step; doubled each time
KEPT = 20 * 24 * 3600  # seconds for which Ganeti surely keeps a job: it deletes archived ones after 21 days


class Kind(Enum):
    """What comes next for an object; only C(submit), C(finish), C(lift) and C(refuse) write."""

    NONE = "none"
    SUBMIT = "submit"
    WAIT = "wait"
    FINISH = "finish"
    LIFT = "lift"
    REFUSE = "refuse"
    HOLD = "hold"
    REPORT = "report"

    @property
    def writes(self) -> bool:
        """Whether carrying it out sends anything but reads."""
        return self in (Kind.SUBMIT, Kind.FINISH, Kind.LIFT, Kind.REFUSE)


@dataclass(frozen=True)
class Action:
    """What is to be done with one object, and why.

    C(repair) is the pending repair that it goes on with, None for a new one; C(type) is the repair's type; C(steps) are
    all that are to come, of which the first is submitted now; C(result) is what a C(finish) or C(refuse) writes (None:
    only tags are removed); C(remove) are tags to be removed; C(nodes) where disks are recreated. C(command) is what a
    person can run; C(reason) ends with it.
    """

    kind: Kind
    name: str
    reason: str
    scope: str = "instance"
    type: RepairType | None = None
    repair: Repair | None = None
    steps: tuple[Step, ...] = ()
    result: str | None = None
    remove: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    command: str = ""


def decide(case: Case, cluster: Cluster, now: float, retries: int = 0) -> Action:
    """What comes next for the instance of C(case), and why; a step that failed is taken again C(retries) times."""
    action = _decide(case, cluster, now, retries)
    if action.kind not in (Kind.NONE, Kind.REPORT) or case.unread or case.policy.suspended or case.health.unknown:
        return action
    return _tidy(case) or action


def _decide(case: Case, cluster: Cluster, now: float, retries: int) -> Action:
    if case.failure:  # untouched until a person has looked
        command = f"gnt-instance remove-tags {case.instance.name} {' '.join(case.failure.tags)}"
        why = _failure_reason(case.failure, cluster)
        return _report(case, f"{why}; when it has been looked into: {command}", command)
    if case.unread:
        return _report(case, "{}; put it right or remove it".format("; ".join(map(str, case.unread))))
    if case.policy.suspended and not (case.health.whole and not case.pending):
        return _suspended(case)
    if case.health.unknown:
        return _report(case, case.health.unknown)
    if case.pending:
        return _follow(case, case.pending, cluster, now, retries)
    if case.tags.pendings and not case.policy.suspended:  # a result stands beside it
        return _tidy(case) or _healthy(case)
    if case.health.whole:
        return _healthy(case)
    return _begin(case)


def _tidy(case: Case) -> Action | None:
    """The removal of tags that a result has replaced, where a runner died before it: pending ones of the same repair,
    and, unless a repair has failed or is pending, the results before the last one."""
    ended = {repair.id for repair in case.results}
    over = [tag.tag for tag in case.tags.pendings if tag.id in ended]
    if not case.failure and not case.pending:
        over += [tag for repair in case.results[:-1] for tag in repair.tags if tag not in over]
    why = "its repair has its result; the tags that it replaces are left over"
    return Action(Kind.FINISH, case.instance.name, why, remove=tuple(over)) if over else None


def _healthy(case: Case) -> Action:
    """Nothing is to be done, but a tag of the instance's own that can't be read is said to its owner."""
    if case.tags.malformed:
        return _report(case, "healthy; {}".format("; ".join(map(str, case.tags.malformed))))
    return Action(Kind.NONE, case.instance.name, "suspended, and healthy" if case.policy.suspended else "healthy")


def _report(case: Case, reason: str, command: str = "") -> Action:
    return Action(Kind.REPORT, case.instance.name, reason, repair=case.failure, command=command)


def _failure_reason(failure: Repair, cluster: Cluster) -> str:
    errors = [
        cluster.jobs[number].error for number in failure.jobs if number in cluster.jobs and cluster.jobs[number].error
    ]
    what = f"its {failure.type.label} repair failed"
    if errors:
        what += f" ({errors[-1]})"
    elif failure.jobs:
        what += f" (see job {failure.jobs[-1]})"
    return what


def _suspended(case: Case) -> Action:
    until = case.policy.suspended_until
    end = "until the suspend tag is removed" if until == FOREVER else f"until {utc(until or 0)}"
    doubts = "; " + "; ".join(case.policy.doubts) if case.policy.doubts else ""
    reason = "{}; suspended by its {} {}{}".format(
        case.health.problem or case.health.unknown or "a repair is pending", case.policy.source, end, doubts
    )
    return Action(Kind.HOLD, case.instance.name, reason, repair=case.pending)


def _follow(case: Case, repair: Repair, cluster: Cluster, now: float, retries: int) -> Action:
    """What comes next for a repair that is pending."""
    last = cluster.jobs.get(repair.jobs[-1]) if repair.jobs else None
    if case.progress is Progress.RUNNING:
        return _wait(case, f"{_jobs_text(repair, cluster)} is under way")
    if case.progress is Progress.UNSEEN or case.busy:
        return _wait(case, _busy_text(case) or "it has gone on while the cluster was being read")
    rest = rest_of_reinstall(repair, case.instance, cluster.jobs)
    if case.progress is Progress.CANCELED:
        return _finish(case, repair, None, _canceled_reason(case, repair, rest))
    if case.progress is Progress.FAILED and last and not _may_repeat(case, repair, last, cluster, retries):
        return _finish(case, repair, "failure", _failed_reason(case, repair, last, cluster))
    if case.progress in (Progress.FAILED, Progress.NO_ROOM) and last and last.ended and not case.health.whole:
        again = last.ended + _pause(tries(repair, cluster.jobs))
        if again > now:
            what = f"job {last.id} failed" if case.progress is Progress.FAILED else "no room for it"
            return _wait(case, f"{what} ({last.error}); it is tried again after {utc(again)}")
    if repair.type is RepairType.REINSTALL and _is_forgotten(case, repair, now):
        gone = f"job {repair.jobs[-1]} has left the queue" if repair.jobs else "any job that it had has left the queue"
        return _finish(case, repair, "failure", f"{gone}, and nobody can tell whether its disks were installed since")
    return _go_on(case, repair, rest, cluster, now)


def _is_forgotten(case: Case, repair: Repair, now: float) -> bool:
    """Whether the queue may have forgotten what C(repair) did: its job is gone, or none was ever noted and it is so old
    that one would be gone. What is broken is repaired all the same, as no copy of its disks is left to lose."""
    if case.progress is Progress.GONE:
        return True
    return case.progress is Progress.NEW and case.health.whole and now - repair.timestamp > KEPT


def _may_repeat(case: Case, repair: Repair, last: Job, cluster: Cluster, retries: int) -> bool:
    """Whether the step that failed is still the one to take, may be taken again, and has not been too often."""
    steps = case.health.steps
    same = bool(steps) and STEPS[steps[0].operation] == failed_step(last)
    return same and repeatable(last) and tries(repair, cluster.jobs) <= retries


def _failed_reason(case: Case, repair: Repair, last: Job, cluster: Cluster) -> str:
    count = tries(repair, cluster.jobs)
    often = f", as did {count - 1} before it" if count > 1 else ""
    whole = "; it is on nodes that are online, see whether it runs" if case.health.whole else ""
    return f"job {last.id} failed{often}: {last.error}{whole}"


def _canceled_reason(case: Case, repair: Repair, rest: tuple[Step, ...]) -> str:
    reason = f"job {repair.jobs[-1]} was canceled by a person, so the repair ends"
    if rest:
        return f"{reason}; its disks were recreated and are empty: gnt-instance reinstall {case.instance.name}"
    return f"{reason}; a suspend tag keeps the next one from starting"


def _go_on(case: Case, repair: Repair, rest: tuple[Step, ...], cluster: Cluster, now: float) -> Action:
    """What comes next for a repair none of whose jobs is under way or failed: its end, or its next step."""
    health = case.health
    if rest and cluster.nodes[case.instance.primary].state is not NodeState.OFFLINE:
        left = (
            "its disks were recreated and are empty" if REINSTALL in rest else "it was marked offline before its repair"
        )
        return _submit(case, repair, repair.type, rest, left)
    if health.whole:
        gone = ", though its last job has left the queue" if case.progress is Progress.GONE else ""
        return _finish(case, repair, "success", f"it is healthy{gone}")
    if health.advice:
        return _finish(case, repair, "enoperm", f"{health.problem}; {health.advice}")
    if health.steps[0].needs > repair.type:
        needed, allowed = health.steps[0].needs.label, repair.type.label
        return _finish(case, repair, "enoperm", f"{health.problem}; {needed} is needed, the repair may do {allowed}")
    if health.waits_for:
        return _wait(case, f"{health.problem}; waits for {health.waits_for}")
    last = cluster.jobs.get(repair.jobs[-1]) if repair.jobs else None
    if last and last.ended and STEPS[health.steps[0].operation] in last.done and last.ended + FIRST_PAUSE > now:
        again = utc(last.ended + FIRST_PAUSE)  # does the cluster's answer show what it did? Better look twice.
        return _wait(case, f"{health.problem}, though job {last.id} has just seen to it; looked at again after {again}")
    return _submit(case, repair, repair.type, health.steps, health.problem)


def _begin(case: Case) -> Action:
    """What comes next for a broken instance without a repair."""
    health, allowed = case.health, case.policy.allowed
    if health.advice:
        return _report(case, f"{health.problem}; {health.advice}", health.command)
    needs = max(step.needs for step in health.steps)  # broken and without advice: there are steps
    if allowed is None:
        doubts = "; ".join(case.policy.doubts) or "no tag allows a repair"
        return _report(case, f"{health.problem}; {needs.label} is needed, and {doubts}")
    if health.steps[0].needs > allowed:
        return _refuse(case, needs, allowed)
    if health.waits_for:
        return _wait(case, f"{health.problem}; waits for {health.waits_for}")
    if case.busy:
        return _wait(case, f"{health.problem}; {_busy_text(case)}")
    return _submit(case, None, min(needs, allowed), health.steps, health.problem)


def _refuse(case: Case, needs: RepairType, allowed: RepairType) -> Action:
    """C(enoperm), unless one that still says the truth stands there: of harep's kind, which names what is needed, or
    one of a repair that went as far as it might."""
    allows = f"the tag of its {case.policy.source} allows {allowed.label}"
    if case.policy.source == "instance":
        allows = f"its own tag allows {allowed.label}"
    reason = f"{case.health.problem}; {needs.label} is needed, {allows}"
    refusals = [repair for repair in case.results if repair.result == "enoperm"]
    if any(repair.type is needs or (repair.jobs and repair.type < needs) for repair in refusals):
        return _report(case, reason)
    if case.busy:
        return _wait(case, f"{case.health.problem}; {_busy_text(case)}")
    old = tuple(tag for repair in case.results for tag in repair.tags)
    return Action(Kind.REFUSE, case.instance.name, reason, type=needs, result="enoperm", remove=old)


def _submit(case: Case, repair: Repair | None, kind: RepairType, steps: tuple[Step, ...], reason: str) -> Action:
    return Action(Kind.SUBMIT, case.instance.name, reason, type=kind, repair=repair, steps=steps)


def _finish(case: Case, repair: Repair, result: str | None, reason: str) -> Action:
    """The end of C(repair); the results of repairs before it make room for its own."""
    old = tuple(tag for ended in case.results if result for tag in ended.tags)
    return Action(
        Kind.FINISH,
        case.instance.name,
        reason,
        type=repair.type,
        repair=repair,
        result=result,
        remove=repair.tags + old,
    )


def _wait(case: Case, reason: str) -> Action:
    return Action(
        Kind.WAIT,
        case.instance.name,
        reason,
        type=case.pending.type if case.pending else None,
        repair=case.pending,
    )


def _pause(tried: int) -> float:
    """Seconds from the last try to the next, after so many."""
    return float(min(FIRST_PAUSE * 2 ** max(tried - 1, 0), LONGEST_PAUSE))


def _jobs_text(repair: Repair, cluster: Cluster) -> str:
    running = [
        cluster.jobs[number] for number in repair.jobs if number in cluster.jobs and cluster.jobs[number].unfinished
    ]
    return ", ".join("job {} ({})".format(job.id, " ".join(job.operations)) for job in running)


def _busy_text(case: Case) -> str:
    return ", ".join("job {} ({}) is under way".format(job.id, " ".join(job.operations)) for job in case.busy)
