# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of a dry run reads, keeps what it does not send, and invents no job."""

from __future__ import annotations

from unit.plugins.module_utils.builders import (
    OFFLINE,
    ONLINE,
    drbd,
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
from unit.plugins.module_utils.execution.test_execute import BOTH, INTENT, carried_out, client_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.execute import carry_out
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.job_request import JobRequest
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.placement import assign_nodes


def _words(requests):
    """What was to be done with which object; ids of jobs differ."""
    return [(one.kind, one.name, [task.operation for task in one.tasks]) for one in requests]


def _everything(multi_opcode):
    """Something of each kind that writes."""
    return client_of(
        rbd("a-begins", OFFLINE),
        drbd("b-goes-on", ONLINE, OFFLINE, pending(jobs="7", repair="r2")),
        rbd("c-ends", ONLINE, pending(jobs="8", repair="r3")),
        rbd("d-refused", OFFLINE, tag("migrate")),
        rbd("e-lifted", ONLINE, tag("suspend:1")),
        plain("f-lost", OFFLINE),
        node("spare"),
        room={"spare": (9000, 9000)},
        supports_multi_opcode_jobs=multi_opcode,
        jobs=[job(7, "success", "FAILOVER", "b-goes-on"), job(8, "success", "FAILOVER", "c-ends")],
    )


@BOTH
def test_check_mode_sends_nothing_and_tells_the_same_tags(multi_opcode):
    """Law 1: it is the client that sends nothing, whatever stands above it."""
    real, dry = _everything(multi_opcode), _everything(multi_opcode)
    recorder = DryRunClient(dry)
    plan = assign_nodes(plan_of(dry.cluster), recorder)
    outcomes, trouble = carry_out(plan, recorder, settings(), no_sleep)
    done, _trouble = carried_out(real)
    assert (dry.writes, trouble) == ([], None)
    assert [one.action for one in outcomes] == [one.action for one in done]
    assert [one.sent for one in outcomes] == [one.sent for one in done] == [True] * 6
    assert _words(recorder.unsent) == _words(real.writes)
    assert [one.removed for one in outcomes if one.action.kind.value != "submit"] == [
        one.removed for one in done if one.action.kind.value != "submit"
    ]
    assert not any(one.tag_jobs for one in outcomes)


@BOTH
def test_check_mode_knows_the_intent_and_the_step_and_invents_no_job(multi_opcode):
    """A job that was not submitted stands as 0 in the tag that would be there in the end."""
    client = client_of(rbd("web1", OFFLINE), supports_multi_opcode_jobs=multi_opcode)
    recorder = DryRunClient(client)
    ((outcome,), _trouble) = carry_out(plan_of(client.cluster), recorder, settings(), no_sleep)
    unsent = [one.tasks for one in recorder.unsent if isinstance(one, JobRequest)]
    tasks = [task for tasks in unsent for task in tasks]
    assert [task.operation.value for task in tasks] == ["add-tags", "failover", "add-tags"]
    assert [len(tasks) for tasks in unsent] == ([2, 1] if multi_opcode else [1, 1, 1])
    assert (outcome.added, outcome.removed, outcome.jobs) == ((tag(INTENT), tag(f"{INTENT}0")), (), ())


def test_a_dry_run_passes_reads_on():
    """Unchanged."""
    client = client_of(rbd("web1", OFFLINE))
    recorder = DryRunClient(client)
    assert recorder.query("node", ("name",), ["=", "name", "web1-p"]) == client.query(
        "node", ("name",), ["=", "name", "web1-p"]
    )
    assert recorder.cluster_info() == client.cluster_info()
