# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schema: the shape of all facts on a cluster, and of the report that is made of them (docs/report.schema.json)."""

from __future__ import annotations

from typing import TypedDict

from ..nodes.schema import StrayFacts
from ..planning.schema import (
    ActionFacts,
    BreakerFacts,
    ClusterFacts,
    GroupFacts,
    InstanceFacts,
    JobFacts,
    NodeFacts,
    PlanFacts,
)


class WholePlanFacts(PlanFacts):
    """The plan of the facts; `writes` says whether carrying it out changes anything."""

    writes: bool


class ExecutedActionFacts(ActionFacts):
    """An action with its outcome: its jobs, the tags of its object that were changed, and the error that stopped it."""

    jobs: list[int]
    tags_added: list[str]
    tags_removed: list[str]
    error: str | None


class HeldFacts(TypedDict):
    """The instances that are held for one reason."""

    why: str
    instances: list[str]


class UnderWayFacts(TypedDict):
    """A pending repair, with what it waits for."""

    instance: str
    type: str
    reason: str


class StatusFacts(TypedDict):
    """The status of a cluster, in numbers and names; the step returns it, too."""

    summary: dict[str, int]
    pending: int
    under_way: list[UnderWayFacts]
    left: bool
    failed_instances: list[str]
    needs_person: list[str]
    stopped: str | None
    breaker: BreakerFacts
    held: list[HeldFacts]


class Facts(StatusFacts):
    """What ganeti_autorepair_facts returns on a cluster."""

    cluster: ClusterFacts
    time: int
    groups: list[GroupFacts]
    nodes: list[NodeFacts]
    instances: list[InstanceFacts]
    jobs: list[JobFacts]
    plan: WholePlanFacts
    report: list[str]


class StepReport(TypedDict):
    """A step of a repair; `job` is None for one that is still to come."""

    step: str
    state: str
    job: int | None


class InstanceReport(InstanceFacts):
    """An instance of the facts, with what it asks for and how far its repair is."""

    attention: str | None
    since: int | None
    command: str | None
    steps: list[StepReport]
    jobs: list[JobFacts]


class LookedNode(TypedDict):
    """What a look said of a node; `verdict` is None if nobody was asked about it, as it is marked offline."""

    verdict: str | None
    since: int | None
    reason: str
    evidence: list[str]
    command: str | None


class LookedNodes(TypedDict):
    """What a look said of all nodes: when it was, why it did not judge silent nodes, and which guests run where they do
    not belong, which is None if nobody was asked."""

    time: int
    stopped: str | None
    strays: list[StrayFacts] | None


class NodeReport(NodeFacts):
    """A node of the facts, with the number of its primary and secondary instances; `looked` is None if nobody looked at
    the nodes."""

    primaries: int
    secondaries: int
    looked: LookedNode | None


class Counts(TypedDict):
    """A cluster in numbers, by the names of what is counted."""

    states: dict[str, int]
    attention: dict[str, int]
    reasons: dict[str, int]
    needed: dict[str, int]
    pending: dict[str, int]
    failed: dict[str, int]
    nodes: dict[str, int]
    verdicts: dict[str, int]


class SeenCluster(TypedDict):
    """What was seen of a cluster that could be read; `looked` is None if nobody looked at its nodes."""

    cluster: ClusterFacts
    counts: Counts
    oldest_pending: int | None
    oldest_failure: int | None
    breaker: BreakerFacts
    stopped: str | None
    notices: list[str]
    fence: list[str]
    groups: list[GroupFacts]
    looked: LookedNodes | None
    nodes: list[NodeReport]
    instances: list[InstanceReport]


class ClusterReport(TypedDict):
    """A cluster; `error` says why there is nothing that was `seen`."""

    name: str
    error: str | None
    time: int | None
    last_round: int | None
    seen: SeenCluster | None


class Totals(TypedDict):
    """All clusters in numbers; only those count that could be read."""

    clusters: int
    unread: int
    states: dict[str, int]
    attention: dict[str, int]


class Report(TypedDict):
    """The report on clusters, made at `time`."""

    version: int
    time: int
    summary: Totals
    clusters: list[ClusterReport]
