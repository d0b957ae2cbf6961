# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulated cluster: configuration, job queue and clock, and the hands of whoever stands before the machines.

    cluster = Cluster()
    cluster.add_group("default")
    cluster.add_node("node1.example.com", "default")
    cluster.add_instance("web1.example.com", "plain", "node1.example.com")
    job = cluster.submit([opcodes.build("OP_INSTANCE_SHUTDOWN", {"instance_name": "web1.example.com"})])
    cluster.advance(5)

Everything here happens at the clock's time and in one thread. Nothing is random. `copy.deepcopy` of a cluster
with a virtual clock is a second cluster that can go another way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from simulator import hands, mirrors
from simulator.clock import Clock, VirtualClock
from simulator.errors import SimulatorMisuse
from simulator.job import Job
from simulator.jobs import Queue
from simulator.mirrors import Whereabouts
from simulator.model import TEMPLATES, Group, Instance, Node, Tagged, find, uuid_of
from simulator.opcodes import Op

VERSION = "3.0.2"
CANDIDATE_POOL_SIZE = 3
ENABLED_DISK_TEMPLATES = ("plain", "drbd", "file", "sharedfile", "diskless", "ext", "rbd")
SAID_OF_NODES = ("offline", "drained", "powered")
Object = TypeVar("Object", bound=Tagged)


class Cluster(Tagged):
    """A cluster with its job queue. `dead_node_seconds` is what a time-out costs a live query of a dead node.

    `watcher_pause` is until when the watcher pauses, in seconds since the epoch; `largest_disk` is in MB. `reconnects`
    is whether mirrors come together by themselves as soon as both of their nodes are online; if not, `reconnect` does
    it. `apart` are the names of the instances whose mirrors are not connected.
    """

    def __init__(self, name: str = "cluster.example.com", clock: Clock | None = None) -> None:
        super().__init__(name)
        self.clock: Clock = clock or VirtualClock()
        self.groups: dict[str, Group] = {}
        self.nodes: dict[str, Node] = {}
        self.instances: dict[str, Instance] = {}
        self.queue: Queue = Queue()
        self.always_failover = False
        self.default_iallocator = "hail"
        self.enabled_disk_templates = list(ENABLED_DISK_TEMPLATES)
        self.largest_disk = 1048576
        self.watcher_pause: float | None = None
        self.dead_node_seconds = 5.0
        self.reconnects = True
        self.apart: set[str] = set()
        self.ctime = self.mtime = self.clock.now()

    @property
    def uuid(self) -> str:
        """Return the cluster's UUID."""
        return uuid_of("cluster", self.name)

    @property
    def master(self) -> str:
        """Return the master node: the first one that was added."""
        return next(iter(self.nodes), "")

    @property
    def tagged(self) -> dict[str, Mapping[str, Tagged]]:
        """Return the objects that can carry tags, by the name of their kind."""
        return {"instance": self.instances, "node": self.nodes, "nodegroup": self.groups}

    # setting up

    def add_group(self, name: str, **settings: object) -> Group:
        """Add a node group; settings are attributes of `Group`."""
        group = Group(name, ctime=self.clock.now(), mtime=self.clock.now(), **settings)  # type: ignore[arg-type]
        self.groups[name] = group
        return group

    def add_node(self, name: str, group: str = "default", **settings: object) -> Node:
        """Add a node; settings are attributes of `Node`. The first few become master candidates."""
        if group not in self.groups:
            raise SimulatorMisuse(f"no group {group}; add it first")
        now, index = self.clock.now(), len(self.nodes) + 1
        ip = f"192.0.{2 + index // 250}.{index % 250 + 1}"
        node = Node(name, group=group, ip=ip, ctime=now, mtime=now, **settings)  # type: ignore[arg-type]
        self.nodes[name] = node
        node.master_candidate = not (node.offline or node.drained) and index <= CANDIDATE_POOL_SIZE
        return node

    def add_instance(
        self, name: str, disk_template: str, primary: str, secondary: str | None = None, **settings: object
    ) -> Instance:
        """Add a healthy instance, running if its `admin_state` is up; settings are attributes of `Instance`."""
        if disk_template not in TEMPLATES or (secondary is not None) != (disk_template == "drbd"):
            raise SimulatorMisuse(f"{disk_template} on {primary} and {secondary}: no such layout")
        secondaries = [self.node(secondary).name] if secondary else []
        disks = [] if disk_template == "diskless" else [1024]
        kept = {"disks": disks, "ctime": self.clock.now(), "mtime": self.clock.now(), **settings}
        instance = Instance(
            name,
            disk_template=disk_template,
            primary=self.node(primary).name,
            secondaries=secondaries,
            **kept,  # type: ignore[arg-type]
        )
        self.instances[name] = instance
        if instance.forthcoming:
            return instance
        instance.data.make_empty(instance.places)
        instance.data.write(instance.places, anew=True)
        if instance.admin_state == "up" and self.node(primary).alive:
            instance.running_on = {instance.primary}
        return instance

    # looking

    def node(self, name: str) -> Node:
        """Return a node by its full or short name; raise SimulatorMisuse if there is none."""
        return self._must(find(self.nodes, name), "node", name)

    def instance(self, name: str) -> Instance:
        """Return an instance by its full or short name; raise SimulatorMisuse if there is none."""
        return self._must(find(self.instances, name), "instance", name)

    def _must(self, found: Object | None, kind: str, name: str) -> Object:
        if found is None:
            raise SimulatorMisuse(f"no {kind} {name}")
        return found

    def memory_free(self, node: Node) -> int:
        """Return the MB of memory that the instances which run on a node leave free."""
        used = sum(i.memory for i in self.instances.values() if node.name in i.running_on)
        return node.memory - node.memory_of_node - used

    def storage_free(self, node: Node) -> int:
        """Return the MB that are free in the volume group of a node; file and shared storage stand elsewhere."""
        held = (i for i in self.instances.values() if node.name in i.data.copies and i.disk_template != "file")
        return node.storage - sum(i.disk_usage for i in held)

    def always_fails_over(self, instance: Instance) -> bool:
        """Return the backend parameter `always_failover`, the cluster's where the instance has none."""
        return self.always_failover if instance.always_failover is None else instance.always_failover

    def unreachable_nodes(self, names: Iterable[str] | None = None) -> list[Node]:
        """Return the nodes that are dead without being marked offline, of those named or of all."""
        chosen = self.nodes.values() if names is None else (self.nodes[name] for name in names)
        return [node for node in chosen if node.unreachable]

    def newest(self, name: str) -> list[Whereabouts]:
        """Return where the newest data of an instance is, in the order of the places."""
        return mirrors.newest(self, self.instance(name))

    # acting

    def power_off(self, name: str) -> None:
        """Pull the plug: what runs there dies; disks stay. Ganeti is told nothing."""
        node = self.node(name)
        node.alive = False
        for instance in self.instances.values():
            instance.running_on.discard(node.name)
            if instance.kind == "mirrored" and node.name in instance.nodes:
                mirrors.part(self, instance)

    def power_on(self, name: str) -> None:
        """Boot a node. Its instances stay down until somebody starts them."""
        node = self.node(name)
        node.boots += not node.alive
        node.alive = True

    def disconnect(self, name: str) -> None:
        """Cut the connection between the two copies of a mirrored instance; `reconnects` may mend it at once."""
        mirrors.part(self, self.instance(name))

    def begin_resync(self, name: str) -> None:
        """Connect the copies of a mirrored instance again: the one behind is of no use until the resync ends."""
        mirrors.begin_resync(self, self.instance(name))

    def reconnect(self, name: str) -> bool:
        """Connect the copies of a mirrored instance and let the resync end, as `gnt-instance activate-disks` does.

        Return whether they are connected now: not while a node is away, nor after both were written to apart.
        """
        return mirrors.reconnect(self, self.instance(name))

    def restore(self, name: str) -> int:
        """Let a person put a backup onto the disks that an instance has now; return the number of this write."""
        return mirrors.restore(self, self.instance(name))

    def remove_instance(self, name: str) -> None:
        """Let a person remove an instance, and its volumes wherever they are; `add_instance` may make another."""
        del self.instances[self.instance(name).name]
        self.apart.discard(name)

    def mark(self, name: str, **said: bool | None) -> Node:
        """Say of a node that it is offline, drained, powered, or not, as `gnt-node modify` does; its `mtime` is now."""
        node = self.node(name)
        if not said.keys() <= set(SAID_OF_NODES):
            raise SimulatorMisuse(f"{', '.join(said)} of a node: only {', '.join(SAID_OF_NODES)} can be said")
        for what, value in said.items():
            setattr(node, what, value)
        node.master_candidate = node.master_candidate and not (node.offline or node.drained)
        node.touch(self.clock.now())
        return node

    def leave_free(self, name: str, memory: int | None = None, storage: int | None = None) -> None:
        """Let a node have so much free memory and storage (MB) beside what its instances take now."""
        node = self.node(name)
        if memory is not None:
            node.memory += memory - self.memory_free(node)
        if storage is not None:
            node.storage += storage - self.storage_free(node)

    def submit(self, ops: Sequence[Op]) -> int:
        """Put a job of these opcodes into the queue; return its id. Raise LuxiError if it is drained."""
        self.sync()
        job = self.queue.submit(ops, self.clock.now())
        self.sync()
        return job.id

    def cancel(self, job_id: int) -> tuple[bool, str]:
        """Cancel a job that has not begun; return whether, and Ganeti's words.

        A job that waits for locks is canceled when it has not got them within some seconds: real Ganeti looks at its
        cancellation before it asks for them again. If it gets them, the request hangs until the job is over.
        """
        self.sync()
        job = self.queue.jobs.get(job_id)
        if job is not None and job.status == "waiting":
            return hands.cancel_waiting(self, job)
        answer = self.queue.cancel(job_id, self.clock.now())
        self.sync()
        return answer

    def watch(self) -> list[int]:
        """Be ganeti-watcher: start what is up but does not run, and connect mirrors, where the nodes are online.

        Return the ids of its jobs. It does nothing while it is paused.
        """
        return hands.watch(self)

    def job(self, job_id: int) -> Job:
        """Return a job as it stands now; raise SimulatorMisuse if there is none."""
        self.sync()
        return self._must_job(self.queue.jobs.get(job_id), job_id)

    def _must_job(self, job: Job | None, job_id: int) -> Job:
        if job is None:
            raise SimulatorMisuse(f"no job {job_id}")
        return job

    def sync(self) -> None:
        """Let everything happen that was due up to the clock's time."""
        if self.reconnects:
            for name in sorted(self.apart & self.instances.keys()):
                mirrors.reconnect(self, self.instances[name])
        self.queue.run(self, self.clock.now())

    def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that falls into it."""
        self.clock.elapse(seconds)
        self.sync()

    def advance_until_idle(self, limit: float = 3600.0) -> float:
        """Let time pass until no job can move any more, `limit` seconds at most; return the seconds passed."""
        begin = self.clock.now()
        self.sync()
        while (due := self.queue.next_event()) is not None and due - begin <= limit:
            self.advance(max(0.0, due - self.clock.now()))
        return self.clock.now() - begin
