# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates: what keeps a step from being taken now that permission and health ask for (design, laws 9 and 10).

Each gate is a function from an instance's case and action to what holds it, or None. Those about how much is broken,
about pauses and about how often an instance was repaired are for repairs that have not begun; those about proof and
about time windows are for every step that loses running state or data, so also for a later one of a repair.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Callable, NamedTuple, Optional

from .action import Action, Kind, hold, report
from .breaker import Breaker, judge_breakers
from .errors import BadOption
from .limits import Fencing
from .model import Node, NodeState, Operation, utc
from .plan import Plan, left_to_others
from .repairs import REASON
from .state import Case
from .why import Why
from .windows import opens

_EMPTY_DISKS = (Operation.REINSTALL, Operation.MARK_DOWN, Operation.MARK_OFFLINE)  # first where disks are new already


class Obstacle(NamedTuple):
    """What keeps a step from being taken: the reason, its words, and whether a person is needed, with a C(command) to
    run, which follows the words."""

    why: Why
    words: str
    person: bool = False
    command: str = ""


Gate = Callable[[Case, Action, Plan], Optional[Obstacle]]


def gated(plan: Plan) -> Plan:
    """C(plan) with every step held that a brake or a gate keeps from being taken now.

    Raises BadOption for a fenced node that is not in the cluster.
    """
    for name in plan.limits.fenced_nodes:
        if not _named(name, plan.cluster.nodes):
            raise BadOption(f"fenced_nodes: no node in the cluster is called {name}; nothing was done")
    plan = replace(plan, breakers=judge_breakers(plan.cluster, plan.limits, plan.time))
    rows = tuple((case, _gated(case, action, plan)) for case, action in plan.rows)
    plan = replace(plan, rows=rows, upkeep=plan.upkeep + tuple(_memory(plan.breakers, rows)))
    if plan.cluster.queue_drained:
        return left_to_others(plan, Why.QUEUE_DRAINED, "the job queue is drained")
    return plan


def nodes_to_fence(plan: Plan) -> tuple[str, ...]:
    """The nodes for which steps of C(plan) wait only because nobody has confirmed that they are off, by name."""
    waiting = [(case, action) for case, action in plan.rows if action.why is Why.FENCING]
    return tuple(sorted({node.name for case, action in waiting for node in _unproven(case, action, plan)}))


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


def _memory(breakers: Iterable[Breaker], rows: Iterable[tuple[Case, Action]]) -> Iterable[Action]:
    """What is to be written so that storms are remembered."""
    rows = tuple(rows)
    for one in breakers:
        matters = any(
            action.why is Why.BREAKER and (one.scope == "cluster" or case.group == one.name) for case, action in rows
        )
        added, removed = one.to_write(matters)
        if added:
            words = (
                one.words
                if one.storm
                else f"that many nodes may be offline; no repair begins until {utc(one.until or 0)}"
            )
            yield Action(Kind.HOLD, one.name, words, one.scope, remove=removed, add=added, why=Why.BREAKER)
        elif removed:
            yield Action(Kind.LIFT, one.name, "its breaker has cooled down", one.scope, remove=removed, why=Why.BREAKER)


# --- the gates, in the order in which they are tried ----------------------------------------------------------------


def _other_repair(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """Data is not given up while somebody else's repair of the same instance is pending."""
    if not _loses_data(action):
        return None
    own = action.repair.id if action.repair else ""
    others = [tag.tag for tag in case.tags.pendings if tag.id != own]
    if action.repair and action.repair.jobs and not _is_ours(action, plan):
        others = list(action.repair.tags)
    if not others:
        return None
    words = "no disks are given up while somebody else's repair is pending; see to it, or take its tag away: "
    command = f"gnt-instance remove-tags {case.instance.name} {' '.join(others)}"
    return Obstacle(Why.OTHER_REPAIR, words, person=True, command=command)


def _is_ours(action: Action, plan: Plan) -> bool:
    """Whether a job of the repair carries our name in its reason trail; a job that is gone can't tell."""
    numbers = action.repair.jobs if action.repair else ()
    known = [plan.cluster.jobs[number] for number in numbers if number in plan.cluster.jobs]
    return any(text.startswith(REASON + ":") for job in known for text in job.reasons)


def _breaker(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """Too much is broken, or was until just now, in the cluster or in the instance's group."""
    for one in plan.breakers:
        if action.begins and one.tripped and (one.scope == "cluster" or one.name == case.group):
            return Obstacle(_why_shut(one), one.words)
    return None


def _why_shut(one: Breaker) -> Why:
    if one.storm or one.too_few:
        return Why.BREAKER
    return Why.UNREADABLE_TAG if one.unread else Why.STORM_COOLDOWN


def _watcher_paused(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    until = plan.cluster.watcher_paused_until or 0
    if not (action.begins and plan.limits.respect_watcher_pause and until > plan.time):
        return None
    return Obstacle(Why.WATCHER_PAUSED, f"the watcher is paused until {utc(until)}")


def _settling(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """A mark that was just set may be taken back."""
    dead = _dead(case, plan) if action.begins else ()
    return _too_young(dead, plan.limits.settle_time, Why.SETTLE_TIME, plan.time)


def _flapping(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """An instance that needs repair again and again has something that repairs don't heal."""
    limits = plan.limits
    done = case.repaired(plan.time - limits.repair_window)
    if not action.begins or len(done) < limits.max_repairs_per_window:
        return None
    again = done[-limits.max_repairs_per_window].timestamp + limits.repair_window
    times = "time" if len(done) == 1 else "times"
    words = (
        f"it was repaired {len(done)} {times} within {limits.repair_window} s, so it is left alone until {utc(again)}"
    )
    return Obstacle(Why.FLAPPING, words, person=True)


def _outside_window(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    kind = action.type if action.begins else action.steps[0].needs
    if kind is None or action.steps[0].operation in _EMPTY_DISKS:
        return None
    again = opens(plan.limits.windows, kind, plan.time)
    return Obstacle(Why.WINDOWS, f"{kind.label} may begin at {utc(again)}") if again is not None else None


def _offline_age(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    return _too_young(_to_prove(case, action, plan), plan.limits.min_offline_age, Why.MIN_OFFLINE_AGE, plan.time)


def _fencing(case: Case, action: Action, plan: Plan) -> Obstacle | None:
    """Its node may be alive, and run it still."""
    unproven = _unproven(case, action, plan)
    if not unproven:
        return None
    names = " and ".join(node.name for node in unproven)
    if plan.limits.fencing is Fencing.CONFIRMED:
        return Obstacle(Why.FENCING, f"nobody has confirmed that {names} is off (fencing: confirmed)")
    if any(node.powered for node in unproven):
        return Obstacle(Why.FENCING, f"Ganeti has {names} as powered on (fencing: powered_off)")
    words = f"Ganeti does not know whether {names} is powered: it has no oob_program (fencing: powered_off)"
    return Obstacle(Why.FENCING, words)


_GATES: tuple[Gate, ...] = (
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


def _loses_data(action: Action) -> bool:
    return any(step.operation in (Operation.RECREATE_DISKS, Operation.REINSTALL) for step in action.steps)


def _dead(case: Case, plan: Plan) -> tuple[Node, ...]:
    """The nodes of the instance that are marked offline."""
    names = (case.instance.primary, *case.instance.secondaries)
    nodes = [plan.cluster.nodes[name] for name in names if name in plan.cluster.nodes]
    return tuple(node for node in nodes if node.state is NodeState.OFFLINE)


def _to_prove(case: Case, action: Action, plan: Plan) -> tuple[Node, ...]:
    """The nodes that have to be off before the step that comes next: a failover's primary, if it is said to be dead,
    and every node that held disks which are recreated."""
    operation = action.steps[0].operation
    dead = _dead(case, plan)
    if operation is Operation.FAILOVER:
        return tuple(node for node in dead if node.name == case.instance.primary)
    return dead if operation is Operation.RECREATE_DISKS else ()


def _unproven(case: Case, action: Action, plan: Plan) -> tuple[Node, ...]:
    """Those of the nodes to prove that nothing proves to be off."""
    limits = plan.limits
    if limits.fencing is Fencing.OFFLINE_FLAG:
        return ()
    nodes = _to_prove(case, action, plan)
    if limits.fencing is Fencing.POWERED_OFF:
        return tuple(node for node in nodes if node.powered is not False)
    fenced = {full for name in limits.fenced_nodes for full in _named(name, plan.cluster.nodes)}
    return tuple(node for node in nodes if node.name not in fenced)


def _named(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """The names among C(known) that C(name) means, which may leave the domain out."""
    known = tuple(known)
    wanted = name.lower()
    return (wanted,) if wanted in known else tuple(full for full in known if full.startswith(wanted + "."))


def _too_young(nodes: Iterable[Node], seconds: int, why: Why, now: float) -> Obstacle | None:
    """What holds a step while one of C(nodes) was changed less than so many seconds ago; when it was marked offline is
    not known better than so, and never later than that."""
    if not seconds:
        return None
    for node in nodes:
        if node.changed is None:
            return Obstacle(why, f"the cluster did not say when {node.name} was changed last ({why.value})")
        if node.changed + seconds > now:
            until = utc(node.changed + seconds)
            return Obstacle(why, f"{node.name} was marked, or changed, less than {seconds} s before; until {until}")
    return None
