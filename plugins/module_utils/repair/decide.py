# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide: what comes next for one instance (design, sections 2 to 5)."""

from __future__ import annotations

from ..diagnosis.causes import why_failed
from ..ganeti.model import Cluster, RepairType, utc
from ..settings.limits import Limits
from ..tags.values import FOREVER
from .action import Action, ActionKind, busy_text, report, submit, wait
from .case import Case
from .endings import cancel_orphans, ends_early
from .history import Repair
from .pending import next_for_pending
from .progress import Progress, last_job
from .reasons import Reason


def decide(case: Case, cluster: Cluster, now: float, limits: Limits) -> Action:
    """What comes next for the instance of `case`, and why, before safeguards are applied."""
    if case.instance.forthcoming:  # nothing is written to it, whatever its tags say
        words = "it is forthcoming: a reservation, not an instance yet; it is left alone"
        return Action(ActionKind.NONE, case.instance.name, words, why=Reason.FORTHCOMING)
    since = now - limits.kept_results
    action = _decide(case, cluster, now, limits, since)
    if (
        action.kind not in (ActionKind.NONE, ActionKind.REPORT)
        or case.malformed_tags
        or case.policy.suspended
        or case.health.unknown
    ):
        return action
    if case.unfinished_jobs:  # it may be the removal sent earlier
        return action
    return _tidy(case, cluster, since) or action


def _decide(case: Case, cluster: Cluster, now: float, limits: Limits, since: float) -> Action:
    if case.failure:  # untouched until a person has investigated
        command = f"gnt-instance remove-tags {case.instance.name} {' '.join(case.failure.tags)}"
        what = _failure_reason(case, case.failure)
        return report(case, Reason.REPAIR_FAILED, f"{what}; once it has been investigated: {command}", command)
    if case.malformed_tags:
        bad = "; ".join(map(str, case.malformed_tags))
        command = f"gnt-instance remove-tags {case.instance.name} {' '.join(tag.tag for tag in case.malformed_tags)}"
        return report(case, Reason.UNREADABLE_TAG, f"{bad}; correct it or remove it: {command}", command)
    orphans = cancel_orphans(case)
    if orphans:
        return orphans
    if case.policy.suspended and not (case.health.is_healthy and not case.pending):
        return _suspended_end(case, cluster, now, since) or _suspended(case)
    if case.health.unknown:
        return report(case, Reason.NOT_KNOWN, case.health.unknown)
    if case.pending:
        return next_for_pending(case, case.pending, cluster, now, limits)
    if case.tags.pendings and not case.policy.suspended:  # it has a result, too
        if case.unfinished_jobs:
            return wait(case, Reason.OTHER_JOB, busy_text(case, now))
        return _tidy(case, cluster, since) or _healthy(case)
    if case.health.is_healthy:
        return _healthy(case)
    return _begin(case, now, since)


def _is_on(case: Case, uuid: str, cluster: Cluster) -> bool:
    """Whether the instance is on the node with that UUID; assumed if the UUID of one of its nodes is not known."""
    nodes = [cluster.nodes.get(name) for name in case.instance.nodes]
    return any(node is None or not node.uuid or node.uuid == uuid for node in nodes)


def _tidy(case: Case, cluster: Cluster, since: float) -> Action | None:
    """The removal of tags that a result has replaced, if a runner died before removing them: pending tags of the same
    repair and, unless a repair has failed or is pending, older results that are no longer counted. Also the removal of
    tags about copies on nodes that it is no longer on."""
    ended = {repair.id for repair in case.results}
    over = [tag.tag for tag in case.tags.pendings if tag.id in ended]
    if not case.failure and not case.pending:
        last = case.results[-1].tags if case.results else ()
        over += [tag for tag in case.outdated(since) if tag not in last and tag not in over]
    over += [tag.tag for tag in case.tags.behind if not _is_on(case, tag.node, cluster)]
    why = "its repair has a result; the tags that the result replaces are left over"
    return Action(ActionKind.FINISH, case.instance.name, why, remove=tuple(over)) if over else None


def _healthy(case: Case) -> Action:
    """Nothing to do; but an unreadable tag of the instance itself is reported to its owner."""
    if case.tags.malformed:
        return report(case, Reason.UNREADABLE_TAG, "healthy; {}".format("; ".join(map(str, case.tags.malformed))))
    words = "suspended, and healthy" if case.policy.suspended else "healthy"
    return Action(ActionKind.NONE, case.instance.name, words, why=Reason.HEALTHY)


def _failure_reason(case: Case, failure: Repair) -> str:
    what = f"its {failure.type.label} repair failed"
    job = last_job(failure, {job.id: job for job in case.jobs})
    if job and job.error:
        what += f" ({why_failed(job, case.instance)})"
    elif failure.jobs:
        what += f" (see job {failure.jobs[-1]})"
    return what


def _suspended_end(case: Case, cluster: Cluster, now: float, since: float) -> Action | None:
    """A suspend prevents steps; it does not prevent the end of a repair that a person has taken over."""
    if case.pending is None or case.health.unknown or case.progress is Progress.NOT_READ:
        return None
    return ends_early(case, case.pending, cluster, now, since)


def _suspended(case: Case) -> Action:
    until = case.policy.suspended_until
    end = "until the suspend tag is removed" if until == FOREVER else f"until {utc(until or 0)}"
    doubts = "; " + "; ".join(case.policy.unreadable_tags) if case.policy.unreadable_tags else ""
    reason = "{}; suspended by its {} {}{}".format(
        case.health.problem or case.health.unknown or "a repair is pending", case.policy.source, end, doubts
    )
    steps, why = case.health.steps, Reason.SUSPENDED
    return Action(ActionKind.HOLD, case.instance.name, reason, repair=case.pending, steps=steps, why=why)


def _begin(case: Case, now: float, since: float) -> Action:
    """What comes next for a broken instance without a repair."""
    health, allowed = case.health, case.policy.allowed
    if health.advice:
        why = Reason.BEHIND if health.behind else Reason.NO_SAFE_REPAIR
        return report(case, why, f"{health.problem}; {health.advice}", health.command)
    needs = max(step.needs for step in health.steps)  # broken and without advice: there are steps
    if allowed is None:
        doubts = "; ".join(case.policy.unreadable_tags) or "no tag allows a repair"
        why = Reason.UNREADABLE_TAG if case.policy.unreadable_tags else Reason.NOT_ALLOWED
        return report(case, why, f"{health.problem}; {needs.label} is needed, but {doubts}", steps=health.steps)
    if health.steps[0].needs > allowed:
        return _refuse(case, needs, allowed, now, since)
    if health.waits_for:
        return wait(case, Reason.LAST_COPY_DRAINED, f"{health.problem}; waits until {health.waits_for}", health.steps)
    if case.unfinished_jobs:
        return wait(case, Reason.OTHER_JOB, f"{health.problem}; {busy_text(case, now)}", health.steps)
    return submit(case, None, min(needs, allowed), health.steps, health.problem)


def _refuse(case: Case, needs: RepairType, allowed: RepairType, now: float, since: float) -> Action:
    """`enoperm`, unless the instance already has one that is still correct: harep's, which names the type needed, or
    that of a repair that went as far as it was permitted."""
    allows = f"the tag of its {case.policy.source} allows {allowed.label}"
    if case.policy.source == "instance":
        allows = f"its own tag allows {allowed.label}"
    reason = f"{case.health.problem}; {needs.label} is needed, but {allows}"
    steps = case.health.steps
    refusals = [repair for repair in case.results[-1:] if repair.result == "enoperm"]
    if any(repair.type is needs or (repair.jobs and repair.type < needs) for repair in refusals):
        return report(case, Reason.NOT_ALLOWED, reason, steps=steps)
    if case.unfinished_jobs:
        return wait(case, Reason.OTHER_JOB, f"{case.health.problem}; {busy_text(case, now)}", steps)
    old = case.outdated(since)
    return Action(
        ActionKind.REFUSE,
        case.instance.name,
        reason,
        type=needs,
        steps=steps,
        result="enoperm",
        remove=old,
        why=Reason.NOT_ALLOWED,
    )
