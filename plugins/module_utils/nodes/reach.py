# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reach: who reaches whom in one look, and what that says of those who look; while it says anything, nobody is judged.

Before anybody is called dead, these are ruled out, in this order: that this machine is cut off, that the master is,
that two nodes take themselves for the master, and that the network has fallen apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..ganeti.model import Node, NodeState
from .looks import CONTROLLER, Answer, NodeLook, Observer


def members_of(nodes: Mapping[str, Node]) -> frozenset[str]:
    """The nodes that should be alive: all but those that are marked offline."""
    return frozenset(name for name, node in nodes.items() if node.state is not NodeState.OFFLINE)


def masters_of(look: NodeLook, nodes: Mapping[str, Node], master: str) -> tuple[str, ...]:
    """The nodes that somebody takes for the master: the cluster's own answer, and that of each node that is not offline
    (one that comes back still believes what was so when it left: measured)."""
    members = members_of(nodes)
    named = {observer.master for observer in look.observers if observer.master and observer.name in members}
    return tuple(sorted(named | {master}))


def parts_of(look: NodeLook, nodes: Mapping[str, Node], master: str) -> tuple[tuple[str, ...], ...]:
    """The parts into which the living nodes fall; nobody of one part reaches anybody of another. The master's part is
    the first. Alive is who answered the master, us, or another observer; nodes that are offline do not count."""
    answered = {name for name, boot_id in look.live.items() if boot_id is not None}
    answered |= {observer.name for observer in look.observers}
    answered |= {
        name for observer in look.observers for name, answer in observer.reach.items() if answer is Answer.ANSWERS
    }
    alive = (answered & members_of(nodes)) | {master}
    part = {name: name for name in alive}

    def root(name: str) -> str:
        while part[name] != name:
            part[name] = part[part[name]]  # the way gets shorter each time that it is gone
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
    """Pairs of nodes one of which got an answer from the other. What this machine reaches is none: it may use another
    network."""
    for name, boot_id in look.live.items():
        if boot_id is not None:
            yield master, name
    for observer in look.observers:
        for name, answer in observer.reach.items():
            if answer is Answer.ANSWERS:
                yield observer.name, name
        for name in observer.replicates_with:
            yield observer.name, name


def why_nobody_is_judged(look: NodeLook, nodes: Mapping[str, Node], master: str, quorum: int | None) -> str:
    """Why this look says nothing of any node that is silent, as a sentence; empty if it does. `quorum`: see
    why_no_quorum."""
    if look.isolation and not any(look.isolation.values()):
        return f"this machine is cut off: none of {', '.join(sorted(look.isolation))} answers it"
    members = members_of(nodes)
    answering = {name for name in members if look.live.get(name) is not None}
    if answering == members:
        return ""
    if master not in answering:
        return f"the master {master} does not answer itself; look at its node daemon and its network"
    if 2 * len(answering) <= len(members) and not _may_judge_alone(members, quorum):
        return (
            f"only {len(answering)} of {len(members)} nodes answer the master {master}: rather the master is cut off; "
            "look at its network"
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


def _may_judge_alone(members: frozenset[str], quorum: int | None) -> bool:
    """Whether the user lets this machine judge without witnesses, which only a cluster of two nodes needs."""
    return quorum == 0 and len(members) == 2


def why_no_quorum(look: NodeLook, name: str, nodes: Mapping[str, Node], quorum: int | None) -> str:
    """Why those who looked are too few to call the node `name` dead, as part of a sentence; empty if they are enough.

    `quorum` is the number of witnesses that must have answered; None: more than half of those that were asked. They
    must be of two groups if two groups have nodes that could speak. With 0, in a cluster of two nodes, this machine
    judges alone, if an isolation address has answered it.
    """
    members = members_of(nodes)
    by_us = any(observer.name == CONTROLLER and name in observer.reach for observer in look.observers)
    if _may_judge_alone(members, quorum):
        if by_us and any(look.isolation.values()):
            return ""
        return "this machine judges alone here: it must have looked itself, and an isolation address must answer it"
    speaking = {other for other in members - {name} if look.live.get(other) is not None}
    asked = look.asked & speaking
    witnesses = {observer.name for observer in look.observers if _is_witness(observer, name) and observer.name in asked}
    least = max(quorum or len(asked) // 2 + 1, 1)
    if len(witnesses) < least:
        return f"{len(witnesses)} of {len(asked)} witnesses have looked at it and reach others; {least} must"
    if len(witnesses) == 1 and not by_us:
        return "only one witness has looked at it; this machine must, too"
    groups = {nodes[other].group for other in speaking}
    if len(groups) > 1 and len({nodes[witness].group for witness in witnesses}) < 2:
        return "all witnesses that looked at it are in one node group; one of another group must, too"
    return ""


def _is_witness(observer: Observer, name: str) -> bool:
    """Whether an observer's silence about the node says anything: it has looked at that node, and reaches another one,
    and it knows who is the master."""
    others = [answer for other, answer in observer.reach.items() if other != name]
    return name in observer.reach and Answer.ANSWERS in others and bool(observer.master)


def is_group_silent(look: NodeLook, name: str, nodes: Mapping[str, Node]) -> bool:
    """Whether no node at all of the group of `name` answers the master, though it has others: their switch, then. A
    node that was marked offline counts, too: it was behind the same switch."""
    group = [other for other, node in nodes.items() if node.group == nodes[name].group]
    return len(group) > 1 and all(look.live.get(other) is None for other in group)


def is_beside_a_break(look: NodeLook, name: str, nodes: Mapping[str, Node], master: str) -> bool:
    """Whether a living node of the group of `name` is cut off from the master's part: `name` may be, as well."""
    apart = [other for part in parts_of(look, nodes, master)[1:] for other in part]
    return any(nodes[other].group == nodes[name].group for other in apart)
