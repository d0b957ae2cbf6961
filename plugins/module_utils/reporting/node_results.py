# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node results: a plan for nodes, as data for modules (design, section 8)."""

from __future__ import annotations

from collections import Counter

from ..nodes.looks import CONTROLLER
from ..nodes.observed import Observed
from ..nodes.plan import NodePlan, NodeRow
from ..nodes.probes import Probes, arguments_of
from ..nodes.schema import (
    IncidentFacts,
    JudgedNodeFacts,
    NodeActionFacts,
    NodePlanFacts,
    NodePolicyFacts,
    NodesFacts,
    Observations,
    ObserverFacts,
    StrayFacts,
)
from ..nodes.strays import Stray
from ..tags.node_policy import NodePolicy
from ..tags.nodewatch import Staged
from ..tags.values import FOREVER
from .node_text import render_nodes

NOT_ASKED = "not_asked"  # in counts: nodes of which nobody was asked


def node_facts(plan: NodePlan, probes: Probes, observations: Observations) -> NodesFacts:
    """`plan` as `ansible_facts.ganeti_autorepair_nodes`. `probes` are for the next look, `observations` the data that
    the plan rests on."""
    judgement = plan.judgement
    return {
        "time": int(plan.observed.time),
        "observers": [observer.name for observer in plan.observed.looks[-1].observers],
        "nodes": [_node(row) for row in plan.rows],
        "summary": node_summary(plan),
        "strays": None if plan.observed.homes is None else [_stray(stray) for stray in plan.strays],
        "stopped": judgement.stopped or None,
        "partition": [list(part) for part in judgement.parts] if len(judgement.parts) > 1 else [],
        "masters": list(judgement.masters),
        "plan": node_plan_data(plan),
        "probes": {
            "targets": list(probes.targets),
            "observers": [
                _observer(name, plan.observed, probes)
                for name in (*((CONTROLLER,) if probes.targets else ()), *probes.nodes)
            ],
        },
        "observations": observations,
        "report": render_nodes(plan),
    }


def node_summary(plan: NodePlan) -> dict[str, int]:
    """The number of nodes with each verdict, and of those that nobody was asked about."""
    return dict(Counter(row.judged.verdict.value if row.judged else NOT_ASKED for row in plan.rows))


def node_plan_data(plan: NodePlan) -> NodePlanFacts:
    """What comes next, and a hash over what a round would do."""
    return {"actions": [_action(row) for row in plan.actions], "cluster": plan.observed.uuid, "hash": plan.hash}


def _node(row: NodeRow) -> JudgedNodeFacts:
    judged, incident = row.judged, row.incident
    return {
        "name": row.node.name,
        "uuid": row.node.uuid,
        "group": row.node.group,
        "state": row.node.state.value,
        "verdict": judged.verdict.value if judged else None,
        "since": int(incident.since) if incident else None,
        "why": judged.why if judged else None,
        "evidence": list(judged.evidence) if judged else [],
        "next": row.next.step.value,
        "reason": row.next.reason,
        "command": row.next.command or None,
        "policy": _policy(row.policy),
        "incident": _incident(row.stage),
    }


def _stray(stray: Stray) -> StrayFacts:
    return {"instance": stray.instance, "node": stray.node, "primary": stray.primary or None}


def _policy(policy: NodePolicy) -> NodePolicyFacts:
    until = policy.suspended_until
    return {
        "level": policy.level.label if policy.level else None,
        "readmit": policy.readmit,
        "suspended_until": "forever" if until == FOREVER else None if until is None else int(until),
        "source": policy.source,
    }


def _incident(stage: Staged | None) -> IncidentFacts | None:
    return None if stage is None else {"id": stage.id or None, "stage": stage.stage.value, "since": stage.time}


def _action(row: NodeRow) -> NodeActionFacts:
    return {
        "node": row.node.name,
        "uuid": row.node.uuid,
        "action": row.next.step.value,
        "verdict": row.judged.verdict.value if row.judged else None,
        "reason": row.next.reason,
        "command": row.next.command or None,
    }


def _observer(name: str, observed: Observed, probes: Probes) -> ObserverFacts:
    address = "localhost" if name == CONTROLLER else next(iter(observed.addresses[name]), "")
    return {
        "name": name,
        "address": address,
        "arguments": arguments_of(name, probes, observed.addresses),
        "witness": name in (CONTROLLER, *probes.witnesses),
        "deep": name in probes.deep,
    }
