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
    pending,
    placed,
    plain,
    plan_of,
    rbd,
    steps,
    tag,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import has_more_work
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.action import ActionKind
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.decide import decide
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from unbraked import unbraked

DONE = job(7, "success", "FAILOVER")
BAD = job(7, "error", "FAILOVER", error="it broke")


def broken(*tags, **more):
    """A mirrored instance on a dead primary: it needs failover, then fix-storage."""
    return drbd("web1", OFFLINE, ONLINE, *tags, **more)


def well(*tags, **more):
    return drbd("web1", ONLINE, ONLINE, *tags, **more)


# sentence, the instance, what else is in the cluster, action, a part of the reason
TABLE = [
    # no repair pending
    ("a healthy instance is left alone", well(), {}, "none", "healthy"),
    ("a broken one without permission is reported", broken(), {}, "report", "no tag allows a repair"),
    ("a broken one with permission is repaired", broken(tag("failover")), {}, "submit", "primary web1-p is offline"),
    (
        "with too little permission it is refused",
        broken(tag("migrate")),
        {},
        "refuse",
        "failover is needed, but its own tag allows migrate",
    ),
    (
        "the refusal names the object that limits",
        broken(),
        {"tags": [tag("migrate")]},
        "refuse",
        "the tag of its cluster allows migrate",
    ),
    ("a limit that can't be read is told", broken(tag("Failover")), {}, "report", "Failover is not a repair type"),
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
        broken(tag("failover")),
        {"jobs": [job(9, "running", "REBOOT")]},
        "wait",
        "job 9 (INSTANCE_REBOOT) is in progress",
    ),
    (
        "also before a refusal is written",
        broken(tag("migrate")),
        {"jobs": [job(9, "running", "REBOOT")]},
        "wait",
        "job 9",
    ),
    ("not by a healthy one", well(), {"jobs": [job(9, "running", "REBOOT")]}, "none", "healthy"),
    ("nor for a report", broken(), {"jobs": [job(9, "running", "REBOOT")]}, "report", "no tag allows"),
    # suspended
    ("suspended and well is fine", well(tag("suspend")), {}, "none", "suspended, and healthy"),
    (
        "suspended and broken is held",
        broken(tag("suspend")),
        {},
        "hold",
        "primary web1-p is offline; suspended by its instance until the suspend tag is removed",
    ),
    ("until a time", broken(tag("suspend:1900000000")), {}, "hold", "until 2030-03-17T17:46:40Z"),
    ("by its group", broken(), {"group_tags": {"default": [tag("suspend")]}}, "hold", "suspended by its group"),
    ("suspended and unknown is held", plain("web1", UNKNOWN, tag("suspend")), {}, "hold", "web1-p is not known"),
    (
        "a pending repair is held too",
        well(pending(jobs="7"), tag("suspend")),
        {"jobs": [DONE]},
        "hold",
        "a repair is pending",
    ),
    ("even one that failed", broken(pending(jobs="7"), tag("suspend")), {"jobs": [BAD]}, "hold", "suspended"),
    (
        "a suspend that can't be read holds and is told",
        broken(tag("suspend:soon")),
        {},
        "hold",
        "soon is not a timestamp",
    ),
    ("and is told of a healthy one as well", well(tag("suspend:soon")), {}, "report", "soon is not a timestamp"),
    # failed, unreadable
    (
        "a failed repair needs a person",
        broken(ended("failure"), tag("failover")),
        {},
        "report",
        f"gnt-instance remove-tags web1 {ended('failure')}",
    ),
    ("also of a healthy one", well(ended("failure")), {}, "report", "its failover repair failed"),
    ("the job's error is told", broken(ended("failure", jobs="7")), {"jobs": [BAD]}, "report", "(it broke)"),
    ("else the job's number", broken(ended("failure", jobs="6+7")), {}, "report", "(see job 7)"),
    (
        "also where the job says nothing",
        broken(ended("failure", jobs="6+7")),
        {"jobs": [job(7, "error", "FAILOVER")]},
        "report",
        "(see job 7)",
    ),
    ("a failure comes before a suspend", broken(ended("failure"), tag("suspend")), {}, "report", "failed"),
    (
        "a pending tag that can't be read is reported",
        broken(tag("pending:x"), tag("failover")),
        {},
        "report",
        "correct it or remove it",
    ),
    ("a result tag too", broken(tag("result:x"), tag("failover")), {}, "report", "correct it or remove it"),
    ("also of a healthy instance", well(tag("pending:x")), {}, "report", "correct it or remove it"),
    ("also beside a readable one", broken(tag("pending:x"), pending()), {}, "report", "correct it"),
    # a repair is pending
    (
        "its job is waited for",
        broken(pending(jobs="7")),
        {"jobs": [job(7, "running", "FAILOVER")]},
        "wait",
        "job 7 (INSTANCE_FAILOVER) is in progress",
    ),
    ("one asked for from outside begins", broken(pending()), {}, "submit", "primary web1-p is offline"),
    (
        "one that came since is waited for",
        broken(pending()),
        {"unseen": True},
        "wait",
        "while the cluster was being read",
    ),
    (
        "somebody else's job is waited for too",
        broken(pending()),
        {"jobs": [job(9, "running", "REBOOT")]},
        "wait",
        "job 9",
    ),
    ("well, and the job too: success", well(pending(jobs="7")), {"jobs": [DONE]}, "finish", "it is healthy"),
    (
        "the job ended well, but it is not: it goes on",
        drbd("web1", ONLINE, OFFLINE, pending(jobs="7")),
        {"jobs": [DONE]},
        "submit",
        "secondary web1-s is offline",
    ),
    ("a failed job ends it", broken(pending(jobs="7")), {"jobs": [BAD]}, "finish", "job 7 failed: it broke"),
    ("be it well or not", well(pending(jobs="7")), {"jobs": [BAD]}, "finish", "job 7 failed: it broke"),
    (
        "a canceled job ends it",
        broken(pending(jobs="7")),
        {"jobs": [job(7, "canceled", "FAILOVER")]},
        "finish",
        "job 7 was canceled by a person",
    ),
    (
        "a job that is gone, and it is well",
        well(pending(jobs="7")),
        {},
        "finish",
        "its jobs have left the queue, so the repair ends without a result",
    ),
    (
        "a job that is gone, and it is not: it goes on",
        broken(pending(jobs="7")),
        {},
        "submit",
        "primary web1-p is offline",
    ),
    (
        "a job of a reinstall that is gone",
        plain("web1", ONLINE, pending("reinstall", "7")),
        {},
        "finish",
        "it is not known whether",
    ),
    (
        "a lesser permission than it takes ends it",
        broken(pending("migrate")),
        {},
        "finish",
        "failover is needed, but the repair may only do migrate",
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
        broken(pending("failover", "7"), tag("fix-storage")),
        {"jobs": [job(7, "success", "REPLACE_DISKS")]},
        "submit",
        "offline",
    ),
    # crash leftovers
    ("a pending tag beside its result is removed", well(pending(), ended("success")), {}, "finish", "left over"),
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


def test_a_noted_job_is_waited_for_whatever_it_says_of_itself():
    """Its instance may not be readable in it, and an older job may have left the queue."""
    action = next_for(broken(pending(jobs="6+7")), jobs=[job(7, "running", "FAILOVER", instance="")])
    assert (action.kind.value, action.reason) == ("wait", "job 7 (INSTANCE_FAILOVER) is in progress")


# --- the repair that begins -----------------------------------------------------------------------------------------

BEGINS = [
    ("the whole way", broken(tag("failover")), "failover", ["failover", "replace-disks"]),
    ("more permission changes nothing", broken(tag("reinstall")), "failover", ["failover", "replace-disks"]),
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
    action = next_for(broken(tag("failover"), ended("success", repair="old"), ended("enoperm", repair="older")))
    assert (action.kind.value, action.remove) == ("submit", ())


# --- the repair that ends -------------------------------------------------------------------------------------------


def test_several_pending_repairs_are_worked_through_in_the_order_of_their_times():
    """Later ones stand untouched."""
    first, second = pending("fix-storage", repair="z", at=100), pending("failover", repair="a", at=101)
    action = next_for(broken(first, second))
    assert (action.kind.value, action.result, action.remove) == ("finish", "enoperm", (first,))
    action = next_for(broken(second, ended("enoperm", "fix-storage", repair="z", at=102)))
    assert (action.kind.value, action.repair.id) == ("submit", "a")


def test_a_repair_that_has_several_tags_is_one():
    """Left by a runner that died between adding and removing."""
    action = next_for(broken(pending(), pending(jobs="7")), jobs=[job(7, "running", "FAILOVER")])
    assert (action.kind.value, action.repair.jobs) == ("wait", (7,))


def test_a_job_that_was_not_noted_any_more_is_waited_for():
    """Found by its reason: nothing is submitted twice."""
    action = next_for(broken(pending()), jobs=[job(7, "queued", "FAILOVER", repair="r1")])
    assert (action.kind.value, action.repair.jobs) == ("wait", (7,))


def test_a_job_that_was_not_noted_and_has_ended_counts():
    """Its result is the repair's."""
    action = next_for(well(pending()), jobs=[job(7, "success", "FAILOVER", repair="r1")])
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
    action = next_for(broken(tag("migrate"), text))
    assert action.kind.value == wanted
    if wanted == "refuse":
        assert (action.result, action.type.label, action.remove) == ("enoperm", "failover", (text,))


def test_more_permission_lets_a_repair_begin_though_enoperm_stands_there():
    """A result is no policy."""
    assert next_for(broken(tag("failover"), ended("enoperm", "failover"))).kind.value == "submit"


def test_an_enoperm_of_a_healthy_instance_is_left():
    """Idempotence: no write for something that is over."""
    assert next_for(well(tag("migrate"), ended("enoperm"))).kind.value == "none"


# --- the group ------------------------------------------------------------------------------------------------------


def test_an_instance_whose_group_is_not_known_is_left_alone():
    """The group may suspend it: what is not known must not allow more (law 7)."""
    one = replace(cluster(broken(), tags=[tag("failover")]), groups={})
    assert not decide(case_of(one), one, NOW, unbraked()).kind.writes


@pytest.mark.parametrize(("days", "result"), [(19, None), (21, "failure")])
def test_a_reinstall_whose_job_was_never_noted_and_may_be_forgotten(days, result):
    """The runner died behind the recreation, and nobody came for weeks: the disks may be empty. Before that its job
    would be known, so it never began."""
    action = next_for(rbd("web1", ONLINE, pending("reinstall", at=NOW - days * 86400)))
    assert (action.kind, action.result) == (ActionKind.FINISH, result)


RESERVED = [  # a reservation, on whatever, with whatever tags and jobs
    ("on nodes that are online", drbd("web1", ONLINE, ONLINE, forthcoming=True), {}),
    ("on a dead node", drbd("web1", OFFLINE, ONLINE, tag("reinstall"), forthcoming=True), {}),
    ("on a node that the cluster does not know", drbd("web1", None, OFFLINE, forthcoming=True), {}),
    ("of which nothing is known", placed("web1", "", OFFLINE, missing_fields=("pnode", "uuid"), forthcoming=True), {}),
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
    assert (action.kind, action.why, action.writes) == (ActionKind.NONE, Reason.FORTHCOMING, False)
    assert action.reason.startswith("it is forthcoming: a reservation, not an instance yet")
    plan = plan_of(cluster(one, tags=[tag("reinstall")], **more))
    assert not plan.writes and not has_more_work(plan)


def test_a_reservation_s_suspend_is_not_lifted():
    """That would be a write to it."""
    assert plan_of(cluster(rbd("web1", OFFLINE, tag("suspend:1")))).upkeep
    assert not plan_of(cluster(rbd("web1", OFFLINE, tag("suspend:1"), forthcoming=True))).upkeep
