# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placement: chooses nodes for recreated disks and, if the user wants, for instances on shared storage (design, section
3).

Ganeti's allocator may choose another group for new disks, fail half-way and leave the instance without disks, so their
nodes are always named. They come from the instance's own group, as its policy and its networks do.

Free disk is that of the cluster's main volume group. Only a job (OP_INSTANCE_QUERY_DATA) returns the volume group of an
instance's disks; no query does, over either transport. So for disks in another volume group the numbers are wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import AutorepairError, ClusterError, Unreachable
from ..ganeti.client import Client
from ..ganeti.model import Instance
from ..ganeti.operations import Operation
from ..ganeti.usable import values_of
from ..repair.action import Action, ActionKind, report
from ..repair.case import Case
from ..repair.reasons import Reason
from .locations import desired, labels
from .plan import Plan
from .resources import FreeResources, Requirements, choose, no_room

LIVE_SECONDS = 20  # for the answer of live nodes; one that hangs is not worth a longer wait
_FIELDS = ("name", "dfree", "mfree", "dtotal")
_DRBD_META = 128  # MiB that Ganeti adds to each disk of a drbd instance
_EXCLUSION = "htools:iextags:"  # cluster tag; ends with a prefix of tags that no two instances share on a primary


@dataclass
class _Rooms:
    """`known` has all nodes, without what they have free; `asked` those that reported what they have free, less what
    is promised to others; `trouble` says why none could be asked."""

    known: Mapping[str, FreeResources]
    asked: Mapping[str, FreeResources]
    trouble: str = ""

    def take(self, nodes: tuple[str, ...], need: Requirements) -> None:
        """Promise what `need` requires on `nodes`; the first one is the primary."""
        taken = {name: self.asked[name].without(need, name == nodes[0]) for name in nodes}
        self.asked = {**self.asked, **taken}

    def inside(self, case: Case, plan: Plan) -> Mapping[str, FreeResources]:
        """The asked nodes to which the instance of `case` may go."""
        nodes, primary = plan.cluster.nodes, case.instance.primary
        return {name: room for name, room in self.asked.items() if nodes[name].group == case.group and name != primary}


def assign_nodes(plan: Plan, client: Client) -> Plan:
    """`plan` with nodes for every step for which they are chosen here; a step without room waits.

    Only nodes that could be chosen are asked for live values, once, and for LIVE_SECONDS at most. Nothing is asked if
    there is nothing to place.
    """
    to_place = {case.group for case, action in plan.rows if _wants_nodes(case, action, plan)}
    if not to_place:
        return plan
    rooms = _read_rooms(plan, client, {group for group in to_place if not _closed(group, plan)})
    rooms.asked = _without_promised(plan, rooms.asked)
    rows = []
    for case, action in sorted(plan.rows, key=plan.urgency):
        wants = _wants_nodes(case, action, plan)
        rows.append((case, _placed(case, action, plan, rooms) if wants else action))
    return replace(plan, rows=tuple(sorted(rows, key=lambda row: row[0].instance.name)))


def _wants_nodes(case: Case, action: Action, plan: Plan) -> bool:
    if action.kind is not ActionKind.SUBMIT:
        return False
    operation = action.steps[0].operation
    if action.starts_repair and not plan.limits.max_in_flight:  # nothing may begin
        return False
    moves = operation in (Operation.FAILOVER, Operation.MIGRATE) and case.instance.shared and plan.limits.choose_nodes
    return moves or operation is Operation.RECREATE_DISKS


def _closed(group: str, plan: Plan) -> str:
    """Why nothing is placed in `group`, in words; empty if something may be."""
    policy = plan.cluster.groups[group].alloc_policy
    if policy in ("preferred", "last_resort"):
        return ""
    return f"the alloc_policy of its group {group} is {policy or 'not known'}"


def _read_rooms(plan: Plan, client: Client, groups: Iterable[str]) -> _Rooms:
    """What the nodes of `groups` that may take an instance have free, or why that is not known."""
    known = _known(plan)
    names = [node.name for node in plan.cluster.nodes.values() if node.group in groups and node.takes_instances]
    if not names:
        return _Rooms(known, {})
    try:
        rows = client.query("node", _FIELDS, ["|", *(["=", "name", name] for name in names)], LIVE_SECONDS)
    except Unreachable as error:  # the nodes, not the cluster: that has just answered
        return _Rooms(known, {}, str(error))
    except ClusterError:
        raise
    except AutorepairError as error:
        return _Rooms(known, {}, str(error))
    cells = [values_of(_FIELDS, row) for row in rows]
    answered = [cell for cell in cells if cell.get("name") in names and isinstance(cell.get("mfree"), int)]
    return _Rooms(known, {cell["name"]: _room(cell, known[cell["name"]]) for cell in answered})


def _room(cell: Mapping[str, Any], known: FreeResources) -> FreeResources:
    """`known`, a node by its configuration, with what it has free; without a volume group it has no disk."""
    size = cell["dtotal"] if isinstance(cell.get("dtotal"), int) else None
    return replace(known, disk=_number(cell.get("dfree")), memory=cell["mfree"], size=size)


def _known(plan: Plan) -> Mapping[str, FreeResources]:
    """All nodes by their configuration, with nothing free, as that is not known yet."""
    tags = _tags_of_primaries(plan)
    nodes = plan.cluster.nodes
    return {
        name: FreeResources(0, 0, tags.get(name, frozenset()), labels=labels(node, plan.cluster.tags))
        for name, node in nodes.items()
    }


def _without_promised(plan: Plan, free: Mapping[str, FreeResources]) -> Mapping[str, FreeResources]:
    """`free` less what unfinished jobs will take, as live data may not show it yet."""
    for case, _action in plan.rows:
        nodes = {name for job in case.unfinished_jobs for name in job.nodes if name in free}
        if nodes:
            anew = any(Operation.RECREATE_DISKS.opcode in job.operations for job in case.unfinished_jobs)
            need = _need(case.instance, plan, anew)
            free = {name: room.without(need, True) if name in nodes else room for name, room in free.items()}
    return free


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _tags_of_primaries(plan: Plan) -> Mapping[str, frozenset[str]]:
    """By node name, the exclusion tags of the instances with their primary there."""
    found: dict[str, frozenset[str]] = {}
    for instance in plan.cluster.instances:
        found[instance.primary] = found.get(instance.primary, frozenset()) | _exclusion_tags(instance, plan)
    return found


def _exclusion_tags(instance: Instance, plan: Plan) -> frozenset[str]:
    begins = tuple(tag[len(_EXCLUSION) :] for tag in plan.cluster.tags if tag.startswith(_EXCLUSION))
    return frozenset(tag for tag in instance.tags if tag.startswith(tuple(begin for begin in begins if begin)))


def _placed(case: Case, action: Action, plan: Plan, rooms: _Rooms) -> Action:
    """`action` with its nodes, whose room is taken from `rooms`; or an action that waits, or needs a person."""
    instance, first = case.instance, action.steps[0].operation
    anew = first is Operation.RECREATE_DISKS
    never = _closed(case.group, plan) or _not_enabled(instance, plan)
    if never:
        told = plan.cluster.groups[case.group].alloc_policy and plan.cluster.enabled_disk_templates
        return _reported(case, action, Reason.NO_NODE if told else Reason.NOT_KNOWN, never)
    if anew and not instance.disk_sizes:
        return _reported(case, action, Reason.NOT_KNOWN, "the sizes of its disks are not known")
    if rooms.trouble:
        return _waiting(action, rooms.trouble)
    need = _need(instance, plan, anew)
    if first is Operation.MIGRATE:
        need = replace(need, source=rooms.known[instance.primary].labels)
    inside = rooms.inside(case, plan)
    nodes = choose(need, inside, plan.limits.max_per_node, {**rooms.known, **rooms.asked})
    if nodes is None:
        return _unplaced(case, action, plan, need, inside)
    rooms.take(nodes, need)
    return replace(action, nodes=nodes)


def _unplaced(
    case: Case, action: Action, plan: Plan, need: Requirements, inside: Mapping[str, FreeResources]
) -> Action:
    """`action`, which waits until there is room, or needs a person if there never will be."""
    words = no_room(need, inside)
    if need.disk:
        words += "; disk is counted in the cluster's main volume group only"
    asked = [node for node in plan.cluster.nodes.values() if node.group == case.group and node.takes_instances]
    silent = [node for node in asked if node.name not in inside and node.name != case.instance.primary]
    able = sum(not need.never(room) for room in inside.values()) + len(silent)
    if able < need.copies:
        return _reported(case, action, Reason.NO_NODE, f"no node of group {case.group} can ever take it: {words}")
    return _waiting(action, f"no room in group {case.group}: {words}")


def _waiting(action: Action, words: str) -> Action:
    return replace(action, kind=ActionKind.WAIT, reason=f"{action.reason}; {words}", why=Reason.NO_ROOM)


def _reported(case: Case, action: Action, why: Reason, words: str) -> Action:
    return report(case, why, f"{action.reason}; {words}", steps=action.steps)


def _not_enabled(instance: Instance, plan: Plan) -> str:
    enabled = plan.cluster.enabled_disk_templates
    if instance.disk_template in enabled:
        return ""
    has = ", ".join(enabled) or "none"
    return f"the disk template {instance.disk_template} is not enabled in the cluster, which enables {has}"


def _need(instance: Instance, plan: Plan, anew: bool) -> Requirements:
    """What `instance` needs on a node. Disk counts only if disks are recreated (`anew`), and not for disks that are
    files, as only a job returns how much room a node has for these."""
    copies = 2 if instance.mirrored else 1
    meta = _DRBD_META if instance.mirrored else 0
    disk = sum(size + meta for size in instance.disk_sizes) if anew and instance.disk_template != "file" else 0
    memory = instance.memory if instance.meant_to_run else 0
    return Requirements(
        disk, memory, _exclusion_tags(instance, plan), copies, desired=desired(instance.tags, plan.cluster.tags)
    )
