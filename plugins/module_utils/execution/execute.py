# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Execute: carry out a plan, some actions at a time, so that a runner may die at any moment (design, section 5).

A new repair begins with its pending tag, the step, which comes after that tag, and the tag again with the step's job in
it; nothing of it is waited for. The intent thus stands before the step can run, and a job that was not noted, or not
any more, is found by the repair's id in its reason trail. docs/exactly-once.md has the argument.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Callable

from ..errors import (
    AnswerLost,
    AutorepairError,
    ClaimOver,
    ClusterError,
    QueueDrained,
    Unreachable,
    Withheld,
)
from ..ganeti.client import Client
from ..ganeti.model import Instance
from ..ganeti.operations import Operation
from ..planning.plan import Plan
from ..repair.action import Action, Kind, hold
from ..repair.outcome import NOT_BEGUN, Outcome
from ..repair.reasons import Why
from ..settings.terms import Settings
from ..tags.fields import result_tag
from .submission import give_up_disks, replace_tags, take_step, type_of, unnoted
from .writer import Writer


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
    """An action being executed. C(work) yields where it lets all others go first, so that the first steps of all
    repairs are sent before anything else; C(over) says that it has come to its end."""

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
        if isinstance(self.error, Withheld):
            held = hold(self.action, Why.JUST_CHANGED, str(self.error))
            return replace(self.writer.outcome(), action=held)
        ended_by = self.error or (None if self.over else end.error)
        if isinstance(ended_by, ClusterError) and not self.writer.sent:
            return _not_begun(self.action, ended_by)
        return replace(self.writer.outcome(str(self.error or "")), lost=isinstance(self.error, AnswerLost))


def carry_out(
    plan: Plan, client: Client, settings: Settings, sleep: Callable[[float], None]
) -> tuple[tuple[Outcome, ...], ClusterError | None]:
    """Carry out C(plan): the outcome of each action, and what ended the round early, if anything did. C(sleep) waits
    for some seconds.

    The first steps of all repairs are submitted before anything else, but for those that give up disks: of these the
    intent comes first, and when all else is done it is seen to stand, and a last look is taken. An error with one
    action leaves that one alone; the next are carried out. A drained queue and the end of the claim are no trouble:
    what could not be submitted any more is held.
    """
    end = _End()
    instances = {case.instance.name: case.instance for case, _action in plan.rows}
    settings = replace(settings, unnoted=unnoted(plan, client.joins))
    deeds = [_deed(action, instances, plan, client, settings, sleep) for action in plan.actions]
    with ThreadPoolExecutor(settings.connections) as pool:
        for _part in ("first steps", "all else", "new disks"):
            list(pool.map(lambda deed: deed.go_on(end), deeds))
    outcomes = tuple(deed.outcome(end) for deed in deeds)
    return outcomes, None if isinstance(end.error, (QueueDrained, ClaimOver)) else end.error


def _deed(
    action: Action,
    instances: Mapping[str, Instance],
    plan: Plan,
    client: Client,
    settings: Settings,
    sleep: Callable[[float], None],
) -> _Deed:
    writer = Writer(client, action, settings.reason)
    if action.kind is not Kind.SUBMIT:
        return _Deed(action, writer, _write_tags(action, plan, writer, settings))
    instance = instances[action.name]
    if action.steps[0].operation is Operation.RECREATE_DISKS:
        return _Deed(action, writer, give_up_disks(action, instance, plan, writer, settings, sleep))
    return _Deed(action, writer, take_step(action, instance, plan, writer, settings))


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
        writer.cancel(action.cancel)
        replace_tags(writer, [*result, *action.add], action.remove)
    elif action.writes:  # a suspend is lifted, or a breaker remembers
        replace_tags(writer, action.add, action.remove)


def _result(action: Action, repair_id: str, now: float, jobs: tuple[int, ...]) -> str:
    """The result's tag; as with harep its timestamp says when the repair ended."""
    return result_tag(type_of(action), repair_id, int(now), str(action.result), jobs)
