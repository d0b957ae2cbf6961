# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ages: since when jobs run or wait, and when that is odd."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.plugins.module_utils.builders import NOW, job

from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.ages import is_overdue, jobs_text

LOCKS = "; to see which job holds its locks: gnt-debug locks"
AT = "2027-01-15T08:00:00Z"  # NOW
SAID = [
    ("one that runs", job(7, "running", "FAILOVER", started=NOW), 0, f"has been in progress since {AT}"),
    (
        "it began when it started",
        job(7, "running", "FAILOVER", received=1, started=NOW),
        0,
        f"has been in progress since {AT}",
    ),
    ("for an hour", job(7, "running", "FAILOVER", started=NOW), 3600, f"has been in progress since {AT}"),
    (
        "for more",
        job(7, "running", "FAILOVER", started=NOW),
        3601,
        f"has been in progress since {AT}, for more than an hour; to see what it does: gnt-job info 7",
    ),
    ("nobody knows since when", job(7, "running", "FAILOVER"), 9999, "is in progress"),
    ("one that is being canceled", job(7, "canceling", "FAILOVER", started=NOW), 0, f"has been in progress since {AT}"),
    ("of a status that is new", job(7, "resting", "FAILOVER", started=NOW), 0, f"has been in progress since {AT}"),
    ("one that waits", job(7, "waiting", "FAILOVER", received=NOW), 0, f"has been waiting since {AT}{LOCKS}"),
    (
        "it waits since it came",
        job(7, "waiting", "FAILOVER", received=NOW, started=1),
        0,
        f"has been waiting since {AT}{LOCKS}",
    ),
    ("one in the queue", job(7, "queued", "FAILOVER", received=NOW), 0, f"has been waiting since {AT}{LOCKS}"),
    ("for ten minutes", job(7, "waiting", "FAILOVER", received=NOW), 600, f"has been waiting since {AT}{LOCKS}"),
    (
        "for more than ten",
        job(7, "waiting", "FAILOVER", received=NOW),
        601,
        f"has been waiting since {AT}, which is unusual after ten minutes{LOCKS}",
    ),
    ("nobody knows since when it waits", job(7, "waiting", "FAILOVER"), 9999, f"is waiting{LOCKS}"),
]


@pytest.mark.parametrize(("one", "later", "words"), [row[1:] for row in SAID], ids=[row[0] for row in SAID])
def test_a_job_in_words(one, later, words):
    """What it does, since when, and what to look at."""
    assert jobs_text([one], NOW + later) == f"job 7 (INSTANCE_FAILOVER) {words}"


def test_a_job_that_waits_for_another_of_its_repair_says_for_which():
    """Its locks have nothing to do with it."""
    first = job(7, "running", "FAILOVER", started=NOW)
    second = job(8, "waiting", "REPLACE_DISKS", received=NOW, after=(5, 7))
    assert jobs_text([first, second], NOW + 9999).endswith(", job 8 (INSTANCE_REPLACE_DISKS) waits for job 7")
    assert jobs_text([second], NOW).endswith(f"has been waiting since {AT}{LOCKS}")


OVERDUE = [
    ("running", {"started": NOW}, 3600),
    ("canceling", {"started": NOW}, 3600),
    ("waiting", {"received": NOW, "started": NOW - 5}, 600),
    ("queued", {"received": NOW}, 600),
]


@pytest.mark.parametrize(("status", "times", "longest"), OVERDUE, ids=[row[0] for row in OVERDUE])
def test_a_job_is_overdue(status, times, longest):
    """After an hour where it runs, after ten minutes where it waits, and never where nobody knows since when."""
    one = job(7, status, "FAILOVER", **times)
    assert [is_overdue(one, NOW + longest + more) for more in (-1, 0, 1)] == [False, False, True]
    assert not is_overdue(one, NOW - 9999)  # the clock is behind
    assert not is_overdue(replace(one, received=None, started=None), NOW + 999_999)
