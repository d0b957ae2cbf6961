# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rounds: one run over a cluster, from reading it to its state afterwards (design, section 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import AutorepairError, ClaimUnread, Held, QueueDrained
from ..ganeti.client import Client
from ..mirrors.devices import ask_secondaries
from ..planning.document import plan_data
from ..planning.fencing import still_fenced
from ..planning.plan import Plan, defer_successes, has_more_work, hold_everything
from ..planning.planner import plan_round
from ..planning.secondary import only_asked
from ..repair.action import ActionKind
from ..repair.outcome import Outcome
from ..repair.reasons import Reason
from ..reporting.results import diff, executed_actions, status_data
from ..reporting.text import render_round
from ..settings.limits import ApprovedRepair, Limits, SecondaryState
from ..settings.terms import ExecutionOptions, RunContext
from .confirm import confirm
from .execute import carry_out
from .lease import ClaimedClient, acquire

# Result keys that are unknown after writes whose effect could not be read.
UNKNOWN: Mapping[str, None] = dict.fromkeys(("summary", "pending", "under_way", "failed_instances", "needs_person"))


@dataclass(frozen=True)
class Round:
    """A round: its plan, the outcome of each action, and the plan that the cluster would get now.

    `trouble` is the error that stopped it from carrying out all of its plan, or from checking the effect; `verified`
    says whether `after` was read after the writes.
    """

    before: Plan
    outcomes: tuple[Outcome, ...]
    after: Plan
    trouble: AutorepairError | None = None
    verified: bool = True

    @property
    def changed(self) -> bool:
        """Whether a write was sent, or would have been."""
        return any(outcome.sent for outcome in self.outcomes)

    @property
    def left(self) -> bool:
        """Whether a later round has something to do, or a job to wait for; False if an action of this one failed and
        nothing else is in progress."""
        wrong = any(outcome.error and not outcome.lost for outcome in self.outcomes)
        waits = any(action.kind is ActionKind.WAIT for case, action in self.after.rows)
        return has_more_work(self.after) and (waits or not wrong)


def dry_run(client: Client, limits: Limits, options: ExecutionOptions, now: float) -> Round:
    """What a round would do, for check mode; `client` sends no writes. Nothing is claimed."""
    plan = plan_round(client, limits, now)
    outcomes, trouble = carry_out(plan, client, options, lambda _seconds: None)
    return Round(plan, outcomes, plan, trouble)


def run_round(
    client: Client, limits: Limits, options: ExecutionOptions, terms: RunContext, noticed: Sequence[str] | None = None
) -> Round:
    """Run one round. Raises an AutorepairError if it can't start; later errors are part of the result.

    `noticed` are the cluster's tags if somebody has just read it and found something to write: then the first read,
    which only decides whether there is something to write, is skipped.
    """
    if noticed is None or limits.approved or limits.secondary_state is SecondaryState.UPTODATE:
        plan = _now(plan_round(client, limits, terms.clock()), options)
        answers = ask_secondaries(plan, client, terms)  # before the claim: their answers may leave nothing to write
        if answers:
            limits = replace(limits, secondaries=answers)
            plan = _now(plan_round(client, limits, terms.clock()), options)
        if not plan.writes:
            return _quiet(plan)
        noticed = plan.cluster.tags
    try:
        claimed = acquire(client, noticed, terms)
    except (Held, QueueDrained) as error:
        if limits.approved:  # do what was approved now, or fail
            raise
        why, words = Reason.CLAIMED, str(error)
        if isinstance(error, QueueDrained):
            why, words = Reason.QUEUE_DRAINED, "the job queue is drained"
        elif isinstance(error, ClaimUnread):
            why = Reason.UNREADABLE_TAG
        return _quiet(hold_everything(_now(plan_round(client, limits, terms.clock()), options), why, words))
    return _write(claimed, limits, options, terms)


def _now(plan: Plan, options: ExecutionOptions) -> Plan:
    """With `wait`, postpone successful results so that they are written together."""
    return defer_successes(plan) if options.waits else plan


def _quiet(plan: Plan) -> Round:
    """A round that sends nothing."""
    return Round(plan, tuple(Outcome(action) for action in plan.actions), plan)


def _write(client: ClaimedClient, limits: Limits, options: ExecutionOptions, terms: RunContext) -> Round:
    """The part of a round that writes, under the claim; it reads the cluster again first."""
    lost = False
    try:
        plan = only_asked(_now(plan_round(client, limits, terms.clock()), options))
        outcomes, trouble = carry_out(plan, client, options, terms.sleep)
        lost = any(outcome.lost for outcome in outcomes)
    finally:  # an unanswered request may still arrive: nobody may write until it has, or never will
        released = None if lost else client.release()
    try:
        outcomes = confirm(outcomes, client, terms.sleep, released)
        if not any(outcome.written for outcome in outcomes):
            return Round(plan, outcomes, plan, trouble)
        after = plan_round(client, replace(limits, approved=None, retry_now=False), terms.clock())
        return Round(plan, outcomes, after, trouble)
    except AutorepairError as error:
        return Round(plan, outcomes, plan, trouble or error, verified=False)


def result(played: Round, check_mode: bool) -> dict[str, Any]:
    """What `ganeti_autorepair_step` returns for a round."""
    return {
        "changed": played.changed,
        "actions": executed_actions(played.outcomes),
        **status_data(played.after),
        **({} if played.verified else UNKNOWN),
        "left": played.left,
        "plan": plan_data(played.before),
        "report": render_round(played.before, played.outcomes, played.after, check_mode),
        "diff": diff(played.outcomes),
        "carry_on": carry_on(played),
    }


def limits_for_next_round(played: Round) -> Limits:
    """The limits for the round after `played`: approved repairs are completed, a node counts as fenced only as long as
    it has not changed, secondaries are asked again, and pauses between attempts are kept."""
    limits = played.before.limits
    fenced = still_fenced(limits.fenced_nodes, played.before.cluster, played.after.cluster)
    follow = limits.approved_repairs
    if limits.approved:
        follow = {
            action.name: ApprovedRepair(
                tuple(step.operation.value for step in action.steps), action.repair.jobs if action.repair else ()
            )
            for action in played.before.actions
            if action.scope == "instance" and action.writes
        }
    return replace(
        limits,
        approved=None,
        approved_repairs=follow,
        fenced_nodes=tuple(fenced),
        fenced_as_of=fenced,
        secondaries={},
        retry_now=False,
    )


def carry_on(played: Round) -> dict[str, Any]:
    """The data with which another run can continue after `played`."""
    limits = limits_for_next_round(played)
    follow = None
    if limits.approved_repairs is not None:
        follow = {
            name: {"steps": list(repair.steps), "jobs": list(repair.jobs)}
            for name, repair in limits.approved_repairs.items()
        }
    return {"follow": follow, "fenced_nodes": dict(limits.fenced_as_of)}
