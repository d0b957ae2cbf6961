# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate `windows`: repairs of a type begin at certain hours only."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import NOW, OFFLINE, rbd
from unit.plugins.module_utils.planning.gates.cases import BEGINS, HOUR, STEPS, action_of, next_step, shut_by

from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason

HELD = [
    *BEGINS,
    "a failover after a migration",
    "a failover that failed before",
    "new disks after a failover",
    "new disks that could not be made before",
    "a failover off a drained node after a replacement",
    "a migration after a replacement",
    "a new secondary that could not be made before",
]


@pytest.mark.parametrize("what", STEPS)
def test_a_window_that_is_shut_holds(what: str) -> None:
    """What begins, and a later step that risks more than any before it."""
    action = next_step(what, limits=shut_by("fix-storage"))
    holds = what in HELD
    assert action.why is (Reason.WINDOWS if holds else None)
    assert (action.kind.value == "submit") is not holds


WINDOWS = [
    ("a failover, in that for failover", "a failover", "failover", "hold"),
    ("a failover, in that for a lesser type", "a failover", "migrate", "hold"),
    ("a failover has nothing to do with that for reinstall", "a failover", "reinstall", "submit"),
    ("a failover to the secondary counts as a failover", "a failover to the secondary", "failover", "hold"),
    ("a migration is no failover", "a migration", "failover", "submit"),
    ("a move of one that is down is a migration", "a move of one that is down", "failover", "submit"),
    ("a move that takes a failover is one", "a move off a drained node that takes a failover", "failover", "hold"),
    ("new disks are a reinstall", "new disks", "reinstall", "hold"),
    ("the next step is judged by itself", "a new secondary after a failover", "migrate", "submit"),
    ("and also where it's riskier", "new disks after a failover", "reinstall", "hold"),
    ("half-way in a repair that may do more", "a migration after a replacement", "failover", "submit"),
    ("what begins goes by all that it will do", "a new secondary before a migration", "migrate", "hold"),
    ("what was asked for goes by its type", "a failover that was asked for", "failover", "hold"),
    ("the rest of a reinstall goes on", "the rest of a reinstall", "reinstall", "submit"),
]


@pytest.mark.parametrize(("what", "kind", "word"), [row[1:] for row in WINDOWS], ids=[row[0] for row in WINDOWS])
def test_a_window_that_is_shut(what: str, kind: str, word: str) -> None:
    """By the type of a new repair, or what the next step of one that has begun needs."""
    one, more = STEPS[what]
    assert action_of(one, limits=shut_by(kind), **more).kind.value == word


@pytest.mark.parametrize(
    ("at", "word"), [(HOUR - 1, "hold"), (HOUR, "submit"), (2 * HOUR - 1, "submit"), (2 * HOUR, "hold")]
)
def test_a_window_opens_and_shuts_to_the_second(at: int, word: str) -> None:
    """It is eight o'clock now."""
    assert action_of(rbd("web1", OFFLINE), now=NOW + at, limits=shut_by("failover")).kind.value == word
