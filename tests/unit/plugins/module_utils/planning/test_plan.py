# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan: selection, limits, lifts, warnings and order (design, sections 1, 5 and 6)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    NOW,
    OFFLINE,
    ONLINE,
    at_most,
    cluster,
    deeds,
    drbd,
    ended,
    job,
    pending,
    plain,
    plan_of,
    rbd,
    tag,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.document import plan_data
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import (
    has_more_work,
    hold_everything,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.action import hold
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason

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
    assert outside == ["not among the instances that this round is limited to"] * (4 - len(wanted.split()))


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
        action.reason.startswith("primary ") and f"max_in_flight allows {most} " in action.reason for action in held
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
    one = replace(_five(rbd("old1", OFFLINE, pending())), tracked_repair_ids=frozenset())
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
    for words in (tag("Migrate"), "soon is not a timestamp", f"{pending()} only has a meaning on an instance"):
        assert any(words in warning for warning in warnings)


def test_a_plan_without_instances_is_empty():
    """A cluster may be new."""
    plan = plan_of(cluster())
    assert (plan.rows, plan.actions, plan.under_way, sum(plan.summary.values())) == ((), (), 0, 0)


# --- its hash -------------------------------------------------------------------------------------------------------


def _hash(one, now=NOW, **limits):
    return plan_data(plan_of(one, now, **limits))["hash"]


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
    assert has_more_work(plan_of(cluster(one, jobs=jobs[:1] if "7" in str(one.instance.tags) else jobs[1:]))) is left


@pytest.mark.parametrize(("most", "left"), [(1, True), (0, False)])
def test_what_is_over_the_limit_is_left_unless_none_may_be_under_way(most, left):
    """A later round has room for it."""
    plan = plan_of(FLEET, max_in_flight=most)
    rest = replace(plan, rows=tuple(row for row in plan.rows if row[1].kind.value == "hold"))
    assert rest.rows
    assert has_more_work(rest) is left


def test_a_plan_that_is_left_to_others_writes_nothing_and_says_why():
    """Everything that would write is held, lifts too; what would not stays as it is."""
    one = cluster(
        rbd("a", OFFLINE, tag("failover")),
        rbd("b", ONLINE, tag("suspend:1")),
        rbd("c", OFFLINE, ended("failure")),
        rbd("d", ONLINE),
    )
    plan = plan_of(one)
    others = hold_everything(plan, Reason.CLAIMED, "somebody else writes")
    assert (plan.writes, others.writes) == (True, False)
    assert [(action.name, action.kind.value) for action in others.actions] == [
        ("b", "hold"), ("c", "report"), ("a", "hold"),
    ]  # fmt: skip
    assert all(
        action.reason.endswith("; held: somebody else writes") for action in others.actions if action.name != "c"
    )
    assert has_more_work(others)
    assert [action for _case, action in others.rows[2:]] == [action for _case, action in plan.rows[2:]]


def test_an_action_that_is_held_has_nothing_to_do():
    """No tags, no result; whose it is, and the steps to come, stay to be seen."""
    (_case, action) = plan_of(cluster(rbd("a", ONLINE, pending()))).rows[0]
    held = hold(action, Reason.CLAIM_OVER, "it is late")
    assert (held.kind.value, held.remove, held.add, held.result, held.writes) == ("hold", (), (), None, False)
    assert (held.steps, held.why) == (action.steps, Reason.CLAIM_OVER)
    assert (held.name, held.repair, held.reason) == ("a", action.repair, f"{action.reason}; held: it is late")


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
NEVER = "max_unhealthy is {}, and the cluster has 5 nodes, so it never takes effect; was {}% meant?"
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


OWN = pending("reinstall", at=NOW - 2)
