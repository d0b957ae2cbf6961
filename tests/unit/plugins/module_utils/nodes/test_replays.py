# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replays: what was measured on a real cluster, as recorded looks, and what is said and done about it (design, 8)."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils.node_builders import NAMES, NOW, look_data, observed_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.node_change import NodeChange
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.offline import (
    Proof,
    begin_fencing,
    confirm_off,
    end_fencing,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.plan import NodePlan, NodeRow, plan_nodes
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.readmission import Readmission, readmit
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.node_options import NodeOptions

T = int(NOW)
FENCED = f"fenced:uuid-node3:0000abcd:{T - 50}:fence_agent"


def recorded(silent: str, seen: dict[str, dict[str, str]], masters: dict[str, str] | None = None) -> Any:
    """Three looks in which the nodes of `silent` do not answer the master; `seen` has who saw what, where it is not an
    answer, and `masters` who believes in another master. Nodes with no entry in `seen` did not answer us."""
    looks = []
    for at in (20, 10, 0):
        look = look_data(NOW - at, observed=False)
        look["live"].update(dict.fromkeys(silent.split()))
        look["observers"] = [
            {
                "name": by,
                "master": (masters or {}).get(by, "node1") if by in NAMES else "",
                "reach": {**{name: "answers" for name in NAMES if name != by}, **answers},
            }
            for by, answers in seen.items()
        ]
        look["asked"] = [name for name in NAMES if name not in silent.split()]
        looks.append(look)
    return looks


def planned(looks: Any, **changes: Any) -> NodePlan:
    """The plan by these looks."""
    return plan_nodes(observed_of(*looks, **changes), NodeOptions(), NOW)


def row(plan: NodePlan, name: str = "node3") -> NodeRow:
    """A node of it."""
    return next(row for row in plan.rows if row.node.name == name)


def fenced(plan: NodePlan, even_if: str | None = None) -> NodeChange:
    """What becomes of the wish to fence node3."""
    return begin_fencing("node3", plan, 3, even_if, lambda: "0000cafe")


DEAD = {"node3": "silent"}
BY_ALL = {"controller": DEAD, "node1": DEAD, "node2": DEAD, "node4": DEAD}


@pytest.mark.parametrize(("power", "verdict"), [(None, "dark"), ("on", "isolated"), ("off", "off")])
def test_a_plug_that_was_pulled(power: str | None, verdict: str) -> None:
    """A full column of silence. Without power nobody knows whether it is off; a fence may find out."""
    looks = [{**look, "power": {"node3": power} if power else {}} for look in recorded("node3", BY_ALL)]
    plan = planned(looks)
    judged = row(plan).judged
    assert judged and judged.verdict.value == verdict
    change = fenced(plan)
    assert change.needed and not change.marks


def test_one_link_that_was_cut() -> None:
    """Ganeti can't tell it from death; others reach the node: exactly that pair is silent, both ways."""
    plan = planned(recorded("node3", {"controller": {}, "node1": DEAD, "node2": {}, "node3": {"node1": "silent"}}))
    judged = row(plan).judged
    assert judged and judged.verdict.value == "cut_off" and "between the two" in judged.why
    assert not fenced(plan).needed and not plan.strays
    assert not confirm_off("node3", "Anna", plan, lambda: "0000cafe").needed


def test_a_node_daemon_that_hangs() -> None:
    """Its port accepts and its SSH answers, everywhere; a port that accepts proves a kernel only."""
    plan = planned(recorded("node3", {"controller": {}, "node1": {}, "node2": {}, "node4": {}, "node3": {}}))
    judged = row(plan).judged
    assert judged and judged.verdict.value == "deaf" and "restart ganeti-noded" in judged.why
    assert not fenced(plan).needed


def test_a_kernel_whose_programs_hang() -> None:
    """Ports accept, and nobody says anything: no power before it has lasted."""
    accepts = {"node3": "accepts"}
    plan = planned(recorded("node3", dict.fromkeys(BY_ALL, accepts)))
    judged = row(plan).judged
    assert judged and judged.verdict.value == "hung" and row(plan).next.step.value == "wait"


def test_two_racks_that_lost_each_other() -> None:
    """Two blocks, all of which we reach: nobody is dead, and nothing is done."""
    far, near = {"node3": "silent", "node4": "silent"}, {"node1": "silent", "node2": "silent"}
    plan = planned(
        recorded("node3 node4", {"controller": {}, "node1": far, "node2": far, "node3": near, "node4": near})
    )
    assert [sorted(part) for part in plan.judgement.parts] == [["node1", "node2"], ["node3", "node4"]]
    assert not [each for each in plan.rows if each.next.step.acts]
    assert not fenced(plan).needed


def test_a_master_that_lost_its_cable() -> None:
    """All nodes are silent to it, and all of them live."""
    others = {name: {"node1": "silent"} for name in ("node2", "node3", "node4")}
    plan = planned(recorded("node2 node3 node4", {"controller": {}, **others}))
    assert plan.judgement.stopped and not [each for each in plan.rows if each.next.step.acts]
    assert not fenced(plan).needed


def test_a_second_master_in_the_minority() -> None:
    """Both run jobs; whoever acts on what one of them says loses what the other one has."""
    masters = {"node2": "node2", "node4": "node2"}
    plan = planned(recorded("node3", {"controller": DEAD, "node1": DEAD, "node2": DEAD, "node4": DEAD}, masters))
    assert plan.judgement.masters == ("node1", "node2")
    for change in (fenced(plan), fenced(plan, "unknown"), confirm_off("node3", "Anna", plan, lambda: "0000cafe")):
        assert not change.needed and "more than one node is taken for the master" in change.error


def test_a_former_master_that_comes_back() -> None:
    """It still believes that it is the master; nobody else does, and it is marked: it is a node that has returned."""
    looks = recorded("", {"controller": {}, "node1": {}, "node2": {}, "node3": {}, "node4": {}}, {"node3": "node3"})
    for look in looks:
        del look["live"]["node3"]
    plan = planned(looks, nodes={"node3": {"state": "offline", "role": "O"}})
    judged = row(plan).judged
    assert judged and judged.verdict.value == "returned" and plan.judgement.masters == ("node1",)


@pytest.mark.parametrize(("changed", "holds"), [(T - 40, True), (T + 5000, False)])
def test_a_tag_on_a_node_changes_it(changed: int, holds: bool) -> None:
    """Ganeti then says that the node was changed: a proof from before that is none any more."""
    looks = recorded("", {"controller": DEAD, "node1": DEAD, "node2": DEAD, "node4": DEAD})
    for look in looks:
        del look["live"]["node3"]
    own = {"state": "offline", "role": "O", "changed": changed}
    plan = planned(looks, nodes={"node3": own}, tags=(FENCED,))
    assert bool(end_fencing(Proof("node3", "fence_agent", True), plan, ["node3"]).error) is not holds


def test_a_former_candidate_that_comes_back() -> None:
    """By one flag; its old copy of the configuration goes once it is used, as it becomes a candidate for a moment."""
    looks = recorded("", {"controller": {}, "node1": {}, "node2": {}, "node4": {}})
    own = f"look 1\nend\nclock {T} {T}\nup 9\nconfig is there\nguests told\nmissing 0 xenvg\nwhole"
    looks = [{**look, "answers": {"node3": own}, "deep": ["node3"]} for look in looks]
    tags = (f"probation:uuid-node3:0000abcd:{T - 9}",)
    used = planned(looks, nodes={"node3": {"role": "R"}}, tags=tags, instances={})
    marks = (Operation.MARK_NODE_CANDIDATE, Operation.MARK_NODE_REGULAR)
    assert readmit("node3", used, Readmission(3), str).marks == marks
    for look in looks:
        del look["live"]["node3"]
    plan = planned(looks, nodes={"node3": {"state": "offline", "role": "O"}}, tags=(FENCED,), instances={})
    assert readmit("node3", plan, Readmission(3), str).marks == (Operation.MARK_NODE_DRAINED,)


@pytest.mark.parametrize(("guest", "comes_back"), [("guest web1\n", False), ("", True)])
def test_a_marked_node_whose_watcher_stops_its_guests(guest: str, comes_back: bool) -> None:
    """It is marked while it lives, and nobody has fenced it. With maintain_node_health its watcher stops what runs
    there: until then it is refused, and power may not be switched off by what others see."""
    looks = recorded("", {"controller": {}, "node1": {}, "node2": {}, "node4": {}})
    own = f"look 1\nend\nclock {T} {T}\nup 90000\n{guest}guests told\nmissing 0 xenvg\nwhole"
    looks = [{**look, "answers": {"node3": own}, "deep": ["node3"]} for look in looks]
    for look in looks:
        del look["live"]["node3"]
    plan = planned(looks, nodes={"node3": {"state": "offline", "role": "O"}}, instances={"web1": "node3"})
    judged, change = row(plan).judged, readmit("node3", plan, Readmission(3), str)
    assert judged and judged.verdict.value == "returned" and not fenced(plan).needed
    assert change.needed is comes_back and ("web1 runs there" in change.error) is not comes_back, change
