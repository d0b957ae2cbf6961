# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nowhere: what no node could take is for a person, and is not tried (law 8)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    NOW,
    OFFLINE,
    ONLINE,
    UNKNOWN,
    cluster,
    drbd,
    job,
    no_room,
    node,
    pending,
    plain,
    plan_of,
    rbd,
    settings,
    tag,
)
from unit.plugins.module_utils.fake import FakeClient, terms

from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import run_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.nowhere import hold_hopeless
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import has_more_work
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.planner import plan_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import status_data
from unbraked import unbraked

ALLOW = [tag("reinstall")]
SPARES = {  # what else the group has, and whether it can take an instance
    "no other node": ([], 0),
    "a spare": ([node("spare")], 1),
    "two spares": ([node("spare1"), node("spare2")], 2),
    "one that is offline": ([node("spare", OFFLINE)], 0),
    "one that is drained": ([node("spare", DRAINED)], 0),
    "one of which nobody knows": ([node("spare", UNKNOWN)], 1),
    "one that takes no instances": ([node("spare", vm_capable=False)], 0),
    "one in another group": ([node("spare", group="other")], 0),
}
STEPS = {  # what is broken: the instance, how many nodes its first step takes, and the one that follows it at once
    "a dead secondary": (drbd("web1", ONLINE, OFFLINE), 1, 0),
    "a drained secondary": (drbd("web1", ONLINE, DRAINED), 1, 0),
    "both drained": (drbd("web1", DRAINED, DRAINED), 1, 0),
    "a dead primary": (drbd("web1", OFFLINE, ONLINE), 0, 1),
    "a drained primary": (drbd("web1", DRAINED, ONLINE), 0, 1),
    "both dead": (drbd("web1", OFFLINE, OFFLINE), 2, 0),
    "a dead node of shared storage": (rbd("web1", OFFLINE), 1, 0),
    "a drained node of shared storage": (rbd("web1", DRAINED), 1, 0),
    "the dead node of its only disks": (plain("web1", OFFLINE), 1, 0),
}
TABLE = [(name, spare) for name in STEPS for spare in SPARES]


@pytest.mark.parametrize(("broken", "spare"), TABLE, ids=[f"{name}, {spare}" for name, spare in TABLE])
@pytest.mark.parametrize("multi_opcode", [False, True])
def test_what_no_node_can_take_is_not_tried(broken, spare, multi_opcode):
    """All that can break, with all that the group can have beside it."""
    one, first, later = STEPS[broken]
    nodes, free = SPARES[spare]
    plan = hold_hopeless(plan_of(cluster(one, *nodes, tags=ALLOW)))
    ((_case, action),) = plan.rows
    hopeless = free < first
    assert (action.kind.value, action.why) == (("report", Reason.NO_NODE) if hopeless else ("submit", None))
    assert has_more_work(plan) is not hopeless
    assert status_data(plan)["needs_person"] == ["web1"] * hopeless
    if not hopeless:
        taken = [step.operation.value for step in action.submitted(multi_opcode)]
        assert ("replace-disks" in taken[1:]) is (bool(later) and free >= later)


WORDS = [
    (
        "a group of two",
        [drbd("web1", ONLINE, OFFLINE)],
        "secondary web1-s is offline; no node of group default can take its new secondary (web1-p is its primary, "
        "web1-s is offline); add a node to the group, or bring one back",
    ),
    (
        "more than three",
        [drbd("web1", ONLINE, OFFLINE), node("x", DRAINED), node("y", vm_capable=False), node("z", OFFLINE)],
        "(web1-p is its primary, web1-s is offline, x is drained, 2 more)",
    ),
    ("new disks on two", [drbd("web1", OFFLINE, OFFLINE), node("x")], "fewer than 2 nodes of group default can take"),
    ("shared storage", [rbd("web1", OFFLINE)], "no node of group default can take it (web1-p is offline)"),
]


@pytest.mark.parametrize(("members", "words"), [row[1:] for row in WORDS], ids=[row[0] for row in WORDS])
def test_the_words(members, words):
    """Which node, and why not."""
    assert words in hold_hopeless(plan_of(cluster(*members, tags=ALLOW))).rows[0][1].reason


def test_it_is_said_in_the_pause_between_two_tries_as_well():
    """There will be no further try."""
    one = cluster(drbd("web1", ONLINE, OFFLINE, pending("fix-storage", "7")), jobs=[no_room(7)])
    assert plan_of(one).rows[0][1].why is Reason.NO_ROOM
    assert hold_hopeless(plan_of(one)).rows[0][1].why is Reason.NO_NODE
    wider = replace(one, nodes={**one.nodes, "spare": node("spare")})
    assert hold_hopeless(plan_of(wider)).rows[0][1].why is Reason.NO_ROOM


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (drbd("web1", ONLINE, OFFLINE, tag("suspend")), Reason.SUSPENDED),
        (drbd("web1", OFFLINE, DRAINED), Reason.LAST_COPY_DRAINED),
        (drbd("web1", ONLINE, OFFLINE, pending("fix-storage")), Reason.JUST_CHANGED),
        (rbd("web1", ONLINE), Reason.HEALTHY),
    ],
)
def test_what_is_not_to_be_submitted_stays_as_it_is(one, why):
    """Its own reason comes first."""
    plan = hold_hopeless(plan_of(cluster(one, tags=ALLOW, unseen=True)))
    assert plan.rows[0][1].why is why


@pytest.mark.parametrize(
    ("allocator", "choose", "reported"),
    [("", False, True), ("hail", False, True), ("own", False, False), ("own", True, True)],
)
def test_another_allocator_may_know_other_groups(allocator, choose, reported):
    """For what is on shared storage, unless we choose ourselves."""
    one = cluster(rbd("web1", OFFLINE), node("far", group="other"), tags=ALLOW, default_iallocator=allocator)
    plan = hold_hopeless(plan_of(one, choose_nodes=choose))
    assert (plan.rows[0][1].why is Reason.NO_NODE) is reported


@pytest.mark.parametrize(("size", "why"), [(1023, Reason.NO_NODE), (1024, Reason.NO_ROOM), (None, Reason.NO_ROOM)])
def test_disks_that_are_larger_than_any_node(size, why):
    """However much of it were free; where nobody knows how large it is there may be room later."""

    class Sized(FakeClient):
        def query(self, resource, fields, qfilter=None, seconds=None):
            rows = super().query(resource, fields, qfilter, seconds)
            cells = [zip(fields, row, strict=True) for row in rows]
            return [tuple((0, size) if at == "dtotal" else cell for at, cell in row) for row in cells]

    one = cluster(plain("web1", OFFLINE), node("a"), tags=ALLOW)
    action = plan_round(Sized(one, room={"a": (10, 9000)}), unbraked(), NOW).rows[0][1]
    assert action.why is why
    assert ("a: it has 1023 MiB of disk in total" in action.reason) is (why is Reason.NO_NODE)


@pytest.mark.parametrize("multi_opcode", [False, True], ids=["a job a task", "joined"])
def test_a_group_of_two_fails_over_and_says_that_it_has_no_mirror(multi_opcode):
    """One job, and no failed one after it; a third node gets the mirror."""
    client = FakeClient(cluster(drbd("web1", OFFLINE, ONLINE), tags=ALLOW), supports_multi_opcode_jobs=multi_opcode)
    for _round in range(3):
        played = run_round(client, unbraked(), settings(), terms(client.clock))
        client.clock.sleep(90)
    steps = [task.operation.value for one in client.sent for task in one.tasks if not one.tasks[0].tags or multi_opcode]
    assert [step for step in steps if step in ("failover", "replace-disks")] == ["failover"]
    ((case, action),) = played.after.rows
    assert (case.state.value, action.why, played.left) == ("pending_repair", Reason.NO_NODE, False)
    client.cluster = replace(client.cluster, nodes={**client.cluster.nodes, "third": node("third")})
    for _round in range(3):
        played = run_round(client, unbraked(), settings(), terms(client.clock))
        client.clock.sleep(90)
    assert client.cluster.instances[0].secondaries == ("third",)
    assert played.after.rows[0][0].state.value == "healthy"


def test_somebody_else_s_job_is_named_first():
    """It may be what brings a node."""
    busy = job(9, "running", "REPLACE_DISKS")
    plan = hold_hopeless(plan_of(cluster(drbd("web1", ONLINE, OFFLINE), tags=ALLOW, jobs=[busy])))
    assert plan.rows[0][1].why is Reason.OTHER_JOB
