# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates: what keeps a step from being taken now that permission and health ask for (design, laws 9 and 10).

Each gate is a function from an instance's case and action to what holds it, or None. All are for repairs that begin;
those about how much is broken, about pauses, proof and hours are also for a later step that gives up running state or
data: a repair is followed to its end, but not into a new loss.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Callable, NamedTuple, Optional

from ..ganeti.model import Node, utc
from ..ganeti.operations import STEPS, Operation
from ..repair.action import Action, Kind, hold, report
from ..repair.case import Case
from ..repair.reasons import Why
from ..settings.limits import Fencing
from ..settings.windows import opens
from .breaker import Breaker, judge_breakers
from .fencing import dead, full_names, to_prove, unproven
from .plan import Draft, Plan, Row, behind_breakers, left_to_others

_EMPTY_DISKS = (Operation.REINSTALL, Operation.MARK_DOWN, Operation.MARK_OFFLINE)  # first where disks are new already


class Obstacle(NamedTuple):
    """What keeps a step from being taken: the reason, its words, and whether a person is needed, with a C(command) to
    run, which follows the words."""

    why: Why
    words: str
    person: bool = False
    command: str = ""


Gate = Callable[[Case, Action, Plan], Optional[Obstacle]]


def gated(draft: Draft) -> Plan:
    """The plan that is made of `draft`: with every step held that a brake or a gate keeps from being taken now.

    Raises BadOption for a fenced node that is not in the cluster.
    """
    limits = replace(draft.limits, fenced_nodes=full_names(draft.limits, draft.cluster.nodes))
    plan = behind_breakers(draft, limits, judge_breakers(draft.cluster, draft.shared, limits, draft.time))
    rows = tuple((case, _gated(case, action, plan)) for case, action in plan.rows)
    plan = replace(plan, rows=rows, upkeep=plan.upkeep + tuple(_memory(plan, rows)))
    if plan.cluster.queue_drained:
        return left_to_others(plan, Why.QUEUE_DRAINED, "the job queue is drained")
    return plan


def _gated(case: Case, action: Action, plan: Plan) -> Action:
    """C(action), or what is left of it behind the first gate that is shut."""
    for gate in _GATES if action.kind is Kind.SUBMIT else ():
        obstacle = gate(case, action, plan)
        if obstacle and obstacle.person:
            words = f"{action.reason}; {obstacle.words}{obstacle.command}"
            return report(case, obstacle.why, words, obstacle.command, steps=action.steps)
        if obstacle:
            return hold(action, obstacle.why, obstacle.words)
    return action


def _memory(plan: Plan, rows: tuple[Row, ...]) -> Iterable[Action]:
    """What is to be written so that storms are remembered.

    A round over some instances does so only for a storm that holds one of them.
    """
    held = {case.group for case, action in rows if action.why in (Why.BREAKER, Why.STORM_COOLDOWN)}
    for one in plan.breakers:
        added, removed = one.to_write()
        holds = bool(held) if one.scope == "cluster" else one.name in held
        if not (holds or plan.limits.covers(one.scope, one.name)):
            continue
        if added:
            words = (
                one.words
                if one.storm
                else f"that many nodes may be offline; no repair begins until {utc(one.until or 0)}"
            )
            yield Action(Kind.REMEMBER, one.name, words, one.scope, remove=removed, add=added, why=Why.BREAKER)
        elif removed:
            yield Action(
                Kind.FORGET, one.name, "its breaker has cooled down", one.scope, remove=removed, why=Why.BREAKER
            )


# --- the gates, in the order in which they are tried ----------------------------------------------------------------


def _stopped(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """Somebody has stopped the whole cluster: what has begun goes on, but gives up no running state and no disks."""
    gives_up = action.steps[0].operation.gives_up_something
    return Obstacle(Why.STOPPED, plan.stopped) if plan.stopped and (action.begins or gives_up) else None


def _other_repair(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """Data is not given up while somebody else's repair of the same instance is pending."""
    if not _loses_data(action):
        return None
    own = action.repair.id if action.repair else ""
    ended = {repair.id for repair in case.results}  # a tag may be left over from one of these
    others = [tag.tag for tag in case.tags.pendings if tag.id not in (own, *ended)]
    if action.repair and action.repair.jobs and not action.repair.begun:
        others = list(action.repair.tags)
    if not others:
        return None
    words = "no disks are given up while somebody else's repair is pending; see to it, or take its tag away: "
    command = f"gnt-instance remove-tags {case.instance.name} {' '.join(others)}"
    return Obstacle(Why.OTHER_REPAIR, words, person=True, command=command)


def _breaker(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """Too much is broken, or was until just now, in the cluster or in the instance's group."""
    for one in plan.breakers:
        near = one.scope == "cluster" or one.name == case.group
        if near and one.tripped and _risks(case, action, plan):
            return Obstacle(_why_shut(one), one.words)
    return None


def _why_shut(one: Breaker) -> Why:
    if one.storm or one.too_few:
        return Why.BREAKER
    return Why.UNREADABLE_TAG if one.unread else Why.STORM_COOLDOWN


def _watcher_paused(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    until = plan.cluster.watcher_paused_until or 0
    if not (_risks(case, action, plan) and plan.limits.respect_watcher_pause and until > plan.time):
        return None
    return Obstacle(Why.WATCHER_PAUSED, f"the watcher is paused until {utc(until)}")


def _settling(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """A mark that was just set may be taken back."""
    nodes = dead(case, plan.cluster) if _risks(case, action, plan) else ()
    return _too_young(nodes, plan.limits.settle_time, Why.SETTLE_TIME, plan.time)


def _flapping(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """An instance that needs repair again and again has something that repairs don't heal."""
    limits = plan.limits
    done = case.repaired(plan.time - limits.repair_window)
    if not limits.repair_window or not action.begins or len(done) < limits.max_repairs_per_window:
        return None
    again = done[-limits.max_repairs_per_window].timestamp + limits.repair_window
    times = "time" if len(done) == 1 else "times"
    words = (
        f"it was repaired {len(done)} {times} within {limits.repair_window} s, so it is left alone until {utc(again)}"
    )
    return Obstacle(Why.FLAPPING, words, person=True)


def _outside_window(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """A repair that has begun goes on, but for a step that risks more than any that it has done."""
    kind = action.type if action.begins else action.steps[0].needs
    if kind is None or action.steps[0].operation in _EMPTY_DISKS:
        return None
    if not action.begins and kind <= _risked(action, plan):
        return None
    again = opens(plan.limits.windows, kind, plan.time)
    return Obstacle(Why.WINDOWS, f"{kind.label} may begin at {utc(again)}") if again is not None else None


def _risked(action: Action, plan: Plan) -> int:
    """The most destructive type of which the repair has done a step; 0 where it has done none."""
    numbers = action.repair.jobs if action.repair else ()
    done = {name for number in numbers if number in plan.cluster.jobs for name in plan.cluster.jobs[number].done}
    return max((step.row.type or 0 for step in STEPS if step.opcode in done), default=0)


def _offline_age(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    nodes = to_prove(case, action, plan.cluster)
    return _too_young(nodes, plan.limits.min_offline_age, Why.MIN_OFFLINE_AGE, plan.time)


def _fencing(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """Its node may be alive, and run it still."""
    nodes = unproven(case, action, plan.cluster, plan.limits)
    if not nodes:
        return None
    names = " and ".join(node.name for node in nodes)
    if plan.limits.fencing is Fencing.CONFIRMED:
        return Obstacle(Why.FENCING, f"nobody has confirmed that {names} is off (fencing: confirmed)")
    if any(node.powered for node in nodes):
        return Obstacle(Why.FENCING, f"Ganeti has {names} as powered on (fencing: powered_off)")
    words = f"Ganeti does not know whether {names} is powered: it has no oob_program (fencing: powered_off)"
    return Obstacle(Why.FENCING, words)


_GATES: tuple[Gate, ...] = (
    _stopped,
    _other_repair,
    _breaker,
    _watcher_paused,
    _settling,
    _flapping,
    _outside_window,
    _offline_age,
    _fencing,
)


# --- what they ask --------------------------------------------------------------------------------------------------


def _risks(case: Case, action: Action, plan: Plan) -> bool:
    """Whether it begins a repair or, as a later step of one, gives up running state or data: that is not following a
    repair to its end, but a new loss."""
    return action.begins or bool(to_prove(case, action, plan.cluster))


def _loses_data(action: Action) -> bool:
    return any(step.operation.is_reinstall for step in action.steps)


def _too_young(nodes: Iterable[Node], seconds: int, why: Why, now: float) -> Obstacle | None:
    """What holds a step while one of C(nodes) was changed less than so many seconds ago; when it was marked offline is
    not known better than so, and never later than that."""
    if not seconds:
        return None
    for node in nodes:
        if node.changed is None:
            return Obstacle(Why.NOT_KNOWN, f"the cluster did not say when {node.name} was changed last ({why.value})")
        if node.changed + seconds > now:
            until = utc(node.changed + seconds)
            return Obstacle(why, f"{node.name} was marked, or changed, less than {seconds} s before; until {until}")
    return None
