# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an action sends: the tasks of its steps, with their parameters."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    OFFLINE,
    ONLINE,
    drbd,
    job,
    node,
    pending,
    placed,
    plain,
    rbd,
)
from unit.plugins.module_utils.execution.test_execute import BOTH, carried_out, client_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.job_request import Task
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation


def _tasks(client):
    """All tasks that were sent, in their order, whatever the jobs."""
    return [task for one in client.writes for task in one.tasks]


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
def test_a_step_s_parameters(one, operation, wanted, multi_opcode):
    """What the operation needs beside the name; recreated disks always on nodes that are named."""
    room = {"spare1": (9000, 9000), "spare2": (8000, 8000)}
    client = client_of(one, node("spare1"), node("spare2"), room=room, supports_multi_opcode_jobs=multi_opcode)
    carried_out(client)
    step = _tasks(client)[1]
    assert (step.operation.value, step.parameters) == (operation, {**GUARD, **wanted})


@pytest.mark.parametrize(("admin", "start"), [("up", True), ("down", False)])
@BOTH
def test_a_reinstall_starts_only_what_is_meant_to_run(admin, start, multi_opcode):
    """Down it stays."""
    one = placed("web1", "plain", ONLINE, tags=(pending("reinstall", "7"),), admin_state=admin)
    client = client_of(
        one, jobs=[job(7, "success", "RECREATE_DISKS", repair="r1")], supports_multi_opcode_jobs=multi_opcode
    )
    carried_out(client)
    assert client.writes[0].tasks == (Task(Operation.REINSTALL, {**GUARD, "start": start}),)


@BOTH
def test_marking_an_instance_needs_nothing_but_its_name(multi_opcode):
    """What it is marked as is in the operation; where jobs can be joined, it is not left marked down."""
    one = placed("web1", "plain", ONLINE, tags=(pending("reinstall", "7"),), admin_state="offline")
    client = client_of(
        one, jobs=[job(7, "success", "RECREATE_DISKS", repair="r1")], supports_multi_opcode_jobs=multi_opcode
    )
    carried_out(client)
    assert client.writes[0].tasks == (
        Task(Operation.MARK_DOWN, GUARD),
        *(
            (Task(Operation.REINSTALL, {**GUARD, "start": False}), Task(Operation.MARK_OFFLINE, GUARD))
            if multi_opcode
            else ()
        ),
    )


@pytest.mark.parametrize(
    ("chosen", "default", "wanted"), [("mine", "theirs", "mine"), ("", "theirs", "theirs"), ("", "", "hail")]
)
def test_the_allocator_is_the_user_s_or_the_cluster_s_or_hail(chosen, default, wanted):
    """In this order."""
    client = client_of(rbd("web1", OFFLINE), default_iallocator=default)
    carried_out(client, iallocator=chosen)
    assert client.writes[1].tasks[0].parameters == {**GUARD, "iallocator": wanted}
