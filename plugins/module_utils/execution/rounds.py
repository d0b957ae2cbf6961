# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rounds: one run over a cluster, from reading it to what stands there afterwards (design, section 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import AutorepairError, ClaimUnread, Held, QueueDrained
from ..ganeti.client import Client
from ..mirrors.devices import ask_secondaries
from ..planning.document import planned
from ..planning.fencing import still_fenced
from ..planning.plan import Plan, ends_together, is_left, left_to_others
from ..planning.planner import look
from ..planning.secondary import only_asked
from ..repair.action import Kind
from ..repair.outcome import Outcome
from ..repair.reasons import Why
from ..reporting.results import diff, performed, standing
from ..reporting.text import lines
from ..settings.limits import Followed, Limits, SecondaryState
from ..settings.terms import Settings, Terms
from .confirm import confirm
from .execute import carry_out
from .lease import ClaimedClient, take

# What is not known after writes whose effect nobody has seen.
UNKNOWN: Mapping[str, None] = dict.fromkeys(("summary", "pending", "under_way", "failed_instances", "needs_person"))


@dataclass(frozen=True)
class Round:
    """A round: its plan, what became of each action, and the plan that the cluster would get now.

    C(trouble) is what kept it from carrying out all of its plan, or from seeing how that went; C(seen) says whether
    C(after) was looked at after the writes.
    """

    before: Plan
    outcomes: tuple[Outcome, ...]
    after: Plan
    trouble: AutorepairError | None = None
    seen: bool = True

    @property
    def changed(self) -> bool:
        """Whether a write was sent, or would have been."""
        return any(outcome.sent for outcome in self.outcomes)

    @property
    def left(self) -> bool:
        """Whether a later round has something to do, or to see the end of; not so if all that this one did went wrong,
        and nothing else is under way."""
        wrong = any(outcome.error and not outcome.lost for outcome in self.outcomes)
        waits = any(action.kind is Kind.WAIT for case, action in self.after.rows)
        return is_left(self.after) and (waits or not wrong)


def rehearse(client: Client, limits: Limits, settings: Settings, now: float) -> Round:
    """What a round would do, for check mode; C(client) sends no writes. Nothing is claimed."""
    plan = look(client, limits, now)
    outcomes, trouble = carry_out(plan, client, settings, lambda _seconds: None)
    return Round(plan, outcomes, plan, trouble)


def play(
    client: Client, limits: Limits, settings: Settings, terms: Terms, noticed: Sequence[str] | None = None
) -> Round:
    """Play one round. Raises an AutorepairError when it can't begin; what goes wrong later stands in the round.

    C(noticed) are the cluster's tags where somebody has just looked, and found something to write: then the look before
    the claim, which only tells whether there is something, is left out.
    """
    if noticed is None or limits.approved or limits.secondary_state is SecondaryState.UPTODATE:
        plan = _now(look(client, limits, terms.clock()), settings)
        answers = ask_secondaries(plan, client, terms)  # before the claim: what they say may leave nothing to write
        if answers:
            limits = replace(limits, secondaries=answers)
            plan = _now(look(client, limits, terms.clock()), settings)
        if not plan.writes:
            return _quiet(plan)
        noticed = plan.cluster.tags
    try:
        claimed = take(client, noticed, terms)
    except (Held, QueueDrained) as error:
        if limits.approved:  # that plan, or a failure
            raise
        why, words = Why.CLAIMED, str(error)
        if isinstance(error, QueueDrained):
            why, words = Why.QUEUE_DRAINED, "the job queue is drained"
        elif isinstance(error, ClaimUnread):
            why = Why.UNREADABLE_TAG
        return _quiet(left_to_others(_now(look(client, limits, terms.clock()), settings), why, words))
    return _write(claimed, limits, settings, terms)


def _now(plan: Plan, settings: Settings) -> Plan:
    """What of C(plan) is done now: a runner that stays writes ends together."""
    return ends_together(plan) if settings.stays else plan


def _quiet(plan: Plan) -> Round:
    """A round that sends nothing."""
    return Round(plan, tuple(Outcome(action) for action in plan.actions), plan)


def _write(client: ClaimedClient, limits: Limits, settings: Settings, terms: Terms) -> Round:
    """What a round does while it is the only one that writes; it looks at the cluster again first."""
    lost = False
    try:
        plan = only_asked(_now(look(client, limits, terms.clock()), settings))
        outcomes, trouble = carry_out(plan, client, settings, terms.sleep)
        lost = any(outcome.lost for outcome in outcomes)
    finally:  # a request without an answer may still be on its way: nobody writes before it has arrived, or never will
        released = None if lost else client.release()
    try:
        outcomes = confirm(outcomes, client, terms.sleep, released)
        if not any(outcome.written for outcome in outcomes):
            return Round(plan, outcomes, plan, trouble)
        after = look(client, replace(limits, approved=None, retry_now=False), terms.clock())
        return Round(plan, outcomes, after, trouble)
    except AutorepairError as error:
        return Round(plan, outcomes, plan, trouble or error, seen=False)


def result(played: Round, check_mode: bool) -> dict[str, Any]:
    """What C(ganeti_autorepair_step) returns for a round."""
    return {
        "changed": played.changed,
        "actions": performed(played.outcomes),
        **standing(played.after),
        **({} if played.seen else UNKNOWN),
        "left": played.left,
        "plan": planned(played.before),
        "report": lines(played.before, played.outcomes, played.after, check_mode),
        "diff": diff(played.outcomes),
        "carry_on": carry_on(played),
    }


def onward(played: Round) -> Limits:
    """The limits for the round after C(played): what was approved is followed to its end, a node counts as fenced only
    as long as it stays as it was, secondaries are asked anew, and pauses are kept."""
    limits = played.before.limits
    fenced = still_fenced(limits.fenced_nodes, played.before.cluster, played.after.cluster)
    follow = limits.follow
    if limits.approved:
        follow = {
            action.name: Followed(
                tuple(step.operation.value for step in action.steps), action.repair.jobs if action.repair else ()
            )
            for action in played.before.actions
            if action.scope == "instance" and action.writes
        }
    return replace(
        limits,
        approved=None,
        follow=follow,
        fenced_nodes=tuple(fenced),
        fenced_as_of=fenced,
        secondaries={},
        retry_now=False,
    )


def carry_on(played: Round) -> dict[str, Any]:
    """What a module has to be given to go on after C(played), as plain data."""
    limits = onward(played)
    follow = None
    if limits.follow is not None:
        follow = {name: {"steps": list(one.steps), "jobs": list(one.jobs)} for name, one in limits.follow.items()}
    return {"follow": follow, "fenced_nodes": dict(limits.fenced_as_of)}
