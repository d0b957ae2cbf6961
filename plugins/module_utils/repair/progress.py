# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress: how far a pending repair has got, from its jobs, and whether a failed step may be repeated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum

from ..ganeti.model import Cluster, Job
from ..ganeti.operations import CHECKED_FIRST, MAY_START, REPEATABLE, STEP_OPCODES, Operation
from .history import Repair

_NO_ROOM = ("insufficient_resources", "temp_insufficient_resources")  # Ganeti's error codes
_NO_ALLOCATOR = "Failure while running the iallocator script"  # for instance one that is not installed; it has no code
_NODE_SILENT = re.compile(r"Can't get data for node '?([\w.-]*\w)")  # an allocator asks all nodes that are not offline
_NOT_IN_STEP = re.compile(r"Disk \d+ is degraded (?:or not fully synchronized )?on target node")
_NOT_RUNNING = re.compile(r"please use failover: Instance \S+ is not running")
_NEVER_RAN = re.compile(r"Dependency job (\d+) ")  # "... finished with status error"
REFUSAL_SECONDS = (
    7200  # how long we rely on Ganeti's answer that an instance does not run: rounds may be an hour apart,
)
# and a start, by the watcher or by a person, shows up as a job


class Progress(Enum):
    """How far a pending repair has got, from its newest job."""

    NEW = "no job yet"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    NO_RESOURCES = "no resources"
    NO_ALLOCATOR = "the allocator can't be run"
    NODE_SILENT = "the allocator got no data of another node"
    NOT_IN_STEP = "the copy that it was to move to was not in sync"
    CANCELED = "canceled"
    FAILED = "failed"
    LEFT_QUEUE = "gone from the queue"
    NOT_READ = "not known yet"


def progress_of(repair: Repair, cluster: Cluster) -> Progress:
    """How far `repair` has got.

    A job that was queried but not found has left the queue; one that was recorded after the queue was read is not known
    yet.
    """
    if repair.id not in cluster.tracked_repair_ids:
        return Progress.NOT_READ
    if any(number not in cluster.jobs and number not in cluster.queried_job_ids for number in repair.jobs):
        return Progress.NOT_READ
    if any(cluster.jobs[number].unfinished for number in repair.jobs if number in cluster.jobs):
        return Progress.RUNNING
    if not repair.jobs:
        return Progress.NEW
    if not _telling(repair, cluster.jobs):
        return Progress.NEW
    last = last_job(repair, cluster.jobs)
    return Progress.LEFT_QUEUE if last is None else _verdict(last)


def last_job(repair: Repair, jobs: Mapping[int, Job]) -> Job | None:
    """The newest job of `repair` that shows its progress; None if it has none, or if that job has left the queue."""
    numbers = _telling(repair, jobs)
    return jobs.get(numbers[-1]) if numbers else None


def _telling(repair: Repair, jobs: Mapping[int, Job]) -> tuple[int, ...]:
    """Jobs of the repair that show its progress: not those cancelled because a job they depended on failed, nor those
    that only prepared another job."""
    return tuple(number for number in repair.jobs if number not in jobs or _tells(jobs[number], repair))


def _tells(job: Job, repair: Repair) -> bool:
    prepared = job.operations == (Operation.ACTIVATE_DISKS.opcode,) and job.status == "success"
    return not prepared and not _dependency_failed(job, repair)


def _dependency_failed(job: Job, repair: Repair) -> bool:
    found = _NEVER_RAN.match(job.error)
    return found is not None and int(found[1]) in repair.jobs


def _verdict(job: Job) -> Progress:
    if job.status == "success":
        return Progress.SUCCEEDED
    if job.status == "canceled":
        return Progress.CANCELED
    if _NOT_IN_STEP.search(job.error):
        return Progress.NOT_IN_STEP
    if job.stopped_at in CHECKED_FIRST:  # nothing was done; but a reinstall that stopped half-way must not be repeated
        if silent_node(job):
            return Progress.NODE_SILENT
        if job.error.startswith(_NO_ALLOCATOR):
            return Progress.NO_ALLOCATOR
        if job.error_code in _NO_ROOM:
            return Progress.NO_RESOURCES
    return Progress.FAILED


def silent_node(job: Job) -> str:
    """The node of which an allocator got no data, so that `job` failed before it did anything; empty if none."""
    found = _NODE_SILENT.search(job.error)
    return found[1] if found else ""


def repeatable(job: Job) -> bool:
    """Whether the step at which `job` failed can be taken again without harm (design, law 8).

    A failover or a replacement of the secondary leaves the one good copy where it is, however far it got. A migration
    or a recreation is repeated only if Ganeti refused it before it started, a reinstall never. If the pending tag could
    not be set before the step, the step never started.
    """
    if job.stopped_at in REPEATABLE:
        return True
    if not job.done and _NEVER_RAN.match(job.error):
        return True
    return job.stopped_at in CHECKED_FIRST and job.error_class == "OpPrereqError"


def failed_step(job: Job) -> str:
    """The step that `job` did not complete: the one it stopped at, or the next after that."""
    prepared = Operation.FAILOVER.opcode if Operation.ACTIVATE_DISKS.opcode in job.left else ""
    return next((name for name in job.left if name in STEP_OPCODES), prepared)


def failed_attempts(repair: Repair, jobs: Mapping[int, Job]) -> int:
    """How many of the newest jobs of `repair` have ended the same way at the same step: they are attempts at one thing.

    Between two failovers of a stopped instance there may be a migration, which only showed that it does not run.
    """
    last = last_job(repair, jobs)
    count = 0
    for number in reversed(_telling(repair, jobs)):
        job = jobs.get(number)
        if last and job and _NOT_RUNNING.search(job.error) and not _NOT_RUNNING.search(last.error):
            continue
        if last is None or job is None or job.unfinished or _end_of(job) != _end_of(last):
            break
        count += 1
    return count


def _end_of(job: Job) -> tuple[Progress, str]:
    return _verdict(job), failed_step(job)


def refused_out_of_step(jobs: Iterable[Job]) -> float | None:
    """When Ganeti last refused to move the instance of `jobs`, as its secondary was not in sync; in seconds since the
    epoch, None if it has moved it since, or given it a new secondary."""
    steps = {step.opcode for step in (Operation.FAILOVER, Operation.MIGRATE, Operation.REPLACE_SECONDARY)}
    told = [job for job in jobs if not job.unfinished and (_NOT_IN_STEP.search(job.error) or steps & set(job.done))]
    last = max(told, key=lambda job: job.id, default=None)
    return last.ended if last and _NOT_IN_STEP.search(last.error) else None


def does_not_run(jobs: Iterable[Job], now: float) -> bool:
    """Whether Ganeti has refused to migrate the instance of `jobs` just before `now` (seconds since the epoch), as it
    does not run; and nothing was done with it since that may have started it."""
    may_start = frozenset(MAY_START)
    told = sorted((job.ended, job.id, job) for job in jobs if job.ended is not None)
    telling = [job for _end, _id, job in told if _NOT_RUNNING.search(job.error) or may_start.intersection(job.done)]
    last = telling[-1] if telling else None
    fresh = last is not None and last.ended is not None and last.ended + REFUSAL_SECONDS > now
    return fresh and last is not None and _NOT_RUNNING.search(last.error) is not None
