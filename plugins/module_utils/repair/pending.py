# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pending: what comes next for a repair that has not ended (design, sections 3 and 5; laws 8 and 10)."""

from __future__ import annotations

from dataclasses import replace

from ..diagnosis.causes import why_failed
from ..diagnosis.instances import REINSTALL
from ..ganeti.model import Cluster, Job, NodeState, RepairType, utc
from ..ganeti.operations import Operation
from ..settings.limits import Limits
from .action import Action, busy_text, finish, report, submit, wait
from .ages import jobs_text
from .backoff import FIRST_PAUSE, pause
from .case import Case
from .endings import ends_early
from .handover import doubts, emptied_by, in_doubt, leftovers
from .history import Repair, has_done_a_step, held_by, left_empty, rest_of_reinstall
from .progress import Progress, failed_attempts, failed_step, last_job, repeatable, silent_node
from .reasons import Reason

QUEUE_KEPT = 20 * 24 * 3600  # seconds for which Ganeti is sure to keep a job: it deletes archived ones after 21 days
_WAITS = {  # why a step that did nothing is retried later
    Progress.FAILED: Reason.TRIED_AGAIN,
    Progress.NO_RESOURCES: Reason.NO_ROOM,
    Progress.NO_ALLOCATOR: Reason.NO_ALLOCATOR,
    Progress.NODE_SILENT: Reason.NODE_SILENT,
    Progress.NOT_IN_STEP: Reason.NOT_IN_STEP,
}


def next_for_pending(case: Case, repair: Repair, cluster: Cluster, now: float, limits: Limits) -> Action:
    """What comes next for `repair`, which is pending."""
    since = now - limits.kept_results
    if case.progress is not Progress.NOT_READ:
        ended = ends_early(case, repair, cluster, now, since)
        if ended:
            return ended
    if case.progress is Progress.RUNNING:
        return wait(case, Reason.JOB_UNDER_WAY, _jobs_text(repair, cluster, now), case.health.steps)
    if case.unfinished_jobs:
        return wait(case, Reason.OTHER_JOB, busy_text(case, now), case.health.steps)
    if case.progress is Progress.NOT_READ:
        return wait(case, Reason.JUST_CHANGED, "it progressed while the cluster was being read", case.health.steps)
    last = last_job(repair, cluster.jobs)
    rest = rest_of_reinstall(repair, case.instance, cluster.jobs)
    empty = left_empty(repair, cluster.jobs)
    if case.progress in _WAITS and last and (rest or empty or not _is_overtaken(case, last)):
        stopped = _stopped(case, repair, last, cluster, now, limits)
        if stopped:
            return stopped
    if repair.type is RepairType.REINSTALL and _is_forgotten(case, repair, now):
        gone = f"job {repair.jobs[-1]} has left the queue" if repair.jobs else "any job that it had has left the queue"
        lost = f"{gone}, and it is not known whether its disks were installed since"
        doubtful = in_doubt(case, rest, last, cluster)  # they outlast the failure: its disks may hold nothing
        return finish(case, repair, "failure", lost, since, doubts(case, doubtful, cluster, now))
    return _go_on(case, repair, cluster, now, since)


# --- a step that did not get done ------------------------------------------------------------------------------------


def _is_overtaken(case: Case, last: Job) -> bool:
    """Whether the step that `last` did not complete has left nothing behind and is no longer the next one, because the
    situation has changed: then the repair continues with what is needed now."""
    steps = case.health.steps
    if case.health.unknown or (steps and steps[0].operation.opcode == failed_step(last)):
        return False
    if not last.half_done or case.progress is not Progress.FAILED:
        return True
    fails_over = bool(steps) and steps[0].operation is Operation.FAILOVER
    return last.stopped_at == Operation.MIGRATE.opcode and fails_over  # its node has died in the middle


def _stopped(case: Case, repair: Repair, last: Job, cluster: Cluster, now: float, limits: Limits) -> Action | None:
    """What happens to a repair whose step was not completed: a failure or a pause; None if it is retried now."""
    failed = case.progress is Progress.FAILED
    if failed and not _may_repeat(case, repair, last, cluster, limits.retries):
        rest = rest_of_reinstall(repair, case.instance, cluster.jobs)
        doubtful = in_doubt(case, rest, last, cluster)
        words = _failed_reason(case, repair, last, cluster, doubtful)
        return finish(case, repair, "failure", words, now - limits.kept_results, doubts(case, doubtful, cluster, now))
    if last.ended is None or case.health.is_healthy or _is_marked_now(silent_node(last), cluster):
        return None
    again = last.ended + pause(failed_attempts(repair, cluster.jobs), cluster.is_down(case.instance))
    if again <= now or limits.retry_now:
        return None
    return wait(case, _WAITS[case.progress], _paused_words(case, last, again), case.health.steps)


def _is_marked_now(name: str, cluster: Cluster) -> bool:
    """Whether the node that did not answer the allocator has been marked offline: then it is no longer asked."""
    nodes = [node for node in cluster.nodes.values() if node.name == name or node.name.startswith(f"{name}.")]
    return bool(name) and all(node.state is NodeState.OFFLINE for node in nodes)


def _paused_words(case: Case, last: Job, again: float) -> str:
    what = {
        Progress.NODE_SILENT: f"node {silent_node(last)} does not answer the allocator",
        Progress.NO_ALLOCATOR: "the allocator can't be run on the master",
        Progress.NO_RESOURCES: "no room for it",
        Progress.NOT_IN_STEP: "the copy that it would move to is not in sync",
    }.get(case.progress, f"job {last.id} failed")
    return f"{what} ({why_failed(last, case.instance)}); trying again after {utc(again)}"


def _is_forgotten(case: Case, repair: Repair, now: float) -> bool:
    """Whether the queue may have forgotten what `repair` did: its job is gone, or none was ever noted and it is so old
    that one would be gone."""
    if case.progress is Progress.LEFT_QUEUE:
        return True
    return case.progress is Progress.NEW and not case.health.advice and now - repair.timestamp > QUEUE_KEPT


def _may_repeat(case: Case, repair: Repair, last: Job, cluster: Cluster, retries: int) -> bool:
    """Whether the failed step is still the next one, is safe to repeat, and has retries left."""
    steps = case.health.steps
    same = bool(steps) and steps[0].operation.opcode == failed_step(last)
    return same and repeatable(last) and failed_attempts(repair, cluster.jobs) <= retries


def _failed_reason(case: Case, repair: Repair, last: Job, cluster: Cluster, doubtful: tuple[str, ...]) -> str:
    count = failed_attempts(repair, cluster.jobs)
    often = f", as did {count - 1} before it" if count > 1 else ""
    whole = "; it is on nodes that are online, see whether it runs" if case.health.is_healthy else ""
    doubt = f"; the disks on {' and '.join(doubtful)} are not known to hold its data" if doubtful else ""
    return f"job {last.id} failed{often}: {why_failed(last, case.instance)}{doubt}{whole}"


# --- the next step, or the end ---------------------------------------------------------------------------------------


def _go_on(case: Case, repair: Repair, cluster: Cluster, now: float, since: float) -> Action:
    """What comes next for a repair none of whose jobs is in progress or failed: its end, or its next step."""
    health = case.health
    rest = rest_of_reinstall(repair, case.instance, cluster.jobs)
    if rest and cluster.nodes[case.instance.primary].state is not NodeState.OFFLINE:
        left = (
            "its disks were recreated and are empty" if REINSTALL in rest else "it was marked offline before its repair"
        )
        kind = max(repair.type, rest[0].needs)  # somebody may have changed its tag since it recreated the disks
        return submit(case, repair, kind, rest, left)
    if health.is_healthy and left_empty(repair, cluster.jobs):
        add = doubts(case, case.instance.nodes, cluster, now)
        return finish(
            case, repair, "failure", "its disks were recreated, and nothing was installed on them", since, add
        )
    if health.is_healthy:
        return _healthy(case, repair, cluster, since)
    if health.behind:
        return report(case, Reason.BEHIND, f"{health.problem}; {health.advice}", health.command)
    if health.advice:
        return finish(case, _for_result(repair, cluster), "enoperm", f"{health.problem}; {health.advice}", since)
    if health.steps[0].needs > repair.type:
        return _not_enough(case, repair, cluster, since)
    if health.waits_for:
        return wait(case, Reason.LAST_COPY_DRAINED, f"{health.problem}; waits until {health.waits_for}", health.steps)
    last = last_job(repair, cluster.jobs)
    if last and last.ended and health.steps[0].operation.opcode in last.done and last.ended + FIRST_PAUSE > now:
        again = utc(last.ended + FIRST_PAUSE)  # the answer may be older than the job's effect, so check twice
        seen = f"{health.problem}, although job {last.id} has just fixed it; checking again after {again}"
        return wait(case, Reason.JUST_CHANGED, seen, health.steps)
    return submit(case, repair, repair.type, health.steps, health.problem)


def _healthy(case: Case, repair: Repair, cluster: Cluster, since: float) -> Action:
    """The end of a repair of an instance that is healthy: a success only where one of its steps has succeeded."""
    if not has_done_a_step(repair, cluster.jobs):
        why = (
            "its jobs have left the queue" if case.progress is Progress.LEFT_QUEUE else "no step of the repair was done"
        )
        return finish(case, repair, None, f"it is healthy, and {why}, so the repair ends without a result", since)
    other = emptied_by(case, repair)
    if other:
        recreated = f"job {other.id} from somebody else has recreated its disks since, or tried to"
        return finish(case, repair, None, f"{recreated}, so the repair ends without a result", since)
    gone = ", although its last job has left the queue" if case.progress is Progress.LEFT_QUEUE else ""
    held = held_by(repair, cluster.jobs)
    left = f"; {leftovers(case.instance, held)}" if held else ""
    ended = finish(case, repair, "success", f"it is healthy{gone}{left}", since)
    return replace(ended, remove=ended.remove + _overcome(case, repair, cluster))


def _overcome(case: Case, repair: Repair, cluster: Cluster) -> tuple[str, ...]:
    """The tags about copies that are behind which the success of `repair` makes obsolete; not those about the secondary
    that were set after its last job ended."""
    last = last_job(repair, cluster.jobs)
    ended = int(last.ended) if last and last.ended else repair.timestamp
    nodes = [cluster.nodes.get(name) for name in case.instance.secondaries]
    secondaries = {node.uuid if node else "" for node in nodes}
    known = [tag for tag in case.tags.behind if tag.node not in secondaries or tag.since < ended]
    return tuple(tag.tag for tag in known)


def _not_enough(case: Case, repair: Repair, cluster: Cluster, since: float) -> Action:
    """The end of a repair that needs more than it may do; another one can start if the policy allows more."""
    needed, may, allowed = case.health.steps[0].needs, repair.type, case.policy.allowed
    short = f"{case.health.problem}; {needed.label} is needed, but the repair may only do {may.label}"
    if allowed is not None and allowed >= needed:
        return finish(case, repair, None, f"{short}; its tags allow it, so another repair takes its place", since)
    return finish(case, _for_result(repair, cluster), "enoperm", short, since)


def _for_result(repair: Repair, cluster: Cluster) -> Repair:
    """`repair` as its result records it: without jobs if no step succeeded, so that it does not count as a repair."""
    return repair if has_done_a_step(repair, cluster.jobs) else replace(repair, jobs=())


def _jobs_text(repair: Repair, cluster: Cluster, now: float) -> str:
    known = [cluster.jobs[number] for number in repair.jobs if number in cluster.jobs]
    return jobs_text((job for job in known if job.unfinished), now)
