# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nowhere: steps for which the node group has no suitable node at all, however much its nodes have free.

Ganeti's allocator would look for one again and again, and each try would leave a failed job. A lack of room resolves
itself; a group with too few nodes does not, so it needs a person. Only the states, groups and names of nodes count
here; how much they have free is for `placement`, or for the allocator.
"""

from __future__ import annotations

from dataclasses import replace

from ..diagnosis.instances import REPLACE_SECONDARY, Step
from ..ganeti.model import Instance, Node, NodeState
from ..ganeti.operations import Operation
from ..repair.action import Action, ActionKind, report
from ..repair.case import Case
from ..repair.reasons import Reason
from .plan import Plan

_NAMED = 3  # nodes that are listed, each with why it can't take the instance
_WHAT = {
    Operation.REPLACE_SECONDARY: "can take its new secondary",
    Operation.RECREATE_DISKS: "can take its new disks",
}


def hold_hopeless(plan: Plan) -> Plan:
    """`plan` without the steps that no node could take: if it is the first step, a person is needed; if it is the new
    secondary after a move, the move is submitted alone."""
    return replace(plan, rows=tuple((case, _judged(case, action, plan)) for case, action in plan.rows))


def _judged(case: Case, action: Action, plan: Plan) -> Action:
    again = action.kind is ActionKind.WAIT and action.why is Reason.NO_ROOM
    if not action.steps or not (action.kind is ActionKind.SUBMIT or again):
        return action
    nobody = _nobody(case.instance, action.steps[0], case.instance.primary, plan)
    if nobody:
        return report(case, Reason.NO_NODE, f"{case.health.problem}; {nobody}", steps=action.steps)
    moves = action.kind is ActionKind.SUBMIT and action.submitted(multi_opcode=False)[1:] == (REPLACE_SECONDARY,)
    if moves and _nobody(case.instance, REPLACE_SECONDARY, case.instance.secondaries[0], plan):
        return replace(action, alone=True)
    return action


def _nobody(instance: Instance, step: Step, primary: str, plan: Plan) -> str:
    """Why too few nodes of the group of `primary` could take what `step` moves, in words; empty if there are enough.
    A node in an unknown state counts as able."""
    if not _needs_node(instance, step, plan):
        return ""
    group = plan.cluster.nodes[primary].group
    nodes = [node for node in plan.cluster.nodes.values() if node.group == group]
    barred = {node.name: _barred(node, instance) for node in nodes}
    wanted = 2 if step.operation is Operation.RECREATE_DISKS and instance.mirrored else 1
    if sum(not why for why in barred.values()) >= wanted:
        return ""
    told = [f"{name} {why}" for name, why in sorted(barred.items()) if why]
    more = [f"{len(told) - _NAMED} more"] * (len(told) > _NAMED)
    able = "no node" if wanted == 1 else "fewer than 2 nodes"
    what = _WHAT.get(step.operation, "can take it")
    listed = ", ".join(told[:_NAMED] + more)
    return f"{able} of group {group} {what} ({listed}); add a node to the group, or bring one back"


def _needs_node(instance: Instance, step: Step, plan: Plan) -> bool:
    """Whether `step` needs a node of the instance's group that is not one of its own. For an instance on shared
    storage, an allocator other than hail may choose another group."""
    if step.operation in _WHAT:
        return True
    inside = plan.limits.choose_nodes or plan.cluster.default_iallocator in ("", "hail")
    return step.operation in (Operation.FAILOVER, Operation.MIGRATE) and instance.shared and inside


def _barred(node: Node, instance: Instance) -> str:
    """Why `node` can't be chosen for `instance`, in words; empty if it can."""
    if node.state in (NodeState.OFFLINE, NodeState.DRAINED):
        return f"is {node.state.value}"
    if not node.vm_capable:
        return "is not vm_capable"
    if node.name == instance.primary:
        return "is its primary"
    return "is its secondary" if node.name in instance.secondaries else ""
