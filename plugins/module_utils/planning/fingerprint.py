# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingerprint: what a plan does, in the form in which plans are compared and approved (design, section 5)."""

from __future__ import annotations

from ..repair.action import Action
from ..repair.case import Case
from ..settings.approval import Fingerprint, FingerprintEntry
from .plan import Plan


def fingerprint_of(plan: Plan) -> Fingerprint:
    """What `plan` does; its hash is what somebody says yes to."""
    cases = {case.instance.name: case for case, _action in plan.rows}
    entries = [_entry(action, cases.get(action.name), plan) for action in plan.actions]
    return Fingerprint(plan.cluster.uuid, tuple(entries))


def _entry(action: Action, named: Case | None, plan: Plan) -> FingerprintEntry:
    case = named if action.scope == "instance" else None  # a group may have an instance's name
    return FingerprintEntry(
        scope=action.scope,
        name=action.name,
        uuid=case.instance.uuid if case else None,
        action=action.kind.label,
        type=action.type.label if action.type is not None else None,
        id=action.repair.id if action.repair else None,
        steps=[step.operation.value for step in action.steps],
        result=action.result,
        remove=sorted(action.remove),
        on=states_of_nodes(case, plan) if case else [],
        after=last_ended(case) if case else None,
        cancel=list(action.cancel),
        reason=action.reason,
        writes=action.writes,
    )


def states_of_nodes(case: Case, plan: Plan) -> list[str]:
    """The nodes that an instance is on, each with its state."""
    states = [(name, plan.cluster.nodes.get(name)) for name in case.instance.nodes]
    return [f"{name} {node.state.value if node else 'unknown'}" for name, node in states]


def last_ended(case: Case) -> str | None:
    """The id of the instance's last repair that has ended."""
    return case.results[-1].id if case.results else None
