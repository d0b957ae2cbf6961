# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Page: the values of a page, before any template lays them out."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import NOW
from unit.plugins.module_utils.scenes import large, night

from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.page.page import Page, page_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.page.parts import (
    Moment,
    count,
    moment,
    short_names,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import Look, report_of

PROD, LAB = Look("prod", night(), last_round=NOW - 60), Look("lab", None, "no route")


def shown(*looks: Look) -> Page:
    """The page of one cluster, or of all where there are more."""
    links = {look.name: f"{look.name}.html" for look in looks} if len(looks) > 1 else {}
    return page_of(report_of(looks, NOW), "title", links)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, None),
        (0, Moment(0, "1970-01-01T00:00:00Z", "1970-01-01 00:00 UTC")),
        (7, Moment(7, "1970-01-01T00:00:07Z", "1970-01-01 00:00:07 UTC")),
        (10**18, Moment(10**18, f"{10**18} seconds after 1970", f"{10**18} seconds after 1970")),
    ],
)
def test_times(seconds: int | None, words: Moment | None) -> None:
    """Seconds are told where they are not zero."""
    assert moment(seconds) == words


def test_counts() -> None:
    """A number has its noun, and thousands are told apart."""
    assert [count(1, "node"), count(1234, "node"), count(2, "needs", "need")] == ["1 node", "1,234 nodes", "2 need"]


def test_short_names() -> None:
    """A domain is left out where the names differ without it."""
    assert short_names(["a.x", "b.x", "b.y"]) == {"a.x": "a", "b.x": "b.x", "b.y": "b.y"}


def test_sections() -> None:
    """Each case that asks for something stands in one lot of one section, and each lot says why."""
    page = shown(PROD)
    told = {section.id: section.number for section in page.sections}
    assert told == {"needs-you": 4, "under-repair": 6, "on-hold": 1}
    in_lots = [case.id for section in page.sections for lot in section.lots for case in lot.cases]
    assert sorted(in_lots) == sorted(case.id for case in page.cases if case.attention)
    assert all(lot.next_round or lot.reason for section in page.sections for lot in section.lots)


def test_a_case_on_the_page_of_one_and_of_all() -> None:
    """It is found by its group and nodes there, by its cluster here; a healthy one has nothing to open."""
    (mail,) = [case for case in shown(PROD).cases if case.name == "mail.example.com"]
    assert (mail.cluster, mail.group, mail.on) == (None, 1, "4 6")
    (mail,) = [case for case in shown(PROD, LAB).cases if case.name == "mail.example.com"]
    assert (mail.cluster, mail.group, mail.on) == (0, None, "")
    assert {case.known is None for case in shown(PROD).cases if case.badge.state == "healthy"} == {True}


def test_clusters() -> None:
    """Those first that could not be read; the alarms say why."""
    page = shown(PROD, LAB)
    assert [(tile.name, tile.read, tile.link) for tile in page.clusters] == [
        ("lab", False, "lab.html"),
        ("prod", True, "prod.html"),
    ]
    assert [(alarm.cluster, alarm.words) for alarm in page.alarms if alarm.what == "could not be read."] == [
        ("lab", "no route")
    ]
    assert page.groups is None


def test_the_choices_are_those_of_the_page() -> None:
    """Group and node on the page of one cluster, the cluster on that of all; an unread one has none of its own."""
    assert [choice.key for choice in shown(PROD).choices] == ["state", "needs", "group", "node"]
    assert [choice.key for choice in shown(PROD, LAB).choices] == ["state", "needs", "cluster"]
    assert [len(choice.options) for choice in shown(LAB).choices[2:]] == [0, 0]


def test_nodes_by_group() -> None:
    """All nodes are there, each once, with its number on the page."""
    groups = shown(Look("big", large(10, nodes=12))).groups or ()
    assert [group.name for group in groups] == ["rack1", "rack2"]
    assert sorted(node.at for group in groups for node in group.nodes) == list(range(12))
