# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Offline: nobody is powered off who may be alive, and nobody is marked who shows any sign of life."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from unit.plugins.module_utils.node_builders import NAMES, NOW, dead_looks, look_data, observed_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.judge import all_signs_of_life
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.node_change import NodeChange
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.offline import (
    EVEN_IF,
    Proof,
    begin_fencing,
    confirm_off,
    end_fencing,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.plan import NodePlan, plan_nodes
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.node_options import NodeOptions
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import NODEWATCH

T = int(NOW)
FENCING = f"fencing:uuid-node3:0000abcd:{T - 60}"
FENCED = f"fenced:uuid-node3:0000abcd:{T - 50}:fence_agent"
FAILED = f"failed:uuid-node3:0000abcd:{T - 40}:power-off"
BY_ANNA = f"fenced:uuid-node3:0000abcd:{T - 50}:person.Anna_saw_it"
ALIVE_BY = ("controller", "node1", "node2", "node4")


def planned(*looks: dict[str, Any], **changes: Any) -> NodePlan:
    """The plan by these looks."""
    return plan_nodes(observed_of(*looks, **changes), NodeOptions(), NOW)


def reached(by: str, answer: str = "answers", looks: int = 3) -> list[dict[str, Any]]:
    """Looks in which somebody gets this answer from node3."""
    found = dead_looks(looks)
    for look in found:
        for observer in look["observers"]:
            if observer["name"] == by:
                observer["reach"] = {**observer["reach"], "node3": answer}
    return found


def begun(plan: NodePlan, name: str = "node3", even_if: str | None = None) -> NodeChange:
    """What becomes of the wish to power a node off."""
    return begin_fencing(name, plan, 3, even_if, lambda: "0000cafe")


def ended(plan: NodePlan, *, off: bool = True) -> NodeChange:
    """What becomes of an attempt to power node3 off."""
    return end_fencing(Proof("node3", "fence_agent", off), plan, ["node3"])


def confirmed(plan: NodePlan, name: str = "node3", words: str = "Anna saw it") -> NodeChange:
    """What becomes of somebody's word."""
    return confirm_off(name, words, plan, lambda: "0000cafe")


def words_of(change: NodeChange) -> tuple[list[str], list[str]]:
    """The tags that are added and removed, without what they all begin with."""
    return [tag.removeprefix(NODEWATCH) for tag in change.add], [tag.removeprefix(NODEWATCH) for tag in change.remove]


# --- may it be powered off -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", ["on", "off", "unknown"])
def test_who_answers_nobody_may_be_powered_off(power: str) -> None:
    """Whatever its power device says before; a tag says that somebody is about to, and no mark is set."""
    change = begun(planned(*dead_looks(power={"node3": power})))
    assert words_of(change) == ([f"fencing:uuid-node3:0000cafe:{T}"], []) and not change.error and not change.marks


@pytest.mark.parametrize("by", ALIVE_BY)
def test_who_answers_anybody_is_refused(by: str) -> None:
    """And the refusal names the verdict by which a person may ask for it all the same."""
    plan = planned(*reached(by))
    verdict = "deaf" if by == "node1" else "cut_off"
    change = begun(plan)
    assert not change.needed and f"it is {verdict}: " in change.error
    assert change.error.endswith(f"to power it off all the same: even_if {verdict}")
    assert begun(plan, even_if=verdict).needed
    for other in EVEN_IF:
        if other != verdict:
            assert f"it is {verdict}, and not {other}" in begun(plan, even_if=other).error


def test_who_answers_the_master_is_refused() -> None:
    """It is healthy."""
    plan = planned(*(look_data(NOW - 10 * at) for at in (2, 1, 0)))
    assert "it is healthy: " in begun(plan).error and begun(plan, even_if="healthy").needed


@pytest.mark.parametrize("even_if", [None, *EVEN_IF])
def test_the_master_is_refused_whatever_is_said(even_if: str | None) -> None:
    """Also to somebody who has seen that it is off."""
    looks = [look_data(NOW - 10 * at, silent="node1") for at in (2, 1, 0)]
    for plan in (planned(*looks), planned()):
        for change in (begun(plan, "node1", even_if), confirmed(plan, "node1")):
            assert not change.needed and "it is the master" in change.error


def test_one_who_is_taken_for_the_master_is_refused() -> None:
    """By any node: nobody knows whom the cluster obeys."""
    looks = dead_looks()
    looks[-1]["observers"][-1]["master"] = "node3"
    assert "master" in begun(planned(*looks)).error and "master" in confirmed(planned(*looks)).error


def test_nobody_is_judged_by_fewer_looks_than_asked_for() -> None:
    """Nor while it flaps."""
    flapping = [look_data(NOW - 20), *dead_looks(2)]
    assert "it has been silent in only 2 of 3 looks" in begun(planned(*flapping)).error
    assert "it has been silent in only 1 of 3 looks" in begun(planned(*dead_looks(1))).error
    marked = {"node3": {"state": "offline"}}
    heard = [*reached("node2", looks=1), *dead_looks(2)]
    heard[0]["time"] = NOW - 20
    for look in heard:
        look["live"] = {name: boot for name, boot in look["live"].items() if boot}
    assert "it has been silent in only 2 of 3 looks" in begun(planned(*heard, nodes=marked)).error


def alone(*names: str, reach: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Looks at a dead node in which only these have looked, perhaps with other answers."""
    looks = dead_looks()
    for look in looks:
        look["observers"] = [observer for observer in look["observers"] if observer["name"] in names]
        for observer in look["observers"]:
            observer["reach"] = {**observer["reach"], **(reach or {})}
    return looks


NOBODY = [
    dead_looks(observed=False),
    alone("node1"),  # the master
    alone("controller", reach=dict.fromkeys(NAMES, "silent")),
    alone("controller", "node2", reach=dict.fromkeys(NAMES, "refuses") | {"node3": "silent"}),
]


@pytest.mark.parametrize("looks", NOBODY, ids=["nobody", "the master", "one who is cut off", "two who are"])
def test_a_look_without_others_proves_nothing(looks: list[dict[str, Any]]) -> None:
    """Whatever is said: the master alone does not suffice, nor one who reaches nobody (N3)."""
    plan = planned(*looks, tags=(FENCING,))
    for change in (begun(plan, even_if="unknown"), confirmed(plan), ended(plan)):
        assert not change.needed and "besides the master nobody who reaches other nodes has looked" in change.error


def test_one_that_a_person_has_marked_may_be_powered_off() -> None:
    """The mark is no proof; that its power is on shows no guest, but an answer does."""
    marked = {"node3": {"state": "offline"}}
    live = {name: f"boot-{name}" for name in NAMES if name != "node3"}
    for power in ({}, {"node3": "on"}):
        change = begun(planned(*dead_looks(live=live, power=power), nodes=marked))
        assert change.needed and not change.error
    assert (
        "it is returned" in begun(planned(*[{**look, "live": live} for look in reached("node2")], nodes=marked)).error
    )


def test_an_attempt_that_was_interrupted_goes_on() -> None:
    """With the same tag; other tags of the node go. After a failure, or if the node lived since, a new one begins."""
    change = begun(planned(*dead_looks(), tags=(FENCING, f"suspect:uuid-node3:{T - 90}:dark")))
    assert words_of(change) == ([], [f"suspect:uuid-node3:{T - 90}:dark"]) and change.incident == "0000abcd"
    marked = {"node3": {"state": "offline", "changed": T - 40}}
    assert words_of(begun(planned(*dead_looks(), tags=(FENCED,), nodes=marked))) == ([], [])
    assert words_of(begun(planned(*dead_looks(), tags=(FAILED,)))) == ([f"fencing:uuid-node3:0000cafe:{T}"], [FAILED])
    change = begun(planned(*reached("node2"), tags=(FENCED,)), even_if="cut_off")
    assert words_of(change) == ([f"fencing:uuid-node3:0000cafe:{T}"], [FENCED])


@pytest.mark.parametrize("tag", ["fencing:uuid-node3", "fenced:x:y:z:m", "failed:a"])
def test_a_tag_that_nobody_can_read_holds_everybody(tag: str) -> None:
    """It may be about this node."""
    for change in (begun(planned(*dead_looks(), tags=(tag,))), confirmed(planned(*dead_looks(), tags=(tag,)))):
        assert not change.needed and tag.partition(":")[0] in change.error


def test_a_node_without_a_uuid_of_its_own_is_refused() -> None:
    """What tags remember of it would be of another one."""
    for uuid in ("", "uuid-node4"):
        plan = planned(*dead_looks(), nodes={"node3": {"uuid": uuid}})
        assert "its UUID is missing" in begun(plan).error and "its UUID is missing" in confirmed(plan).error


# --- may it be marked ------------------------------------------------------------------------------------------------


def test_a_node_that_is_off_and_silent_is_marked() -> None:
    """The tag that names the proof comes first, and the one of the attempt goes last."""
    change = ended(planned(*dead_looks(), tags=(FENCING,)))
    assert words_of(change) == ([f"fenced:uuid-node3:0000abcd:{T}:fence_agent"], [FENCING])
    assert change.marks and not change.error


MARKED = {"node3": {"state": "offline", "changed": T - 40}}


def test_what_was_proven_before_is_not_written_again() -> None:
    """As long as the node is marked."""
    for change in (
        ended(planned(*dead_looks(), tags=(FENCED,), nodes=MARKED)),
        confirmed(planned(*dead_looks(), tags=(BY_ANNA,), nodes=MARKED)),
    ):
        assert words_of(change) == ([], []) and not change.marks and not change.error


@pytest.mark.parametrize("node", [{"state": "online"}, {"state": "offline", "changed": T + 5000}])
def test_what_was_proven_of_a_node_that_was_used_since_counts_for_nothing(node: dict[str, Any]) -> None:
    """Whoever has put it back, and marked it again perhaps: a new incident begins, which anybody can see."""
    plan = planned(*dead_looks(), tags=(FENCED,), nodes={"node3": node})
    assert words_of(begun(plan)) == ([f"fencing:uuid-node3:0000cafe:{T}"], [FENCED])
    assert "somebody has removed it" in ended(plan).error
    assert words_of(confirmed(plan)) == ([f"fenced:uuid-node3:0000cafe:{T}:person.Anna_saw_it"], [FENCED])


def test_a_slower_runner_does_not_take_the_proof_away() -> None:
    """Its own device says nothing, but another runner has proven and marked it."""
    change = ended(planned(*dead_looks(), tags=(FENCED,), nodes=MARKED), off=False)
    assert not change.needed and "was proven before" in change.error


def test_another_node_that_falls_silent_meanwhile() -> None:
    """It may be the one that was powered off, by the wrong outlet."""
    looks = [*dead_looks(), look_data(NOW + 10, silent="node3")]
    looks[-1]["live"] = {**looks[-1]["live"], "node4": None}
    plan = planned(*looks, tags=(FENCING,))
    change = ended(plan)
    assert words_of(change) == ([f"failed:uuid-node3:0000abcd:{T + 10}:another"], [FENCING])
    assert "node4 has fallen silent meanwhile" in change.error and not change.marks
    assert end_fencing(Proof("node3", "fence_agent", True), plan, ["node3", "node4"]).marks


def test_a_proof_by_power_does_not_hide_behind_a_word() -> None:
    """Nor the other way: who said what stands in the tag."""
    change = ended(planned(*dead_looks(), tags=(BY_ANNA,), nodes=MARKED))
    assert words_of(change) == ([f"fenced:uuid-node3:0000abcd:{T}:fence_agent"], [BY_ANNA])
    change = confirmed(planned(*dead_looks(), tags=(FENCED,), nodes=MARKED), words="Bob")
    assert words_of(change) == ([f"fenced:uuid-node3:0000abcd:{T}:person.Bob"], [FENCED])


def test_an_attempt_without_proof_has_failed() -> None:
    """Loudly; and nothing is marked."""
    change = ended(planned(*dead_looks(), tags=(FENCING,)), off=False)
    assert words_of(change) == ([f"failed:uuid-node3:0000abcd:{T}:power-off"], [FENCING])
    assert not change.marks and "did not prove that it is off" in change.error


def test_a_proof_without_an_attempt_counts_for_nothing() -> None:
    """Somebody has taken its tag away, or the look is older than it."""
    assert "somebody has removed it" in ended(planned(*dead_looks())).error
    assert "somebody has removed it" in ended(planned(*dead_looks(), tags=(FAILED,))).error
    for time in (T, T + 1):
        newer = f"fencing:uuid-node3:0000abcd:{time}"
        assert "nobody has looked at it since" in ended(planned(*dead_looks(), tags=(newer,))).error


SIGNS: list[dict[str, Any]] = [
    *({"reach": (by, answer)} for by, answer in product(ALIVE_BY, ("answers", "accepts", "refuses"))),
    {"power": {"node3": "on"}},
    {"storage": {"node3": True}},
    {"live": dict.fromkeys(NAMES, "boot")},
    {"replicates": "node2"},
    {"observes": True},
]


def looks_with(sign: dict[str, Any], state: str) -> list[dict[str, Any]]:
    """Looks at a dead node, the last of which shows this."""
    looks = dead_looks(**{key: value for key, value in sign.items() if key in ("power", "storage", "live")})
    last = looks[-1]
    if state == "offline":
        last["live"] = {name: boot for name, boot in last["live"].items() if boot or name != "node3"}
    for observer in last["observers"]:
        if "reach" in sign and observer["name"] == sign["reach"][0]:
            observer["reach"] = {**observer["reach"], "node3": sign["reach"][1]}
        if sign.get("replicates") == observer["name"]:
            observer["replicates_with"] = ["node3"]
    if "observes" in sign:
        last["observers"].append({"name": "node3", "master": "node1", "reach": {}})
    return looks


@pytest.mark.parametrize("state", ["online", "drained", "offline", "unknown"])
@pytest.mark.parametrize("sign", SIGNS, ids=str)
def test_any_sign_of_life_voids_any_proof(sign: dict[str, Any], state: str) -> None:
    """By power, old or new, or by word (N2, N6): it is not marked, and the attempt has failed."""
    nodes = {"node3": {"state": state}}
    for tag in (FENCING, *((FENCED, BY_ANNA) if state == "offline" else ())):
        plan = planned(*looks_with(sign, state), tags=(tag,), nodes=nodes)
        change = ended(plan)
        assert not change.marks and "but it lives, by" in change.error
        assert words_of(change) == ([f"failed:uuid-node3:0000abcd:{T}:answers"], [tag])
        change = confirmed(plan)
        assert not change.needed and "but it lives, by" in change.error


@pytest.mark.parametrize("answers", list(product(("answers", "accepts", "refuses", "silent"), repeat=4)), ids="-".join)
@pytest.mark.parametrize("answered", [False, True])
def test_of_all_looks_only_those_without_a_sign_lead_to_a_mark(answers: tuple[str, ...], answered: bool) -> None:
    """What four observers and the master got from the node; by power or by word."""
    looks = dead_looks()
    for observer, answer in zip(looks[-1]["observers"], answers, strict=True):
        observer["reach"] = {**observer["reach"], "node3": answer}
    if answered:
        looks[-1]["live"]["node3"] = "boot"
    plan = planned(*looks, tags=(FENCING,))
    dead = set(answers) == {"silent"} and not answered
    assert bool(ended(plan).marks) is dead and bool(confirmed(plan).marks) is dead
    assert bool(all_signs_of_life(plan.observed.looks[-1], "node3")) is not dead
    if "answers" in answers or answered:
        assert not begun(plan).needed


@pytest.mark.parametrize("at", [0, 1])
def test_a_word_counts_for_nothing_against_a_sign_in_any_look(at: int) -> None:
    """A node that flaps lives."""
    looks = dead_looks()
    looks[at] = look_data(looks[at]["time"])
    assert "but it lives, by the master" in confirmed(planned(*looks)).error


def test_words_are_kept_whole_or_not_at_all() -> None:
    """A tag holds 128 characters."""
    uuid = "0f4bbd0d-5d5a-4b0c-a0a7-4f6c1c1a3cfa"
    plan = planned(*dead_looks(), nodes={"node3": {"uuid": uuid}})
    kept = confirmed(plan, words="Jörg (on call), both plugs").add[0]
    assert kept.endswith(":person.J_rg__on_call___both_plugs") and len(kept) <= 128
    with pytest.raises(BadOption, match="a tag has room for 42 characters"):
        confirmed(plan, words="Anna has been in the room and has pulled both of its plugs")
