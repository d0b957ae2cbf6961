# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sentences about what an administrator sets: power and mtime of nodes, policies of groups, enabled disk templates."""

from __future__ import annotations

from contract.sentence import (
    Act,
    Ask,
    Modified,
    Part,
    Phase,
    call,
    full,
    instance,
    job,
    jobs,
    look,
    node,
    op,
    query,
    quietly,
    sentence,
)
from simulator.cluster import ENABLED_DISK_TEMPLATES

NEW = {"mode": "replace_new_secondary"}
POWER = ["name", "offline", "powered"]
POLICY = ["name", "alloc_policy", "ipolicy"]
ALL = list(ENABLED_DISK_TEMPLATES)  # of the lab as well
INFO = ("enabled_disk_templates", "ipolicy")
NODE5 = ["=", "name", full("node5")]

TIMES = [
    sentence(
        "a node's mtime moves when anything is said of it, also what was said before",
        Modified(),
        jobs(node("node5", drained=True)),
        Modified(),
        jobs(node("node5", offline=True)),
        Modified(),
        jobs(job(op("NODE_SET_PARAMS", node_name=full("node5"), offline=True))),
        Modified(),
        jobs(Ask("PUT", "/2/nodes/node5/tags?tag=x")),
        Modified(),
    ),
    sentence(
        "... and not by what instances do on it, nor when it becomes a master candidate",
        Modified(),
        jobs(instance("locked", "migrate", {})),
        quietly(node("node2", drained=True, auto_promote=True)),  # node3 is the only one left to promote
        Modified(),
        query("node", ["name", "role"]),
        quietly(node("node2", drained=False), node("node5", offline=False)),
        Modified(),
    ),
]
POWERED = [
    sentence(
        "power can't be spoken of without an out-of-band program",
        query("node", POWER),
        jobs(node("node5", offline=True, powered=False)),
        jobs(node("node5", powered=False)),
    ),
    sentence(
        "with one, a node is thought to be powered on",
        Act("set_power_control", (full("node5"), True)),
        query("node", POWER),
        call("Query", "node", POWER, NODE5),
        query("node", ["name"], ["&", NODE5, ["!", ["?", "powered"]]]),
    ),
    sentence(
        "a node is marked offline and powered off, and must be powered on before it comes back",
        jobs(node("node5", powered=False)),
        jobs(node("node5", offline=True, powered=False)),
        query("node", POWER),
        call("Query", "node", POWER, NODE5),
        jobs(node("node5", offline=False)),
        jobs(job(op("NODE_SET_PARAMS", node_name=full("node5"), offline=True, powered=True))),
        jobs(job(op("NODE_SET_PARAMS", node_name=full("node5"), offline=True, powered=False))),
        jobs(node("node5", offline=False, powered=True)),
        query("node", POWER),
        Act("set_power_control", (full("node5"), False)),
        query("node", POWER),
    ),
]
POLICIES = [
    sentence(
        "a group's policy refuses what comes from another group, and is not asked within",
        Act("set_group", ("rack2", "unallocable", ["drbd"], None)),
        query("group", POLICY),
        call("Query", "group", POLICY, None),
        jobs(
            instance("rbd", "failover", {"target_node": "node4"}),
            instance("rbd", "migrate", {"target_node": "node4"}),
            job(op("INSTANCE_FAILOVER", "rbd", target_node=full("node4"))),
        ),
        jobs(instance("rbd", "migrate", {"target_node": "node4", "ignore_ipolicy": True})),
        jobs(instance("rbd", "failover", {"target_node": "node5"})),
        look("rbd"),
    ),
    sentence(
        "... for the size of a disk as well",
        Act("set_group", ("rack2", "last_resort", ["drbd"], 512)),
        query("group", POLICY),
        jobs(
            instance("locked", "replace-disks", {**NEW, "remote_node": "node4"}),
            instance("diskless3", "failover", {"target_node": "node4"}),
            instance("ext3", "failover", {"target_node": "node4"}),
        ),
        look("locked", "diskless3", "ext3"),
    ),
    sentence(
        "disks are made anew whatever the policies say",
        Act("set_group", ("rack2", "unallocable", ["drbd"], 512)),
        quietly(instance("moved", "shutdown", {})),
        jobs(instance("moved", "recreate-disks", {"nodes": ["node4"]})),
        look("moved"),
        Act("set_group", ("rack2", "preferred", None, None)),
        query("group", POLICY),
    ),
    sentence(
        "a disk template that is not enabled: Ganeti fails after it has moved the instance",
        Act("enable_templates", ([one for one in ALL if one != "plain"],)),
        Part(Ask("GET", "/2/info"), INFO),
        Part(call("QueryClusterInfo"), INFO),
        query("group", POLICY),
        jobs(instance("moved", "recreate-disks", {"nodes": ["node5"]})),
        query("instance", ["name", "pnode", "status"], ["=", "name", full("moved")]),
        Act("enable_templates", (ALL,)),
        jobs(instance("moved", "recreate-disks", {})),
        jobs(instance("moved", "startup")),
        look("moved"),
    ),
]
PHASES = [Phase((*TIMES, *POWERED, *POLICIES))]
