# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks: the tasks that are sent to Ganeti for a repair's next step (Ganeti facts, "Repairs")."""

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
    """The tasks to submit now for `action`: its first step, and the steps that go with it.

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
        return [Task(Operation.ACTIVATE_DISKS, guard), *tasks]  # connects the copies: Ganeti then sees if one is older
    return tasks


def _parameters(step: Step, instance: Instance, action: Action, iallocator: str) -> Mapping[str, Any]:
    """The parameters of the step's operation, besides the instance's name."""
    if step.operation is Operation.REPLACE_SECONDARY:
        return {"iallocator": iallocator}
    if step.operation in (Operation.FAILOVER, Operation.MIGRATE):
        if instance.mirrored:  # it can only go to its secondary
            return {}
        return {"target_node": action.nodes[0]} if action.nodes else {"iallocator": iallocator}
    if step.operation is Operation.RECREATE_DISKS:
        return {"nodes": list(action.nodes)}
    if step.operation is Operation.REINSTALL:
        return {"start": instance.meant_to_run}
    return {}
