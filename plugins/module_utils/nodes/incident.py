# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Incident: how long a node has been what it is, by all looks of this run and what a tag remembers (design, section 8).

No verdict comes from one look or from one run's memory (N5): it takes several equal looks now, which say that it is
still so, and an age, which a tag remembers over runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from .judge import Judged, Judgement, NodeVerdict

LONGEST_MEMORY = 86400  # seconds for which a tag counts that no look has confirmed
OFF_AFTER = 30  # seconds for which a node has to be found off


@dataclass(frozen=True)
class Patience:
    """How many equal looks a verdict takes, and how many seconds a node must have been sick for each kind of it."""

    looks: int = 3
    dead_after: int = 120
    hung_after: int = 600
    degraded_after: int = 600

    def seconds(self, verdict: NodeVerdict) -> int | None:
        """The age from which `verdict` counts; None for one by which nothing is ever done without a person."""
        return {
            NodeVerdict.ISOLATED: self.dead_after,
            NodeVerdict.OFF: OFF_AFTER,
            NodeVerdict.HUNG: self.hung_after,
            NodeVerdict.DEGRADED: self.degraded_after,
        }.get(verdict)


@dataclass(frozen=True)
class Incident:
    """A node that is not healthy, since `since` (seconds since the epoch).

    `judged` is the verdict of the last look, `equal` the number of looks at the end that had the same one. `missing`
    says, as a sentence, what keeps the verdict from counting; empty if it counts.
    """

    judged: Judged
    since: float
    equal: int
    missing: str = ""


def incidents_of(
    looks: Sequence[tuple[float, Judgement]], remembered: Mapping[str, float], patience: Patience
) -> Mapping[str, Incident]:
    """The nodes that are not healthy by the last of `looks` (each with its time), by name; `remembered` has when tags
    say that nodes became so."""
    if not looks:
        return {}
    _time, last = looks[-1]
    sick = {name: judged for name, judged in last.nodes.items() if judged.verdict is not NodeVerdict.HEALTHY}
    return {name: _incident(name, judged, looks, remembered.get(name), patience) for name, judged in sick.items()}


def _incident(
    name: str,
    judged: Judged,
    looks: Sequence[tuple[float, Judgement]],
    remembered: float | None,
    patience: Patience,
) -> Incident:
    newest = [(time, look.nodes.get(name)) for time, look in reversed(looks)]
    sick = list(takewhile(lambda seen: seen[1] is not None and seen[1].verdict is not NodeVerdict.HEALTHY, newest))
    equal = len(list(takewhile(lambda seen: seen[1] is not None and seen[1].verdict is judged.verdict, newest)))
    first, now = sick[-1][0], newest[0][0]
    unbroken = len(sick) == len(looks)  # an answer in between ends it; another sickness does not
    trusted = remembered is not None and unbroken and first - LONGEST_MEMORY <= remembered <= first
    since = remembered if trusted and remembered is not None else first
    return Incident(judged, since, equal, _missing(judged.verdict, equal, now - since, patience))


def _missing(verdict: NodeVerdict, equal: int, age: float, patience: Patience) -> str:
    if equal < patience.looks:
        return f"seen in {equal} of {patience.looks} looks"
    seconds = patience.seconds(verdict)
    if seconds is not None and age < seconds:
        return f"so for {age:.0f} of {seconds} s"
    return ""
