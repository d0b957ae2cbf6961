# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opcodes: which parameters each one takes, what they may be, and what Ganeti fills in for those left out.

The table holds the opcodes that repairs use. What a job shows in `ops` is what stands here: a parameter with the
default `UNSET` is shown only when it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.errors import RequestError

Op = dict[str, Any]
FINAL_STATES = ("canceled", "success", "error")


class _Unset:
    """The mark of a parameter that is not shown unless it is given."""

    def __deepcopy__(self, memo: object) -> _Unset:
        return self


UNSET = _Unset()
REQUIRED = _Unset()


@dataclass(frozen=True)
class Parameter:
    """A parameter: what it accepts, and what stands in the job when it is left out."""

    accepts: Callable[[object], bool]
    default: object = UNSET


def boolean(value: object) -> bool:
    """Accept true and false."""
    return isinstance(value, bool)


def text(value: object) -> bool:
    """Accept a string that isn't empty."""
    return isinstance(value, str) and value != ""


def maybe(accepts: Callable[[object], bool]) -> Callable[[object], bool]:
    """Accept what `accepts` accepts, and null."""
    return lambda value: value is None or accepts(value)


def list_of(accepts: Callable[[object], bool]) -> Callable[[object], bool]:
    """Accept a list of what `accepts` accepts."""
    return lambda value: isinstance(value, list) and all(map(accepts, value))


def one_of(*choices: object) -> Callable[[object], bool]:
    """Accept one of the choices."""
    return lambda value: not isinstance(value, bool) and value in choices


def number(value: object) -> bool:
    """Accept a whole number that isn't negative."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def mapping(value: object) -> bool:
    """Accept an object."""
    return isinstance(value, dict)


def dependency(value: object) -> bool:
    """Accept [job id, [final status, ...]]; the id may be relative (negative), or a number in a string."""
    if not (isinstance(value, list) and len(value) == 2):
        return False
    job, states = value
    job_id = isinstance(job, int) or (isinstance(job, str) and job.isdigit())
    return job_id and list_of(one_of(*FINAL_STATES))(states)


COMMON = {
    "dry_run": Parameter(boolean),
    "debug_level": Parameter(number),
    "priority": Parameter(one_of(-10, 0, 10), 0),
    "depends": Parameter(maybe(list_of(dependency)), None),
    "comment": Parameter(maybe(lambda value: isinstance(value, str)), None),
    "reason": Parameter(list_of(lambda value: isinstance(value, list)), []),
}
INSTANCE = {"instance_name": Parameter(text, REQUIRED)}
TARGET = {"target_node": Parameter(maybe(text)), "iallocator": Parameter(maybe(text))}
DISKS = Parameter(lambda value: isinstance(value, list), [])
FALSE, TRUE = Parameter(boolean, False), Parameter(boolean, True)
TAGGING = {
    "kind": Parameter(one_of("instance", "node", "nodegroup", "cluster"), REQUIRED),
    "tags": Parameter(list_of(lambda value: isinstance(value, str)), []),
    "name": Parameter(maybe(text)),
}
REPLACE_MODES = ("replace_on_primary", "replace_on_secondary", "replace_new_secondary", "replace_auto")

OPCODES: Mapping[str, Mapping[str, Parameter]] = {
    "OP_TAGS_SET": TAGGING,
    "OP_TAGS_DEL": TAGGING,
    "OP_INSTANCE_FAILOVER": INSTANCE
    | TARGET
    | {
        "shutdown_timeout": Parameter(number, 120),
        "ignore_consistency": FALSE,
        "ignore_ipolicy": FALSE,
        "cleanup": FALSE,
    },
    "OP_INSTANCE_MIGRATE": INSTANCE
    | TARGET
    | {
        "mode": Parameter(maybe(one_of("live", "non-live"))),
        "live": Parameter(maybe(boolean)),
        "allow_runtime_changes": TRUE,
        "ignore_ipolicy": FALSE,
        "cleanup": FALSE,
        "allow_failover": FALSE,
        "ignore_hvversions": FALSE,
    },
    "OP_INSTANCE_REPLACE_DISKS": INSTANCE
    | {
        "early_release": FALSE,
        "ignore_ipolicy": FALSE,
        "mode": Parameter(one_of(*REPLACE_MODES), REQUIRED),
        "disks": DISKS,
        "remote_node": Parameter(maybe(text)),
        "iallocator": Parameter(maybe(text)),
    },
    "OP_INSTANCE_RECREATE_DISKS": INSTANCE
    | {"disks": DISKS, "nodes": Parameter(list_of(text), []), "iallocator": Parameter(maybe(text))},
    "OP_INSTANCE_SHUTDOWN": INSTANCE
    | {
        "force": FALSE,
        "ignore_offline_nodes": FALSE,
        "timeout": Parameter(number, 120),
        "no_remember": FALSE,
        "admin_state_source": Parameter(one_of("admin", "user"), "admin"),
    },
    "OP_INSTANCE_STARTUP": INSTANCE
    | {
        "force": FALSE,
        "ignore_offline_nodes": FALSE,
        "hvparams": Parameter(mapping, {}),
        "beparams": Parameter(mapping, {}),
        "no_remember": FALSE,
        "startup_paused": FALSE,
        "shutdown_timeout": Parameter(number, 120),
    },
    "OP_INSTANCE_REINSTALL": INSTANCE
    | {"os_type": Parameter(maybe(text)), "force_variant": FALSE, "osparams": Parameter(maybe(mapping))},
    "OP_INSTANCE_SET_PARAMS": INSTANCE
    | {
        "force": FALSE,
        "force_variant": FALSE,
        "ignore_ipolicy": FALSE,
        "nics": Parameter(lambda value: isinstance(value, list), []),
        "disks": DISKS,
        "beparams": Parameter(mapping, {}),
        "hvparams": Parameter(mapping, {}),
        "ext_params": Parameter(mapping, {}),
        "osparams": Parameter(mapping, {}),
        "wait_for_sync": TRUE,
        "offline": Parameter(maybe(boolean)),
        "conflicts_check": TRUE,
        "hotplug": FALSE,
        "hotplug_if_possible": FALSE,
    },
    "OP_NODE_SET_PARAMS": {
        "node_name": Parameter(text, REQUIRED),
        "force": FALSE,
        "master_candidate": Parameter(maybe(boolean)),
        "offline": Parameter(maybe(boolean)),
        "drained": Parameter(maybe(boolean)),
        "auto_promote": FALSE,
    },
    "OP_TEST_DELAY": {
        "duration": Parameter(lambda value: isinstance(value, (int, float)), REQUIRED),
        "on_master": TRUE,
        "on_nodes": Parameter(list_of(text), []),
        "no_locks": FALSE,
    },
}


def class_name(op_id: str) -> str:
    """Return the name that Ganeti's Python gives an opcode: OP_TAGS_SET is OpTagsSet."""
    return "".join(word.capitalize() for word in op_id.split("_"))


def build(op_id: str, given: Mapping[str, object]) -> Op:
    """Check the parameters given and return the opcode with defaults filled in.

    Raises RequestError 400 with Ganeti's words for what is unknown, missing or not acceptable.
    """
    known = {**COMMON, **OPCODES[op_id]}
    for name in given:
        if name not in known:
            reject(f"Object {class_name(op_id)} doesn't support the parameter '{name}'")
    op: Op = {}
    for name, parameter in known.items():
        value = given.get(name, parameter.default)
        if value is REQUIRED or not (value is UNSET or parameter.accepts(value)):
            reject(f"(\"Parameter '{op_id}.{name}' fails validation\", 'wrong_input')")
        if value is UNSET or (value is None and parameter.default is UNSET):
            continue
        op[name] = list(value) if isinstance(value, list) else value
    return {"OP_ID": op_id, **op}


def reject(what: str) -> None:
    """Raise the answer that Ganeti's RAPI gives to parameters that it can't use."""
    raise RequestError(400, f"Invalid body parameters: {what}")


def summary(op: Op) -> str:
    """Return an opcode's line in a job's `summary`."""
    subject = op.get("instance_name", op.get("node_name", ""))
    name = str(op["OP_ID"]).removeprefix("OP_")
    return f"{name}({subject})" if subject else name
