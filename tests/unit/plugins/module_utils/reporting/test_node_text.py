# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node text: who is what, since when, who says what, and what to do."""

from __future__ import annotations

from typing import Any

from unit.plugins.module_utils.node_builders import NAMES, NOW, dead_looks, look_data, observed_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.plan import plan_nodes
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.node_text import render_nodes
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.node_options import NodeOptions


def told(*looks: dict[str, Any], **changes: Any) -> list[str]:
    """The report."""
    return render_nodes(plan_nodes(observed_of(*looks, **changes), NodeOptions(), NOW))


def test_a_cluster_that_is_well_has_two_lines() -> None:
    """And nothing to do."""
    assert told() == [
        "cluster, 1970-01-12T13:46:40Z: 1 look at its nodes, nothing was written",
        "",
        "4 nodes: every node that is not marked offline answers",
        "",
        "4 nodes: 4 healthy",
    ]


def test_a_dead_node_has_its_evidence_and_the_command() -> None:
    """In this order: what it is, since when, what to do, by whose word."""
    found = told(*dead_looks(power={"node3": "off"}), tags=("suspect:uuid-node3:999000:off",))
    assert found[2:9] == [
        "NODE   STATE   VERDICT  SINCE                 NEXT",
        "node3  online  off      1970-01-12T13:30:00Z  report",
        "    nobody reaches node3, and its power device says that it is off; no tag permits a round to do it",
        "    (fence)",
        "        gnt-node modify --offline=yes --auto-promote node3",
        "    - controller: silent",
        "    - node1: silent",
    ]
    assert found[-1] == "4 nodes: 3 healthy, 1 off"


def test_who_was_not_asked_is_not_well() -> None:
    """A node that is marked offline is not counted as healthy."""
    live = {name: "boot" for name in NAMES if name != "node3"}
    found = told(look_data(live=live, observers=[], asked=[]), nodes={"node3": {"state": "offline"}})
    assert "node3  offline  not asked  -      none" in found
    assert found[-1] == "4 nodes: 3 healthy, 1 not asked"


def test_what_holds_the_judge_back_is_told() -> None:
    """With two masters, with parts, with tags that can't be read, and without Ganeti's own net."""
    looks = dead_looks(1)
    looks[0]["observers"][2]["master"] = "node2"
    found = "\n".join(told(*looks, tags=("failed:x",), maintain_node_health=False))
    assert "STOPPED no silent node is judged: nodes disagree on who is the master: node1, node2" in found
    assert "WARNING more than one node is taken for the master: node1, node2" in found
    assert "WARNING the tag ganeti:watcher:nodewatch:failed:x can't be read: it needs the UUID" in found
    assert "gnt-cluster modify --maintain-node-health=yes" in found


def test_who_does_not_reach_whom_is_told() -> None:
    """As parts."""
    apart = {name: "answers" if name in ("node3", "node4") else "silent" for name in NAMES}
    looks = dead_looks(
        1,
        observers=[{"name": "node4", "master": "node1", "reach": apart}],
        live={"node1": "b", "node2": "b", "node3": None, "node4": None},
    )
    words = "WARNING nobody has seen a connection between these: node1, node2; node3, node4"
    assert any(line.startswith(words) for line in told(*looks))


def test_a_node_that_flaps_is_told() -> None:
    """It answers now; one that is silent now has its own lines."""
    looks = [*dead_looks(2), look_data(NOW + 10)]
    assert "WARNING node3 answers now, but was silent in 2 of 3 looks: look at its network" in "\n".join(told(*looks))
    assert "answers now" not in "\n".join(told(look_data(NOW - 10), *dead_looks(1)))
