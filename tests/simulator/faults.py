# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of requests that a test switches on, the log of all requests, and hooks around each of them.

surface.faults.add(RequestFault("PUT", "*/failover", DROP_AFTER))      # done, but the answer is lost
surface.faults.add(RequestFault("SubmitJob", "*FAILOVER*", DROP_AFTER))  # the same over LUXI
assert not surface.log.writes()
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from simulator.http import Request, Response, refusal
from simulator.message import Answer, Message, failure

Action = Literal["drop_before", "drop_after", "delay", "answer", "truncate"]
DROP_BEFORE: Action = "drop_before"
DROP_AFTER: Action = "drop_after"
DELAY: Action = "delay"
ANSWER: Action = "answer"
TRUNCATE: Action = "truncate"
AnyRequest = Request | Message  # over RAPI, over LUXI
AnyResponse = Response | Answer


class ConnectionLost(Exception):
    """The connection ends without an answer. Hooks may raise it too."""


@dataclass
class RequestFault:
    """What shall happen to matching requests: `times` of them, after letting `skip` pass.

    `drop_before`: the connection ends and nothing was done. `drop_after`: it was done, but the answer is lost.
    `delay`: it takes `seconds` of the clock longer. `answer`: `response` is given and nothing done.
    `truncate`: it was done, but only half of the answer arrives. `method` and `path` may hold * and ?; over LUXI they
    are those of `Message`. Without a `response` it is an error 500, or over LUXI a GenericError.
    """

    method: str = "*"
    path: str = "*"
    action: Action = DROP_BEFORE
    skip: int = 0
    times: int = 1
    seconds: float = 0.0
    response: AnyResponse | None = None

    def answer(self, request: AnyRequest) -> AnyResponse:
        """Return the answer that is given instead of the cluster's; one of the other protocol is sent as it is."""
        luxi, text = isinstance(request, Message), "Simulated failure"
        if self.response is None:
            return failure("GenericError", text) if luxi else refusal(500, text)
        if luxi and isinstance(self.response, Response):
            return Answer(self.response.body, str(self.response.status))
        if not luxi and isinstance(self.response, Answer):
            return Response(200, self.response.body)
        return self.response

    def meets(self, request: AnyRequest) -> bool:
        """Whether it strikes this request; counts down."""
        if self.times <= 0 or not (fnmatchcase(request.method, self.method) and fnmatchcase(request.path, self.path)):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass
class RequestFaults:
    """All faults that are switched on; the first that meets a request strikes it."""

    waiting: list[RequestFault] = field(default_factory=list)

    def add(self, fault: RequestFault) -> None:
        """Switch a fault on."""
        self.waiting.append(fault)

    def clear(self) -> None:
        """Switch all off."""
        self.waiting.clear()

    def strike(self, request: AnyRequest) -> RequestFault | None:
        """Return the fault that strikes a request."""
        return next((fault for fault in self.waiting if fault.meets(request)), None)


@dataclass
class Logged:
    """A request that came in. `time` is the clock's.

    `status` is RAPI's number, or over LUXI "success" or the class of the error; None if it got no answer.
    """

    time: float
    request: AnyRequest
    user: str
    status: int | str | None = None

    def __str__(self) -> str:
        """Return a line for people."""
        return f"{self.time:.3f} {self.user or '-'} {line(self.request)} -> {self.status}"


def line(request: AnyRequest) -> str:
    """Return a request as a line for people."""
    return f"{request.method} {request.target} {request.body.decode(errors='replace')}".rstrip()


@dataclass
class RequestLog:
    """All requests since the start, or since `clear`."""

    entries: list[Logged] = field(default_factory=list)

    def writes(self) -> list[Logged]:
        """Return those that were not only for reading, done or not."""
        return [entry for entry in self.entries if entry.request.writes]

    def reads(self) -> list[Logged]:
        """Return those that were only for reading."""
        return [entry for entry in self.entries if not entry.request.writes]

    def matching(self, method: str = "*", path: str = "*") -> list[Logged]:
        """Return those of a method to a path; both may hold * and ?, as in a fault."""
        return [
            entry
            for entry in self.entries
            if fnmatchcase(entry.request.method, method) and fnmatchcase(entry.request.path, path)
        ]

    def clear(self) -> None:
        """Forget all."""
        self.entries.clear()


@dataclass
class Hooks:
    """Callables around each request. `before` may raise ConnectionLost: nothing is done; `after`: the answer is lost.

    They run in the thread that answers, one request at a time. They are given a `Request` and its `Response`, or over
    LUXI a `Message` and its `Answer`, which have `method`, `path`, `writes`, and `status`, `json` in common.
    """

    before: list[Callable[[Any], None]] = field(default_factory=list)
    after: list[Callable[[Any, Any], None]] = field(default_factory=list)
