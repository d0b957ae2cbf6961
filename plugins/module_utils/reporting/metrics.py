# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics: a report as text for Prometheus, as the node exporter's textfile collector reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from .looked import in_trouble
from .schema import ClusterReport, Counts, Report, SeenCluster

METRIC_PREFIX = "ganeti_repair_"
Sample = tuple[Mapping[str, str], float]


def metrics(report: Report) -> str:
    """`report` as metrics, each cluster with the label `cluster`: its name in the inventory.

    There are no timestamps on samples: the textfile collector refuses them.
    """
    clusters = report["clusters"]
    families = [*_of_looks(clusters), *_of_counts(clusters), *_of_ages(clusters)]
    families += [*_of_switches(clusters), *_of_breakers(clusters), *_of_nodes(clusters)]
    return "".join(_family(name, words, samples) for name, words, samples in families)


Family = tuple[str, str, list[Sample]]


def _of_looks(clusters: Sequence[ClusterReport]) -> Iterator[Family]:
    up = [(_at(cluster), float(cluster["seen"] is not None)) for cluster in clusters]
    yield "cluster_up", "Whether the cluster could be read at the last look (1), or not (0).", up
    looked = [(_at(cluster), float(cluster["time"])) for cluster in clusters if cluster["time"] is not None]
    yield "look_timestamp_seconds", "When the cluster was last read, in seconds since the epoch.", looked
    played = [(_at(cluster), float(cluster["last_round"])) for cluster in clusters if cluster["last_round"] is not None]
    yield "round_timestamp_seconds", "When the last known round ran, in seconds since the epoch.", played


_COUNTS: Sequence[tuple[str, Callable[[Counts], Mapping[str, int]], str, str]] = (  # name, the count, label, help text
    ("instances", lambda counts: counts["states"], "state", "Instances in each state."),
    (
        "attention",
        lambda counts: counts["attention"],
        "kind",
        "Instances that need a person, are under repair, or are held back.",
    ),
    ("reasons", lambda counts: counts["reasons"], "why", "Instances by the reason why nothing is done now."),
    ("needed", lambda counts: counts["needed"], "type", "Instances by the type of repair that would heal them."),
    ("pending", lambda counts: counts["pending"], "type", "Repairs that are pending, by type."),
    ("failed", lambda counts: counts["failed"], "type", "Repairs that failed and wait for a person, by type."),
    ("nodes", lambda counts: counts["nodes"], "state", "Nodes in each state, as they are marked."),
    (
        "node_verdicts",
        lambda counts: counts["verdicts"],
        "verdict",
        "Nodes by what they are; not_asked are those that nobody has looked at.",
    ),
)


def _seen(clusters: Iterable[ClusterReport]) -> list[tuple[ClusterReport, SeenCluster]]:
    """The clusters that could be read, each with what was seen."""
    return [(cluster, cluster["seen"]) for cluster in clusters if cluster["seen"]]


def _of_counts(clusters: Iterable[ClusterReport]) -> Iterator[Family]:
    for name, count, label, words in _COUNTS:
        yield (
            name,
            words,
            [
                (_at(cluster, **{label: value}), float(number))
                for cluster, seen in _seen(clusters)
                for value, number in count(seen["counts"]).items()
            ],
        )


def _of_ages(clusters: Iterable[ClusterReport]) -> Iterator[Family]:
    words = "Age of the oldest {} at the last look; 0 without one."
    pending = [(_at(cluster), _age(cluster, seen["oldest_pending"])) for cluster, seen in _seen(clusters)]
    yield "oldest_pending_age_seconds", words.format("pending repair"), pending
    failed = [(_at(cluster), _age(cluster, seen["oldest_failure"])) for cluster, seen in _seen(clusters)]
    yield "oldest_failure_age_seconds", words.format("failure that waits for a person"), failed


def _age(cluster: ClusterReport, then: int | None) -> float:
    """Seconds from `then` to when the cluster was read; 0 if `then` is later, as clocks differ."""
    return 0.0 if then is None or cluster["time"] is None else float(max(cluster["time"] - then, 0))


def _of_switches(clusters: Iterable[ClusterReport]) -> Iterator[Family]:
    stopped = [(_at(cluster), float(seen["stopped"] is not None)) for cluster, seen in _seen(clusters)]
    yield "stopped", "Whether somebody has stopped the whole cluster.", stopped
    notices = [(_at(cluster), float(len(seen["notices"]))) for cluster, seen in _seen(clusters)]
    yield "notices", "Tags of the cluster and its groups that need a person.", notices


def _of_breakers(clusters: Iterable[ClusterReport]) -> Iterator[Family]:
    breakers = [(_at(cluster), seen["breaker"]) for cluster, seen in _seen(clusters)]
    tripped = [(labels, float(breaker["tripped"])) for labels, breaker in breakers]
    yield "breaker_tripped", "Whether too many nodes are broken for repairs to start.", tripped
    counted = [(labels, float(breaker["counted"])) for labels, breaker in breakers]
    yield "breaker_unhealthy_nodes", "Nodes that the breaker counts as broken.", counted
    limit = [(labels, float(breaker["limit"])) for labels, breaker in breakers]
    yield "breaker_limit_nodes", "How many broken nodes the breaker allows.", limit
    total = [(labels, float(breaker["total"])) for labels, breaker in breakers]
    yield "breaker_nodes", "Nodes that the breaker counts in all.", total


def _of_nodes(clusters: Iterable[ClusterReport]) -> Iterator[Family]:
    looked = [(cluster, seen, seen["looked"]) for cluster, seen in _seen(clusters) if seen["looked"]]
    at = [(_at(cluster), float(look["time"])) for cluster, _seen_, look in looked]
    yield "node_look_timestamp_seconds", "When the nodes were last looked at, in seconds since the epoch.", at
    sick = [
        (_at(cluster, node=name, verdict=node["verdict"] or ""), 1.0)
        for cluster, seen, _look in looked
        for name, node in in_trouble(seen)
    ]
    yield "node_in_trouble", "1 for each node of which a person should know, with what it is.", sick
    strays = [
        (_at(cluster), float(len(look["strays"]))) for cluster, _seen_, look in looked if look["strays"] is not None
    ]
    yield "strays", "Guests that run on a node where they do not belong, if nodes were asked.", strays


# --- the format ------------------------------------------------------------------------------------------------------


def _at(cluster: ClusterReport, **more: str) -> Mapping[str, str]:
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
