# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gate `settle_time`: a node was marked offline only just now (law 9)."""

from __future__ import annotations

from ...repair.action import Action
from ...repair.case import Case
from ...repair.reasons import Reason
from ..fencing import dead
from ..plan import Plan
from .obstacle import Obstacle, risks, too_young


def settle_time(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """A mark that was just set may be taken back."""
    nodes = dead(case, plan.cluster) if risks(case, action, plan) else ()
    return too_young(nodes, plan.limits.settle_time, Reason.SETTLE_TIME, plan.time)
