# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The surface of a cluster as a client meets it: the remote API with its faults, hooks and log. No sockets."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.faults import (
    ANSWER,
    DELAY,
    DROP_AFTER,
    DROP_BEFORE,
    TRUNCATE,
    ConnectionLost,
    Hooks,
    Logged,
    RequestFaults,
    RequestLog,
)
from simulator.rapi import Rapi

if TYPE_CHECKING:
    from simulator.http import Request, Response


@dataclass(frozen=True)
class Delivery:
    """An answer on its way: only the first `length` bytes of the body arrive, all if None."""

    response: Response
    length: int | None = None


@dataclass
class Surface:
    """Answers one request after the other, whatever thread they come from."""

    rapi: Rapi
    faults: RequestFaults = field(default_factory=RequestFaults)
    hooks: Hooks = field(default_factory=Hooks)
    log: RequestLog = field(default_factory=RequestLog)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def deliver(self, request: Request) -> Delivery:
        """Answer a request, or raise ConnectionLost."""
        with self.lock:
            clock = self.rapi.cluster.clock
            entry = Logged(clock.now(), request, request.credentials[0])
            self.log.entries.append(entry)
            for before in self.hooks.before:
                before(request)
            delivery = self._strike(request)
            for after in self.hooks.after:
                after(request, delivery.response)
            entry.status = delivery.response.status
            return delivery

    def _strike(self, request: Request) -> Delivery:
        fault = self.faults.strike(request)
        action = fault.action if fault else None
        if fault and action == DROP_BEFORE:
            raise ConnectionLost()
        if fault and action == DELAY:
            self.rapi.cluster.advance(fault.seconds)
        if fault and action == ANSWER:
            return Delivery(fault.response)
        response = self.rapi.handle(request)
        if action == DROP_AFTER:
            raise ConnectionLost()
        return Delivery(response, len(response.body) // 2 if action == TRUNCATE else None)
