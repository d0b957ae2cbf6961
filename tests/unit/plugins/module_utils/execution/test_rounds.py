# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rounds: one run over a cluster, and many, until nothing is left to do (laws 2, 4, 5 and 6)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    NOW,
    OFFLINE,
    ONLINE,
    UNKNOWN,
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
from unit.plugins.module_utils.fake import TAGGING, FakeClient, Stops, is_claim, terms

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import (
    AnswerLost,
    AutorepairError,
    BadOption,
    Forbidden,
    QueueDrained,
    RequestRefused,
    Unreachable,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import dry_run, result, run_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.job_request import JobRequest
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.planner import plan_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.approval import Approved
from unbraked import unbraked

ALLOW = [tag("reinstall")]
STEPS = ("replace-disks", "migrate", "failover", "recreate-disks")
SPARES = (node("spare1"), node("spare2"))
ROOM = {"spare1": (9000, 9000), "spare2": (8000, 8000)}


BOTH = pytest.mark.parametrize("multi_opcode", [False, True], ids=["a job a task", "joined"])


def _client(*members, **more):
    more.setdefault("tags", ALLOW)
    own = {
        name: more.pop(name) for name in ("script", "on_claim", "seconds", "supports_multi_opcode_jobs") if name in more
    }
    return FakeClient(cluster(*members, *SPARES, **more), room=ROOM, **own)


def round_on(client, holder="me", **limits):
    return run_round(client, unbraked(**limits), settings(), terms(client.clock, holder))


def _until_quiet(client, most=12):
    """Rounds, a minute apart, until one writes nothing; the steps that were submitted."""
    for number in range(most):
        before = len(client.sent)
        played = round_on(client, holder=f"runner{number}")  # the next may be somebody else
        assert played.trouble is None
        assert client.claims == []
        if len(client.sent) == before:
            assert not played.changed
            return client.steps
        client.clock.sleep(60)
    raise AssertionError(f"still writing after {most} rounds: {client.writes[-4:]}")


# --- to the end -----------------------------------------------------------------------------------------------------

REINSTALL = ["INSTANCE_SHUTDOWN", "INSTANCE_REINSTALL"]
NAMES = (*STEPS, "activate-disks")
OPCODES = {(step, up): [f"INSTANCE_{step.replace('-', '_').upper()}"] for step in NAMES for up in (False, True)}
OPCODES |= {(step, up): ["INSTANCE_SET_PARAMS"] for step in ("mark-down", "mark-offline") for up in (False, True)}
OPCODES |= {("reinstall", False): REINSTALL, ("reinstall", True): [*REINSTALL, "INSTANCE_STARTUP"]}
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
        ["activate-disks", "failover", "replace-disks"],
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


def jobs_of(steps):
    """So many jobs hold the steps where they can be joined: a new secondary goes with a move, a reinstall is one."""
    if "reinstall" in steps:
        return 1
    joined = (("activate-disks", "failover"), ("failover", "replace-disks"), ("migrate", "replace-disks"))
    return len(steps) - sum(pair in joined for pair in pairwise(steps))


@pytest.mark.parametrize(("one", "wanted"), [row[1:] for row in WAYS], ids=[row[0] for row in WAYS])
@BOTH
def test_rounds_bring_an_instance_to_health_and_then_write_nothing(one, wanted, multi_opcode):
    """Each step once; one repair with one id, whose result names its jobs; admin state as before (laws 2, 5 and 8)."""
    client = _client(one, supports_multi_opcode_jobs=multi_opcode)
    assert _until_quiet(client) == wanted
    assert client.carried_out == [name for step in wanted for name in OPCODES[step, one.instance.admin_state == "up"]]
    (instance,) = client.cluster.instances
    assert instance.admin_state == one.instance.admin_state
    words = [text for text in client.tags_of("web1") if not text.startswith("reinstall")]
    if wanted:
        (word,) = words
        assert word.split(":")[4] == "success"
        assert len(word.split(":")[5].split("+")) == (jobs_of(wanted) if multi_opcode else len(wanted))
    assert round_on(client).after.summary["healthy"] == 1


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
@BOTH
def test_where_nothing_can_change_not_even_the_first_round_writes(one, multi_opcode):
    """Idempotent (law 5), and told; not even a claim."""
    client = _client(one, supports_multi_opcode_jobs=multi_opcode)
    played = round_on(client)
    assert (client.sent, played.changed) == ([], False)
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
@BOTH
def test_what_can_be_said_is_said_once(one, multi_opcode):
    """After a few rounds nothing is written any more."""
    _until_quiet(_client(one, supports_multi_opcode_jobs=multi_opcode))


@BOTH
def test_a_repair_that_went_as_far_as_it_might_says_enoperm_once(multi_opcode):
    """One step, one result with its job; not rewritten."""
    client = _client(drbd("web1", DRAINED, OFFLINE, tag("fix-storage")), supports_multi_opcode_jobs=multi_opcode)
    assert _until_quiet(client) == ["replace-disks"]
    (word,) = client.tags_of("web1") - {"fix-storage"}
    assert word.startswith("result:fix-storage:id1:")
    assert ":enoperm:100" in word


@BOTH
def test_several_requests_are_worked_through(multi_opcode):
    """In the order of their times; then all is quiet."""
    asked = (pending("migrate", repair="z", at=1), pending("failover", repair="a", at=2))
    client = _client(rbd("web1", OFFLINE, *asked), tags=(), supports_multi_opcode_jobs=multi_opcode)
    assert _until_quiet(client) == ["failover"]
    (word,) = client.tags_of("web1")
    assert word.startswith("result:failover:a:")
    assert ":success:" in word


# --- dying and losing answers ---------------------------------------------------------------------------------------


class Died(BaseException):
    """The runner is no more: whatever it would have done next, also to clean up, is not done."""


class Mortal(FakeClient):
    """Its `at`th write, from 1, meets `fate`; a runner that has died sends nothing more."""

    at = 0
    fate: BaseException = Died()
    dead = False

    def submit(self, request):
        if self.dead:
            raise Died
        if len(self.sent) + 1 != self.at:
            return super().submit(request)
        self.dead = isinstance(self.fate, Died)
        if "carried out" in str(self.fate):
            super().submit(request)
        else:
            self.log.append(("submit", request))
        raise self.fate


FATES = [
    ("dead before", Died()),
    ("dead after", Died("but carried out")),
    ("answer lost before", AnswerLost("lost")),
    ("answer lost after", AnswerLost("lost, but carried out")),
]
MORTALS = [
    ("two steps", drbd("web1", OFFLINE, ONLINE), ["failover", "replace-disks"]),
    ("a reinstall", plain("web1", OFFLINE), ["recreate-disks", "reinstall"]),
    (
        "a reinstall of one that is marked offline",
        plain("web1", OFFLINE, admin_state="offline"),
        ["recreate-disks", "mark-down", "reinstall", "mark-offline"],
    ),
]


def _live_on(client, rounds):
    """Rounds of a new runner each, far enough apart that a dead one's claim has run out."""
    for number in range(rounds):
        with suppress(Died, AutorepairError):
            round_on(client, holder=f"runner{number}")
        client.dead = False
        client.clock.sleep(301)


@pytest.mark.parametrize("number", range(1, 29))
@pytest.mark.parametrize("fate", [row[1] for row in FATES], ids=[row[0] for row in FATES])
@pytest.mark.parametrize(("one", "wanted"), [row[1:] for row in MORTALS], ids=[row[0] for row in MORTALS])
@pytest.mark.parametrize("lasting", [0, 400], ids=["at once", "slow"])
@BOTH
def test_whenever_a_runner_dies_each_step_is_carried_out_once(number, fate, one, wanted, lasting, multi_opcode):
    """The next runner finds what was submitted, and repeats nothing (law 2); no claim is left for ever (law 3)."""
    client = Mortal(cluster(one, *SPARES, tags=ALLOW), room=ROOM, supports_multi_opcode_jobs=multi_opcode)
    client.at, client.fate = number, fate
    client.seconds = lambda request: lasting if any(task.operation.value in wanted for task in request.tasks) else 0
    _live_on(client, 20)
    up = one.instance.admin_state == "up"
    assert client.carried_out == [name for step in wanted for name in OPCODES[step, up]]
    (word,) = client.tags_of("web1")
    assert ":success:" in word
    assert client.cluster.instances[0].admin_state == one.instance.admin_state
    assert [text for text in client.claims if int(text.rpartition(":")[2]) > client.clock()] == []


def _nth_tag_job_fails(number, at):
    """A script in which the `number`th write fails at its first such operation, unless a step comes first."""
    count = iter(range(1, 1000))

    def script(request):
        fails = next(count) == number and request.tasks[0].operation in TAGGING
        return Stops(at) if fails else None

    return script


@pytest.mark.parametrize("at", TAGGING, ids=lambda at: at.value)
@pytest.mark.parametrize("number", range(2, 9))
@BOTH
def test_a_tag_job_that_fails_loses_and_repeats_no_step(number, at, multi_opcode):
    """Its intent stands already: a later note or result says the rest."""
    client = _client(
        drbd("web1", OFFLINE, ONLINE), script=_nth_tag_job_fails(number, at), supports_multi_opcode_jobs=multi_opcode
    )
    _live_on(client, 12)
    assert client.carried_out == ["INSTANCE_FAILOVER", "INSTANCE_REPLACE_DISKS"]
    (word,) = client.tags_of("web1")
    assert ":success:" in word


@pytest.mark.parametrize("state", [OFFLINE, DRAINED], ids=["failover", "migrate"])
@BOTH
def test_an_intent_that_could_not_be_set_is_no_failure_of_its_step(state, multi_opcode):
    """The step did not run, so nothing was tried: the repair begins again, over every transport alike (law 8)."""
    client = _client(
        rbd("web1", state), script=_nth_tag_job_fails(1, Operation.ADD_TAGS), supports_multi_opcode_jobs=multi_opcode
    )
    _live_on(client, 12)
    assert client.carried_out == [f"INSTANCE_{'FAILOVER' if state is OFFLINE else 'MIGRATE'}"]
    (word,) = client.tags_of("web1")
    assert ":success:" in word


# --- the round itself -----------------------------------------------------------------------------------------------


def test_a_look_sends_reads_only():
    """Whatever there is to do."""
    client = _client(rbd("web1", OFFLINE))
    assert plan_round(client, unbraked(), NOW).actions[0].kind.value == "submit"
    assert client.writes == []


def test_a_dry_round_reads_once_and_changes_nothing():
    """Its plan after is its plan before."""
    client = _client(rbd("web1", OFFLINE), rbd("web2", ONLINE, tag("suspend:1")))
    recorder = DryRunClient(client)
    played = dry_run(recorder, unbraked(), settings(), NOW)
    assert (client.sent, played.changed, played.after) == ([], True, played.before)
    assert not any(is_claim(one) for one in recorder.unsent if isinstance(one, JobRequest))
    assert len(client.reads) == 6


@BOTH
def test_what_was_noticed_just_before_saves_the_look_before_the_claim(multi_opcode):
    """The cluster is claimed at once, and looked at before anything else is written."""
    seen, unseen = (_client(rbd("web1", OFFLINE), supports_multi_opcode_jobs=multi_opcode) for _ in range(2))
    played = run_round(seen, unbraked(), settings(), terms(seen.clock, "me"), noticed=list(seen.cluster.tags))
    round_on(unseen)
    assert len(unseen.reads) - len(seen.reads) == 6
    assert (seen.steps, played.changed, seen.claims) == (["failover"], True, [])
    kinds = [kind if kind == "read" or is_claim(what) else "write" for kind, what in seen.log]
    assert kinds[0] == "submit" and kinds.count("write") == len(seen.writes)
    assert kinds[: kinds.index("write")].count("read") >= 6


def test_what_was_noticed_and_is_gone_writes_nothing_but_the_claim():
    """Somebody else has repaired it in between."""
    client = _client(rbd("web1", ONLINE))
    played = run_round(client, unbraked(), settings(), terms(client.clock, "me"), noticed=[])
    assert (client.writes, client.claims, played.changed) == ([], [], False)


def test_what_was_noticed_while_somebody_else_writes_is_left_to_them():
    """Also where the claim stands in the tags that were noticed; every instance has its reason."""
    other = tag(f"claim:other:{NOW + 200}")
    client = _client(rbd("web1", OFFLINE), tags=[*ALLOW, other])
    played = run_round(client, unbraked(), settings(), terms(client.clock, "me"), noticed=[*ALLOW, other])
    assert (client.sent, played.changed) == ([], False)
    assert "claimed by other" in played.outcomes[0].action.reason


def test_an_approved_plan_is_compared_before_the_claim_whatever_was_noticed():
    """Nothing is written where it differs."""
    client = _client(rbd("web1", OFFLINE))
    with pytest.raises(AutorepairError, match="is not the approved one"):
        run_round(
            client, unbraked(approved=Approved("0" * 64)), settings(), terms(client.clock, "me"), noticed=list(ALLOW)
        )
    assert client.sent == []


def test_all_first_steps_come_before_what_belongs_to_them():
    """What is down is brought up on all nodes before any of it gets its new secondary, and before anything is noted."""
    names = ("db", "web")
    client = _client(*(drbd(name, OFFLINE, ONLINE) for name in names), plain("local", OFFLINE), tags=[tag("failover")])
    round_on(client)
    told = [(one.name, *(task.operation.value for task in one.tasks)) for one in client.writes]
    first = [(name, what) for name in names for what in ("add-tags", "failover")]
    assert told[:4] == first
    assert sorted(told[4:]) == sorted(
        [(name, what) for name in names for what in ("replace-disks", "add-tags")] + [("local", "add-tags")]
    )
    moves = [one.after for one in client.writes if one.tasks[0].operation is Operation.REPLACE_SECONDARY]
    assert all(len(after) == 2 for after in moves)  # the intent, and the failover


def test_a_round_with_nothing_to_write_reads_once():
    """No second look at what has not changed."""
    client = _client(rbd("web1", ONLINE))
    played = round_on(client)
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
    played = round_on(client)
    assert played.changed
    assert {repair.jobs for case, _action in played.after.rows for repair in case.repairs} == {
        repair.jobs for case, _action in plan_round(client, unbraked(), NOW).rows for repair in case.repairs
    }


def test_a_round_that_only_canceled_looks_again():
    """Else the report would show a job as waiting that is no more."""
    client = _client(rbd("web1", ONLINE), jobs=[job(7, "waiting", "FAILOVER")])
    played = round_on(client)
    assert played.changed
    assert [case.unfinished_jobs for case, _action in played.after.rows if case.instance.name == "web1"] == [()]


def test_a_cluster_that_can_not_be_read_begins_nothing():
    """The error is the caller's."""
    client = _client(rbd("web1", OFFLINE))
    client.failing[("node", "config")] = Unreachable("no connection")
    with pytest.raises(Unreachable):
        round_on(client)
    assert client.writes == []


def test_a_wrong_name_begins_nothing():
    """The same."""
    client = _client(rbd("web1", OFFLINE))
    with pytest.raises(BadOption):
        round_on(client, instances=("web9",))
    assert client.writes == []


@BOTH
def test_a_cluster_that_goes_away_in_the_middle_is_trouble(multi_opcode):
    """What was done until then is told."""
    client = _client(
        rbd("web1", OFFLINE),
        rbd("web2", OFFLINE),
        script=lambda request: Unreachable("no connection") if request.name == "web2" else None,
        supports_multi_opcode_jobs=multi_opcode,
    )
    played = round_on(client)
    assert str(played.trouble) == "no connection"
    assert [one.error for one in played.outcomes] == ["", "not started, as the round ended first"]
    assert played.changed


def test_a_cluster_that_goes_away_before_the_second_look_is_trouble():
    """The plan before stands for the one after; the outcomes are told."""

    class Dying(FakeClient):
        def query(self, resource, fields, qfilter=None, seconds=None):
            if self.writes and resource == "job":
                raise Unreachable("no connection")
            return super().query(resource, fields, qfilter)

    played = round_on(Dying(cluster(rbd("web1", OFFLINE), *SPARES, tags=ALLOW)))
    assert isinstance(played.trouble, AutorepairError)
    assert (played.after, played.outcomes[0].jobs, played.verified) == (played.before, (1003,), False)


def test_the_first_trouble_is_the_one_that_is_told():
    """A refusal explains more than the silence after it."""

    class Dying(FakeClient):
        def query(self, resource, fields, qfilter=None, seconds=None):
            if self.writes:
                raise Unreachable("no connection")
            return super().query(resource, fields, qfilter)

    one = cluster(rbd("web1", OFFLINE), rbd("web2", OFFLINE), *SPARES, tags=ALLOW)
    played = round_on(Dying(one, script=lambda request: Forbidden("403") if request.name == "web2" else None))
    assert str(played.trouble) == "403"


def test_a_drained_queue_is_no_trouble_and_no_change():
    """Everything is held."""
    client = _client(rbd("web1", OFFLINE), script=lambda request: QueueDrained("Queue drained"))
    played = round_on(client)
    assert (played.trouble, played.changed) == (None, False)
    assert [one.action.kind.value for one in played.outcomes] == ["hold"]


def test_a_lost_answer_is_a_change():
    """It may have been carried out."""
    client = _client(rbd("web1", OFFLINE), script=lambda request: AnswerLost("lost"))
    assert round_on(client).changed


def test_what_a_module_returns_of_a_round():
    """After it, and its plan before."""
    client = _client(
        rbd("web1", OFFLINE),
        rbd("web2", OFFLINE, ended("failure")),
        rbd("web3", ONLINE, pending(jobs="7")),
        jobs=[job(7, "error", "FAILOVER", "web3")],
    )
    told = result(round_on(client), check_mode=False)
    assert set(told) == {
        "changed", "actions", "summary", "pending", "under_way", "left", "failed_instances", "plan", "report", "diff",
        "needs_person", "stopped", "breaker", "held", "carry_on",
    }  # fmt: skip
    assert (told["changed"], told["pending"], told["failed_instances"]) == (True, 1, ["web2", "web3"])
    assert (told["left"], [one["instance"] for one in told["under_way"]]) == (True, ["web1"])
    assert told["needs_person"] == ["web2", "web3"]
    assert told["summary"]["repair_failed"] == 2
    assert len(told["plan"]["actions"]) == 3


@BOTH
def test_what_was_not_seen_after_the_writes_is_not_told(multi_opcode):
    """The plan before stands for it, and must not be taken for how things stand."""

    class Dying(FakeClient):
        def query(self, resource, fields, qfilter=None, seconds=None):
            if self.writes and resource == "job":
                raise Unreachable("no connection")
            return super().query(resource, fields, qfilter)

    played = round_on(
        Dying(cluster(rbd("web1", OFFLINE), *SPARES, tags=ALLOW), supports_multi_opcode_jobs=multi_opcode)
    )
    told = result(played, check_mode=False)
    assert (told["summary"], told["pending"], told["under_way"], told["failed_instances"]) == (None,) * 4
    assert (told["changed"], told["left"]) == (True, True)


# --- the claim of a round -------------------------------------------------------------------------------------------


@BOTH
def test_a_round_that_writes_claims_first_and_lets_go_last(multi_opcode):
    """And plans what it does from a look at the cluster that it had for itself."""
    client = _client(rbd("web1", OFFLINE), supports_multi_opcode_jobs=multi_opcode)
    assert round_on(client).changed
    assert [is_claim(one) for one in client.sent] == [True, *(False for _one in client.writes), True]
    assert client.claims == []
    kinds = [kind if kind == "read" else is_claim(what) for kind, what in client.log]
    looks = kinds[kinds.index(True) : kinds.index(False)]
    assert len(looks) >= 1 + 1 + 6


THEIRS = f"claim:other:{NOW + 100}"


@pytest.mark.parametrize("words", [THEIRS, "claim:other", "claim:other:soon", "claim::5", "claim:a:b:5"])
@BOTH
def test_a_cluster_that_is_claimed_is_left_to_whoever_holds_it(words, multi_opcode):
    """No write at all; everything that would write is held, saying by whom, and the rest is told as ever (law 4)."""
    members = [rbd("web1", OFFLINE), rbd("web2", ONLINE, tag("suspend:1")), rbd("web3", OFFLINE, tag("suspend"))]
    client = _client(*members, tags=[*ALLOW, tag(words)], supports_multi_opcode_jobs=multi_opcode)
    played = round_on(client)
    assert (client.sent, played.changed, played.trouble) == ([], False, None)
    (*notices, first, second, third) = [one.action for one in played.outcomes]
    assert [one.kind.value for one in (first, second, third)] == ["hold", "hold", "hold"]
    assert first.why is second.why is (Reason.CLAIMED if words == THEIRS else Reason.UNREADABLE_TAG)
    assert [one.command for one in notices] == [f"gnt-cluster remove-tags {tag(words)}"] * (words != THEIRS)
    told = [one.reason for one in (first, second, third)]
    assert all(("claimed by other until 2027-01-15T08:01:40Z" if words == THEIRS else words) in one for one in told[:2])
    assert "suspended by its instance" in told[2]


def test_a_cluster_that_is_claimed_between_the_look_and_the_claim_is_left_too():
    """The claim is withdrawn; nothing of it is left."""

    class Contested(FakeClient):
        def submit(self, request):
            if not self.sent:
                self.cluster = replace(self.cluster, tags=(*self.cluster.tags, tag(f"claim:a:{NOW + 300}")))
            return super().submit(request)

    client = Contested(cluster(rbd("web1", OFFLINE), *SPARES, tags=ALLOW), room=ROOM)
    played = round_on(client)
    assert (client.writes, client.claims, played.changed) == ([], [tag(f"claim:a:{NOW + 300}")], False)
    assert "claimed by a until" in played.outcomes[0].action.reason


def test_a_drained_queue_that_takes_no_claim_holds_everything():
    """It is no trouble."""
    client = _client(rbd("web1", OFFLINE), on_claim=lambda request: QueueDrained("Queue drained"))
    played = round_on(client)
    assert (client.writes, played.changed, played.trouble) == ([], False, None)
    assert [one.action.reason for one in played.outcomes] == [
        "primary web1-p is offline; held: the job queue is drained"
    ]


@pytest.mark.parametrize("error", [Forbidden("403"), Unreachable("no connection"), RequestRefused("no")], ids=str)
def test_a_round_that_can_not_claim_can_not_begin(error):
    """The error is the caller's; nothing is written."""
    client = _client(rbd("web1", OFFLINE), on_claim=lambda request: error)
    with pytest.raises(type(error), match=str(error)):
        round_on(client)
    assert client.writes == []


def test_a_claim_that_can_not_be_let_go_of_is_no_trouble():
    """It runs out by itself."""
    letting_go = lambda one: one.tasks[0].operation is Operation.REMOVE_TAGS  # noqa: E731
    client = _client(rbd("web1", OFFLINE), on_claim=lambda one: RequestRefused("no") if letting_go(one) else None)
    played = round_on(client)
    assert (played.changed, played.trouble, len(client.claims)) == (True, None, 1)
    assert round_on(client, holder="next").outcomes[0].action.kind.value == "hold"
    client.on_claim = lambda one: None
    client.clock.sleep(301)
    assert _until_quiet(client) == ["failover"]


def test_a_cluster_that_goes_away_under_the_claim_begins_nothing():
    """The claim is let go of, as far as that can be."""

    class Dying(FakeClient):
        def query(self, resource, fields, qfilter=None, seconds=None):
            if self.sent and resource == "node":
                raise Unreachable("no connection")
            return super().query(resource, fields, qfilter)

    client = Dying(cluster(rbd("web1", OFFLINE), *SPARES, tags=ALLOW))
    with pytest.raises(Unreachable):
        round_on(client)
    assert (client.writes, client.claims) == ([], [])


@BOTH
def test_writes_stop_when_the_claim_comes_near_to_its_end(multi_opcode):
    """What is left is held, which is no failure; the next round does it."""
    members = [rbd(f"web{number}", OFFLINE) for number in range(1, 7)]
    client = _client(*members, supports_multi_opcode_jobs=multi_opcode)
    client.script = lambda request: client.clock.sleep(40)  # each request takes so long
    played = round_on(client)
    kinds = [one.action.kind.value for one in played.outcomes]
    assert kinds[0] == "submit"
    assert kinds[-1] == "hold"
    assert played.trouble is None
    assert played.outcomes[-1].action.reason.endswith("held: this round's claim is about to expire")
    assert client.claims == []
    client.script = lambda request: None
    client.clock.sleep(60)
    assert _until_quiet(client) == ["failover"] * 6
