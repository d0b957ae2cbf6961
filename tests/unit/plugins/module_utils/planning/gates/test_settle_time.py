# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate `settle_time`: no repair begins for a node that was marked offline only just now."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import OFFLINE, Placed, rbd
from unit.plugins.module_utils.planning.gates.cases import (
    AGES,
    LOSES,
    STEPS,
    TWO_AGES,
    action_of,
    aged,
    next_step,
    plan_with,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import has_more_work
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason

HELD = [
    "a failover",
    "a failover that was asked for",
    "a failover to the secondary",
    "new disks",
    "new disks on two nodes",
    "a new secondary",
    "a new secondary before a migration",
    *LOSES,
]


@pytest.mark.parametrize("what", STEPS)
def test_a_young_mark_holds(what: str) -> None:
    """Every repair for a dead node, and each new loss."""
    action = next_step(what, limits={"settle_time": 100})
    holds = what in HELD
    assert action.why is (Reason.SETTLE_TIME if holds else None)
    assert (action.kind.value == "submit") is not holds


@pytest.mark.parametrize(("age", "asked", "word"), [row[1:] for row in AGES], ids=[row[0] for row in AGES])
def test_a_node_must_have_been_marked_for_so_long(age: float | None, asked: int, word: str) -> None:
    """To the second."""
    action = action_of(aged(rbd("web1", OFFLINE), age), limits={"settle_time": asked})
    assert (action.kind.value, action.why) == (word, Reason.SETTLE_TIME if word == "hold" else None)


def test_a_mark_of_which_nobody_knows_since_when_is_no_old_one() -> None:
    """Nor does a run wait for it."""
    plan = plan_with(rbd("web1", OFFLINE), limits={"settle_time": 1})
    assert (plan.rows[0][1].kind.value, plan.rows[0][1].why) == ("hold", Reason.NOT_KNOWN)
    assert not has_more_work(plan)


def test_how_long_it_waits_is_told() -> None:
    """Until when."""
    young = action_of(aged(rbd("web1", OFFLINE), 1), limits={"settle_time": 60})
    assert young.reason.endswith(
        "; held: web1-p was last changed less than 60 s ago; waiting until 2027-01-15T08:00:59Z"
    )


@pytest.mark.parametrize(("one", "ages", "word"), [row[1:4] for row in TWO_AGES], ids=[row[0] for row in TWO_AGES])
def test_of_two_nodes_those_that_are_dead_count(one: Placed, ages: tuple[float, float], word: str) -> None:
    """Before any repair."""
    assert action_of(aged(one, *ages), limits={"settle_time": 100}).kind.value == word
