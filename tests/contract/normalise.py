# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take out of an answer what must differ between two clusters: ids of jobs, times, UUIDs, addresses, paths."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

TEXTS = (
    (re.compile(r", but only .* allowed\."), ""),  # the simulator knows only the parameters that matter
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"Error (7|28): Failed to connect to \S+ port 1811 .*?(connect to server|was reached)"), "<no answer>"),
    (re.compile(r"(Can(?:'|&#x27;)t create block device )<.*?> on (node .* for instance \S+):.*", re.S), r"\1on \2"),
    (re.compile(r"/dev/drbd\d+"), "<device>"),
    (re.compile(r"queue/job-\d+(-\d+-\d+\.tmp)?"), "queue/<job>"),
)
JOB_IN_TEXT = re.compile(r"(\b[Jj]ob[ =]|/jobs/|job ID (?:&#x27;|') )(-?\d+)")


def normal(value: Any, jobs: Mapping[int, int], key: str = "") -> Any:
    """Return a value that two sides can be compared by; `jobs` numbers the jobs of this sentence by their ids."""
    if key in SPECIAL:
        return SPECIAL[key](value, jobs)
    if isinstance(value, dict) and value.keys() == {"data", "fields"}:
        names = [field["name"] for field in value["fields"]]
        rows = [[normal(cell, jobs, name) for cell, name in zip(row, names, strict=True)] for row in value["data"]]
        return {"data": rows, "fields": value["fields"]}
    if isinstance(value, dict):
        return {name: normal(one, jobs, name) for name, one in value.items()}
    if isinstance(value, list):
        return [normal(one, jobs) for one in value]
    return normal_text(value, jobs) if isinstance(value, str) else value


def normal_time(value: Any, jobs: Mapping[int, int]) -> Any:
    """Return only whether there is a time."""
    return None if value is None else "<time>"


def normal_id(value: Any, jobs: Mapping[int, int]) -> Any:
    """Return the name of a job; in a query's row it stands as [status, id]."""
    if isinstance(value, list):
        return [value[0], normal_id(value[1], jobs)]
    return job_name(value, jobs) if isinstance(value, int) else value


def normal_trail(value: Any, jobs: Mapping[int, int]) -> Any:
    """Return a reason trail without its times."""
    return [[source, normal(text, jobs)] for source, text, _ in value]


def normal_depends(value: Any, jobs: Mapping[int, int]) -> Any:
    """Return dependencies with names for jobs."""
    return [[job_name(int(other), jobs), states] for other, states in value] if value else value


SPECIAL: Mapping[str, Callable[[Any, Mapping[int, int]], Any]] = {
    **dict.fromkeys(("received_ts", "start_ts", "end_ts", "ctime", "mtime"), normal_time),
    **dict.fromkeys(("serial_no", "oplog", "uuid"), lambda value, jobs: "<any>"),
    "reason": normal_trail,
    "depends": normal_depends,
    "disk-templates": lambda value, jobs: sorted(value),  # Ganeti gives them in the order of a set
    "id": normal_id,
}


def normal_text(text: str, jobs: Mapping[int, int]) -> str:
    """Return a text without ids and places."""
    for pattern, instead in TEXTS:
        text = pattern.sub(instead, text)
    return JOB_IN_TEXT.sub(lambda found: found[1] + job_name(int(found[2]), jobs), text)


def job_name(job_id: int, jobs: Mapping[int, int]) -> str:
    """Return what stands for a job's id: its number in the sentence, or just that it is another."""
    return f"<JOB{jobs[job_id]}>" if job_id in jobs else "<other job>"
