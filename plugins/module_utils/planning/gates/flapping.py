# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gate `flapping`: repairs do not cure the instance (law 8)."""

from __future__ import annotations

from ...ganeti.model import utc
from ...repair.action import Action
from ...repair.case import Case
from ...repair.reasons import Reason
from ..plan import Plan
from .obstacle import Obstacle


def flapping(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """An instance that needs repair again and again has a problem that repairs don't cure."""
    limits = plan.limits
    done = case.repaired(plan.time - limits.repair_window)
    if not limits.repair_window or not action.starts_repair or len(done) < limits.max_repairs_per_window:
        return None
    again = done[-limits.max_repairs_per_window].timestamp + limits.repair_window
    times = "time" if len(done) == 1 else "times"
    words = (
        f"it was repaired {len(done)} {times} within {limits.repair_window} s, so it is left alone until {utc(again)}"
    )
    return Obstacle(Reason.FLAPPING, words, person=True)
