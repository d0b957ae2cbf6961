# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases: what a page knows of an instance, and in which words."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils.builders import (
    NOW,
    OFFLINE,
    ONLINE,
    Placed,
    cluster,
    drbd,
    ended,
    job,
    pending,
    plan_of,
    tag,
)
from unit.plugins.module_utils.scenes import night

from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.page.cases import (
    CaseView,
    JobView,
    Known,
    RepairView,
    case_views,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.page.parts import EXPLAINED, moment
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import facts
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import Look, report_of

PROD, LAB = Look("prod", night()), Look("lab", None, "no route")


def named(name: str, *looks: Look, of_all: bool = False) -> CaseView:
    """The instance of that name."""
    (found,) = [case for case in case_views(report_of(looks, NOW), of_all) if case.name == f"{name}.example.com"]
    return found


def known(member: Placed, **more: Any) -> Known:
    """What is known of the only instance of a cluster."""
    (case,) = case_views(report_of([Look("prod", facts(plan_of(cluster(member, **more))))], NOW), of_all=False)
    assert case.known
    return case.known


def test_a_case_on_the_page_of_one_and_of_all() -> None:
    """It is found by its group and nodes there, by its cluster here; its id tells the clusters apart."""
    mail = named("mail", PROD)
    assert (mail.id, mail.cluster, mail.group, mail.on) == ("i0-6", None, 1, "4 6")
    mail = named("mail", LAB, PROD, of_all=True)
    assert (mail.id, mail.cluster, mail.group, mail.on) == ("i1-6", 1, None, "")


def test_of_which_there_is_something_to_say() -> None:
    """Of those that are not healthy; a healthy one has nothing to open."""
    cases = case_views(report_of([PROD, LAB], NOW), of_all=True)
    assert [case.name for case in cases if (case.known is None) != (case.badge.state == "healthy")] == []


def test_a_healthy_one_that_was_repaired() -> None:
    """Its repair is something to say."""
    assert known(drbd("web1", ONLINE, ONLINE, ended("success"))).repair == RepairView(
        "failover", "r1", "ended as success", moment(200)
    )


def test_a_failure() -> None:
    """The command stands by itself, after what is said of it."""
    db1 = named("db1", PROD)
    assert (db1.badge.words, db1.attention, db1.why) == ("repair failed", "person", "repair_failed")
    assert db1.since == moment(NOW - 7200)
    assert db1.known
    assert db1.known.words.endswith("; once it has been investigated:")
    assert db1.known.command.startswith("gnt-instance remove-tags db1.example.com ")
    assert db1.known.reason == EXPLAINED["repair_failed"]
    assert db1.known.jobs == [
        JobView("4702 (INSTANCE_FAILOVER): error", None, "Disk 0 on node2.example.com is degraded"),
    ]


def test_a_repair_under_way() -> None:
    """Each step says how far it is, each job what became of it."""
    web1 = known(
        drbd("web1", OFFLINE, ONLINE, tag("failover"), pending(jobs="7+8", at=100)),
        jobs=[job(8, "running", "FAILOVER")],
    )
    assert web1.repair == RepairView("failover", "r1", "began", moment(100))
    assert [step.words for step in web1.steps] == ["under way, job 8", "to come"]
    assert [one.words for one in web1.jobs] == ["7: no longer in the queue", "8 (INSTANCE_FAILOVER): running"]


ALLOWED = [
    ((tag("failover"),), "up to failover, by the tags of its instance"),
    ((), "nothing: no tag allows a repair"),
    ((tag("suspend"),), "nothing: suspended, by the tags of its instance"),
    ((tag(f"suspend:{NOW + 60}"),), "nothing: suspended until 2027-01-15T08:01:00Z, by the tags of its instance"),
]


@pytest.mark.parametrize(("tags", "words"), ALLOWED, ids=lambda one: str(one)[:60])
def test_what_is_allowed(tags: tuple[str, ...], words: str) -> None:
    """By which tags, and until when not."""
    assert known(drbd("web1", OFFLINE, ONLINE, *tags)).allowed == words


@pytest.mark.parametrize(
    ("own", "group", "decides"),
    [((tag("failover"),), (), "instance"), ((), (tag("failover"),), "group"), ((), (), "cluster")],
)
def test_whose_tags_decide(own: tuple[str, ...], group: tuple[str, ...], decides: str) -> None:
    """Those of the instance before those of its group, and of the cluster last."""
    found = known(drbd("web1", OFFLINE, ONLINE, *own), group_tags={"default": group}, tags=[tag("failover"), "other"])
    assert [one.kind for one in found.tagged if one.decides] == [decides]
    assert [list(one.tags) for one in found.tagged] == [list(own), list(group), [tag("failover")]]


@pytest.mark.parametrize(("tags", "next_round"), [((tag("failover"),), True), ((), False)])
def test_whether_the_next_round_does_something(tags: tuple[str, ...], next_round: bool) -> None:
    """If tags allow it."""
    assert known(drbd("web1", OFFLINE, ONLINE, *tags)).next_round is next_round


@pytest.mark.parametrize(("state", "words"), [("up", "running"), ("down", "stopped"), ("offline", "offline")])
def test_what_is_wanted(state: str, words: str) -> None:
    """Ganeti's state, as people call it."""
    assert known(drbd("web1", OFFLINE, ONLINE, admin_state=state)).wanted == words
