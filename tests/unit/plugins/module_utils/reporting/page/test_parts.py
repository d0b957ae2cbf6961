# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts: times, counts and names as people read them, and what states and reasons are called."""

from __future__ import annotations

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.case import State
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.page.parts import (
    BADGES,
    EXPLAINED,
    Badge,
    Moment,
    count,
    moment,
    short_names,
)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, None),
        (0, Moment(0, "1970-01-01T00:00:00Z", "1970-01-01 00:00 UTC")),
        (7, Moment(7, "1970-01-01T00:00:07Z", "1970-01-01 00:00:07 UTC")),
        (10, Moment(10, "1970-01-01T00:00:10Z", "1970-01-01 00:00:10 UTC")),
        (10**18, Moment(10**18, f"{10**18} seconds after 1970", f"{10**18} seconds after 1970")),
    ],
)
def test_times(seconds: int | None, words: Moment | None) -> None:
    """Seconds are told where they are not zero."""
    assert moment(seconds) == words


def test_counts() -> None:
    """A number has its noun, and thousands are told apart."""
    assert [count(1, "node"), count(1234, "node"), count(2, "needs", "need")] == ["1 node", "1,234 nodes", "2 need"]


def test_short_names() -> None:
    """A domain is left out where the names differ without it."""
    assert short_names(["a.x", "b.x", "b.y"]) == {"a.x": "a", "b.x": "b.x", "b.y": "b.y"}


def test_states() -> None:
    """Each state has a badge with words for people."""
    assert set(BADGES) == {state.value for state in State}
    assert BADGES["repair_failed"] == Badge("repair_failed", "repair failed")


@pytest.mark.parametrize(("why", "passes"), [("job_under_way", True), ("repair_failed", False)])
def test_reasons(why: str, passes: bool) -> None:
    """A job ends by itself, a failure stays until somebody has looked into it."""
    assert (EXPLAINED[why].why, EXPLAINED[why].passes) == (why, passes)
