# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backoff: the pauses between tries (law 8)."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import NOW, OFFLINE, ONLINE, cluster, drbd, job, no_room, pending, plan_of, rbd

from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import Round, limits_for_next_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.backoff import pause

PAUSES = [(0, 60, 60), (1, 60, 60), (2, 120, 120), (3, 240, 240), (4, 300, 480), (7, 300, 3600), (99_999, 300, 3600)]


@pytest.mark.parametrize(("tried", "down", "up"), PAUSES)
def test_a_pause_doubles_up_to_the_longest(tried, down, up):
    """Five minutes where the instance is down, an hour where it runs."""
    assert (pause(tried, True), pause(tried, False)) == (down, up)


DOWN = rbd("web1", OFFLINE, pending(jobs="7"))
RUNS = drbd("web1", ONLINE, OFFLINE, pending("fix-storage", "7"))
LAST = [
    ("no room, down", DOWN, lambda at: no_room(7, at, "FAILOVER")),
    ("no room, running", RUNS, lambda at: no_room(7, at)),
    ("a failure, down", DOWN, lambda at: job(7, "error", "FAILOVER", error="it broke", ended=at)),
    ("a failure, running", RUNS, lambda at: job(7, "error", "REPLACE_DISKS", error="it broke", ended=at)),
]


@pytest.mark.parametrize(("one", "last"), [row[1:] for row in LAST], ids=[row[0] for row in LAST])
@pytest.mark.parametrize(("since", "now", "word"), [(59, False, "wait"), (60, False, "submit"), (0, True, "submit")])
def test_retry_now_leaves_the_pause_out(one, last, since, now, word):
    """For a round that a person starts."""
    plan = plan_of(cluster(one, jobs=[last(NOW - since)]), retries=2, retry_now=now)
    assert plan.rows[0][1].kind.value == word


def test_retry_now_tries_no_more_often_than_retries_allow():
    """It is about pauses alone."""
    failed = job(7, "error", "FAILOVER", error="it broke", ended=NOW)
    assert plan_of(cluster(DOWN, jobs=[failed]), retries=0, retry_now=True).rows[0][1].kind.value == "finish"


def test_a_run_that_waits_keeps_its_pauses():
    """Else it would try without end."""
    plan = plan_of(cluster(DOWN, jobs=[no_room(7, NOW, "FAILOVER")]), retry_now=True)
    assert limits_for_next_round(Round(plan, (), plan)).retry_now is False
