# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action: what comes next for an object, as a value (design, section 6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from itertools import takewhile

from ..diagnosis.instances import Step, submitted_together
from ..ganeti.model import Job, RepairType
from .ages import jobs_text
from .case import Case
from .history import Repair
from .reasons import Reason


class ActionKind(Enum):
    """What comes next for an object."""

    NONE = "none"
    SUBMIT = "submit"
    WAIT = "wait"
    FINISH = "finish"
    LIFT = "lift"
    REFUSE = "refuse"
    HOLD = "hold"
    REPORT = "report"
    REMEMBER = "remember"  # add a breaker's tag: it has tripped
    FORGET = "forget"  # remove a breaker's tag: it has cooled down
    TAG = "tag"  # write tags that a person wants to change

    @property
    def writes(self) -> bool:
        """Whether carrying it out sends anything but reads."""
        return self in _WRITING

    @property
    def label(self) -> str:
        """The name in facts and results, where REMEMBER is called `hold` and FORGET `lift`."""
        return {ActionKind.REMEMBER: ActionKind.HOLD, ActionKind.FORGET: ActionKind.LIFT}.get(self, self).value


_WRITING = frozenset(
    {
        ActionKind.SUBMIT,
        ActionKind.FINISH,
        ActionKind.LIFT,
        ActionKind.REFUSE,
        ActionKind.REMEMBER,
        ActionKind.FORGET,
        ActionKind.TAG,
    },
)


@dataclass(frozen=True)
class Action:
    """What is to be done with one object, and why.

    `repair` is the pending repair that it continues, None for a new one; `type` is the repair's type; `steps` are all
    remaining steps, of which the first is submitted now (over LUXI with those that must not wait); `result` is what a
    `finish` or `refuse` writes (None: no result); `cancel` are jobs of ours to cancel before that; `remove` and `add`
    are tags to remove and add; `nodes` are the nodes for recreated disks, or for an instance on shared storage.
    `alone` says that the first step is submitted without the step that usually follows it immediately; `accepts` that
    somebody has accepted a copy that is behind. `why` says why nothing is done now, if nothing is; `command` is a
    command that a person can run; `reason` ends with it.
    """

    kind: ActionKind
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
    why: Reason | None = None
    command: str = ""

    @property
    def writes(self) -> bool:
        """Whether carrying it out sends anything but reads."""
        return self.kind.writes

    @property
    def starts_repair(self) -> bool:
        """Whether it starts a repair: none of the repair's jobs is known to be ours yet (law 11)."""
        return self.kind is ActionKind.SUBMIT and not (self.repair and self.repair.begun)

    @property
    def permitted(self) -> tuple[Step, ...]:
        """The remaining steps that the permission covers: up to the first that it does not."""
        kind = None if self.kind is ActionKind.REFUSE else self.type
        return tuple(takewhile(lambda step: kind is not None and step.needs <= kind, self.steps))

    def submitted(self, multi_opcode: bool) -> tuple[Step, ...]:
        """The permitted steps that are submitted now; see `submitted_together`."""
        return self.permitted[:1] if self.alone else submitted_together(self.permitted, multi_opcode)


def report(case: Case, why: Reason, reason: str, command: str = "", steps: tuple[Step, ...] = ()) -> Action:
    """A person is needed; `steps` would heal the instance."""
    return Action(
        ActionKind.REPORT, case.instance.name, reason, repair=case.failure, steps=steps, why=why, command=command
    )


def submit(case: Case, repair: Repair | None, kind: RepairType, steps: tuple[Step, ...], reason: str) -> Action:
    """The first of `steps` is to be submitted, for `repair` or a new one."""
    accepts = case.health.accepted
    return Action(ActionKind.SUBMIT, case.instance.name, reason, type=kind, repair=repair, steps=steps, accepts=accepts)


def finish(
    case: Case, repair: Repair, result: str | None, reason: str, since: float, add: tuple[str, ...] = ()
) -> Action:
    """The end of `repair`, with tags to `add` beside its result. Older results are removed, except those that ended
    after `since`."""
    old = case.outdated(since) if result else ()
    return Action(
        ActionKind.FINISH,
        case.instance.name,
        reason,
        type=repair.type,
        repair=repair,
        result=result,
        remove=repair.tags + old,
        add=tuple(tag for tag in add if tag not in case.instance.tags),
    )


def wait(case: Case, why: Reason, reason: str, steps: tuple[Step, ...] = ()) -> Action:
    """Something else has to happen first; `steps` follow then."""
    return Action(
        ActionKind.WAIT,
        case.instance.name,
        reason,
        type=case.pending.type if case.pending else None,
        repair=case.pending,
        steps=steps,
        why=why,
    )


def hold(action: Action, why: Reason, words: str) -> Action:
    """`action`, held because of `why`, explained by `words`; it still shows what it would have done."""
    return replace(
        action,
        kind=ActionKind.HOLD,
        reason=f"{action.reason}; held: {words}",
        remove=(),
        add=(),
        cancel=(),
        result=None,
        why=why,
    )


def busy_text(case: Case, now: float) -> str:
    """The unfinished jobs of anybody on the instance, in words."""
    return jobs_text(case.unfinished_jobs, now)


def named(jobs: Iterable[Job]) -> str:
    """`jobs` in words, each with its operations."""
    return ", ".join(f"job {job.id} ({' '.join(job.operations)})" for job in jobs)
