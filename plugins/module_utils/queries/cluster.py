# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cluster: one consistent snapshot of it, with the same few requests whatever its size (design, law 6).

Only configuration is queried, never a live field, so no node is waited for. The order makes the snapshot consistent:
first the tags, which tell which jobs matter, then those jobs, and only then the instances, so that the instances show
the effects of every job that had ended by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from ..errors import BadAnswer
from ..ganeti.client import UNKNOWN_FIELD, Client, Row
from ..ganeti.model import Cluster, Group, Instance, Node, NodeState
from ..ganeti.usable import INSTANCE, as_list, is_flag, is_name, is_number, is_text, is_texts, number, values_of
from ..printable import REPLACED
from ..repair.history import Repair, repairs_of
from ..tags.values import parse_tags
from .jobs import read_jobs

_NODE = ("name", "group", "offline", "drained", "vm_capable", "mtime", "powered", "uuid", "tags")
_GROUP = ("name", "tags", "alloc_policy")
_TAGS = ("name", "tags")
_INSTANCE = (
    "name",
    "uuid",
    "disk_template",
    "os",
    "pnode",
    "snodes",
    "admin_state",
    "tags",
    "be/always_failover",
    "be/maxmem",
    "disk.sizes",
    "forthcoming",
)


def read_cluster(client: Client) -> Cluster:
    """A snapshot of the cluster. Raises an AutorepairError if it can't be read as a whole."""
    noticed = [found for row in client.query("instance", _TAGS) for found in _repairs(values_of(_TAGS, row))]
    pending = [(name, repair) for name, repair in noticed if repair.result is None]
    asked = frozenset(number for name, repair in pending for number in repair.jobs)
    jobs = read_jobs(client, noticed, asked)
    instances = [_instance(row) for row in client.query("instance", _INSTANCE)]
    nodes = [_node(row) for row in client.query("node", _NODE)]
    groups = [_group(row) for row in client.query("group", _GROUP)]
    info = client.cluster_info()
    return Cluster(
        name=_text(info, "name"),
        master=_text(info, "master"),
        version=_text(info, "software_version"),
        uuid=_text(info, "uuid"),
        tags=cluster_tags(info),
        default_iallocator=_text(info, "default_iallocator"),
        enabled_disk_templates=tuple(text for text in as_list(info.get("enabled_disk_templates")) if is_text(text)),
        queue_drained=_told(info, "queue_drained", is_flag),
        watcher_paused_until=_told(info, "watcher_paused_until", is_number),
        nodes={node.name: node for node in nodes},
        groups={group.name: group for group in groups if group},
        instances=tuple(sorted(instances, key=lambda instance: instance.name)),
        jobs=jobs,
        queried_job_ids=asked,
        tracked_repair_ids=frozenset(repair.id for name, repair in pending),
    )


def _text(info: Mapping[str, Any], key: str) -> str:
    value = info.get(key)
    return value if isinstance(value, str) else ""


def _told(info: Mapping[str, Any], key: str, is_usable: Callable[[Any], bool]) -> Any:
    """A value that may hold all repairs back; None if the transport does not have it. Raises BadAnswer for others."""
    value = info.get(key)
    if value is not None and not is_usable(value):
        raise BadAnswer(f"cannot read the cluster's data: its {key} is {str(value)[:80]!r}, which has no meaning")
    return value


def cluster_tags(info: Mapping[str, Any]) -> tuple[str, ...]:
    """The tags in `info`, the cluster's data. Raises BadAnswer without them, as nobody knows then what is allowed."""
    tags = info.get("tags")
    if not is_texts(tags):
        raise BadAnswer("cannot read the cluster's data: it has no tags")
    return tuple(tags or ())


def _named(resource: str, values: Mapping[str, Any]) -> str:
    if not isinstance(values.get("name"), str):
        raise BadAnswer(f"cannot query {resource}s: one of them has no name")
    return str(values["name"])


def _node(row: Row) -> Node:
    values = values_of(_NODE, row)
    flags = values.get("offline"), values.get("drained")
    state = NodeState.UNKNOWN
    if all(isinstance(flag, bool) for flag in flags):
        state = NodeState.OFFLINE if flags[0] else NodeState.DRAINED if flags[1] else NodeState.ONLINE
    name, powered = _named("node", values), values.get("powered")
    return Node(
        name=name,
        group=_text(values, "group"),
        state=state if is_name(name) else NodeState.UNKNOWN,
        vm_capable=values.get("vm_capable") is True,
        changed=number(values.get("mtime")),
        powered=powered if isinstance(powered, bool) else None,
        uuid=_text(values, "uuid"),
        tags=tuple(values["tags"]) if is_texts(values.get("tags")) else None,
    )


def _group(row: Row) -> Group | None:
    """The group, or None if its tags are missing: nobody knows then what is allowed for its instances."""
    values = values_of(_GROUP, row)
    name, tags = _named("group", values), values.get("tags")
    if tags is None or not is_texts(tags) or REPLACED in name:
        return None
    return Group(name, tuple(tags), _text(values, "alloc_policy"))


def _instance(row: Row) -> Instance:
    values = values_of(_INSTANCE, row)
    if dict(zip(_INSTANCE, row))["forthcoming"][0] == UNKNOWN_FIELD:  # Ganeti before 2.14 has none
        values = {**values, "forthcoming": False}
    usable = {field: values[field] for field, is_usable in INSTANCE.items() if is_usable(values.get(field))}
    tags = usable.get("tags", ()) if "name" in usable else ()  # without a usable name nothing can be written
    return Instance(
        name=_named("instance", values),
        uuid=usable.get("uuid", ""),
        disk_template=usable.get("disk_template", ""),
        os=_text(values, "os"),  # no decision depends on it
        primary=usable.get("pnode", ""),
        secondaries=tuple(usable.get("snodes", ())),
        admin_state=usable.get("admin_state", ""),
        always_failover=usable.get("be/always_failover", False),
        memory=usable.get("be/maxmem", 0),
        disk_sizes=tuple(usable.get("disk.sizes", ())),
        tags=tuple(tags),
        missing_fields=tuple(field for field in INSTANCE if field not in usable),
        forthcoming=usable.get("forthcoming", False),
    )


def _repairs(values: Mapping[str, Any]) -> list[tuple[str, Repair]]:
    """The repairs in the tags of one instance, each with the instance's name."""
    tags = values["tags"] if is_texts(values.get("tags")) else []
    name = _named("instance", values)
    return [(name, repair) for repair in repairs_of(parse_tags(tags))]
