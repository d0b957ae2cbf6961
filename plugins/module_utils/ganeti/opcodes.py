# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opcodes: what a job of ours is made of, as LUXI takes it (Ganeti facts, (g))."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from .job_request import JobRequest, Task
from .operations import TAGGING, Operation

_KINDS = {"group": "nodegroup"}  # as opcodes name the kinds of objects


def opcodes(request: JobRequest) -> list[dict[str, Any]]:
    """The opcodes of `request`, in their order; the first one waits for the jobs that it comes after."""
    trail = [["ganeti.autorepair", request.reason, time.time_ns()]] if request.reason else []
    made = [
        dict(opcode, reason=trail) for task in request.tasks for opcode in _of_task(task, request.kind, request.name)
    ]
    if request.after:
        made[0]["depends"] = [[job, ["success"]] for job in request.after]
    return made


def _of_task(task: Task, kind: str, name: str) -> Iterable[dict[str, Any]]:
    operation, row = task.operation, task.operation.row
    if operation.opcode in TAGGING:
        what = {"kind": _KINDS.get(kind, kind), "name": name or None, "tags": list(task.tags)}
        yield _opcode(operation.opcode, what)
    elif operation is Operation.QUERY_DEVICES:
        yield _opcode(operation.opcode, {"instances": [name], "static": False, "use_locking": False})
    elif operation is Operation.REINSTALL:  # as RAPI does it: it is shut down before, and started after
        given = {key: value for key, value in task.parameters.items() if key != "start"}
        for word in ("SHUTDOWN", "REINSTALL", *(("STARTUP",) if task.parameters.get("start") else ())):
            yield _opcode(f"INSTANCE_{word}", {"instance_name": name, **given})
    else:
        fixed = {**row.luxi_parameters, **row.parameters}
        yield _opcode(operation.opcode, {f"{kind}_name": name, **fixed, **task.parameters})


def _opcode(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {"OP_ID": "OP_" + name, **parameters}
