# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recording proxies in front of RAPI and LUXI: whatever is sent to the cluster goes through them and is noted."""

from __future__ import annotations

import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import trustme

END = b"\x03"
BEFORE, SENT, ANSWERED = PHASES = ("before it was sent", "before the answer", "after the answer")
Watcher = Callable[[str], bool]  # is told of each phase of a write; whether it goes on from there


@dataclass(frozen=True)
class Request:
    """A request that came through, and the status that the cluster answered with."""

    method: str
    path: str
    status: int

    @property
    def writes(self) -> bool:
        """Whether it is anything but a read: over RAPI a PUT below /2/query/ is one."""
        if self.method in ("GET", "Query", "QueryClusterInfo", "QueryConfigValues"):
            return False
        return not urlsplit(self.path).path.startswith("/2/query/")


@dataclass
class Proxy:
    """Two proxies at work: where they listen, what a certificate is signed by, and what they have seen.

    `watcher` is asked in each phase of a write whether it shall go on.
    """

    port: int
    ca_file: Path
    luxi_socket: Path
    seen: list[Request] = field(default_factory=list)
    watcher: Watcher = lambda phase: True

    @property
    def writes(self) -> list[Request]:
        """The requests that were no reads."""
        return [request for request in self.seen if request.writes]

    def passes(self, request: Request, phase: str) -> bool:
        """Whether a request goes on from this phase."""
        return not request.writes or self.watcher(phase)


@contextmanager
def recording(upstream: str, upstream_ca: Path, upstream_socket: Path, folder: Path) -> Iterator[Proxy]:
    """Lend proxies for the RAPI at `upstream` and the LUXI at `upstream_socket`.

    One listens on loopback with a certificate of its own, the other on a socket below `folder`.
    """
    authority = trustme.CA()
    ca_file = folder / "proxy-ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    rapi = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    rapi.socket = context.wrap_socket(rapi.socket, server_side=True)
    luxi = _Luxi(str(folder / "luxi"), _LuxiHandler)
    proxy = Proxy(rapi.server_port, ca_file, folder / "luxi")
    rapi.proxy, rapi.upstream, rapi.upstream_ca = proxy, upstream, str(upstream_ca)  # type: ignore[attr-defined]
    luxi.proxy, luxi.upstream = proxy, str(upstream_socket)  # type: ignore[attr-defined]
    servers: tuple[socketserver.BaseServer, ...] = (rapi, luxi)
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield proxy
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name not in ("Host", "Connection")}
        proxy: Proxy = self.server.proxy
        if not proxy.passes(Request(self.command, self.path, 0), BEFORE):
            return
        answer = requests.request(
            self.command,
            self.server.upstream + self.path,
            data=body,
            headers=headers,
            verify=self.server.upstream_ca,
            timeout=60,
        )
        request = Request(self.command, self.path, answer.status_code)
        proxy.seen.append(request)
        if not proxy.passes(request, SENT):
            return
        self.send_response(answer.status_code, answer.reason)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
        self.send_header("Content-Length", str(len(answer.content)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.content)
        self.wfile.flush()
        proxy.passes(request, ANSWERED)

    do_GET = do_PUT = do_POST = do_DELETE = _pass_on

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: `Proxy.seen` has it all."""


class _Luxi(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class _LuxiHandler(socketserver.BaseRequestHandler):
    server: Any

    def handle(self) -> None:
        """Pass one call on, as a connection of our client has one."""
        message = _message(self.request)
        if not message:
            return
        proxy: Proxy = self.server.proxy
        call = json.loads(message.removesuffix(END))
        asked = Request(call["method"], json.dumps(call["args"]), 0)
        if not proxy.passes(asked, BEFORE):
            return
        with socket.socket(socket.AF_UNIX) as master:
            master.settimeout(120)
            master.connect(self.server.upstream)
            master.sendall(message)
            answer = _message(master)
        proxy.seen.append(asked)
        if not proxy.passes(asked, SENT):
            return
        self.request.sendall(answer)
        proxy.passes(asked, ANSWERED)


def _message(connection: socket.socket) -> bytes:
    received = bytearray()
    while not received.endswith(END) and (chunk := connection.recv(65536)):
        received += chunk
    return bytes(received)
