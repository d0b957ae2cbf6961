# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node plan: what comes next for each node, by its verdict, its age and the tags that permit something (section 8)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from ..ganeti.model import Node, NodeState
from ..settings.node_options import NodeOptions
from ..tags.node_policy import NodePolicy, node_policy
from ..tags.nodewatch import UNREAD, NodePermission, NodeStage, Staged
from .incident import Incident, Patience, Remembered, incidents_of
from .judge import Judged, Judgement, NodeVerdict, judge
from .observed import Observed

_FURTHEST = (NodeStage.FAILED, NodeStage.FENCED, NodeStage.FENCING, NodeStage.PROBATION, NodeStage.SUSPECT)
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
    what a tag remembers of its way."""

    node: Node
    judged: Judged | None
    incident: Incident | None
    policy: NodePolicy
    stage: Staged | None
    next: NodeNext


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
    def hash(self) -> str:
        """A hash of what a round would do, for somebody to approve: the same hash means the same steps for the same
        nodes by the same verdicts, whatever the time."""
        acts = [row for row in self.rows if row.next.step.acts]
        found = [[row.node.name, row.node.uuid, row.next.step.value, _verdict(row)] for row in acts]
        return hashlib.sha256(json.dumps([self.observed.uuid, found]).encode()).hexdigest()


def _verdict(row: NodeRow) -> str | None:
    return row.judged.verdict.value if row.judged else None


def plan_nodes(observed: Observed, options: NodeOptions, now: float) -> NodePlan:
    """What comes next for each node by all looks, at `now` (seconds since the epoch)."""
    quorum = options.witness_quorum
    patience = Patience(options.looks, options.dead_after, options.hung_after, options.degraded_after)
    seen = [(look.time, judge(look, observed.nodes, observed.master, quorum)) for look in observed.looks]
    incidents = incidents_of(seen, _remembered(observed), patience, now)
    judgement = seen[-1][1]
    rows = []
    for name, node in sorted(observed.nodes.items()):
        judged, incident = judgement.nodes.get(name), incidents.get(name)
        stage = next(iter(_stages(node, observed)), None)
        policy = policy_of(node, observed, now)
        comes = _next(node, judged, incident, policy, stage, name == observed.master)
        rows.append(NodeRow(node, judged, incident, policy, stage, comes))
    return NodePlan(observed, judgement, tuple(rows))


def policy_of(node: Node, observed: Observed, now: float) -> NodePolicy:
    """What the tags of a node, its group and its cluster permit."""
    group = observed.group_tags.get(node.group, UNREAD)
    return node_policy((("node", observed.node_tags[node.name]), ("group", group), ("cluster", observed.tags)), now)


def _stages(node: Node, observed: Observed) -> Sequence[Staged]:
    """What tags remember of the node's way, that which holds it back most first; of equals the newest first."""
    own = [tag for tag in observed.tags.stages if node.uuid and tag.node == node.uuid]
    return sorted(own, key=lambda tag: (_FURTHEST.index(tag.stage), -tag.time)) if own else ()


def _remembered(observed: Observed) -> Mapping[str, Remembered]:
    """What tags remember of suspects, by name; a verdict that this version does not know is not remembered."""
    suspects = {
        name: [tag for tag in _stages(node, observed) if tag.stage is NodeStage.SUSPECT and tag.word in _VERDICTS]
        for name, node in observed.nodes.items()
    }
    return {name: Remembered(tags[0].time, _VERDICTS[tags[0].word]) for name, tags in suspects.items() if tags}


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
}
_BY_HAND: Mapping[NodeVerdict, str] = {  # what a person does about a verdict for which there is no one command
    NodeVerdict.HUNG: "power it off, and see by its power device that it is off, before anybody marks it offline",
    NodeVerdict.ISOLATED: "power it off, and see by its power device that it is off, before anybody marks it offline",
    NodeVerdict.RETURNED: "find out what runs there before it is used again",
}


def _next(
    node: Node, judged: Judged | None, incident: Incident | None, policy: NodePolicy, stage: Staged | None, master: bool
) -> NodeNext:
    if judged is None:
        return NodeNext(NodeStep.NONE, f"{node.name} is marked offline, and nobody has seen it alive")
    if incident is None:
        return NodeNext(NodeStep.NONE, judged.why)
    if stage and stage.stage is NodeStage.FAILED:
        words = f"{judged.why}; an earlier attempt has failed ({stage.word}), and it is left alone: remove {stage.tag}"
        return NodeNext(NodeStep.REPORT, f"{words} once that is understood")
    step = _STEPS.get(judged.verdict)
    if step is None:
        return NodeNext(NodeStep.REPORT, judged.why)
    if incident.missing:
        return NodeNext(NodeStep.WAIT, f"{judged.why}; {incident.missing}")
    if step is NodeStep.DRAIN and node.state is NodeState.DRAINED:
        return NodeNext(NodeStep.REPORT, f"{judged.why}; it is drained already")
    if master and step is not NodeStep.RESTART:
        return NodeNext(NodeStep.REPORT, f"{judged.why}; it is the master, which only a person replaces")
    return _permitted(step, judged, policy, node.name)


def _permitted(step: NodeStep, judged: Judged, policy: NodePolicy, name: str) -> NodeNext:
    """`step` if the tags permit it; else what a person has to do, and which tag would permit it."""
    command = _COMMANDS.get(step, "").format(name)
    words = "; ".join(filter(None, [judged.why, _BY_HAND.get(judged.verdict, "")]))
    if policy.unreadable:
        return NodeNext(NodeStep.HOLD, f"{words}; a round does nothing, as {policy.unreadable[0]}", command)
    if policy.suspended_until is not None:
        return NodeNext(
            NodeStep.HOLD, f"{words}; a round does nothing, as a tag of the {policy.source} suspends it", command
        )
    wanted = "readmit" if step is NodeStep.READMIT else _LEVELS[step].label
    granted = policy.readmit if step is NodeStep.READMIT else (policy.level or 0) >= _LEVELS[step]
    if granted:
        return NodeNext(step, judged.why, command)
    return NodeNext(NodeStep.REPORT, f"{words}; no tag permits a round to do it ({wanted})", command)
