# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repairs: what the tags and the jobs together say of the repairs of one instance (design, sections 2 and 5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from .health import MARK_DOWN, MARK_OFFLINE, REINSTALL, Step
from .model import Cluster, Instance, Job, RepairType
from .opcodes import STEPS
from .tags import Pending, Result, TagSet

REASON = "ganeti.autorepair"  # begins our entries in the reason trail
_NO_ROOM = ("insufficient_resources", "temp_insufficient_resources")  # Ganeti's error codes
_NO_ALLOCATOR = "Failure while running the iallocator script"  # for instance one that is not installed; it has no code
_NEVER_RAN = re.compile(r"Dependency job (\d+) ")  # "... finished with status error"
_STEPS = tuple(dict.fromkeys(STEPS.values()))
_WHOLE = ("INSTANCE_REPLACE_DISKS", "INSTANCE_MIGRATE", "INSTANCE_FAILOVER", "INSTANCE_RECREATE_DISKS")  # the checks
# of these come first: one that is refused has done nothing


@dataclass(frozen=True)
class Repair:
    """One attempt to heal one instance, as its tags tell it.

    C(result) is None while it is pending; C(tags) are all the tags that carry its id.
    """

    type: RepairType
    id: str
    timestamp: int
    jobs: tuple[int, ...] = ()
    result: str | None = None
    tags: tuple[str, ...] = ()


class Progress(Enum):
    """How far a pending repair has come, by its newest job."""

    NEW = "no job yet"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    NO_ROOM = "no resources"
    CANCELED = "canceled"
    FAILED = "failed"
    GONE = "gone from the queue"
    UNSEEN = "not known yet"


def repairs_of(tags: TagSet) -> tuple[Repair, ...]:
    """The repairs that C(tags) of an instance tell of, the oldest first.

    Several tags with one id are one repair: a runner may have died between adding a tag and removing the one before.
    There a result beats a pending, and of results the gravest counts (as with harep: failure, success, enoperm).
    """
    by_id: dict[str, list[Pending | Result]] = {}
    every: tuple[Pending | Result, ...] = (*tags.pendings, *tags.results)
    for tag in every:
        by_id.setdefault(tag.id, []).append(tag)
    merged = [_merge(same) for same in by_id.values()]
    return tuple(sorted(merged, key=lambda repair: (repair.timestamp, repair.id)))


def _merge(same: Iterable[Pending | Result]) -> Repair:
    ordered = sorted(same, key=_weight)
    last = ordered[-1]
    return Repair(
        type=last.type,
        id=last.id,
        timestamp=last.timestamp,
        jobs=tuple(sorted({job for tag in ordered for job in tag.jobs})),
        result=last.result if isinstance(last, Result) else None,
        tags=tuple(tag.tag for tag in ordered),
    )


def _weight(tag: Pending | Result) -> tuple[int, int]:
    """Larger for the tag that speaks for its repair; among pending tags the one with most jobs is the newest."""
    if isinstance(tag, Pending):
        return 0, len(tag.jobs)
    return ("enoperm", "success", "failure").index(tag.result) + 1, tag.timestamp


def step_summaries(instance: str) -> tuple[str, ...]:
    """The job summaries that a step of a repair of C(instance) can have, to look such jobs up by."""
    return tuple(f"{step}({instance})" for step in _STEPS)


def reason_of(repair_id: str, reason: str = "") -> str:
    """Our entry in the reason trail, by which a submitted job is known again. Ganeti takes nothing but ASCII there."""
    words = reason.encode("ascii", "backslashreplace").decode()
    return " ".join(part for part in (REASON + ":" + repair_id, words) if part)


def with_adopted(repair: Repair, instance: Instance, jobs: Mapping[int, Job]) -> Repair:
    """C(repair) with the jobs that belong to it though its tags don't say so: their submitter has not noted them, or
    died, or lost the answer.

    They are known by the reason trail. RAPI writes no reason for a reinstall, so one of this instance that came after
    the repair's recreation of the disks counts as well: its effect is the one that was wanted, whoever asked for it.
    """
    steps = [
        job for job in jobs.values() if instance.name in job.instances and set(_STEPS).intersection(job.operations)
    ]
    mark = reason_of(repair.id)
    ours = {job.id for job in steps if any(mark in reason.split(" ") for reason in job.reasons)}.union(repair.jobs)
    recreated = [job.id for job in steps if job.id in ours and "INSTANCE_RECREATE_DISKS" in job.done]
    if recreated:
        ours.update(job.id for job in steps if "INSTANCE_REINSTALL" in job.operations and job.id > max(recreated))
    return replace(repair, jobs=tuple(sorted(ours)))


def rest_of_reinstall(repair: Repair, instance: Instance, jobs: Mapping[int, Job]) -> tuple[Step, ...]:
    """What is still to do after C(repair) has recreated the disks, which are empty until the reinstall is done.

    An instance that is marked offline is marked down for the reinstall and offline again after it.
    """
    done = [step for number in repair.jobs if number in jobs for step in jobs[number].done if step in _STEPS]
    if "INSTANCE_RECREATE_DISKS" not in done:
        return ()
    since = done[len(done) - done[::-1].index("INSTANCE_RECREATE_DISKS") :]
    before, reinstall, after = _cut(since, "INSTANCE_REINSTALL")
    was_offline = "INSTANCE_SET_PARAMS" in before or (instance.admin_state == "offline" and not reinstall)
    if not reinstall:
        marked = not was_offline or instance.admin_state != "offline"
        return (*(() if marked else (MARK_DOWN,)), REINSTALL, *((MARK_OFFLINE,) if was_offline else ()))
    return (MARK_OFFLINE,) if was_offline and "INSTANCE_SET_PARAMS" not in after else ()


def _cut(steps: list[str], at: str) -> tuple[list[str], bool, list[str]]:
    """C(steps) before the first C(at), whether there is one, and those after it."""
    if at not in steps:
        return steps, False, []
    return steps[: steps.index(at)], True, steps[steps.index(at) + 1 :]


def progress_of(repair: Repair, cluster: Cluster) -> Progress:
    """How far C(repair) has come.

    A job that was looked for and is not there has left the queue; one that was noted since the queue was read is
    not known yet.
    """
    if repair.id not in cluster.followed:
        return Progress.UNSEEN
    if any(number not in cluster.jobs and number not in cluster.asked for number in repair.jobs):
        return Progress.UNSEEN
    if any(cluster.jobs[number].unfinished for number in repair.jobs if number in cluster.jobs):
        return Progress.RUNNING
    if not repair.jobs:
        return Progress.NEW
    last = last_job(repair, cluster.jobs)
    return Progress.GONE if last is None else _verdict(last)


def last_job(repair: Repair, jobs: Mapping[int, Job]) -> Job | None:
    """The newest job of C(repair) that tells how far it has come; None where it has none, or it has left the queue."""
    numbers = _telling(repair, jobs)
    return jobs.get(numbers[-1]) if numbers else None


def _telling(repair: Repair, jobs: Mapping[int, Job]) -> tuple[int, ...]:
    """The jobs of C(repair), but for those that have waited in vain for another of them, which tells more."""
    return tuple(number for number in repair.jobs if number not in jobs or not _in_vain(jobs[number], repair))


def _in_vain(job: Job, repair: Repair) -> bool:
    found = _NEVER_RAN.match(job.error)
    return found is not None and int(found[1]) in repair.jobs


def _verdict(job: Job) -> Progress:
    if job.status == "success":
        return Progress.SUCCEEDED
    if job.status == "canceled":
        return Progress.CANCELED
    placed = job.error_code not in _NO_ROOM and not job.error.startswith(_NO_ALLOCATOR)
    if not placed and job.stopped_at in _WHOLE:
        return Progress.NO_ROOM  # nothing was done; but a reinstall that stopped half-way is no thing to repeat
    return Progress.FAILED


def repeatable(job: Job) -> bool:
    """Whether the step at which C(job) failed can be taken again without harm (design, law 8).

    A failover or a replacement of the secondary leaves the one good copy where it is, however far it came. A migration
    or a recreation is repeated only when Ganeti refused it before it had begun, a reinstall never. Where the pending
    tag could not be set before the step, the step was never begun.
    """
    if job.stopped_at in ("INSTANCE_FAILOVER", "INSTANCE_REPLACE_DISKS", "TAGS_SET"):
        return True
    if not job.done and _NEVER_RAN.match(job.error):
        return True
    return job.stopped_at in _WHOLE and job.error_class == "OpPrereqError"


def failed_step(job: Job) -> str:
    """The step that C(job) did not get done: the one it stopped at, or the next after that."""
    return next((name for name in job.operations[len(job.done) :] if name in _STEPS), "")


def tries(repair: Repair, jobs: Mapping[int, Job]) -> int:
    """How many of the newest jobs of C(repair) have ended alike, and at the same step: they are tries of one thing."""
    last = last_job(repair, jobs)
    count = 0
    for number in reversed(_telling(repair, jobs)):
        job = jobs.get(number)
        if last is None or job is None or job.unfinished or _end_of(job) != _end_of(last):
            break
        count += 1
    return count


def _end_of(job: Job) -> tuple[Progress, str]:
    return _verdict(job), failed_step(job)
