# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Top: what a person sees first: which clusters, when they were read, and whether somebody is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...nodes.strays import Stray
from ...planning.schema import ClusterFacts
from ..looked import in_trouble
from ..schema import ClusterReport, Report, SeenCluster
from .parts import Moment, count, moment

_SHOWN = 5  # nodes in trouble that each get an alarm


@dataclass(frozen=True)
class ClusterView:
    """A cluster's own data; `note` says that its job queue is drained, or that this is unknown."""

    name: str
    version: str
    master: str
    note: str


@dataclass(frozen=True)
class LookView:
    """When clusters were read: `words`, and `when`, if ever; for a single one also its last round, and its data."""

    words: str
    when: Moment | None
    last_round: Moment | None = None
    cluster: ClusterView | None = None


@dataclass(frozen=True)
class Verdict:
    """What is wrong, in one sentence, and the other numbers in `rest`; `kind` is healthy, unasked (nothing is known to
    be wrong, but nobody has asked the nodes), needs or unread."""

    kind: str
    words: str
    rest: str


@dataclass(frozen=True)
class Alarm:
    """What keeps repairs from starting, or needs somebody; `cluster` is empty if there is only one."""

    cluster: str
    what: str
    words: str


def look_of(report: Report) -> LookView:
    """When the clusters of `report` were read."""
    clusters = report["clusters"]
    if len(clusters) != 1:
        return LookView(f"{count(len(clusters), 'cluster')} looked at", moment(report["time"]))
    (cluster,) = clusters
    when = moment(cluster["time"])
    words = "never read" if when is None else "looked at" if cluster["seen"] else "last read"
    last_round = moment(cluster["last_round"] or None)
    return LookView(words, when, last_round, _cluster(cluster["seen"]["cluster"]) if cluster["seen"] else None)


def _cluster(cluster: ClusterFacts) -> ClusterView:
    return ClusterView(cluster["name"], cluster["version"], cluster["master"], _note(cluster))


def _note(cluster: ClusterFacts) -> str:
    if cluster["watcher_paused_until"] is None or cluster["queue_drained"] is None:
        return "RAPI does not say whether the job queue is drained or the watcher is paused"
    return "the job queue is drained" if cluster["queue_drained"] else ""


def verdict_of(report: Report) -> Verdict:
    """The verdict on `report`: whether somebody is needed."""
    total = report["summary"]
    rest = [f"{total['attention']['repair']:,} under repair", f"{total['attention']['hold']:,} on hold"]
    rest += [f"{total['states']['healthy']:,} of {sum(total['states'].values()):,} healthy"]
    rest += [] if _all_looked_at(report) else ["nobody has asked all nodes whether they answer"]
    return Verdict(*_kind_and_words(report), " · ".join(rest))


def _kind_and_words(report: Report) -> tuple[str, str]:
    total = report["summary"]
    unread = total["unread"]
    kind, words = _of_those_read(report)
    if not unread:
        return kind, words
    failed = f"{count(unread, 'cluster')} could not be read"
    return "unread", f"{failed}; {words[0].lower()}{words[1:]}" if unread < total["clusters"] else failed


def _of_those_read(report: Report) -> tuple[str, str]:
    """The kind and the words for the clusters that could be read; of what needs a person, instances come first."""
    seen = [cluster["seen"] for cluster in report["clusters"] if cluster["seen"]]
    needing = {
        "instance": report["summary"]["attention"]["person"],
        "node": sum(len(in_trouble(each)) for each in seen),
        "guest": sum(len(each["looked"]["strays"] or ()) for each in seen if each["looked"]),
        "tag": sum(len(each["notices"]) for each in seen),
    }
    told = [count(number, noun) for noun, number in needing.items() if number]
    if told:
        verb = "needs" if sum(needing.values()) == 1 else "need"
        return "needs", f"{' and '.join(filter(None, [', '.join(told[:-1]), told[-1]]))} {verb} you"
    if _all_looked_at(report):
        return "healthy", "Nothing needs you"
    return "unasked", "Nothing needs you, as far as the marks of the nodes say"


def _all_looked_at(report: Report) -> bool:
    """Whether somebody has looked at the nodes of every cluster that could be read."""
    return all(cluster["seen"]["looked"] for cluster in report["clusters"] if cluster["seen"])


def alarms_of(report: Report) -> Sequence[Alarm]:
    """The alarms of all clusters of `report`, which the page shows first."""
    many = len(report["clusters"]) > 1
    return [
        Alarm(cluster["name"] if many else "", what, words)
        for cluster in report["clusters"]
        for what, words in _alarms(cluster)
    ]


def _alarms(cluster: ClusterReport) -> Iterator[tuple[str, str]]:
    seen = cluster["seen"]
    if not seen:
        yield "could not be read.", cluster["error"] or ""
        return
    if seen["stopped"]:
        yield "stopped.", f"Nothing begins, as {seen['stopped']}."
    elif seen["breaker"]["tripped"]:
        yield "no repair begins.", seen["breaker"]["reason"] or ""
    yield from _alarms_of_nodes(seen)
    for words in seen["notices"]:
        yield "needs you.", words
    if seen["fence"]:
        yield "fencing.", f"steps wait until these nodes are confirmed to be off: {', '.join(seen['fence'])}."


def _alarms_of_nodes(seen: SeenCluster) -> Iterator[tuple[str, str]]:
    """What a look at the nodes has found; of many nodes in trouble, the page of the cluster shows all."""
    looked, sick = seen["looked"], in_trouble(seen)
    if looked is None:
        return
    for stray in looked["strays"] or ():
        told = Stray(stray["instance"], stray["node"], stray["primary"] or "")
        yield "a guest runs where it does not belong.", f"{told}."
    if looked["stopped"]:
        yield "no silent node is judged.", f"{looked['stopped']}."
    for _name, node in sick[:_SHOWN]:
        yield "a node is in trouble.", f"{node['reason']}."
    if len(sick) > _SHOWN:
        yield "more nodes are in trouble:", ", ".join(name for name, _node in sick[_SHOWN:])
