# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Moving an instance to another node: failover (stop here, start there) and migrate (without a stop).

The order of the checks is Ganeti's (cmdlib/instance_migration.py), because the first that fails is the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import hail, mirrors, policy
from simulator.errors import NO_RESOURCES, WRONG_INPUT, WRONG_STATE, failed, refused
from simulator.model import Instance, Node, find
from simulator.work import (
    ALLOCATION,
    InstanceWork,
    Log,
    call_error,
    lost_seconds,
    must_answer,
    must_not_be_drained,
)

if TYPE_CHECKING:
    from simulator.cluster import Cluster


class Move(InstanceWork):
    """What failover and migrate have in common. `failover` may turn true on the way."""

    failover = False
    target = ""

    def locks(self, cluster: Cluster) -> frozenset[str]:
        """Lock the instance; where an iallocator will be asked, also the choice of nodes."""
        instance = find(cluster.instances, self.op["instance_name"])
        asks = instance is not None and instance.kind == "shared" and not self.op.get("target_node")
        return super().locks(cluster) | ({ALLOCATION} if asks else frozenset())

    def check(self, cluster: Cluster, log: Log, now: float) -> None:
        """Choose the target and refuse what Ganeti refuses."""
        instance = self.instance(cluster)
        self.named_node(cluster, "target_node")
        fallback = bool(self.op.get("allow_failover"))
        if instance.admin_state != "up" and not self.failover and fallback:
            log.note(" - INFO: Instance is marked down or offline, fallback allowed, switching to failover", now)
            self.failover = True
        if instance.kind == "local":
            manner = "failovers" if self.failover else "migrations"
            text = f"Instance's disk layout '{instance.disk_template}' does not allow {manner}"
            raise refused(text, WRONG_STATE)
        self.target = self.choose(cluster, instance, log, now)
        target = cluster.nodes[self.target]
        policy.check_target(cluster, instance, target, self.op["ignore_ipolicy"], log, now)
        self.check_target(cluster, instance, log, now)
        if not self.failover:
            self.check_source(cluster, instance, log, now, fallback)

    def choose(self, cluster: Cluster, instance: Instance, log: Log, now: float) -> str:
        """Return the target: the secondary of a mirrored instance, any node of the group for a shared one."""
        wanted, iallocator = self.op.get("target_node"), self.op.get("iallocator")
        if instance.kind == "mirrored":
            if iallocator or wanted not in (None, instance.secondaries[0]):
                manner = "failed over" if self.failover else "migrated"
                text = f"Instances with disk types {instance.disk_template} cannot be {manner} to arbitrary nodes"
                raise refused(f"{text} (neither an iallocator nor a target node can be passed)", WRONG_INPUT)
            return instance.secondaries[0]
        if wanted and iallocator:
            raise refused("Do not specify both, iallocator and node", WRONG_INPUT)
        if wanted:
            if wanted == instance.primary:
                raise refused(f"Cannot migrate instance {instance.name} to its primary ({wanted})", WRONG_STATE)
            return str(wanted)
        self.op["iallocator"] = iallocator = iallocator or cluster.default_iallocator
        group = cluster.nodes[instance.primary].group
        target = hail.choose(cluster, iallocator, instance, without=[instance.primary], group=group)
        log.note(f" - INFO: Selected nodes for instance {instance.name} via iallocator {iallocator}: {target}", now)
        return target

    def check_target(self, cluster: Cluster, instance: Instance, log: Log, now: float) -> None:
        """Refuse a target that does not answer, is full, or drained; note a fallback to failover."""
        target = cluster.nodes[self.target]
        if not self.failover or instance.admin_state == "up":
            must_answer(cluster, target, f"Can't get data from node {target.name}")
            must_have_memory(cluster, target, instance)
        else:
            log.note(
                " - INFO: Not checking memory on the secondary node as instance will not be started",
                now,
            )
        if not self.failover and cluster.always_fails_over(instance):
            log.note(" - INFO: Instance configured to always failover; fallback to failover", now)
            self.failover = True
        must_answer(cluster, target, f"Error checking bridges on destination node '{target.name}'")
        must_not_be_drained(target)

    def check_source(self, cluster: Cluster, instance: Instance, log: Log, now: float, fallback: bool) -> None:
        """Refuse to migrate what does not run, or fall back to failover where that is allowed."""
        source = cluster.nodes[instance.primary]
        error = call_error(source)
        if not error and source.name not in instance.running_on:
            error = f"Instance {instance.name} is not running"
        if not error:
            self.op["mode"] = self.op.get("mode", "live")
        elif fallback:
            log.note(" - INFO: Can't migrate, instance offline, fallback to failover", now)
            self.failover = True
        else:
            text = f"Can't migrate, please use failover: {error}"
            raise refused(text, WRONG_STATE, lost_seconds(cluster, source))

    def apply(self, cluster: Cluster, log: Log, now: float) -> object:
        """Move the instance; a failover stops on the way if the source can't be made sure of."""
        instance = self.instance(cluster)
        source, target = cluster.nodes[instance.primary], cluster.nodes[self.target]
        manner = "Failover" if self.failover else "Migrating"
        log.note(f"{manner} instance {instance.name}", now)
        if self.failover:
            self.leave(instance, source, target, log, now)
        else:
            if not in_step(instance):
                text = "Disk 0 is degraded or not fully synchronized on target node, aborting migration"
                raise failed(text)
            log.note(f"* migrating instance to {target.name}", now)
        if not call_error(source):
            instance.running_on.discard(source.name)
        self.swap(cluster, instance, source, target, now)
        if instance.admin_state == "up":
            self.start(cluster, instance, target, log, now)
        return None

    def swap(self, cluster: Cluster, instance: Instance, source: Node, target: Node, now: float) -> None:
        """Make the target the primary in the configuration; a source that is not there is followed no more."""
        instance.primary, instance.assembled = target.name, False
        if instance.kind == "mirrored":
            instance.secondaries = [source.name]
            if call_error(source):
                mirrors.part(cluster, instance)
            self.leave_behind(cluster, instance, source.name, target.name)
        instance.touch(now)

    def leave_behind(self, cluster: Cluster, instance: Instance, source: str, target: str) -> None:
        """Note what only the source's copy has: the target's, if it is good for anything, is the truth from now on."""
        old, new = (instance.data.copies.get(place) for place in (source, target))
        if old and new and new.consistent and not old.writes <= new.writes:
            mirrors.give_up(cluster, instance, [(source, old)], "left behind", self.job)

    def start(self, cluster: Cluster, instance: Instance, target: Node, log: Log, now: float) -> None:
        """Start the instance on the target, whose copy of a mirror has to be of use."""
        must_answer(cluster, target, f"Could not start instance {instance.name}")
        copy = instance.data.copies.get(target.name)
        if instance.kind == "mirrored" and not (copy and copy.consistent):
            raise failed("Can't activate the instance's disks")
        log.note(f"* starting the instance on the target node {target.name}", now)
        instance.running_on.add(target.name)
        if self.failover:
            instance.data.write(instance.mirrors)

    def leave(self, instance: Instance, source: Node, target: Node, log: Log, now: float) -> None:
        """Stop the instance on its source node, or decide whether that can be done without.

        A source that is marked offline is taken for dead; one that just does not answer is not, unless
        `ignore_consistency` says so.
        """
        error, ignore = call_error(source), bool(self.op.get("ignore_consistency"))
        degraded = instance.kind == "mirrored" and (error or not in_step(instance))
        if instance.disks_active and degraded and not ignore:
            log.note("* checking disk consistency between source and target", now)
            if not source.offline:
                raise failed("Disk 0 is degraded on target node, aborting failover")
            text = f"Node {source.name} is offline, ignoring degraded disk 0 on target node {target.name}"
            log.note(text, now)
        log.note("* shutting down instance on source node", now)
        if error and not (source.offline or ignore):
            text = f"Could not shutdown instance {instance.name} on node {source.name}"
            raise failed(f"{text}: {error}")
        if error:
            text = f"Could not shutdown instance {instance.name} on node {source.name}, proceeding anyway"
            sure = f"please make sure node {source.name} is down; error details: {error}"
            log.note(f" - WARNING: {text}; {sure}", now)


class Failover(Move):
    """OP_INSTANCE_FAILOVER."""

    takes_forthcoming = True
    failover = True


class Migrate(Move):
    """OP_INSTANCE_MIGRATE."""


def in_step(instance: Instance) -> bool:
    """Whether the copy of the secondary is as good as the primary's; without mirrors there is nothing to ask."""
    copies = (instance.data.copies.get(place) for place in instance.places)
    return instance.kind != "mirrored" or (instance.data.connected and all(copy and copy.consistent for copy in copies))


def must_have_memory(cluster: Cluster, node: Node, instance: Instance) -> None:
    """Refuse a node without enough free memory for an instance."""
    free = cluster.memory_free(node)
    if free < instance.memory and node.name not in instance.running_on:
        text = f"Not enough memory on node {node.name} for migrating instance {instance.name}"
        raise refused(f"{text}: needed {instance.memory} MiB, available {free} MiB", NO_RESOURCES)
