# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags that were written are seen to be there, by one request for all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.plugins.module_utils.builders import (
    NOW,
    OFFLINE,
    ONLINE,
    job,
    rbd,
    tag,
)
from unit.plugins.module_utils.execution.test_execute import ALLOW, carried_out, client_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import (
    RequestRefused,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.confirm import confirm
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.job_request import JobRequest, Task
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.waiter import CONFIRM_SECONDS


def _confirm(script, during=lambda client: None, **more):
    """The outcomes of a round after they were confirmed, and the seconds that were slept."""
    slept = []
    client = client_of(rbd("web1", OFFLINE), rbd("web2", OFFLINE), script=script, **more)
    outcomes, _trouble = carried_out(client)

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
    client = client_of(rbd("web1", OFFLINE), tags=[*ALLOW, tag("claim:me:1")], script=lambda request: None)
    outcomes = carried_out(client)[0] if outcomes is None else outcomes
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
    client = client_of(rbd("web1", ONLINE))
    assert (confirm((), client, print), client.log) == ((), [])
