# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endings: when a pending repair ends early (laws 8 and 10).

Its job waits for a step that is no longer needed; a person has canceled a job; or a person has to do the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..diagnosis.instances import Step
from ..ganeti.model import Cluster, Job
from ..ganeti.operations import STEP_OPCODES, STEPS
from ..tags.fields import PREFIX
from .action import Action, ActionKind, finish, named
from .case import Case
from .handover import doubts, in_doubt, resume_words, since_words, taken_over
from .history import Repair, has_done_a_step, is_of_a_repair, is_ours, rest_of_reinstall
from .progress import Progress, failed_step

_LOSSES = tuple(step.opcode for step in STEPS if step.gives_up_something)


def ends_early(case: Case, repair: Repair, cluster: Cluster, now: float, since: float) -> Action | None:
    """The early end of `repair`, whether or not it is suspended: its job waits and is no longer needed, a person has
    canceled a job, or a person has to do the rest (law 10)."""
    rest = rest_of_reinstall(repair, case.instance, cluster.jobs)
    over = taken_over(case, rest, cluster, now)
    if case.progress is Progress.RUNNING:
        return _cancel(case, repair, rest, over, cluster, now, since)
    if case.unfinished_jobs:
        return None
    if case.progress is Progress.CANCELED and not over:
        return _canceled(case, repair, cluster, now, since)
    if over and case.progress is not Progress.FAILED:
        add = doubts(case, case.instance.nodes, cluster, now)
        return finish(case, repair, None, _over_words(case, over, cluster), since, add)
    return None


def _cancel(
    case: Case, repair: Repair, rest: tuple[Step, ...], over: str, cluster: Cluster, now: float, since: float
) -> Action | None:
    """The end of a repair whose unfinished jobs are all ours and waiting, for a step that is no longer needed: the node
    has come back, for instance. The waiting jobs are canceled first."""
    jobs = [cluster.jobs[number] for number in repair.jobs if number in cluster.jobs]
    waiting = [job for job in jobs if job.unfinished]
    noted = {number for tag in case.tags.pendings if tag.id == repair.id for number in tag.jobs if repair.begun}
    if any(job.status not in ("queued", "waiting") or not (is_ours(job, repair) or job.id in noted) for job in waiting):
        return None  # RAPI records no reason for a reinstall; a job in our tags is ours
    if case.health.unknown or (rest and not over) or (not rest and _is_needed(case, waiting)):
        return None
    numbers = tuple(job.id for job in waiting)
    why = _over_words(case, over, cluster) if over else case.health.problem or "it is healthy"
    result = "success" if case.health.is_healthy and not rest and has_done_a_step(repair, cluster.jobs) else None
    add = doubts(case, case.instance.nodes, cluster, now) if rest else ()
    return replace(finish(case, repair, result, _not_needed(why, waiting), since, add), cancel=numbers)


def cancel_orphans(case: Case) -> Action | None:
    """The end of jobs of ours that wait for a step that is not needed, and whose pending tag is not set yet: the node
    came back before they could start."""
    orphans = [job for job in case.unfinished_jobs if set(STEP_OPCODES).intersection(job.operations)]
    if case.pending or not orphans or case.health.unknown or _is_needed(case, orphans):
        return None
    if any(job.status not in ("queued", "waiting") or not is_of_a_repair(job) for job in orphans):
        return None
    words = _not_needed(case.health.problem or "it is healthy", orphans)
    return Action(ActionKind.FINISH, case.instance.name, words, cancel=tuple(job.id for job in orphans))


def _not_needed(why: str, waiting: Sequence[Job]) -> str:
    """`why` the `waiting` jobs are not needed, and that they are canceled."""
    still, is_canceled = ("is", "it is canceled") if len(waiting) == 1 else ("are", "they are canceled")
    return f"{why}; {named(waiting)} {still} still waiting but no longer needed, so {is_canceled}"


def _is_needed(case: Case, waiting: Sequence[Job]) -> bool:
    """Whether the first step of the `waiting` jobs is one of the steps that are needed now."""
    taken = [name for job in waiting for name in job.left if name in STEP_OPCODES]
    return not taken or taken[0] in [step.operation.opcode for step in case.health.steps]


def _canceled(case: Case, repair: Repair, cluster: Cluster, now: float, since: float) -> Action:
    """The end of a repair one of whose jobs a person has canceled. If the job would have given up running state or
    data, the instance is suspended, so that the job is not submitted again until a person allows it (law 10)."""
    known = [cluster.jobs[number] for number in repair.jobs if number in cluster.jobs]
    canceled = [job for job in known if job.status == "canceled"]  # what depends on a canceled job is canceled, too
    reason = f"job {canceled[0].id} was canceled by a person, so the repair ends"
    doubtful = doubts(case, in_doubt(case, (), canceled[0], cluster), cluster, now)
    lost = any(failed_step(job) in _LOSSES for job in canceled)
    if doubtful:
        return finish(case, repair, None, f"{reason}; it may have stopped half-way", since, doubtful)
    if lost and not case.health.is_healthy:
        words = f"{reason}, and the instance is suspended; {resume_words(case.instance)}"
        return finish(case, repair, None, words, since, (PREFIX + "suspend",))
    return finish(case, repair, None, f"{reason}; a suspend tag prevents the next one", since)


def _over_words(case: Case, over: str, cluster: Cluster) -> str:
    """What is left for a person after the disks were recreated, with the commands for either way."""
    name = case.instance.name
    install = " && ".join(f"gnt-instance {word} {name}" for word in ("shutdown", "reinstall", "startup"))
    return (
        f"{since_words(case, cluster)}, and {over}; so a person has to decide: if it has its data, leave it; otherwise "
        f"{install}"
    )
