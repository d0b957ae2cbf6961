# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Execute: carry out a plan, some actions at a time, so that a runner may die at any moment (design, section 5).

A new repair begins with its pending tag, the step, which comes after that tag, and the tag again with the step's job in
it; nothing of it is waited for. The intent thus stands before the step can run, and a job that was not noted, or not
any more, is found by the repair's id in its reason trail. docs/exactly-once.md has the argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Callable

from .action import Action, Kind, hold
from .client import Client
from .errors import AnswerLost, AutorepairError, BadOption, ClaimOver, ClusterError, QueueDrained, Unreachable
from .health import Step
from .model import Instance, Operation, RepairType, Task
from .outcome import NOT_BEGUN, Outcome
from .plan import Plan
from .repairs import Repair
from .tags import pending_tag, result_tag
from .why import Why
from .writer import Writer

MOST_CONNECTIONS = 20  # that Ganeti's RAPI serves at a time, all clients together
MOST_NOTES = 5  # that wait for resyncs at a time, in the 20 places that Ganeti has for jobs that run
_TAGGING = ("TAGS_SET", "TAGS_DEL")
CHECK_MODE_JOB = 0  # stands in tags for a job that check mode did not submit; Ganeti's own ids begin at 1


@dataclass(frozen=True)
class Settings:
    """What carrying out needs beside a plan.

    C(new_id) gives the id of a new repair; C(connections) is the number of actions that are carried out at a time.
    C(stays) says that the runner stays until nothing is left to do: then the jobs of steps are named by the result
    alone, and not noted before, and results are written together. C(unnoted) are the instances for which they are not
    noted either; carrying out sets it.
    """

    reason: str
    iallocator: str  # empty: the cluster's default
    new_id: Callable[[], str]
    connections: int = 1
    stays: bool = False
    unnoted: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Raise BadOption for a number of connections that Ganeti does not serve."""
        if not 1 <= self.connections <= MOST_CONNECTIONS:
            raise BadOption(f"connections is {self.connections}; it takes a number from 1 to {MOST_CONNECTIONS}")


class _End:
    """What ended a round early, if anything did: an error that the next action would meet as well."""

    def __init__(self) -> None:
        self.error: ClusterError | None = None
        self.stopped = False  # by something that nobody has foreseen
        self._lost = 0

    def note(self, error: AutorepairError | None) -> None:
        """Take into account how an action has ended."""
        if isinstance(error, ClusterError):
            self.error = self.error or error
        self._lost = self._lost + 1 if isinstance(error, AnswerLost) else 0
        if self._lost > 1 and not self.error:
            words = f"two answers in a row did not come, so nothing more is sent; the last: {error}"
            self.error = Unreachable(words)


@dataclass
class _Deed:
    """An action on its way. C(work) gives way to all others where it yields, and is C(over) at its end."""

    action: Action
    writer: Writer
    work: Iterator[bool]
    over: bool = False
    error: AutorepairError | None = None

    def go_on(self, end: _End) -> None:
        """Do the next part of the work; nothing more once the round has come to its C(end)."""
        if end.error or end.stopped or self.error:
            return
        before = self.writer.outcome_so_far
        try:
            self.over = next(self.work, True)
        except AutorepairError as problem:
            self.error = problem
        except BaseException:
            end.stopped = True
            raise
        if self.error or self.writer.outcome_so_far is not before:  # a part that sends nothing tells nothing
            end.note(self.error)

    def outcome(self, end: _End) -> Outcome:
        """What has become of it."""
        if not self.action.writes:
            return Outcome(self.action)
        ended_by = self.error or (None if self.over else end.error)
        if isinstance(ended_by, ClusterError) and not self.writer.sent:
            return _not_begun(self.action, ended_by)
        return replace(self.writer.outcome(str(self.error or "")), lost=isinstance(self.error, AnswerLost))


def carry_out(plan: Plan, client: Client, settings: Settings) -> tuple[tuple[Outcome, ...], ClusterError | None]:
    """Carry out C(plan): the outcome of each action, and what ended the round early, if anything did.

    The first steps of all repairs are submitted before anything else. An error with one action leaves that one alone;
    the next are carried out. A drained queue and the end of the claim are no trouble: what could not be submitted any
    more is held.
    """
    end = _End()
    instances = {case.instance.name: case.instance for case, _action in plan.rows}
    settings = replace(settings, unnoted=_unnoted(plan, client.joins))
    deeds = [_deed(action, instances, plan, client, settings) for action in plan.actions]
    with ThreadPoolExecutor(settings.connections) as pool:
        for _part in ("first steps", "all else"):
            list(pool.map(lambda deed: deed.go_on(end), deeds))
    outcomes = tuple(deed.outcome(end) for deed in deeds)
    return outcomes, None if isinstance(end.error, (QueueDrained, ClaimOver)) else end.error


def _deed(action: Action, instances: Mapping[str, Instance], plan: Plan, client: Client, settings: Settings) -> _Deed:
    writer = Writer(client, action, settings.reason)
    if action.kind is Kind.SUBMIT:
        return _Deed(action, writer, _take_step(action, instances[action.name], plan, writer, settings))
    return _Deed(action, writer, _write_tags(action, plan, writer, settings))


def _not_begun(action: Action, error: ClusterError) -> Outcome:
    if isinstance(error, QueueDrained):
        return Outcome(hold(action, Why.QUEUE_DRAINED, "the job queue is drained"))
    if isinstance(error, ClaimOver):
        return Outcome(hold(action, Why.CLAIM_OVER, "this round has come to the end of its claim"))
    return Outcome(action, error=NOT_BEGUN)


def _write_tags(action: Action, plan: Plan, writer: Writer, settings: Settings) -> Iterator[bool]:
    """Write what C(action) says in tags, if anything, behind the first steps of all repairs."""
    yield False
    if action.kind is Kind.REFUSE:
        writer.repair_id = settings.new_id()
        replace_tags(writer, [_result(action, writer.repair_id, plan.time, ())], action.remove)
    elif action.kind is Kind.FINISH:
        repair = action.repair
        result = [_result(action, repair.id, plan.time, repair.jobs)] if repair and action.result else []
        replace_tags(writer, result, action.remove)
    elif action.writes:  # a suspend is lifted, or a breaker remembers
        replace_tags(writer, action.add, action.remove)


def _take_step(action: Action, instance: Instance, plan: Plan, writer: Writer, settings: Settings) -> Iterator[bool]:
    """Submit the step, a new repair's behind its intent; then what belongs to it, and the tag again with its jobs.
    A job that runs holds its instance's lock, which the note waits for, so nobody waits for the note."""
    intent: tuple[Task, ...] = ()
    repair = action.repair
    if repair is None:
        writer.repair_id = settings.new_id()
        repair = Repair(_type(action), writer.repair_id, int(plan.time))
        intent = (Task(Operation.ADD_TAGS, tags=(pending_tag(repair.type, repair.id, repair.timestamp, ()),)),)
    iallocator = settings.iallocator or plan.cluster.default_iallocator or "hail"
    steps = action.submitted(writer.joins)
    tasks = [Task(step.operation, _parameters(step, instance, action, iallocator)) for step in steps]
    first, rest = (tasks, []) if writer.joins else (tasks[:1], tasks[1:])
    before = writer.submit(*intent, *first)
    yield False
    jobs = before[-len(first) :] + writer.submit(*rest, after=before)
    if not settings.stays and action.name not in settings.unnoted:
        note = pending_tag(repair.type, repair.id, repair.timestamp, (*repair.jobs, *(jobs or (CHECK_MODE_JOB,))))
        replace_tags(writer, [note], [tag for tag in repair.tags if tag != note], see_through=False)


def _unnoted(plan: Plan, joins: bool) -> frozenset[str]:
    """The instances whose note would wait for a resync, for hours, where MOST_NOTES do so already: with ten resyncs and
    their notes Ganeti would have no place left for the next round's claim. Their jobs are found by the reason trail."""
    unfinished = [job for job in plan.cluster.jobs.values() if job.unfinished]
    waiting = sum(bool(job.instances) and all(name in _TAGGING for name in job.operations) for job in unfinished)
    behind = [action.name for action in plan.actions if action.kind is Kind.SUBMIT and _holds_up(action, joins)]
    return frozenset(behind[max(MOST_NOTES - waiting, 0) :])


def _holds_up(action: Action, joins: bool) -> bool:
    """Whether the note of C(action) waits for a resync. Over RAPI a resync that begins a repair comes after
    another job of its instance, and the note slips in between."""
    steps = [step.operation for step in action.submitted(joins)]
    return Operation.REPLACE_SECONDARY in (steps if joins else steps[: 1 if action.repair else 0])


def _parameters(step: Step, instance: Instance, action: Action, iallocator: str) -> Mapping[str, Any]:
    """What the step's operation needs beside the instance's name (Ganeti facts, "Repairs")."""
    if step.operation is Operation.REPLACE_SECONDARY:
        return {"iallocator": iallocator}
    if step.operation in (Operation.FAILOVER, Operation.MIGRATE):
        if instance.mirrored:  # it can go to its secondary only
            return {}
        return {"target_node": action.nodes[0]} if action.nodes else {"iallocator": iallocator}
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


def replace_tags(writer: Writer, new: Iterable[str], old: Iterable[str], see_through: bool = True) -> None:
    """Set C(new), then remove C(old): between the two both stand, which every reader takes for the new one."""
    tasks = [Task(Operation.ADD_TAGS, tags=tuple(new))] if tuple(new) else []
    tasks += [Task(Operation.REMOVE_TAGS, tags=tuple(old))] if tuple(old) else []
    if tasks:
        writer.submit(*tasks, see_through=see_through)
