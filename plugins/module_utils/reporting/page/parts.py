# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts: small values that pages are built from: times, badges, counts, explanations of reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...ganeti.model import utc
from ...repair.reasons import Reason

STATES: Mapping[str, str] = {  # their labels, from the best to the worst
    "healthy": "healthy",
    "suspended": "suspended",
    "needs_repair": "needs repair",
    "repair_disallowed": "repair disallowed",
    "pending_repair": "pending repair",
    "repair_failed": "repair failed",
}


@dataclass(frozen=True)
class Badge:
    """A state, which sets shape and colour, and its label."""

    state: str
    words: str


@dataclass(frozen=True)
class Moment:
    """A time: `at` in seconds since the epoch, `iso` for programs, `words` for people."""

    at: int
    iso: str
    words: str


@dataclass(frozen=True)
class Explained:
    """What a reason means, what to do, and whether it `passes` by itself."""

    why: str
    means: str
    do: str
    passes: bool


EXPLAINED: Mapping[str, Explained] = {
    reason.value: Explained(reason.value, reason.means, reason.do, reason.resolves_itself) for reason in Reason
}
BADGES: Mapping[str, Badge] = {state: Badge(state, words) for state, words in STATES.items()}


def moment(seconds: int | None) -> Moment | None:
    """The time that is `seconds` after the epoch; None for None."""
    if seconds is None:
        return None
    iso = utc(seconds)
    short = iso[:-4] + "Z" if iso.endswith(":00Z") else iso
    return Moment(seconds, iso, short.replace("T", " ").replace("Z", " UTC"))


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun, whose plural is by default formed with an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def short_names(names: Sequence[str]) -> Mapping[str, str]:
    """Each name without its domain, or the full name where two would become the same."""
    heads = Counter(name.partition(".")[0] for name in names)
    return {name: name.partition(".")[0] if heads[name.partition(".")[0]] == 1 else name for name in names}
