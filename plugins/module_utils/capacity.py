# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Capacity: on which nodes disks are recreated (design, section 3).

Left to itself Ganeti's allocator may pick another group, fail half-way and leave the instance without disks, so the
nodes are always named. They come from the instance's own group, as its policy and its networks do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from .action import Action, Kind
from .client import NORMAL, Client
from .errors import AutorepairError, ClusterError
from .model import Instance, NodeState, Operation
from .plan import Plan
from .state import Case

_FIELDS = ("name", "dfree", "mfree")
_DRBD_META = 128  # MiB that Ganeti adds to each disk of a drbd instance


@dataclass(frozen=True)
class Room:
    """What a node has free, in MiB."""

    disk: int
    memory: int


def place(plan: Plan, client: Client) -> Plan:
    """C(plan) with nodes for every recreation of disks that it begins; one for which there is no room waits.

    Asks live, once, and only those nodes that could be chosen. Nothing is asked when no disks are to be recreated.
    """
    groups = {case.group for case, action in plan.rows if _recreates(action)}
    if not groups:
        return plan
    try:
        free, trouble = _read_room(client, _candidates(plan, groups)), ""
    except ClusterError:
        raise
    except AutorepairError as error:  # the other repairs need none of it
        free, trouble = {}, str(error)
    rows = []
    for case, action in plan.rows:
        if _recreates(action):
            action, free = _placed(case, action, plan, free) if not trouble else (_unplaced(action, trouble), free)
        rows.append((case, action))
    return replace(plan, rows=tuple(rows))


def _recreates(action: Action) -> bool:
    return action.kind is Kind.SUBMIT and action.steps[0].operation is Operation.RECREATE_DISKS


def _candidates(plan: Plan, groups: Iterable[str]) -> tuple[str, ...]:
    """The nodes of C(groups) that may take an instance."""
    return tuple(
        node.name
        for node in plan.cluster.nodes.values()
        if node.group in groups and node.state is NodeState.ONLINE and node.vm_capable
    )


def _read_room(client: Client, names: tuple[str, ...]) -> Mapping[str, Room]:
    """What the nodes C(names) have free; one that does not answer is left out."""
    if not names:
        return {}
    rows = client.query("node", _FIELDS, ["|", *(["=", "name", name] for name in names)])
    return {
        name[1]: Room(disk[1], memory[1])
        for name, disk, memory in rows
        if all(status == NORMAL for status, value in (name, disk, memory))
        and isinstance(disk[1], int)
        and isinstance(memory[1], int)
    }


def _placed(case: Case, action: Action, plan: Plan, free: Mapping[str, Room]) -> tuple[Action, Mapping[str, Room]]:
    """C(action) with its nodes, and what is free after it; or the same to wait for, and C(free) as it was."""
    instance, group = case.instance, case.group
    if not instance.disk_sizes:
        return _unplaced(action, "the sizes of its disks are not known"), free
    nodes = choose(instance, {name: room for name, room in free.items() if plan.cluster.nodes[name].group == group})
    if nodes is None:
        where = "2 nodes" if _copies(instance) > 1 else "a node"
        room = f"{_disk(instance)} MiB of disk and {_memory(instance)} MiB of memory free"
        return _unplaced(action, f"no room in group {group}: it needs {where} with {room}"), free
    taken = {name: Room(free[name].disk - _disk(instance), free[name].memory - _memory(instance)) for name in nodes}
    return replace(action, nodes=nodes), {**free, **taken}


def _unplaced(action: Action, why: str) -> Action:
    return replace(action, kind=Kind.WAIT, reason=f"{action.reason}; {why}")


def choose(instance: Instance, free: Mapping[str, Room]) -> tuple[str, ...] | None:
    """The nodes with the most free disk that can hold C(instance): primary first, None where there are not enough."""
    fitting = [name for name, room in free.items() if room.disk >= _disk(instance) and room.memory >= _memory(instance)]
    fitting.sort(key=lambda name: (-free[name].disk, name))
    return tuple(fitting[: _copies(instance)]) if len(fitting) >= _copies(instance) else None


def _copies(instance: Instance) -> int:
    return 2 if instance.mirrored else 1


def _disk(instance: Instance) -> int:
    meta = _DRBD_META if _copies(instance) > 1 else 0
    return sum(size + meta for size in instance.disk_sizes)


def _memory(instance: Instance) -> int:
    return instance.memory if instance.meant_to_run else 0
