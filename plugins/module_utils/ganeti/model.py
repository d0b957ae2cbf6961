# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Model: the cluster as immutable values, without behaviour that acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum, IntEnum


class RepairType(IntEnum):
    """What a repair may do, from the least to the most destructive; each includes those before it."""

    FIX_STORAGE = 1
    MIGRATE = 2
    FAILOVER = 3
    REINSTALL = 4

    @property
    def label(self) -> str:
        """The name used in tags: `fix-storage`, `migrate`, ..."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def parse(cls, label: str) -> RepairType | None:
        """The type with exactly this spelling in a tag, or None."""
        return next((kind for kind in cls if kind.label == label), None)


class NodeState(Enum):
    """An offline node is dead; a drained one is alive and its data is good; unknown is treated as neither."""

    ONLINE = "online"
    DRAINED = "drained"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


class TemplateClass(Enum):
    """Where an instance's data is: on two nodes, outside the nodes, or only on its primary."""

    MIRRORED = "mirrored"
    SHARED = "shared"
    LOCAL = "local"


TEMPLATE_CLASSES: Mapping[str, TemplateClass] = {
    "drbd": TemplateClass.MIRRORED,
    "sharedfile": TemplateClass.SHARED,
    "rbd": TemplateClass.SHARED,
    "ext": TemplateClass.SHARED,
    "gluster": TemplateClass.SHARED,
    "blockdev": TemplateClass.SHARED,
    "diskless": TemplateClass.SHARED,
    "plain": TemplateClass.LOCAL,
    "file": TemplateClass.LOCAL,
}


@dataclass(frozen=True)
class Node:
    """A node; `vm_capable` says whether it may hold instances at all.

    `changed` is when its configuration was last changed, in seconds since the epoch: it was marked offline then, or
    before (measured: whatever marks a node sets its mtime). `powered` is None if Ganeti does not know it, and `tags`
    is None if the cluster did not return them. `is_candidate` says whether it is the master or a master candidate, and
    so keeps the cluster's configuration.
    """

    name: str
    group: str
    state: NodeState
    vm_capable: bool = True
    changed: float | None = None
    powered: bool | None = None
    uuid: str = ""
    tags: tuple[str, ...] | None = ()
    is_candidate: bool = False

    @property
    def takes_instances(self) -> bool:
        """Whether an instance may be moved to it."""
        return self.state is NodeState.ONLINE and self.vm_capable


@dataclass(frozen=True)
class Group:
    """A node group with its tags; `alloc_policy` is empty if the cluster did not return it."""

    name: str
    tags: tuple[str, ...] = ()
    alloc_policy: str = "preferred"


@dataclass(frozen=True)
class Instance:
    """An instance's configuration; sizes in MiB.

    `missing_fields` names the fields without a usable value. A `forthcoming` instance is a reservation, not an
    instance yet.
    """

    name: str
    uuid: str = ""
    disk_template: str = ""
    os: str = ""
    primary: str = ""
    secondaries: tuple[str, ...] = ()
    admin_state: str = "up"
    always_failover: bool = False
    memory: int = 0
    disk_sizes: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    missing_fields: tuple[str, ...] = ()
    forthcoming: bool = False

    @property
    def mirrored(self) -> bool:
        """Whether its disks are on two nodes."""
        return TEMPLATE_CLASSES.get(self.disk_template) is TemplateClass.MIRRORED

    @property
    def shared(self) -> bool:
        """Whether its disks are outside the nodes, so that any node could run it."""
        return TEMPLATE_CLASSES.get(self.disk_template) is TemplateClass.SHARED

    @property
    def meant_to_run(self) -> bool:
        """Whether its administrator wants it running."""
        return self.admin_state == "up"

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of its nodes, the primary first."""
        return (self.primary, *self.secondaries)


UNFINISHED = ("queued", "waiting", "canceling", "running")
FINISHED = ("success", "error", "canceled")


@dataclass(frozen=True)
class Job:
    """A job of the queue, as far as a repair needs it.

    `operations` are opcodes in their order as the job's summary names them (`INSTANCE_FAILOVER`), `done` those at
    the beginning that have succeeded, `begun` the number of those that had their locks and began, `instances` and
    `nodes` the names that they were given, `uuids` those of instances, which Ganeti adds when an opcode begins,
    `tags` the tags that they set, `reasons` the texts of the reason trail and `sources` who wrote them. `received`,
    `started` and `ended` are seconds since the epoch, or None if unknown; `after` are the jobs that have to end before
    it. `error`, `error_class` and `error_code` come from the first opcode that failed.
    """

    id: int
    status: str
    operations: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    uuids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    begun: int = 0
    error: str = ""
    error_class: str = ""
    error_code: str = ""
    received: float | None = None
    started: float | None = None
    ended: float | None = None
    after: tuple[int, ...] = ()

    @property
    def unfinished(self) -> bool:
        """Whether it may still do something; an unknown status counts as unfinished."""
        return self.status not in FINISHED

    @property
    def left(self) -> tuple[str, ...]:
        """The operations that have not succeeded (yet)."""
        return self.operations[len(self.done) :]

    @property
    def stopped_at(self) -> str:
        """The first operation that did not succeed; empty if all did."""
        return self.left[0] if self.left else ""

    @property
    def half_done(self) -> bool:
        """Whether it has ended in the middle of an operation: the checks of that had passed, so it may have changed
        anything."""
        stopped = not self.unfinished and len(self.done) < self.begun
        return stopped and not (self.status == "error" and self.error_class == "OpPrereqError")

    def is_about(self, instance: Instance) -> bool:
        """Whether it is about this very `instance` (law 11): by UUID where it has one, and else by the name, which
        people may have given without its domain."""
        if self.uuids and instance.uuid:
            return instance.uuid in self.uuids
        return any(name == instance.name or instance.name.startswith(name + ".") for name in self.instances if name)


@dataclass(frozen=True)
class Cluster:
    """One consistent snapshot of a cluster.

    `jobs` were read before the instances, so a job that had ended by then shows its effects in them.
    `tracked_repair_ids` are the ids of the repairs whose jobs were queried, `queried_job_ids` the ids of those jobs:
    one of them that is not in `jobs` has left the queue. Repairs and jobs that appeared later are not known yet.
    `queue_drained` and `watcher_paused_until` are None if the transport does not report them.
    """

    name: str
    master: str = ""
    version: str = ""
    uuid: str = ""
    tags: tuple[str, ...] = ()
    default_iallocator: str = ""
    enabled_disk_templates: tuple[str, ...] = ()
    queue_drained: bool | None = None
    watcher_paused_until: float | None = None
    nodes: Mapping[str, Node] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    instances: tuple[Instance, ...] = ()
    jobs: Mapping[int, Job] = field(default_factory=dict)
    queried_job_ids: frozenset[int] = frozenset()
    tracked_repair_ids: frozenset[str] = frozenset()

    def is_down(self, instance: Instance) -> bool:
        """Whether an instance should be running, and can't be: its primary is dead."""
        node = self.nodes.get(instance.primary)
        return instance.meant_to_run and node is not None and node.state is NodeState.OFFLINE


def utc(seconds: float) -> str:
    """A time in seconds since the epoch, for people: ISO 8601, in UTC."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):  # a suspend may name any number
        return f"{seconds:.0f} seconds after 1970"
