# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simple hail: it chooses the node with the most free memory that may take an instance.

Like the real one it looks at one group only, passes over offline, drained and full nodes, needs an answer from every
node that is not offline, and says for each node why it did not do.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from simulator.errors import NO_RESOURCES, failed, refused
from simulator.model import Instance, Node
from simulator.work import call_error, lost_seconds

if TYPE_CHECKING:
    from simulator.cluster import Cluster


def choose(
    cluster: Cluster,
    iallocator: str,
    instance: Instance,
    *,
    without: Collection[str],
    group: str,
    new_secondary: bool = False,
) -> str:
    """Return the name of the best node of a group for an instance.

    Raises OpError: `insufficient_resources` if there is none, OpExecError if hail can't run. A new secondary
    can't be found while the primary is offline: the real hail then says FailMem of every node.
    """
    must_run(cluster, iallocator)
    good, reasons = [], []
    for node in cluster.nodes.values():
        if node.name in without or not node.takes_instances or node.group != group:
            continue
        primary_lost = new_secondary and cluster.nodes[instance.primary].offline
        reason = "FailMem" if primary_lost else why_not(cluster, instance, node)
        good += [] if reason else [node]
        reasons += [f" Node {node.name} failed: {reason};"] if reason else []
    if not good:
        text = "Request failed: Can't find any good node: " + "".join(reasons)
        raise refused(f"Can't compute nodes using iallocator '{iallocator}': {text}", NO_RESOURCES)
    return min(good, key=lambda node: (-cluster.memory_free(node), node.name)).name


def allocate(cluster: Cluster, iallocator: str, instance: Instance, count: int) -> list[str]:
    """Return the names of `count` nodes of one group, whichever it is, for an instance that is to be placed anew."""
    must_run(cluster, iallocator)
    found, reasons = [], []
    for group in sorted(cluster.groups):
        nodes = [node for node in cluster.nodes.values() if node.group == group and node.takes_instances]
        good = [node for node in nodes if not why_not(cluster, instance, node)]
        good.sort(key=lambda node: (-cluster.memory_free(node), node.name))
        unallocable = cluster.groups[group].alloc_policy == "unallocable"
        if len(good) >= count and not unallocable:
            found.append(good[:count])
        lack = "Not enough online nodes" if len(nodes) < count else "No valid allocation solutions"
        reasons.append(f"Group {group} (unallocable)" if unallocable else f"Group {group}: error {lack}")
    if not found:
        text = "Request failed: " + ", ".join(reasons)
        raise refused(f"Can't compute nodes using iallocator '{iallocator}': {text}", NO_RESOURCES)
    best = max(found, key=lambda nodes: cluster.memory_free(nodes[0]))
    return [node.name for node in best]


def must_run(cluster: Cluster, iallocator: str) -> None:
    """Raise OpError if the iallocator is not there, or can't get the data that it needs."""
    if iallocator != "hail":
        text = f"iallocator module '{iallocator}' not found in the search path"
        raise failed(f"Failure while running the iallocator script: {text}")
    for node in cluster.unreachable_nodes():
        raise failed(f"Can't get data for node {node.name}: {call_error(node)}", 2 * lost_seconds(cluster, node))


def why_not(cluster: Cluster, instance: Instance, node: Node) -> str:
    """Return hail's word for what a node lacks, or nothing."""
    if cluster.memory_free(node) < instance.memory:
        return "FailMem"
    return "FailDisk" if cluster.storage_free(node) < instance.disk_usage else ""
