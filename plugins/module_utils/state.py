# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""State: everything that is known of one instance, and harep's name for it (design, section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from .health import Health, judge
from .model import Cluster, Instance, Job
from .policy import Policy, resolve
from .repairs import Progress, Repair, progress_of, repairs_of, with_adopted
from .tags import Malformed, TagSet, parse_tags


class State(Enum):
    """harep's states, the one that names an instance first (design, section 4)."""

    REPAIR_FAILED = "repair_failed"
    SUSPENDED = "suspended"
    PENDING_REPAIR = "pending_repair"
    REPAIR_DISALLOWED = "repair_disallowed"
    NEEDS_REPAIR = "needs_repair"
    HEALTHY = "healthy"


@dataclass(frozen=True)
class Case:
    """Everything that is known of one instance."""

    instance: Instance
    group: str
    tags: TagSet
    policy: Policy
    health: Health
    repairs: tuple[Repair, ...]
    pending: Repair | None
    progress: Progress
    busy: tuple[Job, ...]

    @property
    def failure(self) -> Repair | None:
        """The earliest repair that failed."""
        return next((repair for repair in self.repairs if repair.result == "failure"), None)

    @property
    def results(self) -> tuple[Repair, ...]:
        """The repairs that have ended."""
        return tuple(repair for repair in self.repairs if repair.result is not None)

    def repaired(self, since: float) -> tuple[Repair, ...]:
        """The repairs that have done something and ended since then (seconds since the epoch), but for failures."""
        return tuple(one for one in self.results if one.jobs and one.result != "failure" and one.timestamp > since)

    def outdated(self, since: float) -> tuple[str, ...]:
        """The tags of repairs that have ended, but for those that have done something and ended since then: these tell
        how often it was repaired."""
        kept = self.repaired(since)
        return tuple(tag for repair in self.results if repair not in kept for tag in repair.tags)

    @property
    def unread(self) -> tuple[Malformed, ...]:
        """Tags of repairs that can't be read: then nothing is known of what is under way."""
        return tuple(tag for tag in self.tags.malformed if tag.kind in ("pending", "result"))

    @property
    def state(self) -> State:
        """The first of the states that holds."""
        if self.failure:
            return State.REPAIR_FAILED
        if self.policy.suspended:
            return State.SUSPENDED
        if self.pending:
            return State.PENDING_REPAIR
        if self.health.whole:
            return State.HEALTHY
        needs, allowed = self.health.needs, self.policy.allowed
        enough = needs is not None and allowed is not None and needs <= allowed
        return State.NEEDS_REPAIR if enough else State.REPAIR_DISALLOWED


def make_cases(cluster: Cluster, now: float) -> tuple[Case, ...]:
    """The case of every instance, in the cluster's order, at C(now) (seconds since the epoch)."""
    cluster_tags = parse_tags(cluster.tags, of_cluster=True)
    group_tags = {name: parse_tags(group.tags) for name, group in cluster.groups.items()}
    jobs, busy = _jobs(cluster), _busy(cluster)
    return tuple(
        _case(one, cluster, group_tags, cluster_tags, jobs.get(one.name, {}), busy.get(one.name, ()), now)
        for one in cluster.instances
    )


def _case(
    instance: Instance,
    cluster: Cluster,
    group_tags: Mapping[str, TagSet],
    cluster_tags: TagSet,
    jobs: Mapping[int, Job],
    busy: tuple[Job, ...],
    now: float,
) -> Case:
    tags = parse_tags(instance.tags)
    group = _group(instance, cluster)
    health = judge(instance, cluster.nodes)
    if not health.unknown and group not in cluster.groups:  # its tags may suspend the instance
        health = Health(unknown=f"the node group of its primary {instance.primary} is not in the cluster's answer")
    repairs = repairs_of(tags)
    pending = next((repair for repair in repairs if repair.result is None), None)
    if pending:
        pending = with_adopted(pending, instance, jobs)
    objects = (("instance", tags), ("group", group_tags.get(group, TagSet())), ("cluster", cluster_tags))
    return Case(
        instance=instance,
        group=group,
        tags=tags,
        policy=resolve(objects, now),
        health=health,
        repairs=repairs,
        pending=pending,
        progress=progress_of(pending, cluster) if pending else Progress.NEW,
        busy=busy,
    )


def _group(instance: Instance, cluster: Cluster) -> str:
    node = cluster.nodes.get(instance.primary)
    return node.group if node else ""


def _jobs(cluster: Cluster) -> Mapping[str, Mapping[int, Job]]:
    """The jobs by the instances that they are about."""
    by_name: dict[str, dict[int, Job]] = {}
    for job in cluster.jobs.values():
        for name in job.instances:
            by_name.setdefault(name, {})[job.id] = job
    return by_name


def _busy(cluster: Cluster) -> Mapping[str, tuple[Job, ...]]:
    """The unfinished jobs by the instances that they are about."""
    names = frozenset(instance.name for instance in cluster.instances)
    by_name: dict[str, tuple[Job, ...]] = {}
    for job in cluster.jobs.values():
        for given in job.instances if job.unfinished else ():
            # people may have given a name without its domain
            full = [given] if given in names else [name for name in names if name.startswith(given + ".")]
            for name in full:
                by_name[name] = (*by_name.get(name, ()), job)
    return by_name
