# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reach: who reaches whom in one look, and what that says of those who look (nodes are judged only if it says nothing).

Before anybody is called dead, these are ruled out, in this order: that this machine is cut off, that the master is,
that two nodes take themselves for the master, and that the network has fallen apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..ganeti.model import Node, NodeState
from .looks import CONTROLLER, Answer, NodeLook


def masters_of(look: NodeLook, nodes: Mapping[str, Node], master: str) -> tuple[str, ...]:
    """The nodes that somebody takes for the master: the cluster's own answer, and that of each node that is not offline
    (one that comes back still believes what was so when it left: measured)."""
    online = {name for name, node in nodes.items() if node.state is not NodeState.OFFLINE}
    named = {observer.master for observer in look.observers if observer.master and observer.name in online}
    return tuple(sorted(named | {master}))


def parts_of(look: NodeLook, nodes: Mapping[str, Node], master: str) -> tuple[tuple[str, ...], ...]:
    """The parts into which the living nodes fall; nobody of one part reaches anybody of another. The master's part is
    the first. Alive is who answered the master, us, or another observer; nodes that are offline do not count."""
    answered = {name for name, boot_id in look.live.items() if boot_id is not None}
    answered |= {observer.name for observer in look.observers}
    answered |= {
        name for observer in look.observers for name, answer in observer.reach.items() if answer is Answer.ANSWERS
    }
    alive = (answered & look.live.keys() & nodes.keys()) | {master}
    part = {name: name for name in alive}

    def root(name: str) -> str:
        while part[name] != name:
            name = part[name]
        return name

    for near, far in _links(look, master):
        if near in alive and far in alive:
            part[root(near)] = root(far)
    parts: dict[str, list[str]] = {}
    for name in sorted(alive):
        parts.setdefault(root(name), []).append(name)
    return tuple(tuple(names) for names in sorted(parts.values(), key=lambda names: (master not in names, names)))


def _links(look: NodeLook, master: str) -> Iterable[tuple[str, str]]:
    """Pairs of nodes one of which got an answer from the other."""
    for name, boot_id in look.live.items():
        if boot_id is not None:
            yield master, name
    for observer in look.observers:
        if observer.name == CONTROLLER:
            continue  # it reaches nodes over a network of its own
        for name, answer in observer.reach.items():
            if answer is Answer.ANSWERS:
                yield observer.name, name
        for name in observer.replicates_with:
            yield observer.name, name


def why_nobody_is_judged(look: NodeLook, nodes: Mapping[str, Node], master: str, alone: bool) -> str:
    """Why this look says nothing of any silent node, as a sentence; empty if it does. `alone` says that the user lets
    one machine judge, as a cluster of two nodes has no quorum."""
    if look.isolation and not any(look.isolation.values()):
        return f"this machine is cut off: none of {', '.join(sorted(look.isolation))} answers it"
    if not look.silent:
        return ""
    if 2 * len(look.silent) >= len(look.live) and not (alone and len(look.live) == 2):
        return (
            f"{len(look.silent)} of {len(look.live)} nodes do not answer the master {master}: rather the master is cut "
            "off; look at its network"
        )
    masters = masters_of(look, nodes, master)
    if len(masters) > 1:
        return f"nodes disagree on who is the master: {', '.join(masters)}; stop the wrong one before anything else"
    own, *others = parts_of(look, nodes, master)
    apart = [part for part in others if len(part) > 1]
    if apart:
        told = "; ".join(", ".join(part) for part in (own, *apart))
        return f"the network has fallen apart, and both sides are alive: {told}; mend the network, no node is dead"
    return ""


def why_no_quorum(look: NodeLook, name: str, nodes: Mapping[str, Node], needed: int | None) -> str:
    """Why those who looked are too few to call the node `name` dead, as a sentence; empty if they are enough.

    `needed` is the number of witnesses that must have answered; None: more than half of those that were asked, and one
    at least; from two groups if two groups have nodes that could speak.
    """
    if needed == 0:
        return ""
    asked = look.asked - {name} - look.silent
    witnesses = {observer.name for observer in look.observers if observer.name in nodes} - {name} - look.silent
    least = len(asked) // 2 + 1 if needed is None else needed
    if len(witnesses) < least:
        return f"{len(witnesses)} of {len(asked)} witnesses answered; {least} must, to call a node dead"
    speaking = [node for node in nodes.values() if node.name in look.live and node.name not in {name, *look.silent}]
    groups = {node.group for node in speaking}
    if len(groups) > 1 and len({nodes[witness].group for witness in witnesses}) < 2:
        return "all witnesses that answered are in one node group; one of another group must, too"
    return ""


def is_group_silent(look: NodeLook, name: str, nodes: Mapping[str, Node]) -> bool:
    """Whether no node at all of the group of `name` answers the master, though it has others: their switch, then."""
    group = [other for other in look.live if other in nodes and nodes[other].group == nodes[name].group]
    return len(group) > 1 and look.silent.issuperset(group)
