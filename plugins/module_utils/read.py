# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read: one consistent look at a cluster, with the same few requests whatever its size (design, law 6).

Only configuration is asked for, never a live field, so no node is waited for. The order is what makes the look
consistent: the tags tell which jobs matter, then come those jobs, and only then the instances, so that whatever a job
that had ended by then has done is seen in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import takewhile
from typing import Any, Callable

from .client import NORMAL, UNKNOWN_FIELD, Client, Row
from .errors import BadAnswer
from .model import UNFINISHED, Cluster, Group, Instance, Job, Node, NodeState, RepairType
from .repairs import Repair, reason_of, repairs_of, step_summaries, summaries_of_others
from .shown import REPLACED
from .tags import parse_tags
from .usable import INSTANCE, is_flag, is_name, is_number, is_size, is_text, is_texts, number

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
_JOB = ("id", "status", "summary", "opstatus", "opresult", "ops", "opexec", "received_ts", "start_ts", "end_ts")


def read_cluster(client: Client) -> Cluster:
    """The cluster as it stands; raises an AutorepairError when it can't be read as a whole."""
    noticed = [found for row in client.query("instance", _TAGS) for found in _repairs(_values(_TAGS, row))]
    pending = [(name, repair) for name, repair in noticed if repair.result is None]
    asked = frozenset(number for name, repair in pending for number in repair.jobs)
    jobs = _read_jobs(client, noticed, asked)
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
        enabled_disk_templates=tuple(text for text in _list(info.get("enabled_disk_templates")) if is_text(text)),
        queue_drained=_told(info, "queue_drained", is_flag),
        watcher_paused_until=_told(info, "watcher_paused_until", is_number),
        nodes={node.name: node for node in nodes},
        groups={group.name: group for group in groups if group},
        instances=tuple(sorted(instances, key=lambda instance: instance.name)),
        jobs=jobs,
        asked=asked,
        followed=frozenset(repair.id for name, repair in pending),
    )


def _text(info: Mapping[str, Any], key: str) -> str:
    value = info.get(key)
    return value if isinstance(value, str) else ""


def _told(info: Mapping[str, Any], key: str, is_usable: Callable[[Any], bool]) -> Any:
    """What holds all repairs back, or None where the transport can't tell; nobody guesses at anything else."""
    value = info.get(key)
    if value is not None and not is_usable(value):
        raise BadAnswer(f"cannot read the cluster's data: its {key} is {str(value)[:80]!r}, and means nothing")
    return value


def cluster_tags(info: Mapping[str, Any]) -> tuple[str, ...]:
    """The tags in C(info), the cluster's data; without them nobody knows what is allowed, so nothing can go on."""
    tags = info.get("tags")
    if not is_texts(tags):
        raise BadAnswer("cannot read the cluster's data: there are no tags in it")
    return tuple(tags or ())


def _values(fields: Sequence[str], row: Row) -> Mapping[str, Any]:
    """The values of C(row) that are there, by field; a value that Ganeti could not give is left out."""
    return {field: value for field, (status, value) in zip(fields, row) if status == NORMAL and value is not None}


def _named(resource: str, values: Mapping[str, Any]) -> str:
    if not isinstance(values.get("name"), str):
        raise BadAnswer(f"cannot query {resource}s: one of them has no name")
    return str(values["name"])


def _node(row: Row) -> Node:
    values = _values(_NODE, row)
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
    """The group, or None if its tags did not come: nobody knows then what is allowed for its instances."""
    values = _values(_GROUP, row)
    name, tags = _named("group", values), values.get("tags")
    if tags is None or not is_texts(tags) or REPLACED in name:
        return None
    return Group(name, tuple(tags), _text(values, "alloc_policy"))


def _instance(row: Row) -> Instance:
    values = _values(_INSTANCE, row)
    if dict(zip(_INSTANCE, row))["forthcoming"][0] == UNKNOWN_FIELD:  # before Ganeti 2.14 none is
        values = {**values, "forthcoming": False}
    usable = {field: values[field] for field, is_usable in INSTANCE.items() if is_usable(values.get(field))}
    tags = usable.get("tags", ()) if "name" in usable else ()  # what can't be called by its name can't be written to
    return Instance(
        name=_named("instance", values),
        uuid=usable.get("uuid", ""),
        disk_template=usable.get("disk_template", ""),
        os=_text(values, "os"),  # nothing is decided by that
        primary=usable.get("pnode", ""),
        secondaries=tuple(usable.get("snodes", ())),
        admin_state=usable.get("admin_state", ""),
        always_failover=usable.get("be/always_failover", False),
        memory=usable.get("be/maxmem", 0),
        disk_sizes=tuple(usable.get("disk.sizes", ())),
        tags=tuple(tags),
        unread=tuple(field for field in INSTANCE if field not in usable),
        forthcoming=usable.get("forthcoming", False),
    )


# --- jobs -----------------------------------------------------------------------------------------------------------


def _repairs(values: Mapping[str, Any]) -> list[tuple[str, Repair]]:
    """The repairs that the tags of one instance tell of, each with the instance's name."""
    tags = values["tags"] if is_texts(values.get("tags")) else []
    name = _named("instance", values)
    return [(name, repair) for repair in repairs_of(parse_tags(tags))]


def _read_jobs(client: Client, noticed: Sequence[tuple[str, Repair]], noted: frozenset[int]) -> Mapping[int, Job]:
    """The jobs of interest in one request: all that are unfinished, those noted in the tags of repairs that are pending
    or have failed, and whatever steps were submitted for an instance with a pending repair.

    Ganeti looks for archived jobs only if it has to: where no job of a repair is known, or a C(noted) one is missing,
    it is asked once more, in a way that makes it look there. So it is for a repair that may reinstall, where a step
    that is overlooked would cost data.
    """
    pending = [(name, repair) for name, repair in noticed if repair.result is None]
    failed = {number for name, repair in noticed if repair.result == "failure" for number in repair.jobs}
    terms = _by_id(noted | failed) + _by_step(pending) + _tag_jobs(pending)
    jobs = query_jobs(client, _unfinished() + terms)
    marks = {word for job in jobs.values() for reason in job.reasons for word in reason.split(" ")}
    unclear = [(name, repair) for name, repair in pending if _is_unclear(repair, jobs, marks)]
    if unclear:
        old = query_jobs(client, _by_id(noted.difference(jobs)) + _by_step(unclear), archived=True)
        jobs = {**old, **jobs}
    return jobs


def _is_unclear(repair: Repair, jobs: Mapping[int, Job], marks: Set[str]) -> bool:
    if _reinstalls(repair) or not jobs.keys() >= set(repair.jobs):
        return True
    return not repair.jobs and reason_of(repair.id) not in marks


def _unfinished() -> list[list[Any]]:
    return [["=", "status", status] for status in UNFINISHED]


def _by_id(numbers: Iterable[int]) -> list[list[Any]]:
    return [["=", "id", number] for number in sorted(numbers)]


def _by_step(pending: Iterable[tuple[str, Repair]]) -> list[list[Any]]:
    """The steps of pending repairs, also those that are not noted; and where disks may have been recreated, what others
    may have done with the new ones."""
    texts = {text for name, repair in pending for text in step_summaries(name)}
    texts |= {text for name, repair in pending if _reinstalls(repair) for text in summaries_of_others(name)}
    return [["=[]", "summary", text] for text in sorted(texts)]


def _tag_jobs(pending: Iterable[tuple[str, Repair]]) -> list[list[Any]]:
    """The tags that anybody has set since the first job of a repair that may reinstall: a suspend may be among them,
    which is lifted by now. The summaries of such jobs do not tell on which object (measured)."""
    first = min((repair.jobs[0] for name, repair in pending if _reinstalls(repair) and repair.jobs), default=None)
    return [] if first is None else [["&", ["=[]", "summary", "TAGS_SET"], [">", "id", first]]]


def _reinstalls(repair: Repair) -> bool:
    return repair.type is RepairType.REINSTALL


def query_jobs(client: Client, terms: list[list[Any]], archived: bool = False) -> dict[int, Job]:
    """The jobs that any of the filter's C(terms) lets by, by their ids; with C(archived), also of those put away."""
    fields = (*_JOB, "archived") if archived else _JOB
    found = [_job(_values(fields, row)) for row in client.query("job", fields, ["|", *terms])]
    return {job.id: job for job in found if job is not None}


def _job(values: Mapping[str, Any]) -> Job | None:
    """The job of one row; Ganeti answers for a job that is gone with a row that has no values but its id."""
    if not is_size(values.get("id")) or not isinstance(values.get("status"), str):
        return None
    ops = [op for op in _list(values.get("ops")) if isinstance(op, dict)]
    trail = [entry for op in ops for entry in _list(op.get("reason"))]
    statuses = _list(values.get("opstatus"))
    kind, error, code = _error(statuses, _list(values.get("opresult")))
    operations = tuple(str(text).partition("(")[0] for text in _list(values.get("summary")))
    return Job(
        id=values["id"],
        status=values["status"],
        operations=operations,
        done=tuple(name for name, status in takewhile(_succeeded, zip(operations, statuses))),
        instances=tuple(dict.fromkeys(name for op in ops for name in _instance_names(op))),
        nodes=tuple(dict.fromkeys(name for op in ops for name in _node_names(op))),
        uuids=tuple(dict.fromkeys(op["instance_uuid"] for op in ops if isinstance(op.get("instance_uuid"), str))),
        tags=tuple(str(tag) for op in ops if op.get("OP_ID") == "OP_TAGS_SET" for tag in _list(op.get("tags"))),
        reasons=tuple(dict.fromkeys(str(entry[1]) for entry in trail if len(_list(entry)) > 1)),
        sources=tuple(dict.fromkeys(str(entry[0]) for entry in trail if len(_list(entry)) > 1)),
        begun=sum(1 for time in _list(values.get("opexec")) if time is not None),
        error=error,
        error_class=kind,
        error_code=code,
        received=_time(values.get("received_ts")),
        started=_time(values.get("start_ts")),
        ended=_time(values.get("end_ts")),
        after=tuple(dict.fromkeys(number for op in ops for number in _dependencies(op))),
    )


def _time(value: Any) -> float | None:
    """A time as jobs have it, C([seconds, microseconds]), in seconds since the epoch; None where there is none."""
    parts = [number(part) for part in _list(value)]
    if len(parts) != 2 or parts[0] is None or parts[1] is None:
        return None
    return parts[0] + parts[1] / 1e6


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _instance_names(op: Mapping[str, Any]) -> Iterable[str]:
    """The instances that an opcode is about, in Ganeti's own small letters whatever a person typed."""
    if isinstance(op.get("instance_name"), str):
        yield op["instance_name"].lower()
    if op.get("kind") == "instance" and isinstance(op.get("name"), str):
        yield op["name"].lower()


def _node_names(op: Mapping[str, Any]) -> Iterable[str]:
    """The nodes that an opcode was given for an instance to go to."""
    yield from (str(name) for name in _list(op.get("nodes")))
    if isinstance(op.get("target_node"), str):
        yield op["target_node"]


def _dependencies(op: Mapping[str, Any]) -> Iterable[int]:
    """The ids of the jobs that an opcode waits for."""
    entries = [_list(entry) for entry in _list(op.get("depends"))]
    yield from (entry[0] for entry in entries if entry and is_size(entry[0]))


def _succeeded(named: tuple[str, Any]) -> bool:
    return bool(named[1] == "success")


def _error(statuses: Sequence[Any], results: Sequence[Any]) -> tuple[str, str, str]:
    """The class, the words and the code of the first opcode that failed; its result is C([class, [words, code]])."""
    for status, result in zip(statuses, results):
        if status == "error":
            kind, *rest = _list(result) or [""]
            details = _list(rest[-1] if rest else None) or [result]
            return str(kind), " ".join(str(details[0]).split()), str(details[1]) if len(details) > 1 else ""
    return "", "", ""
