# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the nodes say of instances and their disks (cmdlib/instance_query.py): a job that changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.errors import NOT_KNOWN, failed, refused
from simulator.model import COPIES, Instance, find
from simulator.work import Log, Work, call_error, lost_seconds, node_of

if TYPE_CHECKING:
    from simulator.cluster import Cluster

DRBD_MAJOR = 147


class QueryData(Work):
    """OP_INSTANCE_QUERY_DATA, for named instances. Its locks are shared in Ganeti; here each is taken alone."""

    def wanted(self, cluster: Cluster) -> list[Instance]:
        """Return the instances that are asked about; refuse a name that is not known."""
        found = [(name, find(cluster.instances, name)) for name in self.op["instances"]]
        for name, instance in found:
            if instance is None:
                raise refused(f"Instance '{name}' not known", NOT_KNOWN)
        return [instance for _name, instance in found if instance is not None]

    def locks(self, cluster: Cluster) -> frozenset[str]:
        """Lock the instances, unless only the configuration is asked for."""
        known = [find(cluster.instances, name) for name in self.op["instances"]]
        live = not self.op["static"] or self.op["use_locking"]
        return frozenset(f"instance/{one.name}" for one in known if one is not None and live)

    def check(self, cluster: Cluster, log: Log, now: float) -> None:
        """Refuse what Ganeti refuses, and wait for nodes that do not answer."""
        for instance in self.wanted(cluster):
            self.seconds = sum(lost_seconds(cluster, node_of(cluster, name)) for name in instance.nodes)

    def apply(self, cluster: Cluster, log: Log, now: float) -> object:
        """Return what is known of each instance."""
        return {instance.name: self.data(cluster, instance, log, now) for instance in self.wanted(cluster)}

    def data(self, cluster: Cluster, instance: Instance, log: Log, now: float) -> dict[str, object]:
        """Return what is known of one instance: of its disks, the state on either node."""
        primary = node_of(cluster, instance.primary)
        state: str | None = "up" if primary.name in instance.running_on else "down"
        if self.op["static"] or primary.offline:
            state = None
            if primary.offline:
                text = f"Primary node {primary.name} is marked offline, returning static information only for instance"
                log.note(f" - WARNING: {text} {instance.name}", now)
        elif error := call_error(primary):
            raise failed(f"Error checking node {primary.name}: {error}")
        return {
            "name": instance.name,
            "uuid": instance.uuid,
            "config_state": instance.admin_state,
            "run_state": state,
            "pnode": instance.primary,
            "snodes": list(instance.secondaries),
            "disk_template": instance.disk_template,
            "disks": [self.disk(cluster, instance, number) for number in range(len(instance.disks))],
        }

    def disk(self, cluster: Cluster, instance: Instance, number: int) -> dict[str, object]:
        """Return what is known of one disk."""
        secondary = next(iter(instance.secondaries), "")
        return {
            "iv_name": f"disk/{number}",
            "dev_type": instance.disk_template,
            "size": instance.disks[number],
            "pstatus": self.status(cluster, instance, instance.primary, number),
            "sstatus": self.status(cluster, instance, secondary, number) if secondary else None,
            "children": [],
        }

    def status(self, cluster: Cluster, instance: Instance, name: str, number: int) -> list[object] | None:
        """Return what a node says of its copy of a disk: null where it is not assembled, or the node is offline."""
        node = node_of(cluster, name)
        if self.op["static"] or node.offline:
            return None
        if error := call_error(node):
            raise failed(f"Can't compute disk status for {instance.name}: {error}")
        copy = instance.own_copies.get(name, self.copy(instance, name))
        if copy is None or (instance.kind == "mirrored" and not instance.disks_active):
            return None
        others = [node_of(cluster, other) for other in instance.nodes if other != name]
        apart = not instance.data.connected or any(call_error(other) for other in others)
        resyncs = any(not each.consistent for each in instance.data.copies.values())
        progress = 43.0 if copy == COPIES["syncing"] or (instance.kind == "mirrored" and resyncs) else None
        degraded = copy != COPIES["up to date"] or apart
        return [f"/dev/drbd{number}", DRBD_MAJOR, number, progress, None, degraded, copy]

    def copy(self, instance: Instance, name: str) -> int:
        """Return what DRBD makes of a copy: until a resync onto it has ended it is of no use."""
        found = instance.data.copies.get(name)
        return COPIES["syncing" if instance.kind == "mirrored" and found and not found.consistent else "up to date"]
