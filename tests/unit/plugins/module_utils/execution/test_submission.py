# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a step is submitted: the intent before it, the note of its job after it."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import (
    NOW,
    OFFLINE,
    ONLINE,
    drbd,
    job,
    node,
    pending,
    plain,
    rbd,
    tag,
)
from unit.plugins.module_utils.execution.test_execute import BOTH, INTENT, carried_out, client_of, failing_at

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import (
    RequestRefused,
)

UUID = "9d0c8a0e-5b1f-4b55-8c56-7f6a4b3a1f27"


@pytest.mark.parametrize(("waiting", "noted"), [(0, 5), (2, 3), (5, 0), (9, 0)])
@pytest.mark.parametrize("multi_opcode", [False, True], ids=["a job a task", "joined"])
def test_no_more_than_five_notes_wait_for_resyncs(waiting, noted, multi_opcode):
    """Else the next round's claim finds no place in the queue; notes of other steps are sent in any case."""
    later = [drbd(f"web{at}", ONLINE, OFFLINE, pending(jobs=f"{at}", repair=f"r{at}")) for at in range(1, 8)]
    jobs = [job(at, "success", "FAILOVER", f"web{at}") for at in range(1, 8)]
    jobs += [job(100 + at, "waiting", "TAGS_SET", f"other{at}") for at in range(waiting)]
    client = client_of(*later, rbd("zz", OFFLINE), node("spare"), jobs=jobs, supports_multi_opcode_jobs=multi_opcode)
    outcomes, _trouble = carried_out(client)
    told = {outcome.action.name: bool(outcome.added) for outcome in outcomes}
    assert sum(told[f"web{at}"] for at in range(1, 8)) == noted
    assert told["zz"]
    assert all(outcome.jobs[-1] > 1000 for outcome in outcomes)


@BOTH
def test_the_outcome_of_a_new_repair(multi_opcode):
    """Its tags, its job, and the jobs that the round sees through: nobody waits for the note, nor for the step."""
    client = client_of(rbd("web1", OFFLINE), node("spare"), supports_multi_opcode_jobs=multi_opcode)
    ((outcome,), _trouble) = carried_out(client)
    step = 1001 if multi_opcode else 1002
    assert (outcome.jobs, outcome.tag_jobs) == ((step,), () if multi_opcode else (1001,))
    assert (outcome.added, outcome.removed) == ((tag(INTENT), tag(f"{INTENT}{step}")), ())
    assert [one.value for one in outcome.steps] == ["failover"]


@BOTH
def test_the_outcome_of_a_repair_that_goes_on(multi_opcode):
    """The intent stands; its time stays; the jobs grow."""
    client = client_of(
        drbd("web1", ONLINE, OFFLINE, pending(jobs="7")),
        node("spare"),
        jobs=[job(7, "success", "FAILOVER")],
        supports_multi_opcode_jobs=multi_opcode,
    )
    ((outcome,), _trouble) = carried_out(client)
    assert (outcome.jobs, outcome.added, outcome.removed, outcome.tag_jobs) == (
        (7, 1001), (tag("pending:failover:r1:100:7+1001"),), (pending(jobs="7"),), (),
    )  # fmt: skip


@BOTH
def test_the_outcome_of_all_steps_in_one_job(multi_opcode):
    """It names those that were submitted."""
    client = client_of(
        plain("web1", OFFLINE), node("spare"), room={"spare": (9000, 9000)}, supports_multi_opcode_jobs=multi_opcode
    )
    ((outcome,), _trouble) = carried_out(client)
    assert [one.value for one in outcome.steps] == ["recreate-disks"] + ["reinstall"] * multi_opcode
    assert len(outcome.jobs) == 1


def test_a_tag_that_grows_too_long_loses_its_oldest_jobs():
    """128 characters; the outcome knows all of them."""
    numbers = tuple(range(1000001, 1000006))
    known = [job(number, "success", "MIGRATE") for number in numbers]
    text = tag(f"pending:fix-storage:{UUID}:1795259564:" + "+".join(map(str, numbers[1:])))
    client = client_of(drbd("web1", ONLINE, OFFLINE, text), jobs=known)
    client.next_job = 1000005
    ((outcome,), _trouble) = carried_out(client)
    (added,) = client.writes[1].tasks[0].tags
    assert added.endswith(":1000003+1000004+1000005+1000006")
    assert len(added) <= 128
    assert outcome.jobs == (*numbers[1:], 1000006)


def test_a_step_that_was_refused_leaves_the_intent_told():
    """The tag stands, and the outcome says so."""
    client = client_of(rbd("web1", OFFLINE), script=failing_at(2, RequestRefused("refused")))
    ((outcome,), _trouble) = carried_out(client)
    assert (outcome.sent, outcome.added, outcome.tag_jobs) == (True, (tag(f"pending:failover:id1:{NOW}:"),), (1001,))


@pytest.mark.parametrize("multi_opcode", [False, True])
def test_nothing_waits_for_the_intent_of_a_recreation_but_the_recreation(multi_opcode):
    """Where the queue is full it would take a minute for each; nobody's new secondary, note or end comes after that."""
    members = [plain("local1", OFFLINE), plain("local2", OFFLINE), drbd("move", OFFLINE, ONLINE)]
    client = client_of(
        *members,
        drbd("copy", ONLINE, OFFLINE),
        node("spare"),
        room={"spare": (90000, 90000)},
        supports_multi_opcode_jobs=multi_opcode,
    )
    client.seconds = lambda request: 3600
    carried_out(client)
    sent = [(number, what.name) for number, (kind, what) in enumerate(client.log) if kind == "submit"]
    first_wait = client.log.index(("read", "job"))
    assert {name for _, name in sent} == {"local1", "local2", "move", "copy"}
    assert all(number < first_wait for number, _ in sent)
