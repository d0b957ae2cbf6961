# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An action is a sentence for people, and carries the repair that it is about."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    OFFLINE,
    drbd,
    job,
    next_for,
    node,
    pending,
    tag,
)
from unit.plugins.module_utils.repair.test_decide import DONE, broken, well

WORDS = [
    (
        "held",
        broken(tag("suspend")),
        {},
        "primary web1-p is offline; suspended by its instance until the suspend tag is removed",
    ),
    ("well", well(pending(jobs="7")), {"jobs": [DONE]}, "it is healthy"),
    (
        "refused",
        broken(tag("migrate")),
        {},
        "primary web1-p is offline; failover is needed, but its own tag allows migrate",
    ),
    (
        "waiting",
        drbd("web1", OFFLINE, DRAINED, tag("failover")),
        {},
        "primary web1-p is offline and secondary web1-s is drained; "
        "waits until node web1-s is no longer drained: it holds the only copy",
    ),
    (
        "busy",
        broken(tag("failover")),
        {"jobs": [job(8, "running", "REBOOT"), job(9, "queued", "REBOOT STARTUP")]},
        "primary web1-p is offline; job 8 (INSTANCE_REBOOT) is in progress, "
        "job 9 (INSTANCE_REBOOT INSTANCE_STARTUP) is waiting; to see which job holds its locks: gnt-debug locks",
    ),
    (
        "running",
        broken(pending(jobs="6+7")),
        {"jobs": [job(6, "success", "MIGRATE"), job(7, "running", "FAILOVER")]},
        "job 7 (INSTANCE_FAILOVER) is in progress",
    ),
]


@pytest.mark.parametrize(("one", "more", "words"), [row[1:] for row in WORDS], ids=[row[0] for row in WORDS])
def test_a_reason_is_a_whole_sentence(one, more, words):
    """To the letter: nothing is left over at its end."""
    assert next_for(one, **more).reason == words


def test_an_action_that_waits_carries_its_repair():
    """So that a report can say which."""
    action = next_for(broken(pending(jobs="7")), node("other"), jobs=[job(7, "running", "FAILOVER")])
    assert (action.repair.id, action.type.label) == ("r1", "failover")
