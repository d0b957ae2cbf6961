# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rounds: one run over a cluster, and many, until nothing is left to do (laws 2, 4, 5 and 6)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    NOW,
    OFFLINE,
    ONLINE,
    UNKNOWN,
    FakeClient,
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

from ansible_collections.ganeti.autorepair.plugins.module_utils.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import (
    AnswerLost,
    AutorepairError,
    BadOption,
    Forbidden,
    QueueDrained,
    Unreachable,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.model import Operation
from ansible_collections.ganeti.autorepair.plugins.module_utils.plan import Limits
from ansible_collections.ganeti.autorepair.plugins.module_utils.rounds import look, play, result

ALLOW = [tag("reinstall")]
SPARES = (node("spare1"), node("spare2"))
ROOM = {"spare1": (9000, 9000), "spare2": (8000, 8000)}
TAGGING = (Operation.ADD_TAGS, Operation.REMOVE_TAGS)


def _client(*members, **more):
    more.setdefault("tags", ALLOW)
    script = more.pop("script", lambda request: None)
    return FakeClient(cluster(*members, *SPARES, **more), script=script, room=ROOM)


def _play(client, **limits):
    return play(client, Limits(**limits), settings(), lambda: NOW)


def _until_quiet(client, most=12):
    """Rounds until one writes nothing; the operations that were carried out, without those on tags."""
    for _round in range(most):
        before = len(client.writes)
        played = _play(client)
        if len(client.writes) == before:
            assert not played.changed
            return [one.operation.value for one in client.writes if one.operation not in TAGGING]
    raise AssertionError(f"still writing after {most} rounds: {client.writes[-4:]}")


# --- to the end -----------------------------------------------------------------------------------------------------

WAYS = [
    ("nothing broken", rbd("web1", ONLINE), []),
    ("a dead secondary", drbd("web1", ONLINE, OFFLINE), ["replace-disks"]),
    ("a drained primary", drbd("web1", DRAINED, ONLINE), ["migrate", "replace-disks"]),
    ("both drained", drbd("web1", DRAINED, DRAINED), ["replace-disks", "migrate", "replace-disks"]),
    (
        "a drained primary and a dead secondary",
        drbd("web1", DRAINED, OFFLINE),
        ["replace-disks", "migrate", "replace-disks"],
    ),
    (
        "a stopped one off a drained node",
        drbd("web1", DRAINED, ONLINE, admin_state="down"),
        ["failover", "replace-disks"],
    ),
    ("a dead primary", drbd("web1", OFFLINE, ONLINE), ["failover", "replace-disks"]),
    ("both dead", drbd("web1", OFFLINE, OFFLINE), ["recreate-disks", "reinstall"]),
    ("shared storage, drained", rbd("web1", DRAINED), ["migrate"]),
    ("shared storage, dead", rbd("web1", OFFLINE), ["failover"]),
    ("local, dead", plain("web1", OFFLINE), ["recreate-disks", "reinstall"]),
    ("local, dead, meant to be down", plain("web1", OFFLINE, admin_state="down"), ["recreate-disks", "reinstall"]),
    (
        "local, dead, marked offline",
        plain("web1", OFFLINE, admin_state="offline"),
        ["recreate-disks", "mark-down", "reinstall", "mark-offline"],
    ),
    ("asked for from outside", rbd("web1", OFFLINE, pending()), ["failover"]),
]


@pytest.mark.parametrize(("one", "wanted"), [row[1:] for row in WAYS], ids=[row[0] for row in WAYS])
def test_rounds_bring_an_instance_to_health_and_then_write_nothing(one, wanted):
    """Each step once; one repair with one id, whose result names its jobs; admin state as before (laws 2, 5 and 8)."""
    client = _client(one)
    assert _until_quiet(client) == wanted
    (instance,) = client.cluster.instances
    assert instance.admin_state == one.instance.admin_state
    words = [text for text in client.tags_of("web1") if not text.startswith("reinstall")]
    if wanted:
        (word,) = words
        assert word.split(":")[4] == "success"
        assert len(word.split(":")[5].split("+")) == len(wanted)
    assert _play(client).after.summary["healthy"] == 1


STAYS = [
    ("healthy", rbd("web1", ONLINE)),
    ("suspended", rbd("web1", OFFLINE, tag("suspend"))),
    ("suspended with a pending repair", rbd("web1", OFFLINE, tag("suspend"), pending())),
    ("failed", rbd("web1", OFFLINE, ended("failure"))),
    ("unreadable", rbd("web1", OFFLINE, tag("pending:x"))),
    ("unknown", rbd("web1", UNKNOWN)),
    ("local and drained", plain("web1", DRAINED)),
    ("the last copy on a drained node", drbd("web1", OFFLINE, DRAINED)),
    ("refused before", rbd("web1", OFFLINE, tag("migrate"), ended("enoperm"))),
    ("nothing allowed", rbd("web1", OFFLINE, tag("Migrate"))),
    (
        "gone as far as it might",
        drbd("web1", DRAINED, ONLINE, tag("fix-storage"), ended("enoperm", "fix-storage", "7")),
    ),
]


@pytest.mark.parametrize("one", [row[1] for row in STAYS], ids=[row[0] for row in STAYS])
def test_where_nothing_can_change_not_even_the_first_round_writes(one):
    """Idempotent (law 5), and told."""
    client = _client(one)
    played = _play(client)
    assert (client.writes, played.changed) == ([], False)
    assert all(action.reason for _case, action in played.before.rows)


@pytest.mark.parametrize(
    "one",
    [
        rbd("web1", OFFLINE, tag("migrate")),
        drbd("web1", DRAINED, OFFLINE, tag("fix-storage")),
        rbd("web1", OFFLINE, pending("migrate"), tag("fix-storage")),
        plain("web1", DRAINED, pending("reinstall")),
        rbd("web1", ONLINE, pending(), ended("success")),
        rbd("web1", ONLINE, tag("suspend:1")),
    ],
    ids=["refused", "as far as allowed", "asked for too little", "no safe repair", "leftovers", "lifted"],
)
def test_what_can_be_said_is_said_once(one):
    """After a few rounds nothing is written any more."""
    _until_quiet(_client(one))


def test_a_repair_that_went_as_far_as_it_might_says_enoperm_once():
    """One step, one result with its job; not rewritten."""
    client = _client(drbd("web1", DRAINED, OFFLINE, tag("fix-storage")))
    assert _until_quiet(client) == ["replace-disks"]
    (word,) = client.tags_of("web1") - {"fix-storage"}
    assert word.startswith("result:fix-storage:id1:")
    assert ":enoperm:100" in word


def test_several_requests_are_worked_through():
    """In the order of their times; then all is quiet."""
    client = _client(
        rbd("web1", OFFLINE, pending("migrate", repair="z", at=1), pending("failover", repair="a", at=2)), tags=()
    )
    assert _until_quiet(client) == ["failover"]
    (word,) = client.tags_of("web1")
    assert word.startswith("result:failover:a:")
    assert ":success:" in word


# --- dying and losing answers ---------------------------------------------------------------------------------------


class Died(Exception):
    """The runner is no more."""


@pytest.mark.parametrize("number", range(1, 13))
@pytest.mark.parametrize(
    "error",
    [Died(), AnswerLost("lost"), AnswerLost("lost, but carried out")],
    ids=["before", "lost before", "lost after"],
)
def test_whenever_a_runner_dies_each_step_is_submitted_once(number, error):
    """The next runner finds what was submitted, and repeats nothing (law 2)."""
    count = iter(range(1, 1000))

    class Mortal(FakeClient):
        def submit(self, request):
            mine = next(count)
            if mine == number and "carried out" in str(error):
                super().submit(request)
            if mine == number:
                raise error
            return super().submit(request)

    client = Mortal(cluster(drbd("web1", OFFLINE, ONLINE), *SPARES, tags=ALLOW), room=ROOM)
    for _round in range(12):
        try:
            _play(client)
        except Died:
            continue
    done = [one.operations[0] for one in client.cluster.jobs.values() if one.operations[0].startswith("INSTANCE")]
    assert done == ["INSTANCE_FAILOVER", "INSTANCE_REPLACE_DISKS"]
    (word,) = client.tags_of("web1")
    assert ":success:" in word


@pytest.mark.parametrize("number", range(1, 10))
def test_a_reinstall_whose_answer_was_lost_is_not_run_twice(number):
    """RAPI writes no reason for it, so it is known by what it follows."""
    count = iter(range(1, 1000))

    class Lossy(FakeClient):
        def submit(self, request):
            answer = super().submit(
                replace(request, reason="") if request.operation is Operation.REINSTALL else request
            )
            if next(count) == number:
                raise AnswerLost("lost")
            return answer

    client = Lossy(cluster(plain("web1", OFFLINE), *SPARES, tags=ALLOW), room=ROOM)
    for _round in range(10):
        _play(client)
    done = [one.operations[0] for one in client.cluster.jobs.values() if one.operations[0].startswith("INSTANCE")]
    assert done == ["INSTANCE_RECREATE_DISKS", "INSTANCE_REINSTALL"]


# --- the round itself -----------------------------------------------------------------------------------------------


def test_a_look_sends_reads_only():
    """Whatever there is to do."""
    client = _client(rbd("web1", OFFLINE))
    assert look(client, Limits(), NOW).actions[0].kind.value == "submit"
    assert client.writes == []


def test_a_dry_round_reads_once_and_changes_nothing():
    """Its plan after is its plan before."""
    client = _client(rbd("web1", OFFLINE), rbd("web2", ONLINE, tag("suspend:1")))
    played = play(DryRunClient(client), Limits(), settings(), lambda: NOW)
    assert (client.writes, played.changed, played.after) == ([], True, played.before)
    assert len(client.reads) == 6


def test_a_round_with_nothing_to_write_reads_once():
    """No second look at what has not changed."""
    client = _client(rbd("web1", ONLINE))
    played = _play(client)
    assert (len(client.reads), played.changed) == (6, False)


@pytest.mark.parametrize(
    "one",
    [
        rbd("web1", OFFLINE),
        drbd("web1", ONLINE, OFFLINE, pending("fix-storage")),
        rbd("web1", ONLINE, tag("suspend:1")),
    ],
    ids=["a repair began", "a repair went on", "a suspend was lifted"],
)
def test_a_round_that_wrote_looks_again(one):
    """What it returns is what stands there afterwards."""
    client = _client(one)
    played = _play(client)
    assert played.changed
    assert {repair.jobs for case, _action in played.after.rows for repair in case.repairs} == {
        repair.jobs for case, _action in look(client, Limits(), NOW).rows for repair in case.repairs
    }


def test_a_cluster_that_can_not_be_read_begins_nothing():
    """The error is the caller's."""
    client = _client(rbd("web1", OFFLINE))
    client.failing[("node", "config")] = Unreachable("no connection")
    with pytest.raises(Unreachable):
        _play(client)
    assert client.writes == []


def test_a_wrong_name_begins_nothing():
    """The same."""
    client = _client(rbd("web1", OFFLINE))
    with pytest.raises(BadOption):
        _play(client, instances=("web9",))
    assert client.writes == []


def test_a_cluster_that_goes_away_in_the_middle_is_trouble():
    """What was done until then is told."""
    client = _client(
        rbd("web1", OFFLINE),
        rbd("web2", OFFLINE),
        script=lambda request: Unreachable("no connection") if request.name == "web2" else None,
    )
    played = _play(client)
    assert str(played.trouble) == "no connection"
    assert [one.error for one in played.outcomes] == ["", "not begun, as the round ended before"]
    assert played.changed


def test_a_cluster_that_goes_away_before_the_second_look_is_trouble():
    """The plan before stands for the one after; the outcomes are told."""

    class Dying(FakeClient):
        def query(self, resource, fields, qfilter=None):
            if self.writes and resource == "job":
                raise Unreachable("no connection")
            return super().query(resource, fields, qfilter)

    played = _play(Dying(cluster(rbd("web1", OFFLINE), *SPARES, tags=ALLOW)))
    assert isinstance(played.trouble, AutorepairError)
    assert (played.after, played.outcomes[0].jobs) == (played.before, (1002,))


def test_the_first_trouble_is_the_one_that_is_told():
    """A refusal explains more than the silence after it."""

    class Dying(FakeClient):
        def query(self, resource, fields, qfilter=None):
            if self.writes:
                raise Unreachable("no connection")
            return super().query(resource, fields, qfilter)

    one = cluster(rbd("web1", OFFLINE), rbd("web2", OFFLINE), *SPARES, tags=ALLOW)
    played = _play(Dying(one, script=lambda request: Forbidden("403") if request.name == "web2" else None))
    assert str(played.trouble) == "403"


def test_a_drained_queue_is_no_trouble_and_no_change():
    """Everything is held."""
    client = _client(rbd("web1", OFFLINE), script=lambda request: QueueDrained("Queue drained"))
    played = _play(client)
    assert (played.trouble, played.changed) == (None, False)
    assert [one.action.kind.value for one in played.outcomes] == ["hold"]


def test_a_lost_answer_is_a_change():
    """It may have been carried out."""
    client = _client(rbd("web1", OFFLINE), script=lambda request: AnswerLost("lost"))
    assert _play(client).changed


def test_what_a_module_returns_of_a_round():
    """After it, and its plan before."""
    client = _client(
        rbd("web1", OFFLINE),
        rbd("web2", OFFLINE, ended("failure")),
        rbd("web3", ONLINE, pending(jobs="7")),
        jobs=[job(7, "error", "FAILOVER", "web3")],
    )
    told = result(_play(client), check_mode=False)
    assert set(told) == {"changed", "actions", "summary", "pending", "failed_instances", "plan", "report", "diff"}
    assert (told["changed"], told["pending"], told["failed_instances"]) == (True, 1, ["web2", "web3"])
    assert told["summary"]["repair_failed"] == 2
    assert len(told["plan"]["actions"]) == 3
