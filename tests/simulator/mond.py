# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nodes' monitoring daemons, on sockets: what each says of its DRBD devices, by what is true in the cluster."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from simulator.model import Instance

if TYPE_CHECKING:
    from simulator.cluster import Cluster

PATH = "/1/report/storage/drbd"


def devices(cluster: Cluster, node: str) -> list[dict[str, object]]:
    """Return the devices on a node that is alive, in DRBD's words."""
    mirrored = [one for one in cluster.instances.values() if one.kind == "mirrored" and node in one.nodes]
    assembled = [(one, number) for one in mirrored if one.disks_active for number in range(len(one.disks))]
    return [{"minor": minor, **_device(one, node)} for minor, (one, _number) in enumerate(assembled)]


def _device(instance: Instance, node: str) -> dict[str, object]:
    first = node in instance.running_on or (node == instance.primary and not instance.running_on)
    (other,) = (name for name in instance.nodes if name != node)
    mine, theirs = (instance.data.copies.get(name) for name in (node, other))
    connection, local, remote = "Connected", "UpToDate", "UpToDate"
    if not instance.data.connected:
        connection, remote = "WFConnection", "DUnknown"
        if mine is None or not mine.consistent:
            connection, local, remote = "SyncTarget", "Inconsistent", "UpToDate"
        elif theirs is None or not theirs.consistent:
            connection, remote = "SyncSource", "Inconsistent"
    return {
        "connectionState": connection,
        "localRole": "Primary" if first else "Secondary",
        "remoteRole": "Unknown" if remote == "DUnknown" else "Secondary" if first else "Primary",
        "localState": local,
        "remoteState": remote,
        "instance": instance.name,
    }


class Mond:
    """The daemons of all nodes of a cluster, each at an address of its own on the loopback.

    `silent` are the nodes whose daemon has no report, `asked` those that were asked.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.silent: set[str] = set()
        self.asked: list[str] = []

    def __enter__(self) -> Mond:
        """Serve, and give the nodes their addresses."""
        places = {f"127.0.1.{number}": node for number, node in enumerate(self.cluster.nodes.values(), 1)}
        for address, node in places.items():
            node.ip = address
        self._server = ThreadingHTTPServer(("", 0), self._handler({place: one.name for place, one in places.items()}))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        """Return the port of all of them."""
        return int(self._server.server_address[1])

    def _handler(self, names: dict[str, str]) -> type[BaseHTTPRequestHandler]:
        mond = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = names.get(self.connection.getsockname()[0], "")
                mond.asked.append(name)
                if not name or not mond.cluster.nodes[name].alive:
                    return  # nobody answers
                good = self.path == PATH and name not in mond.silent
                report = {"name": "drbd", "data": {"deviceInfos": devices(mond.cluster, name)}}
                body = json.dumps(report).encode() if good else b"Unable to produce a report"
                self.send_response(200 if good else 404)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
