# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures: the states with what leads from one to another, and the node groups with their nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .markup import Html, el
from .parts import STATES, count, icon, name, short_names, tags_of

# --- the states (design, section 4) ----------------------------------------------------------------------------------

_WIDTH, _HEIGHT = 132, 52  # of a box
_BOXES: Mapping[str, tuple[int, int]] = {  # where each stands
    "healthy": (30, 6),
    "suspended": (220, 6),
    "needs_repair": (30, 112),
    "repair_disallowed": (220, 112),
    "pending_repair": (30, 218),
    "repair_failed": (220, 218),
}
_ARROWS: Sequence[tuple[str, str, int, int, str]] = (  # path, words, where they stand, how they are aligned
    ("M96 58V106", "a node is marked", 102, 86, "start"),
    ("M96 164V212", "a round begins", 102, 192, "start"),
    ("M30 244C6 244 6 32 24 32", "healed", 18, 86, "start"),
    ("M162 244H214", "fails", 188, 238, "middle"),
    ("M162 132H214", "", 0, 0, "start"),
    ("M220 146H168", "tags", 191, 126, "middle"),
    ("M162 224L224 170", "enoperm", 200, 204, "start"),
    ("M286 218V170", "looked into", 292, 196, "start"),
    ("M162 26H214", "", 0, 0, "start"),
    ("M220 40H168", "a tag", 191, 20, "middle"),
)


def diagram(states: Mapping[str, int]) -> Html:
    """The states with their counts; each leads to its instances."""
    tip = el("path", d="M0 0L8 4L0 8z", class_="tip")
    size = {"markerWidth": 7, "markerHeight": 7, "refX": 7, "refY": 4}
    marker = el("marker", tip, id="tip", viewBox="0 0 8 8", orient="auto", **size)
    arrows = [el("path", d=path, class_="arrow", marker_end="url(#tip)") for path, told, x, y, anchor in _ARROWS]
    words = [el("text", told, x=x, y=y, text_anchor=anchor) for path, told, x, y, anchor in _ARROWS if told]
    boxes = [_box(state, x, y, states[state]) for state, (x, y) in _BOXES.items()]
    return el(
        "svg",
        el("defs", marker),
        *arrows,
        *words,
        *boxes,
        viewBox="0 0 372 276",
        class_="diagram",
        role="group",
        aria_label="States, and what leads from one to another",
    )


def _box(state: str, x: int, y: int, number: int) -> Html:
    return el(
        "a",
        el("rect", x=x, y=y, width=_WIDTH, height=_HEIGHT, rx=8),
        icon(state, x=x + 10, y=y + 9, width=14, height=14),
        el("text", f"{number:,}", x=x + 31, y=y + 22, class_="count"),
        el("text", STATES[state], x=x + 10, y=y + 41, class_="label"),
        href="#instances",
        class_=f"state is-{state}" + ("" if number else " zero"),
        data_state=state,
        aria_label=f"{count(number, 'instance')} {STATES[state]}: show them",
    )


# --- the nodes -------------------------------------------------------------------------------------------------------


def nodes_map(cluster: Mapping[str, Any], at: int, numbers: Mapping[tuple[int, str], int]) -> Html:
    """The node groups of a cluster with their nodes; each leads to its instances."""
    seen = cluster["seen"]
    by_group: dict[str, list[Mapping[str, Any]]] = {}
    for node in seen["nodes"]:
        by_group.setdefault(node["group"], []).append(node)
    tags = {group["name"]: group["tags"] for group in seen["groups"]}
    short = short_names([node["name"] for node in seen["nodes"]])
    groups = [_group(group, tags.get(group, ()), by_group[group], at, numbers, short) for group in sorted(by_group)]
    return el("div", *groups, class_="groups")


def _group(
    group: str,
    tags: Sequence[str],
    nodes: Sequence[Mapping[str, Any]],
    at: int,
    numbers: Mapping[tuple[int, str], int],
    short: Mapping[str, str],
) -> Html:
    states = Counter(node["state"] for node in nodes)
    told = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    tiles = [el("li", _tile(node, numbers[at, node["name"]], short[node["name"]])) for node in nodes]
    head = el("header", el("h3", name(group)), el("p", f"{count(len(nodes), 'node')}: {told}", class_="quiet"))
    shown = el("p", tags_of(tags), class_="group-tags") if tags else None
    return el("section", head, shown, el("ul", *tiles, class_="nodes"), class_="group")


def _tile(node: Mapping[str, Any], number: int, short: str) -> Html:
    held = f"{count(node['primaries'], 'primary instance')}, {count(node['secondaries'], 'secondary', 'secondaries')}"
    return el(
        "a",
        icon(node["state"]),
        el("span", el("bdi", short), class_="name"),
        el("span", node["state"], class_="word") if node["state"] != "online" else None,
        el("span", el("b", node["primaries"]), " + ", node["secondaries"], class_="held"),
        href="#instances",
        class_=f"node is-{node['state']}",
        data_node=number,
        title=node["name"],
        aria_label=f"{node['name']}, {node['state']}, {held}: show them",
    )
