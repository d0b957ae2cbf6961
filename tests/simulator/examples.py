# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prepared clusters: the small one of the demo, broken in the usual ways, and large ones for measuring."""

from __future__ import annotations

from simulator.cluster import Cluster

PREFIX = "ganeti:watcher:autorepair:"
DOMAIN = "example.com"
DEAD = f"node3.{DOMAIN}"


def name(short: str) -> str:
    """Return the full name of an object of the example."""
    return f"{short}.{DOMAIN}"


# name, disk template, primary, secondary, tags
INSTANCES: tuple[tuple[str, str, str, str | None, tuple[str, ...]], ...] = (
    ("web1", "drbd", "node1", "node2", ()),
    ("web2", "drbd", "node3", "node1", ()),  # its primary is dead
    ("web3", "drbd", "node2", "node3", ()),  # its secondary is dead
    ("db1", "drbd", "node3", "node2", (f"{PREFIX}fix-storage",)),  # needs more than it is allowed
    ("db2", "drbd", "node3", "node2", (f"{PREFIX}suspend",)),
    ("mail1", "drbd", "node4", "node5", ()),
    ("build1", "plain", "node3", None, (f"{PREFIX}reinstall",)),  # may be made anew
    ("build2", "plain", "node1", None, ()),
    ("cache1", "plain", "node3", None, ()),  # its data is on the dead node: a person must decide
    ("log1", "file", "node5", None, ()),
    ("home1", "sharedfile", "node3", None, ()),
    ("shop1", "ext", "node4", None, ()),
    ("shop2", "rbd", "node3", None, ()),
    ("proxy1", "diskless", "node2", None, ()),
)


def example(cluster: Cluster) -> Cluster:
    """Fill an empty cluster with five nodes in two groups, one of them dead and marked offline, and 14 instances.

    The whole cluster allows repairs up to failover; group rack2 allows migrations only.
    """
    cluster.name = name("cluster")
    cluster.tags.add(f"{PREFIX}failover")
    cluster.add_group("default")
    cluster.add_group("rack2").tags.add(f"{PREFIX}migrate")
    for number in range(1, 6):
        cluster.add_node(name(f"node{number}"), "default" if number <= 3 else "rack2")
    for short, template, primary, secondary, tags in INSTANCES:
        instance = cluster.add_instance(name(short), template, name(primary), name(secondary) if secondary else None)
        instance.tags.update(tags)
    stopped = cluster.add_instance(name("old1"), "drbd", DEAD, name("node1"), admin_state="down")
    stopped.tags.add(f"{PREFIX}failover")
    cluster.power_off(DEAD)
    cluster.mark(DEAD, offline=True)
    return cluster


def large(cluster: Cluster, nodes: int, instances: int, dead: int = 0) -> Cluster:
    """Fill an empty cluster with groups of 20 nodes and with instances of all templates, spread evenly.

    `dead` nodes, spread as evenly, are dead and marked offline: each group keeps nodes that can take what was on them.
    """
    cluster.name = name("cluster")
    cluster.tags.add(f"{PREFIX}failover")
    size = min(20, nodes)
    for number in range(nodes):
        group = f"group{number // size + 1}"
        if group not in cluster.groups:
            cluster.add_group(group)
        cluster.add_node(name(f"node{number + 1}"), group, memory=262144)
    names = list(cluster.nodes)
    members: dict[str, list[str]] = {}
    for node in names:
        members.setdefault(cluster.nodes[node].group, []).append(node)
    templates = ("drbd", "drbd", "drbd", "plain", "ext", "rbd", "sharedfile", "file", "diskless")
    for number in range(instances):
        template, at = templates[number % len(templates)], number % nodes
        peers = members[cluster.nodes[names[at]].group]
        peer = peers[(peers.index(names[at]) + 1) % len(peers)]
        cluster.add_instance(name(f"inst{number + 1}"), template, names[at], peer if template == "drbd" else None)
    for node in [names[number * nodes // dead - 1] for number in range(1, dead + 1)]:
        cluster.power_off(node)
        cluster.mark(node, offline=True)
    return cluster
