# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate `min_offline_age`: a node must have been marked for a while before running state or data is given up."""

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
    *LOSES,
]


@pytest.mark.parametrize("what", STEPS)
def test_a_young_mark_holds(what: str) -> None:
    """Only what gives up something that a dead node may have still."""
    action = next_step(what, limits={"min_offline_age": 100})
    holds = what in HELD
    assert action.why is (Reason.MIN_OFFLINE_AGE if holds else None)
    assert (action.kind.value == "submit") is not holds


@pytest.mark.parametrize(("age", "asked", "word"), [row[1:] for row in AGES], ids=[row[0] for row in AGES])
def test_a_node_must_have_been_marked_for_so_long(age: float | None, asked: int, word: str) -> None:
    """To the second."""
    action = action_of(aged(rbd("web1", OFFLINE), age), limits={"min_offline_age": asked})
    assert (action.kind.value, action.why) == (word, Reason.MIN_OFFLINE_AGE if word == "hold" else None)


def test_a_mark_of_which_nobody_knows_since_when_is_no_old_one() -> None:
    """Nor does a run wait for it."""
    plan = plan_with(rbd("web1", OFFLINE), limits={"min_offline_age": 1})
    assert (plan.rows[0][1].kind.value, plan.rows[0][1].why) == ("hold", Reason.NOT_KNOWN)
    assert not has_more_work(plan)


def test_that_nobody_knows_since_when_is_told() -> None:
    """With the option that asks."""
    unknown = action_of(rbd("web1", OFFLINE), limits={"min_offline_age": 60})
    assert unknown.reason.endswith("; held: the cluster did not say when web1-p was last changed (min_offline_age)")


@pytest.mark.parametrize(
    ("one", "ages", "word"), [(*row[1:3], row[4]) for row in TWO_AGES], ids=[row[0] for row in TWO_AGES]
)
def test_of_two_nodes_those_that_are_dead_count(one: Placed, ages: tuple[float, float], word: str) -> None:
    """Before what asks for proof."""
    assert action_of(aged(one, *ages), limits={"min_offline_age": 100}).kind.value == word
