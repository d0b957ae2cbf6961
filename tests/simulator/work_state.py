# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running or not: startup, shutdown, reinstall, and the parameters that an administrator sets on an instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import mirrors
from simulator.errors import WRONG_INPUT, WRONG_STATE, OpError, failed, refused
from simulator.model import Instance
from simulator.work import InstanceWork, Log, call_error, lost_seconds, must_answer, must_be_online
from simulator.work_move import must_have_memory

if TYPE_CHECKING:
    from simulator.cluster import Cluster

OTHER_BEPARAMS = frozenset({"auto_balance", "maxmem", "minmem", "spindle_use", "vcpus"})


def must_not_be_offline(instance: Instance) -> None:
    """Refuse an instance whose admin state is offline."""
    if instance.admin_state == "offline":
        text = f"Instance '{instance.name}' is marked to be offline, can't use instance from outside down, up states"
        raise refused(text, WRONG_STATE)


def must_be_consistent(instance: Instance) -> None:
    """Fail if the disks are not there, or if a resync onto those of the primary has not ended."""
    if not instance.has_disks or not all(instance.data.copies[place].consistent for place in instance.places[:1]):
        raise failed("Disk consistency error")


class Shutdown(InstanceWork):
    """OP_INSTANCE_SHUTDOWN. On a dead node it fails, but the instance is marked down all the same."""

    def check(self, cluster: Cluster, log: Log, now: float) -> None:
        """Refuse what Ganeti refuses."""
        instance = self.instance(cluster)
        must_not_be_offline(instance)
        primary = cluster.nodes[instance.primary]
        if not self.op["ignore_offline_nodes"]:
            must_be_online(primary)
        self.seconds = lost_seconds(cluster, primary)

    def apply(self, cluster: Cluster, log: Log, now: float) -> object:
        """Stop the instance."""
        instance = self.instance(cluster)
        instance.admin_state, instance.assembled = "down", False
        instance.touch(now)
        primary = cluster.nodes[instance.primary]
        if primary.unreachable:
            raise failed(f"Could not shutdown instance '{instance.name}': {call_error(primary)}")
        if not primary.offline:
            instance.running_on.discard(primary.name)
        return None


class Startup(InstanceWork):
    """OP_INSTANCE_STARTUP. If the disks are bad it fails, but the instance is marked up all the same."""

    def check(self, cluster: Cluster, log: Log, now: float) -> None:
        """Refuse what Ganeti refuses."""
        instance = self.instance(cluster)
        must_not_be_offline(instance)
        primary = cluster.nodes[instance.primary]
        must_be_online(primary)
        must_answer(cluster, primary, f"Error checking bridges on destination node '{primary.name}'")
        must_have_memory(cluster, primary, instance)

    def apply(self, cluster: Cluster, log: Log, now: float) -> object:
        """Start the instance."""
        instance = self.instance(cluster)
        instance.admin_state = "up"
        instance.touch(now)
        mirrors.reconnect(cluster, instance)
        must_be_consistent(instance)
        must_answer(cluster, cluster.nodes[instance.primary], f"Could not start instance '{instance.name}'")
        instance.running_on.add(instance.primary)
        instance.data.write(instance.mirrors)
        return None


class ActivateDisks(InstanceWork):
    """OP_INSTANCE_ACTIVATE_DISKS: assemble the disks on all nodes that are not offline, and connect the copies."""

    def check(self, cluster: Cluster, log: Log, now: float) -> None:
        """Refuse what Ganeti refuses."""
        instance = self.instance(cluster)
        must_be_online(cluster.nodes[instance.primary])
        self.seconds = sum(lost_seconds(cluster, cluster.nodes[name]) for name in instance.nodes)

    def apply(self, cluster: Cluster, log: Log, now: float) -> object:
        """Assemble; return where each disk is to be found."""
        instance = self.instance(cluster)
        silent = [name for name in instance.nodes if cluster.nodes[name].unreachable]
        for name in silent:
            error = call_error(cluster.nodes[name])
            log.note(f" - WARNING: Could not prepare block device disk/0 on node {name}: {error}", now)
        if silent or instance.primary not in {*instance.data.copies, *instance.nodes[: instance.kind == "shared"]}:
            instance.assembled = False
            raise failed("Cannot activate block devices")
        instance.assembled = instance.admin_state != "up"
        mirrors.reconnect(cluster, instance)
        return [[instance.primary, f"disk/{number}", f"/dev/drbd{number}"] for number, _ in enumerate(instance.disks)]


class Reinstall(InstanceWork):
    """OP_INSTANCE_REINSTALL: a new system on the disks; the old one is gone."""

    def check(self, cluster: Cluster, log: Log, now: float) -> None:
        """Refuse what Ganeti refuses."""
        instance = self.instance(cluster)
        must_be_online(cluster.nodes[instance.primary])
        if instance.admin_state != "down":
            text = f"Instance '{instance.name}' is marked to be {instance.admin_state}, cannot reinstall"
            raise refused(text, WRONG_STATE)
        if not instance.disks:
            raise refused(f"Instance '{instance.name}' has no disks", WRONG_INPUT)
        must_answer(cluster, cluster.nodes[instance.primary], "Can't get data")
        self.op.update({name: {} for name in ("osparams", "osparams_private", "osparams_secret")})

    def apply(self, cluster: Cluster, log: Log, now: float) -> object:
        """Install."""
        instance = self.instance(cluster)
        mirrors.reconnect(cluster, instance)
        must_be_consistent(instance)
        log.note(" - INFO: Running instance OS create scripts...", now)
        mirrors.overwrite(cluster, instance, self.job)
        instance.wiped += 1
        return None


class SetInstance(InstanceWork):
    """OP_INSTANCE_SET_PARAMS: `offline`, and the backend parameter `always_failover`; others change nothing."""

    def check(self, cluster: Cluster, log: Log, now: float) -> None:
        """Refuse what Ganeti refuses."""
        beparams = self.op["beparams"]
        if self.op.get("offline") is None and not beparams:
            raise refused("No changes submitted", WRONG_INPUT)
        instance = self.instance(cluster)
        for name, value in beparams.items():
            if name not in OTHER_BEPARAMS | {"always_failover"}:
                raise OpError("TypeEnforcementError", f"Unknown parameter '{name}'")
            if name == "always_failover" and not (isinstance(value, bool) or value == "default"):
                raise OpError("TypeEnforcementError", f"'{name}' (value {value}) is not a valid boolean")
        if self.op.get("offline") and instance.admin_state == "up":
            text = "is marked to be up, can't change to offline without being down first"
            raise refused(f"Instance '{instance.name}' {text}", WRONG_STATE)

    def apply(self, cluster: Cluster, log: Log, now: float) -> object:
        """Write the parameters; return [name, value] of each."""
        instance = self.instance(cluster)
        changes: list[list[object]] = [[f"be/{name}", value] for name, value in self.op["beparams"].items()]
        if "always_failover" in self.op["beparams"]:
            value = self.op["beparams"]["always_failover"]
            instance.always_failover = None if value == "default" else value
        if self.op.get("offline") is not None:
            instance.admin_state = "offline" if self.op["offline"] else "down"
            changes.append(["admin_state", instance.admin_state])
        instance.touch(now)
        return changes
