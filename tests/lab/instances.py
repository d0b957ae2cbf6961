# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Instances for tests: what to create, and the opcodes that do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle

from .luxi import Opcode
from .state import PROVIDER

DEFAULT_SEED = {"drbd": 4, "plain": 4, "file": 2, "sharedfile": 1, "ext": 1, "rbd": 1, "diskless": 2}
MIRRORED = "drbd"


@dataclass(frozen=True)
class Instance:
    """An instance to create; without a primary node, hail places it."""

    name: str
    template: str = "drbd"
    primary: str | None = None
    secondary: str | None = None
    running: bool = True
    disk_mb: int = 1024
    disks: int = 1
    tags: tuple[str, ...] = ()


def create(instance: Instance, full_name: str, nodes: Mapping[str, str]) -> list[Opcode]:
    """Return the opcodes of the job that creates an instance; `nodes` maps short names to full ones."""
    disk: dict[str, object] = {"size": instance.disk_mb}
    if instance.template == "ext":
        disk["provider"] = PROVIDER
    opcode: Opcode = {
        "OP_ID": "OP_INSTANCE_CREATE",
        "mode": "create",
        "instance_name": full_name,
        "disk_template": instance.template,
        "disks": [] if instance.template == "diskless" else [disk] * instance.disks,
        "nics": [{}],
        "os_type": "noop",
        "hypervisor": "fake",
        "beparams": {"memory": 512, "vcpus": 1},
        "start": instance.running,
        "wait_for_sync": True,
        "name_check": False,
        "ip_check": False,
        "conflicts_check": False,
        **_place(instance, nodes),
    }
    if instance.template in ("file", "sharedfile"):
        opcode["file_driver"] = "loop"
    return [opcode, *([add_tags("instance", full_name, instance.tags)] if instance.tags else [])]


def remove(full_name: str) -> Opcode:
    """Return the opcode that removes an instance, whatever has become of its disks."""
    return {
        "OP_ID": "OP_INSTANCE_REMOVE",
        "instance_name": full_name,
        "ignore_failures": True,
        "shutdown_timeout": 0,
    }


def add_tags(kind: str, name: str, tags: tuple[str, ...]) -> Opcode:
    """Return the opcode that adds tags to an instance, a nodegroup, a node or the cluster."""
    return {"OP_ID": "OP_TAGS_SET", "kind": kind, "name": name, "tags": list(tags)}


def remove_tags(kind: str, name: str, tags: tuple[str, ...]) -> Opcode:
    """Return the opcode that removes tags; it fails for a tag that isn't there."""
    return {"OP_ID": "OP_TAGS_DEL", "kind": kind, "name": name, "tags": list(tags)}


def seed(
    wanted: Mapping[str, int], groups: Mapping[str, list[str]] | None, prefix: str, running: bool
) -> list[Instance]:
    """Return that many instances of each template, named PREFIX-TEMPLATE1 and so on.

    They are dealt to the nodes of `groups` in turn, or left to hail where that is None.
    """
    places = cycle(_places(groups) if groups else [(None, None)])
    return [
        Instance(
            f"{prefix}-{template}{number}", template, primary, secondary if template == MIRRORED else None, running
        )
        for template, count in wanted.items()
        for number, (primary, secondary) in zip(range(1, count + 1), places, strict=False)
    ]


def _places(groups: Mapping[str, list[str]]) -> list[tuple[str, str | None]]:
    """Return pairs of a primary and a secondary node of the same group, each node's turn before any second turn."""
    nodes = [(group, position) for group in groups.values() for position in range(len(group))]
    longest = max(len(group) for group in groups.values())
    return [
        (group[position], group[(position + distance) % len(group)] if len(group) > 1 else None)
        for distance in range(1, max(2, longest))
        for group, position in nodes
        if distance < len(group) or distance == 1
    ]


def _place(instance: Instance, nodes: Mapping[str, str]) -> Opcode:
    if instance.primary is None:
        return {"iallocator": "hail"}
    place = {"pnode": nodes.get(instance.primary, instance.primary)}
    if instance.secondary is not None:
        place["snode"] = nodes.get(instance.secondary, instance.secondary)
    return place
