# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The virtual machines as a whole: the cluster, and what tests do with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lab import luxi
from lab.cluster import wait_for_port
from lab.errors import LabError
from lab.lock import exclusive
from lab.luxi import Job, Opcode
from lab.settings import User
from lab.shell import run

from . import cluster, guests, image, machine, network, tunnel
from .guests import Guest
from .node import Node
from .settings import Settings

RAPI_PORT = 5080
NODED_PORT = 1811
USER = User("lab", "labsecret", "write")


class VmLab:
    """A Ganeti cluster of virtual machines; every method finds out anew how things stand."""

    def __init__(self, settings: Settings | None = None, say: Callable[[str], None] = lambda text: None) -> None:
        """Take the settings (those of the environment, if none); `say` is told what has been reached."""
        self.settings = settings or Settings.from_environment()
        self.nodes = [Node(self.settings, number) for number in range(1, self.settings.nodes + 1)]
        self.user = USER
        self._say = say

    # The whole

    def up(self) -> None:
        """Bring the cluster up: build the image and the cluster where they are not kept, boot what is off.

        Raises:
            UnfitMachineError: when this machine can't carry it; nothing has been changed then.
            LabError: when something fails.
        """
        machine.check_machine(self.settings)
        with exclusive(self.settings.state_dir):
            self.settings.state_dir.mkdir(parents=True, exist_ok=True)
            image.build(self.settings, self._say)
            if not cluster.is_saved(self.settings):
                self._build()
            elif cluster.is_half_restored(self.settings):
                self._restore()
            self._start()
        self._say(f"RAPI answers on https://{self.settings.cluster_address}:{RAPI_PORT}")

    def restore(self) -> None:
        """Make the cluster what it was when it had just been built: all nodes lose power, get first disks, and boot.

        Raises:
            LabError: when the cluster was never up.
        """
        with exclusive(self.settings.state_dir):
            if not cluster.is_saved(self.settings):
                raise LabError("there is no cluster to restore: bring it up first")
            self._restore()
            self._start()

    def down(self) -> None:
        """End the machines and the network; the image and the saved cluster are kept for the next start."""
        machine.check_machine(self.settings)
        with exclusive(self.settings.state_dir):
            self._switch_off()
            network.remove_all(self.settings)
            if self.settings.run_dir.exists():
                run(["rm", "-r", self.settings.run_dir])

    # Nodes

    def node(self, name: str) -> Node:
        """Return the node of this name.

        Raises:
            LabError: when there is none.
        """
        for node in self.nodes:
            if name in (node.name, node.full_name):
                return node
        raise LabError(f"there is no {name}; there are {', '.join(node.name for node in self.nodes)}")

    def boot(self, name: str) -> Node:
        """Boot a node, and return it when it answers Ganeti. No watcher runs here, so nothing connects its mirrors."""
        node = self.node(name)
        node.switch_on()
        node.wait()
        wait_for_port(node.address, NODED_PORT)
        return node

    def mark(self, name: str, **flags: bool) -> None:
        """Tell Ganeti what to think of a node: `offline=True`, or `drained=True`."""
        options = [f"--{flag}={'yes' if value else 'no'}" for flag, value in flags.items()]
        self.gnt("gnt-node", "modify", *options, "--auto-promote", self.node(name).full_name)

    def gnt(self, *words: str) -> str:
        """Run a command of Ganeti's on the master, and return what it printed."""
        return str(self.nodes[0].run(words).stdout)

    # Instances

    def full_name(self, guest: str) -> str:
        """Return an instance's full name."""
        return f"{guest}.{self.settings.domain}"

    def create(self, *wanted: Guest) -> None:
        """Create instances side by side, with their mirrors in sync."""
        self.succeed([guests.create(guest, self.settings.domain) for guest in wanted])

    def opcode(self, operation: str, guest: str, **fields: Any) -> Opcode:
        """Return an opcode on an instance, such as "FAILOVER"."""
        return {"OP_ID": f"OP_INSTANCE_{operation}", "instance_name": self.full_name(guest), **fields}

    def succeed(self, work: Iterable[list[Opcode]]) -> list[Job]:
        """Run jobs to their ends.

        Raises:
            JobError: showing those that failed.
        """
        return luxi.succeed(self.settings.luxi_socket, work)

    def wait(self, ids: Iterable[int] | None = None) -> list[Job]:
        """Return these jobs, or all that are in the queue, once they have ended, however they ended."""
        return luxi.wait(self.settings.luxi_socket, ids, timeout=600)

    def rows(self, kind: str, *fields: str) -> list[list[Any]]:
        """Return the values of these fields of all objects of a kind."""
        return luxi.rows(self.settings.luxi_socket, kind, fields)

    # Data

    def fill(self, guest: str, node: str) -> str:
        """Write random data over the whole disk of an instance on its primary, as it would itself; return their sum."""
        path = guests.device(self.full_name(guest))
        self.node(node).run(guests.fill(path))
        return self.sum_of(node, path)

    def keep_writing(self, guest: str, node: str, *, alone: bool = False) -> None:
        """Go on writing to the disk of an instance on its primary, as it would itself, until it runs there no more.

        If `alone`, it begins when the node has missed the peers of all its mirrors.
        """
        self.node(node).run(guests.keep_writing(self.full_name(guest), alone=alone))

    def written(self, guest: str, node: str) -> tuple[int, str]:
        """Return what `keep_writing` has written on a node where the instance has ended: how many blocks, and the sum.

        Raises:
            LabError: when it still writes, or the disk has refused a block.
        """
        copy = guests.copy(self.full_name(guest))
        said = self.node(node).run(["cat", f"{copy}.log"]).stdout.strip()
        if not said.isdigit():
            raise LabError(f"{guest} goes on writing on {node}, or could not: {said or 'nothing was said'}")
        return int(said), self.sum_of(node, copy)

    def seen_by(self, guest: str, node: str) -> str:
        """Return the sum of what an instance would read on this primary; "unreadable" where it could not."""
        return self.sum_of(node, guests.device(self.full_name(guest)))

    def kept_on(self, guest: str, node: str) -> str:
        """Return the sum of the volume under an instance's disk on a node; "unreadable" where there is none."""
        found = self.node(node).run(guests.volume(self.full_name(guest)), check=False)
        return "unreadable" if found.returncode else self.sum_of(node, found.stdout.strip())

    def sum_of(self, node: str, path: str) -> str:
        """Return the sum of a disk; "unreadable" if a block of it is."""
        read = self.node(node).run(["bash", "-c", guests.checksum(path)], check=False)
        return "unreadable" if read.returncode else str(read.stdout[:16])

    def fail_disk(self, guest: str, node: str) -> None:
        """Let all reads and writes of an instance's volume on a node fail from now on, as a broken disk does."""
        self.node(node).run(guests.break_volume(self.full_name(guest)))

    def mirrors(self, node: str) -> dict[str, str]:
        """Return what a node's kernel says of each DRBD device, by its minor: "Connected UpToDate/UpToDate"."""
        lines = self.node(node).run("cat /proc/drbd").stdout.splitlines()
        words = [line.split() for line in lines if " cs:" in line]
        return {word[0].rstrip(":"): " ".join(word[n].partition(":")[2] for n in (1, 3)) for word in words}

    # Underneath

    def _build(self) -> None:
        """Make the cluster from nothing, save it, and leave the nodes off."""
        self._switch_off()
        cluster.forget(self.settings)
        self._boot_all()
        self._say(f"{len(self.nodes)} nodes have booted")
        cluster.build(self.settings, self.nodes, self.user, self._say)
        for node in self.nodes:
            node.run("systemctl stop ganeti.target ganeti.service cron 2>/dev/null; sync", check=False)
        self._switch_off()
        cluster.save(self.settings, self.nodes)
        self._say("cluster saved")

    def _restore(self) -> None:
        """Switch all nodes off and give them their first disks."""
        self._switch_off()
        cluster.restore(self.settings, self.nodes)

    def _start(self) -> None:
        """Boot what is off, and return when Ganeti answers."""
        self._boot_all()
        for node in self.nodes:
            wait_for_port(node.address, NODED_PORT)
        wait_for_port(self.settings.cluster_address, RAPI_PORT)
        tunnel.lead(self.settings, self.nodes[0])

    def _boot_all(self) -> None:
        network.make_switch(self.settings)
        for node in self.nodes:
            node.switch_on()
        with ThreadPoolExecutor() as pool:
            list(pool.map(Node.wait, self.nodes))

    def _switch_off(self) -> None:
        tunnel.end(self.settings)
        for node in self.nodes:
            node.switch_off()
