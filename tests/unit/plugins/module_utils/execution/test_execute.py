# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Execute: which requests are sent, in which order, and what becomes of errors (laws 1, 2, 4 and 7)."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

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
    no_sleep,
    node,
    pending,
    placed,
    plain,
    plan_of,
    rbd,
    settings,
    tag,
)
from unit.plugins.module_utils.fake import FakeClient

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import (
    AnswerLost,
    BadAnswer,
    BadOption,
    ClaimOver,
    Forbidden,
    NotFound,
    QueueDrained,
    RequestRefused,
    TlsError,
    Unauthorized,
    Unreachable,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.confirm import CONFIRM_SECONDS, confirm
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.execute import carry_out
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.job_request import JobRequest, Operation, Task
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.placement import place
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.outcome import NOT_BEGUN

ALLOW = [tag("reinstall")]
UUID = "9d0c8a0e-5b1f-4b55-8c56-7f6a4b3a1f27"


def _client(*members, script=lambda request: None, room=None, joins=False, **more):
    more.setdefault("tags", ALLOW)
    return FakeClient(cluster(*members, **more), script=script, room=room or {}, joins=joins)


def _run(client, **more):
    """The outcomes of carrying out the plan for C(client)'s cluster, and the trouble."""
    plan = place(plan_of(client.cluster), client)
    return carry_out(plan, client, settings(**more), no_sleep)


def _told(client):
    """The requests as words: the name, each task's operation with its tags, and which jobs they wait for."""
    return [
        (
            one.name,
            *((task.operation.value, *(text.removeprefix(tag("")) for text in task.tags)) for task in one.tasks),
            one.after,
        )
        for one in client.writes
    ]


def _tasks(client):
    """All tasks that were sent, in their order, whatever the jobs."""
    return [task for one in client.writes for task in one.tasks]


BOTH = pytest.mark.parametrize("joins", [False, True], ids=["a job a task", "joined"])


# --- what is sent ---------------------------------------------------------------------------------------------------

INTENT = f"pending:failover:id1:{NOW}:"
OLD = "pending:failover:r1:100:7"
SENT = [
    (
        "a new repair: its intent, the step behind it, and the intent with the step's job, which nothing waits for",
        [rbd("web1", OFFLINE), node("spare")],
        [
            ("web1", ("add-tags", INTENT), ()),
            ("web1", ("failover",), (1001,)),
            ("web1", ("add-tags", INTENT + "1002"), ()),
        ],
        [("web1", ("add-tags", INTENT), ("failover",), ()), ("web1", ("add-tags", INTENT + "1001"), ())],
    ),
    (
        "a move, and behind it the new secondary that it makes necessary",
        [drbd("web1", OFFLINE, ONLINE), node("spare")],
        [
            ("web1", ("add-tags", INTENT), ()),
            ("web1", ("failover",), (1001,)),
            ("web1", ("replace-disks",), (1001, 1002)),
            ("web1", ("add-tags", INTENT + "1002+1003"), ()),
        ],
        [
            ("web1", ("add-tags", INTENT), ("failover",), ("replace-disks",), ()),
            ("web1", ("add-tags", INTENT + "1001"), ()),
        ],
    ),
    (
        "a new secondary that makes a move possible: that is not behind it, as the world is looked at before",
        [drbd("web1", DRAINED, DRAINED), node("spare")],
        [
            ("web1", ("add-tags", INTENT.replace("failover", "migrate")), ()),
            ("web1", ("replace-disks",), (1001,)),
            ("web1", ("add-tags", INTENT.replace("failover", "migrate") + "1002"), ()),
        ],
        [
            ("web1", ("add-tags", INTENT.replace("failover", "migrate")), ("replace-disks",), ()),
            ("web1", ("add-tags", INTENT.replace("failover", "migrate") + "1001"), ()),
        ],
    ),
    (
        "one that goes on: its time stays, the jobs grow, and the tag before goes",
        [drbd("web1", ONLINE, OFFLINE, pending(jobs="7")), node("spare")],
        [
            ("web1", ("replace-disks",), ()),
            ("web1", ("add-tags", OLD + "+1001"), ()),
            ("web1", ("remove-tags", OLD), (1002,)),
        ],
        [("web1", ("replace-disks",), ()), ("web1", ("add-tags", OLD + "+1001"), ("remove-tags", OLD), ())],
    ),
    (
        "with all that is left of it: the first intent, and what a dead runner has left",
        [drbd("web1", ONLINE, OFFLINE, pending(jobs="7"), pending()), node("spare")],
        [
            ("web1", ("replace-disks",), ()),
            ("web1", ("add-tags", OLD + "+1001"), ()),
            ("web1", ("remove-tags", "pending:failover:r1:100:", OLD), (1002,)),
        ],
        [
            ("web1", ("replace-disks",), ()),
            ("web1", ("add-tags", OLD + "+1001"), ("remove-tags", "pending:failover:r1:100:", OLD), ()),
        ],
    ),
    (
        "one that was asked for from outside: its intent stands",
        [rbd("web1", OFFLINE, pending()), node("spare")],
        [
            ("web1", ("failover",), ()),
            ("web1", ("add-tags", "pending:failover:r1:100:1001"), ()),
            ("web1", ("remove-tags", "pending:failover:r1:100:"), (1002,)),
        ],
        [
            ("web1", ("failover",), ()),
            (
                "web1",
                ("add-tags", "pending:failover:r1:100:1001"),
                ("remove-tags", "pending:failover:r1:100:"),
                (),
            ),
        ],
    ),
    (
        "new disks, and the installation at once where one job can do both",
        [plain("web1", OFFLINE), node("spare")],
        [
            ("web1", ("add-tags", f"pending:reinstall:id1:{NOW}:"), ()),
            ("web1", ("recreate-disks",), (1001,)),
            ("web1", ("add-tags", f"pending:reinstall:id1:{NOW}:1002"), ()),
        ],
        [
            ("web1", ("add-tags", f"pending:reinstall:id1:{NOW}:"), ()),
            ("web1", ("recreate-disks",), ("reinstall",), (1001,)),
            ("web1", ("add-tags", f"pending:reinstall:id1:{NOW}:1002"), ()),
        ],
    ),
    (
        "the same with its mark, which must not be lost in between",
        [plain("web1", OFFLINE, pending("reinstall", at=NOW - 9), admin_state="offline"), node("spare")],
        [
            ("web1", ("recreate-disks",), ()),
            ("web1", ("add-tags", f"pending:reinstall:r1:{NOW - 9}:1001"), ()),
            ("web1", ("remove-tags", f"pending:reinstall:r1:{NOW - 9}:"), (1002,)),
        ],
        [
            ("web1", ("recreate-disks",), ("mark-down",), ("reinstall",), ("mark-offline",), ()),
            (
                "web1",
                ("add-tags", f"pending:reinstall:r1:{NOW - 9}:1001"),
                ("remove-tags", f"pending:reinstall:r1:{NOW - 9}:"),
                (),
            ),
        ],
    ),
    (
        "a result: between the two both stand, which every reader takes for the result",
        [rbd("web1", ONLINE, pending(jobs="7"), ended("enoperm", repair="r0"))],
        [
            ("web1", ("add-tags", f"result:failover:r1:{NOW}:success:7"), ()),
            ("web1", ("remove-tags", OLD, "result:failover:r0:200:enoperm:"), (1001,)),
        ],
        [
            (
                "web1",
                ("add-tags", f"result:failover:r1:{NOW}:success:7"),
                ("remove-tags", OLD, "result:failover:r0:200:enoperm:"),
                (),
            )
        ],
    ),
    (
        "a refusal: one tag of harep's form, with an id of its own and without jobs",
        [rbd("web1", OFFLINE, tag("migrate"))],
        [("web1", ("add-tags", f"result:failover:id1:{NOW}:enoperm:"), ())],
        [("web1", ("add-tags", f"result:failover:id1:{NOW}:enoperm:"), ())],
    ),
]


def _tags(one):
    return getattr(getattr(one, "instance", None), "tags", ())


@pytest.mark.parametrize(
    ("members", "alone", "joined"), [row[1:] for row in SENT], ids=[row[0].partition(":")[0] for row in SENT]
)
@BOTH
def test_what_is_sent(members, alone, joined, joins):
    """The intent stands before the step can run (law 2); where tasks are joined, in one job as far as that is right."""
    jobs = [job(7, "success", "FAILOVER")] * any("100:7" in text for one in members for text in _tags(one))
    client = _client(*members, jobs=jobs, joins=joins, room={"spare": (9000, 9000)})
    ((outcome,), trouble) = _run(client)
    assert _told(client) == (joined if joins else alone)
    assert (outcome.sent, outcome.error, trouble) == (True, "", None)


@pytest.mark.parametrize(("waiting", "noted"), [(0, 5), (2, 3), (5, 0), (9, 0)])
@pytest.mark.parametrize("joins", [False, True], ids=["a job a task", "joined"])
def test_no_more_than_five_notes_wait_for_resyncs(waiting, noted, joins):
    """Else the next round's claim finds no place in the queue; notes of other steps are sent in any case."""
    later = [drbd(f"web{at}", ONLINE, OFFLINE, pending(jobs=f"{at}", repair=f"r{at}")) for at in range(1, 8)]
    jobs = [job(at, "success", "FAILOVER", f"web{at}") for at in range(1, 8)]
    jobs += [job(100 + at, "waiting", "TAGS_SET", f"other{at}") for at in range(waiting)]
    client = _client(*later, rbd("zz", OFFLINE), node("spare"), jobs=jobs, joins=joins)
    outcomes, _trouble = _run(client)
    told = {outcome.action.name: bool(outcome.added) for outcome in outcomes}
    assert sum(told[f"web{at}"] for at in range(1, 8)) == noted
    assert told["zz"]
    assert all(outcome.jobs[-1] > 1000 for outcome in outcomes)


@BOTH
def test_the_outcome_of_a_new_repair(joins):
    """Its tags, its job, and the jobs that the round sees through: nobody waits for the note, nor for the step."""
    client = _client(rbd("web1", OFFLINE), node("spare"), joins=joins)
    ((outcome,), _trouble) = _run(client)
    step = 1001 if joins else 1002
    assert (outcome.jobs, outcome.tag_jobs) == ((step,), () if joins else (1001,))
    assert (outcome.added, outcome.removed) == ((tag(INTENT), tag(f"{INTENT}{step}")), ())
    assert [one.value for one in outcome.steps] == ["failover"]


@BOTH
def test_the_outcome_of_a_repair_that_goes_on(joins):
    """The intent stands; its time stays; the jobs grow."""
    client = _client(
        drbd("web1", ONLINE, OFFLINE, pending(jobs="7")),
        node("spare"),
        jobs=[job(7, "success", "FAILOVER")],
        joins=joins,
    )
    ((outcome,), _trouble) = _run(client)
    assert (outcome.jobs, outcome.added, outcome.removed, outcome.tag_jobs) == (
        (7, 1001), (tag("pending:failover:r1:100:7+1001"),), (pending(jobs="7"),), (),
    )  # fmt: skip


@BOTH
def test_the_outcome_of_all_steps_in_one_job(joins):
    """It names those that were submitted."""
    client = _client(plain("web1", OFFLINE), node("spare"), room={"spare": (9000, 9000)}, joins=joins)
    ((outcome,), _trouble) = _run(client)
    assert [one.value for one in outcome.steps] == ["recreate-disks"] + ["reinstall"] * joins
    assert len(outcome.jobs) == 1


@BOTH
def test_jobs_that_write_a_result_are_seen_through(joins):
    """The round tells what became of them."""
    client = _client(rbd("web1", ONLINE, pending(jobs="7")), jobs=[job(7, "success", "FAILOVER")], joins=joins)
    ((outcome,), _trouble) = _run(client)
    assert outcome.tag_jobs == ((1001,) if joins else (1001, 1002))


def test_a_canceled_repair_only_loses_its_tags():
    """No result is written."""
    client = _client(drbd("web1", ONLINE, OFFLINE, pending(jobs="7")), jobs=[job(7, "canceled", "REPLACE_DISKS")])
    _run(client)
    assert _told(client) == [("web1", ("remove-tags", OLD), ())]


def test_a_person_s_cancel_of_a_loss_suspends_the_instance():
    """So that it is not sent again (law 10); the suspend stands before the repair's tag goes."""
    client = _client(rbd("web1", OFFLINE, pending(jobs="7")), jobs=[job(7, "canceled", "FAILOVER")])
    _run(client)
    assert _told(client) == [("web1", ("add-tags", "suspend"), ()), ("web1", ("remove-tags", OLD), (1001,))]


def test_a_lift_removes_the_suspend_from_its_object():
    """Of each kind."""
    over = tag("suspend:1")
    client = _client(rbd("web1", ONLINE, over), tags=[over], group_tags={"default": [over]})
    _run(client)
    assert [(one.kind, one.name, one.tasks) for one in client.writes] == [
        (kind, name, (Task(Operation.REMOVE_TAGS, tags=(over,)),))
        for kind, name in (("cluster", ""), ("group", "default"), ("instance", "web1"))
    ]


GUARD = {"instance_uuid": "uuid-web1"}  # another instance of the same name is refused by Ganeti
PARAMETERS = [
    ("a new secondary", drbd("web1", ONLINE, OFFLINE), "replace-disks", {"iallocator": "hail"}),
    ("a migration to the secondary", drbd("web1", DRAINED, ONLINE), "migrate", {}),
    ("a failover to the secondary", drbd("web1", OFFLINE, ONLINE), "failover", {}),
    ("a migration on shared storage", rbd("web1", DRAINED), "migrate", {"iallocator": "hail"}),
    ("a failover on shared storage", rbd("web1", OFFLINE), "failover", {"iallocator": "hail"}),
    ("new disks", plain("web1", OFFLINE), "recreate-disks", {"nodes": ["spare1"]}),
    ("new disks, mirrored", drbd("web1", OFFLINE, OFFLINE), "recreate-disks", {"nodes": ["spare1", "spare2"]}),
]


@pytest.mark.parametrize(
    ("one", "operation", "wanted"), [row[1:] for row in PARAMETERS], ids=[row[0] for row in PARAMETERS]
)
@BOTH
def test_a_step_s_parameters(one, operation, wanted, joins):
    """What the operation needs beside the name; recreated disks always on nodes that are named."""
    room = {"spare1": (9000, 9000), "spare2": (8000, 8000)}
    client = _client(one, node("spare1"), node("spare2"), room=room, joins=joins)
    _run(client)
    step = _tasks(client)[1]
    assert (step.operation.value, step.parameters) == (operation, {**GUARD, **wanted})


@pytest.mark.parametrize(("admin", "start"), [("up", True), ("down", False)])
@BOTH
def test_a_reinstall_starts_only_what_is_meant_to_run(admin, start, joins):
    """Down it stays."""
    one = placed("web1", "plain", ONLINE, tags=(pending("reinstall", "7"),), admin_state=admin)
    client = _client(one, jobs=[job(7, "success", "RECREATE_DISKS", repair="r1")], joins=joins)
    _run(client)
    assert client.writes[0].tasks == (Task(Operation.REINSTALL, {**GUARD, "start": start}),)


@BOTH
def test_marking_an_instance_needs_nothing_but_its_name(joins):
    """What it is marked as is in the operation; where jobs can be joined, it is not left marked down."""
    one = placed("web1", "plain", ONLINE, tags=(pending("reinstall", "7"),), admin_state="offline")
    client = _client(one, jobs=[job(7, "success", "RECREATE_DISKS", repair="r1")], joins=joins)
    _run(client)
    assert client.writes[0].tasks == (
        Task(Operation.MARK_DOWN, GUARD),
        *((Task(Operation.REINSTALL, {**GUARD, "start": False}), Task(Operation.MARK_OFFLINE, GUARD)) if joins else ()),
    )


@pytest.mark.parametrize(
    ("chosen", "default", "wanted"), [("mine", "theirs", "mine"), ("", "theirs", "theirs"), ("", "", "hail")]
)
def test_the_allocator_is_the_user_s_or_the_cluster_s_or_hail(chosen, default, wanted):
    """In this order."""
    client = _client(rbd("web1", OFFLINE), default_iallocator=default)
    _run(client, iallocator=chosen)
    assert client.writes[1].tasks[0].parameters == {**GUARD, "iallocator": wanted}


def test_every_request_carries_the_repair_s_id_and_the_user_s_words():
    """By the first a job is known again."""
    client = _client(rbd("web1", OFFLINE), drbd("web2", ONLINE, OFFLINE, pending(repair="r2")), node("spare"))
    _run(client, reason="nightly")
    reasons = {(one.name, one.reason) for one in client.writes}
    assert reasons == {("web1", "ganeti.autorepair:id1 nightly"), ("web2", "ganeti.autorepair:r2 nightly")}


def test_a_tag_that_grows_too_long_loses_its_oldest_jobs():
    """128 characters; the outcome knows all of them."""
    numbers = tuple(range(1000001, 1000006))
    known = [job(number, "success", "MIGRATE") for number in numbers]
    text = tag(f"pending:fix-storage:{UUID}:1795259564:" + "+".join(map(str, numbers[1:])))
    client = _client(drbd("web1", ONLINE, OFFLINE, text), jobs=known)
    client.next_job = 1000005
    ((outcome,), _trouble) = _run(client)
    (added,) = client.writes[1].tasks[0].tags
    assert added.endswith(":1000003+1000004+1000005+1000006")
    assert len(added) <= 128
    assert outcome.jobs == (*numbers[1:], 1000006)


def test_what_waits_is_held_or_needs_a_person_sends_nothing():
    """No write, but an outcome each."""
    client = _client(
        rbd("a-wait", OFFLINE, pending(jobs="7")),
        rbd("b-hold", OFFLINE, tag("suspend")),
        rbd("c-report", OFFLINE, ended("failure")),
        rbd("d-well", ONLINE),
        jobs=[job(7, "running", "FAILOVER", "a-wait")],
    )
    (outcomes, trouble) = _run(client)
    assert (client.writes, trouble) == ([], None)
    assert [(one.action.kind.value, one.sent, one.error) for one in outcomes] == [
        (kind, False, "") for kind in ("wait", "report", "hold")
    ]


# --- check mode -----------------------------------------------------------------------------------------------------


def _words(requests):
    """What was to be done with which object; ids of jobs differ."""
    return [(one.kind, one.name, [task.operation for task in one.tasks]) for one in requests]


def _everything(joins):
    """Something of each kind that writes."""
    return _client(
        rbd("a-begins", OFFLINE),
        drbd("b-goes-on", ONLINE, OFFLINE, pending(jobs="7", repair="r2")),
        rbd("c-ends", ONLINE, pending(jobs="8", repair="r3")),
        rbd("d-refused", OFFLINE, tag("migrate")),
        rbd("e-lifted", ONLINE, tag("suspend:1")),
        plain("f-lost", OFFLINE),
        node("spare"),
        room={"spare": (9000, 9000)},
        joins=joins,
        jobs=[job(7, "success", "FAILOVER", "b-goes-on"), job(8, "success", "FAILOVER", "c-ends")],
    )


@BOTH
def test_check_mode_sends_nothing_and_tells_the_same_tags(joins):
    """Law 1: it is the client that sends nothing, whatever stands above it."""
    real, dry = _everything(joins), _everything(joins)
    recorder = DryRunClient(dry)
    plan = place(plan_of(dry.cluster), recorder)
    outcomes, trouble = carry_out(plan, recorder, settings(), no_sleep)
    done, _trouble = _run(real)
    assert (dry.writes, trouble) == ([], None)
    assert [one.action for one in outcomes] == [one.action for one in done]
    assert [one.sent for one in outcomes] == [one.sent for one in done] == [True] * 6
    assert _words(recorder.unsent) == _words(real.writes)
    assert [one.removed for one in outcomes if one.action.kind.value != "submit"] == [
        one.removed for one in done if one.action.kind.value != "submit"
    ]
    assert not any(one.tag_jobs for one in outcomes)


@BOTH
def test_check_mode_knows_the_intent_and_the_step_and_invents_no_job(joins):
    """A job that was not submitted stands as 0 in the tag that would be there in the end."""
    client = _client(rbd("web1", OFFLINE), joins=joins)
    recorder = DryRunClient(client)
    ((outcome,), _trouble) = carry_out(plan_of(client.cluster), recorder, settings(), no_sleep)
    unsent = [one.tasks for one in recorder.unsent if isinstance(one, JobRequest)]
    tasks = [task for tasks in unsent for task in tasks]
    assert [task.operation.value for task in tasks] == ["add-tags", "failover", "add-tags"]
    assert [len(tasks) for tasks in unsent] == ([2, 1] if joins else [1, 1, 1])
    assert (outcome.added, outcome.removed, outcome.jobs) == ((tag(INTENT), tag(f"{INTENT}0")), (), ())


def test_a_dry_run_passes_reads_on():
    """Unchanged."""
    client = _client(rbd("web1", OFFLINE))
    recorder = DryRunClient(client)
    assert recorder.query("node", ("name",), ["=", "name", "web1-p"]) == client.query(
        "node", ("name",), ["=", "name", "web1-p"]
    )
    assert recorder.cluster_info() == client.cluster_info()


# --- errors ---------------------------------------------------------------------------------------------------------


def _failing_at(number, error):
    """A script whose C(number)th write, from 1, gives C(error); all others succeed."""
    count = iter(range(1, 1000))
    return lambda request: error if next(count) == number else None


WRITES = pytest.mark.parametrize(
    ("number", "joins"), [(1, False), (2, False), (3, False), (1, True), (2, True)], ids=lambda value: str(value)
)  # the requests of a new repair
FIRST_OF_TWO = pytest.mark.parametrize(
    ("number", "joins"), [(1, False), (2, False), (5, False), (1, True), (3, True)], ids=lambda value: str(value)
)  # ... among those of two: the steps of both come before the notes of both
LONE = [RequestRefused("refused"), AnswerLost("lost"), NotFound("not found"), BadAnswer("nonsense")]


@pytest.mark.parametrize("error", LONE, ids=lambda error: type(error).__name__)
@FIRST_OF_TWO
def test_an_error_ends_its_own_repair_s_requests_and_no_other_s(number, error, joins):
    """Nothing more is sent for that instance; the next one is repaired (law 4)."""
    client = _client(rbd("web1", OFFLINE), rbd("web2", OFFLINE), node("spare"), joins=joins)
    client.script = _failing_at(number, error)
    (outcomes, trouble) = _run(client)
    names = [name for name in ("web1", "web2") for _write in ([1] if joins else [1, 2])] + ["web1", "web2"]
    assert [one.name for one in client.writes] == names[:number] + [name for name in names[number:] if name == "web2"]
    assert [one.error for one in outcomes] == [str(error), ""]
    assert trouble is None


@WRITES
def test_a_write_whose_answer_was_lost_counts_as_sent(number, joins):
    """The cluster may have taken it, so the round may have changed something."""
    script = _failing_at(number, AnswerLost("lost"))
    client = _client(rbd("web1", OFFLINE), node("spare"), script=script, joins=joins)
    ((outcome,), _trouble) = _run(client)
    assert (outcome.sent, outcome.written, outcome.lost) == (True, True, True)


def test_a_refused_first_write_was_not_sent():
    """Nothing changed."""
    client = _client(rbd("web1", OFFLINE), script=_failing_at(1, RequestRefused("refused")))
    ((outcome,), _trouble) = _run(client)
    assert (outcome.sent, outcome.added, outcome.jobs) == (False, (), ())


def test_a_step_that_was_refused_leaves_the_intent_told():
    """The tag stands, and the outcome says so."""
    client = _client(rbd("web1", OFFLINE), script=_failing_at(2, RequestRefused("refused")))
    ((outcome,), _trouble) = _run(client)
    assert (outcome.sent, outcome.added, outcome.tag_jobs) == (True, (tag(f"pending:failover:id1:{NOW}:"),), (1001,))


@BOTH
def test_two_lost_answers_in_a_row_end_the_round(joins):
    """A master that hangs would cost a time-out for each instance; one alone, or another error between, does not."""
    members = [rbd(f"web{number}", OFFLINE) for number in range(1, 6)]
    answers = {"web1": AnswerLost("1"), "web2": RequestRefused("2"), "web3": AnswerLost("3"), "web4": AnswerLost("4")}
    client = _client(*members, script=lambda request: answers.get(request.name), joins=joins)
    (outcomes, trouble) = _run(client)
    assert [one.name for one in client.writes] == ["web1", "web2", "web3", "web4"]
    assert [one.error for one in outcomes] == ["1", "2", "3", "4", NOT_BEGUN]
    assert isinstance(trouble, Unreachable)


@BOTH
def test_lost_answers_count_whatever_waits_beside_them(joins):
    """What is held, and what is written later, comes between them in the plan, and sends nothing there."""
    members = [rbd("web1", OFFLINE), rbd("web2", OFFLINE), rbd("web3", ONLINE, tag("suspend:1")), rbd("web4", OFFLINE)]
    held = rbd("web0", OFFLINE, tag("suspend"))
    client = _client(held, *members, script=lambda request: AnswerLost(request.name), joins=joins)
    (_outcomes, trouble) = _run(client)
    assert len(client.writes) == 2
    assert isinstance(trouble, Unreachable)


# --- several at a time -----------------------------------------------------------------------------------------------


class Meeting:
    """A client whose first requests wait for each other, so that it takes C(people) threads to get on; of an instance
    in C(errors) the step goes wrong."""

    def __init__(self, people, errors=None, joins=False):
        self.joins, self.errors = joins, errors or {}
        self.gate, self.lock, self.sent = threading.Barrier(people, timeout=5), threading.Lock(), []

    def submit(self, request):
        """See Client."""
        first = request.name not in {one.name for one in self.sent}
        with self.lock:
            self.sent.append(request)
        if first and len({one.name for one in self.sent}) <= self.gate.parties:
            self.gate.wait()
        time.sleep(0.001)  # so that the others come on as well
        if request.name in self.errors and request.tasks[-1].operation is Operation.FAILOVER:
            raise self.errors[request.name]
        return 1000 + len(self.sent)


@pytest.mark.parametrize("joins", [False, True])
def test_nothing_waits_for_the_intent_of_a_recreation_but_the_recreation(joins):
    """Where the queue is full it would take a minute for each; nobody's new secondary, note or end comes after that."""
    members = [plain("local1", OFFLINE), plain("local2", OFFLINE), drbd("move", OFFLINE, ONLINE)]
    client = _client(
        *members, drbd("copy", ONLINE, OFFLINE), node("spare"), room={"spare": (90000, 90000)}, joins=joins
    )
    client.seconds = lambda request: 3600
    _run(client)
    sent = [(number, what.name) for number, (kind, what) in enumerate(client.log) if kind == "submit"]
    first_wait = client.log.index(("read", "job"))
    assert {name for _, name in sent} == {"local1", "local2", "move", "copy"}
    assert all(number < first_wait for number, _ in sent)


@BOTH
def test_several_actions_are_carried_out_at_a_time(joins):
    """Each in its own order; the outcomes stand in the plan's."""
    plan = plan_of(cluster(*(rbd(f"web{number:02}", OFFLINE) for number in range(8)), tags=ALLOW))
    client: Any = Meeting(4, joins=joins)
    outcomes, trouble = carry_out(plan, client, settings(connections=4), no_sleep)
    assert (trouble, [one.action.name for one in outcomes]) == (None, [action.name for action in plan.actions])
    for name in (f"web{number:02}" for number in range(8)):
        sent = [task.operation.value for one in client.sent if one.name == name for task in one.tasks]
        assert sent == ["add-tags", "failover", "add-tags"]


@pytest.mark.parametrize(
    ("errors", "ends"),
    [
        ({"web01": AnswerLost("1")}, False),
        ({"web01": RequestRefused("1"), "web02": RequestRefused("2")}, False),
        ({f"web0{number}": AnswerLost(str(number)) for number in range(4)}, True),
        ({"web01": Forbidden("403")}, True),
    ],
    ids=["a lost answer", "refusals", "lost answers", "the whole cluster's"],
)
def test_an_error_beside_others(errors, ends):
    """What is on its way goes on; what would end a round keeps the next from being begun."""
    plan = plan_of(cluster(*(rbd(f"web{number:02}", OFFLINE) for number in range(40)), tags=ALLOW))
    client: Any = Meeting(4, errors)
    outcomes, trouble = carry_out(plan, client, settings(connections=4), no_sleep)
    begun = [one for one in outcomes if one.error != NOT_BEGUN]
    assert (trouble is not None) is ends
    assert len(begun) < 40 if ends else len(begun) == 40
    assert [one.action.name for one in outcomes if one.lost] == [
        name for name, error in errors.items() if isinstance(error, AnswerLost)
    ]


@pytest.mark.parametrize("connections", [1, 4])
def test_what_nobody_has_foreseen_ends_it(connections):
    """It is the caller's, and nothing more is begun."""
    plan = plan_of(cluster(*(rbd(f"web{number:02}", OFFLINE) for number in range(40)), tags=ALLOW))
    client: Any = Meeting(connections, {"web01": ZeroDivisionError("a bug")})
    with pytest.raises(ZeroDivisionError):
        carry_out(plan, client, settings(connections=connections), no_sleep)
    assert len({one.name for one in client.sent}) < 40


@pytest.mark.parametrize("connections", [0, -1, 21])
def test_a_number_of_connections_that_is_not_served(connections):
    """Refused before anything is read."""
    with pytest.raises(BadOption, match=f"connections is {connections}; it takes a number from 1 to 20"):
        settings(connections=connections)


ALL = [Unreachable("no connection"), TlsError("bad certificate"), Unauthorized("401"), Forbidden("403")]


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
@FIRST_OF_TWO
def test_an_error_of_the_whole_cluster_ends_the_round(number, error, joins):
    """Nothing more is sent; what was not begun says so, and what needs no write is told as ever."""
    client = _client(
        rbd("web1", OFFLINE),
        rbd("web2", OFFLINE),
        rbd("web3", OFFLINE, tag("suspend")),
        script=_failing_at(number, error),
        joins=joins,
    )
    (outcomes, trouble) = _run(client)
    assert len(client.writes) == number
    assert trouble is error
    assert [one.action.kind.value for one in outcomes] == ["submit", "submit", "hold"]
    assert [one.error for one in outcomes] == [
        NOT_BEGUN if number == 1 else str(error),
        "" if number > 2 else NOT_BEGUN,
        "",
    ]
    assert [one.sent for one in outcomes] == [number > 1, number > 2, False]


HOLDING = [
    (QueueDrained("Queue drained"), "the job queue is drained"),
    (ClaimOver("over"), "this round has come to the end of its claim"),
]


@pytest.mark.parametrize(("error", "why"), HOLDING, ids=["a drained queue", "the end of the claim"])
@FIRST_OF_TWO
def test_what_holds_the_rest_is_no_failure(number, joins, error, why):
    """Laws 9 and 3: it is respected; what had begun says what kept it."""
    client = _client(rbd("web1", OFFLINE), rbd("web2", OFFLINE), script=_failing_at(number, error), joins=joins)
    (outcomes, trouble) = _run(client)
    assert (len(client.writes), trouble) == (number, None)
    first, second = outcomes
    begun = number > 2
    assert (second.action.kind.value, second.error, second.sent) == ("submit" if begun else "hold", "", begun)
    assert begun or second.action.reason == f"primary web2-p is offline; held, as {why}"
    assert (first.action.kind.value, first.error) == (("hold", "") if number == 1 else ("submit", str(error)))


# --- confirming -----------------------------------------------------------------------------------------------------


def _confirm(script, during=lambda client: None, **more):
    """The outcomes of a round after they were confirmed, and the seconds that were slept."""
    slept = []
    client = _client(rbd("web1", OFFLINE), rbd("web2", OFFLINE), script=script, **more)
    outcomes, _trouble = _run(client)

    def sleep(seconds):
        slept.append(seconds)
        during(client)

    client.log.clear()
    return confirm(outcomes, client, sleep), slept, client


def _first_tag(status):
    """A script that gives the intent of web1 this status."""
    return lambda request: (
        status if request.name == "web1" and request.tasks[0].tags == (tag(f"pending:failover:id1:{NOW}:"),) else None
    )


def test_tags_that_were_written_are_confirmed_by_one_request():
    """For all of them."""
    outcomes, slept, client = _confirm(lambda request: None)
    assert ([one.error for one in outcomes], slept, client.reads) == (["", ""], [], ["job"])


@pytest.mark.parametrize(("status", "why"), [("error", "it broke"), ("canceled", "no reason given")])
def test_a_tag_that_was_not_written_is_an_error_of_its_repair(status, why):
    """The step will not run: it depends on the tag."""
    outcomes, slept, _client = _confirm(_first_tag(status))
    assert [one.error for one in outcomes] == [f"job 1001, which writes its tags, ended as {status} ({why})", ""]
    assert slept == []


def test_a_tag_that_takes_long_is_waited_for_with_growing_pauses_and_not_for_ever():
    """A minute."""
    outcomes, slept, _client = _confirm(_first_tag("waiting"))
    assert [one.error for one in outcomes] == ["job 1001, which writes its tags, has not ended yet", ""]
    assert CONFIRM_SECONDS <= sum(slept) < CONFIRM_SECONDS + 5
    assert slept[:3] == [0.1, 0.2, 0.4]
    assert max(slept) == 2.0


def test_a_job_that_ends_while_it_is_waited_for_is_well():
    """No longer than needed."""

    def end(client):
        client.queue = {number: (request, None, at) for number, (request, _status, at) in client.queue.items()}

    outcomes, slept, _client = _confirm(_first_tag("running"), during=end)
    assert ([one.error for one in outcomes], slept) == (["", ""], [0.1])


@pytest.mark.parametrize("status", ["error", "waiting"])
def test_an_error_that_is_known_already_is_not_replaced(status):
    """The first one explains the most."""
    scripts = iter([status, RequestRefused("refused")])
    outcomes, _slept, _client = _confirm(lambda request: next(scripts, None))
    assert outcomes[0].error == "refused"


@pytest.mark.parametrize("outcomes", [(), None], ids=["alone", "with tags"])
def test_the_job_that_lets_go_of_the_claim_is_waited_for_with_the_others(outcomes):
    """So that the next round finds no claim; by the same request."""
    client = _client(rbd("web1", OFFLINE), tags=[*ALLOW, tag("claim:me:1")], script=lambda request: None)
    outcomes = _run(client)[0] if outcomes is None else outcomes
    release = client.submit(JobRequest("cluster", "", (Task(Operation.REMOVE_TAGS, tags=(tag("claim:me:1"),)),)))
    client.cluster = replace(client.cluster, jobs={**client.cluster.jobs, release: job(release, "running", "TAGS_DEL")})
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        known = {**client.cluster.jobs, release: job(release, "error", "TAGS_DEL")}
        client.cluster = replace(client.cluster, jobs=known)

    client.log.clear()
    assert [one.error for one in confirm(outcomes, client, sleep, release)] == [""] * len(outcomes)
    assert (slept, client.reads) == ([0.1], ["job", "job"])


def test_nothing_is_asked_when_nothing_was_written():
    """No read for nothing."""
    client = _client(rbd("web1", ONLINE))
    assert (confirm((), client, print), client.log) == ((), [])
