# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gating: every gate is tried, the first that is shut gives the reason, and a drained job queue holds everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from unit.plugins.module_utils.builders import NOW, OFFLINE, ONLINE, at_most, marked, pending, plain, rbd, steps, tag
from unit.plugins.module_utils.planning.gates.cases import (
    ALLOW,
    HOUR,
    OFTEN,
    STEPS,
    action_of,
    next_step,
    plan_with,
    shut_by,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.gating import GATES
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import has_more_work
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Fencing

FOLDER = Path(__file__).parents[5] / "plugins" / "module_utils" / "planning" / "gates"


# --- one after the other --------------------------------------------------------------------------------------------


def test_every_gate_is_tried() -> None:
    """A file that nobody calls would hold nothing."""
    files = {path.stem for path in FOLDER.glob("*.py")} - {"obstacle"}
    assert {gate.__name__ for gate in GATES} == files
    assert len(GATES) == len(files)


@pytest.mark.parametrize("what", STEPS)
def test_with_every_gate_open_the_step_is_taken(what: str) -> None:
    """So that the tests of gates, each in its own file, can fail."""
    one, more = STEPS[what]
    action = action_of(one, **more)
    assert (action.kind.value, action.why) == ("submit", None)
    assert steps(action)


def test_what_is_held_still_tells_what_it_would_do() -> None:
    """Its steps, its type and whose it is; but nothing is written."""
    one, more = STEPS["new disks after a failover"]
    held = action_of(one, limits=shut_by("fix-storage"), **more)
    open_ = action_of(one, **more)
    assert (held.steps, held.type, held.repair) == (open_.steps, open_.type, open_.repair)
    assert held.reason == f"{open_.reason}; held: reinstall may begin at 2027-01-15T09:00:00Z"
    assert not held.writes


# --- which comes first ----------------------------------------------------------------------------------------------


def test_the_first_gate_that_is_shut_gives_the_reason() -> None:
    """With all of them shut, and then one after the other opened."""
    states: dict[str, Any] = {
        "stopped": {},
        "other_repair": (pending(repair="theirs", at=NOW - 1),),
        "breaker": {"max_unhealthy": at_most("0")},
        "watcher_paused": {},
        "settle_time": {"settle_time": 100},
        "flapping": {"repair_window": HOUR},
        "windows": shut_by("reinstall"),
        "min_offline_age": {"min_offline_age": 100},
        "fencing": {"fencing": Fencing.CONFIRMED},
    }
    found = []
    for opened in range(len(states) + 1):
        shut = list(states)[opened:]
        limits = {name: value for gate in shut if gate != "other_repair" for name, value in states[gate].items()}
        tags = (pending("reinstall", at=NOW - 2), *(OFTEN if "flapping" in shut else ()))
        tags += states["other_repair"] if "other_repair" in shut else ()
        more: dict[str, Any] = {"watcher_paused_until": NOW + 1} if "watcher_paused" in shut else {}
        more |= {"tags": [*ALLOW, tag("stop")]} if "stopped" in shut else {}
        one = marked(plain("web1", OFFLINE, *tags), changed=NOW)
        why = action_of(one, rbd("x", OFFLINE), limits=limits, queue_drained=True, **more).why
        found.append(why and why.value)
    assert found == [*states, "queue_drained"]


# --- the drained queue ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", STEPS)
def test_a_drained_queue_holds_every_step(what: str) -> None:
    """Also the rest of a reinstall: nothing can be submitted."""
    action = next_step(what, queue_drained=True)
    assert (action.kind.value, action.why) == ("hold", Reason.QUEUE_DRAINED)


@pytest.mark.parametrize(("drained", "writes"), [(True, False), (False, True), (None, True)])
def test_a_drained_queue_holds_everything_that_writes(drained: bool | None, writes: bool) -> None:
    """Steps, ends, refusals, lifts and the breaker's memory; where the transport can't tell, none."""
    plan = plan_with(
        rbd("a", OFFLINE),
        rbd("b", ONLINE, pending()),
        rbd("c", OFFLINE, tag("migrate")),
        rbd("d", ONLINE, tag("suspend:1")),
        rbd("e", OFFLINE, tag("suspend")),
        tags=[*ALLOW, tag(f"breaker:{NOW}")],
        group_tags={"default": [tag("suspend:1")]},
        queue_drained=drained,
    )
    assert plan.writes is writes
    told = {action.name: action for action in plan.actions}
    assert told.pop("e").why is Reason.SUSPENDED
    if not writes:
        assert set(told) == {"", "default", "a", "b", "c", "d"}
        assert all((one.kind.value, one.why) == ("hold", Reason.QUEUE_DRAINED) for one in told.values())
        assert all(one.reason.endswith("; held: the job queue is drained") for one in told.values())
        assert not has_more_work(plan)
