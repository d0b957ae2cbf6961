# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fields of jobs that queries can ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.fields import UNAVAILABLE, Absent, Field, Fields
from simulator.job import Job, split_time

if TYPE_CHECKING:
    from simulator.cluster import Cluster


def of_steps(attribute: str) -> Callable[[Cluster, Job], object]:
    """Return a reader of one time of each opcode."""
    return lambda cluster, job: [split_time(getattr(step, attribute)) for step in job.steps]


def timestamp(read: Callable[[Job], float | None]) -> Callable[[Cluster, Job], object]:
    """Return a reader of one time of a job."""

    def ask(cluster: Cluster, job: Job) -> object:
        value = split_time(read(job))
        return Absent(UNAVAILABLE) if value is None else value

    return ask


WHEN = "(tuple containing seconds and microseconds)"
JOB_FIELDS: Fields = {
    "id": Field("ID", "number", "Job ID", lambda c, j: j.id),
    "status": Field("Status", "text", "Job status", lambda c, j: j.status),
    "summary": Field("Summary", "other", "List of per-opcode summaries", lambda c, j: j.summary),
    "ops": Field("OpCodes", "other", "List of all opcodes", lambda c, j: [dict(s.op) for s in j.steps]),
    "opresult": Field("OpCode_result", "other", "List of opcodes results", lambda c, j: j.result),
    "opstatus": Field("OpCode_status", "other", "List of opcodes status", lambda c, j: [s.status for s in j.steps]),
    "oplog": Field("OpCode_log", "other", "List of opcode output logs", lambda c, j: [list(s.log) for s in j.steps]),
    "opstart": Field(
        "OpCode_start",
        "other",
        "List of opcode start times (before acquiring locks)",
        of_steps("start"),
    ),
    "opexec": Field(
        "OpCode_exec",
        "other",
        "List of opcode execution start times (after acquiring locks)",
        of_steps("exec"),
    ),
    "opend": Field("OpCode_end", "other", "List of opcode execution end times", of_steps("end")),
    "received_ts": Field(
        "Received", "other", f"Timestamp of when job was received {WHEN}", timestamp(lambda j: j.received)
    ),
    "start_ts": Field(
        "Start", "other", f"Timestamp of job start {WHEN}", timestamp(lambda j: j.steps[0].start if j.steps else None)
    ),
    "end_ts": Field("End", "other", f"Timestamp of job end {WHEN}", timestamp(lambda j: j.end)),
    "archived": Field("Archived", "bool", "Whether job is archived", lambda c, j: j.archived),
}
