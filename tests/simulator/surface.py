# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The surface of a cluster as a client meets it: the remote API and LUXI, with faults, hooks and log. No sockets."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast, overload

from simulator.faults import (
    ANSWER,
    DELAY,
    DROP_AFTER,
    DROP_BEFORE,
    TRUNCATE,
    AnyRequest,
    AnyResponse,
    ConnectionLost,
    Hooks,
    Logged,
    RequestFaults,
    RequestLog,
)
from simulator.http import Request, Response
from simulator.luxi import Luxi
from simulator.message import Answer, Message
from simulator.rapi import Rapi

Sent = TypeVar("Sent", bound=AnyResponse)


@dataclass(frozen=True)
class Delivery(Generic[Sent]):
    """An answer on its way: only the first `length` bytes of the body arrive, all if None."""

    response: Sent
    length: int | None = None


@dataclass
class Surface:
    """Answers one request after the other, whatever thread they come from."""

    rapi: Rapi
    luxi: Luxi
    faults: RequestFaults = field(default_factory=RequestFaults)
    hooks: Hooks = field(default_factory=Hooks)
    log: RequestLog = field(default_factory=RequestLog)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @overload
    def deliver(self, request: Request) -> Delivery[Response]: ...

    @overload
    def deliver(self, request: Message) -> Delivery[Answer]: ...

    def deliver(self, request: AnyRequest) -> Delivery[Response] | Delivery[Answer]:
        """Answer a request over RAPI or LUXI, or raise ConnectionLost."""
        with self.lock:
            clock = self.rapi.cluster.clock
            entry = Logged(clock.now(), request, request.user)
            self.log.entries.append(entry)
            for before in self.hooks.before:
                before(request)
            delivery = self._strike(request)
            for after in self.hooks.after:
                after(request, delivery.response)
            entry.status = delivery.response.status
            return cast("Delivery[Response] | Delivery[Answer]", delivery)

    def _strike(self, request: AnyRequest) -> Delivery[AnyResponse]:
        fault = self.faults.strike(request)
        action = fault.action if fault else None
        if fault and action == DROP_BEFORE:
            raise ConnectionLost()
        if fault and action == DELAY:
            self.rapi.cluster.advance(fault.seconds)
        if fault and action == ANSWER:
            return Delivery(fault.answer(request))
        response = self._handle(request)
        if action == DROP_AFTER:
            raise ConnectionLost()
        return Delivery(response, len(response.body) // 2 if action == TRUNCATE else None)

    def _handle(self, request: AnyRequest) -> AnyResponse:
        return self.luxi.handle(request) if isinstance(request, Message) else self.rapi.handle(request)
