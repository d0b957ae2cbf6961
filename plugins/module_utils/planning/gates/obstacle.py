# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Obstacle: what a gate says, and what gates ask of a step (design, laws 9 and 10)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable, NamedTuple, Optional

from ...ganeti.model import Node, utc
from ...repair.action import Action
from ...repair.case import Case
from ...repair.reasons import Reason
from ..fencing import to_prove
from ..plan import Plan


class Obstacle(NamedTuple):
    """What keeps a step from being taken: the reason, its words, and whether a person is needed, with a `command` to
    run, which follows the words."""

    why: Reason
    words: str
    person: bool = False
    command: str = ""


Gate = Callable[[Case, Action, Plan], Optional[Obstacle]]


def risks(case: Case, action: Action, plan: Plan) -> bool:
    """Whether it begins a repair or, as a later step of one, gives up running state or data: that is not following a
    repair to its end, but a new loss."""
    return action.starts_repair or bool(to_prove(case, action, plan.cluster))


def loses_data(action: Action) -> bool:
    """Whether it is a step of a reinstall, or one is to come."""
    return any(step.operation.is_reinstall for step in action.steps)


def too_young(nodes: Iterable[Node], seconds: int, why: Reason, now: float) -> Obstacle | None:
    """What holds a step while one of `nodes` was changed less than so many seconds ago; when it was marked offline is
    not known better than so, and never later than that."""
    if not seconds:
        return None
    for node in nodes:
        if node.changed is None:
            return Obstacle(
                Reason.NOT_KNOWN, f"the cluster did not say when {node.name} was last changed ({why.value})"
            )
        if node.changed + seconds > now:
            until = utc(node.changed + seconds)
            return Obstacle(why, f"{node.name} was last changed less than {seconds} s ago; waiting until {until}")
    return None
