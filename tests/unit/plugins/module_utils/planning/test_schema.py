# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schema: the types of the facts name the same fields as RETURN of the modules."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from ansible_collections.ganeti.autorepair.plugins.module_utils.planning import schema as of_plan
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting import schema as of_report
from ansible_collections.ganeti.autorepair.plugins.modules import ganeti_autorepair_facts, ganeti_autorepair_step

FACTS = yaml.safe_load(ganeti_autorepair_facts.RETURN)["ansible_facts"]["contains"]["ganeti_autorepair"]["contains"]
STEP = yaml.safe_load(ganeti_autorepair_step.RETURN)


def fields_of(kind: Any) -> set[str]:
    """The fields of a type."""
    return set(typing.get_type_hints(kind))


@pytest.mark.parametrize(
    ("kind", "promised"),
    [
        (of_report.Facts, FACTS),
        (of_plan.ClusterFacts, FACTS["cluster"]["contains"]),
        (of_plan.GroupFacts, FACTS["groups"]["contains"]),
        (of_plan.NodeFacts, FACTS["nodes"]["contains"]),
        (of_plan.InstanceFacts, FACTS["instances"]["contains"]),
        (of_plan.PolicyFacts, FACTS["instances"]["contains"]["policy"]["contains"]),
        (of_plan.RepairFacts, FACTS["instances"]["contains"]["repair"]["contains"]),
        (of_plan.JobFacts, FACTS["jobs"]["contains"]),
        (of_plan.BreakerFacts, FACTS["breaker"]["contains"]),
        (of_report.WholePlanFacts, FACTS["plan"]["contains"]),
        (of_report.HeldFacts, FACTS["held"]["sample"][0]),
        (of_report.UnderWayFacts, FACTS["under_way"]["sample"][0]),
        (of_report.ExecutedActionFacts, STEP["actions"]["contains"]),
    ],
)
def test_the_facts_have_the_promised_fields(kind: Any, promised: Mapping[str, Any]) -> None:
    """RETURN of the module names the same ones."""
    assert fields_of(kind) == set(promised)
