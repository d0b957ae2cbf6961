# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""History: what the tags and the jobs together say of the repairs of one instance (design, sections 2 and 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ..diagnosis.instances import MARK_DOWN, MARK_OFFLINE, REINSTALL, Step
from ..ganeti.model import Instance, Job, RepairType
from ..ganeti.operations import OTHERS_USE_DISKS, STARTUP, STEP_OPCODES, Operation
from ..tags.clocks import MAX_SKEW
from ..tags.fields import ACCEPTS
from ..tags.values import Pending, Result, TagSet

REASON = "ganeti.autorepair"  # begins our entries in the reason trail
_PREPARES = Operation.ACTIVATE_DISKS.opcode
_RECREATE = Operation.RECREATE_DISKS.opcode
_REINSTALL = Operation.REINSTALL.opcode
_MARK = Operation.MARK_DOWN.opcode  # the same for both marks
HELD_BY = "held-by="  # begins the word there that names the nodes whose copies a recreation of disks gives up


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

    @property
    def accepts_behind(self) -> bool:
        """Whether somebody has accepted for it that newer data is lost: its id says so, in each of its tags."""
        return self.id.startswith(ACCEPTS)

    @property
    def accepts_until(self) -> float:
        """Until when what was noted as behind is accepted for it (seconds since the epoch; 0 for never): who asked knew
        of no more. Its clock and that of who noted it may each differ from the master's."""
        return self.timestamp + 2 * MAX_SKEW if self.accepts_behind else 0.0


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
    return tuple(f"{step}({instance})" for step in (*STEP_OPCODES, _PREPARES, STARTUP))


def summaries_of_others(instance: str) -> tuple[str, ...]:
    """The job summaries by which somebody may have made use of new disks of C(instance)."""
    return tuple(f"{operation}({instance})" for operation in OTHERS_USE_DISKS)


def reason_of(repair_id: str, reason: str = "") -> str:
    """Our entry in the reason trail, by which a submitted job is known again. Ganeti takes nothing but ASCII there."""
    words = reason.encode("ascii", "backslashreplace").decode()
    return " ".join(part for part in (REASON + ":" + repair_id, words) if part)


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
    wanted = {*STEP_OPCODES, _PREPARES}
    steps = [job for job in jobs.values() if job.is_about(instance) and wanted.intersection(job.operations)]
    ours = {job.id for job in steps if is_ours(job, repair)}
    recreated = [job.id for job in steps if job.id in ours and _RECREATE in job.done]
    adopted = {job.id for job in steps if recreated and _installs(job) and job.id > max(recreated)}
    every = ours | adopted | set(repair.jobs)
    return replace(repair, jobs=tuple(sorted(every)), begun=bool(ours))


def _installs(job: Job) -> bool:
    return _REINSTALL in job.operations


def recreation(repair: Repair, jobs: Mapping[int, Job]) -> Job | None:
    """The job of ours that has given up the disks for C(repair), if one has: the newest."""
    found = _recreations(repair, jobs)
    return found[-1] if found else None


def _recreations(repair: Repair, jobs: Mapping[int, Job]) -> tuple[Job, ...]:
    known = [jobs[number] for number in repair.jobs if number in jobs]
    return tuple(job for job in known if _RECREATE in job.done and is_ours(job, repair))


def held_by(repair: Repair, jobs: Mapping[int, Job]) -> tuple[str, ...]:
    """The nodes whose copies of the disks C(repair) has given up, also those before its newest recreation; none where
    one of its jobs does not tell."""
    told = [_held_by(job) for job in _recreations(repair, jobs)]
    return tuple(dict.fromkeys(name for names in told for name in names)) if all(told) else ()


def _held_by(job: Job) -> tuple[str, ...]:
    words = [word for reason in job.reasons for word in reason.split(" ") if word.startswith(HELD_BY)]
    return tuple(name for word in words for name in word[len(HELD_BY) :].split(",") if name)


def rest_of_reinstall(repair: Repair, instance: Instance, jobs: Mapping[int, Job]) -> tuple[Step, ...]:
    """What is still to do after C(repair) has recreated the disks, which are empty until the reinstall is done.

    An instance that is marked offline is marked down for the reinstall and offline again after it.
    """
    recreated = recreation(repair, jobs)
    if recreated is None:
        return ()
    later = [jobs[number] for number in repair.jobs if number in jobs and number > recreated.id]
    done = [step for job in (recreated, *later) for step in job.done if step in STEP_OPCODES]
    since = done[done.index(_RECREATE) + 1 :]
    before, reinstall, after = _cut(since, _REINSTALL)
    was_offline = _MARK in before or (instance.admin_state == "offline" and not reinstall)
    if not reinstall:
        marked = not was_offline or instance.admin_state != "offline"
        return (*(() if marked else (MARK_DOWN,)), REINSTALL, *((MARK_OFFLINE,) if was_offline else ()))
    return (MARK_OFFLINE,) if was_offline and _MARK not in after else ()


def _cut(steps: list[str], at: str) -> tuple[list[str], bool, list[str]]:
    """C(steps) before the first C(at), whether there is one, and those after it."""
    if at not in steps:
        return steps, False, []
    return steps[: steps.index(at)], True, steps[steps.index(at) + 1 :]


def has_done_a_step(repair: Repair, jobs: Mapping[int, Job]) -> bool:
    """Whether a step of C(repair) is known to have succeeded (law 8)."""
    return any(step in STEP_OPCODES for number in repair.jobs if number in jobs for step in jobs[number].done)


def left_empty(repair: Repair, jobs: Mapping[int, Job]) -> bool:
    """Whether C(repair) has recreated the disks, by a job of anybody's (as harep's), and installed nothing since."""
    done = [step for number in repair.jobs if number in jobs for step in jobs[number].done]
    telling = [step for step in done if step in (_RECREATE, _REINSTALL)]
    return telling[-1:] == [_RECREATE]
