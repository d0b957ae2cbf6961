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
from ..repair.action import Action, ActionKind, hold, wait
from ..repair.case import Case, State, make_cases
from ..repair.decide import decide
from ..repair.progress import Progress, last_job
from ..repair.reasons import Reason
from ..settings.limits import ApprovedRepair, Limits
from ..tags.policy import expired, stop_of
from ..tags.shared import SharedTags, shared_tags
from .breaker import Breaker
from .notices import notices
from .selection import matching

PlanRow = tuple[Case, Action]
END_SECONDS = 60.0  # for which the end of a repair may be postponed


@dataclass(frozen=True)
class Draft:
    """What a round would do without safeguards: `rows` has every instance, by name; `upkeep` are the suspends to remove
    and the breakers' tags; `notices` are tags of the cluster and of groups that need a person; `stopped` is what stops
    the whole cluster, if anything does."""

    cluster: Cluster
    shared: SharedTags
    limits: Limits
    time: float
    rows: tuple[PlanRow, ...]
    upkeep: tuple[Action, ...]
    warnings: tuple[str, ...]
    notices: tuple[Action, ...]
    stopped: str

    @property
    def actions(self) -> tuple[Action, ...]:
        """All actions except NONE, in execution order."""
        planned = [row for row in self.rows if row[1].kind is not ActionKind.NONE]
        return self.notices + self.upkeep + tuple(action for case, action in sorted(planned, key=self.urgency))

    def urgency(self, row: PlanRow) -> tuple[bool, bool, bool, int, int, str]:
        """The sort key of a row, smaller for what comes first: actions that write; repairs that have started; instances
        that are down before those that only lost redundancy; older requests; the smaller risk; then by name."""
        case, action = row
        begun = action.repair is not None and not action.starts_repair
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
    """What a round does: a draft after its gates. `breakers` are those that the gates used, the cluster's first;
    `fence` are nodes that somebody has to confirm as off before steps that would otherwise be taken."""

    breakers: tuple[Breaker, ...]
    fence: tuple[str, ...] = ()


def behind_breakers(draft: Draft, limits: Limits, breakers: tuple[Breaker, ...]) -> Plan:
    """`draft` within `limits` as a plan; the gates have not been applied yet."""
    return Plan(**{**vars(draft), "limits": limits}, breakers=breakers)


def make_draft(cluster: Cluster, limits: Limits, now: float) -> Draft:
    """The draft of the plan for `cluster` at `now` (seconds since the epoch), before safeguards are applied.

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
    """The instances that may continue with a copy that is behind: only those that are named."""
    if not limits.accept_behind:
        return frozenset()
    return matching("accept_behind", limits.accept_behind, [instance.name for instance in cluster.instances])


def _chosen(cases: tuple[Case, ...], cluster: Cluster, limits: Limits) -> tuple[Case, ...]:
    """The cases that the round is limited to."""
    groups = matching("groups", limits.groups, cluster.groups)
    names = matching("instances", limits.instances, [case.instance.name for case in cases])
    return tuple(case for case in cases if case.instance.name in names and (not limits.groups or case.group in groups))


def _outside(case: Case) -> Action:
    return Action(
        ActionKind.NONE,
        case.instance.name,
        "not among the instances that this round is limited to",
        why=Reason.NOT_CHOSEN,
    )


def has_more_work(plan: Plan) -> bool:
    """Whether `plan` has something that a later round can do, or see the end of, without a person."""
    return plan.writes or any(_passes(action, plan.limits) for case, action in plan.rows)


def _passes(action: Action, limits: Limits) -> bool:
    """Whether what `action` waits for resolves itself; a limit of 0, set by the option of that name, never does."""
    return action.why is not None and action.why.resolves_itself and getattr(limits, action.why.value, 1) != 0


def hold_everything(plan: Plan, why: Reason, words: str) -> Plan:
    """`plan` with every writing action held because of `why`, explained by `words`."""
    rows = [(case, hold(action, why, words) if action.writes else action) for case, action in plan.rows]
    return replace(plan, rows=tuple(rows), upkeep=tuple(hold(action, why, words) for action in plan.upkeep))


def defer_successes(plan: Plan) -> Plan:
    """`plan` with successful ends of repairs postponed, if nothing else is to be written while others are in progress.

    Writing takes a claim, and the claim's jobs delay theirs. No end is postponed for longer than END_SECONDS.
    """
    running = any(case.progress is Progress.RUNNING for case, action in plan.rows)
    if not running or plan.upkeep or not all(_may_end_later(action, plan) for action in plan.actions if action.writes):
        return plan
    words = "its success is recorded together with that of the repairs still in progress"
    rows = [
        (case, wait(case, Reason.JUST_CHANGED, f"{action.reason}; {words}") if action.writes else action)
        for case, action in plan.rows
    ]
    return replace(plan, rows=tuple(rows))


def _may_end_later(action: Action, plan: Plan) -> bool:
    if action.kind is not ActionKind.FINISH or action.result != "success" or not action.repair:
        return False
    last = last_job(action.repair, plan.cluster.jobs)
    return last is not None and last.ended is not None and last.ended + END_SECONDS > plan.time


def within_approved(plan: Plan) -> Plan:
    """`plan` with everything held that goes beyond the approved repairs, if an approved plan is being followed."""
    follow = plan.limits.approved_repairs
    if follow is None:
        return plan
    why, words = Reason.NOT_APPROVED, "it is not in the approved plan"
    rows = [
        (case, hold(action, why, words) if action.writes and not _is_approved(case, action, follow, plan) else action)
        for case, action in plan.rows
    ]
    return replace(plan, rows=tuple(rows), upkeep=tuple(hold(action, why, words) for action in plan.upkeep))


def _is_approved(case: Case, action: Action, follow: Mapping[str, ApprovedRepair], plan: Plan) -> bool:
    """Whether it ends an approved repair, or takes only the next of its approved steps."""
    approved = follow.get(case.instance.name)
    if approved is None or action.kind is not ActionKind.SUBMIT:
        return approved is not None
    numbers = [number for number in (action.repair.jobs if action.repair else ()) if number not in approved.jobs]
    done = [name for number in numbers if number in plan.cluster.jobs for name in plan.cluster.jobs[number].done]
    taken = len([name for name in done if name in STEP_OPCODES])
    steps = tuple(step.operation.value for step in action.submitted(multi_opcode=True))
    return approved.steps[taken : taken + len(steps)] == steps


def _lifts(
    shared: SharedTags,
    cases: tuple[Case, ...],
    limits: Limits,
    now: float,
) -> Iterable[Action]:
    """The removal of expired suspends; those on the cluster are only removed by a round over the whole cluster."""
    objects = []
    if not limits.instances:
        if not limits.groups:
            objects.append(("cluster", "", shared.cluster))
        inside = matching("groups", limits.groups, shared.groups)
        objects += [("group", name, tags) for name, tags in sorted(shared.groups.items()) if name in inside]
    objects += [
        ("instance", case.instance.name, case.tags)
        for case in cases
        if not (case.failure or case.malformed_tags or case.unfinished_jobs or case.instance.forthcoming)
    ]
    for scope, name, tags in objects:
        over = expired(tags, now)
        if over:
            yield Action(
                ActionKind.LIFT,
                name,
                "its suspend has expired",
                scope=scope,
                remove=tuple(suspend.tag for suspend in over),
            )


def _no_limit(cluster: Cluster, limits: Limits) -> Iterable[str]:
    """A number of nodes that can never be exceeded was probably meant as a percentage."""
    number, nodes = limits.max_unhealthy.number, len(cluster.nodes)
    if number is not None and number >= nodes and not limits.unhealthy_range:
        too_many = f"max_unhealthy is {number}, and the cluster has {nodes} nodes, so it never takes effect"
        yield f"{too_many}; was {number}% meant?"


def _warnings(shared: SharedTags) -> Iterable[str]:
    """Tags of the cluster and of groups that can't be read or have no meaning there."""
    objects = [("the cluster", shared.cluster)]
    objects += [("group " + name, tags) for name, tags in sorted(shared.groups.items())]
    for name, tags in objects:
        for bad in tags.malformed:
            yield f"{name}: {bad}"
        for text in [tag.tag for tag in tags.pendings] + [tag.tag for tag in tags.results]:
            yield f"{name}: the tag {text} only has a meaning on an instance"
