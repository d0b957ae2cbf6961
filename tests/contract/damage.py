# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sentences about nodes that are dead: first without Ganeti being told, then marked offline, then too many of them."""

from __future__ import annotations

from contract import over_luxi
from contract.sentence import (
    Act,
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

NEW = {"mode": "replace_new_secondary"}
LIVE_NODE = ["name", "offline", "bootid", "mfree", "dfree", "mtotal", "ctotal", "pinst_cnt"]
TWO = ["|", ["=", "name", full("node2")], ["=", "name", full("node3")]]
STATES = ["name", "admin_state", "status", "disk_template"]
LIVE_INSTANCE = ["name", "admin_state", "status", "oper_state", "oper_ram", "oper_vcpus"]

DIES = [
    sentence("a node dies, and nobody tells Ganeti", Act("power_off", (full("node3"),))),
    sentence("live fields of a dead node: no data", query("node", LIVE_NODE), query("instance", LIVE_INSTANCE)),
    sentence(
        "a dead node among those that are named",
        query("node", LIVE_NODE, TWO),
        call("Query", "node", LIVE_NODE, ["&", TWO, [">", "mfree", 100000000]]),
        query("node", ["name"], ["&", ["=", "group", "rack2"], ["!", [">", "mfree", 100000000]]]),
    ),
]
DEAD = [  # every job takes long now: Ganeti tries the dead node again and again
    sentence(
        "nothing leaves a dead node that is not offline, and hail can't choose",
        jobs(
            instance("dead1", "failover", {}),
            instance("dead2", "replace-disks", {**NEW, "iallocator": "hail"}),
            instance("gonefile", "reinstall"),
            instance("goneplain", "startup"),
            instance("gone", "migrate", {}),
            instance("deadplain", "activate-disks"),
        ),
        look("dead1", "dead2", "gonefile", "goneplain", "gone"),
    ),
    sentence(
        "what works all the same",
        jobs(
            instance("dead3", "failover", {"ignore_consistency": True}),
            instance("dead4", "replace-disks", {**NEW, "remote_node": "node2"}),
        ),
        look("dead3", "dead4"),
    ),
    sentence(
        "a shutdown fails, but leaves the instance down; disks anew need the primary's word",
        jobs(instance("deadplain", "shutdown", {})),
        look("deadplain"),
        jobs(instance("deadplain", "recreate-disks", {"nodes": ["node1"]})),
    ),
]
SAID = [
    sentence("the node is marked offline", jobs(node("node3", offline=True, auto_promote=True))),
    sentence("live fields of an offline node", query("node", LIVE_NODE), query("instance", LIVE_INSTANCE)),
]
OFFLINE = [
    sentence(
        "what an offline primary refuses",
        jobs(
            instance("gone", "activate-disks"),
            instance("gone", "migrate", {}),
            instance("gone", "recreate-disks", {}),
            instance("gone", "recreate-disks", {"nodes": ["node1"]}),
            instance("gone", "recreate-disks", {"nodes": ["node3", "node1"]}),
            instance("gone", "reinstall"),
            instance("gone", "shutdown", {}),
            instance("gone", "startup"),
            instance("gone", "replace-disks", {**NEW, "remote_node": "node1"}),
            instance("gone", "replace-disks", {**NEW, "iallocator": "hail"}),
        ),
        look("gone"),
    ),
    sentence("failover from an offline primary", jobs(instance("gone", "failover", {})), look("gone")),
    sentence(
        "... and a new secondary afterwards",
        jobs(instance("gone", "replace-disks", {**NEW, "iallocator": "hail"})),
        look("gone"),
    ),
    sentence(
        "what an offline secondary refuses",
        jobs(
            instance("dead2", "failover", {}),
            instance("dead2", "migrate", {}),
            instance("dead2", "replace-disks", {"mode": "replace_auto"}),
            instance("dead2", "replace-disks", {**NEW, "remote_node": "node3"}),
        ),
    ),
    sentence(
        "a new secondary for an offline one",
        jobs(instance("dead2", "replace-disks", {**NEW, "iallocator": "hail"})),
        look("dead2"),
    ),
    sentence("a stopped instance fails over and stays down", jobs(instance("gonedown", "failover", {}))),
    sentence("... back is refused", look("gonedown"), jobs(instance("gonedown", "failover", {}))),
    sentence(
        "local disks on an offline node: not without saying where",
        jobs(
            instance("goneplain", "failover", {}),
            instance("goneplain", "recreate-disks", {}),
            instance("goneplain", "recreate-disks", {"nodes": ["node3"]}),
        ),
    ),
    sentence(
        "local disks are made anew elsewhere, in another group too, and reinstalled",
        jobs(
            instance("goneplain", "recreate-disks", {"nodes": ["node2"]}),
            instance("gonefile", "recreate-disks", {"nodes": ["node4"]}),
        ),
        look("goneplain", "gonefile"),
        jobs(instance("goneplain", "reinstall"), instance("gonefile", "reinstall")),
        look("goneplain", "gonefile"),
    ),
    sentence(
        "shared disks leave an offline node, and don't go to one",
        jobs(instance("diskless3", "migrate", {})),
        jobs(
            instance("diskless3", "failover", {"target_node": "node4"}),
            instance("stopped3", "failover", {"target_node": "node4"}),
        ),
        look("diskless3", "stopped3"),
        jobs(
            instance("diskless3", "failover", {"target_node": "node3"}),
            instance("stopped3", "failover", {"target_node": "node3"}),
        ),
    ),
]
TURNS = [
    sentence(
        "failover to a drained node is refused, whatever is ignored",
        quietly(node("node2", drained=True, auto_promote=True)),
        jobs(
            instance("waitsdrain", "failover", {}),
            instance("waitsdrain", "failover", {"ignore_consistency": True}),
        ),
        jobs(
            instance("ext3", "failover", {"target_node": "node2", "ignore_consistency": True}),
            job(op("INSTANCE_FAILOVER", "ext3", target_node=full("node2"))),
        ),
        quietly(node("node2", drained=False)),
        jobs(instance("waitsdrain", "migrate", {"allow_failover": True})),
        jobs(instance("ext3", "migrate", {"target_node": "node2"})),
        jobs(job(op("INSTANCE_FAILOVER", "ext3", target_node=full("node2")))),
        look("waitsdrain", "ext3"),
    ),
    sentence(
        "shared disks leave an offline node by hail, while there is another",
        quietly(node("node5", offline=True, auto_promote=True)),
        Act("power_off", (full("node5"),)),
        jobs(instance("diskless", "failover", {}), instance("rbddown", "failover", {})),
        look("diskless", "rbddown"),
        jobs(instance("diskless", "failover", {})),
    ),
    sentence(
        "a second node of the group is lost: both copies are gone",
        quietly(node("node4", offline=True, auto_promote=True)),
        Act("power_off", (full("node4"),)),
    ),
]
LOST = [
    sentence(
        "no repair keeps the data",
        jobs(
            instance("crowded", "failover", {}),
            instance("crowded", "migrate", {}),
            instance("crowded", "replace-disks", {**NEW, "remote_node": "node1"}),
            instance("crowded", "replace-disks", {**NEW, "iallocator": "hail"}),
            instance("crowded", "recreate-disks", {}),
        ),
        look("crowded"),
    ),
    sentence(
        "disks anew on two live nodes of another group, and a reinstall",
        jobs(instance("crowded", "recreate-disks", {"nodes": ["node1", "node2"]})),
        look("crowded"),
        jobs(instance("crowded", "reinstall")),
        look("crowded"),
    ),
    sentence(
        "disks anew by hail in another group: Ganeti fails after it has moved the instance",
        jobs(instance("squeezed", "recreate-disks", {"iallocator": "hail"})),
        query("instance", STATES, ["=", "name", full("squeezed")]),
        jobs(instance("squeezed", "recreate-disks", {})),
        jobs(instance("squeezed", "reinstall")),
        jobs(instance("squeezed", "startup")),
        query("instance", STATES, ["=", "name", full("squeezed")]),
    ),
    sentence(
        "... shutdown, disks anew and a reinstall heal it",
        jobs(instance("squeezed", "shutdown", {})),
        jobs(instance("squeezed", "recreate-disks", {})),
        jobs(instance("squeezed", "reinstall")),
        query("instance", STATES, ["=", "name", full("squeezed")]),
    ),
    sentence("a dead node is not taken back", jobs(node("node3", offline=False))),
]
PHASES = [
    Phase(tuple(DIES)),
    Phase(tuple(DEAD), apart=True),
    Phase(tuple(SAID)),
    Phase((*OFFLINE, *over_luxi.OFFLINE), apart=True),
    Phase(tuple(TURNS)),
    Phase(tuple(LOST), apart=True),
]
