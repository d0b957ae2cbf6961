# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opcodes: which parameters each one takes, what they may be, and what Ganeti fills in for those left out.

RAPI builds them of requests (`build`), LUXI takes them whole (`load`); each refuses what it can't use in its own words.

The table holds the opcodes that repairs use. What a job shows in `ops` is what stands here: a parameter with the
default `UNSET` is shown only when it was given.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from simulator.errors import RequestError, Unreadable

Op = dict[str, Any]
FINAL_STATES = ("canceled", "success", "error")


class _Unset:
    """The mark of a parameter that is not shown unless it is given."""

    def __deepcopy__(self, memo: object) -> _Unset:
        return self


UNSET = _Unset()
REQUIRED = _Unset()


Reader = Callable[[object], str]  # says in luxid's words why a value can't be read; nothing if it can


@dataclass(frozen=True)
class Parameter:
    """A parameter: who reads its value, and what stands in the job when it is left out."""

    complaint: Reader
    default: object = UNSET


def boolean(value: object) -> str:
    """Read true and false."""
    return "" if isinstance(value, bool) else "Unable to read Bool"


def string(value: object) -> str:
    """Read a string."""
    return "" if isinstance(value, str) else "Unable to read String"


def text(value: object) -> str:
    """Read a string that isn't empty."""
    return string(value) or ("" if value else "Received empty value for non-empty list")


def maybe(reader: Reader) -> Reader:
    """Read what `reader` reads, and null."""
    return lambda value: "" if value is None else reader(value)


def list_of(reader: Reader) -> Reader:
    """Read a list of what `reader` reads."""

    def read(value: object) -> str:
        if not isinstance(value, list):
            return "Unable to read list"
        return next(filter(None, map(reader, value)), "")

    return read


def one_of(kind: str, *choices: str) -> Reader:
    """Read one of the choices; `kind` is what Ganeti calls them."""

    def read(value: object) -> str:
        if not isinstance(value, str):
            return f"Can't parse value for '{kind}': Unable to read String"
        return "" if value in choices else f'Invalid string value for type {kind}: "{value}"'

    return read


def priority(value: object) -> str:
    """Read a priority: low, normal, high."""
    if not isinstance(value, int) or isinstance(value, bool):
        return "Can't parse value for 'OpSubmitPriority': Unable to read Int"
    return "" if value in (-10, 0, 10) else f"Invalid string value for type OpSubmitPriority: {value}"


def number(value: object) -> str:
    """Read a whole number that isn't negative."""
    if not isinstance(value, int) or isinstance(value, bool):
        return "Unable to read Int"
    return "" if value >= 0 else f"Invalid value for non-negative type '{value}'"


def seconds(value: object) -> str:
    """Read a duration."""
    return "" if isinstance(value, (int, float)) and not isinstance(value, bool) else "Unable to read Double"


def anything(value: object) -> str:
    """Read whatever there is."""
    return ""


def mapping(value: object) -> str:
    """Read an object."""
    return "" if isinstance(value, dict) else "Unable to read JSObject"


def dependency(value: object) -> str:
    """Read [job id, [final status, ...]]; the id may be relative (negative), or a number in a string."""
    if not (isinstance(value, list) and len(value) == 2):
        return "Unable to read Pair"
    job, states = value
    if not (isinstance(job, int) or (isinstance(job, str) and job.isdigit())):
        return f"parsing job id: cannot parse string '{job}'"
    return list_of(one_of("FinalizedJobStatus", *FINAL_STATES))(states)


def reason(value: object) -> str:
    """Read an entry of the reason trail: who, why, and when in nanoseconds."""
    if not (isinstance(value, list) and len(value) == 3):
        return "Unable to read Triple"
    when = "" if isinstance(value[2], (int, float)) else "Unable to read Integer"
    return string(value[0]) or string(value[1]) or when


COMMON = {
    "dry_run": Parameter(boolean),
    "debug_level": Parameter(number),
    "priority": Parameter(priority, 0),
    "depends": Parameter(maybe(list_of(dependency)), None),
    "comment": Parameter(maybe(string), None),
    "reason": Parameter(list_of(reason), []),
}
INSTANCE = {"instance_name": Parameter(string, REQUIRED), "instance_uuid": Parameter(maybe(text))}
TARGET = {"target_node": Parameter(maybe(text)), "iallocator": Parameter(maybe(text))}
DISKS = Parameter(list_of(anything), [])
FALSE, TRUE = Parameter(boolean, False), Parameter(boolean, True)
TAGGING = {
    "kind": Parameter(one_of("TagKind", "instance", "node", "nodegroup", "network", "cluster"), REQUIRED),
    "tags": Parameter(list_of(string), REQUIRED),
    "name": Parameter(maybe(string)),
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
        "mode": Parameter(maybe(one_of("MigrationMode", "live", "non-live"))),
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
        "mode": Parameter(one_of("ReplaceDisksMode", *REPLACE_MODES), REQUIRED),
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
        "admin_state_source": Parameter(one_of("AdminStateSource", "admin", "user"), "admin"),
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
    "OP_INSTANCE_ACTIVATE_DISKS": INSTANCE | {"ignore_size": FALSE, "wait_for_sync": FALSE},
    "OP_INSTANCE_QUERY_DATA": {"use_locking": FALSE, "instances": Parameter(list_of(text), []), "static": FALSE},
    "OP_INSTANCE_SET_PARAMS": INSTANCE
    | {
        "force": FALSE,
        "force_variant": FALSE,
        "ignore_ipolicy": FALSE,
        "nics": Parameter(list_of(anything), []),
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
        "node_name": Parameter(string, REQUIRED),
        "force": FALSE,
        "master_candidate": Parameter(maybe(boolean)),
        "offline": Parameter(maybe(boolean)),
        "drained": Parameter(maybe(boolean)),
        "powered": Parameter(maybe(boolean)),
        "auto_promote": FALSE,
    },
    "OP_TEST_DELAY": {
        "duration": Parameter(seconds, REQUIRED),
        "on_master": TRUE,
        "on_nodes": Parameter(list_of(text), []),
        "no_locks": FALSE,
    },
}


def class_name(op_id: str) -> str:
    """Return the name that Ganeti's Python gives an opcode: OP_TAGS_SET is OpTagsSet."""
    return "".join(word.capitalize() for word in op_id.split("_"))


def build(op_id: str, given: Mapping[str, object]) -> Op:
    """Check the parameters given to RAPI and return the opcode with defaults filled in.

    Raises RequestError 400 with Ganeti's words for what is unknown, missing or not acceptable.
    """
    known = {**COMMON, **OPCODES[op_id]}
    for name in given:
        if name not in known:
            reject(f"Object {class_name(op_id)} doesn't support the parameter '{name}'")
    op: Op = {}
    for name, parameter in known.items():
        value = given.get(name, parameter.default)
        if value is REQUIRED or (value is not UNSET and parameter.complaint(value)):
            reject(f"(\"Parameter '{op_id}.{name}' fails validation\", 'wrong_input')")
        if value is UNSET or (value is None and parameter.default is UNSET):
            continue
        op[name] = list(value) if isinstance(value, list) else value
    return {"OP_ID": op_id, **op}


def load(given: object) -> Op:
    """Read an opcode that came over LUXI, in Ganeti's order, and return it with defaults filled in.

    Raises Unreadable. Null stands for a parameter that is left out, unless it must be given.
    """
    if not isinstance(given, dict):
        raise Unreadable("Unable to read JSObject")
    op = load_parameters(given, {**COMMON, "reason": replace(COMMON["reason"], default=REQUIRED)})
    load_parameters(given, {"OP_ID": Parameter(string, REQUIRED)})
    if given["OP_ID"] not in OPCODES:
        raise Unreadable(f"Unknown opcode {given['OP_ID']}")
    parameters = OPCODES[given["OP_ID"]]
    op |= load_parameters(given, parameters)
    allowed = sorted({"OP_ID", *COMMON, *parameters})
    if superfluous := sorted(given.keys() - set(allowed)):
        raise Unreadable(f"Superfluous dictionary keys: {compact(superfluous)}, but only {compact(allowed)} allowed.")
    return {"OP_ID": given["OP_ID"], **op}


def load_parameters(given: Mapping[str, object], parameters: Mapping[str, Parameter]) -> Op:
    """Read some of the parameters of an opcode; raise Unreadable."""
    op: Op = {}
    for name, parameter in parameters.items():
        value = given.get(name)
        if parameter.default is REQUIRED:
            if name not in given:
                raise Unreadable(f"key '{name}' not found, object contains only {compact(list(given))}")
        elif value is None:
            value = copy.deepcopy(parameter.default)
        if value is UNSET:
            continue
        if complaint := parameter.complaint(value):
            label = f"key '{name}'" if name == "OP_ID" else f"Can't parse value for '{name}'"
            raise Unreadable(f"{label}: {complaint}")
        op[name] = value
    return op


def compact(names: list[str]) -> str:
    """Return a list as Ganeti's Haskell part shows it."""
    return json.dumps(names, separators=(",", ":"))


def reject(what: str) -> None:
    """Raise the answer that Ganeti's RAPI gives to parameters that it can't use."""
    raise RequestError(400, f"Invalid body parameters: {what}")


def summary(op: Op) -> str:
    """Return an opcode's line in a job's `summary`."""
    subject = op.get("instance_name", op.get("node_name"))
    if op["OP_ID"] == "OP_TEST_DELAY":
        subject = float(op["duration"])
    name = str(op["OP_ID"]).removeprefix("OP_")
    return name if subject is None else f"{name}({subject})"
