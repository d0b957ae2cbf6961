# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules return: facts, what was done, the breaker, what is held, the difference."""

from __future__ import annotations

import json

import pytest
from unit.plugins.module_utils.builders import (
    NOW,
    OFFLINE,
    ONLINE,
    at_most,
    cluster,
    drbd,
    ended,
    job,
    node,
    pending,
    plain,
    plan_of,
    rbd,
    settings,
    tag,
)
from unit.plugins.module_utils.fake import FakeClient
from unit.plugins.module_utils.reporting.test_text import ALLOW, BROKEN, NONE, STORM, round_on

from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import dry_run, result
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import utc
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.planner import plan_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import facts
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Fencing
from unbraked import unbraked


def test_facts_have_the_shape_of_the_design():
    """And are plain data."""
    one = cluster(
        drbd("web1", OFFLINE, ONLINE, tag("failover"), group="rack1"), tags=ALLOW, master="node1", version="3.0.2"
    )
    told = facts(plan_of(one))
    assert json.loads(json.dumps(told)) == told
    assert told["cluster"] == {
        "name": "cluster.example.com", "master": "node1", "version": "3.0.2", "uuid": "", "queue_drained": None,
        "watcher_paused_until": None, "tags": ALLOW,
    }  # fmt: skip
    assert (told["time"], told["summary"]["needs_repair"]) == (NOW, 1)
    assert told["nodes"][0] == {
        "name": "web1-p",
        "group": "rack1",
        "state": "offline",
        "vm_capable": True,
        "powered": None,
        "changed": None,
    }
    (instance,) = told["instances"]
    assert instance == {
        "name": "web1", "uuid": "uuid-web1", "group": "rack1", "disk_template": "drbd", "primary": "web1-p",
        "secondaries": ["web1-s"], "admin_state": "up", "state": "needs_repair",
        "policy": {"allowed": "failover", "suspended_until": None, "source": "instance"},
        "repair": None, "needs": "failover", "next": "submit", "why": None,
        "reason": "primary web1-p is offline", "tags": [tag("failover")],
    }  # fmt: skip
    assert list[object](told["plan"]["actions"]) == [
        {
            "instance": "web1", "scope": "instance", "name": "web1", "action": "submit", "type": "failover", "id": None,
            "steps": ["failover", "replace-disks"], "permitted": ["failover", "replace-disks"], "nodes": [],
            "result": None, "why": None, "cancel": [], "remove": [], "reason": "primary web1-p is offline",
            "uuid": "uuid-web1", "on": ["web1-p offline", "web1-s online"], "after": None, "command": None, "add": [],
        }
    ]  # fmt: skip


def test_what_was_done_and_the_difference_are_plain_data():
    """Jobs, tags, errors; before and after, for each object that changed."""
    client = FakeClient(cluster(rbd("web1", OFFLINE), rbd("web2", ONLINE, tag("suspend:1")), node("spare"), tags=ALLOW))
    told = round_on(client)
    assert json.loads(json.dumps(told)) == told
    lift, submit = told["actions"]
    intent, noted = tag(f"pending:failover:id1:{NOW}:"), tag(f"pending:failover:id1:{NOW}:1003")
    assert (lift["action"], lift["tags_removed"], lift["error"]) == ("lift", [tag("suspend:1")], None)
    assert (submit["jobs"], submit["tags_added"], submit["tags_removed"]) == ([1003], [intent, noted], [])
    assert told["diff"] == [
        {
            "before_header": "instance web2",
            "after_header": "instance web2",
            "before": tag("suspend:1") + "\n",
            "after": "",
        },
        {
            "before_header": "instance web1",
            "after_header": "instance web1",
            "before": "",
            "after": f"{intent}\n{noted}\n",
        },
    ]
    assert (told["changed"], told["pending"], told["failed_instances"], told["left"]) == (True, 1, [], True)
    (one,) = told["under_way"]
    assert one == {"instance": "web1", "type": "failover", "reason": "it is healthy"}


CALM = {
    "tripped": False, "counted": 1, "limit": 1, "total": 3, "scope": "cluster", "name": "", "until": None,
    "reason": None,
}  # fmt: skip
AFTER = f"were offline recently; the breaker stays tripped until {utc(NOW + 60)}"
WIDE = [rbd(f"x{at}", ONLINE, group="rack2") for at in range(7)]
BREAKERS = [
    ("none has tripped", [rbd("web1", OFFLINE), *STORM[2:], node("spare")], {}, CALM),
    (
        "the cluster's has",
        STORM,
        {},
        {**CALM, "tripped": True, "counted": 2, "reason": f"2 of 3 nodes {BROKEN}"},
    ),
    (
        "the cluster's cools down",
        STORM[2:],
        {"tags": [*ALLOW, tag(f"breaker:{NOW + 60}")]},
        {**CALM, "tripped": True, "counted": 0, "total": 1, "until": NOW + 60, "reason": f"too many nodes {AFTER}"},
    ),
    (
        "a group's cools down",
        STORM[2:],
        {"group_tags": {"default": [tag(f"breaker:{NOW + 60}")]}},
        {
            **CALM, "tripped": True, "counted": 0, "total": 1, "scope": "group", "name": "default", "until": NOW + 60,
            "reason": f"too many nodes of group default {AFTER}",
        },
    ),
    (
        "both have: the cluster's is told",
        STORM,
        {"group_tags": {"default": [tag("breaker")]}},
        {**CALM, "tripped": True, "counted": 2, "reason": f"2 of 3 nodes {BROKEN}"},
    ),
    (
        "a storm is not over though its time has come",
        STORM,
        {"tags": [*ALLOW, tag(f"breaker:{NOW + 60}")]},
        {**CALM, "tripped": True, "counted": 2, "reason": f"2 of 3 nodes {BROKEN}"},
    ),
    (
        "its memory can't be read",
        STORM[2:],
        {"tags": [*ALLOW, tag("breaker:soon")]},
        {
            **CALM, "tripped": True, "counted": 0, "total": 1,
            "reason": f"the tag {tag('breaker:soon')} can't be read: soon is not a timestamp in seconds; "
            f"remove it: gnt-cluster remove-tags {tag('breaker:soon')}",
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("members", "more", "wanted"), [row[1:] for row in BREAKERS], ids=[row[0] for row in BREAKERS])
def test_the_breaker_in_facts_and_results(members, more, wanted):
    """One of those that have tripped; else the cluster's."""
    one = cluster(*members, **{"tags": ALLOW, **more})
    told = facts(plan_of(one, max_unhealthy=NONE))
    assert told["breaker"] == wanted
    assert json.loads(json.dumps(told)) == told
    played = dry_run(DryRunClient(FakeClient(one)), unbraked(max_unhealthy=NONE), settings(), NOW)
    assert result(played, check_mode=True)["breaker"] == wanted


def test_a_group_s_breaker_in_the_facts():
    """With its name, its numbers and its words."""
    members = [*STORM, *WIDE]
    told = facts(plan_of(cluster(*members, tags=ALLOW), max_unhealthy=at_most("40%")))["breaker"]
    assert told == {
        **CALM, "tripped": True, "counted": 2, "scope": "group", "name": "default",
        "reason": "2 of 3 nodes of group default hold instances and are offline; max_unhealthy (40%) allows 1",
    }  # fmt: skip


def test_what_is_held_is_told_by_the_gate_that_holds_it():
    """With the instances; what waits for a person or a job is not held."""
    one = cluster(
        rbd("a", OFFLINE),
        rbd("b", OFFLINE, tag("suspend")),
        plain("c", OFFLINE),
        rbd("d", OFFLINE, ended("failure")),
        rbd("e", OFFLINE, pending(jobs="7")),
        rbd("f", ONLINE),
        node("spare"),
        tags=ALLOW,
        jobs=[job(7, "running", "FAILOVER", "e")],
    )
    plan = plan_round(FakeClient(one, room={"spare": (9000, 9000)}), unbraked(fencing=Fencing.CONFIRMED), NOW)
    wanted = [{"why": "fencing", "instances": ["a", "c"]}, {"why": "suspended", "instances": ["b"]}]
    assert facts(plan)["held"] == wanted
    assert facts(plan)["plan"]["fence"] == ["a-p", "c-p"]
    assert facts(plan)["report"][-1] == "held: 2 by fencing, 1 by suspended"


@pytest.mark.parametrize(
    ("which", "wanted"), [("all", ["a", "b", "c", "d"]), ("unhealthy", ["b", "c", "d"]), ("none", [])]
)
def test_facts_of_some_instances(which, wanted):
    """One that is healthy is left out, unless it has a tag that can't be read; all are counted."""
    one = cluster(
        rbd("a", ONLINE), rbd("b", OFFLINE), rbd("c", ONLINE, tag("failovr")), rbd("d", ONLINE, tag("suspend"))
    )
    told = facts(plan_of(one), which)
    assert [instance["name"] for instance in told["instances"]] == wanted
    assert sum(told["summary"].values()) == 4
    assert told == {**facts(plan_of(one)), "instances": told["instances"]}


def test_a_breaker_s_memory_is_in_the_difference():
    """As any other tag."""
    told = round_on(FakeClient(cluster(rbd("web1", ONLINE), tags=[*ALLOW, tag("breaker")])))
    assert told["diff"] == [
        {
            "before_header": "cluster",
            "after_header": "cluster",
            "before": tag("breaker") + "\n",
            "after": tag(f"breaker:{NOW + 600}") + "\n",
        }
    ]
    assert (told["changed"], told["actions"][0]["action"]) == (True, "hold")
