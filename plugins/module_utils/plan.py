# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan: what a round would do, as a value that people, tests and check mode can look at (design, sections 1 and 5).

No input or output, no clock: a cluster, limits and a time go in, a plan comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from .action import Action, Kind
from .decide import decide
from .errors import BadOption
from .model import Cluster, NodeState
from .policy import expired
from .repairs import Progress
from .state import Case, State, make_cases
from .tags import TagSet, parse_tags

Row = tuple[Case, Action]


@dataclass(frozen=True)
class Limits:
    """What a user sets for a round. Names may be globs, and may leave the domain out, as in Ganeti."""

    instances: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    max_in_flight: int = 10
    retries: int = 2


@dataclass(frozen=True)
class Plan:
    """What a round would do: C(rows) has every instance, by name; C(lifts) are the suspends to remove."""

    cluster: Cluster
    limits: Limits
    time: float
    rows: tuple[Row, ...]
    lifts: tuple[Action, ...]
    warnings: tuple[str, ...]

    @property
    def actions(self) -> tuple[Action, ...]:
        """All that is more than nothing, in the order in which it is carried out: repairs that have begun go first."""
        planned = [action for case, action in self.rows if action.kind is not Kind.NONE]
        return self.lifts + tuple(sorted(planned, key=lambda action: action.repair is None))

    @property
    def writes(self) -> bool:
        """Whether carrying it out sends anything but reads."""
        return any(action.kind.writes for action in self.actions)

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


def make_plan(cluster: Cluster, limits: Limits, now: float) -> Plan:
    """The plan for C(cluster) at C(now) (seconds since the epoch), before C(held) makes it keep to its limits.

    Raises BadOption for a name that matches nothing.
    """
    cases = make_cases(cluster, now)
    chosen = _chosen(cases, cluster, limits)
    inside = frozenset(case.instance.name for case in chosen)
    rows = [
        (case, decide(case, cluster, now, limits.retries) if case.instance.name in inside else _outside(case))
        for case in cases
    ]
    cluster_tags = parse_tags(cluster.tags)
    group_tags = {name: parse_tags(group.tags) for name, group in cluster.groups.items()}
    return Plan(
        cluster=cluster,
        limits=limits,
        time=now,
        rows=tuple(rows),
        lifts=tuple(_lifts(cluster_tags, group_tags, chosen, limits, now)),
        warnings=tuple(_warnings(cluster_tags, group_tags)),
    )


def _chosen(cases: tuple[Case, ...], cluster: Cluster, limits: Limits) -> tuple[Case, ...]:
    """The cases that the round is limited to."""
    groups = _matching("groups", limits.groups, cluster.groups)
    names = _matching("instances", limits.instances, [case.instance.name for case in cases])
    return tuple(case for case in cases if case.instance.name in names and (not limits.groups or case.group in groups))


def _matching(option: str, patterns: tuple[str, ...], names: Iterable[str]) -> frozenset[str]:
    names = tuple(names)
    if not patterns:
        return frozenset(names)
    found: set[str] = set()
    for pattern in patterns:
        forms = (pattern.lower(), pattern.lower() + ".*")
        matching = [name for name in names if any(fnmatchcase(name.lower(), form) for form in forms)]
        if not matching:
            raise BadOption(f"{option}: nothing in the cluster is called {pattern}; nothing was done")
        found.update(matching)
    return frozenset(found)


def _outside(case: Case) -> Action:
    return Action(Kind.NONE, case.instance.name, "outside of what this round is limited to")


def held(plan: Plan) -> Plan:
    """C(plan) with the new repairs held that would be more than C(max_in_flight) under way at once.

    Repairs that have begun go on; of the new ones those come first whose instance is down.
    """
    most = plan.limits.max_in_flight
    under_way = sum(1 for case, action in plan.rows if _is_under_way(case, action))
    new = [row for row in plan.rows if _is_new(row[1])]
    new.sort(key=lambda row: (not _is_down(row[0], plan.cluster), row[1].type, row[0].instance.name))
    over = {case.instance.name for case, action in new[max(most - under_way, 0) :]}
    why = f"max_in_flight lets {most} repairs be under way at once"
    rows = [(case, hold(action, why) if case.instance.name in over else action) for case, action in plan.rows]
    return replace(plan, rows=tuple(rows))


def _is_new(action: Action) -> bool:
    """Whether it submits the first job of a repair, of ours or of one that was asked for from outside."""
    return action.kind is Kind.SUBMIT and not (action.repair and action.repair.jobs)


def _is_under_way(case: Case, action: Action) -> bool:
    if case.progress in (Progress.RUNNING, Progress.UNSEEN):
        return True
    return action.kind is Kind.SUBMIT and not _is_new(action)


def is_left(plan: Plan) -> bool:
    """Whether there is something in C(plan) that a later round can do, or see the end of."""
    if plan.lifts or any(action.kind.writes or action.kind is Kind.WAIT for case, action in plan.rows):
        return True
    held = any(action.kind is Kind.HOLD and not case.policy.suspended for case, action in plan.rows)
    return held and plan.limits.max_in_flight > 0


def left_to_others(plan: Plan, why: str) -> Plan:
    """C(plan) with everything held that would write, because of C(why)."""
    rows = [(case, hold(action, why) if action.kind.writes else action) for case, action in plan.rows]
    return replace(plan, rows=tuple(rows), lifts=tuple(hold(action, why) for action in plan.lifts))


def hold(action: Action, why: str) -> Action:
    """C(action), held because of C(why)."""
    return replace(
        action, kind=Kind.HOLD, reason=f"{action.reason}; held, as {why}", steps=(), remove=(), nodes=(), result=None
    )


def _is_down(case: Case, cluster: Cluster) -> bool:
    return case.instance.meant_to_run and cluster.nodes[case.instance.primary].state is NodeState.OFFLINE


def _lifts(
    cluster_tags: TagSet,
    group_tags: Mapping[str, TagSet],
    cases: tuple[Case, ...],
    limits: Limits,
    now: float,
) -> Iterable[Action]:
    """The removal of suspends whose time has passed; of those on the cluster only by a round over all of it."""
    objects = []
    if not limits.instances:
        if not limits.groups:
            objects.append(("cluster", "", cluster_tags))
        inside = _matching("groups", limits.groups, group_tags)
        objects += [("group", name, tags) for name, tags in sorted(group_tags.items()) if name in inside]
    objects += [
        ("instance", case.instance.name, case.tags) for case in cases if not (case.failure or case.unread or case.busy)
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


def _warnings(cluster_tags: TagSet, group_tags: Mapping[str, TagSet]) -> Iterable[str]:
    """Tags of the cluster and of groups that can't be read or have no meaning there."""
    objects = [("the cluster", cluster_tags)]
    objects += [("group " + name, tags) for name, tags in sorted(group_tags.items())]
    for name, tags in objects:
        for bad in tags.malformed:
            yield f"{name}: {bad}"
        for text in [tag.tag for tag in tags.pendings] + [tag.tag for tag in tags.results]:
            yield f"{name}: the tag {text} means something on an instance only"
