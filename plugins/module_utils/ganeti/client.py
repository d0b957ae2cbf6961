# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one interface through which the engine talks to a cluster, and its form that writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ..errors import AnswerLost, BadAnswer
from .job_request import JobRequest

Row = tuple[tuple[int, Any], ...]  # one object: (status, value) for each field, as Ganeti's queries give them
NORMAL = 0  # the status of a value that is there
UNKNOWN_FIELD = 1  # the status of a field that this version of Ganeti does not have


class Client(Protocol):
    """What every transport can do. Each call raises an AutorepairError for whatever goes wrong.

    C(joins) says whether one job can hold several tasks; without it each is a job of its own.
    """

    joins: bool

    def cluster_info(self) -> Mapping[str, Any]:
        """The cluster's own data, as C(gnt-cluster info) knows it: C(name), C(master), C(tags), ..."""

    def query(
        self, resource: str, fields: Sequence[str], qfilter: Sequence[Any] | None = None, seconds: float | None = None
    ) -> Sequence[Row]:
        """The C(fields) of all objects of C(resource) (C(node), C(group), C(instance), C(job)) that C(qfilter) lets by.

        C(seconds) is for live fields, which the nodes have to answer: longer is not waited, and not asked again.
        """

    def submit(self, request: JobRequest) -> int | None:
        """Submit one job; its id, or None where nothing was sent (check mode)."""

    def cancel(self, job: int) -> str | None:
        """Cancel the job with that number, which has not begun; empty, or Ganeti's words where it is not canceled. None
        where nothing was sent (check mode)."""


def table(answer: Any, fields: int, what: str) -> Sequence[Row]:
    """The rows of the answer to a query of so many C(fields), which is the same over every transport.

    Raises BadAnswer, whose words begin with C(what), for anything else.
    """
    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not all(_is_row(row, fields) for row in rows):
        raise BadAnswer(f"{what} sent no table of {fields} fields")
    return [tuple((status, value) for status, value in row) for row in rows]


def _is_row(row: Any, fields: int) -> bool:
    return (
        isinstance(row, list) and len(row) == fields and all(isinstance(cell, list) and len(cell) == 2 for cell in row)
    )


class DryRunClient:
    """A client for check mode (law 1): reads pass, a write is remembered in C(unsent) and goes nowhere."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.joins = client.joins
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
        """Remember the request; there is no job."""
        self.unsent.append(request)
        return None

    def cancel(self, job: int) -> str | None:
        """Remember the job; it goes on."""
        self.unsent.append(job)
        return None


def cancel_answer(answer: Any, what: str) -> str:
    """What the answer to a cancel says, as Client.cancel gives it: C([canceled, words]) over every transport.

    Raises AnswerLost, whose words begin with C(what), for anything else: the job may be canceled.
    """
    if isinstance(answer, list) and len(answer) == 2 and isinstance(answer[0], bool):
        return "" if answer[0] else str(answer[1]) or "no reason given"
    raise AnswerLost(f"{what} sent no word whether it is canceled, but {answer!r}")
