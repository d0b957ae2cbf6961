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
from ..ganeti.operations import Operation
from ..tags.nodewatch import NodeStage, Staged, stage_tag
from .judge import NodeVerdict, all_signs_of_life, reached_by
from .looks import Answer, NodeLook
from .node_change import NodeChange, all_but
from .plan import NodePlan, NodeRow, stages_of, why_it_is_not_known

_SILENT = (NodeVerdict.OFF, NodeVerdict.ISOLATED, NodeVerdict.HUNG, NodeVerdict.DARK)  # nobody gets an answer from it
EVEN_IF = tuple(
    verdict.value for verdict in NodeVerdict if verdict not in _SILENT
)  # by which a person has to ask for it
LONGEST_MARK = 900  # seconds from the tag that names a proof to the end of the mark that follows it
PERSON = "person."  # begins the method of a proof that is a person's word


@dataclass(frozen=True)
class Proof:
    """What came of the attempt to power a node off: `off` if its power device said so, by the way that `method`
    names."""

    node: str
    method: str
    off: bool


def begin_fencing(name: str, plan: NodePlan, looks: int, even_if: str | None, new_id: Callable[[], str]) -> NodeChange:
    """Whether the power of a node may be switched off, and the tag that says that somebody is about to.

    `looks` is the number of equal looks that it takes; `even_if` is the verdict by which a person wants it although the
    node may be alive. A tag of an attempt that did not come to its end is kept, if nothing speaks for the node being
    alive: that attempt goes on.
    """
    row = _row(name, plan)
    refusal = _never(row, plan) or _alive(row, plan, looks, even_if)
    if refusal:
        return NodeChange(row.node, error=refusal)
    own = stages_of(row.node, plan.observed)
    begun = _begun(row.node, own)
    if begun and not all_signs_of_life(plan.observed.looks[-1], name):
        note = f"goes on with what {begun.tag} has begun"
        return NodeChange(row.node, begun.id, remove=all_but(begun.tag, own), note=note)
    incident = new_id()
    tag = stage_tag(NodeStage.FENCING, row.node.uuid, incident, int(plan.observed.time))
    return NodeChange(row.node, incident, (tag,), all_but(tag, own), note="may be powered off")


def end_fencing(proof: Proof, plan: NodePlan, names: Iterable[str]) -> NodeChange:
    """What the attempt to power a node off has come to: it is marked offline only if its power device said that it is
    off, and nobody has had an answer from it since. Else the attempt has failed (N7), which a tag says. `names` are all
    nodes that are being fenced: if another one has fallen silent meanwhile, that one may be off instead."""
    row = _row(proof.node, plan)
    own = stages_of(row.node, plan.observed)
    begun, look = _begun(row.node, own), plan.observed.looks[-1]
    refusal = _never(row, plan) or _unproven(begun, look, row, plan, proof)
    if refusal or begun is None:
        return NodeChange(row.node, error=refusal)
    step, error = _failed(proof, plan, names)
    if not error:
        return _proven(row, begun, own, int(plan.observed.time), proof.method)
    tag = stage_tag(NodeStage.FAILED, row.node.uuid, begun.id, int(plan.observed.time), step)
    return NodeChange(row.node, begun.id, (tag,), all_but(tag, own), error=error)


def _unproven(begun: Staged | None, look: NodeLook, row: NodeRow, plan: NodePlan, proof: Proof) -> str:
    """Why nothing can be said of an attempt; empty if its end is known."""
    name = row.node.name
    if begun is None:
        return "the tag of its fencing is gone: somebody has removed it; look at the node, and begin anew"
    if look.time < begun.time + 1:
        return "nobody has looked at it since its fencing began; look again"
    if proof.off and not _looked_at(name, look, plan.observed.master):
        return f"{_NOBODY} since it was powered off; look again"
    if not proof.off and begun.stage is NodeStage.FENCED and not all_signs_of_life(look, name):
        return f"{proof.method} did not prove that it is off; but that was proven before, and it is marked: {begun.tag}"
    return ""


def _failed(proof: Proof, plan: NodePlan, names: Iterable[str]) -> tuple[str, str]:
    """What has failed, as the word of a tag, and the sentence for people; both empty if nothing has."""
    *before, last = plan.observed.looks
    signs = all_signs_of_life(last, proof.node)
    answered = {name for look in before for name, boot_id in look.live.items() if boot_id is not None}
    fallen = sorted(name for name in answered.intersection(last.silent) if name not in set(names))
    if not proof.off:
        return "power-off", f"{proof.method} did not prove that it is off, so it was not marked; see above why"
    if signs:
        return "answers", f"{proof.method} says that it is off, but it lives, by {', '.join(signs)}: {_OTHER}"
    if fallen:
        words = f"{proof.method} says that it is off, but {', '.join(fallen)} has fallen silent meanwhile: {_OTHER}"
        return "another", words
    return "", ""


_OTHER = "the power device may be another machine's, which is off now; find out which one, at once"
_NOBODY = "besides the master nobody who reaches other nodes has looked at it"


def confirm_off(name: str, words: str, plan: NodePlan, new_id: Callable[[], str]) -> NodeChange:
    """What a person's word comes to, who says that a node is off: it is marked offline, unless anything speaks against
    it in any of the looks. The tag keeps the words."""
    row, looks = _row(name, plan), plan.observed.looks
    signs = dict.fromkeys(sign for look in looks for sign in all_signs_of_life(look, name))
    refusal = _never(row, plan)
    if not refusal and signs:
        refusal = f"somebody says that it is off, but it lives, by {', '.join(signs)}"
    if not refusal and not _looked_at(name, looks[-1], plan.observed.master):
        refusal = f"{_NOBODY}; look again"
    if refusal:
        return NodeChange(row.node, error=refusal)
    own, time = stages_of(row.node, plan.observed), int(plan.observed.time)
    incident = _begun(row.node, own) or Staged("", NodeStage.FENCING, row.node.uuid, time, new_id())
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
    marks = () if marked else (Operation.MARK_NODE_OFFLINE,)
    return NodeChange(row.node, incident.id, add, all_but(tag, own), marks, note)


def _never(row: NodeRow, plan: NodePlan) -> str:
    """Why nobody may do this to a node, whatever he says; empty if somebody may."""
    if row.node.name in (plan.observed.master, *plan.judgement.masters):
        return "it is the master: while it has not been replaced, nothing of the cluster can be repaired"
    return why_it_is_not_known(row.node, plan.observed, plan.judgement)


def _alive(row: NodeRow, plan: NodePlan, looks: int, even_if: str | None) -> str:
    """Why the power of a node is not switched off, as it may be alive; empty if it may be, or if a person wants it by
    that verdict."""
    name, seen = row.node.name, plan.observed.looks
    if not _looked_at(name, seen[-1], plan.observed.master):
        return f"{_NOBODY}; look again"
    judged = row.judged
    silent = judged is None or judged.verdict in _SILENT or judged.verdict is NodeVerdict.RETURNED
    if not silent or _is_heard(seen[-1], name):
        verdict = judged.verdict.value if judged else NodeVerdict.UNKNOWN.value
        if even_if != verdict:
            said = f", and not {even_if}" if even_if else ""
            why = judged.why if judged else "nobody can tell"
            return f"it is {verdict}{said}: {why}; to power it off all the same: even_if {verdict}"
        return ""
    quiet = sum(not _is_heard(look, name) for look in seen[-looks:])
    equal = min(quiet, row.incident.equal) if row.incident else quiet
    return "" if equal >= looks else f"it has been silent in only {equal} of {looks} looks; look again"


def _is_heard(look: NodeLook, name: str) -> bool:
    """Whether anybody got an answer from the node, or its storage did."""
    return look.live.get(name) is not None or bool(reached_by(look, name)) or bool(look.storage.get(name))


def _row(name: str, plan: NodePlan) -> NodeRow:
    return next(row for row in plan.rows if row.node.name == name)


def _begun(node: Node, own: Iterable[Staged]) -> Staged | None:
    """The attempt that goes on. What was proven once counts as long as the node is marked, and was not changed since:
    somebody may have used it in between."""
    for tag in own:
        changed_since = node.changed is not None and node.changed > tag.time + LONGEST_MARK
        kept = tag.stage is NodeStage.FENCED and node.state is NodeState.OFFLINE and not changed_since
        if kept or tag.stage is NodeStage.FENCING:
            return tag
    return None


def _looked_at(name: str, look: NodeLook, master: str) -> bool:
    """Whether anybody but the master, who reaches another node, has tried to reach it (N3)."""
    return any(
        name in observer.reach
        and Answer.ANSWERS in (answer for other, answer in observer.reach.items() if other != name)
        for observer in look.observers
        if observer.name != master
    )
