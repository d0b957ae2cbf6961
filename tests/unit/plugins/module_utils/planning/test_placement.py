# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Capacity: where disks are recreated, from what the nodes have free (design, section 3)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    NOW,
    OFFLINE,
    ONLINE,
    SHARED,
    Member,
    cluster,
    deeds,
    drbd,
    job,
    node,
    pending,
    placed,
    plain,
    plan_of,
    rbd,
    settings,
    tag,
)
from unit.plugins.module_utils.fake import FakeClient, terms

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import (
    RequestRefused,
    Unauthorized,
    Unreachable,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import run_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.gating import apply_gates
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.placement import assign_nodes
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import make_draft
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.throttle import limit_concurrency
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from unbraked import unbraked

ALLOW = [tag("reinstall")]


def _choose(one, **free):
    """The nodes that are chosen for new disks, of nodes with so much room."""
    nodes = [node(name) for name in free]
    plan, _client = plan_for(one, *nodes, room=free)
    (action,) = (action for _case, action in plan.rows)
    return action.nodes or None


ONE, TWO = plain("web1", OFFLINE), drbd("web1", OFFLINE, OFFLINE)  # of 1024 MiB of disk, 512 of memory
CHOICES = [
    ("the node with the most free disk", ONE, {"a": (2000, 512), "b": (3000, 512)}, ("b",)),
    ("in a tie the first name", ONE, {"b": (2000, 512), "a": (2000, 900)}, ("a",)),
    ("just enough disk", ONE, {"a": (1024, 512)}, ("a",)),
    ("one MiB of disk too few", ONE, {"a": (1023, 512)}, None),
    ("just enough memory", ONE, {"a": (1024, 512)}, ("a",)),
    ("one MiB of memory too few", ONE, {"a": (1024, 511)}, None),
    (
        "no memory is needed for one that stays down",
        plain("web1", OFFLINE, admin_state="down"),
        {"a": (1024, 0)},
        ("a",),
    ),
    ("nor for one marked offline", plain("web1", OFFLINE, admin_state="offline"), {"a": (1024, 0)}, ("a",)),
    ("all disks count", plain("web1", OFFLINE, disk_sizes=(1000, 24)), {"a": (1023, 512)}, None),
    (
        "a mirrored one takes two, the roomier first",
        TWO,
        {"a": (2000, 512), "b": (9000, 512), "c": (3000, 512)},
        ("b", "c"),
    ),
    ("and not one", TWO, {"a": (2000, 512), "b": (100, 512)}, None),
    ("with room for its metadata", TWO, {"a": (1152, 512), "b": (1152, 512)}, ("a", "b")),
    ("on each disk", TWO, {"a": (1152, 512), "b": (1151, 512)}, None),
    (
        "for each of two disks",
        drbd("web1", OFFLINE, OFFLINE, disk_sizes=(1, 1)),
        {"a": (258, 512), "b": (257, 512)},
        None,
    ),
    ("no node at all", ONE, {}, None),
]


@pytest.mark.parametrize(("one", "free", "wanted"), [row[1:] for row in CHOICES], ids=[row[0] for row in CHOICES])
def test_nodes_are_chosen(one, free, wanted):
    """With enough of both; the primary first."""
    assert _choose(one, **free) == wanted


def plan_for(*members, room, **limits):
    """A plan with its nodes, and the client that was asked."""
    one = cluster(*members, tags=ALLOW)
    client = FakeClient(one, room=room)
    return limit_concurrency(assign_nodes(apply_gates(make_draft(one, unbraked(**limits), NOW)), client)), client


def nodes_of(plan):
    return {case.instance.name: action.nodes for case, action in plan.rows if action.nodes}


def test_nothing_is_asked_when_no_disks_are_recreated():
    """Not one live query (law 6)."""
    plan, client = plan_for(rbd("web1", OFFLINE), drbd("web2", OFFLINE, ONLINE), room={})
    assert (client.log, deeds(plan)) == ([], {"web1": "submit", "web2": "submit"})


def test_only_nodes_that_could_be_chosen_are_asked_and_all_at_once():
    """Online, able to hold instances, of the instance's own group; a dead node would be waited for."""
    asked = []

    class Spy(FakeClient):
        def query(self, resource, fields, qfilter=None, seconds=None):
            asked.append((resource, qfilter))
            return super().query(resource, fields, qfilter)

    others = [
        node("off", OFFLINE),
        node("drained", DRAINED),
        node("helper", vm_capable=False),
        node("far", group="other"),
        node("good1"),
        node("good2"),
    ]
    one = cluster(plain("web1", OFFLINE), plain("web2", OFFLINE), *others, tags=ALLOW)
    room = dict.fromkeys(one.nodes, (9000, 9000))
    plan = assign_nodes(plan_of(one), Spy(one, room=room))
    assert asked == [("node", ["|", ["=", "name", "good1"], ["=", "name", "good2"]])]
    assert set(nodes_of(plan).values()) == {("good1",), ("good2",)}


@pytest.mark.parametrize("room", [{}, {"b": (9000, 9000)}], ids=["none answers", "one answers"])
def test_a_node_that_does_not_answer_is_not_chosen(room):
    """Its room is not known."""
    plan, _client = plan_for(plain("web1", OFFLINE), node("a"), node("b"), room=room)
    assert nodes_of(plan) == ({"web1": ("b",)} if room else {})


@pytest.mark.parametrize("nonsense", [("much", 9000), (9000, "much"), (None, 9000), (9.5, [])], ids=repr)
def test_nonsense_is_not_room(nonsense):
    """The node is left out."""
    plan, _client = plan_for(plain("web1", OFFLINE), node("a"), room={"a": nonsense})
    assert deeds(plan) == {"web1": "wait"}


def test_a_value_that_ganeti_marks_as_missing_is_not_room():
    """Whatever stands beside the mark."""

    class Stale(FakeClient):
        def query(self, resource, fields, qfilter=None, seconds=None):
            return [tuple((0, "a") if at == "name" else (2, 9000) for at in fields)]

    one = cluster(plain("web1", OFFLINE), node("a"), tags=ALLOW)
    assert deeds(assign_nodes(plan_of(one), Stale(one))) == {"web1": "wait"}


def test_a_group_without_nodes_to_choose_is_not_asked():
    """A filter without a term would mean every node."""
    plan, client = plan_for(plain("web1", OFFLINE), room={})
    assert (client.log, deeds(plan)) == ([], {"web1": "report"})


def test_an_instance_is_not_placed_in_another_group():
    """There the policy and the networks are others; Ganeti's own choice breaks the instance."""
    plan, _client = plan_for(
        plain("web1", OFFLINE), plain("web2", OFFLINE, group="other"), node("far", group="other"),
        room={"far": (9000, 9000)},
    )  # fmt: skip
    assert deeds(plan) == {"web1": "report", "web2": "submit"}


def test_a_size_that_did_not_come_is_not_taken_for_nothing():
    """Unknown data: leave the instance alone (law 7)."""
    plan, _client = plan_for(plain("web1", OFFLINE, disk_sizes=()), node("a"), room={"a": (1, 9000)})
    assert not plan.rows[0][1].kind.writes


def test_a_live_query_that_is_refused_keeps_only_the_recreations_waiting():
    """Other repairs need no room of that kind (law 4)."""
    one = cluster(plain("web1", OFFLINE), rbd("web2", OFFLINE), node("a"), tags=ALLOW)
    client = FakeClient(one, failing={("node", "live"): RequestRefused("RAPI answered 500")})
    plan = assign_nodes(plan_of(one), client)
    assert (deeds(plan)["web2"], plan.rows[0][1].kind.writes) == ("submit", False)


def test_one_without_room_does_not_take_the_place_of_another_repair():
    """Else one that never finds room keeps all others from ever beginning."""
    plan, _client = plan_for(plain("web1", OFFLINE), drbd("web2", ONLINE, OFFLINE), room={}, max_in_flight=1)
    assert deeds(plan) == {"web1": "wait", "web2": "submit"}


# --- what Ganeti's own allocator would respect ----------------------------------------------------------------------


def waits_for(plan, name="web1"):
    """Why an instance waits for room, or for a person who finds a node, in words; empty if it does not."""
    (action,) = (action for case, action in plan.rows if case.instance.name == name)
    assert (action.why is Reason.NO_ROOM) is (action.kind.value == "wait")
    assert (action.why in (Reason.NO_NODE, Reason.NOT_KNOWN)) is (action.kind.value == "report")
    return action.reason if action.why else ""


POLICIES = [("preferred", True), ("last_resort", True), ("unallocable", False), ("", False), ("Preferred", False)]


@pytest.mark.parametrize(("policy", "open_"), POLICIES)
def test_a_group_takes_new_disks_by_its_alloc_policy(policy, open_):
    """One that is closed is not even asked; what is not known is no permission (law 7)."""
    one = cluster(plain("web1", OFFLINE), rbd("web2", OFFLINE), node("a"), tags=ALLOW)
    one = replace(one, groups={"default": replace(one.groups["default"], alloc_policy=policy)})
    client = FakeClient(one, room={"a": (9000, 9000)})
    plan = assign_nodes(plan_of(one), client)
    assert deeds(plan) == {"web1": "submit" if open_ else "report", "web2": "submit"}
    assert client.reads == ["node"] * open_
    if not open_:
        assert waits_for(plan) == (
            f"primary web1-p is offline; the alloc_policy of its group default is {policy or 'not known'}"
        )


def test_a_closed_group_closes_no_other():
    """Only the open one is asked."""
    members: list[Member] = [
        plain("web1", OFFLINE, group="shut"),
        plain("web2", OFFLINE),
        node("a", group="shut"),
        node("b"),
    ]
    one = cluster(*members, tags=ALLOW)
    one = replace(one, groups={**one.groups, "shut": replace(one.groups["shut"], alloc_policy="unallocable")})
    plan = assign_nodes(plan_of(one), FakeClient(one, room=dict.fromkeys("ab", (9000, 9000))))
    assert (deeds(plan), nodes_of(plan)) == ({"web1": "report", "web2": "submit"}, {"web2": ("b",)})


@pytest.mark.parametrize(
    ("enabled", "open_"),
    [(("plain", "drbd"), True), (("plain",), True), (("drbd", "rbd"), False), ((), False)],
    ids=["among others", "alone", "not", "nobody knows"],
)
def test_new_disks_are_of_a_template_that_is_enabled(enabled, open_):
    """Ganeti would refuse the others."""
    one = replace(cluster(plain("web1", OFFLINE), node("a"), tags=ALLOW), enabled_disk_templates=enabled)
    plan = assign_nodes(plan_of(one), FakeClient(one, room={"a": (9000, 9000)}))
    assert deeds(plan) == {"web1": "submit" if open_ else "report"}
    if enabled and not open_:
        assert waits_for(plan).endswith(
            "; the disk template plain is not enabled in the cluster, which enables drbd, rbd"
        )


FIRST = "service:web"
EXCLUSIONS = [
    ("the same tag", ["service"], FIRST, FIRST, ("b",)),
    ("another tag of that kind", ["service"], FIRST, "service:db", ("a",)),
    ("the same tag, but nobody said that it excludes", [], FIRST, FIRST, ("a",)),
    ("the same tag, but others exclude", ["rack"], FIRST, FIRST, ("a",)),
    ("the second of two kinds", ["rack", "service"], FIRST, FIRST, ("b",)),
    ("the other has none", ["service"], FIRST, "production", ("a",)),
    ("it has none itself", ["service"], "production", FIRST, ("a",)),
    ("a kind without a name excludes nothing", [""], FIRST, FIRST, ("a",)),
]


@pytest.mark.parametrize(
    ("kinds", "own", "other", "wanted"), [row[1:] for row in EXCLUSIONS], ids=[row[0] for row in EXCLUSIONS]
)
def test_two_primaries_with_one_exclusion_tag_do_not_share_a_node(kinds, own, other, wanted):
    """As with htools; on a, which has most room, the other has its primary."""
    neighbour = rbd("x", ONLINE, other)
    neighbour = replace(neighbour, instance=replace(neighbour.instance, primary="a"), nodes=())
    members: list[Member] = [plain("web1", OFFLINE, own), neighbour, node("a"), node("b")]
    tags = [*ALLOW, *(f"htools:iextags:{kind}" for kind in kinds)]
    one = cluster(*members, tags=tags)
    plan = assign_nodes(plan_of(one), FakeClient(one, room={"a": (9000, 9000), "b": (2000, 2000)}))
    assert nodes_of(plan) == {"web1": wanted}


def test_an_exclusion_tag_leaves_secondaries_alone():
    """Of both: of the one that has its secondary there, and of the one that gets it there."""
    neighbour = drbd("x", ONLINE, ONLINE, FIRST)
    neighbour = replace(neighbour, instance=replace(neighbour.instance, primary="b", secondaries=("a",)), nodes=())
    one = cluster(
        drbd("web1", OFFLINE, OFFLINE, FIRST), neighbour, node("a"), node("b"), tags=[*ALLOW, "htools:iextags:service"]
    )
    plan = assign_nodes(plan_of(one), FakeClient(one, room={"a": (2000, 2000), "b": (9000, 9000)}))
    assert nodes_of(plan) == {"web1": ("a", "b")}


def test_two_that_exclude_each_other_may_swap_their_nodes():
    """Each is where the other has its secondary."""
    members: list[Member] = [
        drbd("web1", OFFLINE, OFFLINE, FIRST),
        drbd("web2", OFFLINE, OFFLINE, FIRST),
        node("a"),
        node("b"),
    ]
    one = cluster(*members, tags=[*ALLOW, "htools:iextags:service"])
    plan = assign_nodes(plan_of(one), FakeClient(one, room={"a": (9000, 9000), "b": (8000, 8000)}))
    assert nodes_of(plan) == {"web1": ("a", "b"), "web2": ("b", "a")}


def test_two_that_exclude_each_other_are_not_placed_together():
    """Though there is room for both; the second says with what."""
    members: list[Member] = [plain("web1", OFFLINE, FIRST), plain("web2", OFFLINE, FIRST), node("a")]
    one = cluster(*members, tags=[*ALLOW, "htools:iextags:service"])
    plan = assign_nodes(plan_of(one), FakeClient(one, room={"a": (9000, 9000)}))
    assert nodes_of(plan) == {"web1": ("a",)}
    assert "(a: it holds another instance with the tag service:web)" in waits_for(plan, "web2")


# --- what is said where there is no room ----------------------------------------------------------------------------


def test_room_goes_to_the_most_urgent():
    """What is down before what is to be down, the oldest that was asked for before the rest."""
    members: list[Member] = [
        plain("a", OFFLINE, admin_state="down"),
        plain("b", OFFLINE),
        plain("c", OFFLINE, pending("reinstall", at=NOW - 2)),
        node("spare"),
    ]
    free = [(1024, 9000), (2048, 9000), (3072, 9000)]
    placed_at = [sorted(nodes_of(plan_for(*members, room={"spare": room})[0])) for room in free]
    assert placed_at == [["c"], ["b", "c"], ["a", "b", "c"]]


def test_nodes_are_asked_for_twenty_seconds_at_most():
    """One that hangs is not worth a longer wait."""
    asked = []

    class Spy(FakeClient):
        def query(self, resource, fields, qfilter=None, seconds=None):
            asked.append(seconds)
            return super().query(resource, fields, qfilter, seconds)

    one = cluster(plain("web1", OFFLINE), node("a"), tags=ALLOW)
    assign_nodes(plan_of(one), Spy(one, room={"a": (9000, 9000)}))
    assert asked == [20]


def test_nodes_that_do_not_answer_in_time_keep_only_the_recreations_waiting():
    """The cluster itself has just answered, so it can be reached."""
    one = cluster(plain("web1", OFFLINE), rbd("web2", OFFLINE), node("a"), tags=ALLOW)
    plan = assign_nodes(plan_of(one), FakeClient(one, failing={("node", "live"): Unreachable("no answer for 20 s")}))
    assert deeds(plan) == {"web1": "wait", "web2": "submit"}
    assert waits_for(plan).endswith("; no answer for 20 s")


def test_a_user_who_is_refused_ends_the_round():
    """It is not about the nodes."""
    one = cluster(plain("web1", OFFLINE), node("a"), tags=ALLOW)
    with pytest.raises(Unauthorized):
        assign_nodes(plan_of(one), FakeClient(one, failing={("node", "live"): Unauthorized("401")}))


# --- what is on its way -------------------------------------------------------------------------------------------


def _on_its_way(*given, template=plain, **more):
    """An instance whose disks are being made on these nodes, and its job."""
    one = template("gone1", OFFLINE, *([OFFLINE] if template is drbd else []), pending("reinstall", "7"), **more)
    return one, replace(job(7, "running", "RECREATE_DISKS", "gone1", repair="r1"), nodes=given)


PROMISED = [
    ("disk", {}, ("a",), (2047, 9000), None),
    ("just enough disk for both", {}, ("a",), (2048, 9000), ("a",)),
    ("memory", {}, ("a",), (9000, 1023), None),
    ("just enough memory for both", {}, ("a",), (9000, 1024), ("a",)),
    ("none on another node", {}, ("b",), (1024, 512), ("a",)),
    ("both nodes of a mirrored one", {"template": drbd}, ("b", "a"), (2175, 9000), None),
    ("with its metadata", {"template": drbd}, ("b", "a"), (2176, 9000), ("a",)),
    ("none where nobody chose a node", {}, (), (1024, 512), ("a",)),
]


@pytest.mark.parametrize(
    ("what", "where", "free", "wanted"), [row[1:] for row in PROMISED], ids=[row[0] for row in PROMISED]
)
def test_what_is_on_its_way_takes_room(what, where, free, wanted):
    """What the nodes say now may not show it yet."""
    other, running = _on_its_way(*where, **what)
    one = cluster(plain("web1", OFFLINE), other, node("a"), node("b", DRAINED), tags=ALLOW, jobs=[running])
    plan = assign_nodes(plan_of(one), FakeClient(one, room={"a": free}))
    assert nodes_of(plan) == ({"web1": wanted} if wanted else {})


def test_what_is_on_its_way_to_run_somewhere_takes_memory_alone():
    """A failover makes no disks."""
    moves = replace(job(7, "running", "FAILOVER", "gone1", repair="r1"), nodes=("a",))
    members: list[Member] = [plain("web1", OFFLINE), rbd("gone1", OFFLINE, pending(jobs="7")), node("a")]
    one = cluster(*members, tags=ALLOW, jobs=[moves])
    found = [deeds(assign_nodes(plan_of(one), FakeClient(one, room={"a": (1024, memory)}))) for memory in (1023, 1024)]
    assert [one["web1"] for one in found] == ["wait", "submit"]


def test_what_has_arrived_takes_nothing_more():
    """Its job has ended, and the nodes say so."""
    done = replace(job(7, "success", "FAILOVER", "gone1", repair="r1"), nodes=("a",))
    members: list[Member] = [plain("web1", OFFLINE), rbd("gone1", ONLINE, pending(jobs="7")), node("a")]
    one = cluster(*members, tags=ALLOW, jobs=[done])
    assert nodes_of(assign_nodes(plan_of(one), FakeClient(one, room={"a": (1024, 512)}))) == {"web1": ("a",)}


def test_an_exclusion_tag_is_on_its_way_too():
    """Two that exclude each other do not meet."""
    other, running = _on_its_way("a")
    other = replace(other, instance=replace(other.instance, tags=(*other.instance.tags, FIRST)))
    members: list[Member] = [plain("web1", OFFLINE, FIRST), other, node("a"), node("b")]
    one = cluster(*members, tags=[*ALLOW, "htools:iextags:service"], jobs=[running])
    plan = assign_nodes(plan_of(one), FakeClient(one, room={"a": (9000, 9000), "b": (2000, 2000)}))
    assert nodes_of(plan) == {"web1": ("b",)}


@pytest.mark.parametrize(("most", "wanted"), [(1, ["a", "b", "a"]), (2, ["a", "a", "b"]), (3, ["a", "a", "a"])])
def test_a_node_that_works_on_enough_repairs_is_chosen_last(most, wanted):
    """Else those that chose it would wait, though another has room as well."""
    members = [plain(f"web{at}", OFFLINE) for at in range(3)]
    room = {"a": (90_000, 90_000), "b": (9000, 9000)}
    one = cluster(*members, node("a"), node("b"), tags=ALLOW)
    plan = assign_nodes(apply_gates(make_draft(one, unbraked(max_per_node=most), NOW)), FakeClient(one, room=room))
    assert [nodes for (nodes,) in nodes_of(plan).values()] == wanted


def test_what_is_on_its_way_is_work_for_a_node():
    """Here for the roomier one."""
    other, running = _on_its_way("a")
    one = cluster(plain("web1", OFFLINE), other, node("a"), node("b"), tags=ALLOW, jobs=[running])
    room = {"a": (90_000, 90_000), "b": (9000, 9000)}
    found = [
        nodes_of(
            assign_nodes(apply_gates(make_draft(one, unbraked(max_per_node=most), NOW)), FakeClient(one, room=room))
        )
        for most in (1, 2)
    ]
    assert found == [{"web1": ("b",)}, {"web1": ("a",)}]


def test_nobody_is_asked_when_nothing_may_begin():
    """A round with max_in_flight 0 only follows."""
    plan, client = plan_for(plain("web1", OFFLINE), node("a"), room={"a": (9000, 9000)}, max_in_flight=0)
    assert (client.reads, deeds(plan)) == ([], {"web1": "hold"})


def test_a_repair_that_has_begun_is_given_its_nodes_all_the_same():
    """It is followed to its end."""
    old = drbd("web1", OFFLINE, OFFLINE, pending("reinstall", "7"))
    one = cluster(old, node("a"), node("b"), jobs=[job(7, "success", "FAILOVER", repair="r1")])
    client = FakeClient(one, room=dict.fromkeys("ab", (9000, 9000)))
    plan = limit_concurrency(assign_nodes(apply_gates(make_draft(one, unbraked(max_in_flight=0), NOW)), client))
    assert (deeds(plan), nodes_of(plan)) == ({"web1": "submit"}, {"web1": ("a", "b")})


def test_a_node_that_was_not_asked_for_is_not_chosen():
    """However much it has."""

    class Talkative(FakeClient):
        def query(self, resource, fields, qfilter=None, seconds=None):
            return super().query(resource, fields, None)

    one = cluster(plain("web1", OFFLINE), node("a"), node("off", OFFLINE), tags=ALLOW)
    plan = assign_nodes(plan_of(one), Talkative(one, room={"a": (9000, 9000), "off": (90_000, 90_000)}))
    assert nodes_of(plan) == {"web1": ("a",)}


# --- targets for instances on shared storage ------------------------------------------------------------------------

CHOSEN = [
    ("a failover", rbd("web1", OFFLINE), {"a": (0, 512)}, ("a",)),
    ("a migration", rbd("web1", DRAINED), {"a": (0, 512)}, ("a",)),
    ("a failover off a drained node", rbd("web1", DRAINED, always_failover=True), {"a": (0, 512)}, ("a",)),
    ("the most memory, whatever the disk", rbd("web1", OFFLINE), {"a": (9000, 600), "b": (0, 700)}, ("b",)),
    ("in a tie the first name", rbd("web1", OFFLINE), {"b": (0, 512), "a": (0, 512)}, ("a",)),
    ("one MiB too few", rbd("web1", OFFLINE), {"a": (9000, 511)}, None),
    ("one that is down needs none", rbd("web1", OFFLINE, admin_state="down"), {"a": (0, 0)}, ("a",)),
    ("nobody answers", rbd("web1", OFFLINE), {}, None),
]  # fmt: skip


@pytest.mark.parametrize(("one", "free", "wanted"), [row[1:] for row in CHOSEN], ids=[row[0] for row in CHOSEN])
def test_a_target_is_chosen(one, free, wanted):
    """By memory; without room it waits, and without a node a person is needed."""
    plan, _client = plan_for(one, *(node(name) for name in free), room=free, choose_nodes=True)
    assert nodes_of(plan).get("web1") == wanted
    assert deeds(plan) == {"web1": "submit" if wanted else "wait" if free else "report"}


@pytest.mark.parametrize("template", SHARED)
def test_a_target_is_chosen_for_every_template_on_shared_storage(template):
    """Also for one without disks."""
    plan, _client = plan_for(placed("web1", template, OFFLINE), node("a"), room={"a": (0, 512)}, choose_nodes=True)
    assert nodes_of(plan) == {"web1": ("a",)}


def test_an_instance_without_disks_has_a_target():
    """It has nothing whose size could be unknown."""
    one = placed("web1", "diskless", OFFLINE, disk_sizes=())
    plan, _client = plan_for(one, node("a"), room={"a": (0, 512)}, choose_nodes=True)
    assert nodes_of(plan) == {"web1": ("a",)}


def test_no_target_is_chosen_where_there_is_no_choice():
    """A mirrored instance goes to its secondary, and a new secondary is the allocator's; nobody is asked."""
    members: list[Member] = [
        drbd("web1", OFFLINE, ONLINE),
        drbd("web2", DRAINED, ONLINE),
        drbd("web3", ONLINE, OFFLINE),
        node("a"),
    ]
    plan, client = plan_for(*members, room={"a": (9000, 9000)}, choose_nodes=True)
    assert (nodes_of(plan), client.reads) == ({}, [])
    assert set(deeds(plan).values()) == {"submit"}


def test_no_target_is_chosen_for_what_is_held():
    """It may be another's turn."""
    members: list[Member] = [rbd("web1", OFFLINE, tag("suspend")), node("a")]
    plan, client = plan_for(*members, room={"a": (9000, 9000)}, choose_nodes=True)
    assert (nodes_of(plan), client.reads) == ({}, [])


def test_targets_respect_what_new_disks_do():
    """Exclusion tags, the group's alloc_policy, and the room that others have taken."""
    excluded: list[Member] = [rbd("web1", OFFLINE, FIRST), rbd("web2", OFFLINE, FIRST), node("a"), node("b")]
    one = cluster(*excluded, tags=[*ALLOW, "htools:iextags:service"])
    limits = unbraked(choose_nodes=True)
    client = FakeClient(one, room={"a": (0, 9000), "b": (0, 600)})
    plan = assign_nodes(apply_gates(make_draft(one, limits, NOW)), client)
    assert nodes_of(plan) == {"web1": ("a",), "web2": ("b",)}
    shut = replace(one, groups={"default": replace(one.groups["default"], alloc_policy="unallocable")})
    assert set(deeds(assign_nodes(apply_gates(make_draft(shut, limits, NOW)), client)).values()) == {"report"}
    members: list[Member] = [rbd("web1", OFFLINE), plain("web2", OFFLINE), node("a")]
    plan, _client = plan_for(*members, room={"a": (9000, 1023)}, choose_nodes=True)
    assert deeds(plan) == {"web1": "submit", "web2": "wait"}


@pytest.mark.parametrize(("chooses", "wanted"), [(True, {"target_node": "a"}), (False, {"iallocator": "hail"})])
def test_the_target_goes_into_the_job(chooses, wanted):
    """In place of the allocator."""
    client = FakeClient(cluster(rbd("web1", OFFLINE), node("a"), tags=ALLOW), room={"a": (0, 9000)})
    run_round(client, unbraked(choose_nodes=chooses), settings(), terms(client.clock))
    (parameters,) = (
        task.parameters for one in client.sent for task in one.tasks if task.operation is Operation.FAILOVER
    )
    assert parameters == {"instance_uuid": "uuid-web1", **wanted}
