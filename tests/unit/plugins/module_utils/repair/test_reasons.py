# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reasons have names that people look up, and say whether they pass by themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    NOW,
    OFFLINE,
    ONLINE,
    UNKNOWN,
    at_most,
    cluster,
    drbd,
    ended,
    job,
    marked,
    no_room,
    node,
    pending,
    plain,
    plan_of,
    rbd,
    settings,
    tag,
)
from unit.plugins.module_utils.fake import FakeClient, terms
from unit.plugins.module_utils.planning.test_plan import ALLOW, OLD, RUNNING

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import ClaimOver
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import run_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.nowhere import hold_hopeless
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.placement import assign_nodes
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import (
    has_more_work,
    within_approved,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.secondary import hold_unknown_secondaries
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Fencing, Limits, SecondaryState
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.windows import parse_windows
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import behind_tag, claim_tag
from unbraked import unbraked


def _why(*members, limits=None, **more):
    """Why nothing is done with the first instance of a cluster that allows everything."""
    return plan_of(cluster(*members, **{"tags": ALLOW, **more}), **(limits or {})).rows[0][1].why


def _played(script=lambda request: None, *tags):
    """Why nothing was done in a round with a repair to begin."""
    client = FakeClient(cluster(rbd("web1", OFFLINE), node("spare"), tags=[*ALLOW, *tags]), script=script)
    return run_round(client, unbraked(), settings(), terms(client.clock)).outcomes[0].action.why


def _unplaced():
    """Why nothing is done with an instance for which there is no room."""
    one = cluster(plain("web1", OFFLINE), node("silent"), tags=ALLOW)
    return assign_nodes(plan_of(one), FakeClient(one)).rows[0][1].why


def _not_up_to_date():
    """Why nothing is done with an instance whose secondary is asked, and is not up to date."""
    limits: dict[str, Any] = {"secondary_state": SecondaryState.UPTODATE, "secondaries": {"web1": "its copy is old"}}
    return (
        hold_unknown_secondaries(plan_of(cluster(drbd("web1", OFFLINE, ONLINE), tags=ALLOW), **limits)).rows[0][1].why
    )


BUSY = job(9, "running", "SHUTDOWN")
FAILED = job(7, "error", "FAILOVER", error="it broke", ended=NOW)
STOPPED = drbd("web1", DRAINED, ONLINE, pending(jobs="7"), admin_state="down")
BEHIND = "Disk 0 is degraded on target node, aborting failover"
ASKED = drbd("web1", ONLINE, OFFLINE, pending("fix-storage", "7"))
SILENT = "Can't get data for node n5: no answer"
FAILS = "Failure while running the iallocator script"
TWICE = [ended("success", jobs="1", repair=f"o{at}", at=NOW - at) for at in range(2)]
NONE = at_most("0")
OPENS_LATER = parse_windows([{"type": "failover", "start": "09:00", "end": "10:00", "timezone": "UTC"}])
DOWN = rbd("web1", OFFLINE)
WHYS = {
    Reason.HEALTHY: lambda: _why(rbd("web1", ONLINE)),
    Reason.FORTHCOMING: lambda: _why(rbd("web1", OFFLINE, forthcoming=True)),
    Reason.NOT_CHOSEN: lambda: _why(DOWN, rbd("web2", ONLINE), limits={"instances": ("web2",)}),
    Reason.REPAIR_FAILED: lambda: _why(rbd("web1", OFFLINE, ended("failure"))),
    Reason.UNREADABLE_TAG: lambda: _why(rbd("web1", OFFLINE, tag("pending:x"))),
    Reason.NOT_KNOWN: lambda: _why(rbd("web1", UNKNOWN)),
    Reason.NO_SAFE_REPAIR: lambda: _why(plain("web1", DRAINED)),
    Reason.NOT_ALLOWED: lambda: _why(DOWN, tags=()),
    Reason.OTHER_REPAIR: lambda: _why(
        plain("web1", OFFLINE, pending("reinstall", at=NOW - 2), pending(repair="r2", at=NOW - 1))
    ),
    Reason.FLAPPING: lambda: _why(
        rbd("web1", OFFLINE, *TWICE), limits={"repair_window": 60, "max_repairs_per_window": 2}
    ),
    Reason.LAST_COPY_DRAINED: lambda: _why(drbd("web1", OFFLINE, DRAINED)),
    Reason.BEHIND: lambda: _why(rbd("web1", ONLINE, behind_tag("uuid-web1-p", NOW))),
    Reason.NODE_SILENT: lambda: _why(ASKED, node("n5"), jobs=[no_room(7, error=SILENT)]),
    Reason.NO_ALLOCATOR: lambda: _why(ASKED, jobs=[no_room(7, error=f"{FAILS} 'x'", error_code="")]),
    Reason.SECONDARY_STATE: _not_up_to_date,
    Reason.NO_NODE: lambda: hold_hopeless(plan_of(cluster(drbd("web1", ONLINE, OFFLINE), tags=ALLOW))).rows[0][1].why,
    Reason.JOB_UNDER_WAY: lambda: _why(OLD, jobs=[replace(RUNNING, instances=("old1",))]),
    Reason.OTHER_JOB: lambda: _why(DOWN, jobs=[BUSY]),
    Reason.JUST_CHANGED: lambda: _why(rbd("web1", OFFLINE, pending(jobs="7")), unseen=True),
    Reason.TRIED_AGAIN: lambda: _why(rbd("web1", OFFLINE, pending(jobs="7")), jobs=[FAILED], limits={"retries": 2}),
    Reason.NOT_IN_STEP: lambda: _why(STOPPED, jobs=[replace(FAILED, error=BEHIND)]),
    Reason.NO_ROOM: _unplaced,
    Reason.WRONG_CLOCK: lambda: plan_of(cluster(DOWN, tags=[tag("claim:x:999999999999999")])).notices[0].why,
    Reason.STOPPED: lambda: _why(DOWN, tags=[*ALLOW, tag("stop")]),
    Reason.SUSPENDED: lambda: _why(rbd("web1", OFFLINE, tag("suspend"))),
    Reason.BREAKER: lambda: _why(DOWN, rbd("web2", OFFLINE), limits={"max_unhealthy": NONE}),
    Reason.STORM_COOLDOWN: lambda: _why(DOWN, tags=[*ALLOW, tag("breaker")], limits={"storm_cooldown": 1}),
    Reason.QUEUE_DRAINED: lambda: _why(DOWN, queue_drained=True),
    Reason.WATCHER_PAUSED: lambda: _why(DOWN, watcher_paused_until=NOW + 1),
    Reason.SETTLE_TIME: lambda: _why(marked(DOWN, changed=NOW), limits={"settle_time": 1}),
    Reason.WINDOWS: lambda: _why(DOWN, limits={"windows": OPENS_LATER}),
    Reason.FENCING: lambda: _why(DOWN, limits={"fencing": Fencing.CONFIRMED}),
    Reason.MIN_OFFLINE_AGE: lambda: _why(marked(DOWN, changed=NOW), limits={"min_offline_age": 1}),
    Reason.MAX_IN_FLIGHT: lambda: _why(DOWN, limits={"max_in_flight": 0}),
    Reason.MAX_PER_NODE: lambda: _why(drbd("web1", ONLINE, OFFLINE), limits={"max_per_node": 0}),
    Reason.MAX_PER_GROUP: lambda: _why(DOWN, limits={"max_per_group": 0}),
    Reason.NOT_APPROVED: lambda: (
        within_approved(plan_of(cluster(DOWN, tags=ALLOW), approved_repairs={})).rows[0][1].why
    ),
    Reason.CLAIMED: lambda: _played(lambda request: None, claim_tag("other", NOW + 300)),
    Reason.CLAIM_OVER: lambda: _played(lambda request: ClaimOver("it is late")),
}


@pytest.mark.parametrize("why", Reason, ids=lambda why: why.value)
def test_every_reason_is_one_s(why):
    """Each is given for something; one that is never given could not be looked up either."""
    assert WHYS[why]() is why


def test_a_reason_s_name_is_what_people_look_up():
    """In facts, results and reports; the limits' reasons are called as their options."""
    assert [why.value for why in Reason] == [why.name.lower() for why in Reason]
    assert {name for name in Limits.__dataclass_fields__ if name in {why.value for why in Reason}} == {
        "settle_time", "windows", "fencing", "secondary_state", "min_offline_age", "max_in_flight", "max_per_node",
        "max_per_group", "storm_cooldown",
    }  # fmt: skip


STAYS = """healthy forthcoming not_chosen repair_failed unreadable_tag not_known no_safe_repair not_allowed other_repair
    flapping last_copy_drained behind node_silent no_allocator no_node secondary_state wrong_clock stopped suspended
    breaker queue_drained watcher_paused windows fencing not_approved"""


@pytest.mark.parametrize("why", Reason, ids=lambda why: why.value)
def test_a_run_waits_for_a_reason_that_passes_by_itself(why):
    """For a person, a switch or an hour of the day it does not."""
    one = cluster(DOWN, tags=ALLOW)
    plan = plan_of(one, max_in_flight=0)
    ((case, action),) = plan.rows
    plan = replace(plan, rows=((case, replace(action, why=why)),), limits=unbraked(settle_time=1, min_offline_age=1))
    assert has_more_work(plan) is why.resolves_itself is (why.value not in STAYS.split())


@pytest.mark.parametrize("option", ["max_in_flight", "max_per_group", "max_per_node"])
@pytest.mark.parametrize(("most", "left"), [(0, False), (1, True)])
def test_nobody_waits_for_a_limit_that_lets_none_begin(option, most, left):
    """Those that are asked for are held for ever."""
    members = [drbd(f"web{at}", DRAINED, ONLINE) for at in range(2)]
    shared = [replace(one, instance=replace(one.instance, secondaries=("web0-s",))) for one in members]
    plan = plan_of(cluster(*shared, tags=ALLOW), **{option: most})
    rest = replace(plan, rows=tuple(row for row in plan.rows if row[1].kind.value == "hold"))
    assert len(rest.rows) == 2 - most
    assert has_more_work(rest) is left


def test_every_reason_is_explained() -> None:
    """What it means, and what to do, as sentences; and what resolves itself is for nobody to act on."""
    assert [reason for reason in Reason if not (reason.means.endswith(".") and reason.do)] == []
    assert [reason for reason in Reason if reason.for_people and reason.resolves_itself] == []
