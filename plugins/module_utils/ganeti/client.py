# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client: the interface through which the engine talks to a cluster, and a client for dry runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ..errors import AnswerLost, BadAnswer
from .job_request import JobRequest

Row = tuple[tuple[int, Any], ...]  # one object: (status, value) for each field, as Ganeti's queries give them
STATUS_NORMAL = 0  # the status of a value that is there
UNKNOWN_FIELD = 1  # the status of a field that this version of Ganeti does not have


class Client(Protocol):
    """What every transport can do. Each call raises an AutorepairError for whatever goes wrong.

    Without `supports_multi_opcode_jobs` each task is a job of its own.
    """

    supports_multi_opcode_jobs: bool

    def cluster_info(self) -> Mapping[str, Any]:
        """The cluster's own data, as `gnt-cluster info` knows it: `name`, `master`, `tags`, ..."""

    def query(
        self, resource: str, fields: Sequence[str], qfilter: Sequence[Any] | None = None, seconds: float | None = None
    ) -> Sequence[Row]:
        """The `fields` of all objects of `resource` (`node`, `group`, `instance`, `job`) that `qfilter` lets by.

        `seconds` limits the wait for live fields, which the nodes have to answer; such a query is not retried.
        """

    def submit(self, request: JobRequest) -> int | None:
        """Submit one job; its id, or None where nothing was sent (check mode)."""

    def cancel(self, job: int) -> str | None:
        """Cancel a job that has not started. Returns an empty string, or Ganeti's explanation if it was not canceled;
        None if nothing was sent (check mode)."""


def parse_rows(answer: Any, fields: int, what: str) -> Sequence[Row]:
    """The rows of the answer to a query of so many `fields`, which is the same over every transport.

    Raises BadAnswer, with a message that begins with `what`, for anything else.
    """
    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not all(_is_row(row, fields) for row in rows):
        raise BadAnswer(f"{what} did not send a table with {fields} fields")
    return [tuple((status, value) for status, value in row) for row in rows]


def _is_row(row: Any, fields: int) -> bool:
    return (
        isinstance(row, list) and len(row) == fields and all(isinstance(cell, list) and len(cell) == 2 for cell in row)
    )


class DryRunClient:
    """Client for check mode (law 1): it passes reads on, and records writes in `unsent` instead of sending them."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.supports_multi_opcode_jobs = client.supports_multi_opcode_jobs
        self.unsent: list[JobRequest | int] = []  # jobs to submit, and the numbers of those to cancel

    def cluster_info(self) -> Mapping[str, Any]:
        """See Client."""
        return self._client.cluster_info()

    def query(
        self, resource: str, fields: Sequence[str], qfilter: Sequence[Any] | None = None, seconds: float | None = None
    ) -> Sequence[Row]:
        """See Client."""
        return self._client.query(resource, fields, qfilter, seconds)

    def submit(self, request: JobRequest) -> int | None:
        """Record the request; no job is created."""
        self.unsent.append(request)
        return None

    def cancel(self, job: int) -> str | None:
        """Record the job; it keeps running."""
        self.unsent.append(job)
        return None


def cancel_answer(answer: Any, what: str) -> str:
    """What the answer to a cancel says, as Client.cancel gives it: `[canceled, words]` over every transport.

    Raises AnswerLost, with a message that begins with `what`, for anything else: the job may be canceled.
    """
    if isinstance(answer, list) and len(answer) == 2 and isinstance(answer[0], bool):
        return "" if answer[0] else str(answer[1]) or "no reason given"
    raise AnswerLost(f"{what} did not say whether it is canceled, but sent {answer!r}")
