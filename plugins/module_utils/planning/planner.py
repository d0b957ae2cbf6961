# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planner: from a cluster's current state to the plan for it, with all safeguards and limits; reads only."""

from __future__ import annotations

from dataclasses import replace

from ..ganeti.client import Client
from ..queries.cluster import read_cluster
from ..repair.action import ActionKind
from ..repair.reasons import Reason
from ..settings.approval import check_approved
from ..settings.limits import Fencing, Limits
from ..tags.clocks import is_beyond
from .document import plan_data
from .fencing import to_prove, unproven
from .fingerprint import fingerprint_of
from .gating import apply_gates
from .nowhere import hold_hopeless
from .placement import assign_nodes
from .plan import Draft, Plan, make_draft, within_approved
from .secondary import hold_unknown_secondaries
from .throttle import limit_concurrency


def plan_round(client: Client, limits: Limits, now: float) -> Plan:
    """The plan for the cluster behind `client` at `now`; only sends reads.

    Raises PlanDiffers where another plan was approved.
    """
    made = make_draft(read_cluster(client), limits, now)
    plan = _apply_safeguards(made, client)
    if limits.fencing is Fencing.CONFIRMED:
        plan = replace(plan, fence=_to_fence(made, plan, client))
    if limits.approved:
        check_approved(limits.approved, fingerprint_of(plan), plan_data(plan))
    return plan


def _apply_safeguards(made: Draft, client: Client) -> Plan:
    """The plan made from the draft `made` by applying gates, placement, secondaries, limits and approval."""
    placed = assign_nodes(hold_hopeless(apply_gates(made)), client)
    return within_approved(limit_concurrency(hold_unknown_secondaries(placed)))


def _is_claimed(draft: Draft) -> bool:
    """Whether somebody else is writing to the cluster."""
    claims = draft.shared.cluster.claims
    return any(claim.until > draft.time and not is_beyond(claim, draft.time) for claim in claims)


def _to_fence(made: Draft, plan: Plan, client: Client) -> tuple[str, ...]:
    """The nodes that are worth fencing: steps would be taken now if they were confirmed to be off. None while somebody
    else is writing to the cluster."""
    waiting = {
        node.name
        for case, action in plan.rows
        if action.why is Reason.FENCING
        for node in unproven(case, action, plan.cluster, plan.limits)
    }
    if not waiting or _is_claimed(made):
        return ()
    limits = replace(made.limits, fenced_nodes=(*plan.limits.fenced_nodes, *waiting), fenced_as_of={})
    after = _apply_safeguards(replace(made, limits=limits), client)
    taken = [(case, action) for case, action in after.rows if action.kind is ActionKind.SUBMIT]
    needed = {node.name for case, action in taken for node in to_prove(case, action, plan.cluster)}
    return tuple(sorted(needed & waiting))
