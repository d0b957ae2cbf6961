# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planner: from a cluster as it stands to the plan for it, with all brakes, gates and limits; reads only."""

from __future__ import annotations

from dataclasses import replace

from ..ganeti.client import Client
from ..queries.cluster import read_cluster
from ..repair.action import Kind
from ..repair.reasons import Why
from ..settings.approval import check_approved
from ..settings.limits import Fencing, Limits
from ..tags.clocks import is_beyond
from .deeds import deeds_of
from .document import planned
from .fencing import to_prove, unproven
from .gating import gated
from .nowhere import without_hopeless
from .placement import place
from .plan import Draft, Plan, make_draft, within_approved
from .secondary import secondaries_known
from .throttle import in_turn


def look(client: Client, limits: Limits, now: float) -> Plan:
    """The plan for the cluster behind C(client) as it stands at C(now); sends reads only.

    Raises PlanDiffers where another plan was approved.
    """
    made = make_draft(read_cluster(client), limits, now)
    plan = _settled(made, client)
    if limits.fencing is Fencing.CONFIRMED:
        plan = replace(plan, fence=_to_fence(made, plan, client))
    if limits.approved:
        check_approved(limits.approved, deeds_of(plan), planned(plan))
    return plan


def _settled(made: Draft, client: Client) -> Plan:
    """The plan that is made of the draft `made`, with what brakes, gates, room and limits make of it."""
    placed = place(without_hopeless(gated(made)), client)
    return within_approved(in_turn(secondaries_known(placed)))


def _is_claimed(draft: Draft) -> bool:
    """Whether somebody else writes to the cluster."""
    claims = draft.shared.cluster.claims
    return any(claim.until > draft.time and not is_beyond(claim, draft.time) for claim in claims)


def _to_fence(made: Draft, plan: Plan, client: Client) -> tuple[str, ...]:
    """The nodes that are worth fencing: steps would be taken now if they were known to be off. None while somebody else
    writes to the cluster."""
    waiting = {
        node.name
        for case, action in plan.rows
        if action.why is Why.FENCING
        for node in unproven(case, action, plan.cluster, plan.limits)
    }
    if not waiting or _is_claimed(made):
        return ()
    limits = replace(made.limits, fenced_nodes=(*plan.limits.fenced_nodes, *waiting), fenced_as_of={})
    after = _settled(replace(made, limits=limits), client)
    taken = [(case, action) for case, action in after.rows if action.kind is Kind.SUBMIT]
    needed = {node.name for case, action in taken for node in to_prove(case, action, plan.cluster)}
    return tuple(sorted(needed & waiting))
