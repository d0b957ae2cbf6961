# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Execute: which requests are sent, in which order, and what becomes of errors (laws 1, 2, 4 and 7)."""

from __future__ import annotations

import threading
import time
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
    ClaimOver,
    Forbidden,
    NotFound,
    QueueDrained,
    RequestRefused,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution import execute
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.execute import carry_out
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.job_request import Task
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.placement import assign_nodes
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.action import ActionKind
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.outcome import NOT_BEGUN

ALLOW = [tag("reinstall")]


def client_of(*members, script=lambda request: None, room=None, supports_multi_opcode_jobs=False, **more):
    more.setdefault("tags", ALLOW)
    return FakeClient(
        cluster(*members, **more), script=script, room=room or {}, supports_multi_opcode_jobs=supports_multi_opcode_jobs
    )


def carried_out(client, **more):
    """The outcomes of carrying out the plan for `client`'s cluster, and the trouble."""
    plan = assign_nodes(plan_of(client.cluster), client)
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


BOTH = pytest.mark.parametrize("multi_opcode", [False, True], ids=["a job a task", "joined"])


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
def test_what_is_sent(members, alone, joined, multi_opcode):
    """The intent stands before the step can run (law 2); where tasks are joined, in one job as far as that is right."""
    jobs = [job(7, "success", "FAILOVER")] * any("100:7" in text for one in members for text in _tags(one))
    client = client_of(*members, jobs=jobs, supports_multi_opcode_jobs=multi_opcode, room={"spare": (9000, 9000)})
    ((outcome,), trouble) = carried_out(client)
    assert _told(client) == (joined if multi_opcode else alone)
    assert (outcome.sent, outcome.error, trouble) == (True, "", None)


@BOTH
def test_jobs_that_write_a_result_are_seen_through(multi_opcode):
    """The round tells what became of them."""
    client = client_of(
        rbd("web1", ONLINE, pending(jobs="7")),
        jobs=[job(7, "success", "FAILOVER")],
        supports_multi_opcode_jobs=multi_opcode,
    )
    ((outcome,), _trouble) = carried_out(client)
    assert outcome.tag_jobs == ((1001,) if multi_opcode else (1001, 1002))


def test_a_canceled_repair_only_loses_its_tags():
    """No result is written."""
    client = client_of(drbd("web1", ONLINE, OFFLINE, pending(jobs="7")), jobs=[job(7, "canceled", "REPLACE_DISKS")])
    carried_out(client)
    assert _told(client) == [("web1", ("remove-tags", OLD), ())]


def test_a_person_s_cancel_of_a_loss_suspends_the_instance():
    """So that it is not sent again (law 10); the suspend stands before the repair's tag goes."""
    client = client_of(rbd("web1", OFFLINE, pending(jobs="7")), jobs=[job(7, "canceled", "FAILOVER")])
    carried_out(client)
    assert _told(client) == [("web1", ("add-tags", "suspend"), ()), ("web1", ("remove-tags", OLD), (1001,))]


def test_a_lift_removes_the_suspend_from_its_object():
    """Of each kind."""
    over = tag("suspend:1")
    client = client_of(rbd("web1", ONLINE, over), tags=[over], group_tags={"default": [over]})
    carried_out(client)
    assert [(one.kind, one.name, one.tasks) for one in client.writes] == [
        (kind, name, (Task(Operation.REMOVE_TAGS, tags=(over,)),))
        for kind, name in (("cluster", ""), ("group", "default"), ("instance", "web1"))
    ]


def test_what_waits_is_held_or_needs_a_person_sends_nothing():
    """No write, but an outcome each."""
    client = client_of(
        rbd("a-wait", OFFLINE, pending(jobs="7")),
        rbd("b-hold", OFFLINE, tag("suspend")),
        rbd("c-report", OFFLINE, ended("failure")),
        rbd("d-well", ONLINE),
        jobs=[job(7, "running", "FAILOVER", "a-wait")],
    )
    (outcomes, trouble) = carried_out(client)
    assert (client.writes, trouble) == ([], None)
    assert [(one.action.kind.value, one.sent, one.error) for one in outcomes] == [
        (kind, False, "") for kind in ("wait", "report", "hold")
    ]


# --- errors ---------------------------------------------------------------------------------------------------------


def failing_at(number, error):
    """A script whose `number`th write, from 1, gives `error`; all others succeed."""
    count = iter(range(1, 1000))
    return lambda request: error if next(count) == number else None


FIRST_OF_TWO = pytest.mark.parametrize(
    ("number", "multi_opcode"), [(1, False), (2, False), (5, False), (1, True), (3, True)], ids=lambda value: str(value)
)  # ... among those of two: the steps of both come before the notes of both
LONE = [RequestRefused("refused"), AnswerLost("lost"), NotFound("not found"), BadAnswer("nonsense")]


@pytest.mark.parametrize("error", LONE, ids=lambda error: type(error).__name__)
@FIRST_OF_TWO
def test_an_error_ends_its_own_repair_s_requests_and_no_other_s(number, error, multi_opcode):
    """Nothing more is sent for that instance; the next one is repaired (law 4)."""
    client = client_of(
        rbd("web1", OFFLINE), rbd("web2", OFFLINE), node("spare"), supports_multi_opcode_jobs=multi_opcode
    )
    client.script = failing_at(number, error)
    (outcomes, trouble) = carried_out(client)
    names = [name for name in ("web1", "web2") for _write in ([1] if multi_opcode else [1, 2])] + ["web1", "web2"]
    assert [one.name for one in client.writes] == names[:number] + [name for name in names[number:] if name == "web2"]
    assert [one.error for one in outcomes] == [str(error), ""]
    assert trouble is None


# --- several at a time -----------------------------------------------------------------------------------------------


class Meeting:
    """A client whose first requests wait for each other, so that it takes `people` threads to get on; of an instance
    in `errors` the step goes wrong. All other requests wait for the event `ended`, if there is one."""

    def __init__(self, people, errors=None, supports_multi_opcode_jobs=False, ended=None):
        self.supports_multi_opcode_jobs, self.errors, self.ended = supports_multi_opcode_jobs, errors or {}, ended
        self.gate, self.lock, self.sent = threading.Barrier(people, timeout=5), threading.Lock(), []

    def submit(self, request):
        """See Client."""
        first = request.name not in {one.name for one in self.sent}
        with self.lock:
            self.sent.append(request)
        if first and len({one.name for one in self.sent}) <= self.gate.parties:
            self.gate.wait()
        elif first and self.ended:
            assert self.ended.wait(60)
        time.sleep(0.001)  # so that the others come on as well
        if request.name in self.errors and request.tasks[-1].operation is Operation.FAILOVER:
            raise self.errors[request.name]
        return 1000 + len(self.sent)


@BOTH
def test_several_actions_are_carried_out_at_a_time(multi_opcode):
    """Each in its own order; the outcomes stand in the plan's."""
    plan = plan_of(cluster(*(rbd(f"web{number:02}", OFFLINE) for number in range(8)), tags=ALLOW))
    client: Any = Meeting(4, supports_multi_opcode_jobs=multi_opcode)
    outcomes, trouble = carry_out(plan, client, settings(connections=4), no_sleep)
    assert (trouble, [one.action.name for one in outcomes]) == (None, [action.name for action in plan.actions])
    for name in (f"web{number:02}" for number in range(8)):
        sent = [task.operation.value for one in client.sent if one.name == name for task in one.tasks]
        assert sent == ["add-tags", "failover", "add-tags"]


def names_of(plan, kind):
    """The instances of a kind of action."""
    return {action.name for action in plan.actions if action.kind is kind}


@pytest.fixture(name="ended")
def ended_event(monkeypatch):
    """An event that is set as soon as the round has come to an early end, so that no test rests on a thread's pace."""
    event = threading.Event()

    class Heard(execute._AbortState):
        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            if value and name in ("error", "stopped"):
                event.set()

    monkeypatch.setattr(execute, "_AbortState", Heard)
    return event


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
def test_an_error_beside_others(errors, ends, ended):
    """What is on its way goes on; what would end a round keeps the next from being begun."""
    plan = plan_of(cluster(*(rbd(f"web{number:02}", OFFLINE) for number in range(40)), tags=ALLOW))
    client: Any = Meeting(4, errors, ended=ended if ends else None)
    outcomes, trouble = carry_out(plan, client, settings(connections=4), no_sleep)
    begun = {request.name for request in client.sent}
    assert (trouble is not None) is ends
    assert len(begun) <= 4 + 3 if ends else len(begun) == 10  # the first four, and one more of each other thread
    assert {one.action.name for one in outcomes if one.error == NOT_BEGUN} == names_of(plan, ActionKind.SUBMIT) - begun
    assert [one.action.name for one in outcomes if one.lost] == [
        name for name, error in errors.items() if isinstance(error, AnswerLost)
    ]


@pytest.mark.parametrize("connections", [1, 4])
def test_what_nobody_has_foreseen_ends_it(connections, ended):
    """It is the caller's, and nothing more is begun."""
    plan = plan_of(cluster(*(rbd(f"web{number:02}", OFFLINE) for number in range(40)), tags=ALLOW))
    client: Any = Meeting(connections, {f"web{connections - 1:02}": ZeroDivisionError("a bug")}, ended=ended)
    with pytest.raises(ZeroDivisionError):
        carry_out(plan, client, settings(connections=connections), no_sleep)
    assert len({one.name for one in client.sent}) <= 2 * connections - 1


HOLDING = [
    (QueueDrained("Queue drained"), "the job queue is drained"),
    (ClaimOver("over"), "this round's claim is about to expire"),
]


@pytest.mark.parametrize(("error", "why"), HOLDING, ids=["a drained queue", "the end of the claim"])
@FIRST_OF_TWO
def test_what_holds_the_rest_is_no_failure(number, multi_opcode, error, why):
    """Laws 9 and 3: it is respected; what had begun says what kept it."""
    client = client_of(
        rbd("web1", OFFLINE),
        rbd("web2", OFFLINE),
        script=failing_at(number, error),
        supports_multi_opcode_jobs=multi_opcode,
    )
    (outcomes, trouble) = carried_out(client)
    assert (len(client.writes), trouble) == (number, None)
    first, second = outcomes
    begun = number > 2
    assert (second.action.kind.value, second.error, second.sent) == ("submit" if begun else "hold", "", begun)
    assert begun or second.action.reason == f"primary web2-p is offline; held: {why}"
    assert (first.action.kind.value, first.error) == (("hold", "") if number == 1 else ("submit", str(error)))
