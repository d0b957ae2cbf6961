# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Last look: an instance and the marks on its nodes, read once more before its disks are given up (law 10)."""

from __future__ import annotations

from collections.abc import Iterator

from .client import NORMAL, Client
from .model import Instance
from .tags import PREFIX
from .usable import values_of

_INSTANCE = ("name", "uuid", "pnode", "snodes", "tags")
_NODE = ("name", "offline")


def what_changed(client: Client, instance: Instance) -> str:
    """Why the disks of C(instance) are not to be given up now, though they were to be when it was read; empty if they
    still are: it is where it was, all of its nodes are marked offline, and nobody has suspended it since."""
    return next(_changes(client, instance), "")


def _changes(client: Client, instance: Instance) -> Iterator[str]:
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
    tags = values[0].get("tags") if values else None
    if not isinstance(tags, list) or any(tag not in instance.tags and _suspends(tag) for tag in tags):
        yield "it was suspended"


def _suspends(tag: object) -> bool:
    return isinstance(tag, str) and tag.lower().startswith(PREFIX + "suspend")
