# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gate `windows`: repairs of this type begin at certain hours only (design, section 6)."""

from __future__ import annotations

from ...ganeti.model import utc
from ...ganeti.operations import STEPS, Operation
from ...repair.action import Action
from ...repair.case import Case
from ...repair.reasons import Reason
from ...settings.windows import opens
from ..plan import Plan
from .obstacle import Obstacle

_EMPTY_DISKS = (Operation.REINSTALL, Operation.MARK_DOWN, Operation.MARK_OFFLINE)  # first if disks are new


def windows(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """A repair that has started continues, except with a step that is more destructive than all it has done."""
    kind = action.type if action.starts_repair else action.steps[0].needs
    if kind is None or action.steps[0].operation in _EMPTY_DISKS:
        return None
    if not action.starts_repair and kind <= _risked(action, plan):
        return None
    again = opens(plan.limits.windows, kind, plan.time)
    return Obstacle(Reason.WINDOWS, f"{kind.label} may begin at {utc(again)}") if again is not None else None


def _risked(action: Action, plan: Plan) -> int:
    """The most destructive type of the steps that the repair has done; 0 if it has done none."""
    numbers = action.repair.jobs if action.repair else ()
    done = {name for number in numbers if number in plan.cluster.jobs for name in plan.cluster.jobs[number].done}
    return max((step.row.type or 0 for step in STEPS if step.opcode in done), default=0)
