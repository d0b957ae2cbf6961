# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Execute: carry out a plan, several actions at a time, so that a runner may die at any moment (design, section 5).

A new repair starts with its pending tag, then the step, which depends on that tag, then the tag again with the step's
job in it; none of these is waited for. So the intent is recorded before the step can run, and a job that is missing in
the tag is found by the repair's id in its reason trail. docs/exactly-once.md has the argument.
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
from ..repair.action import Action, ActionKind, hold
from ..repair.outcome import NOT_BEGUN, Outcome
from ..repair.reasons import Reason
from ..settings.terms import ExecutionOptions
from ..tags.fields import result_tag
from .submission import give_up_disks, replace_tags, take_step, type_of, unnoted
from .submitter import JobSubmitter


class _AbortState:
    """The error that ended a round early, if any: the next action would meet it as well."""

    def __init__(self) -> None:
        self.error: ClusterError | None = None
        self.stopped = False  # by an unexpected exception
        self._lost = 0

    def note(self, error: AutorepairError | None) -> None:
        """Record how an action has ended."""
        if isinstance(error, ClusterError):
            self.error = self.error or error
        self._lost = self._lost + 1 if isinstance(error, AnswerLost) else 0
        if self._lost > 1 and not self.error:
            words = f"two answers in a row were lost, so nothing more is sent; the last: {error}"
            self.error = Unreachable(words)


@dataclass
class _RunningAction:
    """An action being executed. `work` is a generator: it yields to let all others go first, so that the first steps of
    all repairs are sent before anything else; `over` says that it is finished."""

    action: Action
    submitter: JobSubmitter
    work: Iterator[bool]
    over: bool = False
    error: AutorepairError | None = None

    def go_on(self, end: _AbortState) -> None:
        """Do the next part of the work, unless the round was aborted (`end`)."""
        if end.error or end.stopped or self.error:
            return
        before = self.submitter.outcome_so_far
        try:
            self.over = next(self.work, True)
        except AutorepairError as problem:
            self.error = problem
        except BaseException:
            end.stopped = True
            raise
        if self.error or self.submitter.outcome_so_far is not before:  # a part that sends nothing shows nothing
            end.note(self.error)

    def outcome(self, end: _AbortState) -> Outcome:
        """The result so far."""
        if not self.action.writes:
            return Outcome(self.action)
        if isinstance(self.error, Withheld):
            held = hold(self.action, Reason.JUST_CHANGED, str(self.error))
            return replace(self.submitter.outcome(), action=held)
        ended_by = self.error or (None if self.over else end.error)
        if isinstance(ended_by, ClusterError) and not self.submitter.sent:
            return _not_begun(self.action, ended_by)
        return replace(self.submitter.outcome(str(self.error or "")), lost=isinstance(self.error, AnswerLost))


def carry_out(
    plan: Plan, client: Client, options: ExecutionOptions, sleep: Callable[[float], None]
) -> tuple[tuple[Outcome, ...], ClusterError | None]:
    """Carry out `plan`: the outcome of each action, and what ended the round early, if anything did. `sleep` waits
    for some seconds.

    The first steps of all repairs are submitted before anything else, except those that give up disks: for these the
    intent is submitted first. Their step follows when everything else is done, if the intent is written and a last
    look still allows it. An error with one action does not stop the others. A drained queue and the end of the claim
    are no errors: what could not be submitted any more is held.
    """
    end = _AbortState()
    instances = {case.instance.name: case.instance for case, _action in plan.rows}
    options = replace(options, unnoted=unnoted(plan, client.supports_multi_opcode_jobs))
    running = [_running(action, instances, plan, client, options, sleep) for action in plan.actions]
    with ThreadPoolExecutor(options.connections) as pool:
        for _part in ("first steps", "all else", "new disks"):
            list(pool.map(lambda action: action.go_on(end), running))
    outcomes = tuple(action.outcome(end) for action in running)
    return outcomes, None if isinstance(end.error, (QueueDrained, ClaimOver)) else end.error


def _running(
    action: Action,
    instances: Mapping[str, Instance],
    plan: Plan,
    client: Client,
    options: ExecutionOptions,
    sleep: Callable[[float], None],
) -> _RunningAction:
    submitter = JobSubmitter(client, action, options.reason)
    if action.kind is not ActionKind.SUBMIT:
        return _RunningAction(action, submitter, _write_tags(action, plan, submitter, options))
    instance = instances[action.name]
    if action.steps[0].operation is Operation.RECREATE_DISKS:
        return _RunningAction(action, submitter, give_up_disks(action, instance, plan, submitter, options, sleep))
    return _RunningAction(action, submitter, take_step(action, instance, plan, submitter, options))


def _not_begun(action: Action, error: ClusterError) -> Outcome:
    if isinstance(error, QueueDrained):
        return Outcome(hold(action, Reason.QUEUE_DRAINED, "the job queue is drained"))
    if isinstance(error, ClaimOver):
        return Outcome(hold(action, Reason.CLAIM_OVER, "this round's claim is about to expire"))
    return Outcome(action, error=NOT_BEGUN)


def _write_tags(action: Action, plan: Plan, submitter: JobSubmitter, options: ExecutionOptions) -> Iterator[bool]:
    """Write the tags of `action`, if any, after the first steps of all repairs."""
    yield False
    if action.kind is ActionKind.REFUSE:
        submitter.repair_id = options.new_id()
        replace_tags(submitter, [_result(action, submitter.repair_id, plan.time, ())], action.remove)
    elif action.kind is ActionKind.FINISH:
        repair = action.repair
        result = [_result(action, repair.id, plan.time, repair.jobs)] if repair and action.result else []
        submitter.cancel(action.cancel)
        replace_tags(submitter, [*result, *action.add], action.remove)
    elif action.writes:  # a suspend is lifted, or a breaker remembers
        replace_tags(submitter, action.add, action.remove)


def _result(action: Action, repair_id: str, now: float, jobs: tuple[int, ...]) -> str:
    """The result's tag; as with harep its timestamp says when the repair ended."""
    return result_tag(type_of(action), repair_id, int(now), str(action.result), jobs)
