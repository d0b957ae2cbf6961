# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ganeti's LUXI protocol, as far as the lab itself needs it: on the master's socket, as root.

A message is JSON and a closing byte 3, both ways.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import JobError, LabError

END = b"\x03"
ENDED = ("success", "error", "canceled")
JOB_FIELDS = ["id", "status", "summary", "opresult", "oplog"]
Opcode = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """A job as it was when it was asked for."""

    id: int
    status: str
    summary: tuple[str, ...]
    results: tuple[Any, ...]
    log: tuple[str, ...]

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ENDED

    def __str__(self) -> str:
        """Show the job in a line, and in further lines what its opcodes said, if it failed."""
        line = f"job {self.id:>4}  {self.status:<9} {', '.join(self.summary)}"
        if self.status != "error":
            return line
        said = [*self.log, *(json.dumps(result) for result in self.results if result)]
        return "\n".join([line, *(f"          {text.strip()}" for text in said)])


def call(path: Path, method: str, *arguments: object) -> Any:
    """Return the result of one call, on a connection of its own.

    Raises:
        LabError: when the socket doesn't answer, or the answer is an error.
    """
    request = json.dumps({"method": method, "args": arguments}).encode() + END
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(120)
            connection.connect(str(path))
            connection.sendall(request)
            answer = json.loads(_message(connection))
    except (OSError, ValueError) as error:
        raise LabError(f"LUXI call {method} on {path} failed: {error}") from error
    if not answer["success"]:
        raise LabError(f"LUXI call {method} was refused: {answer['result']}")
    return answer["result"]


def rows(path: Path, kind: str, fields: Sequence[str], qfilter: object = None) -> list[list[Any]]:
    """Return the values of these fields of all objects of a kind; None where Ganeti has no value."""
    found = call(path, "Query", kind, list(fields), qfilter)["data"]
    return [[value for _, value in row] for row in found]


def submit(path: Path, jobs: Iterable[Sequence[Opcode]]) -> list[int]:
    """Submit each list of opcodes as a job, and return the jobs' ids.

    Raises:
        LabError: when Ganeti doesn't accept one.
    """
    accepted = call(path, "SubmitManyJobs", [[{"reason": [], **opcode} for opcode in job] for job in jobs])
    refused = [answer for success, answer in accepted if not success]
    if refused:
        raise LabError(f"Ganeti did not accept a job: {refused[0]}")
    return [job_id for _, job_id in accepted]


def jobs(path: Path, ids: Iterable[int] | None = None) -> list[Job]:
    """Return these jobs, or all that are in the queue.

    Raises:
        LabError: when there is no job of an id.
    """
    qfilter = None if ids is None else ["|", *(["=", "id", each] for each in ids)]
    found = rows(path, "job", JOB_FIELDS, qfilter)
    unknown = [number for number, status, *_ in found if status is None]
    if unknown:
        raise LabError(f"there is no job {unknown[0]}")
    return [_job(*row) for row in found]


def wait(path: Path, ids: Iterable[int] | None = None, timeout: float = 300.0) -> list[Job]:
    """Return these jobs, or all that are now in the queue, once they have ended, however they ended.

    Raises:
        LabError: when one hasn't after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    wanted = [job.id for job in jobs(path)] if ids is None else list(ids)
    found = jobs(path, wanted) if wanted else []
    while running := [job.id for job in found if not job.ended]:
        if time.monotonic() > deadline:
            raise LabError(f"jobs {running} have not ended after {timeout:.0f} s")
        time.sleep(0.2)
        found = jobs(path, wanted)
    return found


def succeed(path: Path, work: Iterable[Sequence[Opcode]]) -> list[Job]:
    """Submit jobs, wait for them, and return them.

    Raises:
        JobError: showing those that failed.
    """
    ended = wait(path, submit(path, work))
    failed = [str(job) for job in ended if job.status != "success"]
    if failed:
        raise JobError("\n".join(failed))
    return ended


def _message(connection: socket.socket) -> bytes:
    received = b""
    while not received.endswith(END):
        chunk = connection.recv(65536)
        if not chunk:
            raise OSError("the master closed the connection")
        received += chunk
    return received.removesuffix(END)


def _job(number: int, status: str, summary: list[str], results: list[Any], log: list[list[Any]]) -> Job:
    messages = [str(entry[3]) for opcode in log for entry in opcode]
    return Job(number, status, tuple(summary), tuple(results), tuple(messages))
