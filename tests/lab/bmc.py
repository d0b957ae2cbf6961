# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""BMCs that stand in for real ones: Redfish and IPMI over LAN, as far as Debian's fence-agents ask.

A BMC switches the power that it is given, such as that of a node of the lab; given that of another node, it is the
wrong one. It can also lie, be slow, refuse to work, or hang.
"""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pyghmi.ipmi import bmc
from pyghmi.ipmi.private.session import Session

from .lab import Lab

USER, PASSWORD = "fencer", "la b$ecret'"  # at most 20 bytes
SYSTEM = "/redfish/v1/Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
SLOW_SECONDS = 1.5
TICK_SECONDS = 0.1


@dataclass
class Power:
    """A machine's power as its BMC has it.

    Kinds: "honest"; "lying" (says off once that was ordered, and does nothing); "slow" (does it later, and says on
    until then); "stubborn" (takes the order, and does nothing); "hanging" (takes requests, and answers none).
    """

    is_on: Callable[[], bool]
    switch: Callable[[bool], None]
    kind: str = "honest"
    orders: list[str] = field(default_factory=list)
    _due: float = float("inf")

    def state(self) -> str:
        """What the BMC says: on or off."""
        if time.monotonic() >= self._due:
            self._due = float("inf")
            self.switch(self.orders[-1] == "on")
        if self.kind == "lying" and self.orders:
            return self.orders[-1]
        return "on" if self.is_on() else "off"

    def order(self, wanted: str) -> None:
        """Take the order to be on or off."""
        self.orders.append(wanted)
        if self.kind == "honest":
            self.switch(wanted == "on")
        elif self.kind == "slow":
            self._due = time.monotonic() + SLOW_SECONDS


def power_of(lab: Lab, node: str, kind: str = "honest") -> Power:
    """The power of a node of the lab; whatever the node is doing, it goes off at once."""
    return Power(lab.node(node).is_on, lambda on: lab.node_on(node) if on else lab.node(node).switch_off(), kind)


# --- Redfish ---------------------------------------------------------------------------------------------------------


@contextmanager
def redfish(pem: Path, *powers: Power) -> Iterator[list[int]]:
    """Serve BMCs over HTTPS on ports of the loopback, with the key and the certificate in `pem`; yields the ports."""
    with ExitStack() as stack:
        yield [stack.enter_context(_served(power, pem)) for power in powers]


@contextmanager
def _served(power: Power, pem: Path) -> Iterator[int]:
    ended = threading.Event()
    handler = type("Handler", (_Handler,), {"power": power, "ended": ended})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(TICK_SECONDS,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    power: Power
    ended: threading.Event

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """The service, its systems, or the one system."""
        reset = {"target": RESET, "ResetType@Redfish.AllowableValues": ["On", "ForceOff"]}
        pages: dict[str, dict[str, Any]] = {
            "/redfish/v1": {"Systems": {"@odata.id": "/redfish/v1/Systems"}},
            "/redfish/v1/Systems": {"Members": [{"@odata.id": SYSTEM}]},
            SYSTEM: {"Actions": {"#ComputerSystem.Reset": reset}},
        }
        if self._may():
            page = pages.get(self.path.rstrip("/"))
            if self.path.rstrip("/") == SYSTEM and page:
                page["PowerState"] = self.power.state().capitalize()
            self._answer(404 if page is None else 200, page or {"error": {"message": "not found"}})

    def do_POST(self) -> None:
        """An order."""
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
        if self._may():
            wanted = {"On": "on", "ForceOff": "off"}.get(body.get("ResetType"))
            if self.path == RESET and wanted:
                self.power.order(wanted)
                self._answer(204, None)
            else:
                self._answer(400, {"error": {"message": "unknown action"}})

    def _may(self) -> bool:
        """Whether it is the right user; a BMC that hangs does not come back from here while it is served."""
        if self.power.kind == "hanging":
            self.ended.wait()
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") == f"Basic {wanted}":
            return True
        self._answer(401, {"error": {"message": "unauthorized"}})
        return False

    def _answer(self, status: int, page: dict[str, Any] | None) -> None:
        body = b"" if page is None else json.dumps(page).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


# --- IPMI ------------------------------------------------------------------------------------------------------------


class IpmiBmc(bmc.Bmc):  # type: ignore[misc]  # pyghmi has no types
    """A BMC that speaks IPMI 2.0 on a free port of the loopback."""

    def __init__(self, power: Power) -> None:
        """Listen."""
        super().__init__({USER: PASSWORD}, port=free_port(), address="127.0.0.1")
        self.power = power

    def get_power_state(self) -> str:
        """The answer to `chassis power status`."""
        return self.power.state()

    def power_off(self) -> int:
        """The completion code of `chassis power off`."""
        self.power.order("off")
        return 0

    def power_on(self) -> int:
        """The completion code of `chassis power on`."""
        self.power.order("on")
        return 0

    def handle_raw_request(self, request: Any, session: Any) -> None:
        """Answer a request, unless it hangs."""
        if self.power.kind != "hanging":
            super().handle_raw_request(request, session)


@contextmanager
def ipmi(*powers: Power) -> Iterator[list[int]]:
    """Serve BMCs over IPMI; yields their ports. All of a process must be served by one call: pyghmi has one loop."""
    made = [IpmiBmc(power) for power in powers]
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            Session.wait_for_rsp(TICK_SECONDS)

    server = threading.Thread(target=serve)
    server.start()
    try:
        yield [each.port for each in made]
    finally:
        ended.set()
        server.join()


def free_port() -> int:
    """A UDP port of the loopback on which nobody listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
