# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Top: what a person sees first: which clusters, how old the look at them is, and whether somebody is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .markup import Content, Html, el, join
from .parts import count, icon, moment, name

Report = Mapping[str, Any]


def top(report: Report, title: str, up: str) -> Sequence[Html]:
    """The head of the page: what it is about, and when that was looked at."""
    back = el("a", "All clusters", href=up) if up else None
    crumb = el("p", join([back, "Ganeti auto-repair"], " / "), class_="crumb")
    buttons = [
        el("button", "Theme: auto", type="button", id="theme"),
        el("button", "Print", type="button", id="print"),
    ]
    head = el("div", crumb, el("h1", el("bdi", title)), el("p", *_looked(report), class_="quiet"))
    return (
        el("a", "Skip to the report", href="#main", class_="skip"),
        el("header", head, el("div", *buttons, class_="tools"), class_="top"),
    )


def _looked(report: Report) -> Sequence[Content]:
    clusters = report["clusters"]
    if len(clusters) != 1:
        return [moment(report["time"], f"{count(len(clusters), 'cluster')} looked at")]
    one = clusters[0]
    told: list[Content] = [moment(one["time"], "looked at" if one["seen"] else "last read") or "never read"]
    told += [moment(one["last_round"], "last round")] if one["last_round"] else []
    if one["seen"]:
        cluster = one["seen"]["cluster"]
        told += [
            el("bdi", cluster["name"]),
            f"Ganeti {cluster['version']}",
            el("span", "master ", el("bdi", cluster["master"])),
            *_state(cluster),
        ]
    return [join(told, " · ")]


def _state(cluster: Report) -> Sequence[str]:
    """Whether the job queue and the watcher are as they should be, where that is known."""
    paused, drained = cluster["watcher_paused_until"], cluster["queue_drained"]
    if paused is None or drained is None:
        return ["not known over RAPI: whether the job queue is drained or the watcher paused"]
    return ["the job queue is drained"] * bool(drained)


def verdict(report: Report) -> Sequence[Html]:
    """What is wrong, in one sentence, and then what keeps repairs from beginning."""
    total = report["summary"]
    person, unread = total["attention"]["person"], total["unread"]
    kind, words = "healthy", "Nothing needs you"
    notices = sum(len(one["seen"]["notices"]) for one in report["clusters"] if one["seen"])
    if notices:
        kind, words = "needs", "{} you".format(count(notices, "tag needs", "tags need"))
    if person:
        kind, words = "needs", "{} you".format(count(person, "instance needs", "instances need"))
    if unread:
        kind = "unread"
        failed = f"{count(unread, 'cluster')} could not be read"
        words = f"{failed}; {words[0].lower()}{words[1:]}" if unread < total["clusters"] or person else failed
    rest = [f"{total['attention']['repair']:,} under repair", f"{total['attention']['hold']:,} on hold"]
    rest += [f"{total['states']['healthy']:,} of {sum(total['states'].values()):,} healthy"]
    shape = {"healthy": "healthy", "needs": "needs_repair", "unread": "unknown"}[kind]
    shown = el(
        "div", icon(shape), el("div", el("p", words, class_="big"), el("p", " · ".join(rest))), class_=f"verdict {kind}"
    )
    return [shown, *[el("div", *alarm, class_="alarm", role="note") for alarm in _alarms(report)]]


def _alarms(report: Report) -> Sequence[Sequence[Content]]:
    told: list[Sequence[Content]] = []
    many = len(report["clusters"]) > 1
    for one in report["clusters"]:
        at = join([name(one["name"]), ": "]) if many else None
        if one["error"]:
            told.append([el("b", at, "could not be read. "), one["error"]])
        elif one["seen"]["stopped"]:
            told.append([el("b", at, "stopped. "), f"Nothing begins, as {one['seen']['stopped']}."])
        elif one["seen"]["breaker"]["tripped"]:
            told.append([el("b", at, "no repair begins. "), one["seen"]["breaker"]["reason"]])
        told += [[el("b", at, "needs you. "), words] for words in (one["seen"]["notices"] if one["seen"] else ())]
        if one["seen"] and one["seen"]["fence"]:
            waits = f"steps wait for the word that {' and '.join(one['seen']['fence'])} are off."
            told.append([el("b", at, "fencing. "), waits])
    return told
