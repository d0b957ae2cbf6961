# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics: a report as text for Prometheus, as the node exporter's textfile collector reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .summary import Facts

METRIC_PREFIX = "ganeti_repair_"
Sample = tuple[Mapping[str, str], float]


def metrics(report: Mapping[str, Any]) -> str:
    """`report` as metrics, each cluster with the label `cluster`: its name in the inventory.

    There are no timestamps on samples: the textfile collector refuses them.
    """
    clusters = report["clusters"]
    families = [*_of_looks(clusters), *_of_counts(clusters), *_of_ages(clusters)]
    families += [*_of_switches(clusters), *_of_breakers(clusters)]
    return "".join(_family(name, words, samples) for name, words, samples in families)


Family = tuple[str, str, list[Sample]]


def _of_looks(clusters: Iterable[Facts]) -> Iterator[Family]:
    every = list(clusters)
    up = [(_at(cluster), float(cluster["seen"] is not None)) for cluster in every]
    yield "cluster_up", "Whether the cluster could be read at the last look (1), or not (0).", up
    looked = [(_at(cluster), cluster["time"]) for cluster in every if cluster["time"] is not None]
    yield "look_timestamp_seconds", "When the cluster was last read, in seconds since the epoch.", looked
    played = [(_at(cluster), cluster["last_round"]) for cluster in every if cluster["last_round"] is not None]
    yield "round_timestamp_seconds", "When the last known round ran, in seconds since the epoch.", played


_COUNTS = (  # name, the count in the report, label, help text; all but the last count instances
    ("instances", "states", "state", "Instances in each state."),
    ("attention", "attention", "kind", "Instances that need a person, are under repair, or are held back."),
    ("reasons", "reasons", "why", "Instances by the reason why nothing is done now."),
    ("needed", "needed", "type", "Instances by the type of repair that would heal them."),
    ("pending", "pending", "type", "Repairs that are pending, by type."),
    ("failed", "failed", "type", "Repairs that failed and wait for a person, by type."),
    ("nodes", "nodes", "state", "Nodes in each state."),
)


def _of_counts(clusters: Iterable[Facts]) -> Iterator[Family]:
    seen = [cluster for cluster in clusters if cluster["seen"]]
    for name, count, label, words in _COUNTS:
        samples = [
            (_at(cluster, **{label: value}), float(number))
            for cluster in seen
            for value, number in cluster["seen"]["counts"][count].items()
        ]
        yield name, words, samples


def _of_ages(clusters: Iterable[Facts]) -> Iterator[Family]:
    seen = [cluster for cluster in clusters if cluster["seen"]]
    for name, words in (("pending", "pending repair"), ("failure", "failure that waits for a person")):
        ages = [(_at(cluster), _age(cluster, cluster["seen"][f"oldest_{name}"])) for cluster in seen]
        yield f"oldest_{name}_age_seconds", f"Age of the oldest {words} at the last look; 0 without one.", ages


def _age(cluster: Facts, then: int | None) -> float:
    """Seconds from `then` to when the cluster was read; 0 if `then` is later, as clocks differ."""
    return float(max(cluster["time"] - then, 0)) if then is not None else 0.0


def _of_switches(clusters: Iterable[Facts]) -> Iterator[Family]:
    seen = [(_at(cluster), cluster["seen"]) for cluster in clusters if cluster["seen"]]
    stopped = [(labels, float(facts["stopped"] is not None)) for labels, facts in seen]
    yield "stopped", "Whether somebody has stopped the whole cluster.", stopped
    notices = [(labels, float(len(facts["notices"]))) for labels, facts in seen]
    yield "notices", "Tags of the cluster and its groups that need a person.", notices


def _of_breakers(clusters: Iterable[Facts]) -> Iterator[Family]:
    seen = [(_at(cluster), cluster["seen"]["breaker"]) for cluster in clusters if cluster["seen"]]
    tripped = [(labels, float(breaker["tripped"])) for labels, breaker in seen]
    yield "breaker_tripped", "Whether too many nodes are broken for repairs to start.", tripped
    for name, field, words in (
        ("breaker_unhealthy_nodes", "counted", "Nodes that the breaker counts as broken."),
        ("breaker_limit_nodes", "limit", "How many broken nodes the breaker allows."),
        ("breaker_nodes", "total", "Nodes that the breaker counts in all."),
    ):
        yield name, words, [(labels, float(breaker[field])) for labels, breaker in seen]


# --- the format ------------------------------------------------------------------------------------------------------


def _at(cluster: Facts, **more: str) -> Mapping[str, str]:
    return {"cluster": cluster["name"], **more}


def _family(name: str, words: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP {METRIC_PREFIX}{name} {words}", f"# TYPE {METRIC_PREFIX}{name} gauge"]
    lines += [f"{METRIC_PREFIX}{name}{{{_labels(labels)}}} {_number(value)}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items())


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
