# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes next of a repair that has begun: it waits for room, tries again, goes on, or is for a person."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    NOW,
    OFFLINE,
    ONLINE,
    drbd,
    job,
    next_for,
    no_room,
    pending,
    placed,
    plain,
    steps,
)
from unit.plugins.module_utils.repair.test_decide import broken, well

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import utc

RECREATED = job(7, "success", "RECREATE_DISKS")


# --- waiting for resources ------------------------------------------------------------------------------------------

PAUSES = [(1, 60), (2, 120), (3, 240), (4, 480), (5, 960), (6, 1920), (7, 3600), (8, 3600), (30, 3600)]


def _after_tries(tries, since):
    """What comes next after so many jobs in a row without resources, the last of which ended `since` seconds ago."""
    jobs = [no_room(number, at=NOW - since) for number in range(100, 100 + tries)]
    noted = "+".join(str(one.id) for one in jobs)
    return next_for(drbd("web1", ONLINE, OFFLINE, pending("fix-storage", noted)), jobs=jobs)


@pytest.mark.parametrize(("tries", "pause"), PAUSES, ids=[f"after {tries} tries {pause} s" for tries, pause in PAUSES])
def test_without_resources_it_waits_longer_each_time_up_to_an_hour(tries, pause):
    """Law 8: it waits and tries again; a moment before the pause is over it still waits."""
    early, due = _after_tries(tries, pause - 1), _after_tries(tries, pause)
    assert (early.kind.value, due.kind.value) == ("wait", "submit")
    assert "no room for it (not enough disk)" in early.reason
    assert f"trying again after {utc(NOW + 1)}" in early.reason


def test_only_tries_in_a_row_make_the_pause_longer():
    """A step that succeeded in between begins anew."""
    jobs = [no_room(5), job(6, "success", "MIGRATE"), no_room(7, at=NOW - 60)]
    assert next_for(drbd("web1", ONLINE, OFFLINE, pending("migrate", "5+6+7")), jobs=jobs).kind.value == "submit"


def test_a_try_that_has_left_the_queue_ends_the_row():
    """Nothing is known of it."""
    jobs = [no_room(5), no_room(7, at=NOW - 60)]
    assert next_for(drbd("web1", ONLINE, OFFLINE, pending("migrate", "5+6+7")), jobs=jobs).kind.value == "submit"


def test_an_instance_that_got_well_meanwhile_is_not_kept_waiting():
    """The node came back: there is nothing to try again."""
    action = next_for(well(pending("fix-storage", "7")), jobs=[no_room(7, at=NOW)])
    assert (action.kind.value, action.result) == ("finish", None)


def test_a_job_without_an_end_does_not_wait_for_ever():
    """It waits a pause from now at most, and says until when; a round an hour later must be able to go on."""
    one = drbd("web1", ONLINE, OFFLINE, pending("fix-storage", "7"))
    rounds = [next_for(one, now=NOW + hours * 3600, jobs=[no_room(7, ended=None)]) for hours in range(3)]
    assert "submit" in [action.kind.value for action in rounds]


# --- trying again after an error ------------------------------------------------------------------------------------


def _after_failures(count, since, retries, operations="FAILOVER", one=None, **more):
    """What comes next after so many jobs in a row failed, the last of which ended `since` seconds ago."""
    jobs = [
        job(number, "error", operations, error="it broke", ended=NOW - since, **more)
        for number in range(100, 100 + count)
    ]
    noted = "+".join(str(one.id) for one in jobs)
    one = one or broken
    return next_for(one(pending("reinstall", noted)), jobs=jobs, retries=retries)


RETRIES = [
    ("none wanted", 1, 0, 0, "finish"),
    ("the first pause", 1, 59, 2, "wait"),
    ("after it", 1, 60, 2, "submit"),
    ("the second is longer", 2, 119, 2, "wait"),
    ("after it too", 2, 120, 2, "submit"),
    ("no more than wanted", 3, 0, 2, "finish"),
    ("however long ago", 3, 9999, 2, "finish"),
    ("more are wanted", 3, 239, 3, "wait"),
    ("and are had", 3, 240, 3, "submit"),
    ("up to five minutes, as it is down", 9, 299, 20, "wait"),
    ("and no longer", 9, 300, 20, "submit"),
]


@pytest.mark.parametrize(
    ("count", "since", "retries", "wanted"), [row[1:] for row in RETRIES], ids=[row[0] for row in RETRIES]
)
def test_a_job_that_failed_is_tried_again_a_bounded_number_of_times_with_longer_pauses(count, since, retries, wanted):
    """Law 8."""
    action = _after_failures(count, since, retries)
    assert (action.kind.value, action.result) == (wanted, "failure" if wanted == "finish" else None)
    assert wanted != "submit" or steps(action) == ["failover", "replace-disks"]
    assert wanted != "wait" or action.reason.startswith(f"job {99 + count} failed (it broke); trying again after")


def test_the_last_try_says_how_often_it_was_tried():
    """And what came back."""
    assert _after_failures(3, 0, 2).reason == "job 102 failed, as did 2 before it: it broke"
    assert _after_failures(1, 0, 0).reason == "job 100 failed: it broke"


def _drained(*tags):
    return drbd("web1", DRAINED, ONLINE, *tags)


def _dead(*tags):
    return plain("web1", OFFLINE, *tags)


NO_TRY = [
    ("a migration that broke", _drained, "MIGRATE", {}, "finish"),
    ("a migration that was refused is", _drained, "MIGRATE", {"error_class": "OpPrereqError"}, "submit"),
    ("new disks that broke", _dead, "RECREATE_DISKS", {}, "finish"),
    ("new disks that were refused are", _dead, "RECREATE_DISKS", {"error_class": "OpPrereqError"}, "submit"),
    ("a step that is no longer the next", _drained, "FAILOVER", {}, "finish"),
    ("a reinstall", lambda *tags: plain("web1", ONLINE, *tags), "SHUTDOWN REINSTALL", {"done": 1}, "finish"),
    ("a step of an instance that is well", well, "FAILOVER", {}, "finish"),
    ("a job that was not one of ours", broken, "REBOOT", {}, "finish"),
]


@pytest.mark.parametrize(
    ("one", "operations", "more", "wanted"), [row[1:] for row in NO_TRY], ids=[row[0] for row in NO_TRY]
)
def test_not_everything_that_failed_is_tried_again(one, operations, more, wanted):
    """Only what harms nothing, and only while it is still the step to take."""
    action = _after_failures(1, 9999, 5, operations, one, **more)
    assert (action.kind.value, action.result) == (wanted, "failure" if wanted == "finish" else None)


def test_a_try_without_an_end_does_not_wait_for_ever():
    """Nobody knows how long ago it was; their number is bounded."""
    jobs = [job(7, "error", "FAILOVER")]
    assert next_for(broken(pending(jobs="7")), jobs=jobs, retries=2).kind.value == "submit"


def test_waiting_for_room_has_no_bound():
    """It is not the step that failed."""
    jobs = [no_room(number, at=NOW - 3600) for number in range(100, 130)]
    noted = "+".join(str(one.id) for one in jobs)
    one = drbd("web1", ONLINE, OFFLINE, pending("fix-storage", noted))
    assert next_for(one, jobs=jobs, retries=0).kind.value == "submit"


def test_an_error_after_waiting_for_room_is_the_first_of_its_kind():
    """The tries without room don't count against it."""
    jobs = [no_room(100), no_room(101), job(102, "error", "REPLACE_DISKS", error="it broke", ended=NOW - 60)]
    one = drbd("web1", ONLINE, OFFLINE, pending("fix-storage", "100+101+102"))
    assert next_for(one, jobs=jobs, retries=1).kind.value == "submit"


SEEN_TO = [
    ("just now", {"ended": NOW}, "wait"),
    ("less than a minute ago", {"ended": NOW - 59}, "wait"),
    ("a minute ago", {"ended": NOW - 60}, "submit"),
    ("nobody knows when", {}, "submit"),
]


@pytest.mark.parametrize(("when", "wanted"), [row[1:] for row in SEEN_TO], ids=[row[0] for row in SEEN_TO])
def test_a_step_that_has_just_succeeded_is_not_taken_again_at_once(when, wanted):
    """Its effect may not show yet; it is looked at twice."""
    jobs = [job(7, "success", "REPLACE_DISKS", **when)]
    action = next_for(drbd("web1", ONLINE, OFFLINE, pending("fix-storage", "7")), jobs=jobs)
    assert action.kind.value == wanted
    assert wanted == "submit" or "though job 7 has just fixed it; checking again after" in action.reason


def test_another_step_than_the_one_that_succeeded_is_taken_at_once():
    """Nothing is waited for without need."""
    jobs = [job(7, "success", "FAILOVER", ended=NOW)]
    assert next_for(drbd("web1", ONLINE, OFFLINE, pending(jobs="7")), jobs=jobs).kind.value == "submit"


# --- reinstall ------------------------------------------------------------------------------------------------------


def _recreated(status, admin="up", *more, states=(ONLINE,)):
    """What comes next for a plain instance whose disks were recreated, and that has seen more jobs since."""
    jobs = [job(7, status, "RECREATE_DISKS"), *more]
    noted = "+".join(str(one.id) for one in jobs)
    return next_for(placed("web1", "plain", *states, tags=(pending("reinstall", noted),), admin_state=admin), jobs=jobs)


MARKED, INSTALLED, REMARKED = (
    job(8, "success", "SET_PARAMS"),
    job(9, "success", "REINSTALL"),
    job(10, "success", "SET_PARAMS"),
)
WHOLE = "TAGS_SET RECREATE_DISKS SHUTDOWN REINSTALL STARTUP"


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (job(7, "error", WHOLE, done=3, error="it broke"), "job 7 failed: it broke"),
        (job(7, "canceled", WHOLE, done=2), "job 7 was canceled by a person; so a person has to decide"),
    ],
    ids=["failed", "canceled"],
)
def test_one_job_for_all_that_ended_half_way(one, words):
    """It is on live nodes and looks healthy, but its disks are empty: nothing is repeated, and a person hears of it."""
    action = next_for(plain("web1", ONLINE, pending("reinstall", "7")), jobs=[one], retries=5)
    assert (action.kind.value, action.result) == ("finish", "failure" if one.status == "error" else None)
    assert words in action.reason


STAGES = [
    ("disks recreated: reinstall", "up", [], "submit", ["reinstall"]),
    ("reinstalled: success", "up", [job(8, "success", "SHUTDOWN REINSTALL STARTUP")], "finish", []),
    ("meant to be down: the same", "down", [], "submit", ["reinstall"]),
    ("marked offline: marked down first", "offline", [], "submit", ["mark-down", "reinstall", "mark-offline"]),
    ("marked down: reinstall", "down", [MARKED], "submit", ["reinstall", "mark-offline"]),
    ("reinstalled: marked offline", "down", [MARKED, INSTALLED], "submit", ["mark-offline"]),
    ("marked offline again: success", "offline", [MARKED, INSTALLED, REMARKED], "finish", []),
    ("marking down is under way", "offline", [job(8, "running", "SET_PARAMS")], "wait", []),
    ("marking down failed", "offline", [job(8, "error", "SET_PARAMS")], "finish", []),
    ("the reinstall failed", "down", [job(8, "error", "REINSTALL")], "finish", []),
]


@pytest.mark.parametrize(
    ("admin", "more", "wanted", "rest"), [row[1:] for row in STAGES], ids=[row[0] for row in STAGES]
)
def test_a_reinstall_goes_on_stage_by_stage(admin, more, wanted, rest):
    """The instance is on live nodes already, but its disks are empty: healthy it is only after the last stage."""
    action = _recreated("success", admin, *more)
    assert (action.kind.value, steps(action)) == (wanted, rest)
    if wanted == "finish":
        assert action.result == ("failure" if more[-1].status == "error" else "success")


def test_the_reason_for_marking_offline_is_not_that_disks_are_empty():
    """They are installed by then."""
    assert "empty" not in _recreated("success", "down", MARKED, INSTALLED).reason


def test_a_new_primary_that_died_after_the_recreation_begins_again():
    """There is nothing on it yet."""
    assert steps(_recreated("success", states=(OFFLINE,))) == ["recreate-disks", "reinstall"]


def test_a_mirrored_one_fails_over_before_it_is_reinstalled():
    """Its new primary died, its new secondary lives."""
    one = drbd("web1", OFFLINE, ONLINE, pending("reinstall", "7"))
    assert steps(next_for(one, jobs=[RECREATED])) == ["failover", "replace-disks"]
    moved = drbd("web1", ONLINE, OFFLINE, pending("reinstall", "7+8"))
    assert steps(next_for(moved, jobs=[RECREATED, job(8, "success", "FAILOVER")])) == ["reinstall"]


def test_a_reinstall_that_a_person_ran_is_not_run_again():
    """Adopted, whoever asked for it."""
    jobs = [RECREATED, job(8, "success", "SHUTDOWN REINSTALL STARTUP")]
    action = next_for(plain("web1", ONLINE, pending("reinstall", "7")), jobs=jobs)
    assert (action.kind.value, action.result, action.repair.jobs) == ("finish", "success", (7, 8))
