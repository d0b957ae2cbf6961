# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases: the instances of which there is something to say, and the table of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ...ganeti.model import utc
from ...tags.fields import PREFIX
from ..explanations import REASONS
from .markup import Html, el, join
from .parts import STEP_STATES, badge, command, icon, moment, name, reason_link, tags_of

SHOWN = 6  # cases of one reason that are shown at once
Instance = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """An instance with its cluster; C(id) is unique on a page."""

    id: str
    cluster: Mapping[str, Any]
    one: Instance
    many: bool  # whether the page is about several clusters

    @property
    def objects(self) -> Sequence[tuple[str, str, Sequence[str]]]:
        """The kind, name and tags of each object that may decide, the nearest first."""
        seen = self.cluster["seen"]
        tags = next((group["tags"] for group in seen["groups"] if group["name"] == self.one["group"]), ())
        ours = [tag for tag in seen["cluster"]["tags"] if tag.startswith(PREFIX)]
        return (
            ("instance", self.one["name"], self.one["tags"]),
            ("group", self.one["group"], tags),
            ("cluster", seen["cluster"]["name"], ours),
        )


def cases_of(report: Mapping[str, Any]) -> list[Case]:
    """The instances of C(report)."""
    many = len(report["clusters"]) > 1
    return [
        Case(f"i{at}-{number}", cluster, one, many)
        for at, cluster in enumerate(report["clusters"])
        for number, one in enumerate(cluster["seen"]["instances"] if cluster["seen"] else ())
    ]


def section(id_: str, title: str, quiet: str, cases: Sequence[Case]) -> Html:
    """A section with C(cases), those of one reason together, the largest lot first; C(quiet) says that there are
    none."""
    head = el("h2", title, " ", el("span", f"{len(cases):,}", class_="number"), id=id_)
    if not cases:
        return el("section", head, el("p", quiet, class_="quiet"), class_="lots none", aria_labelledby=id_)
    ordered = sorted(cases, key=_reason)
    lots = [(why, list(same)) for why, same in groupby(ordered, key=_reason)]
    shown = [_lot(why, same) for why, same in sorted(lots, key=_weight)]
    return el("section", head, *shown, class_=f"lots of-{id_}", aria_labelledby=id_)


_FIRST = ("breaker", "queue_drained", "repair_failed", "job_under_way")  # what stops all, or has gone on for long


def _weight(lot: tuple[str, Sequence[Case]]) -> tuple[int, int]:
    """Smaller for what is looked at first; then by how many instances it is about."""
    why, cases = lot
    return _FIRST.index(why) if why in _FIRST else len(_FIRST), -len(cases)


def _reason(case: Case) -> str:
    return str(case.one["why"] or "")


def _lot(why: str, cases: Sequence[Case]) -> Html:
    head = None
    number = el("span", f"{len(cases):,}", class_="number")
    if cases[0].one["next"] in ("submit", "finish"):
        head = el("header", el("h3", "next round ", number), el("p", "What the next round begins, or goes on with."))
    elif why in REASONS:
        means, do = REASONS[why]
        head = el(
            "header",
            el("h3", reason_link(why), " ", number),
            el("p", means, " ", el("span", do, class_="do")),
        )
    items = [_item(case) for case in cases]
    rest = items[SHOWN:]
    more = el("details", el("summary", f"{len(rest):,} more"), el("ul", *rest, class_="cases")) if rest else None
    return el("div", head, el("ul", *items[:SHOWN], class_="cases"), more, class_="lot")


def _item(case: Case) -> Html:
    one = case.one
    title = el("a", name(one["name"]), href=f"#{case.id}")
    cluster = el("span", "in ", name(case.cluster["name"]), class_="quiet") if case.many else None
    told = join([title, cluster, badge(one["state"]), _since(one)], " ")
    line = command(one["command"]) if one["command"] else None
    plan = steps(one) if one["attention"] == "repair" or one["state"] == "repair_failed" else None
    return el("li", el("p", told, class_="line"), el("p", _words(one), class_="reason"), plan, line)


def _words(one: Instance) -> str:
    """Why it is so; a command at the end is shown by itself."""
    reason, line = str(one["reason"]), one["command"]
    return reason[: -len(line)].rstrip() if line and reason.endswith(line) else reason


def _since(one: Instance) -> Html | None:
    shown = moment(one["since"], "since")
    return el("span", shown, class_="since") if shown else None


def steps(one: Instance) -> Html | None:
    """The steps of its repair, in their order."""
    if not one["steps"]:
        return None
    return el("ol", *[_step(step) for step in one["steps"]], class_="steps", aria_label="Steps of the repair")


def _step(step: Mapping[str, Any]) -> Html:
    job = f", job {step['job']}" if step["job"] is not None else ""
    state = el("span", f"{STEP_STATES[step['state']]}{job}", class_="quiet")
    return el("li", icon(step["state"]), " ", step["step"], " ", state, class_=f"is-{step['state']}")


# --- the table -------------------------------------------------------------------------------------------------------


def table(cases: Sequence[Case], nodes: Mapping[tuple[int, str], int], groups: Mapping[tuple[int, str], int]) -> Html:
    """All C(cases), each with a row of its own, and another with the whole of it where it is not healthy. Its roles are
    said, as a phone shows it as no table.

    C(nodes) and C(groups) are the numbers by which the page's filters know them.
    """
    titles = ("Instance", "State", "Placement", "Since")
    titled = [el("th", title, scope="col", role="columnheader", class_="c-" + title.lower()) for title in titles]
    head = el("thead", el("tr", *titled, role="row"), role="rowgroup")
    rows = [row for case in cases for row in _rows(case, nodes, groups)]
    caption = el("caption", "Instances, those first that need somebody", class_="unseen")
    return el("table", caption, head, el("tbody", *rows, role="rowgroup"), id="rows", role="table")


def _rows(case: Case, nodes: Mapping[tuple[int, str], int], groups: Mapping[tuple[int, str], int]) -> Iterable[Html]:
    one, at = case.one, int(case.id[1:].partition("-")[0])
    told = bool(one["attention"] or one["repair"] or one["state"] != "healthy")
    held = [nodes[at, node] for node in (one["primary"], *one["secondaries"]) if (at, node) in nodes]
    title = name(one["name"])
    if told:
        title = el("button", name(one["name"]), type="button", class_="title", aria_controls=f"{case.id}-more")
    heads = [node.partition(".")[0] for node in (one["primary"], *one["secondaries"])]
    placed = join([name(head, node) for head, node in zip(heads, (one["primary"], *one["secondaries"]))], " → ")
    small = join([one["group"], one["disk_template"], *([case.cluster["name"]] if case.many else [])], " · ")
    yield el(
        "tr",
        el("th", title, el("small", small), scope="row", role="rowheader"),
        el("td", badge(one["state"]), role="cell"),
        el("td", placed, class_="c-placement", role="cell"),
        el("td", moment(one["since"]), class_="c-since", role="cell"),
        class_="row",
        role="row",
        id=case.id,
        data_state=one["state"],
        data_needs=one["attention"],
        data_cluster=at,
        data_group=groups.get((at, one["group"])),
        data_nodes=" ".join(map(str, held)),
    )
    if told:
        yield el("tr", el("td", _whole(case), colspan=4, role="cell"), class_="more", role="row", id=f"{case.id}-more")


def _whole(case: Case) -> Html:
    """All that is known of an instance."""
    one = case.one
    facts: list[tuple[str, Html | str | None]] = [
        ("Now", _words(one)),
        ("Reason", join([reason_link(one["why"]), ": ", REASONS[one["why"]][0]]) if one["why"] in REASONS else None),
        ("Command", command(one["command"]) if one["command"] else None),
        ("Since", moment(one["since"])),
        ("Nodes", join([name(node) for node in (one["primary"], *one["secondaries"])], " → ")),
        ("Wanted", {"up": "running", "down": "stopped", "offline": "offline"}.get(one["admin_state"])),
        ("Needs", one["needs"]),
        ("Allowed", _allowed(one)),
        ("Repair", _repair(one["repair"])),
        ("Steps", steps(one)),
        ("Jobs", _jobs(one["jobs"])),
        ("Tags", _tags(case)),
    ]
    shown = [el("div", el("dt", title), el("dd", value)) for title, value in facts if value]
    return el("dl", *shown, class_="whole")


def _allowed(one: Instance) -> str:
    policy = one["policy"]
    by = f", by the tags of its {policy['source']}" if policy["source"] else ""
    until = policy["suspended_until"]
    if until == "forever":
        return f"nothing: suspended{by}"
    if until is not None:
        return f"nothing: suspended until {utc(until)}{by}"
    return f"up to {policy['allowed']}{by}" if policy["allowed"] else f"nothing{by or ': no tag allows a repair'}"


def _repair(repair: Mapping[str, Any] | None) -> Html | None:
    if repair is None:
        return None
    when = moment(repair["timestamp"], f"ended as {repair['result']}" if repair["result"] else "began")
    return join([repair["type"], " ", when, ", id ", repair["id"]])


def _jobs(jobs: Sequence[Mapping[str, Any]]) -> Html | None:
    if not jobs:
        return None
    return el("ul", *[_job(job) for job in jobs], class_="jobs")


def _job(job: Mapping[str, Any]) -> Html:
    status = job["status"] or "no longer in the queue"
    what = " (" + ", ".join(job["operations"]) + ")" if job["operations"] else ""
    ended = moment(job["ended"], ", ended") if job["ended"] else None
    error = el("span", job["error"], class_="error") if job["error"] else None
    return el("li", f"{job['id']}{what}: {status}", ended, el("br") if error else None, error)


def _tags(case: Case) -> Html:
    """The tags of all objects that may decide, and which of them does."""
    decides = case.one["policy"]["source"]
    shown = [
        el("li", kind, " ", name(called), " ", tags_of(tags), el("b", " decides") if kind == decides else None)
        for kind, called, tags in case.objects
    ]
    return el("ul", *shown, class_="tags")
