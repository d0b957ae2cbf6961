# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locations: what htools reads from the tags of nodes, read the same way (design, section 3; man page hbal).

A cluster tag `htools:nlocation:power` makes the node tags `power:...` locations: two nodes that share one are likely
to fail together. `htools:migration:hv` makes `hv:...` migration tags: an instance migrates only to a node that has
all migration tags of its own node. `htools:allowmigration:hv:old::hv:new` lets a node with `hv:new` count as one with
`hv:old`. `htools:desiredlocation:power` makes the instance tags `power...` locations that an instance prefers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..ganeti.model import Node

_LOCATION = "htools:nlocation:"
_DESIRED = "htools:desiredlocation:"
_MIGRATION = "htools:migration:"
_ALLOW = "htools:allowmigration:"


@dataclass(frozen=True)
class Labels:
    """What the tags of a node mean: its `locations`, the `migration` tags that a node must receive to take its
    instances, and those that it `receives` itself. `known` is false where the tags did not come."""

    locations: frozenset[str] = frozenset()
    migration: frozenset[str] = frozenset()
    receives: frozenset[str] = frozenset()
    known: bool = True

    def migrates_to(self, target: Labels) -> bool:
        """Whether an instance can migrate from a node with these labels to one with those of `target`."""
        return self.known and target.known and self.migration <= target.receives


NO_LABELS = Labels()


def labels(node: Node, cluster_tags: Iterable[str]) -> Labels:
    """What the tags of `node` mean in a cluster with `cluster_tags`."""
    cluster_tags = tuple(cluster_tags)
    if node.tags is None:
        return Labels(known=False)
    migration = _named(node.tags, cluster_tags, _MIGRATION)
    replaced = {old for old, new in _allowed(cluster_tags) if new in migration}
    return Labels(_named(node.tags, cluster_tags, _LOCATION), migration, migration | replaced)


def desired(instance_tags: Iterable[str], cluster_tags: Iterable[str]) -> frozenset[str]:
    """The locations that an instance with `instance_tags` prefers."""
    begins = tuple(_after(cluster_tags, _DESIRED))
    return frozenset(tag for tag in instance_tags if tag.startswith(begins))


def _after(cluster_tags: Iterable[str], prefix: str) -> Iterable[str]:
    """What follows `prefix` in the cluster's tags that begin so."""
    return (tag[len(prefix) :] for tag in cluster_tags if tag.startswith(prefix))


def _named(node_tags: Iterable[str], cluster_tags: Iterable[str], prefix: str) -> frozenset[str]:
    begins = tuple(f"{word}:" for word in _after(cluster_tags, prefix))
    return frozenset(tag for tag in node_tags if tag.startswith(begins))


def _allowed(cluster_tags: Iterable[str]) -> Iterable[tuple[str, str]]:
    """The pairs of an old and a new migration tag; htools ignores a tag in which `::` stands twice."""
    for pair in _after(cluster_tags, _ALLOW):
        old, colons, new = pair.partition("::")
        if colons and "::" not in new:
            yield old, new
