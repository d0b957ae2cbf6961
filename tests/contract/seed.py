# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster that both sides begin with: five nodes in two groups (1 to 3, 4 and 5), and these instances.

Each makes the real cluster work for seconds, so later phases go on with what earlier ones left. Where an iallocator
chooses, only one node is left to choose: which one hail takes of several is not compared.
"""

from __future__ import annotations

from lab import Instance

GROUPS = {"node1": "default", "node2": "default", "node3": "default", "node4": "rack2", "node5": "rack2"}


def drbd(name: str, primary: int, secondary: int, running: bool = True) -> Instance:
    """Return a mirrored instance."""
    return Instance(name, "drbd", f"node{primary}", f"node{secondary}", running=running)


def single(name: str, template: str, primary: int, running: bool = True) -> Instance:
    """Return an instance with one node."""
    return Instance(name, template, f"node{primary}", running=running)


INSTANCES = [
    drbd("alive", 1, 2),
    drbd("locked", 2, 3),
    drbd("crowded", 4, 5),
    drbd("stopped", 1, 2, running=False),
    drbd("failsover", 2, 1),
    drbd("drained", 3, 1),
    drbd("squeezed", 5, 4),
    drbd("dead1", 3, 1),
    drbd("dead2", 1, 3),
    drbd("dead3", 3, 1),
    drbd("dead4", 1, 3),
    drbd("gone", 3, 2),
    drbd("gonedown", 3, 1, running=False),
    drbd("waitsdrain", 3, 2),
    single("plain", "plain", 1),
    single("file", "file", 1),
    single("moved", "plain", 2, running=False),
    single("reborn", "plain", 1),
    single("deadplain", "plain", 3),
    single("goneplain", "plain", 3),
    single("gonefile", "file", 3),
    single("shared", "sharedfile", 4),
    single("ext", "ext", 5),
    single("ext3", "ext", 3),
    single("rbd", "rbd", 4),
    single("diskless", "diskless", 5),
    single("diskless3", "diskless", 3),
    single("stopped3", "sharedfile", 3, running=False),
    single("rbddown", "rbd", 5, running=False),
]
