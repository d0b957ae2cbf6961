# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Page: the values of a page, before any template lays them out."""

from __future__ import annotations

from unit.plugins.module_utils.builders import NOW
from unit.plugins.module_utils.scenes import night

from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.page.lots import sections_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.page.page import Page, page_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import Look, report_of

PROD, LAB = Look("prod", night(), last_round=NOW - 60), Look("lab", None, "no route")


def shown(*looks: Look) -> Page:
    """The page of one cluster, or of all where there are more."""
    links = {look.name: f"{look.name}.html" for look in looks} if len(looks) > 1 else {}
    return page_of(report_of(looks, NOW), "title", links)


def test_one_cluster_and_all() -> None:
    """On the page of one, a case is found by its group and nodes, on that of all by its cluster."""
    assert {(case.cluster, case.group is None) for case in shown(PROD).cases} == {(None, False)}
    assert {(case.cluster, case.group) for case in shown(PROD, LAB).cases} == {(0, None)}
    assert [group.name for group in shown(PROD).groups or ()] == ["rack1", "rack2"]


def test_a_page_is_of_one_report() -> None:
    """Its sections, its reasons and its numbers are those of its cases."""
    page = shown(PROD)
    assert page.tally == f"{len(page.cases)} instances"
    assert page.sections == sections_of(page.cases)
    given = {case.why for case in page.cases if case.badge.state != "healthy" and case.why}
    assert {reason.why for reason in page.reasons} == given
    assert [reason.why for reason in page.other_reasons if reason.why in given] == []


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
