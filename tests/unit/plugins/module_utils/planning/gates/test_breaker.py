# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate `breaker`: which repairs a breaker that has tripped holds, which go on, and the reason that it gives."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.plugins.module_utils.builders import NOW, OFFLINE, ONLINE, Placed, deeds, drbd, ended, job, pending, rbd, tag
from unit.plugins.module_utils.planning.gates.cases import BEGINS, LOSES, STEPS, next_step
from unit.plugins.module_utils.planning.storms import NONE, braked, nodes_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import Job
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import breaker_tag

HELD = [*BEGINS, *LOSES]


@pytest.mark.parametrize("what", STEPS)
def test_a_storm_holds(what: str) -> None:
    """What begins, and each new loss."""
    action = next_step(what, limits={"max_unhealthy": NONE})
    holds = what in HELD
    assert action.why is (Reason.BREAKER if holds else None)
    assert (action.kind.value == "submit") is not holds


def test_a_group_that_has_tripped_holds_its_own_instances_only() -> None:
    """The cluster as a whole is well enough."""
    members = (*nodes_of(2, 3, "rack1"), *nodes_of(1, 3, "rack2"), *nodes_of(2, 2, "rack3"), *nodes_of(0, 30, "rack4"))
    plan = braked(*members)
    held = [name for name, word in deeds(plan).items() if word == "hold"]
    begun = [name for name, word in deeds(plan).items() if word == "submit"]
    assert held == ["rack1-00", "rack1-01"]
    assert begun == ["rack2-00", "rack3-00", "rack3-01"]
    reasons = {case.instance.name: action for case, action in plan.rows}
    assert reasons["rack1-00"].why is Reason.BREAKER
    assert reasons["rack1-00"].reason == (
        "primary rack1-00-p is offline; held: 2 of 3 nodes of group rack1 hold instances and are offline; "
        "max_unhealthy (40%) allows 1"
    )


def test_the_cluster_s_breaker_holds_every_group_and_is_named_before_a_group_s() -> None:
    """Two of five in all, where one may be, and two of three in one group."""
    plan = braked(*nodes_of(2, 3, "rack1"), *nodes_of(1, 2, "rack2"), limits={"max_unhealthy": NONE})
    for _case, action in plan.rows:
        if action.kind.value == "hold":
            assert "3 of 5 nodes hold instances and are offline; max_unhealthy (0) allows 1" in action.reason
    assert deeds(plan)["rack2-00"] == "hold"
    assert [one.name for one in plan.breakers if one.tripped] == ["", "rack1"]


def test_an_instance_is_held_by_the_group_of_its_primary() -> None:
    """Its secondary may be in another."""
    far = drbd("far", ONLINE, OFFLINE, group="calm")
    far = replace(far, nodes=(far.nodes[0], replace(far.nodes[1], group="storm")))
    plan = braked(far, *nodes_of(2, 3, "storm"), *nodes_of(0, 20, "calm"))
    assert plan.breakers[-1].counted == 3
    assert (deeds(plan)["far"], deeds(plan)["storm-00"]) == ("submit", "hold")


RUNS, DONE, BROKE = (
    job(7, "running", "FAILOVER"),
    job(7, "success", "MIGRATE"),
    job(7, "error", "REINSTALL", error="no"),
)


GOES_ON = [
    ("a new repair is held", rbd("web1", OFFLINE), (), "hold"),
    ("one that was asked for from outside is held", rbd("web1", OFFLINE, pending()), (), "hold"),
    ("one whose job runs is waited for", rbd("web1", OFFLINE, pending(jobs="7")), (RUNS,), "wait"),
    ("one that has begun takes its next step", drbd("web1", ONLINE, OFFLINE, pending(jobs="7")), (DONE,), "submit"),
    ("but none into a new loss", rbd("web1", OFFLINE, pending(jobs="7")), (DONE,), "hold"),
    ("one that is healthy again ends", rbd("web1", ONLINE, pending(jobs="7")), (DONE,), "finish"),
    ("one that has failed ends", rbd("web1", OFFLINE, pending(jobs="7")), (BROKE,), "finish"),
    ("one that lacks permission is refused", rbd("web1", OFFLINE, tag("migrate")), (), "refuse"),
    ("one that needs a person is reported", rbd("web1", OFFLINE, ended("failure")), (), "report"),
    ("a suspended one says that it is suspended", rbd("web1", OFFLINE, tag("suspend")), (), "hold"),
]


@pytest.mark.parametrize("memory", [False, True], ids=["in a storm", "just after it"])
@pytest.mark.parametrize(("one", "jobs", "word"), [row[1:] for row in GOES_ON], ids=[row[0] for row in GOES_ON])
def test_while_it_has_tripped(one: Placed, jobs: tuple[Job, ...], word: str, memory: bool) -> None:
    """What has begun is followed to its end: a half-done repair is worse than none."""
    others = [rbd(f"x{at}", OFFLINE if at < 2 and not memory else ONLINE) for at in range(5)]
    plan = braked(one, *others, jobs=jobs, tags=[breaker_tag(NOW + 1)] * memory, limits={"max_unhealthy": NONE})
    assert plan.breakers[0].tripped
    assert deeds(plan)["web1"] == word
    if word == "hold" and not one.instance.tags:
        assert plan.rows[0][1].why is (Reason.STORM_COOLDOWN if memory else Reason.BREAKER)


SOON, UNREAD = f"breaker:{NOW + 300}", "breaker:soon"
SHUT_BY = [
    ("too few of a range, while it cools down", 1, (SOON,), Reason.BREAKER, "unhealthy_range allows 2 to 3"),
    ("too many, with a memory that can't be read", 4, (UNREAD,), Reason.BREAKER, "unhealthy_range allows 2 to 3"),
    ("too few, with a memory that can't be read", 1, (UNREAD,), Reason.BREAKER, "unhealthy_range allows 2 to 3"),
    ("a memory that can't be read beside one that can", 2, (SOON, UNREAD), Reason.UNREADABLE_TAG, "can't be read"),
    ("one that can alone", 2, (SOON,), Reason.STORM_COOLDOWN, "offline recently"),
]


@pytest.mark.parametrize(
    ("number", "words", "why", "told"), [row[1:] for row in SHUT_BY], ids=[row[0] for row in SHUT_BY]
)
def test_it_is_shut_by(number: int, words: tuple[str, ...], why: Reason, told: str) -> None:
    """The reason's name and its words speak of the same thing."""
    limits = {"unhealthy_range": (2, 3)}
    action = braked(*nodes_of(number, 5), tags=[tag(word) for word in words], limits=limits).rows[0][1]
    assert action.why is why
    assert told in action.reason
