# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a repair has come, by its jobs alone."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import (
    FAILOVER,
    OFFLINE,
    case_of,
    cluster,
    drbd,
    job,
    no_room,
    pending,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.history import (
    Repair,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.progress import (
    Progress,
    failed_attempts,
    progress_of,
    repeatable,
)


def _progress(jobs, *known, **more):
    """How far a repair with these noted jobs has come."""
    return case_of(cluster(drbd("web1", OFFLINE, OFFLINE, pending(jobs=jobs)), jobs=known, **more)).progress


PROGRESS = [
    ("no job yet", "", [], Progress.NEW),
    ("a queued job", "7", [job(7, "queued", "FAILOVER")], Progress.RUNNING),
    ("a waiting job", "7", [job(7, "waiting", "FAILOVER")], Progress.RUNNING),
    ("a running job", "7", [job(7, "running", "FAILOVER")], Progress.RUNNING),
    ("a job that is being canceled", "7", [job(7, "canceling", "FAILOVER")], Progress.RUNNING),
    ("a job in a status of a future Ganeti", "7", [job(7, "pondering", "FAILOVER")], Progress.RUNNING),
    ("an older job runs", "7+8", [job(7, "running", "FAILOVER"), job(8, "success", "FAILOVER")], Progress.RUNNING),
    ("a job that ended well", "7", [job(7, "success", "FAILOVER")], Progress.SUCCEEDED),
    ("a job that failed", "7", [job(7, "error", "FAILOVER")], Progress.FAILED),
    ("a job that was canceled", "7", [job(7, "canceled", "FAILOVER")], Progress.CANCELED),
    ("a job without resources", "7", [no_room(7)], Progress.NO_RESOURCES),
    ("without resources for now", "7", [no_room(7, error_code="temp_insufficient_resources")], Progress.NO_RESOURCES),
    (
        "an allocator that does not run",
        "7",
        [no_room(7, error="Failure while running the iallocator script 'hail'", error_code="")],
        Progress.NO_ALLOCATOR,
    ),
    ("an error that only speaks of one", "7", [no_room(7, error="no iallocator", error_code="")], Progress.FAILED),
    ("another error code", "7", [no_room(7, error_code="wrong_state")], Progress.FAILED),
    (
        "a reinstall without resources is not repeated",
        "7",
        [no_room(7, operations="SHUTDOWN REINSTALL")],
        Progress.FAILED,
    ),
    (
        "one that was shut down for it neither",
        "7",
        [no_room(7, operations="SHUTDOWN REINSTALL", done=1)],
        Progress.FAILED,
    ),
    ("no room behind its intent", "7", [no_room(7, operations="TAGS_SET FAILOVER", done=1)], Progress.NO_RESOURCES),
    (
        "no room for new disks that are installed in the same job",
        "7",
        [no_room(7, operations="TAGS_SET RECREATE_DISKS SHUTDOWN REINSTALL", done=1)],
        Progress.NO_RESOURCES,
    ),
    (
        "the reinstall behind new disks failed",
        "7",
        [no_room(7, operations="RECREATE_DISKS SHUTDOWN REINSTALL", done=2)],
        Progress.FAILED,
    ),
    ("a tag that found no room", "7", [no_room(7, operations="TAGS_SET FAILOVER")], Progress.FAILED),
    ("the newest job decides", "7+8", [job(7, "error", "FAILOVER"), job(8, "success", "FAILOVER")], Progress.SUCCEEDED),
    (
        "as a number, not as a text",
        "9+10",
        [job(9, "success", "FAILOVER"), job(10, "error", "FAILOVER")],
        Progress.FAILED,
    ),
    ("the job has left the queue", "7", [], Progress.LEFT_QUEUE),
    ("only the older one has left", "7+8", [job(8, "success", "FAILOVER")], Progress.SUCCEEDED),
    ("only the newer one has left", "7+8", [job(7, "success", "FAILOVER")], Progress.LEFT_QUEUE),
]


@pytest.mark.parametrize(("noted", "known", "wanted"), [row[1:] for row in PROGRESS], ids=[row[0] for row in PROGRESS])
def test_a_repair_has_come_so_far(noted, known, wanted):
    """By its newest job, and running as long as any of them is."""
    assert _progress(noted, *known) is wanted


def test_of_a_repair_that_has_come_since_the_jobs_were_read_nothing_is_known():
    """Whatever its tags say."""
    assert _progress("", unseen=True) is Progress.NOT_READ
    assert _progress("7", job(7, "success", "FAILOVER"), unseen=True) is Progress.NOT_READ


def test_of_a_job_that_was_noted_since_the_jobs_were_read_nothing_is_known():
    """It was not asked for, so its absence means nothing."""
    one = cluster(drbd("web1", OFFLINE, OFFLINE, pending(jobs="7")), jobs=[job(7, "success", "FAILOVER")])
    repair = Repair(FAILOVER, "r1", 100, (7, 8))
    assert progress_of(repair, one) is Progress.NOT_READ
    assert progress_of(Repair(FAILOVER, "r1", 100, (7,)), one) is Progress.SUCCEEDED


# --- trying again ---------------------------------------------------------------------------------------------------

REFUSED = {"error_class": "OpPrereqError"}
BROKE = {"error_class": "OpExecError"}
REPEATABLE = [
    ("a failover that broke", "FAILOVER", 0, BROKE, True),
    ("a failover that was refused", "FAILOVER", 0, REFUSED, True),
    ("a failover of which only words are known", "FAILOVER", 0, {"error_class": ""}, True),
    ("a new secondary that broke", "REPLACE_DISKS", 0, BROKE, True),
    ("a new secondary that was refused", "REPLACE_DISKS", 0, REFUSED, True),
    ("a failover behind its intent", "TAGS_SET FAILOVER", 1, BROKE, True),
    ("a migration that was refused", "MIGRATE", 0, REFUSED, True),
    ("a migration that broke: where is it now?", "MIGRATE", 0, BROKE, False),
    ("a migration of which only words are known", "MIGRATE", 0, {"error_class": ""}, False),
    ("new disks that were refused", "RECREATE_DISKS", 0, REFUSED, True),
    ("new disks that were refused behind the intent", "TAGS_SET RECREATE_DISKS SHUTDOWN REINSTALL", 1, REFUSED, True),
    ("new disks that broke", "RECREATE_DISKS", 0, BROKE, False),
    ("a reinstall that was refused", "SHUTDOWN REINSTALL STARTUP", 1, REFUSED, False),
    ("a reinstall that broke", "SHUTDOWN REINSTALL STARTUP", 1, BROKE, False),
    ("a shutdown", "SHUTDOWN REINSTALL STARTUP", 0, REFUSED, False),
    ("a start", "SHUTDOWN REINSTALL STARTUP", 2, REFUSED, False),
    ("a mark", "SET_PARAMS", 0, REFUSED, False),
    ("the reinstall behind new disks", "RECREATE_DISKS SHUTDOWN REINSTALL", 2, REFUSED, False),
]


@pytest.mark.parametrize(
    ("operations", "done", "kind", "wanted"), [row[1:] for row in REPEATABLE], ids=[row[0] for row in REPEATABLE]
)
def test_a_step_that_failed_may_be_taken_again(operations, done, kind, wanted):
    """Only where that harms nothing, however far it came (law 8)."""
    assert repeatable(job(7, "error", operations, done=done, **kind)) is wanted


def test_a_job_that_succeeded_has_nothing_to_repeat():
    """It stopped nowhere."""
    assert not repeatable(job(7, "success", "FAILOVER"))


def _bad(number, operations="FAILOVER", **more):
    return job(number, "error", operations, **more)


DOES_NOT_RUN = "Can't migrate, please use failover: Instance web1 is not running"
TRIES = [
    ("no job", [], [], 0),
    ("one", [7], [_bad(7)], 1),
    ("two", [7, 8], [_bad(7), _bad(8)], 2),
    ("the words may differ", [7, 8], [_bad(7, error="one"), _bad(8, error="two")], 2),
    ("the first stood behind the intent", [7, 8], [_bad(7, "TAGS_SET FAILOVER", done=1), _bad(8)], 2),
    ("a success between begins anew", [6, 7, 8], [_bad(6), job(7, "success", "MIGRATE"), _bad(8)], 1),
    ("another step before", [7, 8], [_bad(7, "REPLACE_DISKS"), _bad(8)], 1),
    ("no room before", [7, 8], [no_room(7, operations="FAILOVER"), _bad(8)], 1),
    ("no room twice", [7, 8], [no_room(7), no_room(8)], 2),
    ("one of before has left the queue", [6, 7, 8], [_bad(6), _bad(8)], 1),
    ("the last has left the queue", [7, 8], [_bad(7)], 0),
    ("the last is under way", [7, 8], [_bad(7), job(8, "running", "FAILOVER")], 0),
    ("one of another repair does not count", [8], [_bad(7), _bad(8)], 1),
    (
        "a migration between has told that it does not run",
        [6, 7, 8],
        [_bad(6), _bad(7, "MIGRATE", error=DOES_NOT_RUN), _bad(8)],
        2,
    ),
    ("migrations that tell it", [6, 7], [_bad(number, "MIGRATE", error=DOES_NOT_RUN) for number in (6, 7)], 2),
]


@pytest.mark.parametrize(("noted", "known", "wanted"), [row[1:] for row in TRIES], ids=[row[0] for row in TRIES])
def test_tries_of_one_thing_are_the_newest_jobs_that_ended_alike(noted, known, wanted):
    """Counted from the jobs alone: any runner comes to the same number."""
    assert failed_attempts(Repair(FAILOVER, "r1", 100, tuple(noted)), {one.id: one for one in known}) == wanted
