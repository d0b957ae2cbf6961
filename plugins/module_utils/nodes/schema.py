# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node schema: the shape of what was observed of nodes, and of the facts about them (RETURN of
ganeti_autorepair_node_facts).

Times are seconds since the epoch.
"""

from __future__ import annotations

from typing import Any, TypedDict


class ObservedCluster(TypedDict):
    """The cluster itself; `maintain_node_health` is None if it did not say."""

    name: str
    uuid: str
    master: str
    version: str
    tags: list[str]
    maintain_node_health: bool | None
    volume_group: str


class ObservedGroup(TypedDict):
    """A node group; `tags` is None if the cluster did not give them."""

    name: str
    tags: list[str] | None


class ObservedNode(TypedDict):
    """A node's configuration; None is what the cluster did not say. `addresses` has its primary IP address first."""

    name: str
    uuid: str
    group: str
    state: str
    role: str
    addresses: list[str]
    tags: list[str] | None
    changed: float | None


class ObservedLook(TypedDict, total=False):
    """What was seen at one time, as `parse_looks` reads it; `answers` has what the script printed on each observer, and
    `moving` the instances that unfinished jobs were about."""

    time: float
    live: dict[str, str | None]
    asked: list[str]
    observers: list[dict[str, Any]]
    deep: list[str]
    moving: list[str]
    answers: dict[str, str]
    power: dict[str, str]
    storage: dict[str, bool]
    isolation: dict[str, bool]


class Observations(TypedDict):
    """A cluster, its nodes, and the looks at them: all that a judgement rests on. `instances` has the primary node of
    each instance; None if nobody asked for it."""

    cluster: ObservedCluster
    groups: list[ObservedGroup]
    nodes: list[ObservedNode]
    looks: list[ObservedLook]
    instances: dict[str, str] | None


class ObserverFacts(TypedDict):
    """Whom to ask: the controller or a node, its IP address, and the arguments that the script gets there. `witness`
    says whether it is asked about others, and `deep` whether it is asked about itself."""

    name: str
    address: str
    arguments: str
    witness: bool
    deep: bool


class ProbeFacts(TypedDict):
    """Whom to ask about which nodes; both empty if nobody needs to be asked."""

    targets: list[str]
    observers: list[ObserverFacts]


class NodePolicyFacts(TypedDict):
    """What the tags permit; `suspended_until` is a time or `forever`."""

    level: str | None
    readmit: bool
    suspended_until: int | str | None
    source: str | None


class IncidentFacts(TypedDict):
    """What a tag remembers of a node's way: how far it has come, and since when."""

    id: str | None
    stage: str
    since: int


class StrayFacts(TypedDict):
    """A guest that runs on a node that is not the primary node of its instance; `primary` is None if the cluster does
    not know the instance."""

    instance: str
    node: str
    primary: str | None


class JudgedNodeFacts(TypedDict):
    """A node with its verdict, and what comes next for it; `verdict` is None if nobody was asked about it."""

    name: str
    uuid: str
    group: str
    state: str
    verdict: str | None
    since: int | None
    why: str | None
    evidence: list[str]
    next: str
    reason: str
    command: str | None
    policy: NodePolicyFacts
    incident: IncidentFacts | None


class NodeActionFacts(TypedDict):
    """What comes next for one node."""

    node: str
    uuid: str
    action: str
    verdict: str | None
    reason: str
    command: str | None


class NodePlanFacts(TypedDict):
    """What comes next; `cluster` and `hash` are what an approval is for."""

    actions: list[NodeActionFacts]
    cluster: str
    hash: str


class NodesFacts(TypedDict):
    """The facts about nodes. `stopped` says why no silent node is judged, or is None; `partition` has the parts into
    which the network has fallen, or nothing if it has not."""

    time: int
    observers: list[str]
    nodes: list[JudgedNodeFacts]
    summary: dict[str, int]
    strays: list[StrayFacts] | None
    stopped: str | None
    partition: list[list[str]]
    masters: list[str]
    plan: NodePlanFacts
    probes: ProbeFacts
    observations: Observations
    report: list[str]
