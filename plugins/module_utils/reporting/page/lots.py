# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lots: the cases that ask for something, grouped by reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from ..summary import Attention
from .cases import CaseView
from .parts import EXPLAINED, Explained

_FIRST = ("breaker", "queue_drained", "repair_failed", "job_under_way")  # what stops everything, or has lasted long


@dataclass(frozen=True)
class Lot:
    """Cases with the same `reason`; it is None if the `next_round` acts on them, or if they have none."""

    next_round: bool
    reason: Explained | None
    cases: Sequence[CaseView]


@dataclass(frozen=True)
class Section:
    """The lots that ask for the same, the most important first; `none` is the text for an empty section."""

    id: str
    title: str
    none: str
    number: int
    lots: Sequence[Lot]


def sections_of(cases: Sequence[CaseView]) -> Sequence[Section]:
    """The sections of a page: what needs a person, what is under repair, and what is on hold."""
    return (
        _section("needs-you", "Needs you", "Nothing.", cases, Attention.PERSON),
        _section("under-repair", "Under repair", "No repair is under way or about to begin.", cases, Attention.REPAIR),
        _section("on-hold", "On hold", "Nothing is held back.", cases, Attention.HOLD),
    )


def _section(id_: str, title: str, none: str, cases: Iterable[CaseView], attention: Attention) -> Section:
    wanted = [case for case in cases if case.attention == attention.value]
    same = [list(lot) for _reason, lot in groupby(sorted(wanted, key=_why), key=_why)]
    return Section(id_, title, none, len(wanted), [_lot(lot) for lot in sorted(same, key=_weight)])


def _why(case: CaseView) -> str:
    return case.why


def _weight(cases: Sequence[CaseView]) -> tuple[int, int]:
    """Sort key: what to look at first, then the reasons with the most instances."""
    why = cases[0].why
    return _FIRST.index(why) if why in _FIRST else len(_FIRST), -len(cases)


def _lot(cases: Sequence[CaseView]) -> Lot:
    next_round = any(case.known.next_round for case in cases[:1] if case.known)
    return Lot(next_round, None if next_round else EXPLAINED.get(cases[0].why), cases)
