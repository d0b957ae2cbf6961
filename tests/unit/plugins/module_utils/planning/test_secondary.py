# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a copy is known to be up to date, and what is made of it."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    OFFLINE,
    ONLINE,
    cluster,
    drbd,
    ended,
    pending,
    plan_of,
    rbd,
    steps,
    tag,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import Instance
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.secondary import (
    hold_unknown_secondaries,
    only_asked,
    problem_of,
    to_ask,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.action import ActionKind
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import SecondaryState

WEB = Instance("web1", disk_template="drbd", primary="node3", secondaries=("node2",), disk_sizes=(1024, 1024))
GOOD = ["/dev/drbd0", 147, 0, None, None, True, 1]  # its peer is gone, so it is degraded
ALLOW = (tag("reinstall"),)
ASKS: dict[str, Any] = {"secondary_state": SecondaryState.UPTODATE}


def answer(*statuses, **more):
    """The answer about web1 with these states of its disks on the secondary."""
    return {"web1": {"name": "web1", "snodes": ["node2"], "disks": [{"sstatus": one} for one in statuses], **more}}


def status(local=1, progress=None, degraded=True):
    """The state of a disk on a node, as Ganeti gives it."""
    return ["/dev/drbd0", 147, 0, progress, None, degraded, local]


PROBLEMS = [
    ("all disks are up to date", answer(GOOD, GOOD), ""),
    ("... and connected", answer(status(degraded=False), status(degraded=False)), ""),
    ("one is not assembled", answer(GOOD, None), "disk 1 on node2 is not assembled, so it is not known whether that"),
    ("one is resynced", answer(status(2, 43.5), GOOD), "disk 0 on node2 is still being resynced (43.5 %)"),
    ("one is resynced, and says that it is good", answer(status(1, 43.5), GOOD), "is still being resynced (43.5 %)"),
    ("a resync stands", answer(status(2), GOOD), "disk 0 on node2 is still being resynced"),
    ("one is inconsistent", answer(status(3), GOOD), "disk 0 on node2 is not up to date"),
    ("one is faulty", answer(GOOD, status(4)), "disk 1 on node2 is faulty or not connected"),
    ("one is in a new state", answer(GOOD, status(5)), "disk 1 on node2 is in an unknown state"),
    ("both are bad", answer(None, status(4)), "up to date; disk 1 on node2 is faulty"),
    (
        "a disk has no state",
        {"web1": {**answer()["web1"], "disks": [{}, {}]}},
        "disk 0 on node2 did not report its state",
    ),
    ("a disk is missing", answer(GOOD), "node2 was asked for 2 disks, but the answer is about 1"),
    ("there are no disks", answer(), "node2 was asked for 2 disks, but the answer is about 0"),
    ("it is about another secondary", answer(GOOD, GOOD, snodes=["node4"]), "the answer is not about them"),
    ("it is about another instance", {"db": answer(GOOD, GOOD)["web1"]}, "the answer is not about them"),
]
NO_ANSWERS: tuple[Any, ...] = (None, [], "x", 1, {}, {"web1": None}, {"web1": []})
PROBLEMS += [(f"it is {odd!r}", odd, "not about them") for odd in NO_ANSWERS]


@pytest.mark.parametrize(("given", "problem"), [row[1:] for row in PROBLEMS], ids=[row[0] for row in PROBLEMS])
def test_an_answer(given, problem):
    """It is a problem unless it says of each disk that it is up to date."""
    found = problem_of(WEB, given)
    assert problem in found
    assert bool(found) is bool(problem)


ODD: tuple[Any, ...] = (None, True, "1", 0, 1.5, [], {}, 2, 3, 4, 5, -1)


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("at", [3, 6])
def test_nothing_but_the_good_word_is_good(odd, at):
    """Whatever else comes in its place, in either disk."""
    bad = [odd if field == at else value for field, value in enumerate(GOOD)]
    good = at == 3 and odd is None
    assert all(bool(problem_of(WEB, answer(*pair))) is not good for pair in ((bad, GOOD), (GOOD, bad), (bad, bad)))


@pytest.mark.parametrize("length", range(7))
def test_a_short_state_is_not_known(length):
    """Ganeti's lists have at least seven values."""
    assert "did not report its state" in problem_of(WEB, answer(GOOD, GOOD[:length]))


# --- who is asked ---------------------------------------------------------------------------------------------------

STATES = (ONLINE, DRAINED, OFFLINE)
KINDS = {"drbd": drbd, "rbd": rbd}
ADMIN = ("up", "down", "offline")
BEGUN = ((), (pending("reinstall"),), (pending("reinstall", jobs="7"),), (ended("success"),))


@pytest.mark.parametrize("tags", BEGUN, ids=repr)
@pytest.mark.parametrize("admin", ADMIN)
@pytest.mark.parametrize("state", SecondaryState)
def test_asked_are_the_secondaries_of_failovers_from_dead_primaries(state, admin, tags):
    """Whoever is on whatever nodes, and however far its repair has come; nobody else."""
    for primary, secondary in product(STATES, STATES):
        plan = plan_of(
            cluster(drbd("web1", primary, secondary, *ALLOW, *tags, admin_state=admin)), secondary_state=state
        )
        ((_case, action),) = plan.rows
        dead = action.kind is ActionKind.SUBMIT and steps(action)[0] == "failover" and primary is OFFLINE
        assert bool(to_ask(plan)) is (dead and state is SecondaryState.UPTODATE)
    assert not to_ask(plan_of(cluster(rbd("web1", OFFLINE, *ALLOW, admin_state=admin)), secondary_state=state))


def test_those_that_wait_for_their_turn_are_asked_too():
    """A turn that another does not take is theirs; those that something else holds are not."""
    one = cluster(*(drbd(f"web{number}", OFFLINE, ONLINE, *ALLOW) for number in range(3)))
    assert [case.instance.name for case, _ in to_ask(plan_of(one, max_in_flight=1, **ASKS))] == ["web0", "web1", "web2"]
    assert to_ask(plan_of(cluster(drbd("web1", OFFLINE, ONLINE, *ALLOW, tag("suspend"))), **ASKS)) == ()


# --- what is made of it ---------------------------------------------------------------------------------------------


def known(**more):
    """The action for an instance that would be failed over, and its plan."""
    plan = hold_unknown_secondaries(plan_of(cluster(drbd("web1", OFFLINE, ONLINE, *ALLOW)), **ASKS, **more))
    return plan, plan.rows[0][1]


def test_a_copy_that_is_up_to_date_is_taken():
    """As without the option."""
    _plan, action = known(secondaries={"web1": ""})
    ((_case, plainly),) = plan_of(cluster(drbd("web1", OFFLINE, ONLINE, *ALLOW))).rows
    assert action == plainly
    assert action.kind is ActionKind.SUBMIT


def test_a_copy_that_is_not_is_for_a_person():
    """Who is told why, where newer data may be, and what to run."""
    _plan, action = known(secondaries={"web1": "disk 0 is old"})
    assert (action.kind, action.why) == (ActionKind.REPORT, Reason.SECONDARY_STATE)
    assert not action.writes
    assert action.reason == (
        "primary web1-p is offline; disk 0 is old (secondary_state: uptodate); newer data may be on web1-p: bring "
        "web1-p back if you can; to continue with the copy on web1-s as it is: gnt-instance failover web1"
    )
    assert action.command == "gnt-instance failover web1"


def test_one_that_was_not_asked_says_that_it_will_be():
    """A look that only reads shows what a round would do; a round that writes does not do it unasked."""
    plan, action = known(secondaries={"other": ""})
    assert action.kind is ActionKind.SUBMIT
    assert action.reason.endswith("; first, web1-s is asked whether its copy is up to date")
    ((_case, held),) = only_asked(plan).rows
    assert (held.kind, held.why) == (ActionKind.HOLD, Reason.JUST_CHANGED)
    asked, _action = known(secondaries={"web1": ""})
    assert only_asked(asked) == asked


def test_without_the_option_nothing_is_different():
    """Nobody is asked, and nothing is said."""
    plan = plan_of(cluster(drbd("web1", OFFLINE, ONLINE, *ALLOW)), secondaries={"web1": "it is old"})
    assert hold_unknown_secondaries(plan) == only_asked(plan) == plan
