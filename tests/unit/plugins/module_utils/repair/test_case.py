# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""State: harep's names, and which of several holds (design, section 4); jobs of others on an instance."""

from __future__ import annotations

import sys

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
    node,
    pending,
    plain,
    tag,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.case import State, cases_at

STATES = [
    ("all is well", drbd("web1", ONLINE, ONLINE), "healthy"),
    ("all is well, and repairs are allowed", drbd("web1", ONLINE, ONLINE, tag("failover")), "healthy"),
    ("a repair has succeeded", drbd("web1", ONLINE, ONLINE, ended("success")), "healthy"),
    ("a repair was not allowed, and it is well now", drbd("web1", ONLINE, ONLINE, ended("enoperm")), "healthy"),
    ("broken and nothing allowed", drbd("web1", OFFLINE, ONLINE), "repair_disallowed"),
    ("broken and less allowed than it takes", drbd("web1", OFFLINE, ONLINE, tag("migrate")), "repair_disallowed"),
    (
        "the first step is allowed, the others not",
        drbd("web1", DRAINED, OFFLINE, tag("fix-storage")),
        "repair_disallowed",
    ),
    ("no repair keeps the data safe", plain("web1", DRAINED, tag("reinstall")), "repair_disallowed"),
    ("not known", plain("web1", UNKNOWN, tag("reinstall")), "repair_disallowed"),
    ("broken and just enough allowed", drbd("web1", OFFLINE, ONLINE, tag("failover")), "needs_repair"),
    ("broken and more allowed", drbd("web1", OFFLINE, ONLINE, tag("reinstall")), "needs_repair"),
    ("a repair is pending", drbd("web1", OFFLINE, ONLINE, pending()), "pending_repair"),
    ("a repair is pending on a healthy one", drbd("web1", ONLINE, ONLINE, pending()), "pending_repair"),
    ("pending beats what is allowed", drbd("web1", OFFLINE, ONLINE, pending(), tag("failover")), "pending_repair"),
    (
        "a pending tag beside its result is left over",
        drbd("web1", ONLINE, ONLINE, pending(), ended("success")),
        "healthy",
    ),
    (
        "one repair ended, the next pending",
        drbd("web1", ONLINE, ONLINE, ended("success", repair="a"), pending()),
        "pending_repair",
    ),
    ("a suspend beats a pending repair", drbd("web1", OFFLINE, ONLINE, pending(), tag("suspend")), "suspended"),
    ("a suspend holds a healthy one too", drbd("web1", ONLINE, ONLINE, tag("suspend")), "suspended"),
    ("an expired suspend does not", drbd("web1", ONLINE, ONLINE, tag(f"suspend:{NOW}")), "healthy"),
    ("a failure beats a suspend", drbd("web1", ONLINE, ONLINE, ended("failure"), tag("suspend")), "repair_failed"),
    (
        "a failure beats a pending repair",
        drbd("web1", OFFLINE, ONLINE, ended("failure", repair="b"), pending()),
        "repair_failed",
    ),
    (
        "a failure beats a later success",
        drbd("web1", ONLINE, ONLINE, ended("failure", at=1), ended("success", repair="b", at=2)),
        "repair_failed",
    ),
]


@pytest.mark.parametrize(("one", "wanted"), [row[1:] for row in STATES], ids=[row[0] for row in STATES])
def test_an_instance_has_the_first_state_that_holds(one, wanted):
    """The design's order."""
    assert case_of(cluster(one)).state.value == wanted


def test_the_names_are_harep_s_in_the_design_s_order():
    """Users know them."""
    assert [state.value for state in State] == [
        "repair_failed", "suspended", "pending_repair", "repair_disallowed", "needs_repair", "healthy",
    ]  # fmt: skip


def test_the_earliest_failure_counts():
    """By its time, not by its id."""
    texts = [
        ended("failure", repair="a", at=300),
        ended("failure", repair="b", at=200),
        ended("success", repair="c", at=1),
    ]
    assert case_of(cluster(drbd("web1", ONLINE, ONLINE, *texts))).failure.id == "b"


def test_of_several_pending_repairs_the_earliest_is_followed():
    """By its time, not by its id."""
    case = case_of(cluster(drbd("web1", OFFLINE, ONLINE, pending(repair="a", at=300), pending(repair="b", at=200))))
    assert case.pending.id == "b"


def test_the_group_is_that_of_the_primary():
    """And its tags are those that count."""
    one = cluster(
        drbd("web1", OFFLINE, ONLINE, group="rack1"),
        drbd("web2", OFFLINE, ONLINE, group="rack2"),
        group_tags={"rack1": [tag("suspend")], "rack2": [tag("failover")]},
        tags=[tag("migrate")],
    )
    assert [(case.group, case.state.value) for case in cases_at(one, NOW)] == [
        ("rack1", "suspended"),
        ("rack2", "needs_repair"),
    ]


BUSY = [
    ("a job with its full name", "web1.example.com", "running", True),
    ("a job with its short name", "web1", "queued", True),
    ("a job with part of its domain", "web1.example", "waiting", True),
    ("a job that is being canceled", "web1", "canceling", True),
    ("a job in a status that is not known", "web1", "pondering", True),
    ("a job that has ended well", "web1", "success", False),
    ("a job that has failed", "web1", "error", False),
    ("a job that was canceled", "web1", "canceled", False),
    ("a job on another instance", "web10.example.com", "running", False),
    ("a job on one whose name begins alike", "web10", "running", False),
    ("a job on part of a label", "we", "running", False),
    ("a job without an instance", "", "running", False),
]


@pytest.mark.parametrize(("name", "status", "wanted"), [row[1:] for row in BUSY], ids=[row[0] for row in BUSY])
def test_an_instance_is_busy_while_somebody_s_job_on_it_is_unfinished(name, status, wanted):
    """People may have given its name without the domain, as Ganeti allows."""
    members = [drbd(full, ONLINE, ONLINE) for full in ("web1.example.com", "web10.example.com")]
    one = cluster(*members, jobs=[job(7, status, "REBOOT", name)])
    assert [busy.id for busy in case_of(one).unfinished_jobs] == [7] * wanted


def test_a_name_that_is_one_instance_s_whole_name_is_no_other_s_short_one():
    """web1 is not web1.example.com where both exist."""
    one = cluster(drbd("web1", ONLINE, ONLINE), drbd("web1.a", ONLINE, ONLINE), jobs=[job(7, "running", "REBOOT")])
    assert [len(case.unfinished_jobs) for case in cases_at(one, NOW)] == [1, 0]


SHORT = [
    ("the first label", ["web"], ["web.a", "web.b"]),
    ("two labels", ["db.a"], ["db.a.b", "db.a.c"]),
    ("the same instance twice", ["db", "db.a"], ["db.a.b", "db.a.c"]),
    ("a whole name beside a short one", ["web.a", "db"], ["web.a"]),
    ("a short name of one and nothing else", ["db.a.b", "web"], ["db.a.b"]),
    ("nobody's", ["w", "web.", "", "a", "web.a.b"], []),
]


@pytest.mark.parametrize(("names", "wanted"), [row[1:] for row in SHORT], ids=[row[0] for row in SHORT])
def test_the_instances_that_a_job_names_without_a_domain(names, wanted):
    """A name that is whole is nobody else's, and where one is, the short ones beside it are not looked for."""
    members = [drbd(full, ONLINE, ONLINE) for full in ("web.a", "web.b", "db.a.b", "db.a.c")]
    jobs = [job(7, "running", "REBOOT", instances=tuple(names))]
    found = cases_at(cluster(*members, jobs=jobs), NOW)
    assert {
        case.instance.name: [busy.id for busy in case.unfinished_jobs] for case in found if case.unfinished_jobs
    } == {name: [7] for name in wanted}


@pytest.mark.parametrize("given", ["", "web{}", "web{}.a", "gone{}"])
def test_the_work_grows_with_instances_and_jobs_and_not_with_their_product(given):
    """A queue may hold a job for each of thousands of instances, or for none of them; here calls are counted."""

    def calls(size):
        members = [drbd(f"web{number}.a", ONLINE, ONLINE) for number in range(size)]
        jobs = [job(number + 1, "running", "REBOOT", given.format(number)) for number in range(size)]
        large, events = cluster(*members, jobs=jobs), []
        sys.setprofile(lambda _frame, event, _arg: events.append(event))
        try:
            cases_at(large, NOW)
        finally:
            sys.setprofile(None)
        return len(events)

    assert calls(200) < 11 * calls(20)


def test_two_jobs_on_one_instance_are_both_told():
    """In the order of the queue."""
    jobs = [job(7, "running", "REBOOT"), job(9, "queued", "MIGRATE")]
    assert [busy.id for busy in case_of(cluster(drbd("web1", ONLINE, ONLINE), jobs=jobs)).unfinished_jobs] == [7, 9]


def test_an_unreadable_pending_or_result_tag_is_unread_and_others_are_not():
    """Policy tags that can't be read are the policy's business."""
    texts = [tag("pending:x"), tag("result:x"), tag("suspend:x"), tag("x")]
    assert [bad.tag for bad in case_of(cluster(drbd("web1", ONLINE, ONLINE, *texts))).malformed_tags] == texts[:2]


def test_an_instance_on_a_node_that_is_not_there_has_no_group():
    """Its health says so; the group's tags can't be asked."""
    assert case_of(cluster(drbd("web1", None, ONLINE), node("other"))).group == ""
