# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fencing: which nodes must be off before a step, and what proves it (design, law 10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..ganeti.model import Cluster, Node, NodeState
from ..ganeti.operations import Operation
from ..nodes.given import node_called
from ..repair.action import Action
from ..repair.case import Case
from ..settings.limits import Fencing, Limits


def full_names(limits: Limits, nodes: Mapping[str, Node]) -> tuple[str, ...]:
    """The full names of the fenced nodes that `limits` names; not those that have changed since they were seen, as they
    may have been switched on.

    Raises BadOption for a name that matches no node, or more than one: a proof is for one node.
    """
    found = [name for name, changed in limits.fenced_as_of.items() if name in nodes and nodes[name].changed == changed]
    told = [name for name in limits.fenced_nodes if name not in limits.fenced_as_of]
    return (*found, *(node_called("fenced_nodes", name, nodes) for name in told))


def dead(case: Case, cluster: Cluster) -> tuple[Node, ...]:
    """The nodes of the instance that are marked offline."""
    names = (case.instance.primary, *case.instance.secondaries)
    nodes = [cluster.nodes[name] for name in names if name in cluster.nodes]
    return tuple(node for node in nodes if node.state is NodeState.OFFLINE)


def to_prove(case: Case, action: Action, cluster: Cluster) -> tuple[Node, ...]:
    """The nodes that have to be off before the step that comes next: a failover's primary, if it is said to be dead,
    and every node that held disks which are recreated. None for a step that gives up neither running state nor data."""
    operation = action.steps[0].operation
    if operation is Operation.FAILOVER:
        return tuple(node for node in dead(case, cluster) if node.name == case.instance.primary)
    return dead(case, cluster) if operation is Operation.RECREATE_DISKS else ()


def unproven(case: Case, action: Action, cluster: Cluster, limits: Limits) -> tuple[Node, ...]:
    """The nodes that must be off without a proof that they are; `limits` has the full names of fenced nodes."""
    if limits.fencing is Fencing.OFFLINE_FLAG:
        return ()
    nodes = to_prove(case, action, cluster)
    if limits.fencing is Fencing.POWERED_OFF:
        return tuple(node for node in nodes if node.powered is not False)
    return tuple(node for node in nodes if node.name not in limits.fenced_nodes)


def still_fenced(names: Iterable[str], before: Cluster, after: Cluster) -> dict[str, float]:
    """Those of the fenced nodes `names` that have stayed as they were from `before` to `after`, each with the time
    of its last change: a node that has changed since may have been switched on."""
    nodes = [before.nodes[name] for name in names if name in before.nodes]
    return {
        node.name: node.changed
        for node in nodes
        if node == after.nodes.get(node.name) and node.state is NodeState.OFFLINE and node.changed is not None
    }
