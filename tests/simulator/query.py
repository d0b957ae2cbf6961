# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Queries: which items, which fields, in the answer's shape {"data": [[[status, value], ...]], "fields": [...]}.

One core for both surfaces: RAPI's /2/query and LUXI's Query.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from simulator import fields, qfilter
from simulator.errors import LuxiError, Unreadable, unknown_name
from simulator.fields import NO_DATA, NORMAL, UNAVAILABLE, UNKNOWN, Absent, Field, Fields
from simulator.fields_of_jobs import JOB_FIELDS
from simulator.job import Job
from simulator.model import Node, find, nice

if TYPE_CHECKING:
    from simulator.cluster import Cluster

Answer = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """What can be queried: its fields, the field that names an item, and how Ganeti calls it in errors.

    `asked` gives the node that is asked for the live fields of an item.
    """

    fields: Fields
    items: Callable[[Cluster], Mapping[Any, Any]]
    label: str
    key: str = "name"
    hostnames: frozenset[str] = frozenset()
    asked: Callable[[Cluster, Any], Node] | None = None


KINDS = {
    "node": Kind(fields.NODE_FIELDS, lambda c: c.nodes, "Node", hostnames=frozenset({"name"}), asked=lambda c, n: n),
    "instance": Kind(
        fields.INSTANCE_FIELDS,
        lambda c: c.instances,
        "Instance",
        hostnames=frozenset({"name", "pnode"}),
        asked=lambda c, i: c.nodes[i.primary],
    ),
    "group": Kind(fields.GROUP_FIELDS, lambda c: c.groups, "NodeGroup"),
    "job": Kind(JOB_FIELDS, lambda c: c.queue.jobs, "Job", key="id"),
}
NEVER_ANSWERED = {"os": "QROs", "cluster": "QRCluster"}


@dataclass(frozen=True)
class LostJob:
    """Stands for a job that was asked for by its id and is not there."""

    id: int


def query(cluster: Cluster, what: str, names: object, raw_filter: object) -> Answer:
    """Answer a query at the clock's time; a live field of a dead node costs time.

    Raises LuxiError or Unreadable with Ganeti's words.
    """
    request = json.dumps([what, names, raw_filter])
    kind = KINDS.get(what) or raise_unknown_kind(what, request)
    if not isinstance(names, list):
        raise not_parsed(request, "Unable to read list")
    if not all(isinstance(name, str) for name in names):
        raise not_parsed(request, "Unable to read String")
    try:
        wanted = None if raw_filter is None else qfilter.read(raw_filter)
    except qfilter.BadFilter as error:
        raise not_parsed(request, str(error)) from error
    cluster.sync()
    spend_time_out(cluster, kind, names, wanted)
    items = choose(cluster, kind, wanted, archived="archived" in names)
    data = [[cell(cluster, kind, item, name) for name in names] for item in items]
    return {"data": data, "fields": describe(kind.fields, names)}


def describe(known: Fields, names: Sequence[str]) -> list[dict[str, str]]:
    """Return the definitions of fields."""
    definitions = []
    for name in names:
        unknown: Field[Any] = Field(name, "unknown", f"Unknown field '{name}'", lambda c, item: None)
        one = known.get(name, unknown)
        definitions.append({"name": name, "title": one.title, "kind": one.kind, "doc": one.doc})
    return definitions


def choose(
    cluster: Cluster, kind: Kind, wanted: qfilter.Filter | None, archived: bool = False, unasked: bool = False
) -> list[Any]:
    """Return the items that a filter lets through, in Ganeti's order; `unasked`, while no node has been asked.

    A filter that only names items is a request for these: an unknown name is an error, an unknown job a gap.
    """
    if wanted is not None:
        for name in sorted(wanted.fields() - set(kind.fields)):
            raise LuxiError("ParameterError", f"Can't find field named '{name}'")
        named = wanted.only_equal(kind.key)
        if named is not None:
            return [pick(cluster, kind, name) for name in dict.fromkeys(named)]
    items = [kind.items(cluster)[key] for key in sorted(kind.items(cluster), key=nice)]
    if kind.key == "id" and not archived:
        items = [job for job in items if not job.archived]
    if wanted is None:
        return items
    view = unasked_cell if unasked else cell
    return [item for item in items if qfilter.holds(wanted, cache(partial(view, cluster, kind, item)), kind.hostnames)]


def pick(cluster: Cluster, kind: Kind, name: object) -> Any:
    """Return the item that is named."""
    items = kind.items(cluster)
    if kind.key == "id":
        if not isinstance(name, int):
            first = next(iter(items), 0)
            text = f"trying to compare {first} with 'QuotedString \"{name}\"'"
            raise LuxiError("ParameterError", f"Invalid types in comparison, {text}")
        return items.get(name, LostJob(name))
    if not isinstance(name, str):
        first = min(items, default="")
        text = f"trying to compare \"{first}\" with 'NumericValue {name}'"
        raise LuxiError("ParameterError", f"Invalid types in comparison, {text}")
    found = find(items, name)
    if found is None:
        raise unknown_name(kind.label, name)
    return found


def cell(cluster: Cluster, kind: Kind, item: object, name: str) -> list[object]:
    """Return [status, value] of a field."""
    field = kind.fields.get(name)
    if field is None:
        return [UNKNOWN, None]
    if isinstance(item, LostJob):
        return [NORMAL, item.id] if name == "id" else [UNAVAILABLE, None]
    found = field.value(cluster, item)
    return [found.status, None] if isinstance(found, Absent) else [NORMAL, found]


def unasked_cell(cluster: Cluster, kind: Kind, item: object, name: str) -> list[object]:
    """Return [status, value] of a field as it is before any node is asked."""
    return [NO_DATA, None] if kind.fields[name].live else cell(cluster, kind, item, name)


def spend_time_out(cluster: Cluster, kind: Kind, names: Sequence[str], wanted: qfilter.Filter | None) -> None:
    """Let the time pass that dead nodes cost, if any of those that have to be asked is dead: all are asked at once."""
    of = kind.asked
    all_names = {*names, *(wanted.fields() if wanted else ())} & set(kind.fields)
    if of is None or not cluster.unreachable_nodes() or not any(kind.fields[name].live for name in all_names):
        return
    if any(of(cluster, item).unreachable for item in choose(cluster, kind, wanted, unasked=True)):
        cluster.clock.elapse(cluster.dead_node_seconds)
        cluster.sync()


def raise_unknown_kind(what: str, request: str) -> Kind:
    """Refuse what can't be queried, as Ganeti does; say so where it is only the simulator that can't."""
    if what in NEVER_ANSWERED:
        raise LuxiError("GenericError", f"Query 'ItemTypeOpCode {NEVER_ANSWERED[what]}' not supported")
    if what in ("lock", "network", "export", "filter", "extstorage"):
        raise LuxiError("GenericError", f"The simulator has no query of '{what}'")
    raise not_parsed(request, f"Can't parse value '{what}' as neitherQueryTypeLuxi nor QueryTypeOp")


def not_parsed(request: str, why: str) -> Unreadable:
    """Return the refusal of a request that Ganeti's query daemon can't read."""
    return Unreadable(f"Cannot convert value '{request}', error: {why}")


def job_view(cluster: Cluster, job: Job | None, job_id: int, names: Sequence[str]) -> dict[str, object]:
    """Return a job as GET /2/jobs/ID shows it: nulls for what is not there, even for the whole job."""
    kind, item = KINDS["job"], job or LostJob(job_id)
    return {name: cell(cluster, kind, item, name)[1] for name in names}
