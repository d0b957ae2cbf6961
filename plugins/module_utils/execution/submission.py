# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Submission: submits the next step of a repair so that a runner may die at any moment (laws 2 and 10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Callable

from ..errors import Withheld
from ..ganeti.job_request import Task
from ..ganeti.model import Instance, RepairType
from ..ganeti.operations import TAGGING, Operation
from ..planning.plan import Plan
from ..queries.waiter import await_jobs
from ..repair.action import Action, ActionKind
from ..repair.history import HELD_BY, Repair
from ..settings.terms import ExecutionOptions
from ..tags.fields import accepting, pending_tag
from .last_look import what_changed
from .submitter import JobSubmitter
from .tasks import tasks_of

MOST_NOTES = 5  # that may wait for resyncs at a time; Ganeti runs 20 jobs at once
CHECK_MODE_JOB = 0  # stands in tags for a job that check mode did not submit; Ganeti's own ids begin at 1


def take_step(
    action: Action, instance: Instance, plan: Plan, submitter: JobSubmitter, options: ExecutionOptions
) -> Iterator[bool]:
    """Submit the step, after the intent if the repair is new; then the steps that go with it, and a note: the tag with
    the jobs in it. The note needs the instance's lock, which a running job holds, so nobody waits for the note."""
    repair, intent = _intent(action, plan, submitter, options)
    tasks = tasks_of(action, instance, plan, submitter.supports_multi_opcode_jobs, options.iallocator)
    first, rest = (tasks, []) if submitter.supports_multi_opcode_jobs else (tasks[:1], tasks[1:])
    before = submitter.submit(*intent, *first)
    yield False
    jobs = before[-len(first) :] + submitter.submit(*rest, after=before)
    reinstalls = action.steps[0].operation is Operation.REINSTALL  # RAPI keeps no reason for that
    if reinstalls or not (options.waits or action.name in options.unnoted):
        _note(repair, jobs, submitter)


def unnoted(plan: Plan, multi_opcode: bool) -> frozenset[str]:
    """The instances whose note would wait hours for a resync, beyond the MOST_NOTES that may: ten resyncs and their
    notes would leave Ganeti no slot to run the next round's claim. Their jobs are found by their reason trail."""
    unfinished = [job for job in plan.cluster.jobs.values() if job.unfinished]
    waiting = sum(bool(job.instances) and all(name in TAGGING for name in job.operations) for job in unfinished)
    behind = [
        action.name for action in plan.actions if action.kind is ActionKind.SUBMIT and _holds_up(action, multi_opcode)
    ]
    return frozenset(behind[max(MOST_NOTES - waiting, 0) :])


def _holds_up(action: Action, multi_opcode: bool) -> bool:
    """Whether the note of `action` waits for a resync. Over RAPI a resync is a job of its own: if another job of the
    same round precedes it, the note gets the lock in between."""
    steps = [step.operation for step in action.submitted(multi_opcode)]
    return Operation.REPLACE_SECONDARY in (steps if multi_opcode else steps[: 1 if action.repair else 0])


def give_up_disks(
    action: Action,
    instance: Instance,
    plan: Plan,
    submitter: JobSubmitter,
    options: ExecutionOptions,
    sleep: Callable[[float], None],
) -> Iterator[bool]:
    """Submit a step that gives up disks: first the intent of a new repair; then, once that tag is written and if a last
    look still allows it, the step itself. Raises Withheld if one of the two fails.

    The job's reason names the nodes that held the disks, and the tag names the job, so both are known long after."""
    repair, intent = _intent(action, plan, submitter, options)
    before = submitter.submit(*intent)
    yield False
    yield False  # all else goes first: where the queue is full, to wait for the intent keeps a connection for a minute
    for job in await_jobs(before, submitter.client, sleep).values() if before else ():
        if job.status != "success":
            raise Withheld(f"job {job.id}, which sets its pending tag, is {job.status}")
    changed = what_changed(submitter.client, instance, plan.cluster, repair.id)
    if changed:
        raise Withheld(changed)
    tasks = tasks_of(action, instance, plan, submitter.supports_multi_opcode_jobs, options.iallocator)
    jobs = submitter.submit(*tasks, after=before, remark=HELD_BY + ",".join(instance.nodes))
    _note(repair, jobs, submitter)


def _intent(
    action: Action, plan: Plan, submitter: JobSubmitter, options: ExecutionOptions
) -> tuple[Repair, tuple[Task, ...]]:
    """The repair that `action` belongs to, and the task that records it in a tag if it is new."""
    if action.repair is not None:
        return action.repair, ()
    submitter.repair_id = accepting(options.new_id()) if action.accepts else options.new_id()
    repair = Repair(type_of(action), submitter.repair_id, int(plan.time))
    return repair, (Task(Operation.ADD_TAGS, tags=(pending_tag(repair.type, repair.id, repair.timestamp, ()),)),)


def _note(repair: Repair, jobs: tuple[int, ...], submitter: JobSubmitter) -> None:
    """Set the pending tag again, with the jobs in it."""
    note = pending_tag(repair.type, repair.id, repair.timestamp, (*repair.jobs, *(jobs or (CHECK_MODE_JOB,))))
    replace_tags(submitter, [note], [tag for tag in repair.tags if tag != note], await_completion=False)


def type_of(action: Action) -> RepairType:
    """The repair type of `action`, which writes the tag of a repair. Raises ValueError if the plan has none."""
    if action.type is None:
        raise ValueError(f"the plan has no repair type for {action.name}, whose action is {action.kind.value}")
    return action.type


def replace_tags(
    submitter: JobSubmitter, new: Iterable[str], old: Iterable[str], await_completion: bool = True
) -> None:
    """Set `new`, then remove `old`. In between, both exist, and every reader uses the new ones."""
    tasks = [Task(Operation.ADD_TAGS, tags=tuple(new))] if tuple(new) else []
    tasks += [Task(Operation.REMOVE_TAGS, tags=tuple(old))] if tuple(old) else []
    if tasks:
        submitter.submit(*tasks, await_completion=await_completion)
