# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Case: everything known about one instance, and its state by harep's names (design, section 4)."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf

from ..diagnosis.instances import Diagnosis, DrainedSecondaries, diagnose, off_by_failover
from ..ganeti.model import Cluster, Instance, Job, NodeState
from ..tags.policy import Policy, effective_policy
from ..tags.shared import SharedTags, shared_tags
from ..tags.values import Behind, Malformed, TagSet, parse_tags
from .history import Repair, adopt_jobs, repairs_of
from .progress import Progress, does_not_run, progress_of, refused_out_of_step


class State(Enum):
    """harep's states, in order of precedence (design, section 4)."""

    REPAIR_FAILED = "repair_failed"
    SUSPENDED = "suspended"
    PENDING_REPAIR = "pending_repair"
    REPAIR_DISALLOWED = "repair_disallowed"
    NEEDS_REPAIR = "needs_repair"
    HEALTHY = "healthy"


@dataclass(frozen=True)
class Case:
    """Everything known about one instance.

    `unfinished_jobs` are anybody's unfinished jobs on it, `jobs` are all known jobs about it; `wrong_jobs` are pending
    tags that name jobs about something else.
    """

    instance: Instance
    group: str
    tags: TagSet
    policy: Policy
    health: Diagnosis
    repairs: tuple[Repair, ...]
    pending: Repair | None
    progress: Progress
    unfinished_jobs: tuple[Job, ...]
    jobs: tuple[Job, ...] = ()
    wrong_jobs: tuple[Malformed, ...] = ()

    @property
    def failure(self) -> Repair | None:
        """The earliest repair that failed."""
        return next((repair for repair in self.repairs if repair.result == "failure"), None)

    @property
    def results(self) -> tuple[Repair, ...]:
        """The repairs that have ended."""
        return tuple(repair for repair in self.repairs if repair.result is not None)

    def repaired(self, since: float) -> tuple[Repair, ...]:
        """The repairs that have jobs and ended after `since` (seconds since the epoch), except failures."""
        return tuple(
            result for result in self.results if result.jobs and result.result != "failure" and result.timestamp > since
        )

    def outdated(self, since: float) -> tuple[str, ...]:
        """The tags of ended repairs, except those that have jobs and ended after `since`: these show how often it
        was repaired."""
        kept = self.repaired(since)
        return tuple(tag for repair in self.results if repair not in kept for tag in repair.tags)

    @property
    def malformed_tags(self) -> tuple[Malformed, ...]:
        """Tags of repairs that can't be read: then it is unknown what is in progress."""
        bad = tuple(tag for tag in self.tags.malformed if tag.kind in ("pending", "result", "behind"))
        return bad + self.wrong_jobs

    @property
    def state(self) -> State:
        """The first state that applies."""
        if self.failure:
            return State.REPAIR_FAILED
        if self.policy.suspended:
            return State.SUSPENDED
        if self.pending:
            return State.PENDING_REPAIR
        if self.health.is_healthy:
            return State.HEALTHY
        needs, allowed = self.health.needs, self.policy.allowed
        enough = needs is not None and allowed is not None and needs <= allowed
        return State.NEEDS_REPAIR if enough else State.REPAIR_DISALLOWED


def make_cases(
    cluster: Cluster,
    shared: SharedTags,
    now: float,
    drained: DrainedSecondaries = DrainedSecondaries.REPLACE,
    accepted: Container[str] = (),
) -> tuple[Case, ...]:
    """The case of every instance, in the cluster's order, at `now` (seconds since the epoch); `shared` has the tags of
    the cluster and its groups, `drained` says what a drained secondary means, `accepted` has the instances that may go
    on with a copy that is behind."""
    jobs, places = _jobs(cluster), {node.uuid: node.name for node in cluster.nodes.values() if node.uuid}
    return tuple(
        _case(
            instance,
            cluster,
            shared,
            jobs.get(instance.name, ()),
            places,
            now,
            drained,
            instance.name in accepted,
        )
        for instance in cluster.instances
    )


def cases_at(cluster: Cluster, now: float) -> tuple[Case, ...]:
    """The case of every instance of `cluster` at `now`, whatever a round is limited to."""
    return make_cases(cluster, shared_tags(cluster), now)


def _case(
    instance: Instance,
    cluster: Cluster,
    shared: SharedTags,
    jobs: tuple[Job, ...],
    places: Mapping[str, str],
    now: float,
    drained: DrainedSecondaries,
    accepted: bool,
) -> Case:
    tags = parse_tags(instance.tags)
    group = _group(instance, cluster)
    repairs = repairs_of(tags)
    pending = next((repair for repair in repairs if repair.result is None), None)
    behind = {places[tag.node]: tag for tag in reversed(tags.behind) if tag.node in places}
    behind = {**_found_behind(instance, cluster, jobs), **behind}
    asked = [repair.accepts_until for repair in repairs if repair.result is None]
    accepts = inf if accepted else max(asked, default=0.0)
    health = _health(instance, group, cluster, drained, behind, accepts)
    if tags.behind and not all(node is None or node.uuid for node in map(cluster.nodes.get, instance.nodes)):
        health = Diagnosis(unknown="the UUID of one of its nodes is not known, so it is not known which copy is behind")
    wrong = _wrong_jobs(pending, instance, cluster.jobs) if pending else ()
    if pending and not wrong:
        pending = adopt_jobs(pending, instance, {job.id: job for job in jobs})
        health = off_by_failover(health) if does_not_run(jobs, now) else health
    objects = (("instance", tags), ("group", shared.groups.get(group, TagSet())), ("cluster", shared.cluster))
    return Case(
        instance=instance,
        group=group,
        tags=tags,
        policy=effective_policy(objects, now),
        health=health,
        repairs=repairs,
        pending=pending,
        progress=progress_of(pending, cluster) if pending else Progress.NEW,
        unfinished_jobs=_busy(jobs),
        jobs=jobs,
        wrong_jobs=wrong,
    )


def _found_behind(instance: Instance, cluster: Cluster, jobs: tuple[Job, ...]) -> Mapping[str, Behind]:
    """Its secondary, if Ganeti found it out of sync before the primary was marked offline; afterwards Ganeti no longer
    checks. A migration during which the node died fails with the same text, but only after the mark."""
    primary, refused = cluster.nodes.get(instance.primary), refused_out_of_step(jobs)
    if refused is None or primary is None or primary.state is not NodeState.OFFLINE or len(instance.secondaries) != 1:
        return {}
    if primary.changed is not None and primary.changed + 0.001 < refused:  # Ganeti rounds both
        return {}
    return {instance.secondaries[0]: Behind("", "", int(refused))}


def _health(
    instance: Instance,
    group: str,
    cluster: Cluster,
    drained: DrainedSecondaries,
    behind: Mapping[str, Behind],
    accepts: float,
) -> Diagnosis:
    """The diagnosis of `instance`; unknown if its `group` is missing, as the tags of the group may suspend it."""
    health = diagnose(instance, cluster.nodes, drained, behind, accepts)
    if health.unknown or instance.forthcoming or group in cluster.groups:
        return health
    return Diagnosis(unknown=f"the node group of its primary {instance.primary} is not in the cluster's answer")


def _busy(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
    return tuple(job for job in jobs if job.unfinished)


def _wrong_jobs(repair: Repair, instance: Instance, jobs: Mapping[int, Job]) -> tuple[Malformed, ...]:
    """The tags of a pending repair that name jobs about something else: job numbers restart, and tags are copied."""
    named = [jobs[number] for number in repair.jobs if number in jobs]
    wrong = [job for job in named if not job.is_about(instance) and (job.instances or not job.unfinished)]
    if not wrong:
        return ()
    told = ", ".join(f"job {job.id} ({' '.join(job.operations)} of {' '.join(job.instances) or '?'})" for job in wrong)
    problem = f"it names {told}, which is about something else"
    return tuple(Malformed(tag, "pending", problem) for tag in repair.tags)


def _group(instance: Instance, cluster: Cluster) -> str:
    node = cluster.nodes.get(instance.primary)
    return node.group if node else ""


def _jobs(cluster: Cluster) -> Mapping[str, tuple[Job, ...]]:
    """The jobs by the instances that they are about, each in the order of their numbers (law 11)."""
    by_uuid = {instance.uuid: instance for instance in cluster.instances if instance.uuid}
    by_name = {instance.name: instance for instance in cluster.instances}
    short = _by_short_name(cluster, by_name)
    found: dict[str, list[Job]] = {}
    for number in sorted(cluster.jobs):
        job = cluster.jobs[number]
        near = [by_uuid[uuid] for uuid in job.uuids if uuid in by_uuid] or _named(job, by_name, short)
        for instance in near:
            if job.is_about(instance):
                found.setdefault(instance.name, []).append(job)
    return {name: tuple(jobs) for name, jobs in found.items()}


def _named(job: Job, by_name: Mapping[str, Instance], short: Mapping[str, Sequence[Instance]]) -> list[Instance]:
    """The instances that `job` names; people may have given a name without its domain."""
    full = [by_name[name] for name in job.instances if name in by_name]
    if full:
        return full
    return list({instance.name: instance for name in job.instances for instance in short.get(name, ())}.values())


def _by_short_name(cluster: Cluster, by_name: Mapping[str, Instance]) -> Mapping[str, Sequence[Instance]]:
    """The instances by the names that jobs give and no instance has, where these are an instance's without its domain.
    One pass finds them all: checking every instance for each job would take seconds with thousands of both."""
    given = {name for job in cluster.jobs.values() for name in job.instances if name and name not in by_name}
    found: dict[str, list[Instance]] = {}
    for instance in by_name.values() if given else ():
        labels = instance.name.split(".")
        for name in (".".join(labels[:count]) for count in range(1, len(labels))):
            if name in given:
                found.setdefault(name, []).append(instance)
    return found
