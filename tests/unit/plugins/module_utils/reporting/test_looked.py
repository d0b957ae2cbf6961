# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looked: a node that nobody has asked is never counted as well."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils.builders import NOW
from unit.plugins.module_utils.scenes import large, looked_at

from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.judge import NodeVerdict
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.looked import in_trouble
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.schema import SeenCluster
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import Look, report_of


def seen(nodes: dict[str, Any] | None) -> SeenCluster:
    """What a report says of a cluster of three nodes."""
    found = report_of([Look("prod", large(0, nodes=3), nodes=nodes)], NOW)["clusters"][0]["seen"]
    assert found is not None
    return found


@pytest.mark.parametrize("nodes", [None, {**looked_at(), "nodes": []}], ids=["nobody looked", "the nodes are new"])
def test_nobody_was_asked(nodes: dict[str, Any] | None) -> None:
    """All are counted as not asked, and none of them is in trouble."""
    found = seen(nodes)
    assert {name: number for name, number in found["counts"]["verdicts"].items() if number} == {"not_asked": 3}
    assert in_trouble(found) == [] and (found["looked"] is None) == (nodes is None)


@pytest.mark.parametrize("verdict", [verdict.value for verdict in NodeVerdict])
def test_each_verdict_is_counted(verdict: str) -> None:
    """And all but one need a person."""
    found = seen(looked_at(node2=verdict))
    assert found["counts"]["verdicts"][verdict] == (3 if verdict == "healthy" else 1)
    assert [name for name, _node in in_trouble(found)] == ["node2.example.com"] * (verdict != "healthy")


def test_one_that_answers_may_need_a_person_all_the_same() -> None:
    """It has a finding; while one that is marked offline, and that nobody was asked about, is what its mark says."""
    nodes = looked_at()
    nodes["nodes"][0]["evidence"] = ["its clock is 400 s behind"]
    nodes["nodes"][1]["verdict"] = None
    found = seen(nodes)
    assert [name for name, _node in in_trouble(found)] == ["node1.example.com"]
    assert found["counts"]["verdicts"]["not_asked"] == 1
