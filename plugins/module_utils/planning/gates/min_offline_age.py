# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gate `min_offline_age`: a node must have been marked for a while before anything is given up (law 9)."""

from __future__ import annotations

from ...repair.action import Action
from ...repair.case import Case
from ...repair.reasons import Reason
from ..fencing import to_prove
from ..plan import Plan
from .obstacle import Obstacle, too_young


def min_offline_age(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """A mark may be taken back, so a step that gives up running state or data waits for longer."""
    nodes = to_prove(case, action, plan.cluster)
    return too_young(nodes, plan.limits.min_offline_age, Reason.MIN_OFFLINE_AGE, plan.time)
