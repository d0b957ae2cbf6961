# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gate `other_repair`: disks are not given up while another repair is pending (law 10)."""

from __future__ import annotations

from ...repair.action import Action
from ...repair.case import Case
from ...repair.reasons import Reason
from ..plan import Plan
from .obstacle import Obstacle, loses_data


def other_repair(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """Data is not given up while somebody else's repair of the instance is pending."""
    if not loses_data(action):
        return None
    own = action.repair.id if action.repair else ""
    ended = {repair.id for repair in case.results}  # a tag may be left over from one of these
    others = [tag.tag for tag in case.tags.pendings if tag.id not in (own, *ended)]
    if action.repair and action.repair.jobs and not action.repair.begun:
        others = list(action.repair.tags)
    if not others:
        return None
    words = "disks are not given up while somebody else's repair is pending; deal with it, or remove its tag: "
    command = f"gnt-instance remove-tags {case.instance.name} {' '.join(others)}"
    return Obstacle(Reason.OTHER_REPAIR, words, person=True, command=command)
