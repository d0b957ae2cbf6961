# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two sides: a cluster that answers requests, and the hands that do to it what no request can do."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from contract.seed import GROUPS, INSTANCES
from contract.sentence import Ask, full
from lab import Lab
from lab.lab import USERS as LAB_USERS
from simulator import Simulator, User

USERS = {"write": "lab:labsecret", "read": "viewer:viewersecret", "nobody": None, "wrong": "lab:guess"}
COMPARED_HEADERS = ("Content-Type", "Connection", "WWW-Authenticate")
FINAL = ("success", "error", "canceled")


@dataclass(frozen=True)
class Reply:
    """What came back: status, words of the status, headers that count, and the body, read if it can be."""

    status: int
    phrase: str
    headers: dict[str, str]
    body: Any


class Side(Protocol):
    """A cluster under comparison."""

    def ask(self, ask: Ask) -> Reply:
        """Send a request, and return what came back."""

    def settle(self, jobs: Iterable[int]) -> None:
        """Wait until jobs are over."""

    def wait_running(self, job: int) -> None:
        """Wait until a job runs."""

    def wait_waiting(self, job: int) -> None:
        """Wait until a job waits for locks."""

    def power_off(self, name: str) -> None:
        """Pull a node's plug."""

    def drain_queue(self, drained: bool) -> None:
        """Let the job queue refuse jobs, or take them again."""

    def archive(self, job: int) -> None:
        """Archive a job."""


class Connection:
    """Sends requests to a URL, trusting an authority."""

    def __init__(self, url: str, authority: Path) -> None:
        self.address = urlsplit(url)
        self.context = ssl.create_default_context(cafile=str(authority))

    def ask(self, ask: Ask) -> Reply:
        """Send a request over a connection of its own."""
        to = http.client.HTTPSConnection(
            self.address.hostname or "", self.address.port, timeout=120, context=self.context
        )
        body = ask.body if ask.body is None or isinstance(ask.body, bytes) else json.dumps(ask.body).encode()
        headers = {"Content-Type": ask.content_type} if body is not None and ask.content_type else {}
        if user := USERS[ask.user]:
            headers["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
        try:
            to.request(ask.method, ask.target, body, headers)
            reply = to.getresponse()
            text = reply.read().decode()
        finally:
            to.close()
        compared = {name: value for name, value in reply.getheaders() if name in COMPARED_HEADERS}
        return Reply(reply.status, reply.reason, compared, json.loads(text) if text else text)


class Simulated:
    """The simulator, on a virtual clock, over its socket."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        access = {user.name: user for user in LAB_USERS.values()}
        simulator.surface.rapi.users = {
            name: User(user.password, write=user.access == "write", read=user.access != "")
            for name, user in access.items()
        }
        self.connection = Connection(simulator.url, simulator.certificate.authority)
        self.seed()

    def seed(self) -> None:
        """Make the cluster that the sentences begin with."""
        cluster = self.simulator.cluster
        for group in dict.fromkeys(GROUPS.values()):
            cluster.add_group(group)
        for node, group in GROUPS.items():
            cluster.add_node(full(node), group)
        for one in INSTANCES:
            state = "up" if one.running else "down"
            secondary = full(one.secondary) if one.secondary else None
            cluster.add_instance(full(one.name), one.template, full(one.primary or ""), secondary, admin_state=state)

    def ask(self, ask: Ask) -> Reply:
        """Send a request, and return what came back."""
        return self.connection.ask(ask)

    def settle(self, jobs: Iterable[int]) -> None:
        """Let time pass until nothing moves."""
        self.simulator.advance_until_idle()

    def wait_running(self, job: int) -> None:
        """Let so little time pass that the job has just begun."""
        self.simulator.advance(self.simulator.cluster.queue.durations.start_delay)

    def wait_waiting(self, job: int) -> None:
        """Let so little time pass that the job has just asked for its locks."""
        self.wait_running(job)

    def power_off(self, name: str) -> None:
        """Pull a node's plug."""
        self.simulator.cluster.power_off(name)

    def drain_queue(self, drained: bool) -> None:
        """Set the queue's flag."""
        self.simulator.cluster.queue.drained = drained

    def archive(self, job: int) -> None:
        """Archive a job."""
        self.simulator.cluster.queue.archive(job)


class Real:
    """The lab's real Ganeti."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.connection = Connection(lab.rapi_url, lab.ca_file)
        lab.create_all(INSTANCES)

    def ask(self, ask: Ask) -> Reply:
        """Send a request, and return what came back."""
        return self.connection.ask(ask)

    def _status(self, job: int) -> Any:
        return self.ask(Ask("GET", f"/2/jobs/{job}")).body["status"]

    def settle(self, jobs: Iterable[int]) -> None:
        """Wait until all jobs are over."""
        for job in jobs:
            while self._status(job) not in FINAL:
                time.sleep(0.1)

    def wait_running(self, job: int) -> None:
        """Wait until a job runs, and a little longer."""
        while self._status(job) in ("queued", "waiting"):
            time.sleep(0.05)
        time.sleep(0.3)

    def wait_waiting(self, job: int) -> None:
        """Wait until a job waits for locks."""
        while self._status(job) == "queued":
            time.sleep(0.02)

    def power_off(self, name: str) -> None:
        """Pull a node's plug."""
        self.lab.node_off(name)

    def drain_queue(self, drained: bool) -> None:
        """Set the queue's flag."""
        self.lab.run("node1", ["gnt-cluster", "queue", "drain" if drained else "undrain"])

    def archive(self, job: int) -> None:
        """Archive a job."""
        self.lab.run("node1", ["gnt-job", "archive", str(job)])
