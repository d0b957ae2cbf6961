# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secondary: whether the copy that a failover would go to is known to be up to date.

Ganeti itself does not check the mirror when the primary is marked offline (docs/safety.md). This file has the rules;
`mirrors/devices.py` asks the secondaries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..ganeti.model import Instance
from ..ganeti.operations import Operation
from ..ganeti.usable import is_size
from ..repair.action import Action, ActionKind, hold, report
from ..repair.case import Case
from ..repair.reasons import Reason
from ..settings.limits import SecondaryState
from .fencing import to_prove
from .plan import Plan, PlanRow

UP_TO_DATE = 1  # what Ganeti calls the state of a node's own copy, its ldisk_status
_STATES = {2: "is still being resynced", 3: "is not up to date", 4: "is faulty or not connected"}
_NEW_STATE = "is in an unknown state"
_STATUS = 7  # values in a disk's status: path, major, minor, sync percentage, seconds left, is_degraded, ldisk_status
_PROGRESS, _LOCAL = 3, 6  # positions of the sync percentage, and of the state of the node's own copy
_TURNS = (Reason.MAX_IN_FLIGHT, Reason.MAX_PER_NODE, Reason.MAX_PER_GROUP)


def needs_proof(case: Case, action: Action, plan: Plan) -> bool:
    """Whether `action` fails over a mirrored instance from a primary that is marked offline, and the user wants its
    secondary to be asked first."""
    if plan.limits.secondary_state is SecondaryState.ANY or not (case.instance.mirrored and action.steps):
        return False
    return action.steps[0].operation is Operation.FAILOVER and bool(to_prove(case, action, plan.cluster))


def to_ask(plan: Plan) -> tuple[PlanRow, ...]:
    """The failovers of `plan` whose secondary has to be asked, the most urgent first.

    Those that only wait for their turn are included: they move up if another copy turns out not to be up to date.
    """
    rows = [row for row in plan.rows if row[1].kind is ActionKind.SUBMIT or row[1].why in _TURNS]
    wanted = [row for row in rows if needs_proof(*row, plan) and row[0].instance.name not in plan.limits.secondaries]
    return tuple(sorted(wanted, key=plan.urgency))


def hold_unknown_secondaries(plan: Plan) -> Plan:
    """`plan` in which a failover needs a person if its secondary was asked and is not known to be up to date; the
    reason of a failover whose secondary was not asked yet says that it will be."""
    return replace(plan, rows=tuple((case, _checked(case, action, plan)) for case, action in plan.rows))


def _checked(case: Case, action: Action, plan: Plan) -> Action:
    if action.kind is not ActionKind.SUBMIT or not needs_proof(case, action, plan):
        return action
    problem = plan.limits.secondaries.get(case.instance.name)
    if problem is None:
        asked = f"first, {case.instance.secondaries[0]} is asked whether its copy is up to date"
        return replace(action, reason=f"{action.reason}; {asked}")
    return _held(case, action, problem) if problem else action


def _held(case: Case, action: Action, problem: str) -> Action:
    """A failover that waits for a person, who knows what became of the primary."""
    primary, secondary = case.instance.primary, case.instance.secondaries[0]
    command = f"gnt-instance failover {case.instance.name}"
    words = (
        f"{action.reason}; {problem} (secondary_state: uptodate); newer data may be on {primary}: bring {primary} back "
        f"if you can; to continue with the copy on {secondary} as it is: "
    )
    return report(case, Reason.SECONDARY_STATE, words + command, command, steps=action.steps)


def only_asked(plan: Plan) -> Plan:
    """`plan` with those failovers held whose secondary has not been asked, as they are new since the question."""
    names = {case.instance.name for case, action in to_ask(plan)}
    words = "its secondary has not been asked yet whether its copy is up to date"
    rows = (
        (case, hold(action, Reason.JUST_CHANGED, words) if action.writes and case.instance.name in names else action)
        for case, action in plan.rows
    )
    return replace(plan, rows=tuple(rows))


def problem_of(instance: Instance, answer: Any) -> str:
    """Why the copy of `instance` on its secondary is not known to be up to date, in words; empty if it is.

    `answer` is the result of OP_INSTANCE_QUERY_DATA. Anything but an answer that each disk is there and up to date is a
    problem. A copy that lost its connection before its primary died reports that it is up to date, too.
    """
    found = answer.get(instance.name) if isinstance(answer, Mapping) else None
    disks = found.get("disks") if isinstance(found, Mapping) else None
    secondary = instance.secondaries[0]
    if not isinstance(found, Mapping) or not isinstance(disks, list) or found.get("snodes") != [secondary]:
        return f"{secondary} was asked for its disks, but the answer is not about them"
    if not disks or len(disks) != len(instance.disk_sizes):
        return f"{secondary} was asked for {len(instance.disk_sizes)} disks, but the answer is about {len(disks)}"
    found_out = [(number, _problem(disk)) for number, disk in enumerate(disks)]
    return "; ".join(f"disk {number} on {secondary} {problem}" for number, problem in found_out if problem)


def _problem(disk: Any) -> str:
    """Why a disk's copy on the secondary is not known to be up to date, in words; empty if it is."""
    status = disk.get("sstatus", ()) if isinstance(disk, Mapping) else ()
    if status is None:
        return "is not assembled, so it is not known whether that copy is up to date"
    if not isinstance(status, list) or len(status) < _STATUS:
        return "did not report its state"
    progress, local = status[_PROGRESS], status[_LOCAL]
    if progress is not None:
        return f"{_STATES[2]} ({progress} %)"
    if not is_size(local):
        return _NEW_STATE
    return "" if local == UP_TO_DATE else _STATES.get(local, _NEW_STATE)
