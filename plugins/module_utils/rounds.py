# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rounds: one run over a cluster, from reading it to what stands there afterwards (design, section 1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .capacity import place
from .client import Client
from .confirm import confirm
from .errors import AutorepairError
from .execute import Settings, carry_out
from .plan import Limits, Plan, held, make_plan
from .read import read_cluster
from .report import diff, lines, performed, planned
from .state import State
from .writer import Outcome


@dataclass(frozen=True)
class Round:
    """A round: its plan, what became of each action, and the plan that the cluster would get now.

    C(trouble) is what kept it from carrying out all of its plan, or from seeing how that went; C(seen) says whether
    C(after) was looked at after the writes.
    """

    before: Plan
    outcomes: tuple[Outcome, ...]
    after: Plan
    trouble: AutorepairError | None = None
    seen: bool = True

    @property
    def changed(self) -> bool:
        """Whether a write was sent, or would have been."""
        return any(outcome.sent for outcome in self.outcomes)


def look(client: Client, limits: Limits, now: float) -> Plan:
    """The plan for the cluster behind C(client) as it stands at C(now); sends reads only."""
    return held(make_plan(read_cluster(client), limits, now))


def play(client: Client, limits: Limits, settings: Settings, clock: Callable[[], float]) -> Round:
    """Play one round. Raises an AutorepairError when it can't begin; what goes wrong later stands in the round."""
    plan = held(place(make_plan(read_cluster(client), limits, clock()), client))
    outcomes, trouble = carry_out(plan, client, settings)
    if not any(outcome.written for outcome in outcomes):
        return Round(plan, outcomes, plan, trouble)
    try:
        outcomes = confirm(outcomes, client, settings.sleep)
        return Round(plan, outcomes, look(client, limits, clock()), trouble)
    except AutorepairError as error:
        return Round(plan, outcomes, plan, trouble or error, seen=False)


def result(played: Round, check_mode: bool) -> dict[str, Any]:
    """What C(ganeti_autorepair_step) returns for a round."""
    failed = [case.instance.name for case, action in played.after.rows if case.state is State.REPAIR_FAILED]
    return {
        "changed": played.changed,
        "actions": performed(played.outcomes),
        "summary": dict(played.after.summary) if played.seen else None,
        "pending": played.after.under_way if played.seen else None,
        "failed_instances": failed if played.seen else None,
        "plan": planned(played.before),
        "report": lines(played.before, played.outcomes, played.after, check_mode),
        "diff": diff(played.outcomes),
    }
