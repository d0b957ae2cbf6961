# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Offline: what comes next for a node that a person wants off, or says is off (design, section 8; N1, N2, N6, N7).

Three questions, each asked of looks that are seconds old: may its power be switched off, may it be marked offline now
that its power is said to be off, and may it be marked offline by a person's word. What the tags say has been done
already is not done again, so whoever was interrupted asks again from the start.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Callable

from ..ganeti.model import Node, NodeState
from ..tags.nodewatch import NodeStage, Staged, stage_tag
from .judge import NodeVerdict, all_signs_of_life, reached_by
from .looks import NodeLook
from .plan import NodePlan, NodeRow, stages_of, why_it_is_not_known

_SILENT = (NodeVerdict.OFF, NodeVerdict.ISOLATED, NodeVerdict.HUNG, NodeVerdict.DARK)  # nobody gets an answer from it
EVEN_IF = tuple(
    verdict.value for verdict in NodeVerdict if verdict not in _SILENT
)  # by which a person has to ask for it
_BEGUN = (NodeStage.FENCING, NodeStage.FENCED)
PERSON = "person."  # begins the method of a proof that is a person's word


@dataclass(frozen=True)
class Proof:
    """What came of the attempt to power a node off: `off` if its power device said so, by the way that `method`
    names."""

    node: str
    method: str
    off: bool


@dataclass(frozen=True)
class NodeChange:
    """What to write about a node: tags of the cluster to add and to remove, and whether it is marked offline in
    between. `note` says what that means; `error` is why nothing is done, or, beside tags, what has failed."""

    node: Node
    incident: str = ""
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    mark: bool = False
    note: str = ""
    error: str = ""

    @property
    def needed(self) -> bool:
        """Whether there is something to write."""
        return bool(self.add or self.remove or self.mark)


def begin_fencing(name: str, plan: NodePlan, looks: int, even_if: str | None, new_id: Callable[[], str]) -> NodeChange:
    """Whether the power of a node may be switched off, and the tag that says that somebody is about to.

    `looks` is the number of equal looks that it takes; `even_if` is the verdict by which a person wants it although the
    node may be alive. A tag of an attempt that did not come
    to its end is kept, if nothing speaks for the node being alive: that attempt goes on.
    """
    row = _row(name, plan)
    refusal = _never(row, plan) or _alive(row, plan, looks, even_if)
    if refusal:
        return NodeChange(row.node, error=refusal)
    own = stages_of(row.node, plan.observed)
    begun = _begun(own)
    if begun and not all_signs_of_life(plan.observed.looks[-1], name):
        note = f"goes on with what {begun.tag} has begun"
        return NodeChange(row.node, begun.id, remove=_all_but(begun.tag, own), note=note)
    incident = new_id()
    tag = stage_tag(NodeStage.FENCING, row.node.uuid, incident, int(plan.observed.time))
    return NodeChange(row.node, incident, (tag,), _all_but(tag, own), note="may be powered off")


def end_fencing(proof: Proof, plan: NodePlan) -> NodeChange:
    """What the attempt to power a node off has come to: it is marked offline only if its power device said that it is
    off, and nobody has had an answer from it since. Else the attempt has failed (N7), which a tag says."""
    row = _row(proof.node, plan)
    own = stages_of(row.node, plan.observed)
    begun, look = _begun(own), plan.observed.looks[-1]
    refusal = _never(row, plan)
    if not refusal and begun is None:
        refusal = "the tag of its fencing is gone: somebody has removed it; look at the node, and begin anew"
    if not refusal and begun and look.time < begun.time:
        refusal = "nobody has looked at it since its fencing began; look again"
    if not refusal and proof.off and not _looked_at(proof.node, look):
        refusal = "besides the master nobody has looked at it since it was powered off; look again"
    if refusal or begun is None:
        return NodeChange(row.node, error=refusal)
    signs = all_signs_of_life(look, proof.node)
    if proof.off and not signs:
        return _proven(row, begun, own, int(plan.observed.time), proof.method)
    if proof.off:
        step, error = "answers", f"{proof.method} says that it is off, but it lives, by {', '.join(signs)}: {_OTHER}"
    else:
        step, error = "power-off", f"{proof.method} did not prove that it is off, so it was not marked; see above why"
    tag = stage_tag(NodeStage.FAILED, row.node.uuid, begun.id, int(plan.observed.time), step)
    return NodeChange(row.node, begun.id, (tag,), _all_but(tag, own), error=error)


_OTHER = "the power device is another machine's, which may be off now; find out which one, at once"


def confirm_off(name: str, words: str, plan: NodePlan, new_id: Callable[[], str]) -> NodeChange:
    """What a person's word comes to, who says that a node is off: it is marked offline, unless anything speaks against
    it. The tag keeps the words."""
    row, look = _row(name, plan), plan.observed.looks[-1]
    signs = all_signs_of_life(look, name)
    refusal = _never(row, plan)
    if not refusal and signs:
        refusal = f"somebody says that it is off, but it lives, by {', '.join(signs)}"
    if not refusal and not _looked_at(name, look):
        refusal = "besides the master nobody has looked at it; look again"
    if refusal:
        return NodeChange(row.node, error=refusal)
    own, time = stages_of(row.node, plan.observed), int(plan.observed.time)
    incident = _begun(own) or Staged("", NodeStage.FENCING, row.node.uuid, time, new_id())
    return _proven(row, incident, own, time, PERSON + words.strip())


def _proven(row: NodeRow, incident: Staged, own: Iterable[Staged], time: int, method: str) -> NodeChange:
    """A node that is known to be off: the tag that names the proof, and then the mark (N1). A tag that says the same
    is kept."""
    tag = stage_tag(NodeStage.FENCED, row.node.uuid, incident.id, incident.time, method)
    if tag != incident.tag:
        tag = stage_tag(NodeStage.FENCED, row.node.uuid, incident.id, time, method)
    marked = row.node.state is NodeState.OFFLINE
    note = "is known to be off, and was marked offline before" if marked else "is known to be off; marked offline"
    add = () if tag == incident.tag else (tag,)
    return NodeChange(row.node, incident.id, add, _all_but(tag, own), not marked, note)


def _never(row: NodeRow, plan: NodePlan) -> str:
    """Why nobody may do this to a node, whatever he says; empty if somebody may."""
    unknown = why_it_is_not_known(row.node, plan.observed, plan.judgement)
    if row.node.name in (plan.observed.master, *plan.judgement.masters):
        return "it is the master: while it has not been replaced, nothing of the cluster can be repaired"
    return unknown


def _alive(row: NodeRow, plan: NodePlan, looks: int, even_if: str | None) -> str:
    """Why the power of a node is not switched off, as it may be alive; empty if it may be, or if a person wants it by
    that verdict."""
    name, look = row.node.name, plan.observed.looks[-1]
    if not _looked_at(name, look):
        return "besides the master nobody has looked at it; look again"
    if row.judged is None:  # it is marked offline, and nothing speaks for its being alive
        return ""
    verdict, why = row.judged.verdict, row.judged.why
    silent = verdict in _SILENT or (verdict is NodeVerdict.RETURNED and not reached_by(look, name))
    if not silent and even_if != verdict.value:
        said = f", and not {even_if}" if even_if else ""
        return f"it is {verdict.value}{said}: {why}; to power it off all the same: even_if {verdict.value}"
    equal = row.incident.equal if row.incident else looks
    if equal < min(looks, len(plan.observed.looks)):
        return f"it was {verdict.value} in only {equal} of {looks} looks: {why}; look again"
    return ""


def _row(name: str, plan: NodePlan) -> NodeRow:
    return next(row for row in plan.rows if row.node.name == name)


def _begun(own: Iterable[Staged]) -> Staged | None:
    """The attempt that has begun and not failed."""
    return next((tag for tag in own if tag.stage in _BEGUN), None)


def _all_but(tag: str, own: Iterable[Staged]) -> tuple[str, ...]:
    return tuple(staged.tag for staged in own if staged.tag != tag)


def _looked_at(name: str, look: NodeLook) -> bool:
    """Whether anybody but the master has tried to reach it."""
    return any(name in observer.reach for observer in look.observers)
