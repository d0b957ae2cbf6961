# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an opcode does, in halves: `check` and `begin` when it has its locks, `apply` when its time is over.

What `check` finds out (a target node, say) it keeps in the work itself, as names, so that a copied cluster
carries on with its own objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from simulator.errors import CONNECT_FAILED, ENVIRONMENT, NOT_KNOWN, NOT_UNIQUE, WRONG_STATE, OpError, refused
from simulator.model import Instance, Node, find
from simulator.opcodes import Op

if TYPE_CHECKING:
    from simulator.cluster import Cluster

ALLOCATION = "node allocation"  # the lock of all that let an iallocator choose


class Log(Protocol):
    """Where an opcode writes what it is doing."""

    def note(self, text: str, now: float) -> None:
        """Add a line."""


class Work:
    """The doing of one opcode. `seconds` is what it takes beyond its usual time, known after `check`."""

    def __init__(self, op: Op) -> None:
        self.op = op
        self.seconds = 0.0

    def locks(self, cluster: Cluster) -> frozenset[str]:
        """Return the names of the locks that it needs, each exclusive."""
        return frozenset()

    def check(self, cluster: Cluster, log: Log, now: float) -> None:
        """Raise OpError if it can't be done."""

    def begin(self, cluster: Cluster, log: Log, now: float) -> None:
        """Do what shows from the start; raise OpError if that fails."""

    def apply(self, cluster: Cluster, log: Log, now: float) -> object:
        """Do it, and return the opcode's result; raise OpError if it fails on the way."""
        return None

    @property
    def job(self) -> int:
        """Return the id of its job, which the queue has noted in the reason trail."""
        text = str(self.op["reason"][-1][1])
        return int(text.partition("job=")[2].partition(";")[0])


class InstanceWork(Work):
    """The doing of an opcode on one instance, whose lock it takes (Ganeti: LEVEL_INSTANCE, exclusive)."""

    takes_forthcoming = False

    def locks(self, cluster: Cluster) -> frozenset[str]:
        """Lock the instance, and the choice of nodes where an iallocator makes it."""
        instance = find(cluster.instances, self.op["instance_name"])
        names = {f"instance/{instance.name}"} if instance else set()
        return frozenset(names | ({ALLOCATION} if self.op.get("iallocator") else set()))

    def instance(self, cluster: Cluster) -> Instance:
        """Return the instance, and write its full name and UUID into the opcode as Ganeti does."""
        name = self.op["instance_name"]
        instance = find(cluster.instances, name)
        if instance is None:
            raise refused(f"Instance '{name}' not known", NOT_KNOWN)
        expected = self.op.get("instance_uuid", instance.uuid)
        if expected != instance.uuid:
            text = f"The instances UUID '{instance.uuid}' does not match the expected UUID '{expected}' for instance"
            changed = "Maybe the instance changed since you submitted this job."
            raise refused(f"{text} '{instance.name}'. {changed}", NOT_UNIQUE)
        if instance.forthcoming and not self.takes_forthcoming:
            raise OpError("OpPrereqError", "forthcoming instances not supported for this operation")
        self.op["instance_name"], self.op["instance_uuid"] = instance.name, instance.uuid
        return instance

    def named_node(self, cluster: Cluster, parameter: str) -> Node | None:
        """Return the node that a parameter names, if it names one, completing the opcode."""
        if not self.op.get(parameter):
            return None
        node = node_of(cluster, self.op[parameter])
        self.op[parameter], self.op[f"{parameter}_uuid"] = node.name, node.uuid
        return node


def node_of(cluster: Cluster, name: str) -> Node:
    """Return a node by name; raise OpError if there is none."""
    node = find(cluster.nodes, name)
    if node is None:
        raise refused(f"Node '{name}' not known", NOT_KNOWN)
    return node


def call_error(node: Node) -> str:
    """Return why a call to a node fails, or nothing if it is answered."""
    if node.offline:
        return "Node is marked offline"
    return "" if node.alive else CONNECT_FAILED.format(ip=node.ip)


def lost_seconds(cluster: Cluster, node: Node) -> float:
    """Return what the time-out of one call to a node costs."""
    return 3.0 / cluster.queue.durations.speed if node.unreachable else 0.0


def must_be_online(node: Node) -> None:
    """Refuse a node that is marked offline."""
    if node.offline:
        raise refused(f"Can't use offline node: {node.name}", WRONG_STATE)


def must_not_be_drained(node: Node) -> None:
    """Refuse a drained node."""
    if node.drained:
        raise refused(f"Can't use drained node {node.name}", WRONG_STATE)


def must_answer(cluster: Cluster, node: Node, what: str) -> None:
    """Refuse, with `what` before the reason, if a node can't be called."""
    if error := call_error(node):
        raise environment(cluster, node, f"{what}: {error}")


def environment(cluster: Cluster, node: Node, text: str) -> OpError:
    """Return the error of a prerequisite that a node did not answer for."""
    return refused(text, ENVIRONMENT, lost_seconds(cluster, node))
