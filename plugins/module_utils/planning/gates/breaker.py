# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gate `breaker`: so much is broken that it may be the network (law 9)."""

from __future__ import annotations

from ...repair.action import Action
from ...repair.case import Case
from ...repair.reasons import Why
from ..breaker import Breaker
from ..plan import Plan
from .obstacle import Obstacle, risks


def breaker(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """Too much is broken, or was until just now, in the cluster or in the instance's group."""
    for one in plan.breakers:
        near = one.scope == "cluster" or one.name == case.group
        if near and one.tripped and risks(case, action, plan):
            return Obstacle(_why_shut(one), one.words)
    return None


def _why_shut(one: Breaker) -> Why:
    if one.storm or one.too_few:
        return Why.BREAKER
    return Why.UNREADABLE_TAG if one.unread else Why.STORM_COOLDOWN
