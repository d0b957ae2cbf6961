# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lots: which section a case stands in, and what stands first in it."""

from __future__ import annotations

from unit.plugins.module_utils.builders import NOW
from unit.plugins.module_utils.scenes import night

from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.page.cases import CaseView, Known, case_views
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.page.lots import sections_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.page.parts import BADGES, EXPLAINED
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import Look, report_of


def case(name: str, attention: str, why: str, next_round: bool = False) -> CaseView:
    """An instance that asks for something."""
    known = Known("", None, "", "running", "", "", None, (), (), (), next_round)
    placed = (None, "node1", (), None, 0, "0")
    return CaseView(name, name, "prod", "rack1", "plain", BADGES["needs_repair"], attention, why, *placed, known)


def test_sections() -> None:
    """Each case that asks for something stands in one lot of one section, and each lot says why."""
    cases = case_views(report_of([Look("prod", night())], NOW), of_all=False)
    sections = sections_of(cases)
    told = {section.id: section.number for section in sections}
    assert told == {"needs-you": 4, "under-repair": 6, "on-hold": 1}
    in_lots = [case.id for section in sections for lot in section.lots for case in lot.cases]
    assert sorted(in_lots) == sorted(case.id for case in cases if case.attention)
    assert all(lot.next_round or lot.reason for section in sections for lot in section.lots)


def test_what_is_looked_at_first() -> None:
    """What stops all, then failures, then what most instances share; those of one reason stay in their order."""
    needs_you, _, _ = sections_of(
        [
            case("b", "person", "no_safe_repair"),
            case("d", "person", "not_allowed"),
            case("a", "person", "not_allowed"),
            case("e", "person", "repair_failed"),
            case("c", "person", "breaker"),
        ]
    )
    assert ["".join(one.name for one in lot.cases) for lot in needs_you.lots] == ["c", "e", "da", "b"]
    assert needs_you.lots[0].reason == EXPLAINED["breaker"]


def test_what_the_next_round_does() -> None:
    """It has no reason; a section without cases says that there are none."""
    needs_you, under_repair, _ = sections_of([case("a", "repair", "", next_round=True)])
    assert [(lot.next_round, lot.reason) for lot in under_repair.lots] == [(True, None)]
    assert (needs_you.number, needs_you.lots, needs_you.none) == (0, [], "Nothing.")
