# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opcodes: what a job is made of, as LUXI takes it (Ganeti facts, (a), (b) and (g))."""

from __future__ import annotations

import json
import time

import pytest
from unit.plugins.module_utils.builders import tag
from unit.plugins.module_utils.fake import SUMMARIES

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.job_request import JobRequest, Task
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.opcodes import opcodes
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import STEPS, Operation

WEB1 = {"instance_name": "web1"}
HAIL = {"iallocator": "hail"}


def _made(*tasks, kind="instance", name="web1", **more):
    """The opcodes of a request, without their reason."""
    made = opcodes(JobRequest(kind, name, tasks, **more))
    return [{key: value for key, value in one.items() if key != "reason"} for one in made]


def _op(opcode, **parameters):
    return {"OP_ID": "OP_" + opcode, **parameters}


TASKS = [
    (
        "a new secondary",
        Task(Operation.REPLACE_SECONDARY, HAIL),
        [_op("INSTANCE_REPLACE_DISKS", **WEB1, **HAIL, mode="replace_new_secondary", disks=[])],
    ),
    ("a migration", Task(Operation.MIGRATE), [_op("INSTANCE_MIGRATE", **WEB1)]),
    ("a failover, with an allocator", Task(Operation.FAILOVER, HAIL), [_op("INSTANCE_FAILOVER", **WEB1, **HAIL)]),
    (
        "new disks",
        Task(Operation.RECREATE_DISKS, {"nodes": ["node1", "node2"]}),
        [_op("INSTANCE_RECREATE_DISKS", **WEB1, nodes=["node1", "node2"])],
    ),
    (
        "a reinstall, as RAPI does it",
        Task(Operation.REINSTALL, {"start": True}),
        [_op("INSTANCE_SHUTDOWN", **WEB1), _op("INSTANCE_REINSTALL", **WEB1), _op("INSTANCE_STARTUP", **WEB1)],
    ),
    (
        "a reinstall of one that stays down",
        Task(Operation.REINSTALL, {"start": False}),
        [_op("INSTANCE_SHUTDOWN", **WEB1), _op("INSTANCE_REINSTALL", **WEB1)],
    ),
    ("marked down", Task(Operation.MARK_DOWN), [_op("INSTANCE_SET_PARAMS", **WEB1, offline=False)]),
    ("marked offline", Task(Operation.MARK_OFFLINE), [_op("INSTANCE_SET_PARAMS", **WEB1, offline=True)]),
    (
        "a question about devices",
        Task(Operation.QUERY_DEVICES),
        [_op("INSTANCE_QUERY_DATA", instances=["web1"], static=False, use_locking=False)],
    ),
    (
        "tags set",
        Task(Operation.ADD_TAGS, tags=(tag("suspend"),)),
        [_op("TAGS_SET", kind="instance", name="web1", tags=[tag("suspend")])],
    ),
    (
        "tags removed",
        Task(Operation.REMOVE_TAGS, tags=("a", "b")),
        [_op("TAGS_DEL", kind="instance", name="web1", tags=["a", "b"])],
    ),
]


@pytest.mark.parametrize(("task", "wanted"), [row[1:] for row in TASKS], ids=[row[0] for row in TASKS])
def test_a_task_is_made_of(task, wanted):
    """These opcodes, in this order."""
    assert _made(task) == wanted


@pytest.mark.parametrize(
    ("kind", "name", "wanted"),
    [
        ("instance", "web1", {"kind": "instance", "name": "web1"}),
        ("group", "rack1", {"kind": "nodegroup", "name": "rack1"}),
        ("cluster", "", {"kind": "cluster", "name": None}),
    ],
)
def test_tags_stand_on_an_object_that_ganeti_knows(kind, name, wanted):
    """The cluster has no name there."""
    assert _made(Task(Operation.ADD_TAGS, tags=("a",)), kind=kind, name=name) == [_op("TAGS_SET", **wanted, tags=["a"])]


def test_several_tasks_are_one_job_in_their_order():
    """Each does nothing when the one before has failed: so does Ganeti."""
    made = _made(
        Task(Operation.ADD_TAGS, tags=("a",)),
        Task(Operation.RECREATE_DISKS, {"nodes": ["node1"]}),
        Task(Operation.REINSTALL, {"start": True}),
    )
    assert [one["OP_ID"] for one in made] == [
        "OP_TAGS_SET",
        "OP_INSTANCE_RECREATE_DISKS",
        "OP_INSTANCE_SHUTDOWN",
        "OP_INSTANCE_REINSTALL",
        "OP_INSTANCE_STARTUP",
    ]


def test_the_first_opcode_waits_for_what_the_job_comes_after():
    """For its success, not only for its end; the others wait for the first anyway."""
    first, *others = _made(Task(Operation.ADD_TAGS, tags=("a",)), Task(Operation.FAILOVER), after=(7, 9))
    assert first["depends"] == [[7, ["success"]], [9, ["success"]]]
    assert not any("depends" in one for one in others)
    assert "depends" not in _made(Task(Operation.FAILOVER))[0]


def test_every_opcode_carries_the_reason():
    """By it a job is known again: source, words, and the time in nanoseconds, as in Ganeti's own trails."""
    before = time.time_ns()
    made = opcodes(JobRequest("instance", "web1", (Task(Operation.REINSTALL, {"start": True}),), reason="r1 nightly"))
    assert len(made) == 3
    for one in made:
        ((source, words, at),) = one["reason"]
        assert (source, words) == ("ganeti.autorepair", "r1 nightly")
        assert before <= at <= time.time_ns()


def test_an_opcode_without_a_reason_has_an_empty_trail():
    """Ganeti refuses one without the field."""
    (one,) = opcodes(JobRequest("instance", "web1", (Task(Operation.FAILOVER),)))
    assert one["reason"] == []


@pytest.mark.parametrize("operation", Operation)
def test_every_operation_can_be_sent(operation):
    """As JSON, and nothing is shared with the tables or the request."""
    parameters = {"start": True} if operation is Operation.REINSTALL else {}
    request = JobRequest("instance", "web1", (Task(operation, parameters),), reason="r1")
    made = opcodes(request)
    assert json.loads(json.dumps(made)) == made
    assert tuple(one["OP_ID"].removeprefix("OP_") for one in made) == SUMMARIES[operation]
    made[0]["instance_name"] = "web2"
    assert opcodes(request)[0].get("instance_name") != "web2"


def test_a_node_is_marked_so_that_another_one_becomes_a_candidate_for_it():
    """Without that Ganeti refuses it, if there are few."""
    (opcode,) = opcodes(JobRequest("node", "node3", (Task(Operation.MARK_NODE_OFFLINE),)))
    assert opcode == {
        "OP_ID": "OP_NODE_SET_PARAMS",
        "node_name": "node3",
        "offline": True,
        "auto_promote": True,
        "reason": [],
    }


@pytest.mark.parametrize(
    ("operation", "flags"),
    [
        (Operation.MARK_NODE_DRAINED, {"drained": True}),
        (Operation.MARK_NODE_REGULAR, {"drained": False, "master_candidate": False}),
        (Operation.MARK_NODE_CANDIDATE, {"master_candidate": True}),
    ],
)
def test_a_node_that_comes_back_is_marked_by_one_flag(operation, flags):
    """By the one that becomes true alone: with `offline: false` beside it, Ganeti may fail by a bug."""
    (opcode,) = opcodes(JobRequest("node", "node3", (Task(operation),)))
    assert opcode == {"OP_ID": "OP_NODE_SET_PARAMS", "node_name": "node3", **flags, "reason": []}


def test_the_steps_are_all_operations_but_those_on_tags_and_questions():
    """Each by the opcode that does it, which stands in the job's summary; disks are activated for a failover."""
    others = {Operation.ADD_TAGS, Operation.REMOVE_TAGS, Operation.QUERY_DEVICES, Operation.ACTIVATE_DISKS}
    marks = {operation for operation in Operation if operation.opcode == "NODE_SET_PARAMS"}
    assert set(STEPS) == set(Operation) - others - marks
    assert all(step.opcode in SUMMARIES[step] for step in STEPS)
