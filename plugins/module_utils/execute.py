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
from .errors import AnswerLost, AutorepairError, ClusterError, QueueDrained, Unreachable
from .health import Step
from .model import Instance, Operation, RepairType
from .plan import Plan
from .repairs import Repair
from .tags import pending_tag, result_tag
from .writer import NOT_BEGUN, Outcome, Writer

CHECK_MODE_JOB = 0  # stands in tags for a job that check mode did not submit; Ganeti's own ids begin at 1


@dataclass(frozen=True)
class Settings:
    """What a round needs beside its plan. C(new_id) gives the id of a new repair, C(sleep) waits some seconds."""

    reason: str
    iallocator: str  # empty: the cluster's default
    new_id: Callable[[], str]
    sleep: Callable[[float], None]


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
        writer = Writer(client, action, settings.reason)
        try:
            _carry_out(action, plan, writer, settings)
        except ClusterError as error:
            ended = error
            outcomes.append(writer.outcome(str(error)) if writer.sent else _not_begun(action, error))
        except AutorepairError as error:
            if isinstance(error, AnswerLost) and outcomes and outcomes[-1].lost:
                ended = Unreachable(f"two answers in a row did not come, so nothing more is sent; the last: {error}")
            outcomes.append(replace(writer.outcome(str(error)), lost=isinstance(error, AnswerLost)))
        else:
            outcomes.append(writer.outcome())
    return tuple(outcomes), None if isinstance(ended, QueueDrained) else ended


def _not_begun(action: Action, error: ClusterError) -> Outcome:
    if isinstance(error, QueueDrained):
        held = replace(action, kind=Kind.HOLD, reason=f"{action.reason}; held, as the job queue is drained")
        return Outcome(held)
    return Outcome(action, error=NOT_BEGUN)


def _carry_out(action: Action, plan: Plan, writer: Writer, settings: Settings) -> None:
    if action.kind is Kind.SUBMIT and action.repair is None:
        _begin(action, plan, writer, settings)
    elif action.kind is Kind.SUBMIT and action.repair is not None:  # its intent stands in the cluster already
        _take_step(action, action.repair, plan, writer, settings, None)
    elif action.kind is Kind.REFUSE:
        writer.repair_id = settings.new_id()
        _replace_tags(writer, _result(action, writer.repair_id, plan.time, ()), action.remove)
    elif action.kind is Kind.FINISH:
        repair = action.repair
        result = _result(action, repair.id, plan.time, repair.jobs) if repair and action.result else None
        _replace_tags(writer, result, action.remove)
    elif action.kind is Kind.LIFT:
        _replace_tags(writer, None, action.remove)


def _begin(action: Action, plan: Plan, writer: Writer, settings: Settings) -> None:
    """The first step of a new repair, behind its intent."""
    writer.repair_id = settings.new_id()
    repair = Repair(_type(action), writer.repair_id, int(plan.time))
    intent = pending_tag(repair.type, repair.id, repair.timestamp, ())
    tagged = writer.tags(Operation.ADD_TAGS, [intent])
    _take_step(action, replace(repair, tags=(intent,)), plan, writer, settings, tagged)


def _take_step(
    action: Action, repair: Repair, plan: Plan, writer: Writer, settings: Settings, tagged: int | None
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
    note = pending_tag(repair.type, repair.id, repair.timestamp, (*repair.jobs, job or CHECK_MODE_JOB))
    old = [tag for tag in repair.tags if tag != note]
    noted = writer.tags(Operation.ADD_TAGS, [note], [tagged], see_through=False)
    if old and note not in repair.tags:
        writer.tags(Operation.REMOVE_TAGS, old, [tagged, noted], see_through=False)


def _parameters(step: Step, instance: Instance, action: Action, iallocator: str) -> Mapping[str, Any]:
    """What the step's operation needs beside the instance's name (Ganeti facts, "Repairs")."""
    if step.operation is Operation.REPLACE_SECONDARY:
        return {"iallocator": iallocator}
    if step.operation in (Operation.FAILOVER, Operation.MIGRATE):
        return {} if instance.mirrored else {"iallocator": iallocator}  # a mirrored one can go to its secondary only
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


def _replace_tags(writer: Writer, new: str | None, old: Iterable[str]) -> None:
    """Set C(new), then remove C(old): between the two both stand, which every reader takes for the new one."""
    old = tuple(old)
    tagged = writer.tags(Operation.ADD_TAGS, [new]) if new else None
    if old:
        writer.tags(Operation.REMOVE_TAGS, old, [tagged])
