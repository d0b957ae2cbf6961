# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Page: a report as one HTML page for the person on call, which needs no network and no other file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from ...repair.reasons import Why
from ..explanations import REASONS
from .cases import Case, cases_of, section, table
from .markup import Content, Html, code, el, join
from .parts import STATES, badge, count, moment, shapes
from .pictures import diagram, nodes_map
from .script import SCRIPT
from .style import STYLE
from .top import top, verdict

Report = Mapping[str, Any]


def page(report: Report, title: str, links: Mapping[str, str], up: str = "") -> str:
    """C(report) as a page.

    C(links) are the pages of single clusters, by their names in the inventory, where this is the page of all;
    C(up) leads to that one from the page of a cluster.
    """
    cases = cases_of(report)
    main = [
        *verdict(report),
        _clusters(report, links) if links else None,
        el("div", el("div", *_lots(cases)), _side(report), class_="columns"),
        None if links else _nodes(report),
        _instances(report, cases, bool(links)),
        _reasons(cases),
    ]
    return _document(title, join([*top(report, title, up), el("main", *main, id="main"), _foot(report)]))


def _document(title: str, body: Html) -> str:
    """The whole page; it lets nothing run, load or be sent but its own style and script."""
    allowed = f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; base-uri 'none'"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=allowed + "; form-action 'none'"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", f"{title} · auto-repair"),
        code("style", STYLE),
    )
    return "<!DOCTYPE html>\n" + el("html", head, el("body", shapes(), body, code("script", SCRIPT)), lang="en") + "\n"


def _hash(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


# --- the middle ------------------------------------------------------------------------------------------------------


def _lots(cases: Sequence[Case]) -> Sequence[Html]:
    wanted = {kind: [case for case in cases if case.one["attention"] == kind] for kind in ("person", "repair", "hold")}
    return (
        section("needs-you", "Needs you", "Nothing.", wanted["person"]),
        section("under-repair", "Under repair", "No repair is under way or about to begin.", wanted["repair"]),
        section("on-hold", "On hold", "Nothing is held back.", wanted["hold"]),
    )


def _side(report: Report) -> Html:
    head = el("h2", "States", id="states")
    return el("aside", head, diagram(report["summary"]["states"]), aria_labelledby="states")


def _clusters(report: Report, links: Mapping[str, str]) -> Html:
    ordered = sorted(
        report["clusters"],
        key=lambda one: (one["seen"] is not None, -_needing(one), one["name"]),
    )
    tiles = [el("li", _cluster(one, links[one["name"]])) for one in ordered]
    head = el("h2", "Clusters ", el("span", len(tiles), class_="number"), id="clusters")
    return el("section", head, el("ul", *tiles, class_="clusters"), aria_labelledby="clusters")


def _needing(cluster: Mapping[str, Any]) -> int:
    return int(cluster["seen"]["counts"]["attention"]["person"]) if cluster["seen"] else 0


def _cluster(cluster: Mapping[str, Any], link: str) -> Html:
    title = el("h3", el("a", el("bdi", cluster["name"]), href=link))
    if not cluster["seen"]:
        last = moment(cluster["time"], "last read") or "never read"
        return el("article", title, badge("repair_failed", "could not be read"), el("p", last), class_="cluster bad")
    counts = cluster["seen"]["counts"]
    person = counts["attention"]["person"]
    told = badge("healthy", "nothing needs you")
    if person:
        told = badge("needs_repair", count(person, "needs you", "need you"))
    rest = f"{counts['attention']['repair']:,} under repair · {counts['attention']['hold']:,} on hold"
    down = f"{counts['nodes']['offline']} of {sum(counts['nodes'].values())} nodes offline"
    whole = f"{counts['states']['healthy']:,} of {sum(counts['states'].values()):,} healthy"
    return el("article", title, told, el("p", whole, " · ", down), el("p", rest), class_="cluster")


def _nodes(report: Report) -> Html | None:
    (cluster,) = report["clusters"]
    if not cluster["seen"]:
        return None
    head = el("h2", "Nodes", id="nodes")
    legend = el("p", "Each with its primary + secondary instances; choose one to see them.", class_="quiet")
    return el("section", head, legend, nodes_map(cluster, 0, _node_numbers(report)), aria_labelledby="nodes")


def _node_numbers(report: Report) -> Mapping[tuple[int, str], int]:
    """A number for each node, so that no name has to stand in an attribute that a script takes apart."""
    return _numbered((at, node["name"]) for at, node in _all(report, "nodes"))


def _group_numbers(report: Report) -> Mapping[tuple[int, str], int]:
    return _numbered((at, group["name"]) for at, group in _all(report, "groups"))


def _numbered(keys: Any) -> Mapping[tuple[int, str], int]:
    return {key: number for number, key in enumerate(keys)}


def _all(report: Report, what: str) -> Sequence[tuple[int, Any]]:
    seen = [(at, cluster["seen"]) for at, cluster in enumerate(report["clusters"]) if cluster["seen"]]
    return [(at, one) for at, cluster in seen for one in cluster[what]]


def _instances(report: Report, cases: Sequence[Case], many: bool) -> Html:
    nodes, groups = _node_numbers(report), _group_numbers(report)
    heading = "Instances that are not healthy" if many else "All instances"
    needs = {"person": "needs you", "repair": "under repair", "hold": "on hold"}
    choices = [_choice("state", "State", list(STATES.items())), _choice("needs", "Asks for", list(needs.items()))]
    if many:
        choices.append(_choice("cluster", "Cluster", [(at, one["name"]) for at, one in enumerate(report["clusters"])]))
    else:
        choices.append(_choice("group", "Group", [(number, key[1]) for key, number in groups.items()]))
        choices.append(_choice("node", "Node", [(number, key[1]) for key, number in nodes.items()]))
    box = el("input", type="search", id="f-text", autocomplete="off", spellcheck="false")
    search = el("label", "Name or words", box)
    reset = el("button", "Show all", type="button", id="f-reset")
    tally = el("p", count(len(cases), "instance"), id="tally", role="status", aria_live="polite")
    form = el("div", search, *choices, reset, class_="filters", role="search", aria_label="Filter the instances")
    head = el("h2", heading, id="instances", tabindex=-1)
    return el("section", head, form, tally, table(cases, nodes, groups), aria_labelledby="instances")


def _choice(key: str, label: str, options: Sequence[tuple[Content, Content]]) -> Html:
    shown = [el("option", "all", value=""), *[el("option", words, value=value) for value, words in options]]
    return el("label", label, el("select", *shown, id=f"f-{key}"))


def _reasons(cases: Sequence[Case]) -> Html:
    """What each reason means and what to do: those that are given here, and the others for who is curious."""
    given = {case.one["why"] for case in cases} - {Why.HEALTHY.value}
    here = [_explained(why) for why in Why if why.value in given]
    others = [_explained(why) for why in Why if why.value not in given]
    rest = el("details", el("summary", "All other reasons"), el("dl", *others, class_="reasons"), class_="other")
    head = el("h2", "What the reasons mean", id="reasons")
    return el("section", head, el("dl", *here, class_="reasons") if here else None, rest, aria_labelledby="reasons")


def _explained(why: Why) -> Html:
    means, do = REASONS[why.value]
    passes = el("p", "It passes by itself.", class_="quiet") if why.passes else None
    told = el("dd", el("p", means), el("p", do, class_="do"), passes)
    return el("div", el("dt", why.value, id=f"why-{why.value}", tabindex=-1), told)


def _foot(report: Report) -> Html:
    made = moment(report["time"], "Made")
    words = " by ganeti.autorepair. The long form of the reasons is docs/why-it-did-not-repair.md of the collection."
    return el("footer", el("p", made, words))
