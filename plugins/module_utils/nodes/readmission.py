# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readmission: how a node comes back that was marked offline (design, section 8; N9, N10).

It comes back drained, in one request, and is on probation; it is used again by a second word, or once the probation is
over. Each of these steps rests on looks at the node from all sides, and on what it says of itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Callable

from ..ganeti.model import NodeState
from ..ganeti.operations import Operation
from ..tags.nodewatch import NodeStage, Staged, stage_tag
from .incident import apart
from .looks import CONTROLLER, Answer, NodeLook, Observer
from .node_change import NodeChange, all_but
from .offline import LONGEST_MARK
from .plan import NodePlan, NodeRow, stages_of, why_it_is_not_known

SOON = 30  # seconds by which two times of one machine may differ, rounded as they are


@dataclass(frozen=True)
class Readmission:
    """How nodes are to come back: after so many `looks`, with so many seconds of `probation`, unless somebody wants it
    to end now (`undrain`)."""

    looks: int
    probation: int = 3600
    undrain: bool = False


def readmit(name: str, plan: NodePlan, wanted: Readmission, new_id: Callable[[], str]) -> NodeChange:
    """The next step by which a node comes back: drained and on probation, then used, then without the tags that
    remembered its way."""
    row = next(row for row in plan.rows if row.node.name == name)
    own = stages_of(row.node, plan.observed)
    refusal = why_it_is_not_known(row.node, plan.observed, plan.judgement) or _under_way(own, plan.observed.time)
    refusal = refusal or "; ".join(dict.fromkeys(_unfit(row, plan, wanted.looks, own)))
    if refusal:
        return NodeChange(row.node, error=refusal)
    if row.node.state is NodeState.OFFLINE:
        return _come_back(row, plan, own, new_id)
    if row.node.state is NodeState.DRAINED:
        return _end_probation(row, plan, own, wanted)
    return _clear(row, plan, own)


def _come_back(row: NodeRow, plan: NodePlan, own: Sequence[Staged], new_id: Callable[[], str]) -> NodeChange:
    """Of an offline node: the tag that says that it is on probation, and then the mark."""
    incident = next((staged.id for staged in own if staged.id), "") or new_id()
    tag = stage_tag(NodeStage.PROBATION, row.node.uuid, incident, int(plan.observed.time))
    volumes = _itself(row.node.name, plan.observed.looks[-1]).itself.volumes
    return NodeChange(
        row.node,
        incident,
        add=() if tag in [staged.tag for staged in own] else (tag,),
        remove=all_but(tag, own),
        marks=(Operation.MARK_NODE_DRAINED,),
        note="comes back drained, and on probation",
        returns=True,
        volumes=tuple((f"{plan.observed.volume_group}/{volume}", instance) for volume, instance in volumes),
    )


def _end_probation(row: NodeRow, plan: NodePlan, own: Sequence[Staged], wanted: Readmission) -> NodeChange:
    """Of a drained node: it is used again, if its probation is over, or if somebody wants it, who has looked since."""
    tag = next((staged for staged in own if staged.stage is NodeStage.PROBATION), None)
    if tag is None:
        words = "it was drained by somebody, and not as it came back; gnt-node modify --drained=no ends that"
        return NodeChange(row.node, error=words)
    if plan.observed.looks[-wanted.looks].time <= tag.time:
        note = "is back, drained and on probation; look again before it is used"
        return NodeChange(row.node, tag.id, note=note, returns=True)
    doubts = "" if wanted.undrain else "; ".join(_doubts(row, plan, tag))
    if doubts:
        words = f"{doubts}; ganeti_autorepair_undrain ends the probation all the same"
        return NodeChange(row.node, error=words)
    left = tag.time + wanted.probation - plan.observed.time
    if left > 0 and not wanted.undrain:
        note = f"is well, and on probation for another {left:.0f} s"
        return NodeChange(row.node, tag.id, note=note, returns=True)
    marks = (Operation.MARK_NODE_REGULAR,)
    return NodeChange(row.node, tag.id, marks=marks, note="may be used again", returns=True)


def _doubts(row: NodeRow, plan: NodePlan, tag: Staged) -> Iterable[str]:
    """What speaks against the end of a probation that only time has ended."""
    booted = _itself(row.node.name, plan.observed.looks[-1]).itself.booted
    if booted is None or booted > tag.time + SOON:
        yield "it has booted since it came back: find out why"
    if row.node.changed is not None and row.node.changed > tag.time + LONGEST_MARK:
        yield "somebody has changed it since it came back, and has drained it again, perhaps"


def _clear(row: NodeRow, plan: NodePlan, own: Sequence[Staged]) -> NodeChange:
    """Of a node that is used: the tags that remembered its way go. A copy of the configuration that it has kept, and
    that grows old, goes if it becomes a master candidate for a moment: it gets a new one then, and Ganeti removes it
    afterwards (measured)."""
    remembered = tuple(staged for staged in own if staged.stage is not NodeStage.SUSPECT)
    if not remembered:
        return NodeChange(row.node, note="is in use, and nothing is remembered of it", returns=True)
    stale = _itself(row.node.name, plan.observed.looks[-1]).itself.has_configuration and not row.node.is_candidate
    marks = (Operation.MARK_NODE_CANDIDATE, Operation.MARK_NODE_REGULAR) if stale else ()
    role = ", as a master candidate" if row.node.is_candidate else ""
    note = f"is used again{role}; what was remembered of it goes"
    return NodeChange(row.node, own[0].id, remove=all_but("", remembered), marks=marks, note=note, returns=True)


# --- why it can't come back yet --------------------------------------------------------------------------------------


def _under_way(own: Iterable[Staged], time: float) -> str:
    """What somebody has begun, or has not done yet."""
    for staged in own:
        if staged.stage is NodeStage.FAILED:
            return f"an earlier attempt has failed ({staged.word}); remove {staged.tag} once that is understood"
        if staged.stage is NodeStage.FENCING and staged.time > time - LONGEST_MARK:
            return f"somebody is powering it off, by {staged.tag}: wait for that, or for {LONGEST_MARK} s"
    return ""


def _unfit(row: NodeRow, plan: NodePlan, looks: int, own: Iterable[Staged]) -> Iterable[str]:
    """Each reason why the node is not used yet, as part of a sentence that says what would change it (N10)."""
    name, seen = row.node.name, plan.observed.looks[-looks:]
    count = apart([look.time for look in reversed(seen)])
    if row.node.state is NodeState.UNKNOWN:
        yield "the cluster does not say how it is marked"
    if count < looks:
        yield f"it was looked at {count} of {looks} times; look again"
    for look in seen:
        yield from _unreached(name, look)
        if row.node.state is not NodeState.OFFLINE and look.live.get(name) is None:
            yield "its node daemon does not answer the master: restart ganeti-noded there"
    told = [_itself(name, look) for look in seen]
    if not all(itself.whole and itself.guests is not None for itself in told):
        yield "it has not told everything about itself: it must be reached over SSH as root, and its LVM must answer"
        return
    if len({itself.boot_id for itself in told}) > 1:
        yield "it has booted between two looks: look again once it stays up"
    for itself in told:
        yield from _unwell(row, plan, itself)
        yield from _misplaced(row, plan, itself)
        yield from _never_off(itself, own)


def _unreached(name: str, look: NodeLook) -> Iterable[str]:
    """From which sides nobody got an answer."""
    answers = {by.name: by.reach[name] for by in look.observers if name in by.reach and by.name != name}
    if CONTROLLER not in answers or len(answers) < 2:
        yield "this machine and another node have to look at it; look again"
    if answers and Answer.ANSWERS not in answers.values():
        yield "nobody gets an answer from it: power it on, and look again"
        return
    for observer, answer in answers.items():
        if answer is not Answer.ANSWERS:
            yield f"{observer} gets no answer from it: look at the network between the two"
    for by in look.observers:  # this machine need not be in the network between the nodes
        for address in by.silent_at.get(name, ()) if by.name != CONTROLLER else ():
            yield f"{by.name} gets no answer from it at {address}: look at that network, which its disks need"


def _itself(name: str, look: NodeLook) -> Observer:
    """The node as an observer of itself."""
    return next((observer for observer in look.observers if observer.name == name), Observer(name))


def _unwell(row: NodeRow, plan: NodePlan, itself: Observer) -> Iterable[str]:
    """What is wrong with the node, by its own words."""
    yield from (finding.text for finding in itself.findings)
    if itself.itself.master_daemons and row.node.name != plan.observed.master:
        daemons = " and ".join(itself.itself.master_daemons)
        yield f"{daemons} runs there, as on a master, which is {plan.observed.master}: stop it there"
    if plan.observed.volume_group and not itself.itself.has_volume_group:
        yield f"its volume group {plan.observed.volume_group} is not there: look at its disks"
    if itself.itself.alone and row.node.state is not NodeState.OFFLINE:
        minors = ", ".join(itself.itself.alone)
        yield f"DRBD has given up to connect minor {minors}: both copies were written to, perhaps; see its kernel log"


def _misplaced(row: NodeRow, plan: NodePlan, itself: Observer) -> Iterable[str]:
    """The guests that run there: none may, while it is marked offline; later only those that belong there."""
    homes = plan.observed.homes
    if homes is None:
        yield "nobody has asked where instances belong; look again"
        return
    offline = row.node.state is NodeState.OFFLINE
    for guest in sorted(itself.guests or ()):
        home = homes.get(guest.lower(), "")
        if offline or home != row.node.name:
            where = f"its primary node is {home}" if home else "the cluster does not know it"
            yield f"{guest} runs there: it may run elsewhere, too ({where}); find out which is right, and stop it there"
    if offline and itself.itself.primaries:
        yield f"DRBD is primary there for minor {', '.join(itself.itself.primaries)}: something may write; restart it"


def _never_off(itself: Observer, own: Iterable[Staged]) -> Iterable[str]:
    """What shows that the node ran on while the cluster believed that it is off."""
    for staged in own:
        if staged.stage is NodeStage.FENCED and (itself.itself.booted or 0) < staged.time:
            words = "it has not booted since it was said to be off"
            yield f"{words} ({staged.word}): find out why that was believed, and restart it"
