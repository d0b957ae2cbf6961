# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observations of a cluster of four nodes in two groups, for tests about nodes."""

from __future__ import annotations

from typing import Any

from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.observed import Observed, parse_observations
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import NODEWATCH

NAMES = ("node1", "node2", "node3", "node4")
NOW = 1_000_000.0
GROUPS = {"node1": "default", "node2": "default", "node3": "default", "node4": "rack2"}


def tags_of(*words: str) -> list[str]:
    """Tags about nodes with these words."""
    return [NODEWATCH + word for word in words]


def node_data(name: str, **changes: Any) -> dict[str, Any]:
    """A node's configuration."""
    address = f"192.0.2.{NAMES.index(name) + 11}"
    plain = {"name": name, "uuid": f"uuid-{name}", "group": GROUPS[name], "state": "online", "role": "C"}
    return {**plain, "addresses": [address], "tags": [], "changed": 5.0, **changes}


def look_data(time: float = NOW, silent: str = "", observed: bool = True, **changes: Any) -> dict[str, Any]:
    """A look in which the node `silent` answers nobody, and all others answer everybody; without others who look,
    unless they have `observed`."""
    live = {name: None if name == silent else f"boot-{name}" for name in NAMES}
    look: dict[str, Any] = {"time": time, "live": live}
    if observed:
        reach = {name: "silent" if name == silent else "answers" for name in NAMES}
        witnesses = [name for name in NAMES if name != silent]
        look["asked"] = witnesses
        look["observers"] = [{"name": "controller", "reach": reach}]
        look["observers"] += [{"name": name, "master": "node1", "reach": reach} for name in witnesses]
    return {**look, **changes}


def observations(
    *looks: dict[str, Any],
    tags: tuple[str, ...] = (),
    nodes: dict[str, dict[str, Any]] | None = None,
    group_tags: dict[str, list[str] | None] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """The cluster and looks at it; `tags` are words of the cluster's tags, `nodes` has changes to nodes by name."""
    cluster = {"name": "cluster", "uuid": "uuid", "master": "node1", "version": "3.0.2", "tags": tags_of(*tags)}
    groups = [{"name": name, "tags": (group_tags or {}).get(name, [])} for name in ("default", "rack2")]
    entries = [node_data(name, **(nodes or {}).get(name, {})) for name in NAMES]
    cluster["volume_group"] = "xenvg"
    cluster["maintain_node_health"] = changes.pop("maintain_node_health", True)
    return {
        "cluster": cluster,
        "groups": groups,
        "nodes": entries,
        "looks": list(looks or [look_data()]),
        "instances": None,
        **changes,
    }


def deep_look(time: float = NOW, **guests: str) -> dict[str, Any]:
    """A look in which nodes that answer told which guests they have, by node, with spaces between them."""
    observers = [{"name": name, "guests": told.split(), "whole": True} for name, told in guests.items()]
    return look_data(time, observed=False, observers=observers, deep=list(guests))


def observed_of(*looks: dict[str, Any], **changes: Any) -> Observed:
    """The same, parsed."""
    return parse_observations(observations(*looks, **changes))


def dead_looks(count: int = 3, **changes: Any) -> list[dict[str, Any]]:
    """So many looks, ten seconds apart and up to now, in which nobody reaches node3."""
    return [look_data(NOW - 10 * at, silent="node3", **changes) for at in reversed(range(count))]
