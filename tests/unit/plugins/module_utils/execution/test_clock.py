# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that is wrong by more than a little writes nothing."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import cluster, rbd
from unit.plugins.module_utils.execution.test_lease import WRITE, Skewed, client_of, taken

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import (
    ClockWrong,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.lease import SET_SECONDS
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.clocks import MAX_SKEW


@pytest.mark.parametrize(
    ("skew", "words"),
    [
        (0, None),
        (MAX_SKEW, None),
        (-MAX_SKEW, None),
        (MAX_SKEW + 1, "46 s behind the master's"),
        (-MAX_SKEW - 1, "46 s ahead of the master's"),
        (86400, "86400 s behind"),
        (-86400, "86400 s ahead of"),
    ],
)
def test_a_clock_that_is_wrong_claims_nothing(skew, words):
    """No claim could be relied upon, on either side."""
    client = Skewed(cluster(rbd("web1", None)))
    client.skew = skew
    if words is None:
        assert taken(client).submit(WRITE)
        return
    with pytest.raises(ClockWrong, match=words):
        taken(client)
    assert client.claims == []


@pytest.mark.parametrize("skew", [MAX_SKEW + 1, -MAX_SKEW - 1])
@pytest.mark.parametrize("queues", [0, 50, SET_SECONDS])
def test_a_wrong_clock_is_found_however_long_the_claim_s_job_waits(queues, skew):
    """What counts is when the master received the job, so the time that it waits hides nothing."""
    client = Skewed(cluster(rbd("web1", None)), seconds=lambda request: queues)
    client.skew = skew
    with pytest.raises(ClockWrong, match="46 s"):
        taken(client)
    assert not client.clock.slept
    client.clock.sleep(2 * queues)
    client.settle()
    assert client.claims == []


# seconds that the answer takes and after which of them the master received the job, skew, words of the error
SLOW = [
    ("a slow answer is no skew", MAX_SKEW, 20, 0, None),
    ("nor is one that is received at once", MAX_SKEW, 0, 0, None),
    ("a slower one hides a skew", MAX_SKEW + 1, 20, 30, "as the answer to job 1001 took 46 s"),
    ("it might hide one", 90, 60, 0, "as the answer to job 1001 took 90 s"),
    ("it hides none that is larger", 60, 0, -MAX_SKEW - 1, "46 s ahead of the master's"),
    ("on either side", 60, 60, MAX_SKEW + 1, "46 s behind the master's"),
]


@pytest.mark.parametrize(
    ("takes", "received", "skew", "words"), [row[1:] for row in SLOW], ids=[row[0] for row in SLOW]
)
def test_an_answer_that_takes_long_can_not_tell_that_a_clock_is_right(takes, received, skew, words):
    """So whoever writes is known to be within MAX_SKEW of the master, which the margin rests on."""

    class Slow(Skewed):
        def submit(self, request):
            self.clock.now += received
            number = super().submit(request)
            self.clock.now += takes - received
            return number

    client = Slow(cluster(rbd("web1", None)))
    client.skew = skew
    if words is None:
        assert taken(client)
        return
    with pytest.raises(ClockWrong, match=words):
        taken(client)
    assert client.claims == []


def test_a_cluster_that_does_not_say_when_it_received_the_claim_is_not_written_to():
    """Unknown is not right (law 7)."""
    client = client_of()
    client.received = NoTimes()
    with pytest.raises(ClockWrong, match="does not say when it received job 1001"):
        taken(client)
    assert client.claims == []


class NoTimes(dict[int, float]):
    """Nobody knows when jobs came."""

    def __setitem__(self, number, at):
        """Forget it."""
