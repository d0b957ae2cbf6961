# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gate `fencing`: a node that may be alive may still run the instance (law 9)."""

from __future__ import annotations

from ...repair.action import Action
from ...repair.case import Case
from ...repair.reasons import Reason
from ...settings.limits import Fencing
from ..fencing import unproven
from ..plan import Plan
from .obstacle import Obstacle


def fencing(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """There is no proof that its node is off."""
    nodes = unproven(case, action, plan.cluster, plan.limits)
    if not nodes:
        return None
    names = " and ".join(node.name for node in nodes)
    if plan.limits.fencing is Fencing.CONFIRMED:
        return Obstacle(Reason.FENCING, f"nobody has confirmed that {names} is off (fencing: confirmed)")
    if any(node.powered for node in nodes):
        return Obstacle(Reason.FENCING, f"Ganeti lists {names} as powered on (fencing: powered_off)")
    words = f"Ganeti does not know whether {names} is powered on: it has no oob_program (fencing: powered_off)"
    return Obstacle(Reason.FENCING, words)
