# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow: what comes next for a repair that is pending (design, sections 3 and 5; law 8)."""

from __future__ import annotations

from .action import Action, busy_text, finish, submit, wait
from .ages import jobs_text
from .backoff import FIRST_PAUSE, pause
from .health import REINSTALL, Step
from .limits import Limits
from .model import Cluster, Job, NodeState, RepairType, utc
from .opcodes import STEPS
from .repairs import Progress, Repair, failed_step, last_job, repeatable, rest_of_reinstall, tries
from .state import Case
from .why import Why

KEPT = 20 * 24 * 3600  # seconds for which Ganeti surely keeps a job: it deletes archived ones after 21 days


def follow(case: Case, repair: Repair, cluster: Cluster, now: float, limits: Limits) -> Action:
    """What comes next for C(repair), which is pending."""
    last = last_job(repair, cluster.jobs)
    steps, since = case.health.steps, now - limits.kept_results
    if case.progress is Progress.RUNNING:
        return wait(case, Why.JOB_UNDER_WAY, _jobs_text(repair, cluster, now), steps)
    if case.busy:
        return wait(case, Why.OTHER_JOB, busy_text(case, now), steps)
    if case.progress is Progress.UNSEEN:
        return wait(case, Why.JUST_CHANGED, "it has gone on while the cluster was being read", steps)
    rest = rest_of_reinstall(repair, case.instance, cluster.jobs)
    if case.progress is Progress.CANCELED:
        return finish(case, repair, None, _canceled_reason(case, repair, rest), since)
    if case.progress is Progress.FAILED and last and not _may_repeat(case, repair, last, cluster, limits.retries):
        return finish(case, repair, "failure", _failed_reason(case, repair, last, cluster), since)
    if case.progress in (Progress.FAILED, Progress.NO_ROOM) and last and last.ended and not case.health.whole:
        again = last.ended + pause(tries(repair, cluster.jobs), cluster.is_down(case.instance))
        if again > now and not limits.retry_now:
            failed = case.progress is Progress.FAILED
            what, why = (f"job {last.id} failed", Why.TRIED_AGAIN) if failed else ("no room for it", Why.NO_ROOM)
            return wait(case, why, f"{what} ({last.error}); it is tried again after {utc(again)}", steps)
    if repair.type is RepairType.REINSTALL and _is_forgotten(case, repair, now):
        gone = f"job {repair.jobs[-1]} has left the queue" if repair.jobs else "any job that it had has left the queue"
        lost = f"{gone}, and nobody can tell whether its disks were installed since"
        return finish(case, repair, "failure", lost, since)
    return _go_on(case, repair, rest, cluster, now, since)


def _is_forgotten(case: Case, repair: Repair, now: float) -> bool:
    """Whether the queue may have forgotten what C(repair) did: its job is gone, or none was ever noted and it is so old
    that one would be gone. In the latter case what is broken is repaired, as no copy of its disks is left to lose."""
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
        commands = " && ".join(
            f"gnt-instance {word} {case.instance.name}" for word in ("shutdown", "reinstall", "startup")
        )
        return f"{reason}; its disks were recreated and are empty: {commands}"
    return f"{reason}; a suspend tag keeps the next one from starting"


def _go_on(case: Case, repair: Repair, rest: tuple[Step, ...], cluster: Cluster, now: float, since: float) -> Action:
    """What comes next for a repair none of whose jobs is under way or failed: its end, or its next step."""
    health = case.health
    if rest and cluster.nodes[case.instance.primary].state is not NodeState.OFFLINE:
        left = (
            "its disks were recreated and are empty" if REINSTALL in rest else "it was marked offline before its repair"
        )
        return submit(case, repair, repair.type, rest, left)
    if health.whole:
        gone = ", though its last job has left the queue" if case.progress is Progress.GONE else ""
        return finish(case, repair, "success", f"it is healthy{gone}", since)
    if health.advice:
        return finish(case, repair, "enoperm", f"{health.problem}; {health.advice}", since)
    if health.steps[0].needs > repair.type:
        needed, allowed = health.steps[0].needs.label, repair.type.label
        short = f"{health.problem}; {needed} is needed, the repair may do {allowed}"
        return finish(case, repair, "enoperm", short, since)
    if health.waits_for:
        return wait(case, Why.LAST_COPY_DRAINED, f"{health.problem}; waits for {health.waits_for}", health.steps)
    last = last_job(repair, cluster.jobs)
    if last and last.ended and STEPS[health.steps[0].operation] in last.done and last.ended + FIRST_PAUSE > now:
        again = utc(last.ended + FIRST_PAUSE)  # does the cluster's answer show what it did? Better look twice.
        seen = f"{health.problem}, though job {last.id} has just seen to it; looked at again after {again}"
        return wait(case, Why.JUST_CHANGED, seen, health.steps)
    return submit(case, repair, repair.type, health.steps, health.problem)


def _jobs_text(repair: Repair, cluster: Cluster, now: float) -> str:
    known = [cluster.jobs[number] for number in repair.jobs if number in cluster.jobs]
    return jobs_text((job for job in known if job.unfinished), now)
