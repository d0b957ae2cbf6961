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
from typing import Callable

from .judge import Judged, Judgement, NodeVerdict

LONGEST_MEMORY = 1200  # seconds for which a tag counts: nobody may have looked since
LONGEST_GAP = 60  # seconds between two looks of one run, and from the last one to now
SHORTEST_GAP = 5  # seconds between two looks that count as two
OFF_AFTER = 30  # seconds for which a node has to be found off
_AT_ONCE = (NodeVerdict.RETURNED, NodeVerdict.VETOED, NodeVerdict.UNKNOWN, NodeVerdict.CUT_OFF)  # these only hold back
JudgedAt = tuple[float, Judgement]  # a look's time, and what it said


@dataclass(frozen=True)
class Patience:
    """How many equal looks a verdict takes, and how many seconds a node must have been so for each kind of it."""

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
class Remembered:
    """What a tag remembers of a node: since when it had which verdict."""

    since: float
    verdict: NodeVerdict


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
    seen: Sequence[JudgedAt], remembered: Mapping[str, Remembered], patience: Patience, now: float
) -> Mapping[str, Incident]:
    """The nodes that are not healthy by the last of the looks, by name; `remembered` has what tags say of nodes."""
    newest = sorted(seen, key=lambda entry: entry[0], reverse=True)
    if not newest:
        return {}
    sick = {name: node for name, node in newest[0][1].nodes.items() if node.verdict is not NodeVerdict.HEALTHY}
    stale = _stale(newest[0][0], now)
    return {name: _incident(name, node, newest, remembered.get(name), patience, stale) for name, node in sick.items()}


def _stale(time: float, now: float) -> str:
    if time > now:
        return f"the last look is {time - now:.0f} s ahead of the clock"
    return f"the last look is {now - time:.0f} s old" if now - time > LONGEST_GAP else ""


def _incident(
    name: str, judged: Judged, newest: Sequence[JudgedAt], remembered: Remembered | None, patience: Patience, stale: str
) -> Incident:
    same = _tail(name, newest, lambda verdict: verdict is judged.verdict)
    alike = _tail(name, newest, lambda verdict: _kind(verdict) is _kind(judged.verdict))
    first, last, since = alike[-1], alike[0], alike[-1]
    unbroken = len(alike) == len(newest) and first - LONGEST_MEMORY <= (remembered.since if remembered else 0) <= first
    if remembered and unbroken and _kind(remembered.verdict) is _kind(judged.verdict):
        since = remembered.since
    equal = apart(same)
    return Incident(judged, since, equal, stale or _missing(judged.verdict, equal, last - since, patience))


def _kind(verdict: NodeVerdict) -> NodeVerdict:
    """What a verdict counts as: one sickness in which nobody gets an answer goes on as another one of these. An answer
    ends the count, and so does a look in which nobody was judged."""
    return NodeVerdict.ISOLATED if verdict.is_silent else verdict


def _tail(name: str, newest: Sequence[JudgedAt], counts: Callable[[NodeVerdict], bool]) -> list[float]:
    """The times of the looks, the newest first, up to one whose verdict does not count, or that is too long before."""
    times: list[float] = []
    for time, judgement in takewhile(lambda entry: name in entry[1].nodes, newest):
        if not counts(judgement.nodes[name].verdict) or (times and times[-1] - time > LONGEST_GAP):
            break
        times.append(time)
    return times


def apart(times: Sequence[float]) -> int:
    """How many looks, by their times, the newest first, are so far apart that they are more than one."""
    count, last = 0, float("inf")
    for time in times:
        if last - time >= SHORTEST_GAP:
            count, last = count + 1, time
    return count


def _missing(verdict: NodeVerdict, equal: int, age: float, patience: Patience) -> str:
    if verdict in _AT_ONCE:
        return ""
    if equal < patience.looks:
        return f"seen in {equal} of {patience.looks} looks"
    seconds = patience.seconds(verdict)
    if seconds is not None and age < seconds:
        return f"so for {age:.0f} of {seconds} s"
    return ""
