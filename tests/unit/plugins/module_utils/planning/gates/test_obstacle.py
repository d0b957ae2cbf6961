# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gates ask: whether a node was marked too lately, whether a step risks something, and whether it loses data."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.plugins.module_utils.builders import NOW, OFFLINE, node
from unit.plugins.module_utils.planning.gates.cases import BEGINS, LOSES, STEPS, plan_with

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import Node
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.gates.obstacle import (
    Obstacle,
    loses_data,
    risks,
    too_young,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason


def _marked(name: str, seconds: float | None) -> Node:
    """A node that was marked so many seconds ago; None where nobody knows."""
    return replace(node(name, OFFLINE), changed=None if seconds is None else NOW - seconds)


OLD, YOUNG, UNTOLD = _marked("old", 60), _marked("young", 59), _marked("untold", None)
IS_YOUNG = Obstacle(Reason.SETTLE_TIME, "young was last changed less than 60 s ago; waiting until 2027-01-15T08:00:01Z")
IS_UNTOLD = Obstacle(Reason.NOT_KNOWN, "the cluster did not say when untold was last changed (settle_time)")
AGES = [
    ("no node", [], 60, None),
    ("one that is just old enough", [OLD], 60, None),
    ("one that is a second too young", [YOUNG], 60, IS_YOUNG),
    ("one of two", [OLD, YOUNG], 60, IS_YOUNG),
    ("one of which nobody knows", [OLD, UNTOLD], 60, IS_UNTOLD),
    ("of two the first", [UNTOLD, YOUNG], 60, IS_UNTOLD),
    ("none where no time is asked for", [YOUNG, UNTOLD], 0, None),
]


@pytest.mark.parametrize(("nodes", "seconds", "found"), [row[1:] for row in AGES], ids=[row[0] for row in AGES])
def test_too_young_is(nodes: list[Node], seconds: int, found: Obstacle | None) -> None:
    """The reason is that of the gate that asks; no person is needed, as time passes by itself."""
    assert too_young(nodes, seconds, Reason.SETTLE_TIME, NOW) == found


@pytest.mark.parametrize("what", STEPS)
def test_what_begins_risks_something_and_so_does_a_new_loss(what: str) -> None:
    """A step that follows a repair to its end does not."""
    one, more = STEPS[what]
    plan = plan_with(one, **more)
    assert risks(*plan.rows[0], plan) is (what in [*BEGINS, *LOSES])


DATA = [what for what in STEPS if what.startswith(("new disks", "the rest"))]


@pytest.mark.parametrize("what", STEPS)
def test_data_is_lost_by(what: str) -> None:
    """Every step of a reinstall, up to the one that fills the disks."""
    one, more = STEPS[what]
    assert loses_data(plan_with(one, **more).rows[0][1]) is (what in DATA)
