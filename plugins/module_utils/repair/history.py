# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""History: the repairs of one instance, from its tags and jobs (design, sections 2 and 5)."""

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
    """One attempt to repair one instance, from its tags.

    `result` is None while it is pending; `tags` are all the tags that carry its id; `begun` says that one of its
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
        """Whether somebody has accepted that it loses newer data: its id, in each of its tags, says so."""
        return self.id.startswith(ACCEPTS)

    @property
    def accepts_until(self) -> float:
        """It accepts copies noted as behind until this time (seconds since the epoch; 0 for never): whoever requested
        it knew of no later ones. The clocks of the requester and of the noter may each differ from the master's."""
        return self.timestamp + 2 * MAX_SKEW if self.accepts_behind else 0.0


def repairs_of(tags: TagSet) -> tuple[Repair, ...]:
    """The repairs in an instance's `tags`, the oldest first.

    Several tags with one id are one repair: a runner may have died between adding a tag and removing the one before.
    Then a result counts before a pending tag, and the worst result first (as in harep: failure, success, enoperm).
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
    """Larger for the tag that decides for its repair; among pending tags the one with most jobs is the newest."""
    if isinstance(tag, Pending):
        return 0, len(tag.jobs)
    return ("enoperm", "success", "failure").index(tag.result) + 1, tag.timestamp


def step_summaries(instance: str) -> tuple[str, ...]:
    """The job summaries of all steps of a repair of `instance`, and of a start of it by anybody, to find such jobs by
    query."""
    return tuple(f"{step}({instance})" for step in (*STEP_OPCODES, _PREPARES, STARTUP))


def summaries_of_others(instance: str) -> tuple[str, ...]:
    """The summaries of others' jobs that may have used new disks of `instance`."""
    return tuple(f"{operation}({instance})" for operation in OTHERS_USE_DISKS)


def reason_of(repair_id: str, reason: str = "") -> str:
    """Our entry in the reason trail, which identifies our jobs. Ganeti accepts only ASCII there."""
    words = reason.encode("ascii", "backslashreplace").decode()
    return " ".join(part for part in (REASON + ":" + repair_id, words) if part)


def is_ours(job: Job, repair: Repair) -> bool:
    """Whether `job` carries the id of `repair` in its reason trail."""
    mark = reason_of(repair.id)
    return any(mark in reason.split(" ") for reason in job.reasons)


def is_of_a_repair(job: Job) -> bool:
    """Whether `job` carries the id of any repair of ours in its reason trail."""
    return any(reason.startswith(REASON + ":") for reason in job.reasons)


def adopt_jobs(repair: Repair, instance: Instance, jobs: Mapping[int, Job]) -> Repair:
    """`repair` with the jobs that belong to it but are missing in its tags: their submitter has not recorded them, or
    died, or lost the answer.

    The reason trail identifies them. RAPI records no reason for a reinstall, so a reinstall of this instance after the
    repair's recreation of the disks counts as well: it has the intended effect, whoever submitted it.
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
    """Our newest job that has recreated the disks for `repair`, if any."""
    found = _recreations(repair, jobs)
    return found[-1] if found else None


def _recreations(repair: Repair, jobs: Mapping[int, Job]) -> tuple[Job, ...]:
    known = [jobs[number] for number in repair.jobs if number in jobs]
    return tuple(job for job in known if _RECREATE in job.done and is_ours(job, repair))


def held_by(repair: Repair, jobs: Mapping[int, Job]) -> tuple[str, ...]:
    """The nodes whose copies of the disks `repair` has given up, also before its newest recreation; none if one of its
    jobs does not name them."""
    told = [_held_by(job) for job in _recreations(repair, jobs)]
    return tuple(dict.fromkeys(name for names in told for name in names)) if all(told) else ()


def _held_by(job: Job) -> tuple[str, ...]:
    words = [word for reason in job.reasons for word in reason.split(" ") if word.startswith(HELD_BY)]
    return tuple(name for word in words for name in word[len(HELD_BY) :].split(",") if name)


def rest_of_reinstall(repair: Repair, instance: Instance, jobs: Mapping[int, Job]) -> tuple[Step, ...]:
    """The remaining steps after `repair` has recreated the disks, which are empty until the reinstall is done.

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
    """`steps` before the first `at`, whether there is one, and those after it."""
    if at not in steps:
        return steps, False, []
    return steps[: steps.index(at)], True, steps[steps.index(at) + 1 :]


def has_done_a_step(repair: Repair, jobs: Mapping[int, Job]) -> bool:
    """Whether a step of `repair` is known to have succeeded (law 8)."""
    return any(step in STEP_OPCODES for number in repair.jobs if number in jobs for step in jobs[number].done)


def left_empty(repair: Repair, jobs: Mapping[int, Job]) -> bool:
    """Whether `repair` has recreated the disks, by a job of anybody's (as harep's), and installed nothing since."""
    done = [step for number in repair.jobs if number in jobs for step in jobs[number].done]
    telling = [step for step in done if step in (_RECREATE, _REINSTALL)]
    return telling[-1:] == [_RECREATE]
