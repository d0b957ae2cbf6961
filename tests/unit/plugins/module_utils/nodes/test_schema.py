# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node schema: what the facts hold is what RETURN documents, and what a record holds is what is parsed."""

from __future__ import annotations

from typing import Any, get_type_hints

import yaml
from unit.plugins.module_utils.node_builders import observations

from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes import schema
from ansible_collections.ganeti.autorepair.plugins.modules import ganeti_autorepair_node_facts

FACTS = yaml.safe_load(ganeti_autorepair_node_facts.RETURN)["ansible_facts"]["contains"]["ganeti_autorepair_nodes"]


def documented(*path: str) -> dict[str, Any]:
    """The entries below a part of the facts."""
    found: dict[str, Any] = FACTS["contains"]
    for name in path:
        found = found[name]["contains"]
    return found


def test_the_facts_are_documented() -> None:
    """Each key, and no other."""
    assert set(get_type_hints(schema.NodesFacts)) == set(documented())
    assert set(get_type_hints(schema.JudgedNodeFacts)) == set(documented("nodes"))
    assert set(get_type_hints(schema.NodePolicyFacts)) == set(documented("nodes", "policy"))
    assert set(get_type_hints(schema.IncidentFacts)) == set(documented("nodes", "incident"))
    assert set(get_type_hints(schema.NodePlanFacts)) == set(documented("plan"))
    assert set(get_type_hints(schema.NodeActionFacts)) == set(documented("plan")["actions"]["sample"][0])
    assert set(get_type_hints(schema.ProbeFacts)) == set(documented("probes"))
    assert set(get_type_hints(schema.ObserverFacts)) == set(documented("probes")["observers"]["sample"][0])


def test_a_record_is_documented() -> None:
    """With samples that have every key."""
    entries = documented("observations")
    assert set(get_type_hints(schema.Observations)) == set(entries) == set(observations())
    assert set(get_type_hints(schema.ObservedCluster)) == set(entries["cluster"]["sample"])
    assert set(get_type_hints(schema.ObservedGroup)) == set(entries["groups"]["sample"][0])
    assert set(get_type_hints(schema.ObservedNode)) == set(entries["nodes"]["sample"][0])
    assert set(get_type_hints(schema.ObservedLook)) >= set(entries["looks"]["sample"][0])
