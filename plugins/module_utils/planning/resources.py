# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resources: what nodes have free, what an instance needs, and the choice of nodes (design, section 3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from .locations import NO_LABELS, Labels

_NAMED = 3  # nodes that are listed if there is no room


@dataclass(frozen=True)
class FreeResources:
    """What a node has free, in MiB. `tags` are the exclusion tags of the instances with their primary there; `work` is
    the number of unfinished repairs for which it was chosen; `size` is its total disk in MiB, None if not known."""

    disk: int
    memory: int
    tags: frozenset[str] = frozenset()
    work: int = 0
    size: int | None = None
    labels: Labels = NO_LABELS

    def without(self, need: Requirements, primary: bool) -> FreeResources:
        """What is left once an instance was placed there, as its primary if `primary`."""
        tags = self.tags | need.tags if primary else self.tags
        disk, memory = self.disk - need.disk, self.memory - need.memory
        return replace(self, disk=disk, memory=memory, tags=tags, work=self.work + 1)


@dataclass(frozen=True)
class Requirements:
    """What an instance needs on a node, in MiB; `tags` are its exclusion tags, `copies` is the number of nodes,
    `desired` has the locations that it prefers, `source` the labels of the node from which it migrates, if it does."""

    disk: int
    memory: int
    tags: frozenset[str] = frozenset()
    copies: int = 1
    desired: frozenset[str] = frozenset()
    source: Labels | None = None

    def missing(self, room: FreeResources, primary: bool) -> str:
        """Why it can't go to a node with `room` now, in words; empty if it can."""
        never = self.never(room)
        if never:
            return never
        shared = sorted(self.tags & room.tags) if primary else []
        if shared:
            return f"it holds another instance with the tag {shared[0]}"
        short = [(self.disk - room.disk, "disk"), (self.memory - room.memory, "memory")]
        return " and ".join(f"{missing} MiB of {what} missing" for missing, what in short if missing > 0)

    def never(self, room: FreeResources) -> str:
        """Why it could not go to that node even if all of it were free, in words; empty if it could."""
        if self.source is not None and not self.source.migrates_to(room.labels):
            known = self.source.known and room.labels.known
            return "the migration tags do not allow a migration to it" if known else "its tags are not known"
        if room.size is not None and self.disk > room.size:
            return f"it has {room.size} MiB of disk in total"
        return ""


def choose(
    need: Requirements, free: Mapping[str, FreeResources], most: int, held: Mapping[str, FreeResources]
) -> tuple[str, ...] | None:
    """The best nodes of `free` for what `need` requires, primary first; None if there are not enough.

    Nodes on which `most` repairs work already are the last choice. Then, as in htools, nodes are preferred that are in
    the instance's desired locations, and that share no location with each other, or with other nodes of `held` that
    have instances with one of its exclusion tags. Then those with the most room.
    """
    busy = frozenset(name for name, room in free.items() if room.work >= most)
    order = sorted(free, key=lambda name: (name in busy, *_by_room(name, free[name], need)))
    choices = _fitting(need, free, order)
    if not any(room.labels.locations or room.labels.migration for room in free.values()):
        return next(choices, None)
    near = {name: _near(need, name, room, held) for name, room in free.items()}
    best: tuple[str, ...] | None = None
    least = (0, 0)
    for nodes in choices:
        cost = (len(busy.intersection(nodes)), near[nodes[0]] + _misplaced(need, free, nodes))
        if best is None or cost < least:  # the first of equals has the most room
            best, least = nodes, cost
        if least == (0, 0):  # none is better, and pairs of nodes are many
            break
    return best


def _by_room(name: str, room: FreeResources, need: Requirements) -> tuple[int, int, str]:
    """Smaller for more room, then by name."""
    return -room.disk if need.disk else 0, -room.memory, name


def _fitting(need: Requirements, free: Mapping[str, FreeResources], order: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """All choices of nodes, those with the most room first."""
    primaries = [name for name in order if not need.missing(free[name], True)]
    others = [name for name in order if not need.missing(free[name], False)]
    for primary in primaries:
        if need.copies == 1:
            yield (primary,)
        else:
            yield from ((primary, other) for other in others if other != primary)


def _misplaced(need: Requirements, free: Mapping[str, FreeResources], nodes: tuple[str, ...]) -> int:
    """How badly the instance would be placed on `nodes`: the part of htools' score that comes from their tags."""
    primary, *others = (free[name].labels for name in nodes)
    undesired = len(need.desired - primary.locations)
    common = sum(len(primary.locations & other.locations) for other in others)
    stuck = sum(not primary.migrates_to(other) for other in others if primary.known and other.known)
    return undesired + common + stuck


def _near(need: Requirements, primary: str, room: FreeResources, held: Mapping[str, FreeResources]) -> int:
    """How many exclusion tags and locations the instance on `primary` would share with other nodes of `held`."""
    locations = room.labels.locations
    if not (need.tags and locations):
        return 0
    rooms = [other for name, other in held.items() if name != primary and other.tags & need.tags]
    return sum(len(other.labels.locations & locations) * len(other.tags & need.tags) for other in rooms)


def no_room(need: Requirements, free: Mapping[str, FreeResources]) -> str:
    """What `need` requires, and what is missing on the nodes where the least is missing, in words."""
    where = "2 nodes" if need.copies > 1 else "a node"
    disk = f"{need.disk} MiB of disk and " if need.disk else ""
    order = sorted(free, key=lambda name: (max(need.disk - free[name].disk, 0), need.memory - free[name].memory, name))
    told = [f"{name}: {need.missing(free[name], True) or 'fits'}" for name in order[:_NAMED]]
    more = [f"{len(order) - _NAMED} more"] * (len(order) > _NAMED)
    nodes = "; ".join(told + more) or "none of its nodes can be asked"
    return f"it needs {where} with {disk}{need.memory} MiB of memory free ({nodes})"
