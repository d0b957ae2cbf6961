# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All writes go one way: with the reason that they carry, and an end where answers stay away."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import (
    OFFLINE,
    ONLINE,
    drbd,
    node,
    pending,
    rbd,
    tag,
)
from unit.plugins.module_utils.execution.test_execute import BOTH, FIRST_OF_TWO, carried_out, client_of, failing_at

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import (
    AnswerLost,
    Forbidden,
    RequestRefused,
    TlsError,
    Unauthorized,
    Unreachable,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.outcome import NOT_BEGUN


def test_every_request_carries_the_repair_s_id_and_the_user_s_words():
    """By the first a job is known again."""
    client = client_of(rbd("web1", OFFLINE), drbd("web2", ONLINE, OFFLINE, pending(repair="r2")), node("spare"))
    carried_out(client, reason="nightly")
    reasons = {(one.name, one.reason) for one in client.writes}
    assert reasons == {("web1", "ganeti.autorepair:id1 nightly"), ("web2", "ganeti.autorepair:r2 nightly")}


WRITES = pytest.mark.parametrize(
    ("number", "multi_opcode"), [(1, False), (2, False), (3, False), (1, True), (2, True)], ids=lambda value: str(value)
)  # the requests of a new repair


@WRITES
def test_a_write_whose_answer_was_lost_counts_as_sent(number, multi_opcode):
    """The cluster may have taken it, so the round may have changed something."""
    script = failing_at(number, AnswerLost("lost"))
    client = client_of(rbd("web1", OFFLINE), node("spare"), script=script, supports_multi_opcode_jobs=multi_opcode)
    ((outcome,), _trouble) = carried_out(client)
    assert (outcome.sent, outcome.written, outcome.lost) == (True, True, True)


def test_a_refused_first_write_was_not_sent():
    """Nothing changed."""
    client = client_of(rbd("web1", OFFLINE), script=failing_at(1, RequestRefused("refused")))
    ((outcome,), _trouble) = carried_out(client)
    assert (outcome.sent, outcome.added, outcome.jobs) == (False, (), ())


@BOTH
def test_two_lost_answers_in_a_row_end_the_round(multi_opcode):
    """A master that hangs would cost a time-out for each instance; one alone, or another error between, does not."""
    members = [rbd(f"web{number}", OFFLINE) for number in range(1, 6)]
    answers = {"web1": AnswerLost("1"), "web2": RequestRefused("2"), "web3": AnswerLost("3"), "web4": AnswerLost("4")}
    client = client_of(
        *members, script=lambda request: answers.get(request.name), supports_multi_opcode_jobs=multi_opcode
    )
    (outcomes, trouble) = carried_out(client)
    assert [one.name for one in client.writes] == ["web1", "web2", "web3", "web4"]
    assert [one.error for one in outcomes] == ["1", "2", "3", "4", NOT_BEGUN]
    assert isinstance(trouble, Unreachable)


@BOTH
def test_lost_answers_count_whatever_waits_beside_them(multi_opcode):
    """What is held, and what is written later, comes between them in the plan, and sends nothing there."""
    members = [rbd("web1", OFFLINE), rbd("web2", OFFLINE), rbd("web3", ONLINE, tag("suspend:1")), rbd("web4", OFFLINE)]
    held = rbd("web0", OFFLINE, tag("suspend"))
    client = client_of(
        held, *members, script=lambda request: AnswerLost(request.name), supports_multi_opcode_jobs=multi_opcode
    )
    (_outcomes, trouble) = carried_out(client)
    assert len(client.writes) == 2
    assert isinstance(trouble, Unreachable)


ALL = [Unreachable("no connection"), TlsError("bad certificate"), Unauthorized("401"), Forbidden("403")]


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
@FIRST_OF_TWO
def test_an_error_of_the_whole_cluster_ends_the_round(number, error, multi_opcode):
    """Nothing more is sent; what was not begun says so, and what needs no write is told as ever."""
    client = client_of(
        rbd("web1", OFFLINE),
        rbd("web2", OFFLINE),
        rbd("web3", OFFLINE, tag("suspend")),
        script=failing_at(number, error),
        supports_multi_opcode_jobs=multi_opcode,
    )
    (outcomes, trouble) = carried_out(client)
    assert len(client.writes) == number
    assert trouble is error
    assert [one.action.kind.value for one in outcomes] == ["submit", "submit", "hold"]
    assert [one.error for one in outcomes] == [
        NOT_BEGUN if number == 1 else str(error),
        "" if number > 2 else NOT_BEGUN,
        "",
    ]
    assert [one.sent for one in outcomes] == [number > 1, number > 2, False]
