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
HELD_BY = "held-by="  # begins the word there that names the nodes whose copies a recreation of disks gives up
_NO_ROOM = ("insufficient_resources", "temp_insufficient_resources")  # Ganeti's error codes
_NO_ALLOCATOR = "Failure while running the iallocator script"  # for instance one that is not installed; it has no code
_NODE_SILENT = re.compile(r"Can't get data for node '?([\w.-]*\w)")  # an allocator asks all nodes that are not offline
_NOT_RUNNING = re.compile(r"please use failover: Instance \S+ is not running")
_NEVER_RAN = re.compile(r"Dependency job (\d+) ")  # "... finished with status error"
REFUSAL_SECONDS = 600  # that Ganeti's word that an instance does not run is relied upon: the watcher may start it
_STEPS = tuple(dict.fromkeys(STEPS.values()))
_WHOLE = ("INSTANCE_REPLACE_DISKS", "INSTANCE_MIGRATE", "INSTANCE_FAILOVER", "INSTANCE_RECREATE_DISKS")  # the checks
# of these come first: one that is refused has done nothing
_MAY_START = frozenset(("INSTANCE_STARTUP", "INSTANCE_REBOOT", "INSTANCE_MIGRATE", "INSTANCE_FAILOVER"))
_MAKES_USE = (
    "INSTANCE_SHUTDOWN",
    "INSTANCE_REBOOT",
    "INSTANCE_ACTIVATE_DISKS",
    "INSTANCE_GROW_DISK",
    "INSTANCE_SET_PARAMS",
    "INSTANCE_MOVE",
    "INSTANCE_CHANGE_GROUP",
    "BACKUP_EXPORT",
)


@dataclass(frozen=True)
class Repair:
    """One attempt to heal one instance, as its tags tell it.

    C(result) is None while it is pending; C(tags) are all the tags that carry its id; C(begun) says that one of its
    jobs is known to be ours (law 11).
    """

    type: RepairType
    id: str
    timestamp: int
    jobs: tuple[int, ...] = ()
    result: str | None = None
    tags: tuple[str, ...] = ()
    begun: bool = False


class Progress(Enum):
    """How far a pending repair has come, by its newest job."""

    NEW = "no job yet"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    NO_ROOM = "no resources"
    NO_ALLOCATOR = "the allocator can't be run"
    NODE_SILENT = "the allocator got no data of another node"
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
    """The job summaries that a step of a repair of C(instance) can have, and a start of it by anybody, to look such
    jobs up by."""
    return tuple(f"{step}({instance})" for step in (*_STEPS, "INSTANCE_STARTUP"))


def summaries_of_others(instance: str) -> tuple[str, ...]:
    """The job summaries by which somebody may have made use of new disks of C(instance)."""
    return tuple(f"{operation}({instance})" for operation in _MAKES_USE)


def reason_of(repair_id: str, reason: str = "") -> str:
    """Our entry in the reason trail, by which a submitted job is known again. Ganeti takes nothing but ASCII there."""
    words = reason.encode("ascii", "backslashreplace").decode()
    return " ".join(part for part in (REASON + ":" + repair_id, words) if part)


def held_by(job: Job) -> tuple[str, ...]:
    """The nodes whose copies of the disks C(job), a recreation of ours, gives up; none where it does not tell."""
    words = [word for reason in job.reasons for word in reason.split(" ") if word.startswith(HELD_BY)]
    return tuple(name for word in words for name in word[len(HELD_BY) :].split(",") if name)


def is_ours(job: Job, repair: Repair) -> bool:
    """Whether C(job) carries the id of C(repair) in its reason trail."""
    mark = reason_of(repair.id)
    return any(mark in reason.split(" ") for reason in job.reasons)


def is_of_a_repair(job: Job) -> bool:
    """Whether C(job) carries the id of any repair of ours in its reason trail."""
    return any(reason.startswith(REASON + ":") for reason in job.reasons)


def with_adopted(repair: Repair, instance: Instance, jobs: Mapping[int, Job]) -> Repair:
    """C(repair) with the jobs that belong to it though its tags don't say so: their submitter has not noted them, or
    died, or lost the answer.

    They are known by the reason trail. RAPI writes no reason for a reinstall, so one of this instance that came after
    the repair's recreation of the disks counts as well: its effect is the one that was wanted, whoever asked for it.
    """
    steps = [job for job in jobs.values() if job.is_about(instance) and set(_STEPS).intersection(job.operations)]
    ours = {job.id for job in steps if is_ours(job, repair)}
    recreated = [job.id for job in steps if job.id in ours and "INSTANCE_RECREATE_DISKS" in job.done]
    adopted = {job.id for job in steps if recreated and _installs(job) and job.id > max(recreated)}
    every = ours | adopted | set(repair.jobs)
    return replace(repair, jobs=tuple(sorted(every)), begun=bool(ours))


def _installs(job: Job) -> bool:
    return "INSTANCE_REINSTALL" in job.operations


def recreation(repair: Repair, jobs: Mapping[int, Job]) -> Job | None:
    """The job of ours that has given up the disks for C(repair), if one has: the newest."""
    known = [jobs[number] for number in repair.jobs if number in jobs]
    found = [job for job in known if "INSTANCE_RECREATE_DISKS" in job.done and is_ours(job, repair)]
    return found[-1] if found else None


def rest_of_reinstall(repair: Repair, instance: Instance, jobs: Mapping[int, Job]) -> tuple[Step, ...]:
    """What is still to do after C(repair) has recreated the disks, which are empty until the reinstall is done.

    An instance that is marked offline is marked down for the reinstall and offline again after it.
    """
    recreated = recreation(repair, jobs)
    if recreated is None:
        return ()
    later = [jobs[number] for number in repair.jobs if number in jobs and number > recreated.id]
    done = [step for job in (recreated, *later) for step in job.done if step in _STEPS]
    since = done[done.index("INSTANCE_RECREATE_DISKS") + 1 :]
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


def has_done_a_step(repair: Repair, jobs: Mapping[int, Job]) -> bool:
    """Whether a step of C(repair) is known to have succeeded (law 8)."""
    return any(step in _STEPS for number in repair.jobs if number in jobs for step in jobs[number].done)


def left_empty(repair: Repair, jobs: Mapping[int, Job]) -> bool:
    """Whether C(repair) has recreated the disks, by a job of anybody's (as harep's), and installed nothing since."""
    done = [step for number in repair.jobs if number in jobs for step in jobs[number].done]
    telling = [step for step in done if step in ("INSTANCE_RECREATE_DISKS", "INSTANCE_REINSTALL")]
    return telling[-1:] == ["INSTANCE_RECREATE_DISKS"]


def does_not_run(jobs: Iterable[Job], now: float) -> bool:
    """Whether Ganeti has refused to migrate the instance of C(jobs) just before C(now) (seconds since the epoch), as it
    does not run; and nothing was done with it since that may have started it."""
    told = sorted((job.ended, job.id, job) for job in jobs if job.ended is not None)
    telling = [job for _end, _id, job in told if _NOT_RUNNING.search(job.error) or set(job.done) & _MAY_START]
    last = telling[-1] if telling else None
    fresh = last is not None and last.ended is not None and last.ended + REFUSAL_SECONDS > now
    return fresh and last is not None and _NOT_RUNNING.search(last.error) is not None


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
    if job.stopped_at in _WHOLE:  # nothing was done; but a reinstall that stopped half-way is no thing to repeat
        if silent_node(job):
            return Progress.NODE_SILENT
        if job.error.startswith(_NO_ALLOCATOR):
            return Progress.NO_ALLOCATOR
        if job.error_code in _NO_ROOM:
            return Progress.NO_ROOM
    return Progress.FAILED


def silent_node(job: Job) -> str:
    """The node of which an allocator got no data, so that C(job) failed before it did anything; empty if none."""
    found = _NODE_SILENT.search(job.error)
    return found[1] if found else ""


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
