# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster, its surface and its server in one: what a test starts.

with Simulator(Cluster()) as simulator:
    simulator.cluster.add_group("default")
    ...
    client = Client(simulator.url, ca_path=simulator.certificate.authority, user="lab", password="labsecret")
    luxi_client = LuxiClient(simulator.luxi_socket)
    simulator.advance(10)
"""

from __future__ import annotations

import base64
import json
import tempfile
import threading
from pathlib import Path
from typing import Any

from simulator import certificates, message
from simulator.certificates import Certificate
from simulator.clock import WallClock
from simulator.cluster import Cluster
from simulator.faults import ConnectionLost, Hooks, RequestFaults, RequestLog
from simulator.http import Request, Response
from simulator.luxi import Luxi
from simulator.luxi_server import LuxiServer, socket_path
from simulator.rapi import Rapi
from simulator.server import Server
from simulator.surface import Surface
from simulator.trouble import JobTroubles

WRITER, READER = ("lab", "labsecret"), ("viewer", "viewersecret")


class Simulator:
    """A running simulator. Without `with` it serves no socket, but `ask` and `call` work all the same.

    It serves a certificate that an authority of its own has signed, or `certificate`; with `own_certificate` one like
    Ganeti's default. `latency` is in seconds that an answer takes at least.
    """

    def __init__(
        self,
        cluster: Cluster | None = None,
        *,
        folder: Path | None = None,
        port: int = 0,
        certificate: Certificate | None = None,
        own_certificate: bool = False,
        latency: float = 0.0,
        clients: int = 20,
    ) -> None:
        self.cluster = cluster or Cluster()
        self.surface = Surface(Rapi(self.cluster), Luxi(self.cluster))
        self._folder, self._own = folder, own_certificate
        self._settings: dict[str, Any] = {"port": port, "latency": latency, "clients": clients}
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._server: Server | None = None
        self._luxi_server: LuxiServer | None = None
        self._certificate = certificate

    # what a test looks at

    @property
    def faults(self) -> RequestFaults:
        """Return the faults of requests."""
        return self.surface.faults

    @property
    def troubles(self) -> JobTroubles:
        """Return the faults of jobs."""
        return self.cluster.queue.troubles

    @property
    def hooks(self) -> Hooks:
        """Return the hooks around requests."""
        return self.surface.hooks

    @property
    def log(self) -> RequestLog:
        """Return the log of requests."""
        return self.surface.log

    @property
    def port(self) -> int:
        """Return the port that is served."""
        assert self._server is not None, "not serving: use `with` or start()"
        return self._server.port

    @property
    def url(self) -> str:
        """Return the address."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def luxi_socket(self) -> str:
        """Return the path of the unix socket on which LUXI answers."""
        assert self._luxi_server is not None, "not serving: use `with` or start()"
        return str(self._luxi_server.path)

    @property
    def certificate(self) -> Certificate:
        """Return the server's certificate."""
        assert self._certificate is not None, "not serving: use `with` or start()"
        return self._certificate

    # what a test does

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self.surface.lock:
            self.cluster.advance(seconds)

    def advance_until_idle(self) -> float:
        """Let time pass until all jobs are over that can be; return the seconds."""
        with self.surface.lock:
            return self.cluster.advance_until_idle()

    def ask(self, method: str, target: str, data: object = None, user: tuple[str, str] | None = WRITER) -> Response:
        """Answer a request without a socket; `data` is sent as JSON. Raise ConnectionLost if a fault says so."""
        headers = {"content-type": "application/json"}
        if user is not None:
            headers["authorization"] = "Basic " + base64.b64encode(":".join(user).encode()).decode()
        body = b"" if data is None else json.dumps(data).encode()
        return self.surface.deliver(Request(method, target, headers, body)).response

    def call(self, method: str, *arguments: object) -> dict[str, Any]:
        """Answer a LUXI call without a socket: {"success", "result"}. Raise ConnectionLost if a fault says so."""
        delivery = self.surface.deliver(message.request(method, *arguments))
        if delivery.length is not None:
            raise ConnectionLost()
        answer: dict[str, Any] = delivery.response.json
        return answer

    # serving

    def start(self) -> Simulator:
        """Serve RAPI on a loopback port and LUXI on a unix socket, in threads of their own."""
        if self._folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="simulator-")
        folder = self._folder or Path(self._temporary.name if self._temporary else "")
        make = certificates.like_ganeti if self._own else certificates.signed_for_loopback
        self._certificate = self._certificate or make(folder)
        self._server = Server(self.surface, self._certificate.context(), **self._settings)
        self._luxi_server = LuxiServer(self.surface, socket_path(folder), self._settings["latency"])
        for server in (self._server, self._luxi_server):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        if self._luxi_server is not None:
            self._luxi_server.close()
            self._luxi_server = None
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def settings(self) -> dict[str, object]:
        """Return what a client needs to know, for a file or for variables."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "url": self.url,
            "user": WRITER[0],
            "password": WRITER[1],
            "read_only_user": READER[0],
            "read_only_password": READER[1],
            "ca_path": str(self.certificate.authority),
            "fingerprint": self.certificate.fingerprint,
            "luxi_socket": self.luxi_socket,
        }


def wall_clock_cluster(speed: float) -> Cluster:
    """Return an empty cluster that lives by the machine's clock, `speed` times faster than a real one."""
    cluster = Cluster(clock=WallClock(speed))
    cluster.queue.durations.speed = speed
    return cluster
