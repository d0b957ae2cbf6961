# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge: what each node is, by all that was seen of it (design, section 8). Who reaches a node outweighs all who don't.

A verdict is about evidence only: whether it is worth doing something. Whether a node is proven off is another question,
which only its power answers, and which is asked again before each loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from ..ganeti.model import Node, NodeState
from .looks import CONTROLLER, Answer, Finding, NodeLook, Observer, Power, Severity
from .reach import (
    is_beside_a_break,
    is_group_silent,
    masters_of,
    parts_of,
    why_no_quorum,
    why_nobody_is_judged,
)


class NodeVerdict(Enum):
    """What a node is, from the best; the values are the names that users know."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    DEAF = "deaf"
    CUT_OFF = "cut_off"
    RETURNED = "returned"
    UNKNOWN = "unknown"
    HUNG = "hung"
    VETOED = "vetoed"
    DARK = "dark"
    ISOLATED = "isolated"
    OFF = "off"

    @property
    def is_silent(self) -> bool:
        """Whether nobody at all got an answer from the node."""
        return self in (NodeVerdict.HUNG, NodeVerdict.VETOED, NodeVerdict.DARK, NodeVerdict.ISOLATED, NodeVerdict.OFF)


@dataclass(frozen=True)
class Judged:
    """A node with its verdict in one look: `why` is a sentence, `evidence` says who saw what."""

    verdict: NodeVerdict
    why: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """All nodes of a cluster in one look, by name; offline nodes of which nobody saw anything are not in it.

    `stopped` is the sentence that says why silent nodes are not judged, `masters` who is taken for the master, and
    `parts` the parts into which the network has fallen, the master's first.
    """

    nodes: Mapping[str, Judged]
    stopped: str
    masters: tuple[str, ...]
    parts: tuple[tuple[str, ...], ...]


def judge(look: NodeLook, nodes: Mapping[str, Node], master: str, witness_quorum: int | None = None) -> Judgement:
    """What each of `nodes` is by one look. `witness_quorum` is the number of witnesses that must have answered, None
    for more than half of those asked; with 0, in a cluster of two nodes, this machine and the power device judge."""
    stopped = why_nobody_is_judged(look, nodes, master, witness_quorum)
    world = _World(look, nodes, master, stopped, witness_quorum, _contradicted(look))
    judged = {name: _judge(world, node) for name, node in nodes.items()}
    return Judgement(
        nodes={name: found for name, found in judged.items() if found},
        stopped=stopped,
        masters=masters_of(look, nodes, master),
        parts=parts_of(look, nodes, master),
    )


@dataclass(frozen=True)
class _World:
    """What the verdict on a node rests on; `contradicted` are nodes that answer though their power is said to be
    off: somebody has mixed up the power devices, and none is believed that says off."""

    look: NodeLook
    nodes: Mapping[str, Node]
    master: str
    stopped: str
    quorum: int | None
    contradicted: tuple[str, ...]


def _contradicted(look: NodeLook) -> tuple[str, ...]:
    off = [name for name, power in look.power.items() if power is Power.OFF]
    return tuple(sorted(name for name in off if look.live.get(name) is not None or _signs_of_life(look, name)))


def _judge(world: _World, node: Node) -> Judged | None:
    look, answered = world.look, world.look.live.get(node.name) is not None
    reached = reached_by(look, node.name)
    evidence = _evidence(look, node.name)
    if node.state is NodeState.OFFLINE:
        return _of_offline(look, node, evidence)
    if answered:
        return _of_answering(look, node.name)
    if reached:
        return _of_reached(look, node.name, world.master, reached, evidence)
    if node.state is NodeState.UNKNOWN or node.name not in look.live:
        words = f"the master does not say whether {node.name} is marked, or whether it answers"
        return Judged(NodeVerdict.UNKNOWN, words, evidence)
    if world.stopped:
        return Judged(NodeVerdict.UNKNOWN, world.stopped, evidence)
    if look.storage.get(node.name):
        words = f"nobody reaches {node.name}, but its storage is alive: it still writes there"
        return Judged(NodeVerdict.VETOED, words, evidence)
    if not look.observers:
        words = f"{node.name} does not answer the master, and nobody else has looked at it"
        return Judged(NodeVerdict.UNKNOWN, words, evidence)
    missing = why_no_quorum(look, node.name, world.nodes, world.quorum)
    if missing:
        return Judged(NodeVerdict.UNKNOWN, f"nobody reaches {node.name}, but {missing}", evidence)
    return _of_unreached(world, node, evidence)


def _of_offline(look: NodeLook, node: Node, evidence: tuple[str, ...]) -> Judged | None:
    """Of a node that is marked offline: Ganeti does not ask it, so nothing is said unless somebody sees it live."""
    signs = all_signs_of_life(look, node.name)
    if not signs:
        return None
    words = f"{node.name} is marked offline, but lives, by {', '.join(signs)}: no proof that it is off holds"
    return Judged(NodeVerdict.RETURNED, words, evidence)


def _of_answering(look: NodeLook, name: str) -> Judged:
    """Of a node whose noded answered the master."""
    findings = _findings(look, name)
    bad = [finding.text for finding in findings if finding.severity is Severity.EVACUATE]
    told = tuple(finding.text for finding in findings)
    if look.power.get(name) is Power.OFF:
        told = (*told, "its power device says off: that device is of another machine")
    if bad:
        return Judged(NodeVerdict.DEGRADED, f"{name} answers, but {'; '.join(bad)}", told)
    if told:
        return Judged(NodeVerdict.HEALTHY, f"{name} answers the master, but {told[0]}", told)
    return Judged(NodeVerdict.HEALTHY, f"{name} answers the master")


def _of_reached(look: NodeLook, name: str, master: str, reached: Sequence[str], evidence: tuple[str, ...]) -> Judged:
    """Of a node that is silent to the master's noded query, but answers somebody. Its guests may be well: no power."""
    by_master = next((observer.reach for observer in look.observers if observer.name == master), {})
    if by_master.get(name) is Answer.ANSWERS:
        words = f"{name} answers the master {master}, but its node daemon does not: restart ganeti-noded there"
        return Judged(NodeVerdict.DEAF, words, evidence)
    words = f"{name} answers {', '.join(reached)}, but not the master {master}: look at the network between the two"
    return Judged(NodeVerdict.CUT_OFF, words, evidence)


def _of_unreached(world: _World, node: Node, evidence: tuple[str, ...]) -> Judged:
    """Of a node that nobody got an answer from, by enough witnesses."""
    look, name = world.look, node.name
    power, lives = look.power.get(name, Power.UNKNOWN), _signs_of_life(look, name)
    if power is Power.OFF and lives:
        words = (
            f"the power device of {name} says off, but its kernel answers {', '.join(lives)}: it is another machine's"
        )
        return Judged(NodeVerdict.UNKNOWN, words, evidence)
    if power is Power.OFF and not world.contradicted:
        words = f"nobody reaches {name}, and its power device says that it is off"
        return Judged(NodeVerdict.OFF, words, evidence)
    if is_group_silent(look, name, world.nodes):
        words = f"no node of group {node.group} answers: rather its switch is dead, unless their power is off"
        return Judged(NodeVerdict.UNKNOWN, words, evidence)
    if is_beside_a_break(look, name, world.nodes, world.master):
        words = f"nobody reaches {name}, but a living node of its group {node.group} is cut off, so it may be as well"
        return Judged(NodeVerdict.UNKNOWN, words, evidence)
    if lives:
        words = f"{name} accepts or refuses connections, but answers nobody: its kernel lives, its programs hang"
        return Judged(NodeVerdict.HUNG, words, evidence)
    if power is Power.ON:
        return Judged(NodeVerdict.ISOLATED, f"nobody reaches {name}, and its power is on", evidence)
    words = f"nobody reaches {name}, and no power device says whether it is off: a person must find out"
    if power is Power.OFF:
        other = world.contradicted[0]
        words = f"nobody reaches {name}, and its power device says off; but so does that of {other}, which answers"
    return Judged(NodeVerdict.DARK, words, evidence)


def reached_by(look: NodeLook, name: str) -> tuple[str, ...]:
    """Those who got an answer from the node, or whose DRBD is connected with it; this machine, if the node itself
    answered us, and so is an observer."""
    found = [observer.name for observer in look.observers if _reaches(observer, name)]
    if any(observer.name == name for observer in look.observers) and CONTROLLER not in found:
        found.append(CONTROLLER)
    return tuple(found)


def _reaches(observer: Observer, name: str) -> bool:
    return observer.name != name and (observer.reach.get(name) is Answer.ANSWERS or name in observer.replicates_with)


def _signs_of_life(look: NodeLook, name: str) -> tuple[str, ...]:
    """Those to whom the node showed that its kernel lives, if only by a refusal; and its storage."""
    some = (Answer.ANSWERS, Answer.ACCEPTS, Answer.REFUSES)
    kernel = [
        observer.name for observer in look.observers if observer.reach.get(name) in some and observer.name != name
    ]
    found = dict.fromkeys((*reached_by(look, name), *kernel, *(("its storage",) if look.storage.get(name) else ())))
    return tuple(found)


def all_signs_of_life(look: NodeLook, name: str) -> tuple[str, ...]:
    """Whatever speaks against the node being off: who got any answer from it, if only a refusal, and its storage and
    power device."""
    master = ("the master",) if look.live.get(name) is not None else ()
    power = ("its power, which is on",) if look.power.get(name) is Power.ON else ()
    return (*master, *_signs_of_life(look, name), *power)


def _evidence(look: NodeLook, name: str) -> tuple[str, ...]:
    """Who saw what of the node."""
    found = [f"{observer.name}: {observer.reach[name].value}" for observer in look.observers if name in observer.reach]
    found += [f"{observer.name}: replicates with it" for observer in look.observers if name in observer.replicates_with]
    if name in look.power:
        found.append(f"power: {look.power[name].value}")
    if name in look.storage:
        found.append(f"storage: {'alive' if look.storage[name] else 'silent'}")
    return (*found, *(finding.text for finding in _findings(look, name)))


def _findings(look: NodeLook, name: str) -> tuple[Finding, ...]:
    """What is wrong with the node by its own words."""
    return tuple(finding for observer in look.observers if observer.name == name for finding in observer.findings)
