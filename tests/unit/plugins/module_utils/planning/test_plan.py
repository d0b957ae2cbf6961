# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan: selection, limits, lifts, warnings and order (design, sections 1, 5 and 6)."""

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
    deeds,
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

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption, ClaimOver
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import play
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.document import planned
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.nowhere import without_hopeless
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.placement import place
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import (
    is_left,
    left_to_others,
    within_approved,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.secondary import secondaries_known
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.action import hold
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Why
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Fencing, Limits, SecondaryState
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.windows import parse_windows
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import behind_tag, claim_tag
from unbraked import unbraked

ALLOW = [tag("reinstall")]


def _submitted(plan):
    """The instances for which a job is to be submitted."""
    return [name for name, word in deeds(plan).items() if word == "submit"]


# --- selection ------------------------------------------------------------------------------------------------------

FLEET = cluster(
    rbd("db1.example.com", OFFLINE, group="rack1"),
    rbd("web1.example.com", OFFLINE, group="rack1"),
    rbd("web2.example.com", OFFLINE, group="rack2"),
    rbd("web10.example.com", OFFLINE, group="rack2"),
    tags=ALLOW,
)
SELECTIONS = [
    ("no limit is all of them", (), (), "db1 web1 web10 web2"),
    ("a full name", ("web1.example.com",), (), "web1"),
    ("a name without its domain", ("web1",), (), "web1"),
    ("a glob", ("web?",), (), "web1 web2"),
    ("a glob over the domain", ("web*",), (), "web1 web10 web2"),
    ("two names", ("web1", "db1"), (), "db1 web1"),
    ("a set of characters", ("[dw]*1",), (), "db1 web1"),
    ("a group", (), ("rack1",), "db1 web1"),
    ("a glob of groups", (), ("rack*",), "db1 web1 web10 web2"),
    ("both: what lies in both", ("web*",), ("rack1",), "web1"),
    ("both: nothing lies in both", ("db1",), ("rack2",), ""),
]


@pytest.mark.parametrize(
    ("instances", "groups", "wanted"), [row[1:] for row in SELECTIONS], ids=[row[0] for row in SELECTIONS]
)
def test_a_round_is_limited_to(instances, groups, wanted):
    """Names or globs, which may leave the domain out; the others are accounted for all the same."""
    plan = plan_of(FLEET, instances=instances, groups=groups)
    assert [name.partition(".")[0] for name in _submitted(plan)] == wanted.split()
    outside = [action.reason for _case, action in plan.rows if action.kind.value == "none"]
    assert outside == ["outside of what this round is limited to"] * (4 - len(wanted.split()))


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"instances": ("web1", "web3")}, "instances: nothing in the cluster is called web3"),
        ({"instances": ("Web9",)}, "instances: nothing in the cluster is called Web9"),
        ({"instances": ("eb1",)}, "called eb1"),
        ({"instances": ("web1.example.com.",)}, "called web1.example.com."),
        ({"groups": ("rack3",)}, "groups: nothing in the cluster is called rack3"),
        ({"groups": ("x*",), "instances": ("web1",)}, "groups: nothing in the cluster is called x*"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_name_that_matches_nothing_is_a_mistake(limits, words):
    """It stops the round before anything is written."""
    with pytest.raises(BadOption, match="nothing was done") as caught:
        plan_of(FLEET, **limits)
    assert words in str(caught.value)


# --- limits ---------------------------------------------------------------------------------------------------------


def _five(*more):
    """Five new repairs, and what else."""
    return cluster(*(rbd(f"new{number}", OFFLINE) for number in range(5)), *more, tags=ALLOW, jobs=[RUNNING, MOVED])


RUNNING = job(7, "running", "FAILOVER", "old1", repair="r1")
MOVED = job(8, "success", "MIGRATE", "old2", "r2")
OLD = rbd("old1", OFFLINE, pending(jobs="7"))
NEXT = rbd("old2", OFFLINE, pending(jobs="8", repair="r2"))


@pytest.mark.parametrize(("most", "begun"), [(0, 0), (1, 1), (4, 4), (5, 5), (6, 5)], ids="max_in_flight {}".format)
def test_new_repairs_are_limited(most, begun):
    """At the edges; the rest is held, and says why."""
    plan = plan_of(_five(), max_in_flight=most)
    assert len(_submitted(plan)) == begun
    held = [action for _case, action in plan.rows if action.kind.value == "hold"]
    assert len(held) == 5 - begun
    assert all(
        action.reason.startswith("primary ") and f"max_in_flight lets {most} " in action.reason for action in held
    )


@pytest.mark.parametrize(("most", "begun"), [(0, 0), (1, 0), (2, 1), (6, 5)], ids="max_in_flight {}".format)
def test_a_repair_whose_job_runs_takes_a_place(most, begun):
    """It is under way."""
    plan = plan_of(_five(OLD), max_in_flight=most)
    assert len(_submitted(plan)) == begun
    assert deeds(plan)["old1"] == "wait"


@pytest.mark.parametrize(("most", "begun"), [(0, 0), (1, 0), (2, 1), (6, 5)], ids="max_in_flight {}".format)
def test_a_repair_that_goes_on_is_never_held_and_takes_a_place(most, begun):
    """A half-done repair is worse than none."""
    plan = plan_of(_five(NEXT), max_in_flight=most)
    assert deeds(plan)["old2"] == "submit"
    assert len([name for name in _submitted(plan) if name.startswith("new")]) == begun


def test_a_repair_outside_of_the_selection_takes_a_place():
    """The limit is the cluster's."""
    plan = plan_of(_five(OLD), instances=("new*",), max_in_flight=1)
    assert _submitted(plan) == []


def test_a_repair_that_has_gone_on_while_we_read_takes_a_place():
    """Somebody's job may be running for it."""
    one = replace(_five(rbd("old1", OFFLINE, pending())), followed=frozenset())
    assert _submitted(plan_of(one, max_in_flight=1)) == []


def test_a_repair_that_ends_takes_no_place():
    """Nothing is under way for it any more."""
    assert len(_submitted(plan_of(_five(rbd("old3", ONLINE, pending(repair="r3"))), max_in_flight=1))) == 1


def test_ten_repairs_are_under_way_at_once_unless_said_otherwise():
    """Brakes are on by default (law 9)."""
    fleet = cluster(*(rbd(f"web{number}", OFFLINE) for number in range(12)), tags=ALLOW)
    assert len(_submitted(plan_of(fleet))) == 10


def test_repairs_asked_for_from_outside_are_limited_too():
    """They have not begun: a thousand requests must not become a thousand jobs (law 9)."""
    wanted = [rbd(f"web{number}", OFFLINE, pending(repair=f"r{number}")) for number in range(5)]
    assert len(_submitted(plan_of(cluster(*wanted), max_in_flight=2))) == 2
    assert _submitted(plan_of(cluster(*wanted), max_in_flight=0)) == []


def test_those_that_are_down_go_first_then_the_lesser_repairs_then_the_name():
    """With room for more and more of them, in this order; those that are down count by themselves."""
    fleet = cluster(
        rbd("a-drained", DRAINED),
        drbd("b-degraded", ONLINE, OFFLINE),
        rbd("c-down", OFFLINE),
        plain("d-lost", OFFLINE),
        rbd("e-meant-to-be-down", OFFLINE, admin_state="down"),
        rbd("f-down", OFFLINE),
        tags=ALLOW,
    )
    order = []
    for most in range(1, 7):
        order += [name for name in _submitted(plan_of(fleet, max_in_flight=most)) if name not in order]
    down = ["c-down", "f-down", "d-lost"]
    assert [name for name in order if name in down] == down
    assert [name for name in order if name not in down] == ["b-degraded", "a-drained", "e-meant-to-be-down"]


# --- lifts ----------------------------------------------------------------------------------------------------------

OVER = tag("suspend:1")


def _lifts(limits=None, **tags):
    """What is lifted in a small cluster."""
    one = cluster(
        rbd("web1", ONLINE, *tags.get("web1", ()), group="rack1"),
        rbd("web2", ONLINE, *tags.get("web2", ()), group="rack2"),
        group_tags={"rack1": tags.get("rack1", ()), "rack2": tags.get("rack2", ())},
        tags=tags.get("cluster", ()),
    )
    return [(lift.scope, lift.name, lift.remove) for lift in plan_of(one, **(limits or {})).upkeep]


def test_suspends_that_have_run_out_are_lifted_from_every_object():
    """Only those; what stands beside them stays."""
    stay = (tag("suspend"), tag("suspend:soon"), tag(f"suspend:{NOW + 1}"), tag("migrate"))
    found = _lifts(web1=(OVER, *stay), web2=stay, rack1=(OVER, *stay), rack2=stay, cluster=(OVER, *stay))
    assert found == [("cluster", "", (OVER,)), ("group", "rack1", (OVER,)), ("instance", "web1", (OVER,))]


def test_several_suspends_are_lifted_at_once():
    """One job an object."""
    assert _lifts(web1=(OVER, tag("suspend:2"))) == [("instance", "web1", (OVER, tag("suspend:2")))]


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        ({"instances": ("web1",)}, ["web1"]),
        ({"groups": ("rack1",)}, ["rack1", "web1"]),
        ({"instances": ("web1",), "groups": ("rack1",)}, ["web1"]),
        ({}, ["", "rack1", "rack2", "web1", "web2"]),
    ],
    ids=["to an instance", "to a group", "to both", "to nothing"],
)
def test_a_round_lifts_nothing_outside_of_what_it_is_limited_to(limits, wanted):
    """Of the cluster only when it is about all of it."""
    everywhere = dict.fromkeys(("web1", "web2", "rack1", "rack2", "cluster"), (OVER,))
    assert [name for _scope, name, _remove in _lifts(limits, **everywhere)] == wanted


@pytest.mark.parametrize("bad", [ended("failure"), tag("pending:x"), tag("result:x")])
def test_nothing_is_lifted_from_an_instance_that_waits_for_a_person(bad):
    """It is left alone altogether."""
    assert _lifts(web1=(OVER, bad)) == []


def test_an_instance_whose_suspend_has_run_out_is_repaired_in_the_same_round():
    """The lift comes first."""
    plan = plan_of(cluster(rbd("web1", OFFLINE, OVER, tag("failover"))))
    assert [action.kind.value for action in plan.actions] == ["lift", "submit"]


# --- the plan as a whole --------------------------------------------------------------------------------------------

GOES_ON = job(7, "success", "MIGRATE", "b-goes-on", "r2")
MIXED = (
    rbd("a-new", OFFLINE),
    drbd("b-goes-on", ONLINE, OFFLINE, pending("fix-storage", "7", repair="r2")),
    rbd("c-well", ONLINE),
    rbd("d-held", OFFLINE, tag("suspend")),
    rbd("e-lift", ONLINE, OVER),
)


def test_lifts_are_carried_out_first_then_repairs_that_have_begun():
    """What does nothing is no action."""
    names = [action.name for action in plan_of(cluster(*MIXED, tags=ALLOW, jobs=[GOES_ON])).actions]
    assert names == ["e-lift", "b-goes-on", "a-new", "d-held"]


def test_the_summary_counts_every_instance_once():
    """With a zero where there is none."""
    plan = plan_of(cluster(*MIXED, tags=ALLOW, jobs=[GOES_ON]))
    assert plan.summary == {
        "healthy": 2,
        "needs_repair": 1,
        "repair_disallowed": 0,
        "pending_repair": 1,
        "suspended": 1,
        "repair_failed": 0,
    }
    assert plan.under_way == 1


def test_tags_of_the_cluster_and_of_groups_that_mean_nothing_there_are_told():
    """Each with its object."""
    one = cluster(
        rbd("web1", ONLINE, group="rack1"),
        group_tags={"rack1": [pending(), tag("suspend:soon")]},
        tags=[tag("Migrate"), ended("success")],
    )
    warnings = plan_of(one).warnings
    assert [warning.partition(":")[0] for warning in warnings] == ["the cluster"] * 2 + ["group rack1"] * 2
    for words in (tag("Migrate"), "soon is no timestamp", f"{pending()} means something on an instance only"):
        assert any(words in warning for warning in warnings)


def test_a_plan_without_instances_is_empty():
    """A cluster may be new."""
    plan = plan_of(cluster())
    assert (plan.rows, plan.actions, plan.under_way, sum(plan.summary.values())) == ((), (), 0, 0)


# --- its hash -------------------------------------------------------------------------------------------------------


def _hash(one, now=NOW, **limits):
    return planned(plan_of(one, now, **limits))["hash"]


def test_the_hash_is_the_same_for_the_same_deeds():
    """Whatever the time, the order in which the cluster answers, the instances that are well, and the words."""
    one = cluster(*MIXED, tags=ALLOW, jobs=[GOES_ON])
    same = [
        _hash(one, NOW + 1000),
        _hash(cluster(*reversed(MIXED), tags=ALLOW)),
        _hash(replace(one, instances=tuple(reversed(one.instances)))),
        _hash(cluster(*MIXED, rbd("f-well", ONLINE), tags=ALLOW)),
        _hash(cluster(*MIXED, rbd("f-waits", OFFLINE, tag("suspend")), tags=ALLOW)),
        _hash(one, max_in_flight=50),
    ]
    assert set(same) == {_hash(one)}


def test_the_hash_is_another_for_other_deeds():
    """One more, one less, another step, another repair, another tag."""
    others = [
        cluster(*MIXED, rbd("f-new", OFFLINE), tags=ALLOW),
        cluster(*MIXED[1:], tags=ALLOW),
        cluster(rbd("a-new", DRAINED), *MIXED[1:], tags=ALLOW),
        cluster(
            MIXED[0],
            drbd("b-goes-on", ONLINE, OFFLINE, pending("fix-storage", "7", repair="r3")),
            *MIXED[2:],
            tags=ALLOW,
        ),
        cluster(*MIXED[:4], rbd("e-lift", ONLINE, tag("suspend:2")), tags=ALLOW),
        cluster(*MIXED, tags=ALLOW, group_tags={"default": [OVER]}),
    ]
    hashes = [_hash(other) for other in others]
    assert len({*hashes, _hash(cluster(*MIXED, tags=ALLOW, jobs=[GOES_ON]))}) == len(others) + 1


# --- what is left, and what is left to others -------------------------------------------------------------------------

LEFT = [
    ("a repair to begin", rbd("web1", OFFLINE, tag("failover")), True),
    ("a repair whose job runs", rbd("web1", OFFLINE, pending(jobs="7")), True),
    ("a repair to end", rbd("web1", ONLINE, pending(jobs="8")), True),
    ("a refusal to note", rbd("web1", OFFLINE, tag("migrate")), True),
    ("a suspend to lift", rbd("web1", ONLINE, tag("suspend:1")), True),
    ("a node that a person has to undrain", drbd("web1", OFFLINE, DRAINED, tag("failover")), False),
    ("a healthy one", rbd("web1", ONLINE), False),
    ("a refusal that stands", rbd("web1", OFFLINE, tag("migrate"), ended("enoperm")), False),
    ("a suspended one", rbd("web1", OFFLINE, tag("suspend")), False),
    ("a suspended repair", rbd("web1", OFFLINE, pending(jobs="7"), tag("suspend")), False),
    ("a failed one", rbd("web1", OFFLINE, ended("failure")), False),
    ("one for a person", plain("web1", DRAINED), False),
]


@pytest.mark.parametrize(("one", "left"), [row[1:] for row in LEFT], ids=[row[0] for row in LEFT])
def test_there_is_something_left(one, left):
    """What a later round can do, or see the end of; what needs a person is not."""
    jobs = [job(7, "running", "FAILOVER"), job(8, "success", "FAILOVER")]
    assert is_left(plan_of(cluster(one, jobs=jobs[:1] if "7" in str(one.instance.tags) else jobs[1:]))) is left


@pytest.mark.parametrize(("most", "left"), [(1, True), (0, False)])
def test_what_is_over_the_limit_is_left_unless_none_may_be_under_way(most, left):
    """A later round has room for it."""
    plan = plan_of(FLEET, max_in_flight=most)
    rest = replace(plan, rows=tuple(row for row in plan.rows if row[1].kind.value == "hold"))
    assert rest.rows
    assert is_left(rest) is left


def test_a_plan_that_is_left_to_others_writes_nothing_and_says_why():
    """Everything that would write is held, lifts too; what would not stays as it is."""
    one = cluster(
        rbd("a", OFFLINE, tag("failover")),
        rbd("b", ONLINE, tag("suspend:1")),
        rbd("c", OFFLINE, ended("failure")),
        rbd("d", ONLINE),
    )
    plan = plan_of(one)
    others = left_to_others(plan, Why.CLAIMED, "somebody else writes")
    assert (plan.writes, others.writes) == (True, False)
    assert [(action.name, action.kind.value) for action in others.actions] == [
        ("b", "hold"), ("c", "report"), ("a", "hold"),
    ]  # fmt: skip
    assert all(
        action.reason.endswith("; held, as somebody else writes") for action in others.actions if action.name != "c"
    )
    assert is_left(others)
    assert [action for _case, action in others.rows[2:]] == [action for _case, action in plan.rows[2:]]


def test_an_action_that_is_held_has_nothing_to_do():
    """No tags, no result; whose it is, and the steps to come, stay to be seen."""
    (_case, action) = plan_of(cluster(rbd("a", ONLINE, pending()))).rows[0]
    held = hold(action, Why.CLAIM_OVER, "it is late")
    assert (held.kind.value, held.remove, held.add, held.result, held.writes) == ("hold", (), (), None, False)
    assert (held.steps, held.why) == (action.steps, Why.CLAIM_OVER)
    assert (held.name, held.repair, held.reason) == ("a", action.repair, f"{action.reason}; held, as it is late")


def test_the_number_of_tries_is_the_user_s():
    """Two unless said otherwise."""
    jobs = [job(number, "error", "FAILOVER", ended=NOW - 3600) for number in (7, 8, 9)]
    two, three = (
        cluster(rbd("web1", OFFLINE, pending(jobs=noted)), jobs=jobs[:count])
        for noted, count in (("7+8", 2), ("7+8+9", 3))
    )
    assert [deeds(plan_of(one)) for one in (two, three)] == [{"web1": "submit"}, {"web1": "finish"}]
    assert deeds(plan_of(three, retries=3)) == {"web1": "submit"}
    assert deeds(plan_of(two, retries=0)) == {"web1": "finish"}


NODES = [rbd(f"web{at}", ONLINE) for at in range(5)]
NEVER = "max_unhealthy is {}, and the cluster has 5 nodes, so it never holds; was {}% meant?"
WARNED = [
    ("one less than all", "4", None, False),
    ("as many as there are", "5", None, True),
    ("more than there are", "40", None, True),
    ("a share is never too large", "100%", None, False),
    ("a range counts in its place", "40", (1, 3), False),
]


@pytest.mark.parametrize(("text", "given", "warned"), [row[1:] for row in WARNED], ids=[row[0] for row in WARNED])
def test_a_limit_that_never_holds_is_told(text, given, warned):
    """Somebody has left out the percent sign."""
    plan = plan_of(cluster(*NODES), max_unhealthy=at_most(text), unhealthy_range=given)
    assert plan.warnings == ((NEVER.format(text, text),) if warned else ())


# --- why it did not repair ------------------------------------------------------------------------------------------


def _why(*members, limits=None, **more):
    """Why nothing is done with the first instance of a cluster that allows everything."""
    return plan_of(cluster(*members, **{"tags": ALLOW, **more}), **(limits or {})).rows[0][1].why


def _played(script=lambda request: None, *tags):
    """Why nothing was done in a round with a repair to begin."""
    client = FakeClient(cluster(rbd("web1", OFFLINE), node("spare"), tags=[*ALLOW, *tags]), script=script)
    return play(client, unbraked(), settings(), terms(client.clock)).outcomes[0].action.why


def _unplaced():
    """Why nothing is done with an instance for which there is no room."""
    one = cluster(plain("web1", OFFLINE), node("silent"), tags=ALLOW)
    return place(plan_of(one), FakeClient(one)).rows[0][1].why


def _not_up_to_date():
    """Why nothing is done with an instance whose secondary is asked, and is not up to date."""
    limits: dict[str, Any] = {"secondary_state": SecondaryState.UPTODATE, "secondaries": {"web1": "its copy is old"}}
    return secondaries_known(plan_of(cluster(drbd("web1", OFFLINE, ONLINE), tags=ALLOW), **limits)).rows[0][1].why


BUSY = job(9, "running", "SHUTDOWN")
FAILED = job(7, "error", "FAILOVER", error="it broke", ended=NOW)
STOPPED = drbd("web1", DRAINED, ONLINE, pending(jobs="7"), admin_state="down")
BEHIND = "Disk 0 is degraded on target node, aborting failover"
OWN = pending("reinstall", at=NOW - 2)
ASKED = drbd("web1", ONLINE, OFFLINE, pending("fix-storage", "7"))
SILENT = "Can't get data for node n5: no answer"
FAILS = "Failure while running the iallocator script"
TWICE = [ended("success", jobs="1", repair=f"o{at}", at=NOW - at) for at in range(2)]
NONE = at_most("0")
OPENS_LATER = parse_windows([{"type": "failover", "start": "09:00", "end": "10:00", "timezone": "UTC"}])
DOWN = rbd("web1", OFFLINE)
WHYS = {
    Why.HEALTHY: lambda: _why(rbd("web1", ONLINE)),
    Why.FORTHCOMING: lambda: _why(rbd("web1", OFFLINE, forthcoming=True)),
    Why.NOT_CHOSEN: lambda: _why(DOWN, rbd("web2", ONLINE), limits={"instances": ("web2",)}),
    Why.REPAIR_FAILED: lambda: _why(rbd("web1", OFFLINE, ended("failure"))),
    Why.UNREADABLE_TAG: lambda: _why(rbd("web1", OFFLINE, tag("pending:x"))),
    Why.NOT_KNOWN: lambda: _why(rbd("web1", UNKNOWN)),
    Why.NO_SAFE_REPAIR: lambda: _why(plain("web1", DRAINED)),
    Why.NOT_ALLOWED: lambda: _why(DOWN, tags=()),
    Why.OTHER_REPAIR: lambda: _why(
        plain("web1", OFFLINE, pending("reinstall", at=NOW - 2), pending(repair="r2", at=NOW - 1))
    ),
    Why.FLAPPING: lambda: _why(rbd("web1", OFFLINE, *TWICE), limits={"repair_window": 60, "max_repairs_per_window": 2}),
    Why.LAST_COPY_DRAINED: lambda: _why(drbd("web1", OFFLINE, DRAINED)),
    Why.BEHIND: lambda: _why(rbd("web1", ONLINE, behind_tag("uuid-web1-p", NOW))),
    Why.NODE_SILENT: lambda: _why(ASKED, node("n5"), jobs=[no_room(7, error=SILENT)]),
    Why.NO_ALLOCATOR: lambda: _why(ASKED, jobs=[no_room(7, error=f"{FAILS} 'x'", error_code="")]),
    Why.SECONDARY_STATE: _not_up_to_date,
    Why.NO_NODE: lambda: without_hopeless(plan_of(cluster(drbd("web1", ONLINE, OFFLINE), tags=ALLOW))).rows[0][1].why,
    Why.JOB_UNDER_WAY: lambda: _why(OLD, jobs=[replace(RUNNING, instances=("old1",))]),
    Why.OTHER_JOB: lambda: _why(DOWN, jobs=[BUSY]),
    Why.JUST_CHANGED: lambda: _why(rbd("web1", OFFLINE, pending(jobs="7")), unseen=True),
    Why.TRIED_AGAIN: lambda: _why(rbd("web1", OFFLINE, pending(jobs="7")), jobs=[FAILED], limits={"retries": 2}),
    Why.NOT_IN_STEP: lambda: _why(STOPPED, jobs=[replace(FAILED, error=BEHIND)]),
    Why.NO_ROOM: _unplaced,
    Why.WRONG_CLOCK: lambda: plan_of(cluster(DOWN, tags=[tag("claim:x:999999999999999")])).notices[0].why,
    Why.STOPPED: lambda: _why(DOWN, tags=[*ALLOW, tag("stop")]),
    Why.SUSPENDED: lambda: _why(rbd("web1", OFFLINE, tag("suspend"))),
    Why.BREAKER: lambda: _why(DOWN, rbd("web2", OFFLINE), limits={"max_unhealthy": NONE}),
    Why.STORM_COOLDOWN: lambda: _why(DOWN, tags=[*ALLOW, tag("breaker")], limits={"storm_cooldown": 1}),
    Why.QUEUE_DRAINED: lambda: _why(DOWN, queue_drained=True),
    Why.WATCHER_PAUSED: lambda: _why(DOWN, watcher_paused_until=NOW + 1),
    Why.SETTLE_TIME: lambda: _why(marked(DOWN, changed=NOW), limits={"settle_time": 1}),
    Why.WINDOWS: lambda: _why(DOWN, limits={"windows": OPENS_LATER}),
    Why.FENCING: lambda: _why(DOWN, limits={"fencing": Fencing.CONFIRMED}),
    Why.MIN_OFFLINE_AGE: lambda: _why(marked(DOWN, changed=NOW), limits={"min_offline_age": 1}),
    Why.MAX_IN_FLIGHT: lambda: _why(DOWN, limits={"max_in_flight": 0}),
    Why.MAX_PER_NODE: lambda: _why(drbd("web1", ONLINE, OFFLINE), limits={"max_per_node": 0}),
    Why.MAX_PER_GROUP: lambda: _why(DOWN, limits={"max_per_group": 0}),
    Why.NOT_APPROVED: lambda: within_approved(plan_of(cluster(DOWN, tags=ALLOW), follow={})).rows[0][1].why,
    Why.CLAIMED: lambda: _played(lambda request: None, claim_tag("other", NOW + 300)),
    Why.CLAIM_OVER: lambda: _played(lambda request: ClaimOver("it is late")),
}


@pytest.mark.parametrize("why", Why, ids=lambda why: why.value)
def test_every_reason_is_one_s(why):
    """Each is given for something; one that is never given could not be looked up either."""
    assert WHYS[why]() is why


def test_a_reason_s_name_is_what_people_look_up():
    """In facts, results and reports; the limits' reasons are called as their options."""
    assert [why.value for why in Why] == [why.name.lower() for why in Why]
    assert {name for name in Limits.__dataclass_fields__ if name in {why.value for why in Why}} == {
        "settle_time", "windows", "fencing", "secondary_state", "min_offline_age", "max_in_flight", "max_per_node",
        "max_per_group", "storm_cooldown",
    }  # fmt: skip


STAYS = """healthy forthcoming not_chosen repair_failed unreadable_tag not_known no_safe_repair not_allowed other_repair
    flapping last_copy_drained behind node_silent no_allocator no_node secondary_state wrong_clock stopped suspended
    breaker queue_drained watcher_paused windows fencing not_approved"""


@pytest.mark.parametrize("why", Why, ids=lambda why: why.value)
def test_a_run_waits_for_a_reason_that_passes_by_itself(why):
    """For a person, a switch or an hour of the day it does not."""
    one = cluster(DOWN, tags=ALLOW)
    plan = plan_of(one, max_in_flight=0)
    ((case, action),) = plan.rows
    plan = replace(plan, rows=((case, replace(action, why=why)),), limits=unbraked(settle_time=1, min_offline_age=1))
    assert is_left(plan) is why.passes is (why.value not in STAYS.split())


@pytest.mark.parametrize("option", ["max_in_flight", "max_per_group", "max_per_node"])
@pytest.mark.parametrize(("most", "left"), [(0, False), (1, True)])
def test_nobody_waits_for_a_limit_that_lets_none_begin(option, most, left):
    """Those that are asked for are held for ever."""
    members = [drbd(f"web{at}", DRAINED, ONLINE) for at in range(2)]
    shared = [replace(one, instance=replace(one.instance, secondaries=("web0-s",))) for one in members]
    plan = plan_of(cluster(*shared, tags=ALLOW), **{option: most})
    rest = replace(plan, rows=tuple(row for row in plan.rows if row[1].kind.value == "hold"))
    assert len(rest.rows) == 2 - most
    assert is_left(rest) is left
