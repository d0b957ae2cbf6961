# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate `other_repair`: no disks are given up while somebody else's repair is pending."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils.builders import (
    NOW,
    OFFLINE,
    ONLINE,
    Placed,
    drbd,
    ended,
    job,
    pending,
    plain,
    rbd,
    steps,
)
from unit.plugins.module_utils.planning.gates.cases import action_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason

OWN = pending("reinstall", at=NOW - 2)


OTHER, THIRD = pending(repair="r2", at=NOW - 1), pending("migrate", repair="r3", at=NOW - 1)


OURS, THEIRS = {"repair": "r1"}, {"repair": ""}


OTHERS = [
    ("nobody else's", plain("web1", OFFLINE, OWN), (), ""),
    ("another one that was asked for", plain("web1", OFFLINE, OWN, OTHER), (), OTHER),
    (
        "two others",
        plain("web1", OFFLINE, OWN, OTHER, THIRD),
        (),
        f"{OTHER} {THIRD}",
    ),
    ("one that was begun by us", plain("web1", OFFLINE, pending("reinstall", "7")), (OURS,), ""),
    (
        "one that was begun by somebody else",
        plain("web1", OFFLINE, pending("reinstall", "7")),
        (THEIRS,),
        pending("reinstall", "7"),
    ),
    (
        "one that was begun by somebody whose name begins as ours does",
        plain("web1", OFFLINE, pending("reinstall", "7")),
        ({"reasons": ("ganeti.autorepair.else:r1",)},),
        pending("reinstall", "7"),
    ),
    (
        "one that somebody else has gone on with",
        plain("web1", OFFLINE, pending("reinstall", "7+8")),
        (OURS, THEIRS),
        "",
    ),
    (
        "one of ours in two tags, as its runner died",
        plain("web1", OFFLINE, pending("reinstall"), pending("reinstall", "7")),
        (OURS,),
        "",
    ),
    (
        "one of ours whose first job has left the queue",
        plain("web1", OFFLINE, pending("reinstall", "6+7")),
        (OURS,),
        "",
    ),
    (
        "one that was begun by somebody else, whose job has left it",
        plain("web1", OFFLINE, pending("reinstall", "6+7")),
        (THEIRS,),
        pending("reinstall", "6+7"),
    ),
    (
        "one that was begun by somebody else, of an instance marked offline",
        plain("web1", OFFLINE, pending("reinstall", "7"), admin_state="offline"),
        (THEIRS,),
        pending("reinstall", "7"),
    ),
    (
        "a tag that is left over from one that has ended",
        plain("web1", OFFLINE, OWN, OTHER, ended("success", repair="r2", at=60)),
        (),
        "",
    ),
]


@pytest.mark.parametrize(("one", "jobs", "tags"), [row[1:] for row in OTHERS], ids=[row[0] for row in OTHERS])
def test_no_disks_are_given_up_while_a_repair_is_pending_that_is(
    one: Placed, jobs: tuple[dict[str, Any], ...], tags: str
) -> None:
    """A person has to see to it; the reason names its tags."""
    known = [job(7 + at, "success", "FAILOVER", **more) for at, more in enumerate(jobs)]
    action = action_of(one, jobs=known)
    assert (action.kind.value, action.why) == (("report", Reason.OTHER_REPAIR) if tags else ("submit", None))
    if tags:
        words = "; disks are not given up while somebody else's repair is pending; deal with it, or remove its tag: "
        assert action.command == f"gnt-instance remove-tags web1 {tags}"
        assert action.reason.endswith(words + action.command)
        assert steps(action)[0] == "recreate-disks"


def test_what_keeps_data_does_not_mind_somebody_else_s_repair() -> None:
    """It is worked through in the order of their times."""
    for one in (
        rbd("web1", OFFLINE, pending(), pending(repair="r2")),
        drbd("web1", ONLINE, OFFLINE, pending(), pending(repair="r2")),
        rbd("web1", OFFLINE, pending(jobs="7")),
    ):
        assert action_of(one, jobs=[job(7, "success", "MIGRATE")]).kind.value == "submit"
