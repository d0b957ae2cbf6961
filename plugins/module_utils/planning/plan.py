# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan: what a round would do, as a value that people, tests and check mode can look at (design, sections 1 and 5).

No input or output, no clock: a cluster, limits and a time go in, a plan comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ..ganeti.model import Cluster, RepairType
from ..ganeti.operations import STEP_OPCODES
from ..repair.action import Action, Kind, hold, wait
from ..repair.case import Case, State, make_cases
from ..repair.decide import decide
from ..repair.progress import Progress, last_job
from ..repair.reasons import Why
from ..settings.limits import Followed, Limits
from ..tags.policy import expired, stop_of
from ..tags.shared import SharedTags, shared_tags
from .breaker import Breaker
from .notices import notices
from .selection import matching

Row = tuple[Case, Action]
END_SECONDS = 60.0  # that the end of a repair may be put off


@dataclass(frozen=True)
class Draft:
    """What a round would do if nothing held it: `rows` has every instance, by name; `upkeep` are the suspends to remove
    and what the breakers have to remember; `notices` are tags of the cluster and of groups that a person has to look
    at; `stopped` is what stops the whole cluster, if anything does."""

    cluster: Cluster
    shared: SharedTags
    limits: Limits
    time: float
    rows: tuple[Row, ...]
    upkeep: tuple[Action, ...]
    warnings: tuple[str, ...]
    notices: tuple[Action, ...]
    stopped: str

    @property
    def actions(self) -> tuple[Action, ...]:
        """All that is more than nothing, in the order in which it is carried out."""
        planned = [row for row in self.rows if row[1].kind is not Kind.NONE]
        return self.notices + self.upkeep + tuple(action for case, action in sorted(planned, key=self.urgency))

    def urgency(self, row: Row) -> tuple[bool, bool, bool, int, int, str]:
        """Smaller for what comes first: what is done now; repairs that have begun; instances that are down before those
        that only lost redundancy; of those that were asked for the oldest; the smaller risk; then by name."""
        case, action = row
        begun = action.repair is not None and not action.begins
        asked = case.pending.timestamp if case.pending else int(self.time)
        risk = int(action.type or RepairType.REINSTALL)
        return not action.writes, not begun, not self.cluster.is_down(case.instance), asked, risk, case.instance.name

    @property
    def writes(self) -> bool:
        """Whether carrying it out sends anything but reads."""
        return any(action.writes for action in self.actions)

    @property
    def under_way(self) -> int:
        """The number of repairs that are pending."""
        return sum(1 for case, action in self.rows if case.pending)

    @property
    def summary(self) -> Mapping[str, int]:
        """The number of instances in each state."""
        counts = {state.value: 0 for state in reversed(State)}
        for case, _action in self.rows:
            counts[case.state.value] += 1
        return counts


@dataclass(frozen=True)
class Plan(Draft):
    """What a round does: a draft behind its gates. `breakers` are what they went by, the cluster's first; `fence` are
    nodes that somebody has to see off before steps that would else be taken."""

    breakers: tuple[Breaker, ...]
    fence: tuple[str, ...] = ()


def behind_breakers(draft: Draft, limits: Limits, breakers: tuple[Breaker, ...]) -> Plan:
    """`draft` within `limits` as a plan, whose steps the gates have still to look at."""
    return Plan(**{**vars(draft), "limits": limits}, breakers=breakers)


def make_draft(cluster: Cluster, limits: Limits, now: float) -> Draft:
    """The draft of the plan for `cluster` at `now` (seconds since the epoch), before brakes and gates.

    Raises BadOption for a name that matches nothing.
    """
    shared = shared_tags(cluster)
    cases = make_cases(cluster, shared, now, limits.drained_secondaries, _accepted(cluster, limits))
    chosen = _chosen(cases, cluster, limits)
    inside = frozenset(case.instance.name for case in chosen)
    rows = [
        (case, decide(case, cluster, now, limits) if case.instance.name in inside else _outside(case)) for case in cases
    ]
    return Draft(
        cluster=cluster,
        shared=shared,
        limits=limits,
        time=now,
        rows=tuple(rows),
        upkeep=tuple(_lifts(shared, chosen, limits, now)),
        warnings=(*_warnings(shared), *_no_limit(cluster, limits)),
        notices=tuple(notices(shared, now)),
        stopped=stop_of(shared.cluster),
    )


def _accepted(cluster: Cluster, limits: Limits) -> frozenset[str]:
    """The instances that may go on with a copy that is behind: of those nobody names, none."""
    if not limits.accept_behind:
        return frozenset()
    return matching("accept_behind", limits.accept_behind, [instance.name for instance in cluster.instances])


def _chosen(cases: tuple[Case, ...], cluster: Cluster, limits: Limits) -> tuple[Case, ...]:
    """The cases that the round is limited to."""
    groups = matching("groups", limits.groups, cluster.groups)
    names = matching("instances", limits.instances, [case.instance.name for case in cases])
    return tuple(case for case in cases if case.instance.name in names and (not limits.groups or case.group in groups))


def _outside(case: Case) -> Action:
    return Action(Kind.NONE, case.instance.name, "outside of what this round is limited to", why=Why.NOT_CHOSEN)


def is_left(plan: Plan) -> bool:
    """Whether there is something in C(plan) that a later round can do, or see the end of, without anybody's help."""
    return plan.writes or any(_passes(action, plan.limits) for case, action in plan.rows)


def _passes(action: Action, limits: Limits) -> bool:
    """Whether what C(action) waits for goes by itself; a limit of 0, by the option of its name, never does."""
    return action.why is not None and action.why.passes and getattr(limits, action.why.value, 1) != 0


def left_to_others(plan: Plan, why: Why, words: str) -> Plan:
    """C(plan) with everything held that would write, because of C(why), which C(words) tell."""
    rows = [(case, hold(action, why, words) if action.writes else action) for case, action in plan.rows]
    return replace(plan, rows=tuple(rows), upkeep=tuple(hold(action, why, words) for action in plan.upkeep))


def ends_together(plan: Plan) -> Plan:
    """C(plan) with the good ends of repairs put off, where nothing else is to be written while others are under way.

    To write takes a claim, and its jobs stand in the way of theirs. No end is put off for longer than END_SECONDS.
    """
    running = any(case.progress is Progress.RUNNING for case, action in plan.rows)
    if not running or plan.upkeep or not all(_may_end_later(action, plan) for action in plan.actions if action.writes):
        return plan
    words = "its success is noted together with that of the repairs still under way"
    rows = [
        (case, wait(case, Why.JUST_CHANGED, f"{action.reason}; {words}") if action.writes else action)
        for case, action in plan.rows
    ]
    return replace(plan, rows=tuple(rows))


def _may_end_later(action: Action, plan: Plan) -> bool:
    if action.kind is not Kind.FINISH or action.result != "success" or not action.repair:
        return False
    last = last_job(action.repair, plan.cluster.jobs)
    return last is not None and last.ended is not None and last.ended + END_SECONDS > plan.time


def within_approved(plan: Plan) -> Plan:
    """C(plan) with everything held that goes beyond what was approved, where something was and has begun."""
    follow = plan.limits.follow
    if follow is None:
        return plan
    why, words = Why.NOT_APPROVED, "it is not in the approved plan"
    rows = [
        (case, hold(action, why, words) if action.writes and not _is_approved(case, action, follow, plan) else action)
        for case, action in plan.rows
    ]
    return replace(plan, rows=tuple(rows), upkeep=tuple(hold(action, why, words) for action in plan.upkeep))


def _is_approved(case: Case, action: Action, follow: Mapping[str, Followed], plan: Plan) -> bool:
    """Whether it ends a repair that was approved, or takes nothing but the next of its approved steps."""
    approved = follow.get(case.instance.name)
    if approved is None or action.kind is not Kind.SUBMIT:
        return approved is not None
    numbers = [number for number in (action.repair.jobs if action.repair else ()) if number not in approved.jobs]
    done = [name for number in numbers if number in plan.cluster.jobs for name in plan.cluster.jobs[number].done]
    taken = len([name for name in done if name in STEP_OPCODES])
    steps = tuple(step.operation.value for step in action.submitted(joins=True))
    return approved.steps[taken : taken + len(steps)] == steps


def _lifts(
    shared: SharedTags,
    cases: tuple[Case, ...],
    limits: Limits,
    now: float,
) -> Iterable[Action]:
    """The removal of suspends whose time has passed; of those on the cluster only by a round over all of it."""
    objects = []
    if not limits.instances:
        if not limits.groups:
            objects.append(("cluster", "", shared.cluster))
        inside = matching("groups", limits.groups, shared.groups)
        objects += [("group", name, tags) for name, tags in sorted(shared.groups.items()) if name in inside]
    objects += [
        ("instance", case.instance.name, case.tags)
        for case in cases
        if not (case.failure or case.unread or case.busy or case.instance.forthcoming)
    ]
    for scope, name, tags in objects:
        over = expired(tags, now)
        if over:
            yield Action(
                Kind.LIFT,
                name,
                "its suspend has run out",
                scope=scope,
                remove=tuple(suspend.tag for suspend in over),
            )


def _no_limit(cluster: Cluster, limits: Limits) -> Iterable[str]:
    """A number of nodes that can never be passed is likely to be meant as a share."""
    number, nodes = limits.max_unhealthy.number, len(cluster.nodes)
    if number is not None and number >= nodes and not limits.unhealthy_range:
        yield f"max_unhealthy is {number}, and the cluster has {nodes} nodes, so it never holds; was {number}% meant?"


def _warnings(shared: SharedTags) -> Iterable[str]:
    """Tags of the cluster and of groups that can't be read or have no meaning there."""
    objects = [("the cluster", shared.cluster)]
    objects += [("group " + name, tags) for name, tags in sorted(shared.groups.items())]
    for name, tags in objects:
        for bad in tags.malformed:
            yield f"{name}: {bad}"
        for text in [tag.tag for tag in tags.pendings] + [tag.tag for tag in tags.results]:
            yield f"{name}: the tag {text} means something on an instance only"
