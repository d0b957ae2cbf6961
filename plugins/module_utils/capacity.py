# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Capacity: on which nodes disks are recreated and, if the user wants, instances on shared storage go (design, section
3).

Left to itself Ganeti's allocator may pick another group for new disks, fail half-way and leave the instance without, so
their nodes are always named. They come from the instance's own group, as its policy and its networks do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .action import Action, Kind
from .client import NORMAL, Client
from .errors import AutorepairError, ClusterError, Unreachable
from .model import TEMPLATE_CLASSES, Instance, Node, NodeState, Operation, TemplateClass
from .plan import Plan
from .state import Case
from .why import Why

LIVE_SECONDS = 20  # for the answer of live nodes; one that hangs is not worth a longer wait
_FIELDS = ("name", "dfree", "mfree")
_DRBD_META = 128  # MiB that Ganeti adds to each disk of a drbd instance
_EXCLUSION = "htools:iextags:"  # a cluster's tag: what follows begins tags that two primaries of a node never share
_NAMED = 3  # nodes that are named where there is no room


@dataclass(frozen=True)
class Room:
    """What a node has free, in MiB, the exclusion tags of the instances whose primary it is, and the number of repairs
    for which it was chosen and that have not ended."""

    disk: int
    memory: int
    tags: frozenset[str] = frozenset()
    work: int = 0


@dataclass(frozen=True)
class Need:
    """What an instance needs of a node, in MiB, and its exclusion tags; C(copies) is the number of nodes."""

    disk: int
    memory: int
    tags: frozenset[str] = frozenset()
    copies: int = 1

    def missing(self, room: Room, primary: bool) -> str:
        """What keeps it off a node with C(room), in words; empty if nothing does."""
        shared = sorted(self.tags & room.tags) if primary else []
        if shared:
            return f"it holds another instance with the tag {shared[0]}"
        short = [(self.disk - room.disk, "disk"), (self.memory - room.memory, "memory")]
        return " and ".join(f"{missing} MiB of {what} missing" for missing, what in short if missing > 0)


def place(plan: Plan, client: Client) -> Plan:
    """C(plan) with nodes for every step that we choose them for; one for which there is no room waits.

    Asks live, once, only those nodes that could be chosen, and for LIVE_SECONDS at most. Nothing is asked when there is
    nothing to place.
    """
    to_place = {case.group for case, action in plan.rows if _wants_nodes(case, action, plan)}
    groups = {group for group in to_place if not _closed(group, plan)}
    free, trouble = _read_room(plan, client, groups) if groups else ({}, "")
    free = _without_promised(plan, free)
    rows = []
    for case, action in sorted(plan.rows, key=plan.urgency):
        if _wants_nodes(case, action, plan):
            action, free = _placed(case, action, plan, free, trouble)
        rows.append((case, action))
    return replace(plan, rows=tuple(sorted(rows, key=lambda row: row[0].instance.name)))


def _wants_nodes(case: Case, action: Action, plan: Plan) -> bool:
    if action.kind is not Kind.SUBMIT:
        return False
    operation = action.steps[0].operation
    shared = TEMPLATE_CLASSES.get(case.instance.disk_template) is TemplateClass.SHARED
    if action.begins and not plan.limits.max_in_flight:  # nothing may begin
        return False
    moves = operation in (Operation.FAILOVER, Operation.MIGRATE) and shared and plan.limits.choose_nodes
    return moves or operation is Operation.RECREATE_DISKS


def _closed(group: str, plan: Plan) -> str:
    """Why nothing is placed in C(group), in words; empty if something may be."""
    policy = plan.cluster.groups[group].alloc_policy
    if policy in ("preferred", "last_resort"):
        return ""
    return f"the alloc_policy of its group {group} is {policy or 'not known'}"


def _read_room(plan: Plan, client: Client, groups: Iterable[str]) -> tuple[Mapping[str, Room], str]:
    """What the nodes of C(groups) that may take an instance have free; or why nobody knows, in words."""
    names = [node.name for node in plan.cluster.nodes.values() if node.group in groups and _may_take(node)]
    if not names:
        return {}, ""
    try:
        rows = client.query("node", _FIELDS, ["|", *(["=", "name", name] for name in names)], LIVE_SECONDS)
    except Unreachable as error:  # the nodes, not the cluster: that has just answered
        return {}, str(error)
    except ClusterError:
        raise
    except AutorepairError as error:
        return {}, str(error)
    cells = [{field: value for field, (status, value) in zip(_FIELDS, row) if status == NORMAL} for row in rows]
    tags = _tags_of_primaries(plan)
    return {  # a node without a volume group has no disk free
        cell["name"]: Room(_number(cell.get("dfree")), cell["mfree"], tags.get(cell["name"], frozenset()))
        for cell in cells
        if cell.get("name") in names and isinstance(cell.get("mfree"), int)
    }, ""


def _without_promised(plan: Plan, free: Mapping[str, Room]) -> Mapping[str, Room]:
    """C(free) less what instances will take that are on their way, as live data may not show it yet."""
    for case, _action in plan.rows:
        nodes = {name for job in case.busy for name in job.nodes if name in free}
        if nodes:
            anew = any("INSTANCE_RECREATE_DISKS" in job.operations for job in case.busy)
            need = _need(case.instance, plan, anew)
            free = {name: _after(room, need, True) if name in nodes else room for name, room in free.items()}
    return free


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _tags_of_primaries(plan: Plan) -> Mapping[str, frozenset[str]]:
    """The exclusion tags of the instances whose primary a node is, by its name."""
    found: dict[str, frozenset[str]] = {}
    for one in plan.cluster.instances:
        found[one.primary] = found.get(one.primary, frozenset()) | _exclusion_tags(one, plan)
    return found


def _may_take(node: Node) -> bool:
    return node.state is NodeState.ONLINE and node.vm_capable


def _exclusion_tags(instance: Instance, plan: Plan) -> frozenset[str]:
    begins = tuple(tag[len(_EXCLUSION) :] for tag in plan.cluster.tags if tag.startswith(_EXCLUSION))
    return frozenset(tag for tag in instance.tags if tag.startswith(tuple(begin for begin in begins if begin)))


def _placed(
    case: Case, action: Action, plan: Plan, free: Mapping[str, Room], trouble: str
) -> tuple[Action, Mapping[str, Room]]:
    """C(action) with its nodes, and what is free after it; or the same to wait for, and C(free) as it was."""
    instance = case.instance
    need = _need(instance, plan, anew=action.steps[0].operation is Operation.RECREATE_DISKS)
    why = _closed(case.group, plan) or trouble or _not_enabled(instance, plan)
    if not why and action.steps[0].operation is Operation.RECREATE_DISKS and not instance.disk_sizes:
        why = "the sizes of its disks are not known"
    if why:
        return _unplaced(action, why), free
    inside = {
        name: room
        for name, room in free.items()
        if plan.cluster.nodes[name].group == case.group and name != instance.primary
    }
    nodes = choose(need, inside, plan.limits.max_per_node)
    if nodes is None:
        return _unplaced(action, _no_room(need, inside, case.group)), free
    taken = {name: _after(free[name], need, name == nodes[0]) for name in nodes}
    return replace(action, nodes=nodes), {**free, **taken}


def _unplaced(action: Action, words: str) -> Action:
    return replace(action, kind=Kind.WAIT, reason=f"{action.reason}; {words}", why=Why.NO_ROOM)


def _not_enabled(instance: Instance, plan: Plan) -> str:
    enabled = plan.cluster.enabled_disk_templates
    if instance.disk_template in enabled:
        return ""
    has = ", ".join(enabled) or "none"
    return f"the disk template {instance.disk_template} is not enabled in the cluster, which has {has}"


def _need(instance: Instance, plan: Plan, anew: bool) -> Need:
    """What C(instance) needs of a node: room for disks only where they are made C(anew), and not for those that are
    files, as Ganeti tells how much room a node has for these by a job only."""
    copies = 2 if instance.mirrored else 1
    meta = _DRBD_META if instance.mirrored else 0
    disk = sum(size + meta for size in instance.disk_sizes) if anew and instance.disk_template != "file" else 0
    return Need(disk, instance.memory if instance.meant_to_run else 0, _exclusion_tags(instance, plan), copies)


def choose(need: Need, free: Mapping[str, Room], most: int) -> tuple[str, ...] | None:
    """The nodes with the most room that can hold what C(need) asks for, primary first; None where that fails. Those on
    which C(most) repairs work already come last."""

    def order_of(name: str) -> tuple[bool, int, int, str]:
        room = free[name]
        return room.work >= most, -room.disk if need.disk else 0, -room.memory, name

    order = sorted(free, key=order_of)
    for primary in (name for name in order if not need.missing(free[name], True)):
        others = [name for name in order if name != primary and not need.missing(free[name], False)]
        if len(others) >= need.copies - 1:
            return (primary, *others[: need.copies - 1])
    return None


def _no_room(need: Need, free: Mapping[str, Room], group: str) -> str:
    """What is missing, on the nodes where the least is."""
    where = "2 nodes" if need.copies > 1 else "a node"
    disk = f"{need.disk} MiB of disk and " if need.disk else ""
    text = f"no room in group {group}: it needs {where} with {disk}{need.memory} MiB of memory free"
    order = sorted(free, key=lambda name: (max(need.disk - free[name].disk, 0), need.memory - free[name].memory, name))
    told = [f"{name}: {need.missing(free[name], True) or 'fits'}" for name in order[:_NAMED]]
    more = [f"{len(order) - _NAMED} more nodes"] * (len(order) > _NAMED)
    return f"{text} ({'; '.join(told + more) or 'no node of it can be asked'})"


def _after(room: Room, need: Need, primary: bool) -> Room:
    tags = room.tags | need.tags if primary else room.tags
    return Room(room.disk - need.disk, room.memory - need.memory, tags, room.work + 1)
