# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Summary: what a report says of an instance, of a cluster, and of those that could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    NOW,
    OFFLINE,
    ONLINE,
    Placed,
    cluster,
    drbd,
    ended,
    job,
    pending,
    plain,
    plan_of,
    rbd,
    tag,
)
from unit.plugins.module_utils.scenes import large, night

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import facts
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import (
    Look,
    part_of,
    report_of,
    without_healthy,
)


def told(*members: Placed, **more: Any) -> Mapping[str, Any]:
    """What a report says of the first instance of such a cluster."""
    seen = facts(plan_of(cluster(*members, **more)))
    one: Mapping[str, Any] = report_of([Look("prod", seen)], NOW)["clusters"][0]["seen"]["instances"][0]
    return one


MAY = tag("failover")
FAILED = job(7, "error", "FAILOVER", error="no")
ATTENTION = [  # what is so; whom it asks for; the steps; what a person can run
    ("it is healthy", drbd("web1", ONLINE, ONLINE), [], None, [], None),
    (
        "a round will repair it",
        drbd("web1", OFFLINE, ONLINE, MAY),
        [],
        "repair",
        ["failover to_come", "replace-disks to_come"],
        None,
    ),
    (
        "a step is under way",
        drbd("web1", OFFLINE, ONLINE, pending(jobs="7")),
        [job(7, "running", "FAILOVER")],
        "repair",
        ["failover running 7", "replace-disks to_come"],
        None,
    ),
    (
        "a step is done, and the next under way",
        drbd("web1", ONLINE, OFFLINE, pending(jobs="7+8")),
        [job(7, "success", "FAILOVER", ended=NOW - 90.0), job(8, "running", "REPLACE_DISKS")],
        "repair",
        ["failover done 7", "replace-disks running 8"],
        None,
    ),
    (
        "it failed",
        drbd("web1", OFFLINE, ONLINE, ended("failure", jobs="7")),
        [FAILED],
        "person",
        ["failover failed 7"],
        f"gnt-instance remove-tags web1 {ended('failure', jobs='7')}",
    ),
    (
        "it is not allowed",
        drbd("web1", OFFLINE, ONLINE),
        [],
        "person",
        ["failover not_allowed", "replace-disks not_allowed"],
        f"gnt-instance add-tags web1 {tag('failover')}",
    ),
    (
        "the second step is not allowed",
        drbd("web1", DRAINED, OFFLINE, tag("fix-storage")),
        [],
        "repair",
        ["replace-disks to_come", "migrate not_allowed", "replace-disks not_allowed"],
        None,
    ),
    (
        "the last copy is drained",
        drbd("web1", OFFLINE, DRAINED, MAY),
        [],
        "person",
        None,
        "gnt-node modify --drained=no web1-s",
    ),
    ("it can't be moved safely", plain("web1", DRAINED, MAY), [], "person", [], "gnt-instance move -n NODE web1"),
    ("it is suspended", rbd("web1", OFFLINE, tag("suspend")), [], "hold", ["failover to_come"], None),
    ("it is suspended and healthy", rbd("web1", ONLINE, tag("suspend")), [], None, [], None),
    (
        "somebody else's job is on it",
        rbd("web1", OFFLINE, MAY),
        [job(9, "running", "REBOOT")],
        "hold",
        ["failover to_come"],
        None,
    ),
    (
        "its name could be run by a shell",
        rbd("web1;reboot", OFFLINE),
        [],
        "person",
        ["failover not_allowed"],
        None,
    ),
]


@pytest.mark.parametrize(
    ("case", "member", "jobs", "asks", "steps", "command"), ATTENTION, ids=lambda one: str(one)[:40]
)
def test_one_instance(
    case: str, member: Placed, jobs: list[Any], asks: str | None, steps: list[str] | None, command: str | None
) -> None:
    """Whom it asks for, how far its repair is, and what a person can run."""
    one = told(member, jobs=jobs)
    assert (one["attention"], one["command"]) == (asks, command), one
    found = [" ".join(str(part) for part in step.values() if part is not None) for step in one["steps"]]
    assert steps is None or found == steps


SINCE = [
    ("a pending repair: since it began", drbd("web1", OFFLINE, ONLINE, pending(at=100)), 100),
    ("a failure: since it failed", drbd("web1", OFFLINE, ONLINE, ended("failure", at=200)), 200),
    ("a success of old: since the node was marked", rbd("web1", OFFLINE, ended("success", at=200)), None),
    ("healthy: no matter", rbd("web1", ONLINE), None),
]


@pytest.mark.parametrize(("case", "member", "since"), SINCE, ids=lambda one: str(one)[:30])
def test_since_when(case: str, member: Placed, since: int | None) -> None:
    """Of its repair, or of its nodes."""
    assert told(member)["since"] == since


def test_since_the_first_node_was_marked() -> None:
    """Git's primary has died nine minutes ago, but its secondary has been drained since yesterday."""
    instances = report_of([Look("prod", night())], NOW)["clusters"][0]["seen"]["instances"]
    found = {one["name"].partition(".")[0]: one["since"] for one in instances}
    assert (found["git"], found["shop"], found["app1"]) == (NOW - 26 * 3600, NOW - 540, None)


def test_the_numbers() -> None:
    """Each instance is counted once among those that ask for something, and each name is there, if with 0."""
    seen = report_of([Look("prod", night())], NOW)["clusters"][0]["seen"]
    counts = seen["counts"]
    assert counts["states"] == {
        "healthy": 14,
        "suspended": 1,
        "needs_repair": 5,
        "repair_disallowed": 2,
        "pending_repair": 2,
        "repair_failed": 1,
    }
    assert counts["attention"] == {"person": 4, "repair": 6, "hold": 1}
    assert sum(counts["states"].values()) == len(seen["instances"]) == 25
    assert counts["pending"] == {"fix-storage": 0, "migrate": 0, "failover": 2, "reinstall": 0}
    assert counts["failed"]["failover"] == 1
    assert counts["nodes"] == {"online": 6, "drained": 1, "offline": 2, "unknown": 0}
    assert set(counts["reasons"]) == {why.value for why in Reason}
    assert (seen["oldest_pending"], seen["oldest_failure"]) == (NOW - 420, NOW - 7200)
    held = {node["name"].partition(".")[0]: (node["primaries"], node["secondaries"]) for node in seen["nodes"]}
    assert (held["node1"], held["node3"], held["node9"]) == ((8, 0), (4, 1), (0, 0))


def test_those_that_need_somebody_come_first() -> None:
    """Then those under repair, those on hold, and the rest."""
    instances = report_of([Look("prod", night())], NOW)["clusters"][0]["seen"]["instances"]
    order = ["person", "repair", "hold", None]
    found = [order.index(one["attention"]) for one in instances]
    assert found == sorted(found)


def test_all_clusters_together() -> None:
    """Healthy instances are left out but counted, and a cluster that could not be read stands among the others."""
    looks = [Look("prod", night()), Look("big", large(200)), Look("lab", None, "no route", time=7)]
    report = report_of(looks, NOW)
    assert report["summary"]["clusters"] == 3
    assert report["summary"]["unread"] == 1
    assert sum(report["summary"]["states"].values()) == 225
    whole = without_healthy(report)
    assert whole["summary"] == report["summary"]
    prod, big, lab = whole["clusters"]
    assert len(prod["seen"]["instances"]) == 11
    assert {one["state"] for one in big["seen"]["instances"]}.isdisjoint({"healthy"})
    assert lab == {"name": "lab", "error": "no route", "time": 7, "last_round": None, "seen": None}
    assert part_of(report, lab)["summary"]["clusters"] == 1


def test_strange_facts() -> None:
    """One sentence says whose they are."""
    with pytest.raises(
        BadOption, match="cannot make a report of prod: its facts are not those of ganeti_autorepair_facts"
    ):
        report_of([Look("prod", {"time": 1})], NOW)
