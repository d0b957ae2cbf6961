# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics: read back by Prometheus' own parser."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families
from unit.plugins.module_utils.builders import NOW
from unit.plugins.module_utils.scenes import HOSTILE, hostile, large, looked_at, night

from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.metrics import metrics
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import Look, report_of

Samples = Mapping[tuple[str, ...], float]
LOOKS = (
    Look("prod", night(), last_round=NOW - 60),
    Look("big", large(100), nodes=looked_at([{"instance": "x", "node": "y", "primary": None}], node1="dark")),
    Look("lab", None, "no route", time=NOW - 999),
    Look("new", None, "no route"),
)


def read(*looks: Look) -> Mapping[str, Samples]:
    """The values of the metrics, by their names without what they all begin with, and by their labels."""
    families = text_string_to_metric_families(metrics(report_of(looks, NOW)))
    found: dict[str, Samples] = {}
    for family in families:
        assert family.type == "gauge"
        assert family.documentation.endswith(".")
        assert family.name.startswith("ganeti_repair_")
        assert not [sample for sample in family.samples if sample.timestamp], "the textfile collector refuses those"
        values = {tuple(sample.labels.values()): sample.value for sample in family.samples}
        assert len(values) == len(family.samples)
        found[family.name.removeprefix("ganeti_repair_")] = values
    return found


VALUES = [
    ("cluster_up", ("prod",), 1),
    ("cluster_up", ("lab",), 0),
    ("look_timestamp_seconds", ("prod",), NOW),
    ("look_timestamp_seconds", ("lab",), NOW - 999),
    ("look_timestamp_seconds", ("new",), None),
    ("round_timestamp_seconds", ("prod",), NOW - 60),
    ("round_timestamp_seconds", ("big",), None),
    ("instances", ("prod", "healthy"), 14),
    ("instances", ("lab", "healthy"), None),
    ("attention", ("prod", "person"), 4),
    ("reasons", ("prod", "repair_failed"), 1),
    ("reasons", ("prod", "claimed"), 0),
    ("needed", ("prod", "failover"), 5),
    ("pending", ("prod", "failover"), 2),
    ("failed", ("prod", "failover"), 1),
    ("nodes", ("prod", "offline"), 2),
    ("oldest_pending_age_seconds", ("prod",), 420),
    ("oldest_failure_age_seconds", ("prod",), 7200),
    ("oldest_failure_age_seconds", ("big",), 0),
    ("stopped", ("prod",), 0),
    ("notices", ("prod",), 0),
    ("stopped", ("lab",), None),
    ("breaker_tripped", ("prod",), 0),
    ("breaker_unhealthy_nodes", ("big",), 2),
    ("breaker_nodes", ("big",), 40),
    ("node_verdicts", ("big", "healthy"), 39),
    ("node_verdicts", ("big", "dark"), 1),
    ("node_verdicts", ("prod", "healthy"), 0),
    ("node_verdicts", ("prod", "not_asked"), 9),
    ("node_look_timestamp_seconds", ("big",), NOW),
    ("node_look_timestamp_seconds", ("prod",), None),
    ("node_in_trouble", ("big", "node1.example.com", "dark"), 1),
    ("strays", ("big",), 1),
    ("strays", ("prod",), None),
]


@pytest.fixture(scope="module")
def found() -> Mapping[str, Samples]:
    """The metrics of four clusters, two of which could not be read."""
    return read(*LOOKS)


@pytest.mark.parametrize(("name", "labels", "value"), VALUES, ids=lambda one: str(one))
def test_a_value(found: Mapping[str, Samples], name: str, labels: tuple[str, ...], value: float | None) -> None:
    """It says what the report says; of what nobody knows there is no sample."""
    assert found[name].get(labels) == value


def test_every_reason_has_a_sample(found: Mapping[str, Samples]) -> None:
    """So that none appears only when it is too late to alert on it."""
    assert {labels[1] for labels in found["reasons"]} == {why.value for why in Reason}


@pytest.mark.parametrize("name", [name for name in HOSTILE if "\ud800" not in name])
def test_hostile_names(name: str) -> None:
    """A name with quotes, backslashes and line ends comes back as it was."""
    assert read(Look(name, hostile()))["cluster_up"] == {(name,): 1}


def test_clocks_that_differ() -> None:
    """A repair that began in the future has the age 0."""
    seen = {**night(), "time": NOW - 9999}
    assert read(Look("prod", seen))["oldest_pending_age_seconds"] == {("prod",): 0}
