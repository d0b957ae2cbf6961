# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures: how many instances are in each state, and the node groups with their nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..looked import in_trouble, is_trouble
from ..schema import NodeReport, SeenCluster
from .parts import STATES, Moment, count, moment, short_names


@dataclass(frozen=True)
class Box:
    """A state and how many instances are in it; `label` is for screen readers."""

    state: str
    words: str
    number: int
    label: str


@dataclass(frozen=True)
class NodeView:
    """A node and how many instances it has; `at` is its number on the page. `shape` is that of its mark, or of what a
    look says; `words` say both, as far as they are worth saying."""

    at: int
    name: str
    short: str
    state: str
    shape: str
    words: str
    primaries: int
    secondaries: int
    label: str


@dataclass(frozen=True)
class TroubleView:
    """A node of which a person should know: what it is, since when, who says so, and what to do."""

    name: str
    verdict: str
    since: Moment | None
    reason: str
    evidence: Sequence[str]
    command: str | None


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


def troubles_of(seen: SeenCluster) -> Sequence[TroubleView]:
    """The nodes of which a person should know."""
    return [
        TroubleView(
            name=name,
            verdict=(looked["verdict"] or "").replace("_", " "),
            since=moment(looked["since"]),
            reason=looked["reason"],
            evidence=looked["evidence"],
            command=looked["command"],
        )
        for name, looked in in_trouble(seen)
    ]


def _shape_and_words(node: NodeReport) -> tuple[str, str]:
    """What marks the node on the page: trouble before its mark; and one that nobody has asked never looks well."""
    mark, looked = node["state"], node["looked"]
    verdict = looked["verdict"] if looked else None
    if is_trouble(looked):
        told = [verdict or "", *([mark] if mark != "online" else [])]
        return "failed", ", ".join(told).replace("_", " ") if verdict != "healthy" else "answers, but see below"
    if mark != "online":
        return mark, mark
    return ("online", "") if verdict else ("to_come", "not asked")


def _words(nodes: Sequence[NodeView]) -> str:
    states = sorted(Counter(node.state for node in nodes).items())
    return f"{count(len(nodes), 'node')}: " + ", ".join(f"{number} {state}" for state, number in states)


def _node(at: int, node: NodeReport, short: str) -> NodeView:
    name, state, primaries, secondaries = node["name"], node["state"], node["primaries"], node["secondaries"]
    shape, words = _shape_and_words(node)
    held = f"{count(primaries, 'primary instance')}, {count(secondaries, 'secondary', 'secondaries')}"
    label = f"{name}, {words or state}, {held}: show them"
    return NodeView(at, name, short, state, shape, words, primaries, secondaries, label)
