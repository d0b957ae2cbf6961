# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs: the jobs that matter for repairs, in one request, and one more if the archive may hold some of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import takewhile
from typing import Any

from ..errors import RequestRefused
from ..ganeti.client import Client
from ..ganeti.model import UNFINISHED, Job, RepairType
from ..ganeti.operations import Operation
from ..ganeti.usable import as_list, is_size, time_of, values_of
from ..repair.history import Repair, reason_of, step_summaries, summaries_of_others

_UNREADABLE = "codec can't decode"  # RAPI's error if it can't read the opcodes of a job
_JOB = ("id", "status", "summary", "opstatus", "opresult", "ops", "opexec", "received_ts", "start_ts", "end_ts")


def read_jobs(client: Client, noticed: Sequence[tuple[str, Repair]], noted: frozenset[int]) -> Mapping[int, Job]:
    """The jobs that matter, in one request: all unfinished ones, those named in the tags of pending or failed repairs,
    and all steps that were submitted for an instance with a pending repair.

    `noticed` has the repairs in tags, each with its instance; `noted` the job ids in tags of pending repairs. Ganeti
    searches its archive only if it has to. A second request makes it do so if no job of a repair is known, if one of
    its noted jobs is missing, or if the repair may reinstall, where an overlooked step would cost data.
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


def unfinished_jobs(client: Client) -> Mapping[int, Job]:
    """All jobs that have not come to their end."""
    return query_jobs(client, _unfinished())


def _is_unclear(repair: Repair, jobs: Mapping[int, Job], marks: Set[str]) -> bool:
    if _reinstalls(repair) or not jobs.keys() >= set(repair.jobs):
        return True
    return not repair.jobs and reason_of(repair.id) not in marks


def _unfinished() -> list[list[Any]]:
    return [["=", "status", status] for status in UNFINISHED]


def _by_id(numbers: Iterable[int]) -> list[list[Any]]:
    return [["=", "id", number] for number in sorted(numbers)]


def _by_step(pending: Iterable[tuple[str, Repair]]) -> list[list[Any]]:
    """Filter terms for the steps of pending repairs, noted or not, and, if disks may have been recreated, for what
    others may have done with the new ones."""
    texts = {text for name, repair in pending for text in step_summaries(name)}
    texts |= {text for name, repair in pending if _reinstalls(repair) for text in summaries_of_others(name)}
    return [["=[]", "summary", text] for text in sorted(texts)]


def _tag_jobs(pending: Iterable[tuple[str, Repair]]) -> list[list[Any]]:
    """A filter term for the jobs that have set tags since the first job of a repair that may reinstall: one may have
    set a suspend that is lifted by now. The summaries of such jobs do not name the object (measured)."""
    first = min((repair.jobs[0] for name, repair in pending if _reinstalls(repair) and repair.jobs), default=None)
    return [] if first is None else [["&", ["=[]", "summary", Operation.ADD_TAGS.opcode], [">", "id", first]]]


def _reinstalls(repair: Repair) -> bool:
    return repair.type is RepairType.REINSTALL


def query_jobs(client: Client, terms: list[list[Any]], archived: bool = False) -> dict[int, Job]:
    """The jobs that match any of the filter's `terms`, by id; with `archived`, archived ones as well."""
    fields = (*_JOB, "archived") if archived else _JOB
    try:
        rows = [values_of(fields, row) for row in client.query("job", fields, ["|", *terms])]
    except RequestRefused as error:
        if _UNREADABLE not in str(error):
            raise
        rows = _query_apart(client, fields, terms)
    found = [_job(values) for values in rows]
    return {job.id: job for job in found if job is not None}


def _query_apart(client: Client, fields: Sequence[str], terms: list[list[Any]]) -> list[Mapping[str, Any]]:
    """The values of the jobs that match `terms`, if RAPI can't read the opcodes of one of them: somebody gave it a
    reason that is not ASCII, and RAPI refuses the whole request (measured). That job is returned without opcodes."""
    known = [name for name in fields if name != "ops"]
    plain = {row[0][1]: values_of(known, row) for row in client.query("job", known, ["|", *terms])}
    found: list[Mapping[str, Any]] = []
    parts = [sorted(number for number in plain if is_size(number))]
    while parts:
        part = parts.pop()
        try:
            rows = client.query("job", fields, ["|", *_by_id(part)]) if part else []
            found += [values_of(fields, row) for row in rows]
        except RequestRefused:
            half = len(part) // 2
            if half:
                parts += [part[:half], part[half:]]
            else:
                found.append(plain[part[0]])
    return found


def _job(values: Mapping[str, Any]) -> Job | None:
    """The job of one row; None for a job that is gone: Ganeti returns a row for it that has only its id."""
    if not is_size(values.get("id")) or not isinstance(values.get("status"), str):
        return None
    ops = [op for op in as_list(values.get("ops")) if isinstance(op, dict)]
    trail = [entry for op in ops for entry in as_list(op.get("reason"))]
    statuses = as_list(values.get("opstatus"))
    kind, error, code = _error(statuses, as_list(values.get("opresult")))
    operations = tuple(str(text).partition("(")[0] for text in as_list(values.get("summary")))
    return Job(
        id=values["id"],
        status=values["status"],
        operations=operations,
        done=tuple(name for name, status in takewhile(_succeeded, zip(operations, statuses))),
        instances=tuple(dict.fromkeys(_names(ops, values))),
        nodes=tuple(dict.fromkeys(name for op in ops for name in _node_names(op))),
        uuids=tuple(dict.fromkeys(op["instance_uuid"] for op in ops if isinstance(op.get("instance_uuid"), str))),
        tags=tuple(str(tag) for op in ops if op.get("OP_ID") == "OP_TAGS_SET" for tag in as_list(op.get("tags"))),
        reasons=tuple(dict.fromkeys(str(entry[1]) for entry in trail if len(as_list(entry)) > 1)),
        sources=tuple(dict.fromkeys(str(entry[0]) for entry in trail if len(as_list(entry)) > 1)),
        begun=sum(1 for time in as_list(values.get("opexec")) if time is not None),
        error=error,
        error_class=kind,
        error_code=code,
        received=time_of(values.get("received_ts")),
        started=time_of(values.get("start_ts")),
        ended=time_of(values.get("end_ts")),
        after=tuple(dict.fromkeys(number for op in ops for number in _dependencies(op))),
    )


def _names(ops: Sequence[Mapping[str, Any]], values: Mapping[str, Any]) -> Iterable[str]:
    """The instances that a job is about; if its opcodes are missing, those that its summary names."""
    if "ops" in values:
        yield from (name for op in ops for name in _instance_names(op))
        return
    for text in as_list(values.get("summary")):
        operation, _open, name = str(text).partition("(")
        if operation.startswith("INSTANCE_") and name:
            yield name.rstrip(")").lower()


def _instance_names(op: Mapping[str, Any]) -> Iterable[str]:
    """The instances that an opcode is about, in lower case as in Ganeti, whatever a person typed."""
    if isinstance(op.get("instance_name"), str):
        yield op["instance_name"].lower()
    if op.get("kind") == "instance" and isinstance(op.get("name"), str):
        yield op["name"].lower()


def _node_names(op: Mapping[str, Any]) -> Iterable[str]:
    """The nodes that an opcode names as targets of an instance or its disks."""
    yield from (str(name) for name in as_list(op.get("nodes")))
    if isinstance(op.get("target_node"), str):
        yield op["target_node"]


def _dependencies(op: Mapping[str, Any]) -> Iterable[int]:
    """The ids of the jobs that an opcode waits for."""
    entries = [as_list(entry) for entry in as_list(op.get("depends"))]
    yield from (entry[0] for entry in entries if entry and is_size(entry[0]))


def _succeeded(named: tuple[str, Any]) -> bool:
    return bool(named[1] == "success")


def _error(statuses: Sequence[Any], results: Sequence[Any]) -> tuple[str, str, str]:
    """The class, the text and the code of the first opcode that failed; its result is `[class, [words, code]]`."""
    for status, result in zip(statuses, results):
        if status == "error":
            kind, *rest = as_list(result) or [""]
            details = as_list(rest[-1] if rest else None) or [result]
            return str(kind), " ".join(str(details[0]).split()), str(details[1]) if len(details) > 1 else ""
    return "", "", ""
