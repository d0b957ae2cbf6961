# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Submission: the next step of a repair, sent so that a runner may die at any moment (laws 2 and 10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Callable

from .action import Action
from .confirm import await_jobs
from .errors import Withheld
from .last_look import what_changed
from .model import Instance, Operation, RepairType, Task
from .plan import Plan
from .repairs import HELD_BY, Repair
from .settings import Settings
from .tags import pending_tag
from .tasks import tasks_of
from .writer import Writer

CHECK_MODE_JOB = 0  # stands in tags for a job that check mode did not submit; Ganeti's own ids begin at 1


def take_step(action: Action, instance: Instance, plan: Plan, writer: Writer, settings: Settings) -> Iterator[bool]:
    """Submit the step, a new repair's behind its intent; then what belongs to it, and the tag again with its jobs.
    A job that runs holds its instance's lock, which the note waits for, so nobody waits for the note."""
    tasks = tasks_of(action, instance, plan, writer.joins, settings.iallocator)
    first, rest = _split(tasks, writer.joins, settings.stays)
    resyncs = _is_resync(first[0]) and not settings.stays
    repair, intent = _intended(action, plan, writer, settings, anyway=resyncs)
    ahead = writer.submit(*intent) if resyncs else ()
    before = writer.submit(*(() if resyncs else intent), *first, after=ahead)
    yield False
    jobs = before[-len(first) :] + writer.submit(*rest, after=before)
    if not settings.stays or action.steps[0].operation is Operation.REINSTALL:  # RAPI keeps no reason for that
        _note(repair, jobs, writer)


def _is_resync(task: Task) -> bool:
    """Whether C(task) may take hours, and hold its instance's lock and one of Ganeti's places for running jobs."""
    return task.operation is Operation.REPLACE_SECONDARY


def _split(tasks: list[Task], joins: bool, stays: bool) -> tuple[list[Task], list[Task]]:
    """What of C(tasks) is submitted at first, and what after that. A resync has a job of its own where a note follows:
    the note comes in before it then, and would else wait for its end."""
    if joins and (stays or not any(_is_resync(task) for task in tasks)):
        return tasks, []
    return tasks[:1], tasks[1:]


def _intended(
    action: Action, plan: Plan, writer: Writer, settings: Settings, anyway: bool
) -> tuple[Repair, tuple[Task, ...]]:
    """The repair of C(action), and the task that sets its intent: a new repair's, or with C(anyway) one that stands
    already, so that the step comes after a job of tags."""
    repair = action.repair
    if repair is None:
        writer.repair_id = settings.new_id()
        repair = Repair(type_of(action), writer.repair_id, int(plan.time))
    elif not anyway:
        return repair, ()
    tag = pending_tag(repair.type, repair.id, repair.timestamp, repair.jobs)
    if action.repair:
        repair = replace(repair, tags=tuple(dict.fromkeys((*repair.tags, tag))))
    return repair, (Task(Operation.ADD_TAGS, tags=(tag,)),)


def give_up_disks(
    action: Action,
    instance: Instance,
    plan: Plan,
    writer: Writer,
    settings: Settings,
    sleep: Callable[[float], None],
) -> Iterator[bool]:
    """Submit a step that gives up disks: first the intent of a new repair; and once that stands, however full the queue
    is, the step itself, if a last look still shows what it was planned for.

    Its job names the nodes that held the disks, and the tag names the job, so that both are known long after."""
    repair, intent = _intended(action, plan, writer, settings, anyway=False)
    before = writer.submit(*intent)
    yield False
    for job in await_jobs(before, writer.client, sleep).values() if before else ():
        if job.status != "success":
            raise Withheld(f"job {job.id}, which sets its pending tag, is {job.status}")
    changed = what_changed(writer.client, instance, plan.cluster)
    if changed:
        raise Withheld(changed)
    tasks = tasks_of(action, instance, plan, writer.joins, settings.iallocator)
    jobs = writer.submit(*tasks, after=before, remark=HELD_BY + ",".join(instance.nodes))
    _note(repair, jobs, writer)


def _note(repair: Repair, jobs: tuple[int, ...], writer: Writer) -> None:
    """Set the pending tag again, with the jobs in it."""
    note = pending_tag(repair.type, repair.id, repair.timestamp, (*repair.jobs, *(jobs or (CHECK_MODE_JOB,))))
    replace_tags(writer, [note], [tag for tag in repair.tags if tag != note], see_through=False)


def type_of(action: Action) -> RepairType:
    if action.type is None:
        raise ValueError(f"the plan has no repair type for {action.name}, whose action is {action.kind.value}")
    return action.type


def replace_tags(writer: Writer, new: Iterable[str], old: Iterable[str], see_through: bool = True) -> None:
    """Set C(new), then remove C(old): between the two both stand, which every reader takes for the new one."""
    tasks = [Task(Operation.ADD_TAGS, tags=tuple(new))] if tuple(new) else []
    tasks += [Task(Operation.REMOVE_TAGS, tags=tuple(old))] if tuple(old) else []
    if tasks:
        writer.submit(*tasks, see_through=see_through)
