# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gate `breaker`: so much is broken that it may be the network (law 9)."""

from __future__ import annotations

from ...repair.action import Action
from ...repair.case import Case
from ...repair.reasons import Reason
from ..breaker import Breaker
from ..plan import Plan
from .obstacle import Obstacle, risks


def breaker(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """The breaker of the cluster, or of the instance's group, has tripped."""
    for breaker in plan.breakers:
        near = breaker.scope == "cluster" or breaker.name == case.group
        if near and breaker.tripped and risks(case, action, plan):
            return Obstacle(_why_shut(breaker), breaker.words)
    return None


def _why_shut(breaker: Breaker) -> Reason:
    if breaker.storm or breaker.too_few:
        return Reason.BREAKER
    return Reason.UNREADABLE_TAG if breaker.unread else Reason.STORM_COOLDOWN
