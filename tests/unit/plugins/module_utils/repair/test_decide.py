# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide: what comes next for one instance, in sentences (design, sections 2 to 5)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    NOW,
    OFFLINE,
    ONLINE,
    UNKNOWN,
    case_of,
    cluster,
    drbd,
    ended,
    job,
    next_for,
    no_room,
    node,
    pending,
    placed,
    plain,
    plan_of,
    rbd,
    steps,
    tag,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import utc
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import is_left
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.action import Kind
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.decide import decide
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Why
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import behind_tag
from unbraked import unbraked

DONE = job(7, "success", "FAILOVER")
RECREATED = job(7, "success", "RECREATE_DISKS")
BAD = job(7, "error", "FAILOVER", error="it broke")


def _broken(*tags, **more):
    """A mirrored instance on a dead primary: it needs failover, then fix-storage."""
    return drbd("web1", OFFLINE, ONLINE, *tags, **more)


def _well(*tags, **more):
    return drbd("web1", ONLINE, ONLINE, *tags, **more)


# sentence, the instance, what else is in the cluster, action, a part of the reason
TABLE = [
    # no repair pending
    ("a healthy instance is left alone", _well(), {}, "none", "healthy"),
    ("a broken one without permission is reported", _broken(), {}, "report", "no tag allows a repair"),
    ("a broken one with permission is repaired", _broken(tag("failover")), {}, "submit", "primary web1-p is offline"),
    (
        "with too little permission it is refused",
        _broken(tag("migrate")),
        {},
        "refuse",
        "failover is needed, its own tag allows migrate",
    ),
    (
        "the refusal names the object that limits",
        _broken(),
        {"tags": [tag("migrate")]},
        "refuse",
        "the tag of its cluster allows migrate",
    ),
    ("a limit that can't be read is told", _broken(tag("Failover")), {}, "report", "Failover is no repair type"),
    (
        "the last copy is on a drained node: it waits",
        drbd("web1", OFFLINE, DRAINED, tag("reinstall")),
        {},
        "wait",
        "only copy",
    ),
    (
        "and without permission for failover is refused",
        drbd("web1", OFFLINE, DRAINED, tag("migrate")),
        {},
        "refuse",
        "failover is needed",
    ),
    (
        "a local one on a drained node needs a person",
        plain("web1", DRAINED, tag("reinstall")),
        {},
        "report",
        "gnt-instance move -n NODE web1",
    ),
    (
        "of an unknown one only that is said",
        plain("web1", UNKNOWN, tag("reinstall")),
        {},
        "report",
        "state of the node web1-p is not known",
    ),
    (
        "somebody's job is waited for",
        _broken(tag("failover")),
        {"jobs": [job(9, "running", "REBOOT")]},
        "wait",
        "job 9 (INSTANCE_REBOOT) is under way",
    ),
    (
        "also before a refusal is written",
        _broken(tag("migrate")),
        {"jobs": [job(9, "running", "REBOOT")]},
        "wait",
        "job 9",
    ),
    ("not by a healthy one", _well(), {"jobs": [job(9, "running", "REBOOT")]}, "none", "healthy"),
    ("nor for a report", _broken(), {"jobs": [job(9, "running", "REBOOT")]}, "report", "no tag allows"),
    # suspended
    ("suspended and well is fine", _well(tag("suspend")), {}, "none", "suspended, and healthy"),
    (
        "suspended and broken is held",
        _broken(tag("suspend")),
        {},
        "hold",
        "primary web1-p is offline; suspended by its instance until the suspend tag is removed",
    ),
    ("until a time", _broken(tag("suspend:1900000000")), {}, "hold", "until 2030-03-17T17:46:40Z"),
    ("by its group", _broken(), {"group_tags": {"default": [tag("suspend")]}}, "hold", "suspended by its group"),
    ("suspended and unknown is held", plain("web1", UNKNOWN, tag("suspend")), {}, "hold", "web1-p is not known"),
    (
        "a pending repair is held too",
        _well(pending(jobs="7"), tag("suspend")),
        {"jobs": [DONE]},
        "hold",
        "a repair is pending",
    ),
    ("even one that failed", _broken(pending(jobs="7"), tag("suspend")), {"jobs": [BAD]}, "hold", "suspended"),
    (
        "a suspend that can't be read holds and is told",
        _broken(tag("suspend:soon")),
        {},
        "hold",
        "soon is no timestamp",
    ),
    ("and is told of a healthy one as well", _well(tag("suspend:soon")), {}, "report", "soon is no timestamp"),
    # failed, unreadable
    (
        "a failed repair needs a person",
        _broken(ended("failure"), tag("failover")),
        {},
        "report",
        f"gnt-instance remove-tags web1 {ended('failure')}",
    ),
    ("also of a healthy one", _well(ended("failure")), {}, "report", "its failover repair failed"),
    ("the job's error is told", _broken(ended("failure", jobs="7")), {"jobs": [BAD]}, "report", "(it broke)"),
    ("else the job's number", _broken(ended("failure", jobs="6+7")), {}, "report", "(see job 7)"),
    (
        "also where the job says nothing",
        _broken(ended("failure", jobs="6+7")),
        {"jobs": [job(7, "error", "FAILOVER")]},
        "report",
        "(see job 7)",
    ),
    ("a failure comes before a suspend", _broken(ended("failure"), tag("suspend")), {}, "report", "failed"),
    (
        "a pending tag that can't be read is reported",
        _broken(tag("pending:x"), tag("failover")),
        {},
        "report",
        "put it right or remove it",
    ),
    ("a result tag too", _broken(tag("result:x"), tag("failover")), {}, "report", "put it right or remove it"),
    ("also of a healthy instance", _well(tag("pending:x")), {}, "report", "put it right or remove it"),
    ("also beside a readable one", _broken(tag("pending:x"), pending()), {}, "report", "put it right"),
    # a repair is pending
    (
        "its job is waited for",
        _broken(pending(jobs="7")),
        {"jobs": [job(7, "running", "FAILOVER")]},
        "wait",
        "job 7 (INSTANCE_FAILOVER) is under way",
    ),
    ("one asked for from outside begins", _broken(pending()), {}, "submit", "primary web1-p is offline"),
    (
        "one that came since is waited for",
        _broken(pending()),
        {"unseen": True},
        "wait",
        "while the cluster was being read",
    ),
    (
        "somebody else's job is waited for too",
        _broken(pending()),
        {"jobs": [job(9, "running", "REBOOT")]},
        "wait",
        "job 9",
    ),
    ("well, and the job too: success", _well(pending(jobs="7")), {"jobs": [DONE]}, "finish", "it is healthy"),
    (
        "the job ended well, but it is not: it goes on",
        drbd("web1", ONLINE, OFFLINE, pending(jobs="7")),
        {"jobs": [DONE]},
        "submit",
        "secondary web1-s is offline",
    ),
    ("a failed job ends it", _broken(pending(jobs="7")), {"jobs": [BAD]}, "finish", "job 7 failed: it broke"),
    ("be it well or not", _well(pending(jobs="7")), {"jobs": [BAD]}, "finish", "job 7 failed: it broke"),
    (
        "a canceled job ends it",
        _broken(pending(jobs="7")),
        {"jobs": [job(7, "canceled", "FAILOVER")]},
        "finish",
        "job 7 was canceled by a person",
    ),
    (
        "a job that is gone, and it is well",
        _well(pending(jobs="7")),
        {},
        "finish",
        "its jobs have left the queue, so the repair ends without a result",
    ),
    (
        "a job that is gone, and it is not: it goes on",
        _broken(pending(jobs="7")),
        {},
        "submit",
        "primary web1-p is offline",
    ),
    (
        "a job of a reinstall that is gone",
        plain("web1", ONLINE, pending("reinstall", "7")),
        {},
        "finish",
        "nobody can tell whether",
    ),
    (
        "a lesser permission than it takes ends it",
        _broken(pending("migrate")),
        {},
        "finish",
        "failover is needed, the repair may do migrate",
    ),
    (
        "a local one on a drained node ends it",
        plain("web1", DRAINED, pending("reinstall")),
        {},
        "finish",
        "gnt-instance move",
    ),
    (
        "the last copy on a drained node keeps it waiting",
        drbd("web1", OFFLINE, DRAINED, pending()),
        {},
        "wait",
        "only copy",
    ),
    ("an unknown one stays pending", plain("web1", UNKNOWN, pending("reinstall")), {}, "report", "is not known"),
    (
        "also after its job succeeded",
        plain("web1", UNKNOWN, pending("reinstall", "7")),
        {"jobs": [DONE]},
        "report",
        "is not known",
    ),
    (
        "also after its job failed",
        plain("web1", UNKNOWN, pending("reinstall", "7")),
        {"jobs": [BAD]},
        "report",
        "is not known",
    ),
    (
        "also after its job was canceled",
        plain("web1", UNKNOWN, pending("reinstall", "7")),
        {"jobs": [job(7, "canceled", "FAILOVER")]},
        "report",
        "is not known",
    ),
    ("also when its job is gone", plain("web1", UNKNOWN, pending("reinstall", "7")), {}, "report", "is not known"),
    (
        "its policy is not asked again",
        _broken(pending("failover", "7"), tag("fix-storage")),
        {"jobs": [job(7, "success", "REPLACE_DISKS")]},
        "submit",
        "offline",
    ),
    # crash leftovers
    ("a pending tag beside its result is removed", _well(pending(), ended("success")), {}, "finish", "left over"),
    (
        "not while the instance is unknown",
        plain("web1", UNKNOWN, pending(), ended("success")),
        {},
        "report",
        "is not known",
    ),
]


@pytest.mark.parametrize(
    ("one", "more", "wanted", "words"),
    [row[1:] for row in TABLE],
    ids=[f"{i}: {row[0]}" for i, row in enumerate(TABLE)],
)
def test_what_comes_next(one, more, wanted, words):
    """The action, and what a person reads about it."""
    action = next_for(one, **more)
    assert action.kind.value == wanted, action.reason
    assert words in action.reason
    assert action.name == "web1"


WORDS = [
    (
        "held",
        _broken(tag("suspend")),
        {},
        "primary web1-p is offline; suspended by its instance until the suspend tag is removed",
    ),
    ("well", _well(pending(jobs="7")), {"jobs": [DONE]}, "it is healthy"),
    (
        "refused",
        _broken(tag("migrate")),
        {},
        "primary web1-p is offline; failover is needed, its own tag allows migrate",
    ),
    (
        "waiting",
        drbd("web1", OFFLINE, DRAINED, tag("failover")),
        {},
        "primary web1-p is offline and secondary web1-s is drained; "
        "waits for node web1-s to be no longer drained: it holds the only copy",
    ),
    (
        "busy",
        _broken(tag("failover")),
        {"jobs": [job(8, "running", "REBOOT"), job(9, "queued", "REBOOT STARTUP")]},
        "primary web1-p is offline; job 8 (INSTANCE_REBOOT) is under way, "
        "job 9 (INSTANCE_REBOOT INSTANCE_STARTUP) waits; see which job holds its locks: gnt-debug locks",
    ),
    (
        "running",
        _broken(pending(jobs="6+7")),
        {"jobs": [job(6, "success", "MIGRATE"), job(7, "running", "FAILOVER")]},
        "job 7 (INSTANCE_FAILOVER) is under way",
    ),
]


@pytest.mark.parametrize(("one", "more", "words"), [row[1:] for row in WORDS], ids=[row[0] for row in WORDS])
def test_a_reason_is_a_whole_sentence(one, more, words):
    """To the letter: nothing is left over at its end."""
    assert next_for(one, **more).reason == words


def test_a_noted_job_is_waited_for_whatever_it_says_of_itself():
    """Its instance may not be readable in it, and an older job may have left the queue."""
    action = next_for(_broken(pending(jobs="6+7")), jobs=[job(7, "running", "FAILOVER", instance="")])
    assert (action.kind.value, action.reason) == ("wait", "job 7 (INSTANCE_FAILOVER) is under way")


# --- the repair that begins -----------------------------------------------------------------------------------------

BEGINS = [
    ("the whole way", _broken(tag("failover")), "failover", ["failover", "replace-disks"]),
    ("more permission changes nothing", _broken(tag("reinstall")), "failover", ["failover", "replace-disks"]),
    (
        "as far as the permission goes",
        drbd("web1", DRAINED, OFFLINE, tag("fix-storage")),
        "fix-storage",
        ["replace-disks", "migrate", "replace-disks"],
    ),
    (
        "the highest type of its steps",
        drbd("web1", DRAINED, OFFLINE, tag("migrate")),
        "migrate",
        ["replace-disks", "migrate", "replace-disks"],
    ),
    (
        "a stopped one moves with migrate",
        rbd("web1", DRAINED, tag("migrate"), admin_state="down"),
        "migrate",
        ["failover"],
    ),
    (
        "one that always fails over needs failover",
        rbd("web1", DRAINED, tag("failover"), always_failover=True),
        "failover",
        ["failover"],
    ),
    ("local on a dead node", plain("web1", OFFLINE, tag("reinstall")), "reinstall", ["recreate-disks", "reinstall"]),
]


@pytest.mark.parametrize(("one", "kind", "wanted"), [row[1:] for row in BEGINS], ids=[row[0] for row in BEGINS])
def test_a_new_repair(one, kind, wanted):
    """Its type is the highest that it needs, and no higher than what is allowed."""
    action = next_for(one)
    assert (action.kind.value, action.repair, action.type.label, steps(action)) == ("submit", None, kind, wanted)


def test_a_repair_that_begins_leaves_the_old_results_until_it_ends():
    """One tag job less before the repair."""
    action = next_for(_broken(tag("failover"), ended("success", repair="old"), ended("enoperm", repair="older")))
    assert (action.kind.value, action.remove) == ("submit", ())


# --- the repair that ends -------------------------------------------------------------------------------------------


def test_a_success_takes_the_place_of_everything_before_it():
    """Its own pending tags, and the results of older repairs."""
    old = ended("enoperm", "migrate", repair="r0", at=50)
    action = next_for(_well(pending(jobs="7"), pending(), old), jobs=[DONE])
    assert (action.result, action.type.label, action.repair.jobs) == ("success", "failover", (7,))
    assert sorted(action.remove) == sorted([pending(jobs="7"), pending(), old])


def test_a_failure_is_written_for_its_repair():
    """With the type that the pending tag had."""
    action = next_for(_broken(pending(jobs="7")), jobs=[BAD])
    assert (action.result, action.type.label, action.remove) == ("failure", "failover", (pending(jobs="7"),))


def test_a_success_whose_last_job_is_not_needed_keeps_the_results_that_others_count():
    """By them a runner knows that an instance is repaired again and again."""
    old = ended("success", repair="r0", jobs="3", at=NOW - 60)
    jobs = [job(7, "success", "FAILOVER"), job(8, "waiting", "REPLACE_DISKS")]
    action = next_for(_well(pending(jobs="7+8"), old), jobs=jobs)
    assert (action.result, action.cancel, action.remove) == ("success", (8,), (pending(jobs="7+8"),))


def test_a_canceled_job_writes_no_result_and_keeps_the_older_ones():
    """It is a person's word, not a failure."""
    old = ended("success", repair="r0", at=50)
    action = next_for(_broken(pending(jobs="7"), old), jobs=[job(7, "canceled", "FAILOVER")])
    assert (action.kind.value, action.result, action.remove) == ("finish", None, (pending(jobs="7"),))


def test_a_reinstall_that_was_canceled_says_that_the_disks_are_empty():
    """And a tag of the instance remembers it, so that no later round takes it for healthy."""
    jobs = [job(7, "success", "RECREATE_DISKS"), job(8, "canceled", "SHUTDOWN REINSTALL STARTUP")]
    action = next_for(plain("web1", ONLINE, pending("reinstall", "7+8"), tag("reinstall")), jobs=jobs)
    assert "empty" in action.reason
    assert (action.kind.value, action.result, action.add) == ("finish", None, (behind_tag("uuid-web1-p", NOW),))


def test_a_leftover_is_removed_without_a_new_result():
    """Only the pending tags of the repair that has its result."""
    action = next_for(_well(pending(), pending(jobs="7"), ended("success", jobs="7")))
    assert (action.result, action.repair, sorted(action.remove)) == (None, None, sorted([pending(), pending(jobs="7")]))


def test_a_leftover_is_removed_before_a_new_repair_begins():
    """So that there are never two."""
    assert next_for(_broken(tag("failover"), pending(), ended("success"))).kind.value == "finish"


def test_a_pending_tag_beside_a_failure_goes_and_the_failure_stays():
    """Left over from a crash, it would come to life again when a person removes the failure."""
    action = next_for(_broken(ended("failure", jobs="7"), pending(jobs="7")), jobs=[BAD])
    assert (action.kind, action.result, action.remove) == (Kind.FINISH, None, (pending(jobs="7"),))
    after = next_for(_broken(ended("failure", jobs="7")), jobs=[BAD])
    assert after.command == f"gnt-instance remove-tags web1 {ended('failure', jobs='7')}"


def test_older_results_go_when_nothing_else_is_to_be_done():
    """A runner died between setting a result and removing the ones before it."""
    old, new = ended("success", repair="a", at=100), ended("success", repair="b", at=200)
    assert next_for(rbd("web1", ONLINE, old, new)).remove == (old,)
    assert next_for(rbd("web1", ONLINE, old, new, tag("suspend"))).kind is Kind.NONE
    assert next_for(rbd("web1", ONLINE, old, ended("failure", repair="b"))).kind is Kind.REPORT


def test_several_pending_repairs_are_worked_through_in_the_order_of_their_times():
    """Later ones stand untouched."""
    first, second = pending("fix-storage", repair="z", at=100), pending("failover", repair="a", at=101)
    action = next_for(_broken(first, second))
    assert (action.kind.value, action.result, action.remove) == ("finish", "enoperm", (first,))
    action = next_for(_broken(second, ended("enoperm", "fix-storage", repair="z", at=102)))
    assert (action.kind.value, action.repair.id) == ("submit", "a")


def test_a_repair_that_has_several_tags_is_one():
    """Left by a runner that died between adding and removing."""
    action = next_for(_broken(pending(), pending(jobs="7")), jobs=[job(7, "running", "FAILOVER")])
    assert (action.kind.value, action.repair.jobs) == ("wait", (7,))


def test_a_job_that_was_not_noted_any_more_is_waited_for():
    """Found by its reason: nothing is submitted twice."""
    action = next_for(_broken(pending()), jobs=[job(7, "queued", "FAILOVER", repair="r1")])
    assert (action.kind.value, action.repair.jobs) == ("wait", (7,))


def test_a_job_that_was_not_noted_and_has_ended_counts():
    """Its result is the repair's."""
    action = next_for(_well(pending()), jobs=[job(7, "success", "FAILOVER", repair="r1")])
    assert (action.result, action.repair.jobs) == ("success", (7,))


# --- enoperm --------------------------------------------------------------------------------------------------------

TRUE_STILL = [
    ("harep's: the type that is needed", ended("enoperm", "failover"), "report"),
    ("ours: a repair that went as far as it might", ended("enoperm", "fix-storage", jobs="7"), "report"),
    ("one that names another type", ended("enoperm", "reinstall"), "refuse"),
    ("one for less, which never began", ended("enoperm", "migrate"), "refuse"),
    ("one for more, which did", ended("enoperm", "reinstall", jobs="7"), "refuse"),
    ("another result", ended("success", "failover"), "refuse"),
]


@pytest.mark.parametrize(("text", "wanted"), [row[1:] for row in TRUE_STILL], ids=[row[0] for row in TRUE_STILL])
def test_an_enoperm_that_still_says_the_truth_is_not_written_again(text, wanted):
    """harep writes two jobs an instance and run for it, for ever."""
    action = next_for(_broken(tag("migrate"), text))
    assert action.kind.value == wanted
    if wanted == "refuse":
        assert (action.result, action.type.label, action.remove) == ("enoperm", "failover", (text,))


def test_more_permission_lets_a_repair_begin_though_enoperm_stands_there():
    """A result is no policy."""
    assert next_for(_broken(tag("failover"), ended("enoperm", "failover"))).kind.value == "submit"


def test_an_enoperm_of_a_healthy_instance_is_left():
    """Idempotence: no write for something that is over."""
    assert next_for(_well(tag("migrate"), ended("enoperm"))).kind.value == "none"


# --- waiting for resources ------------------------------------------------------------------------------------------

PAUSES = [(1, 60), (2, 120), (3, 240), (4, 480), (5, 960), (6, 1920), (7, 3600), (8, 3600), (30, 3600)]


def _after_tries(tries, since):
    """What comes next after so many jobs in a row without resources, the last of which ended C(since) seconds ago."""
    jobs = [no_room(number, at=NOW - since) for number in range(100, 100 + tries)]
    noted = "+".join(str(one.id) for one in jobs)
    return next_for(drbd("web1", ONLINE, OFFLINE, pending("fix-storage", noted)), jobs=jobs)


@pytest.mark.parametrize(("tries", "pause"), PAUSES, ids=[f"after {tries} tries {pause} s" for tries, pause in PAUSES])
def test_without_resources_it_waits_longer_each_time_up_to_an_hour(tries, pause):
    """Law 8: it waits and tries again; a moment before the pause is over it still waits."""
    early, due = _after_tries(tries, pause - 1), _after_tries(tries, pause)
    assert (early.kind.value, due.kind.value) == ("wait", "submit")
    assert "no room for it (not enough disk)" in early.reason
    assert f"tried again after {utc(NOW + 1)}" in early.reason


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
    action = next_for(_well(pending("fix-storage", "7")), jobs=[no_room(7, at=NOW)])
    assert (action.kind.value, action.result) == ("finish", None)


def test_a_job_without_an_end_does_not_wait_for_ever():
    """It waits a pause from now at most, and says until when; a round an hour later must be able to go on."""
    one = drbd("web1", ONLINE, OFFLINE, pending("fix-storage", "7"))
    rounds = [next_for(one, now=NOW + hours * 3600, jobs=[no_room(7, ended=None)]) for hours in range(3)]
    assert "submit" in [action.kind.value for action in rounds]


# --- trying again after an error ------------------------------------------------------------------------------------


def _after_failures(count, since, retries, operations="FAILOVER", one=None, **more):
    """What comes next after so many jobs in a row failed, the last of which ended C(since) seconds ago."""
    jobs = [
        job(number, "error", operations, error="it broke", ended=NOW - since, **more)
        for number in range(100, 100 + count)
    ]
    noted = "+".join(str(one.id) for one in jobs)
    one = one or _broken
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
    assert wanted != "wait" or action.reason.startswith(f"job {99 + count} failed (it broke); it is tried again after")


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
    ("a step of an instance that is well", _well, "FAILOVER", {}, "finish"),
    ("a job that was not one of ours", _broken, "REBOOT", {}, "finish"),
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
    assert next_for(_broken(pending(jobs="7")), jobs=jobs, retries=2).kind.value == "submit"


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
    assert wanted == "submit" or "though job 7 has just seen to it; looked at again after" in action.reason


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
        (job(7, "canceled", WHOLE, done=2), "job 7 was canceled by a person; so it is for a person"),
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


# --- the group ------------------------------------------------------------------------------------------------------


def test_an_instance_whose_group_is_not_known_is_left_alone():
    """The group may suspend it: what is not known must not allow more (law 7)."""
    one = replace(cluster(_broken(), tags=[tag("failover")]), groups={})
    assert not decide(case_of(one), one, NOW, unbraked()).kind.writes


def test_an_action_that_waits_carries_its_repair():
    """So that a report can say which."""
    action = next_for(_broken(pending(jobs="7")), node("other"), jobs=[job(7, "running", "FAILOVER")])
    assert (action.repair.id, action.type.label) == ("r1", "failover")


@pytest.mark.parametrize(("days", "result"), [(19, None), (21, "failure")])
def test_a_reinstall_whose_job_was_never_noted_and_may_be_forgotten(days, result):
    """The runner died behind the recreation, and nobody came for weeks: the disks may be empty. Before that its job
    would be known, so it never began."""
    action = next_for(rbd("web1", ONLINE, pending("reinstall", at=NOW - days * 86400)))
    assert (action.kind, action.result) == (Kind.FINISH, result)


RESERVED = [  # a reservation, on whatever, with whatever tags and jobs
    ("on nodes that are online", drbd("web1", ONLINE, ONLINE, forthcoming=True), {}),
    ("on a dead node", drbd("web1", OFFLINE, ONLINE, tag("reinstall"), forthcoming=True), {}),
    ("on a node that the cluster does not know", drbd("web1", None, OFFLINE, forthcoming=True), {}),
    ("of which nothing is known", placed("web1", "", OFFLINE, unread=("pnode", "uuid"), forthcoming=True), {}),
    ("suspended", rbd("web1", OFFLINE, tag("suspend"), forthcoming=True), {}),
    ("with a repair that failed", rbd("web1", OFFLINE, ended("failure"), forthcoming=True), {}),
    ("with a repair that was asked for", rbd("web1", OFFLINE, pending(), forthcoming=True), {}),
    ("with one whose job has ended", rbd("web1", OFFLINE, pending(jobs="7"), forthcoming=True), {"jobs": [DONE]}),
    ("with tags that are left over", rbd("web1", ONLINE, ended("success"), pending(), forthcoming=True), {}),
    ("with tags that can't be read", rbd("web1", ONLINE, tag("pending:x"), tag("x"), forthcoming=True), {}),
]


@pytest.mark.parametrize(("one", "more"), [row[1:] for row in RESERVED], ids=[row[0] for row in RESERVED])
def test_a_reservation_is_left_alone(one, more):
    """Whatever the tags allow, nothing is written to it."""
    action = next_for(one, **({"tags": [tag("reinstall")]} | more))
    assert (action.kind, action.why, action.writes) == (Kind.NONE, Why.FORTHCOMING, False)
    assert action.reason.startswith("it is forthcoming: a reservation, and no instance yet")
    plan = plan_of(cluster(one, tags=[tag("reinstall")], **more))
    assert not plan.writes and not is_left(plan)


def test_a_reservation_s_suspend_is_not_lifted():
    """That would be a write to it."""
    assert plan_of(cluster(rbd("web1", OFFLINE, tag("suspend:1")))).upkeep
    assert not plan_of(cluster(rbd("web1", OFFLINE, tag("suspend:1"), forthcoming=True))).upkeep


@pytest.mark.parametrize(("whose", "canceled"), [("r1", (7,)), ("", ())], ids=["ours", "harep's"])
def test_only_a_job_of_ours_is_canceled_when_it_is_not_needed_any_more(whose, canceled):
    """What harep has begun, and named in its tag, is harep's."""
    jobs = [job(7, "queued", "FAILOVER", repair=whose)]
    action = next_for(_well(pending(jobs="7")), jobs=jobs)
    assert (action.kind.value, action.cancel) == ("finish" if canceled else "wait", canceled)
