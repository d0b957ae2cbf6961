# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of gates are tried on: a plan for some instances, every kind of step, and nodes marked for so long."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from unit.plugins.module_utils.builders import (
    DRAINED,
    NOW,
    OFFLINE,
    ONLINE,
    Member,
    Placed,
    cluster,
    drbd,
    ended,
    job,
    marked,
    no_room,
    pending,
    plain,
    plan_of,
    rbd,
    tag,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import Plan
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.action import Action
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.windows import parse_windows

ALLOW = [tag("reinstall")]
HOUR = 3600
BOTH = drbd("web1", OFFLINE, OFFLINE)
OFTEN = tuple(ended("success", jobs="1", repair=f"o{number}", at=NOW - 10 - number) for number in range(3))


def plan_with(*members: Member, limits: dict[str, Any] | None = None, now: float = NOW, **more: Any) -> Plan:
    """The plan for such a cluster, in which everything is allowed."""
    return plan_of(cluster(*members, **{"tags": ALLOW, **more}), now, **(limits or {}))


def action_of(*members: Member, **more: Any) -> Action:
    """What comes next for the first instance."""
    return plan_with(*members, **more).rows[0][1]


def shut_by(kind: str) -> dict[str, Any]:
    """A window for repairs of a type, which opens in an hour."""
    window = {"type": kind, "start": "09:00", "end": "10:00", "timezone": "UTC"}
    return {"windows": parse_windows([window])}


# --- what comes next, by what it is: the instance, and the jobs there were -------------------------------------------


def done(operations: str, repair: str = "r1", **more: Any) -> dict[str, Any]:
    """A cluster whose job 7, which did such `operations` for a repair, has succeeded."""
    return {"jobs": [job(7, "success", operations, repair=repair, **more)]}


RESTING = plain("web1", ONLINE, pending("reinstall", "7"))
MARKED = plain("web1", ONLINE, pending("reinstall", "7"), admin_state="offline")
Steps = dict[str, tuple[Placed, dict[str, Any]]]
# the first step of a repair
BEGINS: Steps = {
    "a failover": (rbd("web1", OFFLINE), {}),
    "a failover that was asked for": (rbd("web1", OFFLINE, pending()), {}),
    "a failover to the secondary": (drbd("web1", OFFLINE, ONLINE), {}),
    "new disks": (plain("web1", OFFLINE), {}),
    "new disks on two nodes": (drbd("web1", OFFLINE, OFFLINE), {}),
    "a new secondary": (drbd("web1", ONLINE, OFFLINE), {}),
    "a new secondary before a migration": (drbd("web1", DRAINED, OFFLINE), {}),
    "a new secondary for a drained one": (drbd("web1", ONLINE, DRAINED), {}),
    "a migration": (drbd("web1", DRAINED, ONLINE), {}),
    "a move off a drained node that takes a failover": (rbd("web1", DRAINED, always_failover=True), {}),
    "a move of one that is down": (rbd("web1", DRAINED, admin_state="down"), {}),
}
# a later step that gives up running state or disks
LOSES: Steps = {
    "a failover after a migration": (rbd("web1", OFFLINE, pending(jobs="7")), done("MIGRATE")),
    "a failover that failed before": (
        rbd("web1", OFFLINE, pending(jobs="7")),
        {"jobs": [job(7, "error", "FAILOVER", repair="r1", ended=NOW - 9999)]},
    ),
    "a failover after a failover": (rbd("web1", OFFLINE, pending(jobs="7")), done("FAILOVER")),
    "a failover after a replacement and a failover": (
        rbd("web1", OFFLINE, pending(jobs="7+8")),
        {"jobs": [job(at, "success", what, repair="r1") for at, what in ((7, "REPLACE_DISKS"), (8, "FAILOVER"))]},
    ),
    "new disks after a failover": (drbd("web1", OFFLINE, OFFLINE, pending("reinstall", "7")), done("FAILOVER")),
    "new disks after new disks": (plain("web1", OFFLINE, pending("reinstall", "7")), done("RECREATE_DISKS")),
    "new disks that could not be made before": (
        plain("web1", OFFLINE, pending("reinstall", "7")),
        {"jobs": [no_room(7, NOW - 9999, "RECREATE_DISKS", repair="r1")]},
    ),
}
# any other later step
GOES_ON: Steps = {
    "a new secondary after a failover": (drbd("web1", ONLINE, OFFLINE, pending(jobs="7")), done("FAILOVER")),
    "a failover off a drained node after a replacement": (
        drbd("web1", DRAINED, ONLINE, pending(jobs="7"), always_failover=True),
        done("REPLACE_DISKS"),
    ),
    "a migration after a replacement": (drbd("web1", DRAINED, ONLINE, pending(jobs="7")), done("REPLACE_DISKS")),
    "a new secondary after a replacement": (drbd("web1", ONLINE, OFFLINE, pending(jobs="7")), done("REPLACE_DISKS")),
    "a migration after a migration": (drbd("web1", DRAINED, ONLINE, pending(jobs="7")), done("MIGRATE")),
    "a new secondary that could not be made before": (
        drbd("web1", ONLINE, OFFLINE, pending("fix-storage", "7")),
        {"jobs": [no_room(7, NOW - 9999, "REPLACE_DISKS", repair="r1")]},
    ),
    "the rest of a reinstall": (RESTING, done("RECREATE_DISKS")),
    "the rest for one marked offline": (MARKED, done("RECREATE_DISKS")),
    "the mark of one that was offline": (
        replace(MARKED, instance=replace(MARKED.instance, admin_state="down")),
        {"jobs": [job(7, "success", "RECREATE_DISKS SET_PARAMS REINSTALL", repair="r1")]},
    ),
    "the rest on two nodes, of which one died since": (
        drbd("web1", ONLINE, OFFLINE, pending("reinstall", "7")),
        done("RECREATE_DISKS"),
    ),
}
STEPS = BEGINS | LOSES | GOES_ON


def next_step(what: str, own: Iterable[str] = (), limits: dict[str, Any] | None = None, **state: Any) -> Action:
    """What becomes of a step of STEPS on an instance with more tags of its `own`, in a cluster in which others have
    died too, and all nodes were marked just now."""
    one, more = STEPS[what]
    one = marked(replace(one, instance=replace(one.instance, tags=(*one.instance.tags, *own))), changed=NOW)
    others = [rbd(f"x{number}", OFFLINE) for number in range(3)]
    return action_of(one, *others, limits=limits, **more, **state)


# --- seconds since a mark -------------------------------------------------------------------------------------------

AGES = [
    ("a second too young", 99, 100, "hold"),
    ("a part of a second too young", 99.9, 100, "hold"),
    ("just old enough", 100, 100, "submit"),
    ("a second older", 101, 100, "submit"),
    ("marked in the future, by another clock", -5, 100, "hold"),
    ("nobody knows, and nobody asks", None, 0, "submit"),
    ("just marked, and nobody asks", 0, 0, "submit"),
    ("just marked, one second is asked for", 0, 1, "hold"),
    ("a second ago, one second is asked for", 1, 1, "submit"),
]


def aged(one: Placed, *ages: float | None) -> Placed:
    """`one` on nodes that were marked so many seconds ago, the primary first; None where nobody knows."""
    changed = [None if age is None else NOW - age for age in ages]
    return replace(one, nodes=tuple(replace(node, changed=at) for node, at in zip(one.nodes, changed, strict=True)))


# sentence, the instance, the ages of its nodes, what becomes of the step with settle_time, and with min_offline_age
TWO_AGES = [
    ("two dead nodes, both old", drbd("web1", OFFLINE, OFFLINE), (100, 100), "submit", "submit"),
    ("two dead nodes, the primary young", drbd("web1", OFFLINE, OFFLINE), (99, 100), "hold", "hold"),
    ("two dead nodes, the secondary young", drbd("web1", OFFLINE, OFFLINE), (100, 99), "hold", "hold"),
    ("a young secondary is replaced", drbd("web1", ONLINE, OFFLINE), (0, 99), "hold", "submit"),
    ("an online secondary is as young as it likes", drbd("web1", OFFLINE, ONLINE), (100, 0), "submit", "submit"),
    ("a drained primary too", drbd("web1", DRAINED, ONLINE), (0, 0), "submit", "submit"),
    ("a drained primary and a young dead secondary", drbd("web1", DRAINED, OFFLINE), (0, 99), "hold", "submit"),
    ("a drained primary and an old dead secondary", drbd("web1", DRAINED, OFFLINE), (0, 100), "submit", "submit"),
]
