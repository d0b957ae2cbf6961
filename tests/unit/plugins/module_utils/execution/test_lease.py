# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Claim: one writer at a time, whatever comes in between (law 3)."""

from __future__ import annotations

import heapq
import itertools
import re
import threading
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from unit.plugins.module_utils.builders import NOW, cluster, rbd, tag
from unit.plugins.module_utils.fake import Clock, FakeClient, terms

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import (
    AnswerLost,
    ClaimOver,
    ClockWrong,
    ClusterError,
    Forbidden,
    Held,
    QueueDrained,
    RequestRefused,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution import lease
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.lease import MARGIN, SET_SECONDS, acquire
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.job_request import JobRequest, Task
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import RunContext
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.clocks import LEASE, MAX_SKEW
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import claim_tag
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.values import Claim, parse_tags

MINE = tag(f"claim:me:{NOW + LEASE}")
SUSPEND = tag("suspend:1")
WRITE = JobRequest("instance", "web1", (Task(Operation.ADD_TAGS, tags=(tag("migrate"),)),))


def client_of(*claims, **more):
    """A cluster with one instance, a tag of its own, and these claims."""
    return FakeClient(cluster(rbd("web1", None), tags=(SUSPEND, *claims)), **more)


def taken(client, holder="me"):
    return acquire(client, client.cluster.tags, terms(client.clock, holder))


def _claim(holder="other", until=NOW + 100):
    return tag(f"claim:{holder}:{until}")


# --- alone ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("multi_opcode", [False, True])
def test_alone_it_is_set_and_let_go_of(multi_opcode):
    """Two writes; nothing is waited for."""
    client = client_of(supports_multi_opcode_jobs=multi_opcode)
    claimed = taken(client)
    assert (client.claims, claimed.supports_multi_opcode_jobs, client.clock.slept) == ([MINE], multi_opcode, [])
    assert claimed.submit(WRITE) == 1002
    assert claimed.release() == 1003
    assert (client.claims, client.cluster.tags) == ([], (SUSPEND,))
    assert [one.kind for one in client.sent] == ["cluster", "instance", "cluster"]


def test_reads_pass():
    """Unchanged."""
    client = client_of()
    claimed = taken(client)
    assert claimed.cluster_info() == client.cluster_info()
    assert claimed.query("instance", ("name",)) == client.query("instance", ("name",))


@pytest.mark.parametrize("seconds", [5, 59, 70, SET_SECONDS])
def test_a_claim_whose_job_has_to_queue_is_waited_for_with_growing_pauses(seconds):
    """As long as its lease allows; the claim runs from when it was asked for."""
    client = client_of(seconds=lambda request: seconds)
    claimed = taken(client)
    slept = client.clock.slept
    assert seconds <= sum(slept) <= seconds + 2
    assert slept == sorted(slept)
    assert slept[:3] == [0.1, 0.125, 0.15625]
    assert client.claims == [MINE]
    assert claimed.submit(WRITE)


def test_there_is_time_to_write_after_the_longest_wait():
    """Else the wait would be in vain."""
    assert SET_SECONDS + 30 <= LEASE - MARGIN


# --- others ---------------------------------------------------------------------------------------------------------

HOLDING = [
    ("somebody's", _claim(), "claimed by other until 2027-01-15T08:01:40Z"),
    ("for a second more", _claim(until=NOW + 1), "claimed by other"),
    ("one that can't be read", tag("claim:other"), f"gnt-cluster remove-tags {tag('claim:other')}"),
    ("until a word", tag("claim:other:soon"), "remove-tags"),
    ("nobody's", tag("claim::5"), "remove-tags"),
    ("with too much in it", tag("claim:other:5:6"), "remove-tags"),
]


@pytest.mark.parametrize(("words", "why"), [row[1:] for row in HOLDING], ids=[row[0] for row in HOLDING])
def test_a_claim_that_holds_is_left_alone(words, why):
    """No write at all."""
    client = client_of(words)
    with pytest.raises(Held, match=re.escape(why)):
        taken(client)
    assert (client.sent, client.claims) == ([], [words])


@pytest.mark.parametrize("old", [[_claim(until=NOW)], [_claim(until=NOW - 1), _claim("third", 5)]], ids=["one", "two"])
def test_claims_that_have_run_out_are_ignored_and_cleared(old):
    """Their holders died."""
    client = client_of(*old)
    taken(client)
    assert client.claims == [MINE]
    assert SUSPEND in client.cluster.tags


def test_a_claim_that_can_not_be_cleared_is_no_trouble():
    """Whoever holds the claim next tries again."""
    removes = lambda one: one.tasks[0].operation is Operation.REMOVE_TAGS  # noqa: E731
    client = client_of(_claim(until=5), on_claim=lambda one: RequestRefused("no") if removes(one) else None)
    taken(client)
    assert client.claims == [_claim(until=5), MINE]


def test_an_earlier_claim_of_one_s_own_that_still_stands_holds():
    """It was left standing for a request that may still be on its way."""
    client = client_of(_claim("me"))
    with pytest.raises(Held, match="claimed by me"):
        taken(client)
    assert client.claims == [_claim("me")]


@pytest.mark.parametrize(
    ("other", "waits"), [(_claim("a"), False), (_claim("z"), True)], ids=["before it in order", "after it"]
)
def test_of_two_at_once_the_first_in_order_waits_and_the_other_withdraws(other, waits):
    """Here the other never withdraws: it was set before, and its holder writes."""
    client = client_of()
    seen = client.cluster.tags
    client.cluster = replace(client.cluster, tags=(*seen, other))
    with pytest.raises(Held, match="claimed by"):
        acquire(client, seen, terms(client.clock))
    assert client.claims == [other]
    assert bool(client.clock.slept) == waits


def test_the_first_in_order_has_it_when_the_other_withdraws():
    """It is looked at twice a second."""
    client = client_of()
    seen = client.cluster.tags
    client.cluster = replace(client.cluster, tags=(*seen, _claim("z")))

    class Short(Clock):
        def sleep(self, seconds):
            super().sleep(seconds)
            if len(self.slept) == 3:
                client.cluster = replace(client.cluster, tags=tuple(x for x in client.cluster.tags if x != _claim("z")))

    client.clock = Short()
    assert acquire(client, seen, terms(client.clock)).release()
    assert client.clock.slept == [0.5] * 3


@pytest.mark.parametrize("also", [True, False], ids=["and the other's", "only its own"])
def test_a_claim_that_somebody_removes_while_it_waits_is_lost(also):
    """A person, or harep's cleaning: nobody writes without one."""
    client = client_of()
    seen = client.cluster.tags
    client.cluster = replace(client.cluster, tags=(*seen, _claim("z")))
    client.clock.sleep = lambda seconds: setattr(
        client, "cluster", replace(client.cluster, tags=seen if also else (*seen, _claim("z")))
    )
    with pytest.raises(Held, match="removed this round's claim"):
        acquire(client, seen, terms(client.clock))


# --- trouble --------------------------------------------------------------------------------------------------------


def test_a_claim_whose_answer_was_lost_is_withdrawn_when_it_stands():
    """Without its job nobody knows whether the clocks agree."""

    class Lossy(FakeClient):
        def submit(self, request):
            number = super().submit(request)
            if len(self.sent) == 1:
                raise AnswerLost("lost")
            return number

    client = Lossy(cluster(rbd("web1", None)))
    with pytest.raises(Held, match="got no answer"):
        taken(client)
    client.settle()
    assert client.claims == []


def test_a_claim_whose_answer_was_lost_and_that_does_not_come_is_given_up():
    """After all the time that its lease leaves; it is withdrawn in case it comes later."""
    client = client_of(
        on_claim=lambda one: AnswerLost("lost") if one.tasks[0].operation is Operation.ADD_TAGS else None
    )
    with pytest.raises(ClusterError, match="not set within 150 s, and no answer came"):
        taken(client)
    assert SET_SECONDS < sum(client.clock.slept) < SET_SECONDS + 3
    assert [one.tasks[0].operation for one in client.sent] == [Operation.ADD_TAGS, Operation.REMOVE_TAGS]


NOT_SET = [
    ("never runs", "queued", "job 1001 is queued; to see what the job queue waits for: gnt-job list, gnt-debug locks"),
    ("waits", "waiting", "job 1001 is waiting"),
    ("fails", "error", "job 1001 ended as error (it broke)"),
    ("is canceled", "canceled", "job 1001 ended as canceled (no reason given)"),
]


@pytest.mark.parametrize(("status", "words"), [row[1:] for row in NOT_SET], ids=[row[0] for row in NOT_SET])
def test_a_claim_whose_job_does_not_set_it_is_withdrawn(status, words):
    """Also one whose job is still to come: the removal comes after it."""
    client = client_of(on_claim=lambda one: status if one.tasks[0].operation is Operation.ADD_TAGS else None)
    with pytest.raises(ClusterError, match=re.escape(words)):
        taken(client)
    assert client.sent[-1].after == (1001,)
    client.queue = {number: (request, None, at) for number, (request, _status, at) in client.queue.items()}
    client.settle()
    assert client.claims == []


@pytest.mark.parametrize("error", [QueueDrained("drained"), Forbidden("403"), RequestRefused("no")], ids=str)
def test_a_claim_that_is_refused_is_the_caller_s_error(error):
    """Nothing is left to withdraw."""
    client = client_of(on_claim=lambda one: error)
    with pytest.raises(type(error)):
        taken(client)
    assert len(client.sent) == 1


def test_a_claim_that_can_not_be_withdrawn_does_not_hide_why():
    """It runs out by itself."""
    removes = lambda one: one.tasks[0].operation is Operation.REMOVE_TAGS  # noqa: E731
    client = client_of(on_claim=lambda one: Forbidden("403") if removes(one) else "queued")
    with pytest.raises(ClusterError, match="not set within"):
        taken(client)


def test_a_person_who_interrupts_leaves_no_claim():
    """Control-C while it waits."""
    client = client_of(seconds=lambda request: 10 if request.tasks[0].operation is Operation.ADD_TAGS else 0)

    def interrupt(seconds):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        acquire(client, client.cluster.tags, replace(terms(client.clock), sleep=interrupt))
    client.clock.sleep(60)
    client.settle()
    assert client.claims == []


# --- clocks ---------------------------------------------------------------------------------------------------------


class Skewed(FakeClient):
    """A cluster whose clock is `skew` seconds ahead of this machine's."""

    skew = 0.0

    def query(self, resource, fields, qfilter=None, seconds=None):
        rows = super().query(resource, fields, qfilter)
        at = fields.index("received_ts") if "received_ts" in fields else None
        end = lambda cell: (0, [cell[1][0] + self.skew, 0]) if cell[1] else cell  # noqa: E731
        return [tuple(end(cell) if n == at else cell for n, cell in enumerate(row)) for row in rows]


# --- wrong clocks of others -----------------------------------------------------------------------------------------

LATEST = NOW + LEASE + 2 * MAX_SKEW  # that a clock ahead by MAX_SKEW can set by one that is behind by so much


@pytest.mark.parametrize(
    ("until", "holds"), [(LATEST, True), (LATEST + 1, False), (NOW + 10 * 365 * 86400, False), (10**15 - 1, False)]
)
def test_a_claim_from_a_clock_that_is_far_ahead_holds_nobody(until, holds):
    """Its holder withdraws before its first write. The claim stays, for a person to see."""
    theirs = _claim(until=until)
    client = client_of(theirs)
    if holds:
        with pytest.raises(Held, match="claimed by other"):
            taken(client)
        return
    claimed = taken(client)
    assert claimed.submit(WRITE) and claimed.release()
    assert client.claims == [theirs]


@pytest.mark.parametrize("ahead", [-86400, -LEASE, LEASE + 3 * MAX_SKEW, 86400])
def test_whoever_is_wrong_about_whose_clock_is_wrong_writes_nothing(ahead):
    """By a clock that is behind, a right claim ends too late; by one that is ahead, it has run out."""
    theirs = _claim(until=NOW + LEASE)
    client = Skewed(cluster(rbd("web1", None), tags=(theirs,)))
    client.clock.now = NOW + ahead
    client.skew = -ahead
    with pytest.raises((ClockWrong, Held)):
        taken(client)
    assert client.claims == [theirs]


# --- the end of a claim ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("passed", "writes"), [(LEASE - MARGIN, True), (LEASE - MARGIN + 1, False), (9999, False)])
def test_writes_stop_long_before_the_claim_ends(passed, writes):
    """For what is on its way, and for wrong clocks; letting go is always possible."""
    client = client_of()
    claimed = taken(client)
    client.clock.sleep(passed)
    if writes:
        assert claimed.submit(WRITE)
    else:
        with pytest.raises(ClaimOver, match="claim ends at 2027-01-15T08:05:00Z"):
            claimed.submit(WRITE)
    assert len(client.sent) == 1 + writes
    claimed.release()
    assert client.claims == []


def test_the_margin_is_more_than_two_wrong_clocks_can_make_of_it():
    """One ahead of the master, one behind."""
    assert MARGIN > 2 * MAX_SKEW


# --- the tag --------------------------------------------------------------------------------------------------------

HOLDERS = [
    "node1.example.com-1a2b3c4d",
    "h" * 63 + ".example.com-1a2b3c4d",
    "h" * 300 + "-1a2b3c4d",
    "täglich: 1/2-1a2b3c4d",
    "fe80::1%eth0-1a2b3c4d",
]


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_claim_s_tag_is_one_that_ganeti_takes_and_that_harep_passes_over(holder):
    """harep knows its words after the common beginning: types, `suspend`, `pending`, `result`."""
    text = claim_tag(holder, NOW + LEASE)
    assert re.fullmatch(r"[\w.+*/:@-]{1,128}", text, re.ASCII)
    assert text.startswith(tag("claim:"))
    (one,) = parse_tags([text]).claims
    assert (one.until, bool(one.holder)) == (NOW + LEASE, True)
    assert parse_tags([text]).malformed == ()


@pytest.mark.parametrize("stem", [holder[:-9] for holder in HOLDERS], ids=len)
def test_two_holders_have_two_tags(stem):
    """However long the name of their machine: what tells them apart stands at the end."""
    assert claim_tag(f"{stem}-1a2b3c4d", NOW) != claim_tag(f"{stem}-5e6f7a8b", NOW)


# --- several at once, in every order --------------------------------------------------------------------------------


class Asked(BaseException):
    """A claimant has come to a call that has no answer yet."""


@dataclass
class Replayed:
    """A Client, clock and all, that answers from what was answered so far, and then asks; so every step of a claimant
    can be taken when the test likes."""

    answers: tuple[Any, ...]
    supports_multi_opcode_jobs: bool = False
    asked: tuple[Any, ...] | None = None

    def __post_init__(self):
        self.left = list(self.answers)
        self.now = float(NOW)

    def _ask(self, *call):
        if not self.left:
            self.asked = self.asked or call  # what it does for being stopped here, it does not do
            raise Asked
        return self.left.pop(0)

    def cluster_info(self):
        return {"tags": list(self._ask("look"))}

    def query(self, resource, fields, qfilter=None, seconds=None):
        known = {"received_ts": [int(self.now), 0]}
        return [tuple((0, known.get(name)) for name in fields)]

    def submit(self, request):
        (task,) = request.tasks
        if request.kind == "instance":
            return self._ask("write")
        return self._ask(task.operation.value, task.tags, request.after)

    def sleep(self, seconds):
        self.now += seconds

    def clock(self):
        return self.now


def _next_call(holder, known):
    """What the claimant does next after these answers, or how it ended."""
    client: Any = Replayed(known)
    try:
        claimed = acquire(client, (), RunContext(holder, client.clock, client.sleep))
        claimed.submit(WRITE)
        claimed.submit(WRITE)
        claimed.release()
    except Asked:
        return client.asked
    except (Held, ClusterError) as error:
        return ("left", type(error).__name__)
    return ("done",)


@dataclass(frozen=True)
class World:
    """The cluster's tags, the jobs that are still to run, those that ran (and how), and each claimant's answers."""

    tags: frozenset[Any]
    waiting: frozenset[Any]
    ended: frozenset[Any]
    answers: tuple[Any, ...]


def _moves(world, calls):
    """Every world that is one step further: one claimant does what it does next, or one job runs."""
    for at, known in enumerate(world.answers):
        call = calls(at, known)
        if call[0] in ("left", "done"):
            continue
        answer: Any = 1
        moved = world
        if call[0] == "look":
            answer = tuple(sorted(world.tags))
        elif call[0] != "write":
            answer = 100 * at + 1 + len(known)  # a job id
            moved = replace(world, waiting=world.waiting | {(answer, *call)})
        known = (*known, answer)
        over = calls(at, known)
        known = over if over[0] in ("left", "done") else known  # how it came to that is of no interest any more
        yield replace(moved, answers=(*world.answers[:at], known, *world.answers[at + 1 :]))
    ended = dict(world.ended)
    for one in world.waiting:
        number, what, tags, after = one
        if not all(before in ended for before in after):
            continue
        well = all(ended[before] for before in after) and (what == "add-tags" or set(tags) <= world.tags)
        changed = world.tags | set(tags) if what == "add-tags" else world.tags - set(tags)
        yield replace(
            world,
            waiting=world.waiting - {one},
            ended=world.ended | {(number, well)},
            tags=changed if well else world.tags,
        )


@pytest.mark.parametrize("holders", ["ab", "abc"], ids=["two", "three"])
def test_in_no_order_of_steps_do_two_write_at_once(holders, monkeypatch):
    """Every order in which claimants look, set and withdraw, and in which their jobs run, is played; times to wait are
    short, so that giving up is tried as well. Afterwards no claim is left, so that the next can have it."""
    monkeypatch.setattr(lease, "SET_SECONDS", 0.05)
    monkeypatch.setattr(lease, "GIVE_WAY_SECONDS", 0.4)
    memory = {}

    def calls(at, known):
        if known and known[0] in ("left", "done"):
            return known
        if (at, known) not in memory:
            memory[at, known] = _next_call(holders[at], known)
        return memory[at, known]

    start = World(frozenset(), frozenset(), frozenset(), ((),) * len(holders))
    seen, todo, told = {start}, [start], set()
    while todo:
        world = todo.pop()
        doing = [calls(at, known)[0] for at, known in enumerate(world.answers)]
        assert doing.count("write") <= 1
        moves = set(_moves(world, calls))
        if not moves:
            assert not world.tags
            told.add("".join(sorted(word[0] for word in doing)))
        todo += moves - seen
        seen |= moves
    n = len(holders)
    assert told == {"d" * done + "l" * (n - done) for done in range(n + 1)}


class Crowd(Clock):
    """A clock for several threads, of which one runs at a time: who sleeps hands over to whoever wakes up next."""

    def __init__(self):
        super().__init__()
        self.asleep = []
        self.count = itertools.count()

    def sleep(self, seconds):
        """Sleep in virtual time."""
        mine = threading.Event()
        heapq.heappush(self.asleep, (self.now + seconds, next(self.count), mine))
        self.wake_next()
        mine.wait()

    def wake_next(self):
        """Let the one who wakes up next go on."""
        if self.asleep:
            self.now, _order, event = heapq.heappop(self.asleep)
            event.set()

    def run(self, *works):
        """Run all `works`, each with the seconds after which it begins."""

        def begin(event, work):
            event.wait()
            try:
                work()
            finally:
                self.wake_next()

        threads = []
        for late, work in works:
            event = threading.Event()
            heapq.heappush(self.asleep, (self.now + late, next(self.count), event))
            threads.append(threading.Thread(target=begin, args=(event, work), daemon=True))
            threads[-1].start()
        self.wake_next()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()


@pytest.mark.parametrize("late", [0, 0.05, 0.3, 1, 5, 14, 31])
@pytest.mark.parametrize("queues", [0, 0.2, 3, 40])
@pytest.mark.parametrize("holders", ["ab", "ba", "abc", "cba", "bca"])
def test_of_several_at_once_one_gets_to_write(holders, queues, late):
    """Where each looks as often as it should and every job has to queue for some seconds, they don't all leave for each
    other's sake; no two hold the cluster at one time, and nothing is left behind."""
    crowd = Crowd()
    client = client_of(clock=crowd, seconds=lambda request: queues)
    told = []

    def work(holder):
        try:
            claimed = taken(client, holder)
        except ClusterError as error:
            told.append(
                (crowd.now, holder, "left" if "claimed by" in str(error) or "not set" in str(error) else repr(error))
            )
            return
        told.append((crowd.now, holder, "begins"))
        crowd.sleep(10)
        told.append((crowd.now, holder, "ends"))
        claimed.release()

    crowd.run(*((late * number, partial(work, holder)) for number, holder in enumerate(holders)))
    words = [word for _at, _holder, word in told if word != "left"]
    assert words == ["begins", "ends"] * (len(words) // 2)
    assert words, told
    crowd.now += 300
    client.settle()
    assert client.claims == []


def test_a_claim_is_a_value_with_its_holder():
    """As it stands in the tag."""
    assert parse_tags([MINE]).claims == (Claim(MINE, "me", NOW + LEASE),)
