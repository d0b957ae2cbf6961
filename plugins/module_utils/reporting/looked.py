# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looked: what a look at the nodes adds to a report (docs/report.schema.json).

A node that nobody has looked at is counted as not asked, and never as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ..nodes.judge import NodeVerdict
from .node_results import NOT_ASKED
from .schema import LookedNode, LookedNodes, NodeReport, SeenCluster

_WELL = (None, NodeVerdict.HEALTHY.value)


def looked_nodes(facts: Mapping[str, Any]) -> LookedNodes:
    """What the facts of ganeti_autorepair_node_facts say of all nodes."""
    return {"time": int(facts["time"]), "stopped": facts["stopped"], "strays": facts["strays"]}


def looked_node(facts: Mapping[str, Any]) -> LookedNode:
    """What the entry of one node in these facts says."""
    return {
        "verdict": facts["verdict"],
        "since": facts["since"],
        "reason": facts["reason"],
        "evidence": list(facts["evidence"]),
        "command": facts["command"],
    }


def is_trouble(looked: LookedNode | None) -> bool:
    """Whether a look found anything that a person should know of a node."""
    return looked is not None and (looked["verdict"] not in _WELL or bool(looked["evidence"]))


def in_trouble(seen: SeenCluster) -> list[tuple[str, LookedNode]]:
    """The names of the nodes of which a person should know, each with what was seen."""
    found = [(node["name"], node["looked"]) for node in seen["nodes"]]
    return [(name, looked) for name, looked in found if looked and is_trouble(looked)]


def verdict_counts(nodes: Iterable[NodeReport]) -> dict[str, int]:
    """The number of nodes with each verdict, and of those that nobody was asked about."""
    counts = Counter((node["looked"]["verdict"] if node["looked"] else None) or NOT_ASKED for node in nodes)
    return {name: counts[name] for name in (*(verdict.value for verdict in NodeVerdict), NOT_ASKED)}
