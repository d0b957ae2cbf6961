# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two sides: a cluster that answers requests, and the hands that do to it what no request can do."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from contract.seed import GROUPS, INSTANCES
from contract.sentence import Ask, full
from lab import Lab, instances, luxi
from lab.lab import USERS as LAB_USERS
from simulator import Simulator, User

USERS = {"write": "lab:labsecret", "read": "viewer:viewersecret", "nobody": None, "wrong": "lab:guess"}
COMPARED_HEADERS = ("Content-Type", "Connection", "WWW-Authenticate")
FINAL = frozenset({"success", "error", "canceled"})
END = b"\x03"
LIMITS = (  # of instance policies as the lab has them; disk-size of the largest comes last
    "min:memory-size=1,disk-size=1,disk-count=0,cpu-count=1,nic-count=0,spindle-use=0"
    "/max:memory-size=32768,disk-count=16,cpu-count=8,nic-count=8,spindle-use=12"
)


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

    def call(self, method: str, arguments: Any) -> dict[str, Any]:
        """Send a LUXI call, and return the answer."""

    def send_raw(self, sent: bytes) -> list[Any]:
        """Send bytes over LUXI on one connection; return the answers, and whether it ended before the last."""

    def settle(self, jobs: Iterable[int]) -> None:
        """Wait until jobs are over."""

    def wait_running(self, job: int) -> None:
        """Wait until a job runs."""

    def power_off(self, name: str) -> None:
        """Pull a node's plug."""

    def drain_queue(self, drained: bool) -> None:
        """Let the job queue refuse jobs, or take them again."""

    def archive(self, job: int) -> None:
        """Archive a job."""

    def set_power_control(self, name: str, there: bool) -> None:
        """Let a node have an out-of-band program, or none."""

    def set_group(self, name: str, alloc_policy: str, templates: list[str] | None, largest_disk: int | None) -> None:
        """Set a group's allocation policy and, of its instance policy, templates and MB; None is the cluster's."""

    def enable_templates(self, templates: list[str]) -> None:
        """Enable only these disk templates, also if others are in use, which no request could do."""


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


class Luxi:
    """Sends LUXI calls to a socket, each over a connection of its own."""

    def __init__(self, path: str) -> None:
        self.path = path

    def call(self, method: str, arguments: Any) -> dict[str, Any]:
        """Send a call, and return the answer."""
        request = json.dumps({"method": method, "args": arguments}).encode() + END
        answer: dict[str, Any] = self.send(request, 1)[0]
        return answer

    def send(self, sent: bytes, limit: int) -> list[Any]:
        """Send bytes; return so many answers, or "the end" where the connection ends before."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.path)  # with a timeout it would fail at once when too many others connect
            connection.settimeout(120)
            connection.sendall(sent)
            received = b""
            while received.count(END) < limit:
                try:
                    chunk = connection.recv(1 << 16)
                except ConnectionResetError:
                    chunk = b""
                if not chunk:
                    break
                received += chunk
        *answers, rest = received.split(END)
        assert not rest, f"half an answer: {rest!r}"
        return [*map(json.loads, answers), *(["the end"] if len(answers) < limit else [])]


class Simulated:
    """The simulator, on a virtual clock, over its sockets."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        access = {user.name: user for user in LAB_USERS.values()}
        simulator.surface.rapi.users = {
            name: User(user.password, write=user.access == "write", read=user.access != "")
            for name, user in access.items()
        }
        self.connection = Connection(simulator.url, simulator.certificate.authority)
        self.luxi = Luxi(simulator.luxi_socket)
        self.seed()

    def seed(self) -> None:
        """Make the cluster that the sentences begin with."""
        cluster = self.simulator.cluster
        cluster.name = full("cluster")
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

    def call(self, method: str, arguments: Any) -> dict[str, Any]:
        """Send a LUXI call, and return the answer."""
        return self.luxi.call(method, arguments)

    def send_raw(self, sent: bytes) -> list[Any]:
        """Send bytes over LUXI on one connection; return the answers, and whether it ended before the last."""
        return self.luxi.send(sent, sent.count(END))

    def settle(self, jobs: Iterable[int]) -> None:
        """Let time pass until nothing moves."""
        self.simulator.advance_until_idle()

    def wait_running(self, job: int) -> None:
        """Let so little time pass that the job has just begun."""
        self.simulator.advance(self.simulator.cluster.queue.durations.start_delay)

    def power_off(self, name: str) -> None:
        """Pull a node's plug."""
        self.simulator.cluster.power_off(name)

    def drain_queue(self, drained: bool) -> None:
        """Set the queue's flag."""
        self.simulator.cluster.queue.drained = drained

    def archive(self, job: int) -> None:
        """Archive a job."""
        self.simulator.cluster.queue.archive(job)

    def set_power_control(self, name: str, there: bool) -> None:
        """Let a node have an out-of-band program, or none."""
        self.simulator.cluster.node(name).powered = True if there else None

    def set_group(self, name: str, alloc_policy: str, templates: list[str] | None, largest_disk: int | None) -> None:
        """Set a group's policies."""
        group = self.simulator.cluster.groups[name]
        group.alloc_policy, group.disk_templates, group.largest_disk = alloc_policy, templates, largest_disk

    def enable_templates(self, templates: list[str]) -> None:
        """Enable only these disk templates."""
        self.simulator.cluster.enabled_disk_templates = list(templates)


class Real:
    """The lab's real Ganeti."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.connection = Connection(lab.rapi_url, lab.ca_file)
        self.luxi = Luxi(str(lab.luxi_socket))
        self.seed()

    def seed(self) -> None:
        """Make the instances that the sentences begin with."""
        names = {node.name: node.full_name for node in self.lab.nodes}
        made = luxi.submit(self.lab.luxi_socket, [instances.create(one, full(one.name), names) for one in INSTANCES])
        self.settle(made)
        assert set(self._statuses(made)) == {"success"}, "not all instances could be made"

    def ask(self, ask: Ask) -> Reply:
        """Send a request, and return what came back."""
        return self.connection.ask(ask)

    def call(self, method: str, arguments: Any) -> dict[str, Any]:
        """Send a LUXI call, and return the answer."""
        return self.luxi.call(method, arguments)

    def send_raw(self, sent: bytes) -> list[Any]:
        """Send bytes over LUXI on one connection; return the answers, and whether it ended before the last."""
        return self.luxi.send(sent, sent.count(END))

    def _statuses(self, jobs: Iterable[int]) -> list[Any]:
        """Return the statuses of jobs. RAPI would say the same, and take much more of the machine."""
        qfilter = ["|", *(["=", "id", job] for job in jobs)]
        rows = self.luxi.call("Query", ["job", ["status"], qfilter])["result"]["data"]
        return [status for ((_, status),) in rows]

    def _status(self, job: int) -> Any:
        return self._statuses([job])[0]

    def settle(self, jobs: Iterable[int]) -> None:
        """Wait until all jobs are over."""
        wanted = list(jobs)
        while wanted and not FINAL.issuperset(self._statuses(wanted)):
            time.sleep(0.15)

    def wait_running(self, job: int) -> None:
        """Wait until a job runs, and a little longer."""
        while self._status(job) in ("queued", "waiting"):
            time.sleep(0.05)
        time.sleep(0.3)

    def power_off(self, name: str) -> None:
        """Pull a node's plug."""
        self.lab.node_off(name)

    def drain_queue(self, drained: bool) -> None:
        """Set the queue's flag."""
        self.lab.run("node1", ["gnt-cluster", "queue", "drain" if drained else "undrain"])

    def archive(self, job: int) -> None:
        """Archive a job."""
        self.lab.run("node1", ["gnt-job", "archive", str(job)])

    def set_power_control(self, name: str, there: bool) -> None:
        """Let a node have an out-of-band program that does nothing, or none."""
        program = "/bin/true" if there else "default"
        self.lab.run("node1", ["gnt-node", "modify", "--node-parameters", f"oob_program={program}", name])

    def set_group(self, name: str, alloc_policy: str, templates: list[str] | None, largest_disk: int | None) -> None:
        """Set a group's policies."""
        listed = ",".join(templates or ["default"])
        bounds = f"{LIMITS},disk-size={largest_disk}" if largest_disk else "default"
        options = [f"--ipolicy-disk-templates={listed}", f"--ipolicy-bounds-specs={bounds}"]
        self.lab.run("node1", ["gnt-group", "modify", *options, name])
        self.lab.run("node1", ["gnt-group", "modify", f"--alloc-policy={alloc_policy}", name])  # not both at once

    def enable_templates(self, templates: list[str]) -> None:
        """Enable only these disk templates: in the configuration's file, since Ganeti refuses it of those in use."""
        daemons = ("ganeti-rapi", "ganeti-luxid", "ganeti-wconfd")
        self.lab.run("node1", ["sh", "-c", "; ".join(f"/usr/lib/ganeti/daemon-util stop {one}" for one in daemons)])
        path = self.lab.node("node1").home / "var-lib-ganeti" / "config.data"
        configuration = json.loads(path.read_text())
        configuration["cluster"]["enabled_disk_templates"] = templates
        configuration["cluster"]["ipolicy"]["disk-templates"] = templates
        path.write_text(json.dumps(configuration))
        self.lab.node_on("node1")  # it runs: only its daemons are started
