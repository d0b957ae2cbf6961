# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observed: the option `observations` as values: a cluster, its nodes, and the looks at them (design, section 8).

What a query has just returned and what a file has kept go through the same parsing, so that a recorded look is judged
as it was when it was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import BadOption
from ..ganeti.model import Node, NodeState
from ..ganeti.usable import is_address, is_flag, is_text, is_texts, number
from ..tags.nodewatch import UNREAD, NodeTags, parse_node_tags
from .given import fields_of, mapping_in, member_of, name_in, numbered, text_in
from .looks import NodeLook
from .parsed_looks import parse_looks
from .schema import Observations, ObservedCluster, ObservedGroup, ObservedNode


@dataclass(frozen=True)
class Observed:
    """A cluster and the looks at its nodes, the oldest first; there is at least one.

    `tags` are those of the cluster, `group_tags` and `node_tags` those of its groups and nodes, by name. `addresses`
    has each node's IP addresses, the primary one first. `heals_itself` says whether nodes that find themselves marked
    offline stop their instances (maintain_node_health). `homes` has the primary node of each instance, in lower case as
    in Ganeti; None if nobody asked for it. `volume_group` is the cluster's, or empty if it has none.
    """

    name: str
    uuid: str
    master: str
    tags: NodeTags
    group_tags: Mapping[str, NodeTags]
    node_tags: Mapping[str, NodeTags]
    nodes: Mapping[str, Node]
    addresses: Mapping[str, tuple[str, ...]]
    looks: tuple[NodeLook, ...]
    heals_itself: bool | None = None
    homes: Mapping[str, str] | None = None
    volume_group: str = ""

    @property
    def time(self) -> float:
        """When it was looked at last."""
        return self.looks[-1].time


def parse_observations(given: Any) -> Observed:
    """The value of the option `observations`. Raises BadOption, with one sentence for people."""
    fields = fields_of("observations", given, Observations.__annotations__)
    cluster = fields_of("observations, cluster", fields.get("cluster"), ObservedCluster.__annotations__)
    groups = [_group(f"observations, group {at}", entry) for at, entry in numbered("observations", fields, "groups")]
    entries = [_node(f"observations, node {at}", entry) for at, entry in numbered("observations", fields, "nodes")]
    nodes = {node.name: node for node, _own in entries}
    if len(nodes) < len(entries) or len(dict(groups)) < len(groups):
        raise BadOption("observations has two nodes, or two groups, of one name")
    master = text_in("observations, cluster", cluster, "master")
    if master not in nodes:
        raise BadOption(f"observations, cluster: master is {master!r}; it takes one of {', '.join(sorted(nodes))}")
    addresses = {node.name: own for node, own in entries}
    looks = parse_looks(fields.get("looks"), addresses)
    if not looks:
        raise BadOption("observations has no looks; it takes at least one")
    return Observed(
        name=text_in("observations, cluster", cluster, "name"),
        uuid=text_in("observations, cluster", cluster, "uuid"),
        master=master,
        tags=_parsed(_tags("observations, cluster", cluster)),
        group_tags={name: _parsed(tags) for name, tags in groups},
        node_tags={node.name: _parsed(node.tags) for node, _own in entries},
        nodes=nodes,
        addresses=addresses,
        looks=looks,
        heals_itself=_flag_or_none("observations, cluster", cluster, "maintain_node_health"),
        volume_group=text_in("observations, cluster", cluster, "volume_group"),
        homes=mapping_in("observations", fields, "instances", _home) if "instances" in fields else None,
    )


def _home(where: str, given: Any) -> str:
    if not is_text(given):
        raise BadOption(f"{where} is {given!r}; it takes the name of a node")
    return str(given)


def _group(where: str, given: Any) -> tuple[str, tuple[str, ...] | None]:
    fields = fields_of(where, given, ObservedGroup.__annotations__)
    return name_in(where, fields), _tags(where, fields)


def _node(where: str, given: Any) -> tuple[Node, tuple[str, ...]]:
    fields = fields_of(where, given, ObservedNode.__annotations__)
    addresses = fields.get("addresses", [])
    if not is_texts(addresses) or not all(map(is_address, addresses)):
        raise BadOption(f"{where}: addresses is {addresses!r}; it takes a list of IP addresses")
    node = Node(
        name=name_in(where, fields),
        group=text_in(where, fields, "group"),
        state=member_of(NodeState)(f"{where}: state", fields.get("state")),
        changed=number(fields.get("changed")),
        uuid=text_in(where, fields, "uuid"),
        tags=_tags(where, fields),
        is_candidate=fields.get("role") in ("M", "C"),
    )
    return node, tuple(addresses)


def _tags(where: str, fields: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The tags; None if nobody gave them."""
    tags = fields.get("tags")
    if tags is not None and not is_texts(tags):
        raise BadOption(f"{where}: tags is {tags!r}; it takes a list of texts")
    return None if tags is None else tuple(tags)


def _parsed(tags: tuple[str, ...] | None) -> NodeTags:
    return UNREAD if tags is None else parse_node_tags(tags)


def _flag_or_none(where: str, fields: Mapping[str, Any], key: str) -> bool | None:
    value = fields.get(key)
    if value is not None and not is_flag(value):
        raise BadOption(f"{where}: {key} is {value!r}; it takes true or false")
    return value
