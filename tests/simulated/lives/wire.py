# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clients of runners to whom something happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import Client, Row
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.job_request import JobRequest
from simulator.faults import AnyRequest, RequestFault

from .witness import Witness

Answer = TypeVar("Answer")


class Killed(BaseException):
    """The runner is no more: nothing catches this, and nothing that is sent after it arrives."""


class WriteFault(RequestFault):
    """A fault of writes alone, whatever they are about."""

    def meets(self, request: AnyRequest) -> bool:
        """Whether it strikes this request; counts down."""
        return request.writes and super().meets(request)


@dataclass(frozen=True)
class Moment:
    """At the request number `at` of a round, or the write of that number, `happens` is called: before it is sent, or
    when it has been carried out."""

    at: int = 0
    after: bool = False
    write: bool = False
    happens: Callable[[], None] = lambda: None


def end_runner() -> None:
    """End the runner."""
    raise Killed


class Wire:
    """The client of one runner, with a moment."""

    def __init__(self, client: Client, witness: Witness, holder: str, moment: Moment) -> None:
        self._client, self._witness, self._holder, self._moment = client, witness, holder, moment
        self._sent, self._dead = 0, False
        self.supports_multi_opcode_jobs = client.supports_multi_opcode_jobs

    def cluster_info(self) -> Mapping[str, Any]:
        """See Client."""
        return self._send(self._client.cluster_info)

    def query(
        self, resource: str, fields: Sequence[str], qfilter: Sequence[Any] | None = None, seconds: float | None = None
    ) -> Sequence[Row]:
        """See Client. A round's look at the cluster begins with names and tags of the instances; its last look, before
        disks are given up, ends with the marks of nodes."""

        def query() -> Sequence[Row]:
            if tuple(fields) == ("name", "offline"):
                self._witness.look_at_marks(self._holder)
            return self._client.query(resource, fields, qfilter)

        if resource == "instance" and len(fields) == 2:
            self._witness.looks[self._holder] = len(self._witness.seen)
        return self._send(query)

    def submit(self, request: JobRequest) -> int | None:
        """See Client."""
        return self._send(lambda: self._client.submit(request), write=True)

    def cancel(self, job: int) -> str | None:
        """See Client."""
        return self._send(lambda: self._client.cancel(job), write=True)

    def _send(self, request: Callable[[], Answer], write: bool = False) -> Answer:
        self._sent += write or not self._moment.write
        now = self._sent == self._moment.at and write >= self._moment.write
        if now and not self._moment.after:
            self._happen()
        if self._dead:
            raise Killed
        with self._witness.acting(self._holder):
            answer = request()
        if now and self._moment.after:
            self._happen()
        return answer

    def _happen(self) -> None:
        try:
            self._moment.happens()
        except Killed:
            self._dead = True
            raise
