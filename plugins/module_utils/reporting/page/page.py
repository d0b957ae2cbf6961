# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Page: what one page of the report shows, as values; the templates in plugins/plugin_utils/report lay it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...repair.reasons import Reason
from ..looked import in_trouble
from ..schema import ClusterReport, Report
from ..summary import Attention
from .cases import CaseView, case_views
from .lots import Section, sections_of
from .parts import EXPLAINED, STATES, Badge, Explained, Moment, count, moment
from .pictures import Box, GroupView, TroubleView, boxes_of, groups_of, troubles_of
from .top import Alarm, LookView, Verdict, alarms_of, look_of, verdict_of

NEEDS = {Attention.PERSON: "needs you", Attention.REPAIR: "under repair", Attention.HOLD: "on hold"}


@dataclass(frozen=True)
class Tile:
    """A cluster, with a link to its page. `lines` are its numbers; if it could not be read, `last` says when it was."""

    name: str
    link: str
    read: bool
    badge: Badge
    last: Moment | None
    lines: Sequence[str]


@dataclass(frozen=True)
class Choice:
    """A filter for the instances, with its values and their labels."""

    key: str
    label: str
    options: Sequence[tuple[str | int, str]]


@dataclass(frozen=True)
class Page:
    """All that a page shows.

    `of_all` says whether it is the page of all clusters, `many` whether there is more than one. `up` is the link from
    the page of one cluster to that of all.
    """

    title: str
    up: str
    of_all: bool
    many: bool
    made: Moment | None
    look: LookView
    verdict: Verdict
    alarms: Sequence[Alarm]
    clusters: Sequence[Tile]
    sections: Sequence[Section]
    states: Mapping[str, Box]
    nodes_looked_at: Moment | None
    troubles: Sequence[TroubleView]
    groups: Sequence[GroupView] | None
    choices: Sequence[Choice]
    tally: str
    cases: Sequence[CaseView]
    reasons: Sequence[Explained]
    other_reasons: Sequence[Explained]


def page_of(report: Report, title: str, links: Mapping[str, str], up: str = "") -> Page:
    """The page of `report`.

    For the page of all clusters, `links` are the pages of the single clusters, by their names in the inventory; for the
    page of one cluster it is empty, and `up` is the link to the page of all.
    """
    of_all = bool(links)
    cases = case_views(report, of_all)
    given = {case.why for case in cases} - {Reason.HEALTHY.value}
    seen = None if of_all else report["clusters"][0]["seen"]
    return Page(
        title=title,
        up=up,
        of_all=of_all,
        many=len(report["clusters"]) > 1,
        made=moment(report["time"]),
        look=look_of(report),
        verdict=verdict_of(report),
        alarms=alarms_of(report),
        clusters=_tiles(report, links) if of_all else (),
        sections=sections_of(cases),
        states=boxes_of(report["summary"]["states"]),
        nodes_looked_at=moment(seen["looked"]["time"]) if seen and seen["looked"] else None,
        troubles=troubles_of(seen) if seen else (),
        groups=groups_of(seen) if seen else None,
        choices=_choices(report, of_all),
        tally=count(len(cases), "instance"),
        cases=cases,
        reasons=[explained for why, explained in EXPLAINED.items() if why in given],
        other_reasons=[explained for why, explained in EXPLAINED.items() if why not in given],
    )


def _tiles(report: Report, links: Mapping[str, str]) -> Sequence[Tile]:
    """The clusters: first those that could not be read, then those with the most that needs a person."""
    ordered = sorted(
        report["clusters"], key=lambda cluster: (cluster["seen"] is not None, -_needing(cluster), cluster["name"])
    )
    return [_tile(cluster, links[cluster["name"]]) for cluster in ordered]


def _needing(cluster: ClusterReport) -> int:
    """How many instances and nodes of a cluster need a person."""
    seen = cluster["seen"]
    return int(seen["counts"]["attention"][Attention.PERSON.value]) + len(in_trouble(seen)) if seen else 0


def _tile(cluster: ClusterReport, link: str) -> Tile:
    name, needing = cluster["name"], _needing(cluster)
    if not cluster["seen"]:
        badge = Badge("repair_failed", "could not be read")
        return Tile(name, link, False, badge, moment(cluster["time"]), ())
    looked, sick = cluster["seen"]["looked"], len(in_trouble(cluster["seen"]))
    badge = Badge("needs_repair", count(needing, "needs you", "need you"))
    if not needing:
        badge = Badge("healthy", "nothing needs you") if looked else Badge("to_come", "nodes not asked")
    counts = cluster["seen"]["counts"]
    states, nodes, attention = counts["states"], counts["nodes"], counts["attention"]
    lines = (
        f"{states['healthy']:,} of {sum(states.values()):,} healthy"
        f" · {nodes['offline']} of {sum(nodes.values())} nodes offline",
        f"{attention['repair']:,} under repair · {attention['hold']:,} on hold",
        f"{sick} of {sum(nodes.values())} nodes in trouble" if looked else "nobody has asked the nodes",
    )
    return Tile(name, link, True, badge, None, lines)


def _choices(report: Report, of_all: bool) -> Sequence[Choice]:
    needs = tuple((attention.value, words) for attention, words in NEEDS.items())
    always = (Choice("state", "State", tuple(STATES.items())), Choice("needs", "Asks for", needs))
    if of_all:
        return (*always, Choice("cluster", "Cluster", _numbered(report["clusters"])))
    seen = report["clusters"][0]["seen"] or {"groups": (), "nodes": ()}
    groups, nodes = _numbered(seen["groups"]), _numbered(seen["nodes"])
    return (*always, Choice("group", "Group", groups), Choice("node", "Node", nodes))


def _numbered(objects: Sequence[Mapping[str, Any]]) -> Sequence[tuple[int, str]]:
    return [(number, entry["name"]) for number, entry in enumerate(objects)]
