# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action: what comes next for an object, as a value (design, section 6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from itertools import takewhile

from ..diagnosis.instances import Step, together
from ..ganeti.model import Job, RepairType
from .ages import jobs_text
from .case import Case
from .history import Repair
from .reasons import Why


class Kind(Enum):
    """What comes next for an object."""

    NONE = "none"
    SUBMIT = "submit"
    WAIT = "wait"
    FINISH = "finish"
    LIFT = "lift"
    REFUSE = "refuse"
    HOLD = "hold"
    REPORT = "report"
    REMEMBER = "remember"  # of a breaker: that it has tripped
    FORGET = "forget"  # ... that it has cooled down
    TAG = "tag"  # what a person wants to say by tags

    @property
    def writes(self) -> bool:
        """Whether carrying it out sends anything but reads."""
        return self in _WRITING

    @property
    def label(self) -> str:
        """The name in facts and results, where a breaker's memory counts as `hold` and its removal as `lift`."""
        return {Kind.REMEMBER: Kind.HOLD, Kind.FORGET: Kind.LIFT}.get(self, self).value


_WRITING = frozenset(
    {Kind.SUBMIT, Kind.FINISH, Kind.LIFT, Kind.REFUSE, Kind.REMEMBER, Kind.FORGET, Kind.TAG},
)


@dataclass(frozen=True)
class Action:
    """What is to be done with one object, and why.

    C(repair) is the pending repair that it goes on with, None for a new one; C(type) is the repair's type; C(steps) are
    all that are to come, of which the first is submitted now (over LUXI with those that must not wait); C(result) is
    what a C(finish) or C(refuse) writes (None: no result); C(cancel) are jobs of ours to be canceled before that;
    C(remove) and C(add) are tags to be removed and added; C(nodes) where disks are recreated, or an instance on shared
    storage goes. C(alone) says that the first step is submitted without the one that belongs to it, which follows in
    its turn; C(accepts) that somebody has accepted a copy that is behind for it. C(why) says why nothing is done now,
    where nothing is; C(command) is what a person can run; C(reason) ends with it.
    """

    kind: Kind
    name: str
    reason: str
    scope: str = "instance"
    type: RepairType | None = None
    repair: Repair | None = None
    steps: tuple[Step, ...] = ()
    result: str | None = None
    cancel: tuple[int, ...] = ()
    remove: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    alone: bool = False
    accepts: bool = False
    why: Why | None = None
    command: str = ""

    @property
    def writes(self) -> bool:
        """Whether carrying it out sends anything but reads."""
        return self.kind.writes

    @property
    def begins(self) -> bool:
        """Whether it begins a repair: none of the repair's jobs is known to be ours yet (law 11)."""
        return self.kind is Kind.SUBMIT and not (self.repair and self.repair.begun)

    @property
    def permitted(self) -> tuple[Step, ...]:
        """Those of the steps to come that the permission covers: up to the first that it does not."""
        kind = None if self.kind is Kind.REFUSE else self.type
        return tuple(takewhile(lambda step: kind is not None and step.needs <= kind, self.steps))

    def submitted(self, joins: bool) -> tuple[Step, ...]:
        """The permitted steps that are submitted now; see C(together)."""
        return self.permitted[:1] if self.alone else together(self.permitted, joins)


def report(case: Case, why: Why, reason: str, command: str = "", steps: tuple[Step, ...] = ()) -> Action:
    """A person is needed; C(steps) would heal the instance."""
    return Action(Kind.REPORT, case.instance.name, reason, repair=case.failure, steps=steps, why=why, command=command)


def submit(case: Case, repair: Repair | None, kind: RepairType, steps: tuple[Step, ...], reason: str) -> Action:
    """The first of C(steps) is to be submitted, for C(repair) or a new one."""
    accepts = case.health.accepted
    return Action(Kind.SUBMIT, case.instance.name, reason, type=kind, repair=repair, steps=steps, accepts=accepts)


def finish(
    case: Case, repair: Repair, result: str | None, reason: str, since: float, add: tuple[str, ...] = ()
) -> Action:
    """The end of C(repair), with tags to C(add) beside its result; the results of repairs before it make room for its
    own, but for those to be kept C(since) then."""
    old = case.outdated(since) if result else ()
    return Action(
        Kind.FINISH,
        case.instance.name,
        reason,
        type=repair.type,
        repair=repair,
        result=result,
        remove=repair.tags + old,
        add=tuple(tag for tag in add if tag not in case.instance.tags),
    )


def wait(case: Case, why: Why, reason: str, steps: tuple[Step, ...] = ()) -> Action:
    """Something else has to happen first; C(steps) are to come then."""
    return Action(
        Kind.WAIT,
        case.instance.name,
        reason,
        type=case.pending.type if case.pending else None,
        repair=case.pending,
        steps=steps,
        why=why,
    )


def hold(action: Action, why: Why, words: str) -> Action:
    """C(action), held because of C(why), which C(words) tell; what it would have done is still to be seen in it."""
    return replace(
        action,
        kind=Kind.HOLD,
        reason=f"{action.reason}; held, as {words}",
        remove=(),
        add=(),
        cancel=(),
        result=None,
        why=why,
    )


def busy_text(case: Case, now: float) -> str:
    """The unfinished jobs of anybody on the instance, in words."""
    return jobs_text(case.busy, now)


def named(jobs: Iterable[Job]) -> str:
    """C(jobs) in words, each with its operations."""
    return ", ".join(f"job {job.id} ({' '.join(job.operations)})" for job in jobs)
