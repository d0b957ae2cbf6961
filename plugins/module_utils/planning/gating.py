# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gating: which gates hold a step that permission and diagnosis would allow (design, laws 9 and 10).

Each gate is a file in `gates`: a function from an instance's case and action to the obstacle that holds it, or None.
All apply to repairs that start; those about the breaker, pauses, fencing and hours also apply to a later step that
gives up running state or data: a repair is completed, but without a new loss.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..ganeti.model import utc
from ..repair.action import Action, ActionKind, hold, report
from ..repair.case import Case
from ..repair.reasons import Reason
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
from .plan import Draft, Plan, PlanRow, behind_breakers, hold_everything

# In the order in which they are tried: the first closed gate gives the reason.
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


def apply_gates(draft: Draft) -> Plan:
    """The plan made from `draft`, with every step held that a gate does not allow now.

    Raises BadOption for a fenced node that is not in the cluster.
    """
    limits = replace(draft.limits, fenced_nodes=full_names(draft.limits, draft.cluster.nodes))
    plan = behind_breakers(draft, limits, judge_breakers(draft.cluster, draft.shared, limits, draft.time))
    rows = tuple((case, _gated(case, action, plan)) for case, action in plan.rows)
    plan = replace(plan, rows=rows, upkeep=plan.upkeep + tuple(_memory(plan, rows)))
    if plan.cluster.queue_drained:
        return hold_everything(plan, Reason.QUEUE_DRAINED, "the job queue is drained")
    return plan


def _gated(case: Case, action: Action, plan: Plan) -> Action:
    """`action`, or what remains of it after the first closed gate."""
    for gate in GATES if action.kind is ActionKind.SUBMIT else ():
        obstacle = gate(case, action, plan)
        if obstacle and obstacle.person:
            words = f"{action.reason}; {obstacle.words}{obstacle.command}"
            return report(case, obstacle.why, words, obstacle.command, steps=action.steps)
        if obstacle:
            return hold(action, obstacle.why, obstacle.words)
    return action


def _memory(plan: Plan, rows: tuple[PlanRow, ...]) -> Iterable[Action]:
    """The tags to write so that storms are recorded.

    A round over some instances does so only for a storm that holds one of them.
    """
    held = {case.group for case, action in rows if action.why in (Reason.BREAKER, Reason.STORM_COOLDOWN)}
    for brake in plan.breakers:
        added, removed = brake.to_write()
        holds = bool(held) if brake.scope == "cluster" else brake.name in held
        if not (holds or plan.limits.covers(brake.scope, brake.name)):
            continue
        if added:
            words = (
                brake.words
                if brake.storm
                else "the number of offline nodes is within the limit again; no repair starts until "
                f"{utc(brake.until or 0)}"
            )
            yield Action(
                ActionKind.REMEMBER, brake.name, words, brake.scope, remove=removed, add=added, why=Reason.BREAKER
            )
        elif removed:
            yield Action(
                ActionKind.FORGET,
                brake.name,
                "its breaker has cooled down",
                brake.scope,
                remove=removed,
                why=Reason.BREAKER,
            )
