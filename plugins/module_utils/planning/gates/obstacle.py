# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Obstacle: the answer of a gate, and what gates check about a step (design, laws 9 and 10)."""

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
    """Why a step is not taken: the reason, its words, and whether a person is needed, with a `command` to run, which
    follows the words."""

    why: Reason
    words: str
    person: bool = False
    command: str = ""


Gate = Callable[[Case, Action, Plan], Optional[Obstacle]]


def risks(case: Case, action: Action, plan: Plan) -> bool:
    """Whether `action` starts a repair or, as a later step of one, gives up running state or data: that is a new loss,
    not just the completion of a repair."""
    return action.starts_repair or bool(to_prove(case, action, plan.cluster))


def loses_data(action: Action) -> bool:
    """Whether a remaining step of `action` belongs to a reinstall."""
    return any(step.operation.is_reinstall for step in action.steps)


def too_young(nodes: Iterable[Node], seconds: int, why: Reason, now: float) -> Obstacle | None:
    """The obstacle while one of `nodes` was changed less than `seconds` ago. When it was marked offline is not known
    exactly, but never later than its last change."""
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
