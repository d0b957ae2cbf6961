# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting: until something is so or too much time has passed, with pauses that grow, and for jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from unit.plugins.module_utils.builders import cluster, job
from unit.plugins.module_utils.fake import Clock, FakeClient

from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.waiter import (
    CONFIRM_SECONDS,
    await_jobs,
    growing,
    wait_until,
)

# what the looks show, after how many seconds it is over -> what is returned, the seconds that were slept
LOOKS = [
    ("so at once", "yes", 99, "yes", []),
    ("so at the third look", "no, not, yes", 99, "yes", [1, 2]),
    ("so at the last look of all", "no, not, yes", 3, "yes", [1, 2]),
    ("over before it is so", "no, not, late, yes", 3, "late", [1, 2]),
    ("over at once, but for one look", "no, yes", 0, "no", []),
]


@pytest.mark.parametrize(("shown", "end", "seen", "slept"), [row[1:] for row in LOOKS], ids=[row[0] for row in LOOKS])
def test_it_is_waited_until(shown: str, end: float, seen: str, slept: list[float]) -> None:
    """There is a look before the first pause and after each; here each pause is a second longer than all before it."""
    looks, pauses = iter(shown.split(", ")), list[float]()
    found = wait_until(
        lambda word: word == "yes",
        lambda: next(looks),
        pauses.append,
        lambda waited: waited >= end,
        lambda waited: waited + 1,
    )
    assert (found, pauses) == (seen, slept)


GROWING = [
    ("the first", growing(0.5), 0, 0.1),
    ("by a share of what was waited", growing(0.5), 1, 0.6),
    ("up to the longest", growing(0.5), 9, 2.0),
    ("no more than that", growing(0.5), 1000, 2.0),
    ("with bounds of one's own", growing(1.0, first=3, longest=5), 1, 4),
    ("that do not grow", growing(0.0), 1000, 0.1),
]


@pytest.mark.parametrize(
    ("waited", "pause", "seconds"), [(row[2], row[1], row[3]) for row in GROWING], ids=[row[0] for row in GROWING]
)
def test_a_growing_pause_is(waited: float, pause: Callable[[float], float], seconds: float) -> None:
    """By the seconds that were slept before it."""
    assert pause(waited) == pytest.approx(seconds)


def test_each_pause_is_longer_than_the_one_before_by_the_share_of_it() -> None:
    """As long as it is shorter than the longest."""
    pauses = list[float]()
    wait_until(bool, lambda: 0, pauses.append, lambda waited: waited >= 10, growing(0.5))
    assert pauses[:4] == pytest.approx([0.1, 0.15, 0.225, 0.3375])
    assert max(pauses) == 2.0


class Queue(FakeClient):
    """A client whose job 7 ends at a time, and whose job 8 has ended."""

    def __init__(self, ends: float) -> None:
        super().__init__(cluster(jobs=[job(7, "running", "FAILOVER"), job(8, "error", "MIGRATE")]), clock=Clock(0))
        self.ends = ends

    def settle(self) -> None:
        """See FakeClient."""
        if self.clock() >= self.ends:
            self.cluster = replace(self.cluster, jobs={**self.cluster.jobs, 7: job(7, "success", "FAILOVER")})


# the jobs that are wanted, when job 7 ends -> what is known of them, the seconds that have to pass
JOBS = [
    ("one that has ended", [8], 99, {8: "error"}, 0),
    ("one that ends in a while", [7], 5, {7: "success"}, 5),
    ("all of several", [8, 7], 5, {7: "success", 8: "error"}, 5),
    ("one that takes too long", [7], 999, {7: "running"}, CONFIRM_SECONDS),
    ("one that has left the queue", [9], 999, {}, 0),
    ("one that has left it, and another", [9, 7], 5, {7: "success"}, 5),
]


@pytest.mark.parametrize(
    ("wanted", "ends", "found", "shortest"), [row[1:] for row in JOBS], ids=[row[0] for row in JOBS]
)
def test_jobs_are_awaited(wanted: list[int], ends: float, found: dict[int, str], shortest: float) -> None:
    """No longer than needed, and not for ever; every look is one request for all of them."""
    client = Queue(ends)
    seen = await_jobs(wanted, client, client.clock.sleep)
    assert {number: one.status for number, one in seen.items()} == found
    assert shortest <= client.clock() < shortest + 2
    assert client.clock.slept[:4] == pytest.approx([0.1, 0.2, 0.4, 0.8][: len(client.clock.slept)])
    assert client.reads == ["job"] * (len(client.clock.slept) + 1)
