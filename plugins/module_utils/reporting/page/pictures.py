# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures: how many instances are in each state, and the node groups with their nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..schema import NodeReport, SeenCluster
from .parts import STATES, count, short_names


@dataclass(frozen=True)
class Box:
    """A state and how many instances are in it; `label` is for screen readers."""

    state: str
    words: str
    number: int
    label: str


@dataclass(frozen=True)
class NodeView:
    """A node and how many instances it has; `at` is its number on the page."""

    at: int
    name: str
    short: str
    state: str
    primaries: int
    secondaries: int
    label: str


@dataclass(frozen=True)
class GroupView:
    """A node group with its nodes; `words` count them by state."""

    name: str
    words: str
    tags: Sequence[str]
    nodes: Sequence[NodeView]


def boxes_of(states: Mapping[str, int]) -> Mapping[str, Box]:
    """The states (design, section 4) by their names."""
    return {
        state: Box(state, words, states[state], f"{count(states[state], 'instance')} {words}: show them")
        for state, words in STATES.items()
    }


def groups_of(seen: SeenCluster) -> Sequence[GroupView]:
    """The node groups of a cluster that have nodes, by name."""
    by_group: dict[str, list[NodeView]] = {}
    short = short_names([node["name"] for node in seen["nodes"]])
    for at, node in enumerate(seen["nodes"]):
        by_group.setdefault(node["group"], []).append(_node(at, node, short[node["name"]]))
    tags = {group["name"]: group["tags"] for group in seen["groups"]}
    return [GroupView(name, _words(nodes), tags.get(name, ()), nodes) for name, nodes in sorted(by_group.items())]


def _words(nodes: Sequence[NodeView]) -> str:
    states = sorted(Counter(node.state for node in nodes).items())
    return f"{count(len(nodes), 'node')}: " + ", ".join(f"{number} {state}" for state, number in states)


def _node(at: int, node: NodeReport, short: str) -> NodeView:
    name, state, primaries, secondaries = node["name"], node["state"], node["primaries"], node["secondaries"]
    held = f"{count(primaries, 'primary instance')}, {count(secondaries, 'secondary', 'secondaries')}"
    return NodeView(at, name, short, state, primaries, secondaries, f"{name}, {state}, {held}: show them")
