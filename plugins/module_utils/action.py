# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action: what comes next for an object, as a value (design, section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .health import Step
from .model import RepairType
from .repairs import Repair
from .state import Case


class Kind(Enum):
    """What comes next for an object; only C(submit), C(finish), C(lift) and C(refuse) write."""

    NONE = "none"
    SUBMIT = "submit"
    WAIT = "wait"
    FINISH = "finish"
    LIFT = "lift"
    REFUSE = "refuse"
    HOLD = "hold"
    REPORT = "report"

    @property
    def writes(self) -> bool:
        """Whether carrying it out sends anything but reads."""
        return self in (Kind.SUBMIT, Kind.FINISH, Kind.LIFT, Kind.REFUSE)


@dataclass(frozen=True)
class Action:
    """What is to be done with one object, and why.

    C(repair) is the pending repair that it goes on with, None for a new one; C(type) is the repair's type; C(steps) are
    all that are to come, of which the first is submitted now (over LUXI with those that must not wait); C(result) is
    what a C(finish) or C(refuse) writes (None: only tags are removed); C(remove) are tags to be removed; C(nodes) where
    disks are recreated. C(command) is what a person can run; C(reason) ends with it.
    """

    kind: Kind
    name: str
    reason: str
    scope: str = "instance"
    type: RepairType | None = None
    repair: Repair | None = None
    steps: tuple[Step, ...] = ()
    result: str | None = None
    remove: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    command: str = ""


def report(case: Case, reason: str, command: str = "") -> Action:
    """A person is needed."""
    return Action(Kind.REPORT, case.instance.name, reason, repair=case.failure, command=command)


def submit(case: Case, repair: Repair | None, kind: RepairType, steps: tuple[Step, ...], reason: str) -> Action:
    """The first of C(steps) is to be submitted, for C(repair) or a new one."""
    return Action(Kind.SUBMIT, case.instance.name, reason, type=kind, repair=repair, steps=steps)


def finish(case: Case, repair: Repair, result: str | None, reason: str) -> Action:
    """The end of C(repair); the results of repairs before it make room for its own."""
    old = tuple(tag for ended in case.results if result for tag in ended.tags)
    return Action(
        Kind.FINISH,
        case.instance.name,
        reason,
        type=repair.type,
        repair=repair,
        result=result,
        remove=repair.tags + old,
    )


def wait(case: Case, reason: str) -> Action:
    """Something else has to happen first."""
    return Action(
        Kind.WAIT,
        case.instance.name,
        reason,
        type=case.pending.type if case.pending else None,
        repair=case.pending,
    )


def busy_text(case: Case) -> str:
    """The unfinished jobs of anybody on the instance, in words."""
    return ", ".join("job {} ({}) is under way".format(job.id, " ".join(job.operations)) for job in case.busy)
