# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The surface on a socket: HTTP/1.1 over TLS on loopback, one connection for each request, as Ganeti does it."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from simulator.faults import ConnectionLost
from simulator.http import Request, Response
from simulator.info import VERSION
from simulator.surface import Surface


class Handler(BaseHTTPRequestHandler):
    """Reads a request from a connection, has it answered, and closes."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = f"Ganeti {VERSION}"
    sys_version = ""
    timeout = 60

    def answer_one(self) -> None:
        """Answer the request that was read."""
        self.close_connection = True
        due = time.monotonic() + self.server.latency
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): text for name, text in self.headers.items()}
        request = Request(self.command, self.path, headers, self.rfile.read(length))
        try:
            with self.server.places:
                delivery = self.server.surface.deliver(request)
        except ConnectionLost:
            self.hang_up()
            return
        time.sleep(max(0.0, due - time.monotonic()))
        self.write(delivery.response, delivery.length)

    def write(self, response: Response, length: int | None) -> None:
        """Send an answer, or the beginning of one."""
        self.send_response(response.status, response.reason)
        headers = {"Content-Type": "application/json", **response.headers, "Connection": "close"}
        for name, text in {**headers, "Content-Length": str(len(response.body))}.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body[:length])

    def hang_up(self) -> None:
        """End the connection so that the client can't take it for an answer."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()

    def version_string(self) -> str:
        """Return what stands in the header `Server`."""
        return self.server_version

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: the surface has its own log."""

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = answer_one


class Server(ThreadingHTTPServer):
    """Listens on loopback. An answer takes `latency` seconds at least; `clients` are answered at once at most."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, surface: Surface, context: ssl.SSLContext, port: int = 0, latency: float = 0.0, clients: int = 20
    ) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.surface = surface
        self.latency = latency
        self.places = threading.BoundedSemaphore(clients)
        self.context = context

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Begin TLS in the connection's own thread, so that a slow client holds up nobody."""
        request.settimeout(Handler.timeout)
        with self.context.wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, client_address)
            self.shutdown_request(secure)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that go away."""

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        return int(self.server_address[1])
