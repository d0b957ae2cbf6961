# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sentences about opcodes on a cluster whose nodes are all well, and then two of them drained."""

from __future__ import annotations

from contract.sentence import Ask, Phase, full, instance, jobs, look, node, query, quietly, sentence

NEW = {"mode": "replace_new_secondary"}
OTHER = {"instance_uuid": "11111111-1111-4111-8111-111111111111"}
UNKNOWN = [
    sentence(
        "an unknown instance: 200 and a job that fails",
        jobs(
            *(
                Ask(method, f"/2/instances/nosuch/{what}", body)
                for method, what, body in (
                    ("PUT", "failover", None),
                    ("PUT", "migrate", {}),
                    ("POST", "replace-disks", {"mode": "replace_auto"}),
                    ("POST", "recreate-disks", {}),
                    ("POST", "reinstall", None),
                    ("PUT", "startup", None),
                    ("PUT", "shutdown", {}),
                    ("PUT", "modify", {"offline": True}),
                )
            ),
            Ask("PUT", "/2/nodes/nosuch/role", "drained"),
        ),
    ),
]
MOVES = [
    sentence("failover of a mirrored instance", jobs(instance("alive", "failover", {})), look("alive")),
    sentence("migration of a mirrored instance", jobs(instance("alive", "migrate", {})), look("alive")),
    sentence(
        "a failover looks at the mirror of a stopped instance only where its disks are active",
        jobs(instance("stopped", "shutdown", {})),
        jobs(instance("stopped", "failover", {})),
        jobs(instance("stopped", "activate-disks", None, "?reason=look")),
        jobs(instance("stopped", "failover", {})),
        jobs(instance("stopped", "activate-disks", {"depends": [], "nonsense": 1})),
        look("stopped"),
    ),
    sentence(
        "dry_run in the body is dry, dry-run in the query is not",
        jobs(instance("alive", "failover", {"dry_run": True}), instance("alive", "migrate", {"dry_run": True})),
        look("alive"),
        jobs(instance("alive", "failover", {}, "?dry-run=1")),
        look("alive"),
    ),
    sentence(
        "a mirrored instance goes nowhere but to its secondary",
        jobs(
            instance("crowded", "failover", {"target_node": "node3"}),
            instance("crowded", "migrate", {"iallocator": "hail"}),
        ),
    ),
    sentence(
        "nothing is done to an instance with another UUID than the one that was meant",
        jobs(
            instance("crowded", "failover", OTHER),
            instance("crowded", "migrate", OTHER),
            instance("crowded", "replace-disks", {**NEW, "iallocator": "hail", **OTHER}),
            instance("plain", "recreate-disks", {"nodes": ["node1"], **OTHER}),
            instance("plain", "modify", {"offline": False, **OTHER}),
        ),
    ),
    sentence(
        "local disks don't move",
        jobs(*(instance(name, what, {}) for name in ("plain", "file") for what in ("failover", "migrate"))),
    ),
    sentence(
        "shared disks move by the default iallocator",
        jobs(instance("shared", "failover", {}), instance("diskless", "migrate", {})),
        jobs(instance("rbd", "failover", {}), instance("ext", "migrate", {})),
        look("shared", "ext", "rbd", "diskless"),
    ),
    sentence(
        "shared disks move to a given node, not to where they are, nor to two places",
        jobs(instance("shared", "failover", {"target_node": "node5"})),
        jobs(
            instance("shared", "failover", {"target_node": "node5"}),
            instance("shared", "migrate", {"target_node": "node4", "iallocator": "hail"}),
            instance("shared", "failover", {"target_node": "nosuch"}),
        ),
        jobs(instance("shared", "migrate", {"target_node": "node4"})),
        look("shared"),
    ),
    sentence(
        "always_failover turns a migration into a failover",
        jobs(instance("failsover", "modify", {"beparams": {"always_failover": True}})),
        jobs(instance("failsover", "migrate", {})),
        look("failsover"),
        jobs(instance("failsover", "modify", {"beparams": {"always_failover": "default"}})),
    ),
    sentence(
        "the reason, priority and comment of a repair",
        jobs(instance("alive", "migrate", {"priority": 10, "comment": "hello"}, "?reason=why")),
    ),
]
STATES = [
    sentence(
        "a stopped instance does not migrate, but fails over, and stays down",
        jobs(instance("stopped", "migrate", {})),
        jobs(instance("stopped", "migrate", {"allow_failover": True})),
        look("stopped"),
        jobs(instance("stopped", "failover", {})),
        look("stopped"),
    ),
    sentence(
        "a stopped instance gets a new secondary, and stays down",
        jobs(instance("stopped", "replace-disks", {**NEW, "iallocator": "hail"})),
        look("stopped"),
    ),
    sentence(
        "parameters of an instance",
        jobs(
            instance("stopped", "modify", {}),
            instance("stopped", "modify", {"beparams": {"zork": 1}}),
            instance("stopped", "modify", {"beparams": {"always_failover": "x"}}),
            instance("plain", "modify", {"offline": True}),
        ),
    ),
    sentence(
        "an instance that is marked offline",
        jobs(instance("stopped", "modify", {"offline": True})),
        look("stopped"),
        jobs(*(instance("stopped", what) for what in ("startup", "shutdown", "reinstall"))),
        jobs(instance("stopped", "failover", {})),
        look("stopped"),
        jobs(instance("stopped", "modify", {"offline": False})),
        look("stopped"),
    ),
    sentence(
        "reinstall is one job of three opcodes; depends, reason and dry_run are ignored",
        jobs(instance("reborn", "reinstall", None, "?reason=why")),
        look("reborn"),
        jobs(instance("reborn", "reinstall", {"start": False, "depends": [[999999, ["success"]]], "dry_run": True})),
        look("reborn"),
    ),
    sentence("startup and shutdown", jobs(instance("reborn", "startup")), jobs(instance("reborn", "shutdown", {}))),
    sentence("startup with dry-run", jobs(instance("reborn", "startup", None, "?dry-run=1")), look("reborn")),
    sentence("a diskless instance can't be reinstalled, and is down then", jobs(instance("diskless", "reinstall"))),
    sentence("... until somebody starts it", look("diskless"), jobs(instance("diskless", "startup"))),
]
DISKS = [
    sentence(
        "replace-disks refuses what does not go together",
        jobs(
            instance("crowded", "replace-disks", dict(NEW)),
            instance("crowded", "replace-disks", {**NEW, "iallocator": "hail", "remote_node": "node3"}),
            instance("crowded", "replace-disks", {**NEW, "remote_node": "node4"}),
            instance("crowded", "replace-disks", {**NEW, "remote_node": "node5"}),
            instance("crowded", "replace-disks", {**NEW, "remote_node": "nosuch"}),
            instance("crowded", "replace-disks", {**NEW, "iallocator": "nosuch"}),
            instance("plain", "replace-disks", {**NEW, "iallocator": "hail"}),
            instance("diskless3", "replace-disks", {**NEW, "iallocator": "hail"}),
            instance("crowded", "replace-disks", {"mode": "replace_auto"}),
        ),
    ),
    sentence(
        "a new secondary by hail, by name, and in another group",
        jobs(instance("alive", "replace-disks", {**NEW, "iallocator": "hail"})),
        look("alive"),
        jobs(instance("alive", "replace-disks", {**NEW, "remote_node": full("node5")})),
        look("alive"),
    ),
    sentence(
        "a group of two nodes has no third: insufficient resources",
        jobs(instance("crowded", "replace-disks", {**NEW, "iallocator": "hail"})),
    ),
    sentence(
        "disks are not made anew under a running instance, nor where there are none",
        jobs(
            instance("plain", "recreate-disks", {}),
            instance("plain", "recreate-disks", {"nodes": ["node2"]}),
            instance("crowded", "recreate-disks", {}),
            instance("diskless3", "recreate-disks", {}),
        ),
    ),
    sentence(
        "recreate-disks refuses what does not fit",
        jobs(
            instance("moved", "recreate-disks", {}),
            instance("moved", "recreate-disks", {"nodes": ["node1", "node2"]}),
            instance("moved", "recreate-disks", {"nodes": ["nosuch"]}),
            instance("moved", "recreate-disks", {"nodes": ["node1"], "iallocator": "hail"}),
        ),
        look("moved"),
    ),
    sentence("disks anew on another node", jobs(instance("moved", "recreate-disks", {"nodes": ["node1"]}))),
    sentence("... move the instance", look("moved"), jobs(instance("moved", "startup")), look("moved")),
]
DRAIN = [
    sentence(
        "what can't be said of a node",
        jobs(
            node("node5", drained=True, offline=True),
            node("node5"),
            node("node1", offline=True),
            node("node3", drained=True),
        ),
        Ask("POST", "/2/nodes/node5/modify", {"zork": True}),
    ),
    sentence(
        "nodes are drained",
        jobs(node("node3", drained=True, auto_promote=True)),
        quietly(Ask("PUT", "/2/nodes/node5/role?auto-promote=1", "drained")),
        Ask("GET", "/2/nodes/node5/role"),
        Ask("GET", "/2/nodes/node3/role"),
    ),
]
DRAINED = [
    sentence(
        "off a drained node, but not back",
        jobs(instance("drained", "migrate", {})),
        look("drained"),
        jobs(instance("drained", "migrate", {}), instance("drained", "failover", {})),
        jobs(instance("drained", "replace-disks", {**NEW, "iallocator": "hail"})),
        look("drained"),
        jobs(instance("drained", "replace-disks", {**NEW, "remote_node": "node3"})),
    ),
    sentence(
        "shared disks leave a drained node, and don't go to one",
        jobs(instance("ext", "migrate", {})),
        look("ext"),
        jobs(
            instance("ext", "failover", {}),
            instance("ext", "failover", {"target_node": "node5"}),
            instance("ext", "migrate", {"target_node": "node5"}),
        ),
    ),
    sentence(
        "shared disks leave a drained node for a given one, in another group too",
        jobs(instance("rbd", "migrate", {"target_node": "node1"})),
        look("rbd"),
    ),
    sentence(
        "a drained primary in a group of two: off, but no new secondary",
        jobs(instance("squeezed", "migrate", {})),
        jobs(instance("squeezed", "replace-disks", {**NEW, "iallocator": "hail"})),
        look("squeezed"),
    ),
]
BACK = [
    sentence(
        "nodes are taken back",
        jobs(node("node3", drained=False)),
        quietly(node("node5", drained=False)),
        query("node", ["name", "drained", "offline"]),
    ),
]
APART = [*UNKNOWN, *MOVES, *STATES, *DISKS]
PHASES = [
    Phase(tuple(DRAIN)),
    Phase(tuple(DRAINED), apart=True),
    Phase(tuple(BACK)),
]
