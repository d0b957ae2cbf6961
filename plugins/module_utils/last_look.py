# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Last look: an instance, its nodes' marks and what holds it, read once more before disks are given up (law 10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .client import NORMAL, Client
from .model import Cluster, Instance
from .read import cluster_tags
from .tag_fields import PREFIX
from .usable import values_of

_INSTANCE = ("name", "uuid", "pnode", "snodes", "tags")
_NODE = ("name", "offline")
_HOLDS = (PREFIX + "suspend", PREFIX + "stop")


def what_changed(client: Client, instance: Instance, cluster: Cluster) -> str:
    """Why the disks of C(instance) are not to be given up now, though they were to be when C(cluster) was read; empty
    if they still are: it is where it was, all of its nodes are marked offline, and since then nobody has suspended it,
    its group or the cluster, or stopped the cluster."""
    return next(_changes(client, instance, cluster), "")


def _changes(client: Client, instance: Instance, cluster: Cluster) -> Iterator[str]:
    rows = client.query("node", _NODE, ["|", *(["=", "name", name] for name in instance.nodes)])
    marked = {row[0][1] for row in rows if row[1] == (NORMAL, True)}
    for name in instance.nodes:
        if name not in marked:
            yield f"node {name} is not marked offline any more"
    rows = client.query("instance", _INSTANCE, ["=", "name", instance.name])
    values = [values_of(_INSTANCE, row) for row in rows]
    expected = {"uuid": instance.uuid, "pnode": instance.primary, "snodes": list(instance.secondaries)}
    if len(values) != 1 or any(values[0].get(field) != value for field, value in expected.items()):
        yield "it is not where it was"
    if _is_held(values[0].get("tags") if values else None, instance.tags):
        yield "it was suspended"
    group = cluster.nodes[instance.primary].group
    rows = client.query("group", ("tags",), ["=", "name", group])
    if len(rows) != 1 or _is_held(rows[0][0][1], cluster.groups[group].tags):
        yield f"its group {group} was suspended"
    if _is_held(cluster_tags(client.cluster_info()), cluster.tags):
        yield "the cluster was stopped or suspended"


def _is_held(tags: object, before: Iterable[str]) -> bool:
    """Whether C(tags) of an object have one that holds it and was not there C(before); so it is where none came."""
    if not isinstance(tags, (list, tuple)):
        return True
    new = [tag for tag in tags if tag not in tuple(before)]
    return any(isinstance(tag, str) and tag.lower().startswith(_HOLDS) for tag in new)
