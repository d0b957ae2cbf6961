# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opcodes: what a job of ours is made of, as LUXI takes it (Ganeti facts, (g))."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from .job_request import JobRequest, Operation, Task

_KINDS = {"group": "nodegroup"}  # as opcodes name the kinds of objects
_TAGS = {Operation.ADD_TAGS: "TAGS_SET", Operation.REMOVE_TAGS: "TAGS_DEL"}
STEPS: Mapping[Operation, str] = {  # the steps of repairs, each by the opcode that does it
    Operation.REPLACE_SECONDARY: "INSTANCE_REPLACE_DISKS",
    Operation.MIGRATE: "INSTANCE_MIGRATE",
    Operation.FAILOVER: "INSTANCE_FAILOVER",
    Operation.RECREATE_DISKS: "INSTANCE_RECREATE_DISKS",
    Operation.REINSTALL: "INSTANCE_REINSTALL",
    Operation.MARK_DOWN: "INSTANCE_SET_PARAMS",
    Operation.MARK_OFFLINE: "INSTANCE_SET_PARAMS",
}
STEP_OPCODES = tuple(dict.fromkeys(STEPS.values()))  # each once, as the two marks share one
PREPARES = "INSTANCE_ACTIVATE_DISKS"  # a failover, which looks at the mirror only where the disks are assembled
_FIXED: Mapping[Operation, Mapping[str, Any]] = {
    Operation.REPLACE_SECONDARY: {"mode": "replace_new_secondary", "disks": []},
    Operation.MARK_DOWN: {"offline": False},
    Operation.MARK_OFFLINE: {"offline": True},
}


def opcodes(request: JobRequest) -> list[dict[str, Any]]:
    """The opcodes of C(request), in their order; the first one waits for the jobs that it comes after."""
    trail = [["ganeti.autorepair", request.reason, time.time_ns()]] if request.reason else []
    made = [dict(one, reason=trail) for task in request.tasks for one in _of_task(task, request.kind, request.name)]
    if request.after:
        made[0]["depends"] = [[job, ["success"]] for job in request.after]
    return made


def _of_task(task: Task, kind: str, name: str) -> Iterable[dict[str, Any]]:
    if task.operation in _TAGS:
        what = {"kind": _KINDS.get(kind, kind), "name": name or None, "tags": list(task.tags)}
        yield _opcode(_TAGS[task.operation], what)
    elif task.operation is Operation.ACTIVATE_DISKS:
        yield _opcode(PREPARES, {"instance_name": name, **task.parameters})
    elif task.operation is Operation.QUERY_DEVICES:
        yield _opcode("INSTANCE_QUERY_DATA", {"instances": [name], "static": False, "use_locking": False})
    elif task.operation is Operation.REINSTALL:  # as RAPI does it: it is shut down before, and started after
        given = {key: value for key, value in task.parameters.items() if key != "start"}
        for word in ("SHUTDOWN", "REINSTALL", *(("STARTUP",) if task.parameters.get("start") else ())):
            yield _opcode(f"INSTANCE_{word}", {"instance_name": name, **given})
    else:
        fixed = _FIXED.get(task.operation, {})
        yield _opcode(STEPS[task.operation], {"instance_name": name, **fixed, **task.parameters})


def _opcode(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {"OP_ID": "OP_" + name, **parameters}
