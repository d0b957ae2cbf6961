# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schema: the shape of the facts, which the type checker holds the engine to (RETURN of ganeti_autorepair_facts)."""

from __future__ import annotations

from typing import TypedDict


class ClusterFacts(TypedDict):
    """The cluster itself; None is what RAPI can't tell. Times are seconds since the epoch, here and below."""

    name: str
    master: str
    version: str
    uuid: str
    queue_drained: bool | None
    watcher_paused_until: float | None
    tags: list[str]


class GroupFacts(TypedDict):
    """A node group, with the tags that repairs go by."""

    name: str
    tags: list[str]


class NodeFacts(TypedDict):
    """A node; `changed` is when it was last changed."""

    name: str
    group: str
    state: str
    vm_capable: bool
    powered: bool | None
    changed: int | None


class PolicyFacts(TypedDict):
    """The permission that counts for an instance; `suspended_until` is a time or `forever`."""

    allowed: str | None
    suspended_until: int | str | None
    source: str | None


class RepairFacts(TypedDict):
    """A repair; `result` is None while it is pending."""

    type: str
    id: str
    timestamp: int
    jobs: list[int]
    result: str | None


class InstanceFacts(TypedDict):
    """An instance, with its last repair and what comes next for it."""

    name: str
    uuid: str
    group: str
    disk_template: str
    primary: str
    secondaries: list[str]
    admin_state: str
    tags: list[str]
    state: str
    policy: PolicyFacts
    repair: RepairFacts | None
    needs: str | None
    next: str
    why: str | None
    reason: str


class JobFacts(TypedDict):
    """A job of a repair; `status` is None when it has left the queue, `done` is the number of its finished opcodes."""

    id: int
    status: str | None
    operations: list[str]
    done: int
    error: str | None
    ended: int | None


class ActionFacts(TypedDict):
    """An action of a plan; `steps` are all that it needs, `permitted` those of them that may be taken now."""

    instance: str | None
    scope: str
    name: str
    action: str
    type: str | None
    id: str | None
    why: str | None
    steps: list[str]
    permitted: list[str]
    nodes: list[str]
    result: str | None
    cancel: list[int]
    remove: list[str]
    add: list[str]
    reason: str
    command: str | None


class PlannedActionFacts(ActionFacts):
    """An action before it is carried out, with its instance's UUID, nodes and last repair that has ended."""

    uuid: str | None
    on: list[str]
    after: str | None


class PlanFacts(TypedDict):
    """A plan; `cluster` and `hash` are what an approval is for."""

    actions: list[PlannedActionFacts]
    fence: list[str]
    cluster: str
    hash: str


class BreakerFacts(TypedDict):
    """The breaker that has tripped, or the cluster's."""

    tripped: bool
    counted: int
    limit: int
    total: int
    scope: str
    name: str
    until: int | None
    reason: str | None
