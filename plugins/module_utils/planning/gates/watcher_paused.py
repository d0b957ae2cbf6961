# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gate `watcher_paused`: somebody works on the cluster (Ganeti facts, (d))."""

from __future__ import annotations

from ...ganeti.model import utc
from ...repair.action import Action
from ...repair.case import Case
from ...repair.reasons import Reason
from ..plan import Plan
from .obstacle import Obstacle, risks


def watcher_paused(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """Repairs that start, and steps that give up something, wait for the end of the pause."""
    until = plan.cluster.watcher_paused_until or 0
    if not (risks(case, action, plan) and plan.limits.respect_watcher_pause and until > plan.time):
        return None
    return Obstacle(Reason.WATCHER_PAUSED, f"the watcher is paused until {utc(until)}")
