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
    rbd,
    steps,
    tag,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.decide import decide
from ansible_collections.ganeti.autorepair.plugins.module_utils.model import utc

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
        "it is healthy, though its last job has left the queue",
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
        "job 9 (INSTANCE_REBOOT INSTANCE_STARTUP) is under way",
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


def test_a_canceled_job_writes_no_result_and_keeps_the_older_ones():
    """It is a person's word, not a failure."""
    old = ended("success", repair="r0", at=50)
    action = next_for(_broken(pending(jobs="7"), old), jobs=[job(7, "canceled", "FAILOVER")])
    assert (action.kind.value, action.result, action.remove) == ("finish", None, (pending(jobs="7"),))


def test_a_reinstall_that_was_canceled_says_that_the_disks_are_empty():
    """The next round takes the instance for healthy, so this is the last that a person hears of it."""
    jobs = [job(7, "success", "RECREATE_DISKS"), job(8, "canceled", "SHUTDOWN REINSTALL STARTUP")]
    action = next_for(plain("web1", ONLINE, pending("reinstall", "7+8"), tag("reinstall")), jobs=jobs)
    assert action.kind.value == "report" or "empty" in action.reason


def test_a_leftover_is_removed_without_a_new_result():
    """Only the pending tags of the repair that has its result."""
    action = next_for(_well(pending(), pending(jobs="7"), ended("success", jobs="7")))
    assert (action.result, action.repair, sorted(action.remove)) == (None, None, sorted([pending(), pending(jobs="7")]))


def test_a_leftover_is_removed_before_a_new_repair_begins():
    """So that there are never two."""
    assert next_for(_broken(tag("failover"), pending(), ended("success"))).kind.value == "finish"


def test_the_command_for_a_failure_removes_every_tag_of_the_repair():
    """A pending tag left over from a crash would come to life again when only the result's tag goes."""
    action = next_for(_broken(ended("failure", jobs="7"), pending(jobs="7")), jobs=[BAD])
    command = action.reason.partition("gnt-instance remove-tags web1 ")[2].split()
    assert sorted(command) == sorted([ended("failure", jobs="7"), pending(jobs="7")])


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
    assert (action.kind.value, action.result) == ("finish", "success")


def test_a_job_without_an_end_does_not_wait_for_ever():
    """It waits a pause from now at most, and says until when; a round an hour later must be able to go on."""
    one = drbd("web1", ONLINE, OFFLINE, pending("fix-storage", "7"))
    rounds = [next_for(one, now=NOW + hours * 3600, jobs=[no_room(7, ended=None)]) for hours in range(3)]
    assert "submit" in [action.kind.value for action in rounds]


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
    assert not decide(case_of(one), one, NOW).kind.writes


def test_an_action_that_waits_carries_its_repair():
    """So that a report can say which."""
    action = next_for(_broken(pending(jobs="7")), node("other"), jobs=[job(7, "running", "FAILOVER")])
    assert (action.repair.id, action.type.label) == ("r1", "failover")
