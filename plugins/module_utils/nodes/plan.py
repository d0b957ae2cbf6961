# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node plan: what comes next for each node, by its verdict, its age and the tags that permit something (section 8)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from ..ganeti.model import Node, NodeState
from ..settings.node_options import NodeOptions
from ..tags.node_policy import NodePolicy, node_policy
from ..tags.nodewatch import UNREAD, NodePermission, NodeStage, Staged
from .incident import Incident, Patience, Remembered, incidents_of
from .judge import Judged, Judgement, NodeVerdict, judge
from .looks import Answer, NodeLook
from .observed import Observed
from .strays import Stray, strays_of

_FURTHEST = (NodeStage.FAILED, NodeStage.FENCED, NodeStage.FENCING, NodeStage.PROBATION, NodeStage.SUSPECT)
_HOLDING = tuple(stage.value for stage in _FURTHEST if stage is not NodeStage.SUSPECT)  # kinds of tags that hold back
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_VERDICTS = {verdict.value: verdict for verdict in NodeVerdict}


class NodeStep(Enum):
    """What comes next for a node; the values are the names that users know. The first four write nothing."""

    NONE = "none"
    WAIT = "wait"
    HOLD = "hold"
    REPORT = "report"
    RESTART = "restart"
    DRAIN = "drain"
    FENCE = "fence"
    MARK = "mark"
    READMIT = "readmit"

    @property
    def acts(self) -> bool:
        """Whether a round does something for it."""
        return self not in (NodeStep.NONE, NodeStep.WAIT, NodeStep.HOLD, NodeStep.REPORT)


@dataclass(frozen=True)
class NodeNext:
    """What comes next, with the reason as a sentence, and the command by which a person does it."""

    step: NodeStep
    reason: str
    command: str = ""


@dataclass(frozen=True)
class NodeRow:
    """A node of a plan. `judged` is None for one that is marked offline, and that nobody has seen alive; `stage` is
    what a tag remembers of its way, and `strays` the guests that run there and do not belong there."""

    node: Node
    judged: Judged | None
    incident: Incident | None
    policy: NodePolicy
    stage: Staged | None
    strays: tuple[Stray, ...] = ()
    next: NodeNext = NodeNext(NodeStep.NONE, "")


@dataclass(frozen=True)
class NodePlan:
    """What was observed, the judgement of the last look, and the nodes in the order of their names."""

    observed: Observed
    judgement: Judgement
    rows: tuple[NodeRow, ...]

    @property
    def actions(self) -> tuple[NodeRow, ...]:
        """The nodes for which something is to be done or said."""
        return tuple(row for row in self.rows if row.next.step is not NodeStep.NONE)

    @property
    def strays(self) -> tuple[Stray, ...]:
        """The guests that run where they do not belong."""
        return tuple(stray for row in self.rows for stray in row.strays)

    @property
    def hash(self) -> str:
        """A hash of what a round would do, for somebody to approve: the same hash means the same steps for the same
        nodes by the same verdicts, whatever the time."""
        acts = [row for row in self.rows if row.next.step.acts]
        found = [[row.node.name, row.node.uuid, row.next.step.value, _verdict(row)] for row in acts]
        return hashlib.sha256(json.dumps([self.observed.uuid, found]).encode()).hexdigest()


def _isolated_or_not(look: NodeLook, addresses: Sequence[str]) -> NodeLook:
    """`look`; an isolation address that was not tried in it counts as one that does not answer, if anybody was asked
    about others."""
    if not look.asked and not any(observer.reach for observer in look.observers):
        return look
    return replace(look, isolation={**dict.fromkeys(addresses, False), **look.isolation})


def _verdict(row: NodeRow) -> str | None:
    return row.judged.verdict.value if row.judged else None


def plan_nodes(observed: Observed, options: NodeOptions, now: float) -> NodePlan:
    """What comes next for each node by all looks, at `now` (seconds since the epoch)."""
    quorum = options.witness_quorum
    patience = Patience(options.looks, options.dead_after, options.hung_after, options.degraded_after)
    looks = [_isolated_or_not(look, options.isolation_addresses) for look in observed.looks]
    seen = [(look.time, judge(look, observed.nodes, observed.master, quorum)) for look in looks]
    incidents = incidents_of(seen, _remembered(observed), patience, now)
    judgement = seen[-1][1]
    whole = _Whole(observed, judgement, options)
    strays = strays_of(observed)
    rows = []
    for name, node in sorted(observed.nodes.items()):
        judged, incident = judgement.nodes.get(name), incidents.get(name)
        stage = next(iter(stages_of(node, observed)), None)
        policy = policy_of(node, observed, now)
        row = NodeRow(node, judged, incident, policy, stage, tuple(stray for stray in strays if stray.node == name))
        rows.append(replace(row, next=_next(row, whole)))
    return NodePlan(observed, judgement, tuple(rows))


def policy_of(node: Node, observed: Observed, now: float) -> NodePolicy:
    """What the tags of a node, its group and its cluster permit."""
    group = observed.group_tags.get(node.group, UNREAD)
    return node_policy((("node", observed.node_tags[node.name]), ("group", group), ("cluster", observed.tags)), now)


def stages_of(node: Node, observed: Observed) -> Sequence[Staged]:
    """What tags remember of the node's way, that which holds it back most first; of equals the newest first."""
    own = [tag for tag in observed.tags.stages if node.uuid and tag.node == node.uuid]
    return sorted(own, key=lambda tag: (_FURTHEST.index(tag.stage), -tag.time)) if own else ()


def _remembered(observed: Observed) -> Mapping[str, Remembered]:
    """What tags remember of suspects, by name; a verdict that this version does not know is not remembered."""
    suspects = {
        name: [tag for tag in stages_of(node, observed) if tag.stage is NodeStage.SUSPECT and tag.word in _VERDICTS]
        for name, node in observed.nodes.items()
    }
    return {name: Remembered(tags[0].time, _VERDICTS[tags[0].word]) for name, tags in suspects.items() if tags}


@dataclass(frozen=True)
class _Whole:
    """What is the same for all nodes of a plan."""

    observed: Observed
    judgement: Judgement
    options: NodeOptions


# --- what comes next -------------------------------------------------------------------------------------------------

_STEPS: Mapping[NodeVerdict, NodeStep] = {  # all others are for a person
    NodeVerdict.DEGRADED: NodeStep.DRAIN,
    NodeVerdict.DEAF: NodeStep.RESTART,
    NodeVerdict.HUNG: NodeStep.FENCE,
    NodeVerdict.ISOLATED: NodeStep.FENCE,
    NodeVerdict.OFF: NodeStep.MARK,
    NodeVerdict.RETURNED: NodeStep.READMIT,
}
_LEVELS: Mapping[NodeStep, NodePermission] = {
    NodeStep.RESTART: NodePermission.RESTART,
    NodeStep.DRAIN: NodePermission.DRAIN,
    NodeStep.FENCE: NodePermission.FENCE,
    NodeStep.MARK: NodePermission.FENCE,
}
_MARK = "gnt-node modify --offline=yes --auto-promote {}"
_COMMANDS: Mapping[NodeStep, str] = {  # by which a person does it
    NodeStep.RESTART: "ssh {} systemctl restart ganeti-noded",
    NodeStep.DRAIN: "gnt-node modify --drained=yes {}",
    NodeStep.MARK: _MARK,
    NodeStep.READMIT: "ansible-playbook ganeti.autorepair.readmit -e node={}",
}
_BY_HAND: Mapping[NodeVerdict, str] = {  # what a person does about a verdict for which there is no one command
    NodeVerdict.HUNG: "power it off, and see by its power device that it is off, before anybody marks it offline",
    NodeVerdict.ISOLATED: "power it off, and see by its power device that it is off, before anybody marks it offline",
    NodeVerdict.RETURNED: "the playbook ganeti.autorepair.readmit looks what runs there, and brings it back",
}


def _next(row: NodeRow, plan: _Whole) -> NodeNext:
    """What comes next for a node."""
    judged, incident, name = row.judged, row.incident, row.node.name
    if judged is None:
        return NodeNext(NodeStep.NONE, f"{name} is marked offline, and nobody has seen it alive")
    if incident is None and row.stage and row.stage.stage is NodeStage.PROBATION:
        words = "it came back, and is on probation; then play ganeti.autorepair.readmit again, which has it used"
        return NodeNext(NodeStep.REPORT, f"{judged.why}; {words}")
    if incident is None:
        return NodeNext(NodeStep.REPORT if judged.evidence else NodeStep.NONE, judged.why)
    step = _STEPS.get(judged.verdict, NodeStep.REPORT)
    if step is NodeStep.REPORT:
        return NodeNext(step, judged.why)
    if incident.missing:
        return NodeNext(NodeStep.WAIT, f"{judged.why}; {incident.missing}")
    if step is NodeStep.DRAIN and row.node.state is NodeState.DRAINED:
        return NodeNext(NodeStep.REPORT, f"{judged.why}; it is drained already")
    if name == plan.observed.master and step is not NodeStep.RESTART:
        return NodeNext(NodeStep.REPORT, f"{judged.why}; it is the master, which only a person replaces")
    found = _permitted(step, judged, row, plan)
    missing = _too_few(incident, name, plan) if found.step is NodeStep.READMIT else ""
    return NodeNext(NodeStep.WAIT, f"{judged.why}; {missing}") if missing else found


def _too_few(incident: Incident, name: str, plan: _Whole) -> str:
    """Why a node that is marked offline does not count as back yet: its power, or a refusal, is no answer."""
    look = plan.observed.looks[-1]
    if look.live.get(name) is None and Answer.ANSWERS not in [by.reach.get(name) for by in look.observers]:
        return "nobody gets an answer from it yet"
    return "" if incident.equal >= plan.options.looks else f"seen in {incident.equal} of {plan.options.looks} looks"


def _permitted(step: NodeStep, judged: Judged, row: NodeRow, plan: _Whole) -> NodeNext:
    """`step` if nothing speaks against it and the tags permit it; else what a person has to do, and which fact would
    change that (N10)."""
    command = _command(step, row.node.name)
    words = "; ".join(filter(None, [judged.why, _BY_HAND.get(judged.verdict, "")]))
    if row.stage and row.stage.stage is NodeStage.FAILED:
        failed = f"an earlier attempt has failed ({row.stage.word}); remove {row.stage.tag} once that is understood"
        return NodeNext(NodeStep.REPORT, f"{words}; {failed}", command)
    held = _held(row, plan)
    if held:
        return NodeNext(NodeStep.HOLD, f"{words}; a round does nothing, as {held}", command)
    wanted = "readmit" if step is NodeStep.READMIT else _LEVELS[step].label
    granted = row.policy.readmit if step is NodeStep.READMIT else (row.policy.level or 0) >= _LEVELS[step]
    if granted:
        return NodeNext(step, judged.why, command)
    return NodeNext(NodeStep.REPORT, f"{words}; no tag permits a round to do it ({wanted})", command)


def _held(row: NodeRow, plan: _Whole) -> str:
    """What holds every step back, as part of a sentence; empty if nothing does."""
    found = plan.judgement.stopped or why_it_is_not_known(row.node, plan.observed, plan.judgement)
    if found:
        return found
    if row.stage and row.stage.stage is not NodeStage.SUSPECT:
        return f"it is at the stage {row.stage.stage.value} already, by {row.stage.tag}"
    if row.strays:
        return str(row.strays[0])
    if row.policy.unreadable:
        return row.policy.unreadable[0]
    if row.policy.suspended_until is not None:
        return f"a tag of the {row.policy.source} suspends it"
    return ""


def why_it_is_not_known(node: Node, observed: Observed, judgement: Judgement) -> str:
    """Why nobody can tell what tags remember of a node, or whom the cluster obeys, as part of a sentence; empty if all
    of that is known."""
    if len(judgement.masters) > 1:
        return f"more than one node is taken for the master: {', '.join(judgement.masters)}"
    uuids = [other.uuid for other in observed.nodes.values()]
    if not node.uuid or uuids.count(node.uuid) > 1:
        return "its UUID is missing, or is another node's as well: nobody knows what tags remember of it"
    unread = [tag for tag in observed.tags.malformed if tag.kind in _HOLDING]
    return str(unread[0]) if unread else ""


def _command(step: NodeStep, name: str) -> str:
    """The command by which a person does it; none for a name that a shell, or an option, could mean otherwise."""
    return _COMMANDS.get(step, "").format(name) if _PLAIN.match(name) else ""
