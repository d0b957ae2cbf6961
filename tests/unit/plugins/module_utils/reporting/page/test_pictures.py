# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures: the states with their numbers, and the nodes of each group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unit.plugins.module_utils.builders import NOW
from unit.plugins.module_utils.scenes import large, looked_at, night

from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.page.parts import moment
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.page.pictures import (
    Box,
    boxes_of,
    groups_of,
    troubles_of,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.schema import SeenCluster
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import Look, report_of


def seen(facts: Mapping[str, Any]) -> SeenCluster:
    """What a report says of a cluster."""
    found = report_of([Look("prod", facts)], NOW)["clusters"][0]["seen"]
    assert found is not None
    return found


def test_boxes() -> None:
    """Each state has one, from the best to the worst, also where no instance is in it."""
    numbers = {"repair_failed": 1, "pending_repair": 2, "healthy": 1234}
    boxes = boxes_of({"repair_disallowed": 0, "needs_repair": 0, "suspended": 0, **numbers})
    assert [(state, box.number) for state, box in boxes.items()] == [
        ("healthy", 1234),
        ("suspended", 0),
        ("needs_repair", 0),
        ("repair_disallowed", 0),
        ("pending_repair", 2),
        ("repair_failed", 1),
    ]
    assert boxes["pending_repair"] == Box(
        "pending_repair", "pending repair", 2, "2 instances pending repair: show them"
    )


def test_nodes_by_group() -> None:
    """All nodes are there, each once, with its number on the page; the groups are in the order of their names."""
    facts = large(10, nodes=12)
    groups = groups_of(seen({**facts, "nodes": facts["nodes"][::-1]}))
    assert [group.name for group in groups] == ["rack1", "rack2"]
    assert sorted(node.at for group in groups for node in group.nodes) == list(range(12))


def test_what_groups_and_nodes_say() -> None:
    """A group counts its nodes by their states, a node its instances."""
    cluster = seen({**night(), "groups": [{"name": "rack2", "tags": ["here"]}]})
    groups = groups_of(cluster)
    assert [(group.words, list(group.tags)) for group in groups] == [
        ("4 nodes: 1 drained, 1 offline, 2 online", []),
        ("5 nodes: 1 offline, 4 online", ["here"]),
    ]
    node3 = groups[0].nodes[2]
    assert (node3.short, node3.state, node3.primaries, node3.secondaries) == ("node3", "offline", 4, 1)
    assert node3.label == "node3.example.com, offline, 4 primary instances, 1 secondary: show them"


def test_what_a_look_says_of_nodes() -> None:
    """Trouble comes before the mark; a node that nobody has asked never looks well."""

    def shapes(nodes: Mapping[str, Any] | None) -> dict[str, tuple[str, str]]:
        found = report_of([Look("prod", night(), nodes=nodes)], NOW)["clusters"][0]["seen"]
        assert found is not None
        return {node.short: (node.shape, node.words) for group in groups_of(found) for node in group.nodes}

    unasked = shapes(None)
    assert (unasked["node1"], unasked["node3"]) == (("to_come", "not asked"), ("offline", "offline"))
    looked = shapes(looked_at(node1="cut_off", node3="returned"))
    assert (looked["node1"], looked["node2"]) == (("failed", "cut off"), ("online", ""))
    assert looked["node3"] == ("failed", "returned, offline")
    assert {shape for shape, _words in shapes({**looked_at(), "nodes": []}).values()} <= {
        "to_come",
        "offline",
        "drained",
    }


def test_nodes_in_trouble() -> None:
    """What each is, since when, who says so, and what to do."""
    found = report_of([Look("prod", night(), nodes=looked_at(node1="cut_off"))], NOW)["clusters"][0]["seen"]
    assert found is not None
    (trouble,) = troubles_of(found)
    assert (trouble.name, trouble.verdict, trouble.evidence) == ("node1.example.com", "cut off", ["power: on"])
    assert (trouble.reason, trouble.command) == ("nobody reaches node1", "gnt-node modify node1")
    assert trouble.since == moment(NOW - 60)
