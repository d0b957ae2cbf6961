# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab as a whole: the cluster, and what tests do with it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import certificates, cluster, instances, luxi, machine, network, processes, state
from .errors import LabError
from .instances import Instance
from .lock import exclusive
from .luxi import Job, Opcode
from .node import Node
from .rapi import Rapi
from .settings import Settings, User

RAPI_PORT = 5080
USERS = {
    "write": User("lab", "labsecret", "write"),
    "read": User("viewer", "viewersecret", "read"),
}


class Lab:
    """A Ganeti cluster of real nodes on one machine; every method finds out anew how things stand."""

    def __init__(self, settings: Settings | None = None, say: Callable[[str], None] = lambda text: None) -> None:
        """Take the settings (those of the environment, if none); `say` is told what `up` has reached."""
        self.settings = settings or Settings.from_environment()
        self.nodes = [Node(self.settings, number) for number in range(1, self.settings.nodes + 1)]
        self.users = USERS
        self._say = say

    @property
    def master(self) -> Node:
        """The master node, which is always node1."""
        return self.nodes[0]

    @property
    def rapi_url(self) -> str:
        """Where the RAPI answers."""
        return f"https://{self.settings.cluster_address}:{RAPI_PORT}"

    @property
    def ca_file(self) -> Path:
        """The certificate of the CA that signed the RAPI's certificate."""
        return certificates.ca_file(self.settings)

    @property
    def luxi_socket(self) -> Path:
        """Where the master answers LUXI, to root on this machine."""
        return cluster.luxi_socket(self.master)

    # The whole lab

    def up(self) -> None:
        """Bring the cluster up, from nothing or from wherever an earlier start or the machine stopped.

        Raises:
            UnfitMachineError: when this machine can't carry it; nothing has been changed then.
            LabError: when something fails.
        """
        machine.check_machine()
        with exclusive(self.settings.state_dir):
            state.claim(self.settings)
            machine.install(self.settings)
            if not state.is_built(self.settings):
                self._build()
            elif state.is_half_restored(self.settings):
                self._restore()
            self._start()
        self._say(f"RAPI answers on {self.rapi_url}")

    def down(self, *, keep: bool = False) -> None:
        """End everything, and delete everything unless the disks are to be kept for the next `up`.

        Raises:
            LabError: when something resists.
        """
        machine.check_machine()
        with exclusive(self.settings.state_dir):
            for namespace in network.namespaces(self.settings.prefix):
                processes.kill_all(processes.in_network(namespace))
            processes.kill_all(processes.runs_program(self.nodes[0].init_program))
            network.remove_all(self.settings)
            if not keep:
                state.remove(self.settings)

    def reset(self) -> None:
        """Make the cluster what it was when it had just been built: no instances, no tags, all nodes well.

        All nodes lose power, get back their first disks, and boot. Job ids begin anew, too.

        Raises:
            LabError: when the cluster was never up.
        """
        with exclusive(self.settings.state_dir):
            if not state.is_built(self.settings):
                raise LabError("there is no cluster to reset: bring the lab up first")
            self._restore()
            self._start()

    # Nodes

    def node(self, name: str) -> Node:
        """Return the node of this short or full name.

        Raises:
            LabError: when there is none.
        """
        for node in self.nodes:
            if name in (node.name, node.full_name):
                return node
        raise LabError(f"there is no {name}; the lab has {', '.join(node.name for node in self.nodes)}")

    def run(self, node: str, command: Sequence[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command on a node and return it with its output.

        Raises:
            LabError: when the node is off, or `check` is set and the command fails.
        """
        return self.node(node).run(command, check=check)

    def node_off(self, name: str, *, offline: bool = False) -> None:
        """Pull a node's plug; with `offline`, Ganeti is told beforehand.

        The end is the same as telling it afterwards, but comes sooner: to mark a node offline takes Ganeti a few
        seconds while the node answers, and half a minute of timeouts once it doesn't.
        """
        if offline:
            self.set_node(name, offline=True)
        else:
            self.settle(name)
        self.node(name).switch_off()

    def settle(self, name: str) -> None:
        """Return when the master asks a node nothing: Ganeti would wait for that answer for up to a quarter of an hour
        if the node died or was cut off by then, and hold back whoever marks it.

        Raises:
            LabError: when that does not come to its end within a minute.
        """
        deadline = time.monotonic() + 60
        asks = ["ss", "-tnH", "state", "established", "dst", self.node(name).address]
        while self.master.is_on() and self.master.run(asks).stdout:
            if time.monotonic() > deadline:
                raise LabError(f"the master still asks {name}")
            time.sleep(0.1)

    def node_on(self, name: str) -> None:
        """Boot a node, unless it runs; a master gets its daemons back as well."""
        node = self.node(name)
        node.switch_on()
        if node == self.master:
            cluster.start_master(self.settings, self.master, self._verified())

    def set_node(self, name: str, *, offline: bool | None = None, drained: bool | None = None) -> None:
        """Tell Ganeti what to think of a node, as `gnt-node modify` does; None leaves a flag as it is.

        `gnt-node` itself loses patience with a master that a silent node keeps busy; the job goes on.

        Raises:
            JobError: with what Ganeti said, for instance that a node is down and can't be online.
        """
        flags = {"offline": offline, "drained": drained}
        wanted = {flag: value for flag, value in flags.items() if value is not None}
        opcode = {"OP_ID": "OP_NODE_SET_PARAMS", "node_name": self.node(name).full_name, **wanted}
        self._succeed([[{**opcode, "auto_promote": True, "force": offline is False}]])

    # Instances and tags

    def full_name(self, instance: str) -> str:
        """Return an instance's full name, given with or without the lab's domain."""
        return instance if "." in instance else f"{instance}.{self.settings.domain}"

    def create(self, name: str, **fields: Any) -> str:
        """Create an instance (see `Instance` for the fields), and return its full name when it exists.

        Raises:
            JobError: when it can't be created.
        """
        return self.create_all([Instance(name, **fields)])[0]

    def create_all(self, wanted: Iterable[Instance]) -> list[str]:
        """Create instances side by side, and return their full names when all exist.

        Raises:
            JobError: showing those that failed.
        """
        names = {node.name: node.full_name for node in self.nodes}
        named = [(self.full_name(instance.name), instance) for instance in wanted]
        self._succeed([instances.create(instance, full_name, names) for full_name, instance in named])
        return [full_name for full_name, _ in named]

    def seed(self, *, direct: bool = True, prefix: str = "inst", running: bool = True, **templates: int) -> list[str]:
        """Create so many instances of each disk template (a few of each, if none is named); return their names.

        With `direct`, the nodes that are online get them in turn; otherwise hail places them, one by one.

        Raises:
            JobError: showing those that failed.
        """
        groups = self._groups() if direct else None
        return self.create_all(instances.seed(templates or instances.DEFAULT_SEED, groups, prefix, running))

    def instances(self) -> list[str]:
        """Return the full names of all instances."""
        return [name for (name,) in luxi.rows(self.luxi_socket, "instance", ["name"])]

    def remove_instances(self, names: Iterable[str] | None = None) -> None:
        """Remove these instances, or all, by Ganeti jobs.

        Raises:
            JobError: showing those that failed.
        """
        found = self.instances() if names is None else [self.full_name(name) for name in names]
        self._succeed([[instances.remove(name)] for name in found])

    def tags(self, kind: str, name: str = "") -> list[str]:
        """Return the tags of an "instance", a "nodegroup", a "node", or the "cluster" (which needs no name)."""
        return sorted(luxi.call(self.luxi_socket, "QueryTags", kind, self._tagged(kind, name)))

    def add_tags(self, kind: str, name: str, *tags: str) -> None:
        """Add tags, by a Ganeti job."""
        self._succeed([[instances.add_tags(kind, self._tagged(kind, name), tags)]])

    def remove_tags(self, kind: str, name: str, *tags: str) -> None:
        """Remove tags, by a Ganeti job, which fails for a tag that isn't there."""
        self._succeed([[instances.remove_tags(kind, self._tagged(kind, name), tags)]])

    # Jobs

    def jobs(self, ids: Iterable[int] | None = None) -> list[Job]:
        """Return these jobs, or all that are in the queue, as they are now."""
        return luxi.jobs(self.luxi_socket, ids)

    def wait_jobs(self, ids: Iterable[int] | None = None, timeout: float = 300.0) -> list[Job]:
        """Return these jobs, or all that are in the queue, once they have ended, however they ended.

        Raises:
            LabError: when one hasn't after `timeout` seconds.
        """
        return luxi.wait(self.luxi_socket, ids, timeout)

    def ssh_host(self, node: str) -> dict[str, str]:
        """Return the variables of an inventory's host by which ansible reaches a node over SSH, as root."""
        unchecked = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        return {
            "ansible_connection": "ssh",
            "ansible_host": self.settings.node_address(self.node(node).number),
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(state.ssh_key(self.settings)),
            "ansible_ssh_common_args": unchecked,
            "ansible_ssh_transfer_method": "piped",  # there is no sftp
            "ansible_python_interpreter": state.SYSTEM_PYTHON,
        }

    # RAPI and its certificate

    def rapi(self, method: str, path: str, body: object = None, *, user: str = "write") -> tuple[int, Any]:
        """Send one RAPI request as the "write" or "read" user; return the status and the decoded answer."""
        return Rapi(self.rapi_url, self.ca_file, self.users[user]).request(method, path, body)

    def use_default_certificate(self) -> str:
        """Let the RAPI show the certificate that Ganeti made for itself, and return its fingerprint.

        It is self-signed, X.509 version 1, without subject alternative names: only its fingerprint can be checked.
        """
        return self._use(certificates.default_file(self.settings))

    def use_ca_certificate(self) -> str:
        """Let the RAPI show the certificate that the lab's CA has signed, and return its fingerprint."""
        return self._use(certificates.signed_file(self.settings))

    @contextmanager
    def default_certificate(self) -> Iterator[str]:
        """Use Ganeti's own certificate for a while, and lend its fingerprint."""
        try:
            yield self.use_default_certificate()
        finally:
            self.use_ca_certificate()

    # Underneath

    def _build(self) -> None:
        """Make the cluster from nothing, and switch it off again."""
        self._for_all_nodes(Node.switch_off)
        state.forget_cluster(self.settings)
        state.prepare(self.settings)
        network.make_switch(self.settings)
        self._for_all_nodes(Node.switch_on)
        self._say(f"{len(self.nodes)} nodes have booted")
        cluster.build(self.settings, self.nodes, list(self.users.values()), self._say)
        self._for_all_nodes(Node.switch_off)
        state.save_pristine(self.settings)
        state.mark_built(self.settings)

    def _restore(self) -> None:
        """Switch all nodes off and give them their first disks."""
        self._for_all_nodes(Node.switch_off)
        state.restore_pristine(self.settings)

    def _start(self) -> None:
        """Switch on what is off, and return when the RAPI answers with the signed certificate."""
        state.prepare(self.settings)
        network.make_switch(self.settings)
        signed = certificates.signed_file(self.settings)
        self._for_all_nodes(Node.switch_on)
        if not cluster.has_certificate(self.nodes, signed):
            cluster.install_certificate(self.nodes, signed)
        cluster.start_master(self.settings, self.master, self._verified())

    def _use(self, pem: Path) -> str:
        if not cluster.has_certificate(self.nodes, pem):
            cluster.install_certificate(self.nodes, pem)
        cluster.wait_for_port(self.settings.cluster_address, RAPI_PORT)
        return certificates.fingerprint(pem)

    def _for_all_nodes(self, action: Callable[[Node], None]) -> None:
        with ThreadPoolExecutor() as pool:
            list(pool.map(action, self.nodes))

    def _groups(self) -> dict[str, list[str]]:
        """Return the nodes that can take instances, by node group."""
        found: dict[str, list[str]] = {}
        fields = ["name", "group", "offline", "drained"]
        for name, group, offline, drained in luxi.rows(self.luxi_socket, "node", fields):
            if not offline and not drained:
                found.setdefault(group, []).append(name)
        return found

    def _succeed(self, work: list[list[Opcode]]) -> list[Job]:
        return luxi.succeed(self.luxi_socket, work) if work else []

    def _tagged(self, kind: str, name: str) -> str:
        """Return a name as Ganeti knows it."""
        if kind == "node":
            return self.node(name).full_name
        return self.full_name(name) if kind == "instance" else name

    def _verified(self) -> Rapi:
        return Rapi(self.rapi_url, self.ca_file, self.users["read"])
