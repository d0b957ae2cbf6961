# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration of a cluster and what is true on its nodes: groups, nodes, instances.

Plain values without behaviour beyond their own arithmetic. What changes them are opcodes (`work_*.py`) and
the hand on the power switch (`cluster.py`).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from simulator.data import Data

MIRRORED = frozenset({"drbd"})
SHARED = frozenset({"sharedfile", "rbd", "ext", "gluster", "blockdev", "diskless"})
LOCAL = frozenset({"plain", "file"})
TEMPLATES = MIRRORED | SHARED | LOCAL
ON_VOLUME_GROUP = frozenset({"drbd", "plain"})
SHARED_STORAGE = "shared storage"
COPIES = {"up to date": 1, "syncing": 2, "unknown": 3, "faulty": 4}  # ldisk_status
DRBD_METADATA_MB = 128  # of each DRBD disk, on both nodes


def uuid_of(kind: str, name: str) -> str:
    """Return the UUID of an object: made from its name, so that every run has the same."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{kind}.{name}"))


@dataclass
class Tagged:
    """What a cluster, a group, a node and an instance have in common. Times in seconds since the epoch."""

    name: str
    tags: set[str] = field(default_factory=set)
    serial_no: int = 1
    ctime: float = 0.0
    mtime: float = 0.0

    def touch(self, now: float) -> None:
        """Note that the configuration of this object was written."""
        self.serial_no += 1
        self.mtime = now


@dataclass
class Group(Tagged):
    """A node group, with its own instance policy: disk templates let in, largest disk in MB; None: as the cluster."""

    alloc_policy: str = "preferred"
    disk_templates: list[str] | None = None
    largest_disk: int | None = None

    @property
    def uuid(self) -> str:
        """Return the group's UUID."""
        return uuid_of("group", self.name)


@dataclass
class Node(Tagged):
    """A node. `alive` is the truth, `offline`, `drained` and `powered` are what the administrator says. Sizes in MB.

    `powered` is None without an out-of-band program.
    """

    group: str = "default"
    ip: str = "192.0.2.1"
    alive: bool = True
    offline: bool = False
    drained: bool = False
    powered: bool | None = None
    master_candidate: bool = False
    vm_capable: bool = True
    memory: int = 65536
    memory_of_node: int = 1024
    storage: int = 2097152
    cpus: int = 16
    boots: int = 1

    @property
    def uuid(self) -> str:
        """Return the node's UUID."""
        return uuid_of("node", self.name)

    @property
    def boot_id(self) -> str:
        """Return the id of its boot, which is another one after each."""
        return uuid_of(f"boot {self.boots} of node", self.name)

    @property
    def unreachable(self) -> bool:
        """Whether a call to it times out: it is dead, and Ganeti was not told."""
        return not self.alive and not self.offline

    @property
    def takes_instances(self) -> bool:
        """Whether an iallocator may choose it."""
        return self.vm_capable and not self.offline and not self.drained


@dataclass
class Instance(Tagged):
    """An instance. `running_on` and `data` are the truth on the nodes, whatever the configuration says.

    `own_copies` is what DRBD on a node says of its own copy, where that is not "up to date": one of `COPIES`, or None
    where the disks are not assembled. `wiped` counts how often its disks were made anew: data that is gone is gone for
    good. A `forthcoming` one is a reservation, without disks. The UUID is made from the name where none is given. The
    disks of one that is down are `assembled` where somebody has activated them.
    """

    uuid: str = ""
    forthcoming: bool = False

    disk_template: str = "diskless"
    primary: str = ""
    secondaries: list[str] = field(default_factory=list)
    admin_state: str = "up"
    memory: int = 512
    vcpus: int = 1
    disks: list[int] = field(default_factory=list)
    always_failover: bool | None = None
    running_on: set[str] = field(default_factory=set)
    data: Data = field(default_factory=Data)
    wiped: int = 0
    own_copies: dict[str, int | None] = field(default_factory=dict)
    assembled: bool = False

    def __post_init__(self) -> None:
        self.uuid = self.uuid or uuid_of("instance", self.name)

    @property
    def volumes(self) -> set[str]:
        """Return where volumes of it lie, the leftover ones included."""
        return set(self.data.copies)

    @property
    def nodes(self) -> list[str]:
        """Return the primary and the secondaries."""
        return [self.primary, *self.secondaries]

    @property
    def kind(self) -> str:
        """Return the class of its disk template: mirrored, shared or local."""
        if self.disk_template in MIRRORED:
            return "mirrored"
        return "shared" if self.disk_template in SHARED else "local"

    @property
    def disks_active(self) -> bool:
        """Whether its configuration says that its disks are assembled; only then a failover looks at the mirror."""
        return self.admin_state == "up" or self.assembled

    @property
    def disk_usage(self) -> int:
        """Return the MB that it takes on each of its nodes."""
        extra = DRBD_METADATA_MB if self.disk_template == "drbd" else 0
        return sum(size + extra for size in self.disks)

    @property
    def places(self) -> list[str]:
        """Return where its disks belong: on its nodes, or on the storage that all nodes share."""
        if self.disk_template == "diskless":
            return []
        return [SHARED_STORAGE] if self.kind == "shared" else self.nodes

    @property
    def has_disks(self) -> bool:
        """Whether the disks that its configuration names exist wherever they belong."""
        return all(place in self.data.copies for place in self.places)

    @property
    def mirrors(self) -> list[str]:
        """Return the places whose copies follow what is written at its primary."""
        return self.places if self.data.connected else self.places[:1]

    @property
    def splits_brain(self) -> bool:
        """Whether two copies of it run at once: what every repair must prevent."""
        return len(self.running_on) > 1


Object = TypeVar("Object", bound=Tagged)


def find(objects: Mapping[str, Object], name: object) -> Object | None:
    """Return the object of this name, or the only one whose name goes on with a dot, as Ganeti matches names."""
    if not isinstance(name, str):
        return None
    if name in objects:
        return objects[name]
    longer = [key for key in objects if key.startswith(name + ".")]
    return objects[longer[0]] if len(longer) == 1 else None


def nice(key: object) -> list[object]:
    """Return what to sort by, as Ganeti does: numbers within a name count as numbers."""
    if isinstance(key, int):
        return [key]
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(key))]
