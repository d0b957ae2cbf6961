# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared: the tags of a cluster and its groups, parsed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..ganeti.model import Cluster
from .values import TagSet, parse_tags


@dataclass(frozen=True)
class SharedTags:
    """The tags of the `cluster` and of its `groups`, by name; an instance's are in its case."""

    cluster: TagSet
    groups: Mapping[str, TagSet]


def shared_tags(cluster: Cluster) -> SharedTags:
    """The tags of `cluster` and of its groups, parsed."""
    groups = {name: parse_tags(group.tags) for name, group in cluster.groups.items()}
    return SharedTags(parse_tags(cluster.tags, of_cluster=True), groups)
