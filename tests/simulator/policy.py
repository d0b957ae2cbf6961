# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Instance policies: what a cluster and its groups let in. Of all their limits, jobs here ask disk templates and sizes.

The other limits are those of the lab's cluster, and no instance here comes near them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.errors import WRONG_INPUT, refused
from simulator.model import Group, Instance, Node

if TYPE_CHECKING:
    from simulator.cluster import Cluster
    from simulator.work import Log

SMALLEST_DISK = 4  # MB
SMALLEST = {"memory-size": 4, "disk-count": 0, "cpu-count": 1, "nic-count": 0, "spindle-use": 0}
LARGEST = {"memory-size": 32768, "disk-count": 16, "cpu-count": 8, "nic-count": 8, "spindle-use": 12}
STANDARD = {"memory-size": 128, "disk-size": 1024, "disk-count": 1, "cpu-count": 1, "nic-count": 1, "spindle-use": 1}


def ipolicy(cluster: Cluster, group: Group | None = None) -> dict[str, object]:
    """Return the policy of the cluster, or a group's merged with it, as queries show it. Sizes in MB."""
    smallest, largest = {**SMALLEST, "disk-size": SMALLEST_DISK}, {**LARGEST, "disk-size": largest_disk(cluster, group)}
    return {
        "minmax": [{"min": smallest, "max": largest}],
        "std": STANDARD,
        "disk-templates": templates(cluster, group),
        "vcpu-ratio": 64,
        "spindle-ratio": 1024,
    }


def templates(cluster: Cluster, group: Group | None) -> list[str]:
    """Return the disk templates that are let in: never one that is not enabled."""
    allowed = cluster.enabled_disk_templates if group is None or group.disk_templates is None else group.disk_templates
    return [template for template in allowed if template in cluster.enabled_disk_templates]


def largest_disk(cluster: Cluster, group: Group | None) -> int:
    """Return the size in MB that no disk may exceed."""
    return cluster.largest_disk if group is None or group.largest_disk is None else group.largest_disk


def check_target(cluster: Cluster, instance: Instance, target: Node, ignore: bool, log: Log, now: float) -> None:
    """Refuse a target in another group than the primary's whose policy does not let the instance in.

    Within its group nobody asks (measured). `ignore` makes a line in the log of it.
    """
    group = cluster.groups[target.group]
    found = [] if cluster.nodes[instance.primary].group == group.name else violations(cluster, group, instance)
    if not found:
        return
    text = f"Instance does not meet target node group's ({group.uuid}) instance policy: {', '.join(found)}"
    if not ignore:
        raise refused(text, WRONG_INPUT)
    log.note(f" - WARNING: {text}", now)


def violations(cluster: Cluster, group: Group, instance: Instance) -> list[str]:
    """Return what a group's policy has against an instance."""
    allowed, limit = templates(cluster, group), largest_disk(cluster, group)
    found = []
    if instance.disk_template not in allowed:
        words = "allowed templates" if instance.disk_template == "diskless" else "allowed templates:"  # Ganeti's own
        found.append(f"Disk template {instance.disk_template} is not allowed ({words} {', '.join(allowed)})")
    for index, size in enumerate(instance.disks):
        if not SMALLEST_DISK <= size <= limit:
            found.append(f"disk-size/{index} value {size} is not in range [{SMALLEST_DISK}, {limit}]")
    return found
