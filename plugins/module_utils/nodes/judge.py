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
from .looks import CONTROLLER, Answer, NodeLook, Observer, Power, Severity
from .reach import is_group_silent, masters_of, parts_of, why_no_quorum, why_nobody_is_judged


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
    """What each of `nodes` is by one look. `witness_quorum` is the number of witnesses that must have answered: None
    for more than half of those asked, 0 where the user lets this machine and the power device judge alone."""
    stopped = why_nobody_is_judged(look, nodes, master, alone=witness_quorum == 0)
    judged = {name: _judge(look, node, nodes, master, stopped, witness_quorum) for name, node in nodes.items()}
    return Judgement(
        nodes={name: found for name, found in judged.items() if found},
        stopped=stopped,
        masters=masters_of(look, nodes, master),
        parts=parts_of(look, nodes, master),
    )


def _judge(
    look: NodeLook, node: Node, nodes: Mapping[str, Node], master: str, stopped: str, quorum: int | None
) -> Judged | None:
    reached = _reached_by(look, node.name)
    evidence = _evidence(look, node.name)
    if node.name not in look.live:
        return _of_unasked(node, reached, evidence)
    if look.live[node.name] is not None:
        return _of_answering(look, node.name)
    if reached:
        return _of_reached(look, node.name, master, reached, evidence)
    if stopped:
        return Judged(NodeVerdict.UNKNOWN, stopped, evidence)
    if look.storage.get(node.name):
        return Judged(
            NodeVerdict.VETOED, f"nobody reaches {node.name}, but its storage is alive: it writes there", evidence
        )
    missing = why_no_quorum(look, node.name, nodes, quorum)
    if missing:
        return Judged(NodeVerdict.UNKNOWN, f"nobody reaches {node.name}, but {missing}", evidence)
    return _of_unreached(look, node, nodes, evidence)


def _of_unasked(node: Node, reached: Sequence[str], evidence: tuple[str, ...]) -> Judged | None:
    """Of a node that the master did not ask: it is offline, or its flags could not be read."""
    if node.state is NodeState.OFFLINE:
        if not reached:
            return None
        words = (
            f"{node.name} is marked offline, but answers {', '.join(reached)}: nothing proves any more that it is off"
        )
        return Judged(NodeVerdict.RETURNED, words, evidence)
    return Judged(NodeVerdict.UNKNOWN, f"the master did not say whether {node.name} answers", evidence)


def _of_answering(look: NodeLook, name: str) -> Judged:
    """Of a node whose noded answered the master."""
    findings = [finding for observer in look.observers if observer.name == name for finding in observer.findings]
    bad = [finding.text for finding in findings if finding.severity is Severity.EVACUATE]
    told = tuple(finding.text for finding in findings)
    if bad:
        return Judged(NodeVerdict.DEGRADED, f"{name} answers, but {'; '.join(bad)}", told)
    return Judged(NodeVerdict.HEALTHY, f"{name} answers the master", told)


def _of_reached(look: NodeLook, name: str, master: str, reached: Sequence[str], evidence: tuple[str, ...]) -> Judged:
    """Of a node that is silent to the master's noded query, but answers somebody. Its guests may be well: no power."""
    if _is_linked(look, name, master):
        words = f"{name} answers by SSH, but its node daemon does not: restart ganeti-noded there"
        return Judged(NodeVerdict.DEAF, words, evidence)
    words = f"{name} answers {', '.join(reached)}, but not the master {master}: look at the network between the two"
    return Judged(NodeVerdict.CUT_OFF, words, evidence)


def _is_linked(look: NodeLook, name: str, master: str) -> bool:
    """Whether the master got an answer from the node other than the node daemon's, or the node from the master."""
    return any(
        observer.reach.get(other) is Answer.ANSWERS
        for observer in look.observers
        for other in ({name: master, master: name}.get(observer.name),)
        if other
    )


def _of_unreached(look: NodeLook, node: Node, nodes: Mapping[str, Node], evidence: tuple[str, ...]) -> Judged:
    """Of a node that nobody got an answer from, by enough witnesses."""
    power = look.power.get(node.name, Power.UNKNOWN)
    if power is Power.OFF:
        return Judged(
            NodeVerdict.OFF, f"nobody reaches {node.name}, and its power device says that it is off", evidence
        )
    if is_group_silent(look, node.name, nodes):
        words = (
            f"no node of the group {node.group} answers, which is rather its switch; only power that is off tells more"
        )
        return Judged(NodeVerdict.UNKNOWN, words, evidence)
    if any(observer.reach.get(node.name) is Answer.ACCEPTS for observer in look.observers):
        words = f"{node.name} accepts connections, but answers nobody: its kernel lives, its programs hang"
        return Judged(NodeVerdict.HUNG, words, evidence)
    if power is Power.ON:
        return Judged(NodeVerdict.ISOLATED, f"nobody reaches {node.name}, and its power is on", evidence)
    words = f"nobody reaches {node.name}, and no power device says whether it is off: a person must find out"
    return Judged(NodeVerdict.DARK, words, evidence)


def _reached_by(look: NodeLook, name: str) -> tuple[str, ...]:
    """Those who got an answer from the node, or whose DRBD is connected with it; this machine, if the node itself
    answered us, and so is an observer."""
    found = [observer.name for observer in look.observers if _reaches(observer, name)]
    if any(observer.name == name for observer in look.observers) and CONTROLLER not in found:
        found.append(CONTROLLER)
    return tuple(found)


def _reaches(observer: Observer, name: str) -> bool:
    return observer.name != name and (observer.reach.get(name) is Answer.ANSWERS or name in observer.replicates_with)


def _evidence(look: NodeLook, name: str) -> tuple[str, ...]:
    """Who saw what of the node."""
    found = [f"{observer.name}: {observer.reach[name].value}" for observer in look.observers if name in observer.reach]
    found += [f"{observer.name}: replicates with it" for observer in look.observers if name in observer.replicates_with]
    if name in look.power:
        found.append(f"power: {look.power[name].value}")
    if name in look.storage:
        found.append(f"storage: {'alive' if look.storage[name] else 'silent'}")
    return tuple(found)
