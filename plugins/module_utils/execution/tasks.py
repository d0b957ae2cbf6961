# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks: what is sent to Ganeti for the step that comes next (Ganeti facts, "Repairs")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..diagnosis.instances import Step
from ..ganeti.job_request import Task
from ..ganeti.model import Instance, NodeState
from ..ganeti.operations import Operation
from ..planning.plan import Plan
from ..repair.action import Action


def tasks_of(action: Action, instance: Instance, plan: Plan, multi_opcode: bool, iallocator: str) -> list[Task]:
    """What is to be submitted now for `action`: the first of its steps, and what belongs to it.

    `multi_opcode` says whether one job can hold several opcodes; an empty `iallocator` stands for the cluster's own.
    """
    allocator = iallocator or plan.cluster.default_iallocator or "hail"
    guard = {"instance_uuid": instance.uuid} if instance.uuid else {}  # Ganeti refuses another one of the same name
    tasks = [
        Task(step.operation, {**guard, **_parameters(step, instance, action, allocator)})
        for step in action.submitted(multi_opcode)
    ]
    alive = plan.cluster.nodes[instance.primary].state is not NodeState.OFFLINE
    if instance.mirrored and alive and tasks[0].operation is Operation.FAILOVER:
        return [Task(Operation.ACTIVATE_DISKS, guard), *tasks]  # connects the copies; Ganeti then sees if one is older
    return tasks


def _parameters(step: Step, instance: Instance, action: Action, iallocator: str) -> Mapping[str, Any]:
    """What the step's operation needs beside the instance's name."""
    if step.operation is Operation.REPLACE_SECONDARY:
        return {"iallocator": iallocator}
    if step.operation in (Operation.FAILOVER, Operation.MIGRATE):
        if instance.mirrored:  # it can go to its secondary only
            return {}
        return {"target_node": action.nodes[0]} if action.nodes else {"iallocator": iallocator}
    if step.operation is Operation.RECREATE_DISKS:
        return {"nodes": list(action.nodes)}
    if step.operation is Operation.REINSTALL:
        return {"start": instance.meant_to_run}
    return {}
