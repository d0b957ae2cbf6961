# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brakes and gates where it gets hard: repairs that have begun, limited rounds, broken answers, runs that wait."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import Round, result
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.waiting import run_until_done
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.document import plan_data
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import Plan
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.approval import parse_approved
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import (
    Fencing,
    Limits,
    MaxUnhealthy,
    resume_limits,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import ExecutionOptions
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.windows import parse_windows
from simulator import JobTrouble, Simulator
from unbraked import unbraked

from .conftest import TAG, Site
from .direct import TRANSPORTS

HALF = {"max_unhealthy": MaxUnhealthy("2", number=2)}  # of six nodes
ASKED = "pending:reinstall:asked:1799999000:"
CONFIRMED = {"fencing": Fencing.CONFIRMED}
Part = Callable[[Site], object]


@pytest.fixture(params=TRANSPORTS)
def site(request: pytest.FixtureRequest) -> Site:
    """A cluster of six nodes without instances, reached over RAPI or LUXI, without sockets: there are many rounds."""
    return Site(Simulator(), request.param, direct=True)


# --- what happens, and what is seen ----------------------------------------------------------------------------------


def spread(site: Site, *numbers: int, allow: str = "failover") -> None:
    """Each of these nodes holds an instance, x1 on node1 and so on, and the cluster allows repairs up to a type."""
    for number in numbers:
        site.cluster.add_instance(f"x{number}", "rbd", f"node{number}")
    site.allow(allow)


def add_web(site: Site, template: str = "drbd", allow: str = "") -> None:
    """There is an instance on node3, and if it is mirrored on node2, that may be repaired up to a type."""
    site.cluster.add_instance("web", template, "node3", "node2" if template == "drbd" else None)
    if allow:
        site.allow(allow, "web")


def die(site: Site, *names: str) -> None:
    """Nodes die, and are marked offline now."""
    for name in names:
        site.cluster.power_off(name)
        site.cluster.mark(name, offline=True)


def come_back(site: Site, *names: str) -> None:
    """Nodes are alive again, and no longer marked."""
    for name in names:
        site.cluster.power_on(name)
        site.cluster.mark(name, offline=False)


def play(site: Site, **limits: Any) -> Round:
    """Play a round, and let its jobs end."""
    played = site.run_round(unbraked(**limits))
    site.simulator.advance_until_idle()
    return played


def no_new_secondary(site: Site, name: str = "web") -> None:
    """Once there is no room for it, though the move before it succeeds."""
    room = {"kind": "OpPrereqError", "code": "insufficient_resources"}
    site.simulator.troubles.add(JobTrouble("OP_INSTANCE_REPLACE_DISKS", instance=name, text="No room", **room))


def coming(plan: Plan, name: str = "web") -> str:
    """What comes next for an instance: the step that is taken, or what keeps it from being taken."""
    action = next(action for case, action in plan.rows if case.instance.name == name)
    if action.kind.value == "submit":
        return f"submit {action.steps[0].operation.value}"
    return f"{action.kind.value} {action.why.value if action.why else ''}".strip()


def memory(site: Site) -> dict[str, list[str]]:
    """The breakers' tags, without what they all begin with, by the object that they are on."""
    objects = {"cluster": site.cluster.tags, **{name: group.tags for name, group in site.cluster.groups.items()}}
    found = {
        name: sorted(tag.removeprefix(TAG) for tag in tags if tag.startswith(TAG + "breaker"))
        for name, tags in objects.items()
    }
    return {name: tags for name, tags in found.items() if tags}


def runs(site: Site, limits: Limits, how: str) -> Iterator[Round]:
    """The rounds of a run that waits, as the engine goes on, or as the controller has the module go on."""
    if how == "in one go":
        yield from run_until_done(site.client(), limits, ExecutionOptions("", "", site.new_id), site.terms(), 36000)
        return
    carried = None
    while True:
        played = site.run_round(resume_limits(limits, carried))
        yield played
        carried = json.loads(json.dumps(result(played, check_mode=False)["carry_on"]))


HOWS = ("in one go", "in slices")


def edit(site: Site, monkeypatch: pytest.MonkeyPatch, resource: str, change: Callable[[Any, Any], Any]) -> None:
    """Let answers about a kind of object be changed: `change` takes their fields and their rows."""
    client = site.client()
    query = client.query

    def asked(kind: str, fields: Sequence[str], *more: Any) -> Any:
        rows = query(kind, fields, *more)
        return change(fields, rows) if kind == resource else rows

    monkeypatch.setattr(client, "query", asked)
    monkeypatch.setattr(site, "client", lambda **_: client)


def without(field: str, *names: str) -> Callable[[Any, Any], Any]:
    """A change of answers: a field does not come, of these objects or of all."""

    def change(fields: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
        at = list(fields).index(field)
        return [[*row[:at], (2, None), *row[at + 1 :]] if row[0][1] in names or not names else row for row in rows]

    return change


# --- a repair that has begun -----------------------------------------------------------------------------------------


def reinstalled(site: Site) -> None:
    """web was reinstalled, no round has ended its repair yet, and its new node dies."""
    add_web(site, "plain", "reinstall")
    die(site, "node3")
    while coming(site.plan_round()).startswith("submit"):  # over RAPI the disks and the system are two jobs
        play(site)
    assert site.cluster.instance("web").wiped
    come_back(site, "node3")
    site.simulator.advance(60)
    die(site, site.cluster.instance("web").primary, "node5", "node6")


def asked_for(site: Site) -> None:
    """Somebody has asked for a reinstall of web; only its secondary was lost, but now all of its nodes are."""
    add_web(site)
    site.cluster.instance("web").tags.add(TAG + ASKED)
    die(site, "node2")
    assert coming(play(site).before) == "submit replace-disks"
    come_back(site, "node2")
    die(site, *(name for name in site.cluster.instance("web").places), "node5", "node6")


def refused(site: Site) -> None:
    """web's failover was refused, so it has done nothing yet."""
    add_web(site, "drbd", "failover")
    site.simulator.troubles.add(JobTrouble("OP_INSTANCE_FAILOVER", instance="web", text="a hiccup"))
    die(site, "node3")
    play(site)
    site.simulator.advance(60)
    die(site, "node3", "node5", "node6")


def failed_over(site: Site) -> None:
    """web was failed over and has a new secondary, no round has ended its repair yet, and its new primary dies."""
    add_web(site, "drbd", "failover")
    die(site, "node3")
    play(site)
    play(site)
    come_back(site, "node3")
    site.simulator.advance(60)
    die(site, site.cluster.instance("web").primary, "node5", "node6")


LOSING = (
    ("its reinstall is done, but not ended", reinstalled, "recreate-disks"),
    ("a harmless step of it was done", asked_for, "recreate-disks"),
    ("its failover was refused before", refused, "failover"),
    ("its failover is done, but not ended", failed_over, "failover"),
)


@pytest.mark.parametrize(("happens", "step"), [row[1:] for row in LOSING], ids=[row[0] for row in LOSING])
def test_a_new_loss_is_held_like_a_new_repair(site: Site, happens: Part, step: str) -> None:
    """A repair that has jobs is followed to its end, but not into another failover, or a loss of data."""
    spread(site, 1, 4, 5, 6)
    happens(site)
    site.cluster.watcher_pause = site.cluster.clock.now() + 5000
    assert coming(site.plan_round(unbraked(respect_watcher_pause=False))) == f"submit {step}"
    assert coming(site.plan_round(unbraked(respect_watcher_pause=False, **HALF))) == "hold breaker"
    assert coming(site.plan_round(unbraked(respect_watcher_pause=False, settle_time=600))) == "hold settle_time"
    paused = f"submit {step}" if site.transport == "rapi" else "hold watcher_paused"  # RAPI can't tell
    assert coming(site.plan_round(unbraked())) == paused


def half_reinstalled(site: Site) -> None:
    """web has new disks, which are empty."""
    add_web(site, "plain", "reinstall")
    die(site, "node3")
    wanted, site.transport = site.transport, "rapi"  # over LUXI it is one job
    play(site)
    site.transport = wanted
    die(site, "node3", "node5", "node6")


def on_one_node(site: Site) -> None:
    """web was failed over, and has no secondary yet."""
    add_web(site, "drbd", "failover")
    die(site, "node3")
    no_new_secondary(site)
    play(site)
    site.simulator.advance(61)
    die(site, "node3", "node5", "node6")


GAINING = (
    ("the reinstall on new disks", half_reinstalled, "reinstall"),
    ("the new secondary after a failover", on_one_node, "replace-disks"),
)


@pytest.mark.parametrize(("happens", "step"), [row[1:] for row in GAINING], ids=[row[0] for row in GAINING])
def test_what_ends_a_loss_goes_on(site: Site, happens: Part, step: str) -> None:
    """No storm, no pause, no fresh mark and no hour holds the step that makes an instance whole again."""
    spread(site, 1, 4, 5, 6)
    happens(site)
    site.cluster.watcher_pause = site.cluster.clock.now() + 5000
    shut = parse_windows([{"type": "fix-storage", "start": "20:00", "end": "21:00", "timezone": "UTC"}])
    assert coming(site.plan_round(unbraked(settle_time=600, windows=shut, **HALF))) == f"submit {step}"


@pytest.mark.parametrize("limits", [{"max_in_flight": 0}, {}], ids=["none may begin", "some may begin"])
def test_a_later_step_has_its_nodes(site: Site, limits: Mapping[str, Any]) -> None:
    """Disks are never recreated on nodes that Ganeti chooses, or on the dead ones, whatever may begin."""
    asked_for(site)
    plan = site.plan_round(unbraked(**limits))
    assert coming(plan) == "submit recreate-disks"
    (action,) = [action for case, action in plan.rows if case.instance.name == "web"]
    assert len(action.nodes) == 2


# --- windows ---------------------------------------------------------------------------------------------------------


def until(end: str, kind: str) -> dict[str, Any]:
    """Repairs of a type begin from 07:00 on until then; it is 08:00."""
    return {"windows": parse_windows([{"type": kind, "start": "07:00", "end": end, "timezone": "UTC"}])}


def test_a_later_step_that_risks_no_more(site: Site) -> None:
    """It is taken outside of the hours, as the repair has done worse within them."""
    add_web(site, "drbd", "failover")
    die(site, "node3")
    no_new_secondary(site)
    assert coming(play(site, **until("09:00", "fix-storage")).before) == "submit failover"
    site.simulator.advance(3600)
    assert coming(site.plan_round(unbraked(**until("09:00", "fix-storage")))) == "submit replace-disks"


def test_a_later_step_that_risks_more(site: Site) -> None:
    """It waits for its hours, though its repair began within them, and is taken when they open."""
    asked_for(site)
    site.simulator.advance(3600)
    plan = site.plan_round(unbraked(**until("09:00", "failover")))
    assert coming(plan) == "hold windows"
    assert "reinstall may begin at" in " ".join(action.reason for action in plan.actions)
    site.simulator.advance(22 * 3600)
    assert coming(site.plan_round(unbraked(**until("09:00", "failover")))) == "submit recreate-disks"


# --- what the breakers remember --------------------------------------------------------------------------------------

X6, RACK2, ALL = {"instances": ("x6",)}, {"groups": ("rack2",)}, {"groups": ("def*", "RACK2")}
OVERRIDE = {"max_unhealthy": MaxUnhealthy("100%", number=100), "storm_cooldown": 0}
STORM = ("node1", "node2", "node5")

# what is remembered before; which nodes are dead; the round's limits; what is remembered after; x5, or x6 if limited
MEMORIES: tuple[tuple[str, str, Sequence[str], Mapping[str, Any], str, str], ...] = (
    ("a storm is seen by a round over all", "", STORM, {}, "breaker", "hold breaker"),
    ("a storm holds a round over one instance", "", ("node1", "node2", "node6"), X6, "breaker", "hold breaker"),
    ("a storm holds nothing of a limited round", "", STORM, X6, "", "none healthy"),
    ("it is over for a round over all", "breaker", ("node5",), {}, "breaker:+600", "hold storm_cooldown"),
    ("it is over for one over one instance", "breaker", ("node6",), X6, "breaker:+600", "hold storm_cooldown"),
    ("it is over for one over one group", "breaker", ("node6",), RACK2, "breaker:+600", "hold storm_cooldown"),
    ("it is over for one over all groups by name", "breaker", ("node6",), ALL, "breaker:+600", "hold storm_cooldown"),
    ("it is over, and holds nothing of a limited round", "breaker", ("node5",), X6, "breaker", "none healthy"),
    ("one over one instance lets it be", "breaker", ("node6",), {**X6, **OVERRIDE}, "breaker", "submit failover"),
    ("one over one group lets it be", "breaker", ("node6",), {**RACK2, **OVERRIDE}, "breaker", "submit failover"),
    ("a round over all lets it be", "breaker", ("node5",), OVERRIDE, "breaker", "submit failover"),
    ("one that lets it be leaves its end", "breaker:+9", ("node5",), OVERRIDE, "breaker:+9", "submit failover"),
    ("its end has passed for a round over all", "breaker:-1", ("node5",), {}, "", "submit failover"),
    ("its end has passed for a limited round", "breaker:-1", ("node6",), X6, "breaker:-1", "submit failover"),
)


@pytest.mark.parametrize(
    ("before", "dead", "limits", "after", "step"), [row[1:] for row in MEMORIES], ids=[row[0] for row in MEMORIES]
)
def test_the_memory_of_a_storm(
    site: Site, before: str, dead: Sequence[str], limits: Mapping[str, Any], after: str, step: str
) -> None:
    """A limited round writes only of a storm that holds something of its own; a cooldown of 0 forgets nothing."""
    spread(site, 1, 2, 3, 4, 5, 6)
    begin = site.cluster.clock.now()

    def tags(text: str) -> list[str]:
        kind, _, seconds = text.partition(":")
        return [f"{kind}:{int(begin) + int(seconds)}" if seconds else kind] if text else []

    site.cluster.tags.update(TAG + tag for tag in tags(before))
    die(site, *dead)
    given = {"max_unhealthy": HALF["max_unhealthy"], "max_per_group": 10, **limits}
    played = site.run_round(Limits(**given))
    name = "x6" if "instances" in limits or "groups" in limits else "x5"
    assert coming(played.before, name) == step
    found = memory(site).get("cluster", [])
    if after == "breaker:+600":  # from when it was seen to be over, which took the claim
        (tag,) = found
        assert 0 <= int(tag.partition(":")[2]) - begin - 600 < 30
    else:
        assert found == tags(after)


def test_a_storm_that_holds_nothing(site: Site) -> None:
    """All that it hit is suspended for a while: it is remembered, and holds what is left when most nodes are back."""
    spread(site, 1, 2, 3, 4, 5, 6)
    for number in (1, 2, 5):
        site.cluster.instance(f"x{number}").tags.add(f"{TAG}suspend:{int(site.cluster.clock.now()) + 60}")
    die(site, "node1", "node2", "node5")
    play(site, **HALF)
    assert memory(site) == {"cluster": ["breaker"]}
    come_back(site, "node1", "node2")
    site.simulator.advance(60)
    assert coming(site.plan_round(unbraked(**HALF)), "x5") == "hold storm_cooldown"


def test_two_runners_with_other_limits(site: Site) -> None:
    """They do not write and unwrite the same tag in turn, as long as the storm lasts (law 5)."""
    spread(site, 1, 2, 3, 4, 5, 6)
    die(site, *STORM)
    play(site, **HALF)
    assert memory(site) == {"cluster": ["breaker"]}
    for limits in (HALF, {**X6, "max_unhealthy": OVERRIDE["max_unhealthy"]}, HALF, {**X6, **OVERRIDE}):
        assert not play(site, **limits).changed


# --- answers that are not whole --------------------------------------------------------------------------------------


def test_nodes_that_are_missing_count_as_broken(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cluster's answer has one dead node and, of those that hold instances, three not at all."""
    spread(site, 1, 2, 5, 6)
    die(site, "node1")
    assert coming(site.plan_round(unbraked(**HALF)), "x1") == "submit failover"
    lost = ("node2", "node5", "node6")
    edit(site, monkeypatch, "node", lambda fields, rows: [row for row in rows if row[0][1] not in lost])
    plan = site.plan_round(unbraked(**HALF))
    assert coming(plan, "x1") == "hold breaker"
    assert "4 of 6 nodes hold instances and are offline or in an unknown state (3)" in plan.breakers[0].words


def test_a_node_of_no_known_group_counts_for_each(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of the four nodes of a group are dead, and of one of them nobody knows that it is in this group."""
    spread(site, 1, 2, 3, 4, 5, 6)
    die(site, "node1", "node2")
    edit(site, monkeypatch, "node", without("group", "node2"))
    limits = unbraked(max_unhealthy=MaxUnhealthy("40%", percent=MaxUnhealthy("40%").percent, number=1))
    plan = site.plan_round(limits)
    assert {one.name: one.counted for one in plan.breakers}["default"] == 2
    assert coming(plan, "x1") == "hold breaker"


@pytest.mark.parametrize("limits", [{"settle_time": 60}, {"min_offline_age": 60}], ids=lambda given: next(iter(given)))
def test_a_mark_of_unknown_age(site: Site, monkeypatch: pytest.MonkeyPatch, limits: Mapping[str, Any]) -> None:
    """It holds, and as nobody knows when it is old enough no run waits for that."""
    spread(site, 3)
    die(site, "node3")
    edit(site, monkeypatch, "node", without("mtime"))
    played = list(runs(site, unbraked(**limits), "in one go"))
    assert [coming(one.after, "x3") for one in played] == ["hold not_known"]
    assert not played[0].left


STRANGERS = (
    ("a node that nobody has asked for", [(0, "node9"), (0, 10**7), (0, 10**7)]),
    ("a node of another group", [(0, "node5"), (0, 10**7), (0, 10**7)]),
    ("a row without a name", [(2, None), (0, 10**7), (0, 10**7)]),
)


@pytest.mark.parametrize("row", [row[1] for row in STRANGERS], ids=[row[0] for row in STRANGERS])
def test_a_stranger_in_the_live_answer(site: Site, monkeypatch: pytest.MonkeyPatch, row: Sequence[Any]) -> None:
    """Nothing is placed there, and all else is."""
    site.cluster.add_instance("web", "plain", "node3")
    spread(site, 3, allow="reinstall")
    die(site, "node3")
    edit(site, monkeypatch, "node", lambda fields, rows: [*rows, row] if "mfree" in fields else rows)
    plan = play(site).before
    assert (coming(plan), coming(plan, "x3")) == ("submit recreate-disks", "submit failover")
    assert site.cluster.instance("web").primary in ("node1", "node2", "node4")


# --- which nodes are worth fencing -----------------------------------------------------------------------------------


def nothing(site: Site) -> None:
    """Nothing else is the matter."""


def no_room(site: Site) -> None:
    """No node has room for new disks."""
    for number in range(1, 7):
        site.cluster.leave_free(f"node{number}", memory=10, storage=10)


def claimed(site: Site) -> None:
    """Somebody else writes to the cluster."""
    site.cluster.tags.add(f"{TAG}claim:somebody:{int(site.cluster.clock.now()) + 200}")


def claimed_once(site: Site) -> None:
    """Somebody else wrote to the cluster, and died."""
    site.cluster.tags.add(f"{TAG}claim:somebody:{int(site.cluster.clock.now()) - 1}")


# what is the matter; the round's limits; the nodes to fence, over RAPI and over LUXI
FENCES: tuple[tuple[str, Part, Mapping[str, Any], tuple[str, ...], tuple[str, ...]], ...] = (
    ("its step would be taken", nothing, {}, ("node3",), ("node3",)),
    ("the job queue is drained", lambda site: setattr(site.cluster.queue, "drained", True), {}, ("node3",), ()),
    ("none may begin", nothing, {"max_in_flight": 0}, (), ()),
    ("there is no room for it", no_room, {}, (), ()),
    ("another round writes", claimed, {}, (), ()),
    ("another round's claim has run out", claimed_once, {}, ("node3",), ("node3",)),
    ("it is not allowed at this hour", nothing, until("07:30", "reinstall"), (), ()),
    ("its mark is too young", nothing, {"min_offline_age": 60}, (), ()),
    ("another of its nodes is known to be off", nothing, {"fenced_nodes": ("node1",)}, ("node3",), ("node3",)),
    ("it is known to be off", nothing, {"fenced_nodes": ("node3",)}, (), ()),
)


@pytest.mark.parametrize(
    ("happens", "limits", "over_rapi", "over_luxi"), [row[1:] for row in FENCES], ids=[row[0] for row in FENCES]
)
def test_which_nodes_are_worth_fencing(
    site: Site, happens: Part, limits: Mapping[str, Any], over_rapi: tuple[str, ...], over_luxi: tuple[str, ...]
) -> None:
    """Only those whose death would let a step be taken now; RAPI does not tell that the queue is drained."""
    add_web(site, "plain", "reinstall")
    die(site, "node3")
    happens(site)
    plan = site.plan_round(unbraked(**CONFIRMED, **limits))
    assert plan.fence == (over_rapi if site.transport == "rapi" else over_luxi)
    assert plan_data(plan)["fence"] == list(plan.fence)


def test_only_as_many_nodes_as_are_in_turn(site: Site) -> None:
    """Where one repair may begin, one node is fenced."""
    spread(site, 3, 4)
    die(site, "node3", "node4")
    assert site.plan_round(unbraked(**CONFIRMED)).fence == ("node3", "node4")
    assert site.plan_round(unbraked(**CONFIRMED, max_in_flight=1)).fence == ("node3",)


def test_a_name_of_two_nodes(site: Site) -> None:
    """A proof is of one node: nothing is done where its short name means two, and the full one means one."""
    site.cluster.add_group("lab")
    for domain in ("a", "b"):
        site.cluster.add_node(f"n1.{domain}.example", "lab")
        site.cluster.add_instance(f"w{domain}", "rbd", f"n1.{domain}.example")
    site.cluster.add_node("spare", "lab")
    site.allow("failover")
    die(site, "n1.a.example", "n1.b.example")
    words = r"fenced_nodes: more than one node is called n1 \(n1.a.example, n1.b.example\); nothing was done"
    with pytest.raises(BadOption, match=words):
        site.run_round(unbraked(**CONFIRMED, fenced_nodes=("n1",)))
    assert not site.simulator.log.writes()
    plan = site.plan_round(unbraked(**CONFIRMED, fenced_nodes=("N1.a",)))
    assert (coming(plan, "wa"), coming(plan, "wb")) == ("submit failover", "hold fencing")


# --- a run that waits ------------------------------------------------------------------------------------------------


def changed_again(site: Site) -> None:
    """node3 is switched on, used, and marked offline again."""
    come_back(site, "node3")
    site.simulator.advance(1)
    site.cluster.mark("node3", offline=True)


def touched(site: Site) -> None:
    """Somebody says once more that node3 is offline."""
    site.cluster.mark("node3", offline=True)


MEANWHILE = (
    ("nothing happens", nothing, "submit failover"),
    ("it was switched on and died again", changed_again, "hold fencing"),
    ("it is marked once more", touched, "hold fencing"),
)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize(("happens", "step"), [row[1:] for row in MEANWHILE], ids=[row[0] for row in MEANWHILE])
def test_a_fenced_node_that_changes(site: Site, how: str, happens: Part, step: str) -> None:
    """While a run waits, the word that a node is off holds for it as it was then; it may run since."""
    spread(site, 3)
    die(site, "node3")
    limits = unbraked(**CONFIRMED, fenced_nodes=("node3",))
    rounds = runs(site, limits, how)
    assert coming(next(rounds).before, "x3") == "submit failover"
    happens(site)
    site.cluster.add_instance("web", "rbd", "node3")
    site.simulator.advance_until_idle()
    assert coming(next(rounds).before) == step


@pytest.mark.parametrize("how", HOWS)
def test_a_fenced_node_that_is_removed(site: Site, how: str) -> None:
    """While a run waits a person takes it out of the cluster; the run goes on with what is left."""
    spread(site, 3)
    die(site, "node3")
    rounds = runs(site, unbraked(**CONFIRMED, fenced_nodes=("node3",)), how)
    next(rounds)
    site.simulator.advance_until_idle()
    del site.cluster.nodes["node3"]
    assert coming(next(rounds).before, "x3") == "finish"


def approve(site: Site, **limits: Any) -> Limits:
    """Limits with what a round would do now as the approved plan."""
    return unbraked(
        **limits, approved=parse_approved(json.loads(json.dumps(plan_data(site.plan_round(unbraked(**limits))))))
    )


@pytest.mark.parametrize("how", HOWS)
def test_no_step_beyond_the_approved_ones(site: Site, how: str) -> None:
    """Failover and new secondary were approved; another failover was not, nor anything for db or the cluster."""
    add_web(site, "drbd", "failover")
    die(site, "node3")
    no_new_secondary(site)
    rounds = runs(site, approve(site), how)
    assert coming(next(rounds).before) == "submit failover"
    site.cluster.add_instance("db", "rbd", "node4")
    site.allow("failover", "db")
    die(site, "node4")
    lapsed = f"{TAG}suspend:{int(site.cluster.clock.now()) - 5}"
    site.cluster.groups["rack2"].tags.add(lapsed)
    site.simulator.advance_until_idle()
    site.simulator.advance(61)
    played = next(rounds)
    assert (coming(played.before), coming(played.before, "db")) == ("submit replace-disks", "hold not_approved")
    site.simulator.advance_until_idle()
    die(site, site.cluster.instance("web").primary)
    site.simulator.advance(60)
    played = next(rounds)
    assert (coming(played.before), coming(played.before, "db")) == ("hold not_approved", "hold not_approved")
    assert not played.changed
    assert not played.left
    assert site.tags("db") == ["failover"]
    assert lapsed in site.cluster.groups["rack2"].tags


@pytest.mark.parametrize("how", HOWS)
def test_an_approved_instance_that_is_removed(site: Site, how: str) -> None:
    """While a run waits a person removes one of two instances; the other is repaired to its end."""
    for name in ("db", "web"):
        site.cluster.add_instance(name, "drbd", "node3", "node2")
        no_new_secondary(site, name)
    site.allow("failover")
    die(site, "node3")
    rounds = runs(site, approve(site), how)
    next(rounds)
    site.simulator.advance_until_idle()
    site.simulator.advance(61)
    del site.cluster.instances["db"]
    steps = []
    for played in rounds:
        steps.append(coming(played.before))
        site.simulator.advance_until_idle()
        if steps[-1] == "finish":
            break
    assert steps == ["submit replace-disks", "finish"]
    assert site.state("web") == "healthy"


# --- turns and room --------------------------------------------------------------------------------------------------


def test_room_is_promised_once(site: Site) -> None:
    """The one node with room is taken by a job under way, which live data does not show yet."""
    for name in ("db", "web"):
        site.cluster.add_instance(name, "plain", "node3", memory=1000)
    site.allow("reinstall")
    die(site, "node3")
    for node, memory_free in (("node1", 1500), ("node2", 100), ("node4", 100)):
        site.cluster.leave_free(node, memory=memory_free)
    assert coming(site.run_round(unbraked(max_in_flight=1)).before, "db") == "submit recreate-disks"
    assert coming(site.plan_round(unbraked(max_in_flight=2)), "db") == "wait job_under_way"
    assert coming(site.plan_round(unbraked(max_in_flight=2))) == "wait no_room"


def test_tries_are_in_turn_too(site: Site) -> None:
    """Four failovers found no room, one after the other; now that there is some, two go on at once and not four."""
    for number in range(4):
        site.cluster.add_instance(f"w{number}", "drbd", "node3", "node2", memory=60000)
    site.allow("failover")
    site.cluster.leave_free("node2", memory=1)
    die(site, "node3")
    play(site, max_in_flight=2)
    assert play(site, max_in_flight=2).after.under_way == 4
    site.cluster.leave_free("node2", memory=10**6)
    site.simulator.advance(300)
    plan = site.plan_round(unbraked(max_in_flight=2))
    steps = sorted(coming(plan, f"w{number}") for number in range(4))
    assert steps == ["hold max_in_flight"] * 2 + ["submit failover"] * 2


def test_a_busy_node_is_chosen_last(site: Site) -> None:
    """The node with most room takes as many as may be under way there; the next go to others."""
    for number in range(5):
        site.cluster.add_instance(f"w{number}", "rbd", "node3", memory=100)
    site.allow("failover")
    for node, memory_free in (("node1", 60000), ("node2", 20000), ("node4", 10000)):
        site.cluster.leave_free(node, memory=memory_free)
    die(site, "node3")
    plan = site.plan_round(unbraked(choose_nodes=True, max_per_node=2))
    chosen = [action.nodes for case, action in plan.rows if action.kind.value == "submit"]
    assert chosen == [("node1",), ("node1",), ("node2",), ("node2",), ("node4",)]


# --- what else a runner leaves to others -----------------------------------------------------------------------------


def test_results_that_others_count(site: Site) -> None:
    """A runner without the guard against flapping deletes no result by which one with it counts."""
    spread(site, 3)
    for _ in range(2):
        die(site, site.cluster.instance("x3").primary)
        site.play_until_quiet()  # repair_window 0
        come_back(site, "node1", "node2", "node3", "node4")
    assert len([tag for tag in site.tags("x3") if ":success:" in tag]) == 2
    die(site, site.cluster.instance("x3").primary)
    assert coming(site.plan_round(unbraked(repair_window=3600, max_repairs_per_window=2)), "x3") == "report flapping"


COUNTS = (("40", True), ("6", True), ("5", False), ("2", False))


@pytest.mark.parametrize(("number", "warns"), COUNTS)
def test_a_breaker_that_can_never_trip(site: Site, number: str, warns: bool) -> None:
    """A number of nodes that the cluster does not have more of is likely to be meant as a share, which is said."""
    warnings = site.plan_round(Limits(max_unhealthy=MaxUnhealthy(number, number=int(number)))).warnings
    said = f"max_unhealthy is {number}, and the cluster has 6 nodes, so it never takes effect; was {number}% meant?"
    assert warnings == ((said,) if warns else ())
