# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gating: which gates keep a step from being taken now that permission and health ask for (design, laws 9 and 10).

Each gate is a file in `gates`: a function from an instance's case and action to the obstacle that holds it, or None.
All are for repairs that begin; those about how much is broken, about pauses, proof and hours are also for a later step
that gives up running state or data: a repair is followed to its end, but not into a new loss.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..ganeti.model import utc
from ..repair.action import Action, Kind, hold, report
from ..repair.case import Case
from ..repair.reasons import Why
from .breaker import judge_breakers
from .fencing import full_names
from .gates.breaker import breaker
from .gates.fencing import fencing
from .gates.flapping import flapping
from .gates.min_offline_age import min_offline_age
from .gates.obstacle import Gate
from .gates.other_repair import other_repair
from .gates.settle_time import settle_time
from .gates.stopped import stopped
from .gates.watcher_paused import watcher_paused
from .gates.windows import windows
from .plan import Draft, Plan, Row, behind_breakers, left_to_others

# In the order in which they are tried: the first that is shut names the reason.
GATES: tuple[Gate, ...] = (
    stopped,
    other_repair,
    breaker,
    watcher_paused,
    settle_time,
    flapping,
    windows,
    min_offline_age,
    fencing,
)


def gated(draft: Draft) -> Plan:
    """The plan that is made of `draft`: with every step held that a brake or a gate keeps from being taken now.

    Raises BadOption for a fenced node that is not in the cluster.
    """
    limits = replace(draft.limits, fenced_nodes=full_names(draft.limits, draft.cluster.nodes))
    plan = behind_breakers(draft, limits, judge_breakers(draft.cluster, draft.shared, limits, draft.time))
    rows = tuple((case, _gated(case, action, plan)) for case, action in plan.rows)
    plan = replace(plan, rows=rows, upkeep=plan.upkeep + tuple(_memory(plan, rows)))
    if plan.cluster.queue_drained:
        return left_to_others(plan, Why.QUEUE_DRAINED, "the job queue is drained")
    return plan


def _gated(case: Case, action: Action, plan: Plan) -> Action:
    """C(action), or what is left of it behind the first gate that is shut."""
    for gate in GATES if action.kind is Kind.SUBMIT else ():
        obstacle = gate(case, action, plan)
        if obstacle and obstacle.person:
            words = f"{action.reason}; {obstacle.words}{obstacle.command}"
            return report(case, obstacle.why, words, obstacle.command, steps=action.steps)
        if obstacle:
            return hold(action, obstacle.why, obstacle.words)
    return action


def _memory(plan: Plan, rows: tuple[Row, ...]) -> Iterable[Action]:
    """What is to be written so that storms are remembered.

    A round over some instances does so only for a storm that holds one of them.
    """
    held = {case.group for case, action in rows if action.why in (Why.BREAKER, Why.STORM_COOLDOWN)}
    for one in plan.breakers:
        added, removed = one.to_write()
        holds = bool(held) if one.scope == "cluster" else one.name in held
        if not (holds or plan.limits.covers(one.scope, one.name)):
            continue
        if added:
            words = (
                one.words
                if one.storm
                else f"that many nodes may be offline; no repair begins until {utc(one.until or 0)}"
            )
            yield Action(Kind.REMEMBER, one.name, words, one.scope, remove=removed, add=added, why=Why.BREAKER)
        elif removed:
            yield Action(
                Kind.FORGET, one.name, "its breaker has cooled down", one.scope, remove=removed, why=Why.BREAKER
            )
