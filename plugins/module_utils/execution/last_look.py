# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Last look: reads an instance, and all that may hold it back, once more before its disks are given up (law 10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..ganeti.client import STATUS_NORMAL, Client
from ..ganeti.model import UNFINISHED, Cluster, Instance, Job
from ..ganeti.usable import values_of
from ..queries.cluster import cluster_tags
from ..queries.jobs import query_jobs
from ..repair.history import is_of_a_repair
from ..tags.fields import PREFIX

_INSTANCE = ("name", "uuid", "pnode", "snodes", "admin_state", "tags")
_NODE = ("name", "offline")
_HOLDS = (PREFIX + "suspend", PREFIX + "stop")  # tags that begin so tell repairs to wait
_PENDING = PREFIX + "pending:"


def what_changed(client: Client, instance: Instance, cluster: Cluster, repair_id: str) -> str:
    """Why the repair with `repair_id` must not give up the disks of `instance` now, though it could when `cluster` was
    read; empty if it still can: the instance is as it was, all of its nodes are marked offline, nobody has suspended
    or stopped it or requested another repair since, and no job of anybody else is about to do so, or to use it."""
    return next(_changes(client, instance, cluster, repair_id), "")


def _changes(client: Client, instance: Instance, cluster: Cluster, repair_id: str) -> Iterator[str]:
    for job in query_jobs(client, [["=", "status", status] for status in UNFINISHED]).values():  # before their effects
        if not is_of_a_repair(job) and _interferes(job, instance):  # one round writes those: this one
            yield f"job {job.id} ({' '.join(job.operations)}) from somebody else has not ended"
    if _new(cluster_tags(client.cluster_info()), cluster.tags, _HOLDS):
        yield "the cluster was stopped or suspended"
    group = cluster.nodes[instance.primary].group
    rows = client.query("group", ("name", "tags"), ["=", "name", group])
    tags = rows[0][1][1] if len(rows) == 1 and rows[0][1][0] == STATUS_NORMAL else None
    if not isinstance(tags, list) or _new(tags, cluster.groups[group].tags, _HOLDS):
        yield f"its group {group} was suspended"
    yield from _changes_of_instance(client, instance, repair_id)
    rows = client.query("node", _NODE, ["|", *(["=", "name", name] for name in instance.nodes)])
    marked = {row[0][1] for row in rows if row[1] == (STATUS_NORMAL, True)}
    for name in instance.nodes:
        if name not in marked:
            yield f"node {name} is no longer marked offline"


def _changes_of_instance(client: Client, instance: Instance, repair_id: str) -> Iterator[str]:
    rows = client.query("instance", _INSTANCE, ["=", "name", instance.name])
    values = [values_of(_INSTANCE, row) for row in rows]
    expected = {"uuid": instance.uuid, "pnode": instance.primary, "snodes": list(instance.secondaries)}
    if len(values) != 1 or any(values[0].get(field) != value for field, value in expected.items()):
        yield "it is not the same instance on the same nodes any more"
    if len(values) != 1 or values[0].get("admin_state") != instance.admin_state:
        yield "its admin state has changed"
    tags = values[0].get("tags") if values else None
    if not isinstance(tags, list) or _new(tags, instance.tags, _HOLDS):
        yield "it was suspended"
    elif any(f":{repair_id}:" not in tag for tag in _new(tags, instance.tags, (_PENDING,))):
        yield "another repair of it was started or requested"


def _new(tags: Iterable[Any], known: Iterable[str], beginnings: tuple[str, ...]) -> list[str]:
    """The `tags` that begin with one of `beginnings` and are not `known`."""
    return [tag for tag in tags if isinstance(tag, str) and tag not in known and tag.lower().startswith(beginnings)]


def _interferes(job: Job, instance: Instance) -> bool:
    """Whether `job` is about `instance`, or suspends or stops a group or the cluster."""
    holds = bool(_new(job.tags, (), _HOLDS)) and not job.instances
    return holds or job.is_about(instance)
