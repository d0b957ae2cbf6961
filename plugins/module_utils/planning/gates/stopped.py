# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gate `stopped`: the whole cluster is stopped by its tag (design, section 2)."""

from __future__ import annotations

from ...repair.action import Action
from ...repair.case import Case
from ...repair.reasons import Reason
from ..plan import Plan
from .obstacle import Obstacle


def stopped(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """Somebody has stopped the whole cluster: started repairs continue, but give up no running state and no disks."""
    gives_up = action.steps[0].operation.gives_up_something
    return Obstacle(Reason.STOPPED, plan.stopped) if plan.stopped and (action.starts_repair or gives_up) else None
