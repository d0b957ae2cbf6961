# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A recording proxy in front of a RAPI: whatever is sent to the cluster goes through it and is written down."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import trustme


@dataclass(frozen=True)
class Request:
    """A request that came through, and the status that the cluster answered with."""

    method: str
    path: str
    status: int

    @property
    def writes(self) -> bool:
        """Whether it is anything but a read: a PUT below /2/query/ is one."""
        return self.method != "GET" and not urlsplit(self.path).path.startswith("/2/query/")


@dataclass
class Proxy:
    """A proxy at work: where it listens, what its certificate is signed by, and what it has seen."""

    port: int
    ca_file: Path
    seen: list[Request] = field(default_factory=list)

    @property
    def writes(self) -> list[Request]:
        """The requests that were no reads."""
        return [request for request in self.seen if request.writes]


@contextmanager
def recording(upstream: str, upstream_ca: Path, folder: Path) -> Iterator[Proxy]:
    """Lend a proxy for the RAPI at `upstream`, listening on loopback with a certificate of its own."""
    authority = trustme.CA()
    ca_file = folder / "proxy-ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    proxy = Proxy(server.server_port, ca_file)
    server.proxy, server.upstream, server.upstream_ca = proxy, upstream, str(upstream_ca)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name not in ("Host", "Connection")}
        answer = requests.request(
            self.command,
            self.server.upstream + self.path,
            data=body,
            headers=headers,
            verify=self.server.upstream_ca,
            timeout=60,
        )
        self.server.proxy.seen.append(Request(self.command, self.path, answer.status_code))
        self.send_response(answer.status_code, answer.reason)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
        self.send_header("Content-Length", str(len(answer.content)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_PUT = do_POST = do_DELETE = _pass_on

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: `Proxy.seen` has it all."""
