# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breaker: how many broken nodes are too many, at the edge; what it holds; and what it remembers (design, law 9)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    MISSING,
    NOW,
    OFFLINE,
    ONLINE,
    UNKNOWN,
    at_most,
    cluster,
    deeds,
    drbd,
    node,
    rbd,
    settings,
    tag,
)
from unit.plugins.module_utils.fake import FakeClient, terms
from unit.plugins.module_utils.planning.storms import ALLOW, NONE, braked, nodes_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import result, run_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import Instance, Node
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.breaker import judge_breakers
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import has_more_work
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.action import ActionKind
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Limits
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.clocks import LONGEST_COOLDOWN, MAX_SKEW
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.policy import effective_policy
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.shared import shared_tags
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.values import parse_tags
from unbraked import unbraked


def _judged(*members, limits=None, now=NOW, **more):
    """The breakers of such a cluster, by their names; the cluster's has none."""
    one = cluster(*members, **more)
    found = judge_breakers(one, shared_tags(one), Limits(**(limits or {})), now)
    return {one.name: one for one in found}


def _written(plan):
    """The tags that are added to and removed from the cluster and the groups, without their common beginning."""
    return [
        (action.scope, action.name, [text.rpartition("autorepair:")[2] for text in texts])
        for action in plan.upkeep
        for texts in (action.add, action.remove)
    ]


# --- how many are too many ------------------------------------------------------------------------------------------

# of so many nodes, so many may be broken
EDGES = [
    ("40%", 1, 1),
    ("40%", 2, 1),
    ("40%", 3, 1),
    ("40%", 4, 1),
    ("40%", 5, 2),
    ("40%", 6, 2),
    ("40%", 7, 2),
    ("40%", 8, 3),
    ("40%", 10, 4),
    ("33.3%", 3, 1),
    ("33.3%", 6, 1),
    ("33.4%", 6, 2),
    ("66.6%", 3, 1),
    ("66.7%", 3, 2),
    ("0%", 3, 1),
    ("0", 3, 1),
    ("1", 3, 1),
    ("2", 3, 2),
    ("3", 4, 3),
    ("100%", 2, 2),
    ("100%", 3, 3),
    ("100%", 4, 4),
    ("9", 4, 4),
]


@pytest.mark.parametrize(("text", "total", "lets"), EDGES, ids=[f"{row[0]} of {row[1]} nodes" for row in EDGES])
def test_the_cluster_s_breaker_trips_with_one_more_than_may_be_broken(text, total, lets):
    """At every number of broken nodes; then nothing begins, before that everything."""
    for broken in range(total + 1):
        members = nodes_of(broken, total)
        one = _judged(*members, limits={"max_unhealthy": at_most(text)})[""]
        assert (one.counted, one.total) == (broken, total)
        assert (one.tripped, one.storm) == (broken > lets,) * 2, broken
        done = deeds(braked(*members, limits={"max_unhealthy": at_most(text)}))
        word = "hold" if broken > lets else "submit"
        assert list(done.values()) == [word] * broken + ["none"] * (total - broken)


# of so many nodes in a group, so many may be broken while the cluster has many others
GROUP_EDGES = [
    ("40%", 1, 1),
    ("40%", 2, 2),
    ("40%", 3, 1),
    ("40%", 4, 1),
    ("40%", 5, 2),
    ("33.3%", 3, 1),
    ("66.7%", 3, 2),
    ("0%", 2, 2),
    ("0%", 3, 1),
    ("0%", 4, 1),
    ("100%", 3, 3),
    ("100%", 4, 4),
]


@pytest.mark.parametrize(
    ("text", "total", "lets"), GROUP_EDGES, ids=[f"{row[0]} of a group of {row[1]}" for row in GROUP_EDGES]
)
def test_a_group_s_breaker_trips_with_one_more_than_may_be_broken(text, total, lets):
    """One of fewer than three nodes never does; the cluster's counts these."""
    limits = {"max_unhealthy": at_most(text)}
    others = nodes_of(0, 40, "others") if text != "0%" else []
    for broken in range(total + 1):
        found = _judged(*nodes_of(broken, total, "rack1"), *others, limits=limits)
        assert ("rack1" in found) is (total >= 3)
        if total >= 3:
            assert (found["rack1"].counted, found["rack1"].total) == (broken, total)
            assert found["rack1"].tripped is (broken > lets), broken


HELPER = replace(rbd("a", OFFLINE), nodes=(Node("a-p", "default", OFFLINE, vm_capable=False),))
SAME = replace(rbd("b", OFFLINE), nodes=(), instance=replace(rbd("b", OFFLINE).instance, primary="a-p"))

# sentence, the members, how many are counted, of how many
COUNTED = [
    ("an offline node with a primary instance", [rbd("a", OFFLINE)], 1, 1),
    ("an offline node with a secondary", [drbd("a", ONLINE, OFFLINE)], 1, 2),
    ("both nodes of an instance", [drbd("a", OFFLINE, OFFLINE)], 2, 2),
    ("a node whose state is not known", [rbd("a", UNKNOWN)], 1, 1),
    ("not an online one", [rbd("a", ONLINE)], 0, 1),
    ("not a drained one: that is a person's plan", [rbd("a", DRAINED)], 0, 1),
    ("not one that holds nothing, though it could", [node("a", OFFLINE)], 0, 1),
    ("nor one that holds nothing and whose state is not known", [node("a", UNKNOWN)], 0, 1),
    ("not one that can't hold instances", [node("a", OFFLINE, vm_capable=False)], 0, 0),
    ("not an online one that can't hold instances", [node("a", ONLINE, vm_capable=False)], 0, 0),
    ("one that the cluster does not know any more", [rbd("a", MISSING)], 1, 1),
    ("its name is not known either", [replace(rbd("a", MISSING), instance=Instance("a"))], 0, 0),
    ("an offline one that can't hold instances any more, and yet does", [HELPER], 1, 1),
    ("a node is counted once, however much it holds", [rbd("a", OFFLINE), SAME], 1, 1),
    ("an instance that is down by will counts", [rbd("a", OFFLINE, admin_state="down")], 1, 1),
    ("not one that holds nothing but a reservation", [drbd("a", OFFLINE, OFFLINE, forthcoming=True)], 0, 2),
    ("one that nobody may repair counts", [rbd("a", OFFLINE, tag("suspend"))], 1, 1),
]


@pytest.mark.parametrize(("members", "counted", "total"), [row[1:] for row in COUNTED], ids=[row[0] for row in COUNTED])
def test_counted_is(members, counted, total):
    """Broken nodes that hold instances, of all that could."""
    one = _judged(*members)[""]
    assert (one.counted, one.total) == (counted, total)


def test_counted_in_a_group_are_its_own_nodes():
    """Those of groups of three or more that can hold instances."""
    small = [*nodes_of(2, 2, "small"), node("helper", group="small", vm_capable=False)]
    found = _judged(*nodes_of(1, 3, "rack1"), *nodes_of(2, 4, "rack2", UNKNOWN), *small)
    assert {name: (one.counted, one.total, one.scope) for name, one in found.items()} == {
        "": (5, 9, "cluster"),
        "rack1": (1, 3, "group"),
        "rack2": (2, 4, "group"),
    }


def test_a_node_that_the_cluster_does_not_know_may_be_of_any_group():
    """It is counted in each (law 7)."""
    found = _judged(*nodes_of(1, 3, "rack1"), *nodes_of(0, 3, "rack2"), rbd("x", MISSING))
    assert {name: (one.counted, one.unknown, one.total) for name, one in found.items()} == {
        "": (2, 1, 7),
        "rack1": (2, 1, 4),
        "rack2": (1, 1, 4),
    }
    assert [name for name, one in found.items() if one.tripped] == ["rack1"]
    assert found["rack1"].words == (
        "2 of 4 nodes of group rack1 hold instances and are offline or in an unknown state (1); "
        "max_unhealthy (40%) allows 1"
    )


def test_drained_nodes_stop_nothing():
    """All but one of a cluster are being emptied by a person."""
    members = [rbd(f"web{at}", DRAINED) for at in range(9)]
    assert set(deeds(braked(*members, rbd("web9", OFFLINE))).values()) == {"submit"}


def test_offline_nodes_that_hold_nothing_stop_nothing():
    """What was repaired away from them no longer counts."""
    spares = [node(f"off{at}", OFFLINE) for at in range(9)]
    assert deeds(braked(rbd("web1", OFFLINE), *spares)) == {"web1": "submit"}


def test_nodes_of_unknown_state_stop_repairs():
    """It may be the network (law 7)."""
    plan = braked(rbd("web1", OFFLINE), rbd("web2", UNKNOWN), rbd("web3", ONLINE))
    assert deeds(plan) == {"web1": "hold", "web2": "report", "web3": "none"}


# --- a range --------------------------------------------------------------------------------------------------------

# the range, of so many nodes, the numbers of broken ones with which repairs begin
IN_RANGE = [
    ((1, 3), 5, [1, 2, 3]),
    ((2, 3), 5, [2, 3]),
    ((2, 2), 5, [2]),
    ((0, 2), 5, [1, 2]),
    ((3, 9), 5, [3, 4, 5]),
    ((0, 0), 3, []),
    ((9, 9), 3, []),
]


@pytest.mark.parametrize(("given", "total", "begin"), IN_RANGE, ids=[f"{row[0]} of {row[1]}" for row in IN_RANGE])
def test_repairs_begin_with_so_many_broken_nodes(given, total, begin):
    """Both ends are inside; max_unhealthy does not count then. With nothing broken nothing has tripped."""
    limits = {"unhealthy_range": given, "max_unhealthy": NONE}
    for broken in range(total + 1):
        plan = braked(*nodes_of(broken, total), limits=limits)
        word = "submit" if broken in begin else "hold"
        assert list(deeds(plan).values()) == [word] * broken + ["none"] * (total - broken), broken
        assert plan.breakers[0].tripped is (broken > 0 and broken not in begin)


def test_too_few_says_so():
    """With the range; it is no storm, and nothing is remembered of it."""
    plan = braked(*nodes_of(1, 5), limits={"unhealthy_range": (2, 3)})
    assert plan.rows[0][1].why is Reason.BREAKER
    assert plan.rows[0][1].reason.endswith(
        "held: 1 of 5 nodes holds instances and is offline; unhealthy_range allows 2 to 3"
    )
    assert not plan.writes
    assert not has_more_work(plan)


def test_too_many_for_a_range_says_so():
    """It is a storm."""
    plan = braked(*nodes_of(4, 5), limits={"unhealthy_range": (2, 3)})
    assert plan.rows[0][1].reason.endswith("4 of 5 nodes hold instances and are offline; unhealthy_range allows 2 to 3")
    assert _written(plan)[0] == ("cluster", "", ["breaker"])


def test_the_lesser_end_of_a_range_is_the_cluster_s():
    """One broken node in each of two groups is two."""
    plan = braked(*nodes_of(1, 3, "rack1"), *nodes_of(1, 3, "rack2"), limits={"unhealthy_range": (2, 3)})
    assert [action.kind.value for _case, action in plan.rows].count("submit") == 2
    assert not any(one.tripped for one in plan.breakers)


def test_the_greater_end_of_a_range_holds_for_groups_too():
    """Here both have one more than that."""
    plan = braked(*nodes_of(3, 3, "rack1"), *nodes_of(0, 9, "rack2"), limits={"unhealthy_range": (0, 2)})
    assert [(one.name, one.limit, one.tripped) for one in plan.breakers] == [
        ("", 2, True), ("rack1", 2, True), ("rack2", 2, False),
    ]  # fmt: skip


# --- what goes on while it has tripped ------------------------------------------------------------------------------


def test_suspends_are_lifted_while_it_has_tripped():
    """What is in force must still be seen."""
    plan = braked(*nodes_of(2, 3), rbd("web1", ONLINE, tag("suspend:1")), limits={"max_unhealthy": NONE})
    assert [(action.kind.value, action.name) for action in plan.upkeep if action.scope == "instance"] == [
        ("lift", "web1")
    ]


# --- what it remembers ----------------------------------------------------------------------------------------------

W = f"breaker:{NOW + LONGEST_COOLDOWN + 2 * MAX_SKEW + 1}"  # later than a right clock can have set it
E = f"breaker:{NOW + LONGEST_COOLDOWN + 2 * MAX_SKEW}"  # as late as one can
L, F, P, N, U = "breaker", f"breaker:{NOW + 300}", f"breaker:{NOW - 1}", f"breaker:{NOW + 600}", "breaker:soon"
AT = f"breaker:{NOW}"
STORM, CALM = True, False
KEPT = ((), ())  # nothing is added, nothing is removed
# storm or not, the tags -> (added, removed) with a cooldown of 600 s, and with none, which forgets nothing of others'
MEMORY = {
    (STORM, ()): (((L,), ()), KEPT),
    (STORM, (L,)): (KEPT, KEPT),
    (STORM, (F,)): (((L,), (F,)), KEPT),
    (STORM, (P,)): (((L,), (P,)), ((), (P,))),
    (STORM, (AT,)): (((L,), (AT,)), ((), (AT,))),
    (STORM, (L, F)): (((), (F,)), KEPT),
    (STORM, (L, P)): (((), (P,)), ((), (P,))),
    (STORM, (U,)): (((L,), ()), KEPT),
    (STORM, (L, U)): (KEPT, KEPT),
    (CALM, ()): (KEPT, KEPT),
    (CALM, (L,)): (((N,), (L,)), KEPT),
    (CALM, (F,)): (KEPT, KEPT),
    (CALM, (N,)): (KEPT, KEPT),
    (CALM, (P,)): (((), (P,)), ((), (P,))),
    (CALM, (AT,)): (((), (AT,)), ((), (AT,))),
    (CALM, (F, P)): (((), (P,)), ((), (P,))),
    (CALM, (F, N)): (KEPT, KEPT),
    (CALM, (L, F)): (((N,), (L, F)), KEPT),
    (CALM, (L, P)): (((N,), (L, P)), ((), (P,))),
    (CALM, (L, N)): (((), (L,)), KEPT),
    (CALM, (U,)): (KEPT, KEPT),
    (CALM, (W,)): (((N,), (W,)), KEPT),
    (CALM, (E,)): (KEPT, KEPT),
    (CALM, (W, F)): (((N,), (W, F)), KEPT),
    (CALM, (L, W)): (((N,), (L, W)), KEPT),
    (STORM, (W,)): (((L,), (W,)), KEPT),
    (CALM, (L, U)): (((N,), (L,)), KEPT),
}
CELLS = [
    (storm, words, cooldown, cells[0 if cooldown else 1])
    for (storm, words), cells in MEMORY.items()
    for cooldown in (600, 0)
]


def _cell_name(storm, words, cooldown, _wanted):
    return f"{'storm' if storm else 'calm'}, {'+'.join(words) or 'no tag'}, {cooldown} s"


def _memory(scope, storm, words, cooldown):
    """A breaker with such a memory."""
    texts = [tag(word) for word in words]
    more = {"tags": texts} if scope == "cluster" else {"group_tags": {"default": texts}}
    limits = {"max_unhealthy": NONE, "storm_cooldown": cooldown}
    found = _judged(*nodes_of(2 if storm else 1, 3), limits=limits, **more)
    return found["" if scope == "cluster" else "default"]


@pytest.mark.parametrize("scope", ["cluster", "group"])
@pytest.mark.parametrize(("storm", "words", "cooldown", "wanted"), CELLS, ids=[_cell_name(*row) for row in CELLS])
def test_what_is_written_of_a_storm(scope, storm, words, cooldown, wanted):
    """And a second look at what was written writes nothing (law 5)."""
    one = _memory(scope, storm, words, cooldown)
    assert one.storm is storm
    added, removed = one.to_write()
    assert (set(added), set(removed)) == tuple({tag(word) for word in part} for part in wanted)
    after = {tag(word) for word in words} - set(removed) | set(added)
    again = _memory(scope, storm, [text.rpartition("autorepair:")[2] for text in after], cooldown)
    assert again.to_write() == KEPT
    assert again.tripped is one.tripped


TRIPPED = [
    ("no storm, and none remembered", CALM, (), 600, False),
    ("a storm", STORM, (), 600, True),
    ("a storm, without a cooldown", STORM, (), 0, True),
    ("a storm that has not been noted as over", CALM, (L,), 600, True),
    ("one by a user who wants no cooldown", CALM, (L,), 0, False),
    ("one that is remembered", CALM, (F,), 600, True),
    ("one that somebody else remembers, who wanted a cooldown", CALM, (F,), 0, False),
    ("one that is remembered, by a user who wants a second", CALM, (F,), 1, True),
    ("another tag that can't be read", CALM, ("Migrate",), 600, False),
    ("one until the next second", CALM, (f"breaker:{NOW + 1}",), 600, True),
    ("one until this very second", CALM, (AT,), 600, False),
    ("one until the second before", CALM, (P,), 600, False),
    ("the latest counts", CALM, (P, F), 600, True),
    ("a memory that can't be read", CALM, (U,), 600, True),
    ("one from a wrong clock", CALM, (W,), 600, True),
    ("one from a wrong clock, by a user who wants no cooldown", CALM, (W,), 0, False),
    ("a memory without its time", CALM, ("breaker:",), 600, True),
]


@pytest.mark.parametrize("scope", ["cluster", "group"])
@pytest.mark.parametrize(
    ("storm", "words", "cooldown", "tripped"), [row[1:] for row in TRIPPED], ids=[row[0] for row in TRIPPED]
)
def test_it_has_tripped(scope, storm, words, cooldown, tripped):
    """With the storm, and for a while after it; what can't be read keeps it shut (law 7)."""
    assert _memory(scope, storm, words, cooldown).tripped is tripped


@pytest.mark.parametrize(
    ("words", "cooldown", "until"),
    [
        ((), 600, None),
        ((F,), 600, 300),
        ((F, N), 600, 600),
        ((P,), 600, -1),
        ((L,), 600, 600),
        ((L, F), 10, 10),
        ((W,), 600, 600),
        ((W, F), 10, 10),
        ((E,), 600, LONGEST_COOLDOWN + 2 * MAX_SKEW),
    ],
    ids=[
        "nothing",
        "a time",
        "the latest of two",
        "a time that has passed",
        "as long as it lasts",
        "both",
        "a time that no right clock has set",
        "that and another",
        "the latest that one can have set",
    ],
)
def test_until_when_it_stays_shut(words, cooldown, until):
    """A storm that lasts in the tag alone is over from now on."""
    assert _memory("cluster", CALM, words, cooldown).until == (None if until is None else NOW + until)


def test_after_a_storm_it_says_until_when():
    """In words."""
    for scope, where in (("cluster", ""), ("group", " of group default")):
        words = _memory(scope, CALM, (F,), 600).words
        until = "the breaker stays tripped until 2027-01-15T08:05:00Z"
        assert words == f"too many nodes{where} were offline recently; {until}"


HELD, WELL = ("rack1-00",), ("rack2-02",)  # the one is broken, the other is not
LIMITED = [
    ("a round over all of it", {}, ["cluster", "rack1", "rack2"], ["cluster", "rack1", "rack2"]),
    ("one over a group", {"groups": ("rack1",)}, ["cluster", "rack1"], ["rack1"]),
    ("one over a glob of groups", {"groups": ("rack*",)}, ["cluster", "rack1", "rack2"], ["rack1", "rack2"]),
    ("one over an instance that is held", {"instances": HELD}, ["cluster", "rack1"], []),
    ("one over an instance that is well", {"instances": WELL}, [], []),
]


@pytest.mark.parametrize(("limits", "storm", "past"), [row[1:] for row in LIMITED], ids=[row[0] for row in LIMITED])
def test_what_a_round_remembers_and_forgets(limits, storm, past):
    """What holds it, or what it covers; it forgets only what it covers."""
    limits = {"max_unhealthy": NONE, **limits}
    wild = braked(*nodes_of(2, 3, "rack1"), *nodes_of(2, 3, "rack2"), limits=limits)
    assert [action.name or "cluster" for action in wild.upkeep] == storm
    assert {action.add for action in wild.upkeep} <= {(tag(L),)}
    over = {name: [tag(P)] for name in ("rack1", "rack2")}
    calm = braked(*nodes_of(1, 3, "rack1"), *nodes_of(0, 3, "rack2"), tags=[tag(P)], group_tags=over, limits=limits)
    assert [action.name or "cluster" for action in calm.upkeep] == past
    assert {(action.kind, action.remove) for action in calm.upkeep} <= {(ActionKind.FORGET, (tag(P),))}


def test_each_storm_is_remembered_on_its_own_object():
    """Of a group on the group, of the cluster on the cluster, of both on both."""
    wide = (*nodes_of(0, 30, "rack2"),)
    group = braked(*nodes_of(2, 3, "rack1"), *wide)
    both = braked(*nodes_of(2, 3, "rack1"), *nodes_of(0, 2, "rack2"), limits={"max_unhealthy": NONE})
    assert [(action.scope, action.name, action.add) for action in group.upkeep] == [("group", "rack1", (tag(L),))]
    assert [(action.scope, action.name, action.add) for action in both.upkeep] == [
        ("cluster", "", (tag(L),)), ("group", "rack1", (tag(L),)),
    ]  # fmt: skip
    assert all((action.kind, action.why) == (ActionKind.REMEMBER, Reason.BREAKER) for action in both.upkeep)


def test_a_group_that_has_shrunk_forgets_its_storm():
    """Of two nodes no group's breaker trips, but one that has goes on to its end."""
    found = _judged(*nodes_of(2, 2, "small"), group_tags={"small": [tag(L)]})
    assert found["small"].to_write() == ((tag(N),), (tag(L),))
    found = _judged(*nodes_of(2, 2, "small"), group_tags={"small": [tag(F)]})
    assert (found["small"].tripped, found["small"].to_write()) == (True, KEPT)
    found = _judged(*nodes_of(2, 2, "small"), group_tags={"small": [tag(U)]})
    assert found["small"].tripped


def test_a_part_of_a_second_is_no_second():
    """Tags have whole ones."""
    one = _judged(*nodes_of(0, 3), tags=[tag(L)], now=NOW + 0.9)[""]
    assert one.to_write()[0] == (tag(N),)


def test_what_is_remembered_has_its_words():
    """A storm, its end, and the end of the memory."""
    storm = braked(*nodes_of(2, 3), limits={"max_unhealthy": NONE}).upkeep[0]
    over = braked(*nodes_of(0, 3), tags=[tag(L)]).upkeep[0]
    past = braked(*nodes_of(0, 3), tags=[tag(P)]).upkeep[0]
    assert storm.reason == "2 of 3 nodes hold instances and are offline; max_unhealthy (0) allows 1"
    assert over.reason == (
        "the number of offline nodes is within the limit again; no repair starts until 2027-01-15T08:10:00Z"
    )
    assert (past.kind, past.reason) == (ActionKind.FORGET, "its breaker has cooled down")
    assert (over.add, over.remove, past.remove) == ((tag(N),), (tag(L),), (tag(P),))


def test_nothing_is_remembered_while_the_job_queue_is_drained():
    """Nothing can be written."""
    plan = braked(*nodes_of(2, 3), limits={"max_unhealthy": NONE}, queue_drained=True)
    assert not plan.writes
    assert not braked(*nodes_of(0, 3), tags=[tag(L)], queue_drained=True).writes


def test_a_memory_that_can_not_be_read_stays_and_is_told():
    """It is never removed for the user, and nobody waits for it to pass."""
    plan = braked(rbd("web1", OFFLINE), tags=[tag(U)])
    assert plan.warnings == (f"the cluster: the tag {tag(U)} can't be read: soon is not a timestamp in seconds",)
    assert plan.rows[0][1].why is Reason.UNREADABLE_TAG
    assert plan.rows[0][1].reason.endswith(
        f"held: the tag {tag(U)} can't be read: soon is not a timestamp in seconds; "
        f"remove it: gnt-cluster remove-tags {tag(U)}"
    )
    assert not plan.writes
    assert not has_more_work(plan)
    group = braked(rbd("web1", OFFLINE, group="rack1"), group_tags={"rack1": [tag(U), tag("breaker:")]})
    assert group.rows[0][1].reason.endswith(
        f"held: the tag {tag('breaker:')} can't be read: nothing is not a timestamp in seconds; "
        f"the tag {tag(U)} can't be read: soon is not a timestamp in seconds; "
        f"remove it: gnt-group remove-tags rack1 {tag('breaker:')} {tag(U)}"
    )


def test_what_cools_down_passes():
    """A run that waits may wait for it."""
    plan = braked(rbd("web1", OFFLINE), tags=[tag(F)])
    assert (deeds(plan), plan.writes, has_more_work(plan)) == ({"web1": "hold"}, False, True)


def test_a_storm_does_not_pass_by_itself():
    """Somebody has to see to it."""
    plan = braked(*nodes_of(2, 3), tags=[tag(L)], group_tags={"default": [tag(L)]}, limits={"max_unhealthy": NONE})
    assert not plan.writes
    assert not has_more_work(plan)


@pytest.mark.parametrize("text", [L, F, P])
def test_harep_and_the_policy_do_not_see_it(text):
    """It is no permission and no suspend, and hides none."""
    for allowed in ([], [tag("migrate")], [tag("suspend")], [tag("suspend:soon")], [tag("Migrate")]):
        with_it, without = (
            effective_policy([("group", parse_tags(texts)), ("cluster", parse_tags(ALLOW))], NOW)
            for texts in ([*allowed, tag(text)], allowed)
        )
        assert with_it == without
    assert not text.startswith("suspend")  # which is what harep looks for beside the names of the types


# --- from round to round --------------------------------------------------------------------------------------------


class Weather:
    """A cluster of three nodes with an instance on each, whose nodes die and come back."""

    def __init__(self, scope):
        others = nodes_of(0, 30, "zz") if scope == "group" else []
        self.scope, self.limits = scope, {} if scope == "group" else {"max_unhealthy": NONE}
        self.client = FakeClient(cluster(*nodes_of(0, 3, "rack1"), *others, node("spare", group="rack1"), tags=ALLOW))

    def turn(self, broken):
        """So many nodes are broken from now on."""
        one = self.client.cluster
        states = {f"rack1-{at:02}-p": OFFLINE if at < broken else ONLINE for at in range(3)}
        nodes = {name: replace(node, state=states.get(name, node.state)) for name, node in one.nodes.items()}
        self.client.cluster = replace(one, nodes=nodes)

    def round(self, **limits):
        """What a round returns."""
        known = len(self.client.writes)
        given = unbraked(**{"max_unhealthy": Limits().max_unhealthy, **self.limits, **limits})
        told = result(run_round(self.client, given, settings(), terms(self.client.clock)), check_mode=False)
        assert told["changed"] is (len(self.client.writes) > known)
        return told

    @property
    def memory(self):
        """The tags that remember."""
        one = self.client.cluster
        texts = one.tags if self.scope == "cluster" else one.groups["rack1"].tags
        return [text.rpartition("autorepair:")[2] for text in texts if "breaker" in text]


@pytest.fixture(params=["cluster", "group"])
def weather(request):
    """Good so far."""
    return Weather(request.param)


def test_a_storm_comes_and_goes(weather):
    """It is noted once, cools down for ten minutes from the round that sees it over, and is then forgotten."""
    assert (weather.round()["changed"], weather.memory) == (False, [])
    weather.turn(3)
    told = weather.round()
    assert (told["changed"], weather.memory, told["breaker"]["tripped"]) == (True, ["breaker"], True)
    weather.client.clock.now += 100_000
    assert (weather.round()["changed"], weather.memory) == (False, ["breaker"])
    weather.turn(1)
    over = weather.client.clock.now
    told = weather.round()
    end = int(over) + 600
    assert (told["changed"], weather.memory) == (True, [f"breaker:{end}"])
    assert (told["breaker"]["until"], told["held"]) == (end, [{"why": "storm_cooldown", "instances": ["rack1-00"]}])
    weather.client.clock.now = end - 1
    assert weather.round()["changed"] is False
    weather.client.clock.now = end
    assert weather.round()["changed"] is True
    assert (weather.memory, weather.client.steps) == ([], ["failover"])


def test_a_storm_that_returns_is_noted_again(weather):
    """The memory of the one before makes room."""
    weather.turn(3)
    weather.round()
    weather.turn(1)
    weather.round()
    weather.turn(2)
    assert weather.round()["changed"] is True
    assert weather.memory == ["breaker"]
    assert weather.round()["changed"] is False
    assert weather.client.steps == []


def test_a_storm_without_a_cooldown_leaves_nothing(weather):
    """It holds while it lasts."""
    weather.turn(3)
    assert weather.round(storm_cooldown=0)["changed"] is False
    weather.turn(1)
    assert weather.round(storm_cooldown=0)["changed"] is True
    assert (weather.memory, weather.client.steps) == ([], ["failover"])


def test_a_user_without_a_cooldown_does_not_heed_that_of_others(weather):
    """But leaves it to them: for them the storm is not over."""
    weather.turn(3)
    weather.round()
    weather.turn(1)
    weather.round(storm_cooldown=0)
    assert (weather.memory, weather.client.steps) == (["breaker"], ["failover"])


@pytest.mark.parametrize("limits", [{"instances": ("rack1-*",)}, {"groups": ("rack1",)}], ids=["instances", "a group"])
def test_a_storm_that_a_limited_round_has_noted_ends_for_limited_rounds(weather, limits):
    """There may be no others: what notes it has to see it over, else nothing is ever repaired again."""
    weather.turn(3)
    weather.round(**limits)
    assert weather.memory == ["breaker"]
    weather.turn(1)
    for _round in range(3):
        weather.round(**limits)
        weather.client.clock.now += 600
    assert weather.client.steps == ["failover"]


def test_a_repair_that_has_begun_is_carried_through_a_storm(weather):
    """Its end is written, too; new ones are held."""
    weather.client.seconds = lambda request: 0 if request.kind != "instance" or request.tasks[0].tags else 60
    weather.turn(1)
    weather.round()
    weather.client.clock.now += 61
    weather.turn(3)
    told = weather.round()
    ends = [action for action in told["actions"] if action["action"] == "finish"]
    assert [action["result"] for action in ends] == ["success"]
    assert [held["why"] for held in told["held"]] == ["breaker"]
    assert weather.client.steps == ["failover"]
