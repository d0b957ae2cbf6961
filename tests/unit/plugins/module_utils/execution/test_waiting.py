# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting: round after round in virtual time, until nothing is left to do (design, section 6, `wait`)."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    NOW,
    OFFLINE,
    ONLINE,
    cluster,
    drbd,
    ended,
    job,
    node,
    pending,
    plain,
    rbd,
    settings,
    tag,
)
from unit.plugins.module_utils.execution.test_rounds import jobs_of
from unit.plugins.module_utils.fake import TAGGING, FakeClient, Stops, terms

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import Forbidden, Unreachable
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import Round, result
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.waiting import merged, run_until_done
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation
from unbraked import unbraked

BOTH = pytest.mark.parametrize("multi_opcode", [False, True], ids=["a job a task", "joined"])
SPARES = (node("spare1"), node("spare2"))
ROOM = {"spare1": (9000, 9000), "spare2": (8000, 8000)}


def _lasting(seconds):
    """Steps that run so long; tags are written at once."""
    return lambda request: 0 if all(task.operation in TAGGING for task in request.tasks) else seconds


def _client(*members, seconds=90, kind=FakeClient, **more):
    more.setdefault("tags", [tag("reinstall")])
    own = {name: more.pop(name) for name in ("script", "on_claim", "supports_multi_opcode_jobs") if name in more}
    return kind(cluster(*members, *SPARES, **more), room=ROOM, seconds=_lasting(seconds), **own)


def _rounds(client, seconds=3600, **limits):
    return list(run_until_done(client, unbraked(**limits), settings(), terms(client.clock), seconds))


def _merged(client, seconds=3600, **limits):
    return merged([result(played, check_mode=False) for played in _rounds(client, seconds, **limits)])


# --- to the end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "wanted"),
    [
        (rbd("web1", ONLINE), []),
        (rbd("web1", OFFLINE), ["failover"]),
        (drbd("web1", OFFLINE, ONLINE), ["failover", "replace-disks"]),
        (drbd("web1", DRAINED, OFFLINE), ["replace-disks", "migrate", "replace-disks"]),
        (plain("web1", OFFLINE), ["recreate-disks", "reinstall"]),
    ],
    ids=["healthy", "one step", "two steps", "three steps", "a reinstall"],
)
@BOTH
def test_it_carries_on_to_health(one, wanted, multi_opcode):
    """Several rounds, each soon after the step before has ended; the last leaves nothing to do."""
    client = _client(one, supports_multi_opcode_jobs=multi_opcode)
    told = _merged(client)
    assert client.steps == wanted
    assert (told["summary"]["healthy"], told["pending"], told["left"], told["under_way"]) == (1, 0, False, [])
    assert told["changed"] == bool(wanted)
    assert client.claims == []
    jobs = jobs_of(wanted) if multi_opcode else len(wanted)
    assert 90 * jobs <= client.clock() - NOW <= 90 * jobs + 20 * jobs


def test_a_cluster_without_anything_to_do_is_looked_at_once():
    """And not waited for."""
    client = _client(rbd("web1", ONLINE))
    assert (len(_rounds(client)), client.clock.slept, client.sent) == (1, [], [])


@BOTH
def test_what_is_over_the_limit_is_done_later(multi_opcode):
    """Held by max_in_flight, until there is room."""
    client = _client(*(rbd(f"web{number}", OFFLINE) for number in range(3)), supports_multi_opcode_jobs=multi_opcode)
    assert _merged(client, max_in_flight=1)["summary"]["healthy"] == 3
    assert client.steps == ["failover"] * 3


@pytest.mark.parametrize(
    ("one", "limits", "state"),
    [
        (rbd("web1", OFFLINE, tag("suspend")), {}, "suspended"),
        (rbd("web1", OFFLINE, pending(), tag("suspend")), {}, "suspended"),
        (rbd("web1", OFFLINE, ended("failure")), {}, "repair_failed"),
        (plain("web1", DRAINED), {}, "repair_disallowed"),
        (rbd("web1", OFFLINE), {"max_in_flight": 0}, "needs_repair"),
    ],
    ids=["suspended", "suspended on its way", "failed", "for a person", "none may be under way"],
)
def test_what_only_a_person_can_go_on_with_is_not_waited_for(one, limits, state):
    """One round."""
    client = _client(one)
    (played,) = _rounds(client, **limits)
    assert (played.after.summary[state], client.clock.slept, client.sent) == (1, [], [])


@BOTH
def test_a_repair_that_fails_ends_the_waiting(multi_opcode):
    """With the bounded number of tries and their pauses; and says so."""
    client = _client(rbd("web1", OFFLINE), seconds=0, supports_multi_opcode_jobs=multi_opcode)
    client.script = lambda request: Stops(Operation.FAILOVER)
    told = _merged(client)
    assert told["failed_instances"] == ["web1"]
    assert len(client.steps) == 3
    assert 60 + 120 <= client.clock() - NOW <= 60 + 120 + 40
    (why,) = [one["reason"] for one in told["actions"] if one["action"] == "finish"]
    assert "failed, as did 2 before it: it broke" in why


def test_a_suspend_that_comes_meanwhile_ends_the_waiting():
    """A person has stepped in."""
    client = _client(drbd("web1", DRAINED, DRAINED))
    sleep = client.clock.sleep

    def suspend(seconds):
        sleep(seconds)
        client.cluster = replace(client.cluster, tags=(*client.cluster.tags, tag("suspend")))

    client.clock.sleep = suspend
    *_before, last = _rounds(client)
    assert last.after.summary["suspended"] == 1
    assert client.steps == ["replace-disks"]


# --- the time -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 1, 30, 100, 500])
def test_it_stops_when_the_time_is_over(seconds):
    """What is under way is left so; the first round is always played."""
    client = _client(rbd("web1", OFFLINE), seconds=99_999)
    *_before, last = _rounds(client, seconds)
    assert client.clock() - NOW == seconds
    assert (last.after.under_way, client.steps) == (1, ["failover"])


def test_somebody_else_s_claim_is_waited_for():
    """Held is not done."""
    client = _client(rbd("web1", OFFLINE), tags=[tag("reinstall"), tag(f"claim:other:{NOW + 100}")])
    assert _merged(client)["summary"]["healthy"] == 1
    assert client.clock() - NOW >= 100


@pytest.mark.parametrize("count", [1, 7])
def test_all_jobs_are_asked_for_by_one_request_with_growing_pauses(count):
    """Law 6: whatever their number; never more than ten seconds, and the whole cluster is looked at each minute."""
    client = _client(*(rbd(f"web{number}", OFFLINE) for number in range(count)), seconds=300)
    first = next(rounds := run_until_done(client, unbraked(), settings(), terms(client.clock), 200))
    assert first.changed
    client.log.clear()
    client.clock.slept.clear()
    second = next(rounds)
    slept = client.clock.slept
    looks = ["job"] * len(slept)
    whole = ["instance", "job", "instance", "node", "group", "info"]
    assert client.reads == [*looks, *whole]
    assert slept[:10] == [1.0] * 10
    assert all(later >= sooner for sooner, later in pairwise(slept[:-1]))
    assert 5.0 < max(slept) < 6.0  # a tenth of what has passed
    assert sum(slept) == pytest.approx(60)
    assert not second.changed


@pytest.mark.parametrize(
    ("fast", "limits", "script", "soon"),
    [
        (rbd("fast", OFFLINE), {}, None, False),
        (drbd("fast", OFFLINE, ONLINE), {}, None, False),
        (drbd("fast", DRAINED, DRAINED), {}, None, True),
        (rbd("fast", OFFLINE), {"max_in_flight": 2}, None, True),
        (rbd("fast", OFFLINE), {}, lambda request: Stops(Operation.FAILOVER) if request.name == "fast" else None, True),
    ],
    ids=["its end alone", "all its steps were taken", "more steps", "another's turn", "it went wrong"],
)
def test_it_goes_on_when_there_is_something_to_do(fast, limits, script, soon):
    """Then it does not wait for the slower ones; that a repair has ended is written down later, for all at once."""
    client = _client(fast, rbd("slow", OFFLINE), rbd("third", OFFLINE))
    client.seconds = lambda request: _lasting(5 if request.name == "fast" else 1000)(request)
    client.script = script or client.script
    rounds = run_until_done(client, unbraked(**limits), settings(), terms(client.clock), 3000)
    assert next(rounds).changed
    begin = client.clock()
    assert next(rounds)
    assert (5 <= client.clock() - begin <= 30) is soon


@BOTH
def test_jobs_are_not_noted_on_the_way(multi_opcode):
    """The run is there to see their end, and then the result names them."""
    client = _client(drbd("web1", OFFLINE, ONLINE), supports_multi_opcode_jobs=multi_opcode)
    rounds = run_until_done(client, unbraked(), settings(), terms(client.clock), 3600)
    next(rounds)
    assert not [text for text in client.tags_of("web1") if text.split(":")[-1]]
    assert list(rounds)
    (result_tag,) = client.tags_of("web1")
    assert len(result_tag.split(":")[-1].split("+")) == (1 if multi_opcode else 2)


def test_without_jobs_it_looks_again_every_ten_seconds():
    """Waiting for room: no job says when."""
    client = _client(plain("web1", OFFLINE, memory=10**9), seconds=0)
    rounds = _rounds(client, 35)
    assert (len(rounds), client.clock.slept) == (5, [10, 10, 10, 5])


# --- trouble --------------------------------------------------------------------------------------------------------


class Fickle(FakeClient):
    """A cluster that can't be read any more from `until` on."""

    until = float("inf")
    error = Unreachable("no connection")

    def query(self, resource, fields, qfilter=None, seconds=None):
        if self.clock() >= self.until:
            raise self.error
        return super().query(resource, fields, qfilter)


@pytest.mark.parametrize("until", [NOW + 2, NOW + 60, NOW + 90])
def test_trouble_in_a_later_round_keeps_what_was_done_before(until):
    """The rounds until then are told; the error is the caller's."""
    told: list[Round] = []
    client = _client(rbd("web1", OFFLINE), seconds=500, kind=Fickle)
    client.until = until
    with pytest.raises(Unreachable):
        told.extend(run_until_done(client, unbraked(), settings(), terms(client.clock), 3600))
    assert told[0].changed
    assert told[0].outcomes[0].jobs == (1003,)


def test_a_cluster_that_can_not_be_read_at_first_is_the_caller_s_error():
    """Nothing was done."""
    client = _client(rbd("web1", OFFLINE), kind=Fickle)
    client.until = NOW
    with pytest.raises(Unreachable):
        _rounds(client)


def test_a_round_with_trouble_is_the_last():
    """It is told with its trouble."""
    client = _client(rbd("web1", OFFLINE), script=lambda request: Forbidden("403"))
    (played,) = _rounds(client)
    assert isinstance(played.trouble, Forbidden)


# --- several rounds as one result -----------------------------------------------------------------------------------


def _one(number, changed=True, **more):
    """A round's result, whose every part bears its number."""
    known = {
        "changed": changed,
        "actions": [{"instance": f"web{number}", "action": "submit"}, {"instance": "other", "action": "wait"}],
        "summary": {"healthy": number},
        "pending": number,
        "under_way": [number],
        "left": True,
        "failed_instances": [f"web{number}"],
        "plan": {"hash": str(number)},
        "report": [f"report {number}"],
        "diff": [{"after": str(number)}],
    }
    return known | more


def test_one_round_is_its_own_result():
    """Unchanged."""
    assert merged([_one(1)]) == _one(1)


def test_of_several_rounds_the_deeds_of_all_are_told_and_the_end_of_the_last():
    """What only waited in a round before is not told twice."""
    told = merged([_one(1), _one(2, changed=False), _one(3)])
    submit, wait = "submit", "wait"
    assert [(one["instance"], one["action"]) for one in told["actions"]] == [
        ("web1", submit), ("web3", submit), ("other", wait),
    ]  # fmt: skip
    assert (told["summary"], told["pending"], told["failed_instances"]) == ({"healthy": 3}, 3, ["web3"])
    assert told["report"] == ["report 1", "", "report 3"]
    assert [one["after"] for one in told["diff"]] == ["1", "2", "3"]
    assert (told["changed"], told["plan"]) == (True, {"hash": "1"})


def test_nothing_was_changed_when_no_round_did():
    """A round that only looked."""
    assert merged([_one(1, changed=False), _one(2, changed=False)])["changed"] is False


def test_how_things_stand_is_not_known_after_a_round_that_has_not_seen_it():
    """Numbers of a round before would be taken for those of now."""
    unseen = dict.fromkeys(("summary", "pending", "under_way", "failed_instances"))
    assert merged([_one(1), _one(2, **unseen)])["summary"] is None
    assert merged([_one(1, **unseen), _one(2)])["summary"] == _one(2)["summary"]


def test_all_writing_actions_of_the_rounds_before_are_deeds():
    """Whatever their kind."""
    kinds = ("none", "submit", "wait", "finish", "lift", "refuse", "hold", "report")
    told = merged([_one(1, actions=[{"action": kind, "tags_added": []} for kind in kinds]), _one(2, actions=[])])
    assert [one["action"] for one in told["actions"]] == ["submit", "finish", "lift", "refuse"]


def test_a_storm_that_a_round_before_remembered_is_told():
    """It is called a hold, but has added a tag."""
    storm = {"action": "hold", "tags_added": [tag("breaker")]}
    assert merged([_one(1, actions=[storm]), _one(2, actions=[])])["actions"] == [storm]


def test_jobs_of_somebody_else_are_waited_for_too():
    """They keep a repair from beginning."""
    client = _client(rbd("web1", OFFLINE), jobs=[job(7, "running", "REBOOT")])
    sleep = client.clock.sleep

    def end(seconds):
        sleep(seconds)
        if client.clock() > NOW + 20:
            client.cluster = replace(client.cluster, jobs={**client.cluster.jobs, 7: job(7, "success", "REBOOT")})

    client.clock.sleep = end
    assert _merged(client)["summary"]["healthy"] == 1
