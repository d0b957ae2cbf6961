# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Execute: carry out a plan, one action after the other, so that a runner may die at any moment (design, section 5).

A new repair is four jobs, submitted without waiting: its pending tag, the step, which depends on that tag, the tag
again with the step's job in it, and the removal of the first tag. The intent thus stands before the step can run, and
a job that was not noted any more is found by the repair's id in its reason trail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Callable

from .client import Client
from .decide import Action, Kind
from .errors import AnswerLost, AutorepairError, ClusterError, QueueDrained
from .health import Step
from .model import TEMPLATE_CLASSES, Instance, Job, JobRequest, Operation, RepairType, TemplateClass
from .plan import Plan
from .read import query_jobs
from .repairs import Repair, reason_of
from .tags import pending_tag, result_tag

CONFIRM_SECONDS = 60.0


@dataclass(frozen=True)
class Settings:
    """What a round needs beside its plan. C(new_id) gives the id of a new repair, C(sleep) waits some seconds."""

    reason: str
    iallocator: str  # empty: the cluster's default
    new_id: Callable[[], str]
    sleep: Callable[[float], None]


@dataclass(frozen=True)
class Outcome:
    """What became of one action.

    C(jobs) are the repair's jobs; C(tag_jobs) the jobs that write tags and that a round sees through to their end;
    C(added) and C(removed) the tags, which in check mode are those that would be written.
    """

    action: Action
    jobs: tuple[int, ...] = ()
    tag_jobs: tuple[int, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    sent: bool = False
    error: str = ""

    @property
    def written(self) -> bool:
        """Whether the cluster has, or may have, taken something; nothing reaches it in check mode."""
        begun = self.action.repair.jobs if self.action.repair else ()
        return bool(self.tag_jobs or self.jobs != begun or (self.sent and self.error))


def carry_out(plan: Plan, client: Client, settings: Settings) -> tuple[tuple[Outcome, ...], ClusterError | None]:
    """Carry out C(plan): the outcome of each action, and what ended the round early, if anything did.

    An error with one action leaves that one alone; the next are carried out. A drained queue ends nothing: what could
    not be submitted any more is held.
    """
    outcomes: list[Outcome] = []
    ended: ClusterError | None = None
    for action in plan.actions:
        if ended and action.kind.writes:
            outcomes.append(_not_begun(action, ended))
            continue
        writer = _Writer(client, action, settings.reason)
        try:
            _carry_out(action, plan, writer, settings)
        except ClusterError as error:
            ended = error
            outcomes.append(writer.outcome(str(error)) if writer.sent else _not_begun(action, error))
        except AutorepairError as error:
            outcomes.append(writer.outcome(str(error)))
        else:
            outcomes.append(writer.outcome())
    return tuple(outcomes), None if isinstance(ended, QueueDrained) else ended


def _not_begun(action: Action, error: ClusterError) -> Outcome:
    if isinstance(error, QueueDrained):
        held = replace(action, kind=Kind.HOLD, reason=f"{action.reason}; held, as the job queue is drained")
        return Outcome(held)
    return Outcome(action, error=f"not begun: {error}")


class _Writer:
    """Submits the jobs of one action and keeps the account of them."""

    def __init__(self, client: Client, action: Action, reason: str) -> None:
        self._client = client
        self._action = action
        self._reason = reason
        self.repair_id = action.repair.id if action.repair else ""
        self.outcome_so_far = Outcome(action, jobs=action.repair.jobs if action.repair else ())

    @property
    def sent(self) -> bool:
        """Whether anything was sent that the cluster has, or may have, taken."""
        return self.outcome_so_far.sent

    def outcome(self, error: str = "") -> Outcome:
        """What has become of the action."""
        return replace(self.outcome_so_far, error=error)

    def tags(
        self,
        operation: Operation,
        tags: Iterable[str],
        after: Iterable[int | None] = (),
        see_through: bool = True,
    ) -> int | None:
        """Submit the adding or removing of C(tags); without C(see_through) the round does not wait for it."""
        tags = tuple(tags)
        job = self._submit(operation, {}, tags, after)
        done = self.outcome_so_far
        if operation is Operation.ADD_TAGS:
            done = replace(done, added=done.added + tags)
        else:
            removed = tuple(tag for tag in tags if tag not in done.added)
            done = replace(
                done,
                added=tuple(tag for tag in done.added if tag not in tags),
                removed=done.removed + removed,
            )
        if job is not None and see_through:
            done = replace(done, tag_jobs=(*done.tag_jobs, job))
        self.outcome_so_far = done
        return job

    def step(self, operation: Operation, parameters: Mapping[str, Any], after: Iterable[int | None] = ()) -> int | None:
        """Submit a step of the repair."""
        job = self._submit(operation, parameters, (), after)
        if job is not None:
            self.outcome_so_far = replace(self.outcome_so_far, jobs=(*self.outcome_so_far.jobs, job))
        return job

    def _submit(
        self,
        operation: Operation,
        parameters: Mapping[str, Any],
        tags: tuple[str, ...],
        after: Iterable[int | None],
    ) -> int | None:
        request = JobRequest(
            operation=operation,
            kind=self._action.scope,
            name=self._action.name,
            parameters=parameters,
            tags=tags,
            after=tuple(job for job in after if job is not None),
            reason=reason_of(self.repair_id, self._reason),
        )
        try:
            job = self._client.submit(request)
        except AnswerLost:  # it may have been taken
            self.outcome_so_far = replace(self.outcome_so_far, sent=True)
            raise
        self.outcome_so_far = replace(self.outcome_so_far, sent=True)
        return job


def _carry_out(action: Action, plan: Plan, writer: _Writer, settings: Settings) -> None:
    if action.kind is Kind.SUBMIT and action.repair is None:
        _begin(action, plan, writer, settings)
    elif action.kind is Kind.SUBMIT and action.repair is not None:
        _go_on(action, action.repair, plan, writer, settings)
    elif action.kind is Kind.REFUSE:
        writer.repair_id = settings.new_id()
        _replace_tags(writer, _result(action, writer.repair_id, plan.time, ()), action.remove)
    elif action.kind is Kind.FINISH:
        repair = action.repair
        result = _result(action, repair.id, plan.time, repair.jobs) if repair and action.result else None
        _replace_tags(writer, result, action.remove)
    elif action.kind is Kind.LIFT:
        _replace_tags(writer, None, action.remove)


def _begin(action: Action, plan: Plan, writer: _Writer, settings: Settings) -> None:
    """The first step of a new repair, behind its intent."""
    writer.repair_id = settings.new_id()
    repair = Repair(_type(action), writer.repair_id, int(plan.time))
    intent = pending_tag(repair.type, repair.id, repair.timestamp, ())
    tagged = writer.tags(Operation.ADD_TAGS, [intent])
    _take_step(action, replace(repair, tags=(intent,)), plan, writer, settings, tagged)


def _go_on(action: Action, repair: Repair, plan: Plan, writer: _Writer, settings: Settings) -> None:
    """The next step of a repair whose intent stands in the cluster already."""
    _take_step(action, repair, plan, writer, settings, None)


def _take_step(
    action: Action, repair: Repair, plan: Plan, writer: _Writer, settings: Settings, tagged: int | None
) -> None:
    """Submit the step, then note its job in the tag. A job that runs holds its instance's lock, which the note waits
    for, so nobody waits for the note."""
    instance = next(case.instance for case, other in plan.rows if case.instance.name == action.name)
    step = action.steps[0]
    job = writer.step(
        step.operation,
        _parameters(step, instance, action, settings.iallocator or plan.cluster.default_iallocator or "hail"),
        [tagged],
    )
    if job is None:  # check mode: a job that was not submitted has no id to note
        return
    note = pending_tag(repair.type, repair.id, repair.timestamp, (*repair.jobs, job))
    old = [tag for tag in repair.tags if tag != note]
    noted = writer.tags(Operation.ADD_TAGS, [note], [tagged], see_through=False)
    if old and note not in repair.tags:
        writer.tags(Operation.REMOVE_TAGS, old, [tagged, noted], see_through=False)


def _parameters(step: Step, instance: Instance, action: Action, iallocator: str) -> Mapping[str, Any]:
    """What the step's operation needs beside the instance's name (Ganeti facts, "Repairs")."""
    if step.operation is Operation.REPLACE_SECONDARY:
        return {"iallocator": iallocator}
    if step.operation in (Operation.FAILOVER, Operation.MIGRATE):
        mirrored = TEMPLATE_CLASSES[instance.disk_template] is TemplateClass.MIRRORED
        return {} if mirrored else {"iallocator": iallocator}  # a mirrored instance can go to its secondary only
    if step.operation is Operation.RECREATE_DISKS:
        return {"nodes": list(action.nodes)}
    if step.operation is Operation.REINSTALL:
        return {"start": instance.meant_to_run}
    return {}


def _result(action: Action, repair_id: str, now: float, jobs: tuple[int, ...]) -> str:
    """The result's tag; as with harep its timestamp says when the repair ended."""
    return result_tag(_type(action), repair_id, int(now), str(action.result), jobs)


def _type(action: Action) -> RepairType:
    if action.type is None:
        raise ValueError(f"the plan has no repair type for {action.name}, whose action is {action.kind.value}")
    return action.type


def _replace_tags(writer: _Writer, new: str | None, old: Iterable[str]) -> None:
    """Set C(new), then remove C(old): between the two both stand, which every reader takes for the new one."""
    old = tuple(old)
    tagged = writer.tags(Operation.ADD_TAGS, [new]) if new else None
    if old:
        writer.tags(Operation.REMOVE_TAGS, old, [tagged])


def confirm(outcomes: Iterable[Outcome], client: Client, settings: Settings) -> tuple[Outcome, ...]:
    """C(outcomes) with the errors of the jobs that write tags, once these have ended or CONFIRM_SECONDS have passed.

    One request asks for all of them; the pauses between such requests grow.
    """
    outcomes = tuple(outcomes)
    wanted = [job for outcome in outcomes for job in outcome.tag_jobs]
    jobs = _wait_for(wanted, client, settings.sleep) if wanted else {}
    return tuple(_confirmed(outcome, [jobs[job] for job in outcome.tag_jobs if job in jobs]) for outcome in outcomes)


def _wait_for(wanted: Iterable[int], client: Client, sleep: Callable[[float], None]) -> Mapping[int, Job]:
    terms = [["=", "id", job] for job in sorted(wanted)]
    waited, pause = 0.0, 0.1
    while True:
        jobs = query_jobs(client, terms)
        if waited >= CONFIRM_SECONDS or not any(job.unfinished for job in jobs.values()):
            return jobs
        sleep(pause)
        waited, pause = waited + pause, min(pause * 2, 2.0)


def _confirmed(outcome: Outcome, jobs: Iterable[Job]) -> Outcome:
    """C(outcome) with what became of its jobs, unless it has an error of its own."""
    for job in jobs:
        if job.status != "success" and not outcome.error:
            how = "has not ended yet" if job.unfinished else f"ended as {job.status} ({job.error or 'no reason given'})"
            outcome = replace(outcome, error=f"job {job.id}, which writes its tags, {how}")
    return outcome
