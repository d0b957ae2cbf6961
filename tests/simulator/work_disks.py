# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks: replace the secondary of a mirrored instance, and make disks anew.

Sources: cmdlib/instance_storage.py for the order of the checks; the words were measured on a real cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simulator import hail, mirrors, policy
from simulator.data import Copy
from simulator.errors import INTERNAL, WRONG_INPUT, WRONG_STATE, OpError, failed, refused
from simulator.model import Instance
from simulator.work import (
    InstanceWork,
    Log,
    call_error,
    environment,
    lost_seconds,
    must_answer,
    must_be_online,
    must_not_be_drained,
    node_of,
)

if TYPE_CHECKING:
    from simulator.cluster import Cluster

LEFT_OVER = (
    "Can't create block device: LV create failed (exited with exit code 5):"
    '   Logical Volume "{uuid}.disk0" already exists in volume group "xenvg"'
)
NEW_SECONDARY = "replace_new_secondary"
TWO_CHOICES = "Do not specify both, iallocator and node"
ASSERTION = (
    "Internal assertion error: please report this as a bug.\nError message: ''; location:\n"
    '  File "/usr/share/ganeti/3.0/ganeti/cmdlib/instance_storage.py", line 1085, in Exec\n'
    "    assert mylocks.issuperset(frozenset(inst_nodes))\n"
)


class ReplaceDisks(InstanceWork):
    """OP_INSTANCE_REPLACE_DISKS."""

    takes_forthcoming = True
    remote = ""
    old = ""

    def check(self, cluster: Cluster, log: Log, now: float) -> None:
        """Choose the new secondary and refuse what Ganeti refuses."""
        self.check_arguments()
        instance = self.instance(cluster)
        self.named_node(cluster, "remote_node")
        if len(instance.secondaries) != 1:
            found = len(instance.secondaries)
            text = f"The instance has a strange layout, expected one secondary but found {found}"
            raise refused(text, INTERNAL)
        if self.op["mode"] != NEW_SECONDARY:
            self.check_copies(cluster, instance)
            return
        self.remote = self.choose(cluster, instance, log, now)
        remote = cluster.nodes[self.remote]
        must_not_be_drained(remote)
        policy.check_target(cluster, instance, remote, self.op["ignore_ipolicy"], log, now)
        for name in (self.remote, instance.primary):
            must_be_online(cluster.nodes[name])
            must_answer(cluster, cluster.nodes[name], f"Can't get data from node {name}")
        self.seconds = 2 * lost_seconds(cluster, cluster.nodes[instance.secondaries[0]])

    def check_arguments(self) -> None:
        """Refuse parameters that don't go together. The default iallocator is not asked here."""
        remote, iallocator = self.op.get("remote_node"), self.op.get("iallocator")
        if self.op["mode"] == NEW_SECONDARY:
            if remote and iallocator:
                raise refused(TWO_CHOICES, WRONG_INPUT)
            if not (remote or iallocator):
                text = "either an iallocator script must be used or the new node given"
                raise refused(f"When changing the secondary {text}", WRONG_INPUT)
        elif remote or iallocator:
            text = "The iallocator and new node options can only be used when changing the secondary node"
            raise refused(text, WRONG_INPUT)

    def check_copies(self, cluster: Cluster, instance: Instance) -> None:
        """Refuse to mend a copy on a node that does not answer."""
        for name in instance.nodes:
            if error := call_error(node := cluster.nodes[name]):
                text = f"Failed to get disk status from node {name}: {error}"
                raise environment(cluster, node, text)

    def choose(self, cluster: Cluster, instance: Instance, log: Log, now: float) -> str:
        """Return the name of the new secondary."""
        remote = self.op.get("remote_node")
        if self.op.get("iallocator"):
            group = cluster.nodes[instance.primary].group
            remote = hail.choose(
                cluster,
                self.op["iallocator"],
                instance,
                without=instance.nodes,
                group=group,
                new_secondary=True,
            )
            log.note(f" - INFO: Selected new secondary for instance '{instance.uuid}': {remote}", now)
        if remote == instance.primary:
            raise refused("The specified node is the primary node of the instance", WRONG_INPUT)
        if remote == instance.secondaries[0]:
            raise refused("The specified node is already the secondary node of the instance", WRONG_INPUT)
        return str(remote)

    def begin(self, cluster: Cluster, log: Log, now: float) -> None:
        """Put the new secondary into the configuration; what lies there is of no use until the resync ends."""
        if not self.remote:
            return
        instance = self.instance(cluster)
        self.old = instance.secondaries[0]
        log.note(f"Replacing disk(s) 0 for instance '{instance.name}'", now)
        if instance.forthcoming:
            instance.secondaries = [self.remote]  # Ganeti makes disks for it, which its own verification finds wrong
            return
        if instance.admin_state != "up":  # Ganeti activates the disks of a stopped instance first
            mirrors.reconnect(cluster, instance)
        if instance.primary not in instance.data.copies:
            raise failed(f"Can't find disk/0 on node {instance.primary}: disk not found")
        if not instance.data.copies[instance.primary].consistent:
            text = f"Node {instance.primary} has degraded storage, unsafe to replace disks for instance"
            raise failed(f"{text} {instance.name}")
        must_be_free(cluster, instance, [self.remote])
        instance.data.copies[self.remote] = Copy(consistent=False)
        instance.secondaries = [self.remote]
        instance.touch(now)
        mirrors.give_up(cluster, instance, copies_at(instance, [self.old]), "dropped", self.job)

    def apply(self, cluster: Cluster, log: Log, now: float) -> object:
        """Let the resync end; what the old secondary holds is removed if it can be reached."""
        instance = self.instance(cluster)
        if not self.remote:
            log.note(f"No disks need replacement for instance '{instance.name}'", now)
        if not self.remote or instance.forthcoming:
            return None
        if call_error(cluster.nodes[instance.primary]):
            raise OpError("RemoteError", f"Can't contact node {instance.primary} for mirror data, aborting.")
        if call_error(cluster.nodes[self.remote]):
            raise failed("DRBD device disk/0 is degraded!")
        instance.data.follow(instance.primary, self.remote)
        if error := call_error(cluster.nodes[self.old]):
            log.note(f" - WARNING: Can't remove old LV: {error}", now)
        else:
            removed = copies_at(instance, [self.old])
            instance.data.copies.pop(self.old, None)
            mirrors.give_up(cluster, instance, removed, "removed", self.job)
        return None


class RecreateDisks(InstanceWork):
    """OP_INSTANCE_RECREATE_DISKS: new, empty disks. The old ones stay where they lie, and belong to nobody."""

    made: Sequence[str] = ()

    def check(self, cluster: Cluster, log: Log, now: float) -> None:
        """Refuse what Ganeti refuses."""
        if self.op["nodes"] and self.op.get("iallocator"):
            raise refused(TWO_CHOICES, WRONG_INPUT)
        instance = self.instance(cluster)
        chosen = [node_of(cluster, name) for name in self.op["nodes"]]
        if chosen:
            self.op["nodes"] = [node.name for node in chosen]
            self.op["node_uuids"] = [node.uuid for node in chosen]
            if len(chosen) != len(instance.nodes):
                have, given = len(instance.nodes), len(chosen)
                text = f"Instance {instance.name} currently has {have} nodes"
                raise refused(f"{text}, but {given} replacement nodes were specified", WRONG_INPUT)
        if not self.op.get("iallocator"):
            must_be_online(chosen[0] if chosen else cluster.nodes[instance.primary])
        if not instance.disks:
            raise refused(f"Instance '{instance.name}' has no disks", WRONG_INPUT)
        self.check_stopped(cluster, instance)
        if self.op.get("iallocator"):
            self.choose(cluster, instance, log, now)

    def check_stopped(self, cluster: Cluster, instance: Instance) -> None:
        """Refuse an instance that may run; on an offline primary it is taken for stopped if it is to move."""
        primary = cluster.nodes[instance.primary]
        moves = bool(self.op["nodes"] or self.op.get("iallocator"))
        if moves and primary.offline:
            return
        if instance.admin_state == "up":
            text = f"Instance '{instance.name}' is marked to be up, cannot recreate disks"
            raise refused(text, WRONG_STATE)
        text = f"Can't retrieve instance information for instance '{instance.name}'"
        must_answer(cluster, primary, text)

    def choose(self, cluster: Cluster, instance: Instance, log: Log, now: float) -> None:
        """Ask the iallocator, which Ganeti here asks without naming the group."""
        iallocator, count = self.op["iallocator"], len(instance.nodes)
        names = hail.allocate(cluster, iallocator, instance, count)
        listed = ", ".join(names)
        log.note(f" - INFO: Selected nodes for instance {instance.name} via iallocator {iallocator}: {listed}", now)
        self.op["nodes"] = names
        self.op["node_uuids"] = [cluster.nodes[name].uuid for name in names]

    def apply(self, cluster: Cluster, log: Log, now: float) -> object:
        """Move the instance in the configuration, then make the disks: if that fails, it has moved without."""
        instance = self.instance(cluster)
        old_group, before = cluster.nodes[instance.primary].group, copies_at(instance, instance.places)
        if self.op["nodes"]:
            log.note(" - WARNING: Changing the instance's nodes, you will have to remove any disks left", now)
            instance.primary, *instance.secondaries = self.op["nodes"]
        instance.touch(now)
        try:
            self.make_disks(cluster, instance, old_group)
        finally:
            lost = [(place, copy) for place, copy in before if place not in instance.places or place in self.made]
            mirrors.give_up(cluster, instance, lost, "dropped", self.job)
        return None

    def make_disks(self, cluster: Cluster, instance: Instance, old_group: str) -> None:
        """Make empty disks where the instance now belongs, all or none."""
        if self.op.get("iallocator") and any(cluster.nodes[n].group != old_group for n in instance.nodes):
            raise OpError("OpExecError", ASSERTION)  # a fault of Ganeti 3.0 and 3.1: see `choose`
        must_be_enabled(cluster, instance.disk_template)
        if instance.disk_template != "ext":  # external storage just says yes
            must_be_free(cluster, instance, instance.places)
        self.made = instance.places
        instance.data.make_empty(self.made)
        instance.wiped += 1


def copies_at(instance: Instance, places: list[str]) -> list[tuple[str, Copy]]:
    """Return the places with the copies that lie there."""
    return [(place, instance.data.copies[place]) for place in places if place in instance.data.copies]


def must_be_free(cluster: Cluster, instance: Instance, places: list[str]) -> None:
    """Fail where a volume can't be made: left over from before, or the node does not answer."""
    for place in places:
        node = cluster.nodes.get(place, cluster.nodes[instance.primary])
        reason = LEFT_OVER.format(uuid=instance.uuid) if place in instance.data.copies else call_error(node)
        if reason:
            volume = f"<{instance.disk_template} {instance.uuid}.disk0>"
            text = f"Can't create block device {volume} on node {node.name} for instance {instance.name}"
            raise failed(f"{text}: {reason}")


def must_be_enabled(cluster: Cluster, disk_template: str) -> None:
    """Fail for a disk template that is not enabled in the cluster: late, and without a code (so does real Ganeti)."""
    if disk_template not in cluster.enabled_disk_templates:
        listed = ",".join(cluster.enabled_disk_templates)
        text = f"Disk template '{disk_template}' is not enabled in cluster. Enabled disk templates are: {listed}"
        raise OpError("OpPrereqError", text)
