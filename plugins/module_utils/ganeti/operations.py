# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations: everything about each thing that Ganeti is asked to do, in one table (Ganeti facts, (a), (g), "Repairs").

A new operation is one row here. A job shows only opcodes, and several operations may share one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from .model import RepairType


class Loss(Enum):
    """What an operation gives up."""

    NOTHING = "nothing"
    RUNNING_STATE = "the running state"
    DISKS = "the disks"
    CONTENT = "the content of disks that are new already"


class Repeat(Enum):
    """When an operation that failed may be submitted again without harm (law 8)."""

    ALWAYS = "always"  # however far it got, the one good copy stays where it was
    IF_REFUSED = "if refused"  # only where Ganeti's checks, which come first, have refused it
    NEVER = "never"


@dataclass(frozen=True)
class _Row:
    """One operation: its `label` is the name that people know, its `opcode` the one that jobs show.

    Over RAPI it is the HTTP `method` on `path` below the object (the label if empty). `parameters` go along over both
    transports, `luxi_parameters` over LUXI alone. A step of a repair has the repair `type` that has to be allowed.
    """

    label: str
    opcode: str
    method: str
    path: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    luxi_parameters: Mapping[str, Any] = field(default_factory=dict)
    type: RepairType | None = None
    loses: Loss = Loss.NOTHING
    repeat: Repeat = Repeat.NEVER


class Operation(Enum):
    """What a job of ours can do; the value is the label."""

    _value_: str
    row: _Row
    opcode: str

    ADD_TAGS = _Row("add-tags", "TAGS_SET", "PUT", "tags", repeat=Repeat.ALWAYS)
    REMOVE_TAGS = _Row("remove-tags", "TAGS_DEL", "DELETE", "tags")
    REPLACE_SECONDARY = _Row(
        "replace-disks",
        "INSTANCE_REPLACE_DISKS",
        "POST",
        parameters={"mode": "replace_new_secondary"},
        luxi_parameters={"disks": []},
        type=RepairType.FIX_STORAGE,
        repeat=Repeat.ALWAYS,
    )
    MIGRATE = _Row("migrate", "INSTANCE_MIGRATE", "PUT", type=RepairType.MIGRATE, repeat=Repeat.IF_REFUSED)
    # no step of its own: before a failover off a live node it assembles the disks, so that Ganeti looks at the mirror
    ACTIVATE_DISKS = _Row("activate-disks", "INSTANCE_ACTIVATE_DISKS", "PUT", repeat=Repeat.ALWAYS)
    FAILOVER = _Row(
        "failover",
        "INSTANCE_FAILOVER",
        "PUT",
        type=RepairType.FAILOVER,
        loses=Loss.RUNNING_STATE,
        repeat=Repeat.ALWAYS,
    )
    RECREATE_DISKS = _Row(
        "recreate-disks",
        "INSTANCE_RECREATE_DISKS",
        "POST",
        type=RepairType.REINSTALL,
        loses=Loss.DISKS,
        repeat=Repeat.IF_REFUSED,
    )
    REINSTALL = _Row("reinstall", "INSTANCE_REINSTALL", "POST", type=RepairType.REINSTALL, loses=Loss.CONTENT)
    # Ganeti reinstalls no instance that is marked offline, so it is marked down for the time of the reinstall
    MARK_DOWN = _Row(
        "mark-down", "INSTANCE_SET_PARAMS", "PUT", "modify", parameters={"offline": False}, type=RepairType.REINSTALL
    )
    MARK_OFFLINE = _Row(
        "mark-offline", "INSTANCE_SET_PARAMS", "PUT", "modify", parameters={"offline": True}, type=RepairType.REINSTALL
    )
    # of a node: no instance fails over from a dead node that is not marked; another becomes a master candidate for it
    MARK_NODE_OFFLINE = _Row(
        "mark-node-offline", "NODE_SET_PARAMS", "POST", "modify", parameters={"offline": True, "auto_promote": True}
    )
    # one flag alone: with "offline: false" beside it Ganeti fails by a bug where it has too few candidates (measured)
    MARK_NODE_DRAINED = _Row("mark-node-drained", "NODE_SET_PARAMS", "POST", "modify", parameters={"drained": True})
    MARK_NODE_REGULAR = _Row(
        "mark-node-regular",
        "NODE_SET_PARAMS",
        "POST",
        "modify",
        parameters={"drained": False, "master_candidate": False},
    )
    # one that becomes a candidate gets a new copy of the configuration
    MARK_NODE_CANDIDATE = _Row(
        "mark-node-candidate", "NODE_SET_PARAMS", "POST", "modify", parameters={"master_candidate": True}
    )
    QUERY_DEVICES = _Row("query-devices", "INSTANCE_QUERY_DATA", "GET", "info")  # its result is the answer

    def __new__(cls, row: _Row) -> Operation:
        """The member of `row`."""
        member = object.__new__(cls)
        member._value_, member.row, member.opcode = row.label, row, row.opcode
        return member

    @property
    def gives_up_something(self) -> bool:
        """Whether it gives up the running state or the disks."""
        return self.row.loses in (Loss.RUNNING_STATE, Loss.DISKS)

    @property
    def is_reinstall(self) -> bool:
        """Whether it is a part of a reinstall that loses data."""
        return self.row.loses in (Loss.DISKS, Loss.CONTENT)


STEPS = tuple(operation for operation in Operation if operation.row.type is not None)
STEP_OPCODES = tuple(dict.fromkeys(step.opcode for step in STEPS))  # each once, as the two marks share one
# A step whose checks come first: one that is refused has done nothing.
CHECKED_FIRST = tuple(step.opcode for step in STEPS if step.row.repeat is not Repeat.NEVER)
REPEATABLE = tuple(operation.opcode for operation in Operation if operation.row.repeat is Repeat.ALWAYS)
TAGGING = (Operation.ADD_TAGS.opcode, Operation.REMOVE_TAGS.opcode)
STARTUP = "INSTANCE_STARTUP"
REBOOT = "INSTANCE_REBOOT"
# Operations of others, never ours, that may have used an instance's new disks.
OTHERS_USE_DISKS = (
    "INSTANCE_SHUTDOWN",
    REBOOT,
    Operation.ACTIVATE_DISKS.opcode,
    "INSTANCE_GROW_DISK",
    Operation.MARK_DOWN.opcode,
    "INSTANCE_MOVE",
    "INSTANCE_CHANGE_GROUP",
    "BACKUP_EXPORT",
)
MAY_START = (STARTUP, REBOOT, Operation.MIGRATE.opcode, Operation.FAILOVER.opcode)
