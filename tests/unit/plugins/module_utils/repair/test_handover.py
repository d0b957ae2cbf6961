# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others have done since disks were recreated decides who goes on with a reinstall."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from unit.plugins.module_utils.builders import (
    NOW,
    OFFLINE,
    ONLINE,
    REINSTALL,
    job,
    tag,
)
from unit.plugins.module_utils.repair.test_changes_of_the_world import DOUBT, MARK, STATES, Point, added_by, next_action

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import Job
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.action import ActionKind

RECREATED: dict[str, Any] = {"reasons": MARK, "nodes": ("web1-p", "web1-s")}
TAKEN_OVER: dict[
    str, tuple[dict[str, Any], tuple[Job, ...], tuple[str, ...]]
] = {  # the recreation, other jobs, and other tags
    "an hour is over": ({"ended": NOW - 3601}, (), ()),
    "somebody started it": ({"ended": NOW - 600}, (job(20, "success", "STARTUP", repair="", ended=NOW - 300),), ()),
    "somebody suspended it": ({"ended": NOW - 600}, (), (tag("suspend"),)),
    "a node that held it is back": ({"ended": NOW - 600, "reasons": ("ganeti.autorepair:r1 held-by=web1-p",)}, (), ()),
    "a node that held it before another recreation is back": (
        {"ended": NOW - 300, "reasons": ("ganeti.autorepair:r1 held-by=gone",)},
        (job(6, "success", "RECREATE_DISKS", reasons=("ganeti.autorepair:r1 held-by=web1-p",), ended=NOW - 600),),
        (),
    ),
    "nobody knows which node held it": ({"ended": NOW - 600, "reasons": ("ganeti.autorepair:r1",)}, (), ()),
    "nobody knows when it was": ({"ended": None}, (), ()),
}


@pytest.mark.parametrize("how", TAKEN_OVER)
def test_what_is_left_of_a_reinstall_is_for_a_person(how):
    """It ends in doubt about all copies, whatever is needed; a reinstall that waits is canceled."""
    more, others, tags = TAKEN_OVER[how]
    for template, waits in product(("drbd", "plain"), (False, True)):
        for states in product(STATES, repeat=2 if template == "drbd" else 1):
            if how.endswith("is back") and states[0] is OFFLINE:
                continue
            point = Point(template, "recreate-disks", "succeeded", states, REINSTALL, REINSTALL, True)
            jobs = (job(7, "success", "RECREATE_DISKS", **{**RECREATED, **more}), *others)
            jobs += (job(21, "queued", "SHUTDOWN REINSTALL STARTUP", reasons=MARK),) * waits
            action = next_action(point, tags=tags, jobs=jobs)
            assert (action.kind, action.result) == (ActionKind.FINISH, None), (str(point), action.reason)
            assert added_by(point, action) == (DOUBT,), (str(point), action.reason)
            assert action.cancel == ((21,) if waits else ()), (str(point), action.reason)


@pytest.mark.parametrize(
    ("since", "carried_on"), [(0, True), (3599, True), (3600, True), (3600.5, False), (3601, False)]
)
def test_the_border_of_the_hour(since, carried_on):
    """It is carried on within an hour, and for a person after it."""
    point = Point("plain", "recreate-disks", "succeeded", (ONLINE,), REINSTALL, REINSTALL, True)
    action = next_action(point, jobs=(job(7, "success", "RECREATE_DISKS", **RECREATED, ended=NOW - since),))
    assert (action.kind is ActionKind.SUBMIT) is carried_on
