# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate `watcher_paused`: somebody has asked for peace."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import NOW, OFFLINE, rbd
from unit.plugins.module_utils.planning.gates.cases import BEGINS, LOSES, STEPS, action_of, next_step

from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason

HELD = [*BEGINS, *LOSES]


@pytest.mark.parametrize("what", STEPS)
def test_a_paused_watcher_holds(what: str) -> None:
    """What begins, and each new loss."""
    action = next_step(what, watcher_paused_until=NOW + 1)
    holds = what in HELD
    assert action.why is (Reason.WATCHER_PAUSED if holds else None)
    assert (action.kind.value == "submit") is not holds


@pytest.mark.parametrize(
    ("until", "respect", "word"),
    [
        (NOW + 1, True, "hold"),
        (NOW, True, "submit"),
        (NOW - 1, True, "submit"),
        (None, True, "submit"),
        (NOW + 1, False, "submit"),
    ],
    ids=["a second more", "until this very second", "until a second ago", "not known", "not respected"],
)
def test_the_pause_ends_to_the_second(until: float | None, respect: bool, word: str) -> None:
    """Unless the round is not to respect it."""
    action = action_of(rbd("web1", OFFLINE), watcher_paused_until=until, limits={"respect_watcher_pause": respect})
    assert action.kind.value == word
    if word == "hold":
        assert action.reason.endswith("; held: the watcher is paused until 2027-01-15T08:00:01Z")
