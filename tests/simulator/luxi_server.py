# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""LUXI on a unix socket: any number of requests on a connection, one after the other."""

from __future__ import annotations

import contextlib
import os
import socketserver
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulator.faults import ConnectionLost
from simulator.message import END, Message
from simulator.surface import Surface

LONGEST_PATH = 100  # bytes; the kernel takes 107
FOLDER = "luxi-"


class Handler(socketserver.StreamRequestHandler):
    """Answers a connection's requests until one can't be read, or is lost."""

    server: LuxiServer
    timeout = 60

    def handle(self) -> None:
        """Answer one request after the other."""
        with contextlib.suppress(ConnectionLost, OSError):
            for body in self.requests():
                due = time.monotonic() + self.server.latency
                delivery = self.server.surface.deliver(Message(body))
                time.sleep(max(0.0, due - time.monotonic()))
                whole = delivery.response.body + END
                self.wfile.write(whole[: delivery.length])
                if delivery.response.closes or delivery.length is not None:
                    return

    def requests(self) -> Iterator[bytes]:
        """Yield each request without its closing byte."""
        received = b""
        while chunk := self.connection.recv(1 << 16):
            *whole, received = (received + chunk).split(END)
            yield from whole


class LuxiServer(socketserver.ThreadingUnixStreamServer):
    """Listens on a unix socket. An answer takes `latency` seconds at least."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, surface: Surface, path: Path, latency: float = 0.0) -> None:
        path.unlink(missing_ok=True)
        super().__init__(str(path), Handler)
        self.surface = surface
        self.path = path
        self.latency = latency

    def close(self) -> None:
        """Stop listening, and take the socket away, with the folder that was made for it alone."""
        self.shutdown()
        self.server_close()
        self.path.unlink(missing_ok=True)
        if self.path.parent.name.startswith(FOLDER):
            self.path.parent.rmdir()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that go away."""


def socket_path(folder: Path) -> Path:
    """Return where to make the socket: in the folder, or if its name is too long for that, in a temporary one."""
    path = folder.absolute() / "luxi.sock"
    if len(os.fsencode(path)) <= LONGEST_PATH:
        return path
    return Path(tempfile.mkdtemp(prefix=FOLDER)) / path.name
