# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""RETURN of facts and step: every key of what they return is documented, and no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from unit.plugins.module_utils.builders import OFFLINE, ONLINE, cluster, drbd, job, pending, plan_of, rbd, tag

from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.document import plan_data
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.outcome import Outcome
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import (
    executed_actions,
    facts,
    status_data,
)
from ansible_collections.ganeti.autorepair.plugins.modules import ganeti_autorepair_facts, ganeti_autorepair_step

PLAN = plan_of(
    cluster(
        rbd("web1", OFFLINE),
        drbd("web2", OFFLINE, ONLINE, pending(jobs="7")),
        jobs=[job(7, "running", "FAILOVER", "web2")],
        tags=[tag("reinstall")],
    )
)
FACTS = yaml.safe_load(ganeti_autorepair_facts.RETURN)["ansible_facts"]["contains"]["ganeti_autorepair"]["contains"]
STEP = yaml.safe_load(ganeti_autorepair_step.RETURN)


def differing(told: Mapping[str, Any], documented: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The keys that are in one of both only, below the keys whose contents are documented, too."""
    yield from (f"{path}{key}" for key in set(told) ^ set(documented))
    for key in set(told) & set(documented):
        value = told[key][0] if isinstance(told[key], list) and told[key] else told[key]
        if "contains" in documented[key] and isinstance(value, dict):
            yield from differing(value, documented[key]["contains"], f"{path}{key}.")


def test_the_facts_are_documented() -> None:
    """The actions of the plan by their sample."""
    told = facts(PLAN)
    assert list(differing(told, FACTS)) == []
    assert set(told["plan"]["actions"][0]) == set(FACTS["plan"]["contains"]["actions"]["sample"][0])


def test_the_results_are_documented() -> None:
    """Of each action, of how things stand, and of the plan."""
    (action, *_others) = executed_actions(Outcome(action) for action in PLAN.actions)
    assert list(differing(action, STEP["actions"]["contains"])) == []
    assert set(status_data(PLAN)) <= set(STEP)
    assert list(differing(status_data(PLAN)["breaker"], STEP["breaker"]["contains"])) == []
    assert set(plan_data(PLAN)) == set(STEP["plan"]["sample"])
