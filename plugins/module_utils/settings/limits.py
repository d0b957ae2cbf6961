# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits: what a user sets for a round, checked before anything is read (design, section 6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from ..diagnosis.instances import DrainedSecondaries
from ..errors import BadOption
from ..tags.clocks import LONGEST_COOLDOWN
from .approval import Approved, parse_approved
from .windows import Window, parse_windows

KEPT = 3600  # seconds
_SHARE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*(%?)\Z")
_RANGE = re.compile(r"\[\s*([0-9]{1,6})\s*-\s*([0-9]{1,6})\s*\]\Z")


class Fencing(Enum):
    """What proves that a node is off: the administrator's mark, Ganeti's own knowledge of power, or the user's word."""

    OFFLINE_FLAG = "offline_flag"
    POWERED_OFF = "powered_off"
    CONFIRMED = "confirmed"


class SecondaryState(Enum):
    """Which copy a failover may go to: any, or one that is known to be up to date."""

    ANY = "any"
    UPTODATE = "uptodate"


@dataclass(frozen=True)
class MaxUnhealthy:
    """How many nodes may be broken before no repair begins: a number, or percents of all nodes, as C(text) says."""

    text: str
    number: int | None = None
    percent: Decimal | None = None

    def of(self, total: int) -> int:
        """The number of nodes, of C(total); one is always let through."""
        most = self.number if self.percent is None else int(total * self.percent / 100)
        return max(most or 0, 1)


@dataclass(frozen=True)
class Followed:
    """A repair that was approved and is followed to its end: the C(steps) that were to come, by their names, and the
    C(jobs) that it had by then."""

    steps: tuple[str, ...]
    jobs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Limits:
    """What a user sets for a round. Names of instances and groups may be globs, all may leave the domain out, as in
    Ganeti. Times are in seconds.

    A run that waits adds to it: C(fenced_as_of) has the fenced nodes that were seen, each with the time of its last
    change (seconds since the epoch); C(follow) has the approved repairs that have begun. A round that asks secondaries
    adds C(secondaries): by the names of instances, the problem with the copy there, an empty text for none.
    """

    instances: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    retries: int = 2
    max_unhealthy: MaxUnhealthy = MaxUnhealthy("40%", percent=Decimal(40))
    unhealthy_range: tuple[int, int] | None = None
    storm_cooldown: int = 600
    max_in_flight: int = 10
    max_per_node: int = 5
    max_per_group: int = 10
    fencing: Fencing = Fencing.OFFLINE_FLAG
    fenced_nodes: tuple[str, ...] = ()
    fenced_as_of: Mapping[str, float] = field(default_factory=dict)
    min_offline_age: int = 0
    settle_time: int = 0
    secondary_state: SecondaryState = SecondaryState.ANY
    secondaries: Mapping[str, str] = field(default_factory=dict)
    respect_watcher_pause: bool = True
    max_repairs_per_window: int = 3
    repair_window: int = 3600
    windows: tuple[Window, ...] = ()
    choose_nodes: bool = False
    drained_secondaries: DrainedSecondaries = DrainedSecondaries.REPLACE
    retry_now: bool = False
    accept_behind: tuple[str, ...] = ()
    approved: Approved | None = None
    follow: Mapping[str, Followed] | None = None

    @property
    def kept_results(self) -> int:
        """Seconds for which the results of repairs stay: others may count by them what this runner does not."""
        return max(self.repair_window, KEPT)

    def covers(self, scope: str, name: str) -> bool:
        """Whether a round so limited is over the whole of the cluster, or of the group C(name)."""
        if self.instances:
            return False
        if scope == "cluster" or not self.groups:
            return not self.groups
        return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in self.groups)


_NUMBERS = {  # option -> the least that it takes, and what it is
    "max_in_flight": (0, "a number of repairs, 0 for none"),
    "max_per_node": (0, "a number of repairs, 0 for none"),
    "max_per_group": (0, "a number of repairs, 0 for none"),
    "retries": (0, "a number, 0 for none"),
    "storm_cooldown": (0, "a number of seconds, 0 for none"),
    "min_offline_age": (0, "a number of seconds, 0 for none"),
    "settle_time": (0, "a number of seconds, 0 for none"),
    "repair_window": (0, "a number of seconds, 0 for no such limit"),
    "max_repairs_per_window": (1, "a number of repairs from 1; repair_window 0 switches it off"),
}


def parse_limits(given: Mapping[str, Any]) -> Limits:
    """The limits that a module's options set. Raises BadOption, with one sentence for people."""
    for name, (least, takes) in _NUMBERS.items():
        if given[name] < least:
            raise BadOption(f"{name} is {given[name]}; it takes {takes}")
    if given["storm_cooldown"] > LONGEST_COOLDOWN:
        words = "a breaker that ends later counts as set by a wrong clock; suspend the cluster in its place"
        raise BadOption(f"storm_cooldown is {given['storm_cooldown']}; it takes {LONGEST_COOLDOWN} s at most: {words}")
    if given["fenced_nodes"] and given["fencing"] != Fencing.CONFIRMED.value:
        raise BadOption(f"fenced_nodes is for fencing: confirmed, but fencing is {given['fencing']}")
    return Limits(
        instances=tuple(given["instances"]),
        groups=tuple(given["groups"]),
        max_unhealthy=_max_unhealthy(given["max_unhealthy"]),
        unhealthy_range=_unhealthy_range(given["unhealthy_range"]),
        fencing=Fencing(given["fencing"]),
        fenced_nodes=tuple(given["fenced_nodes"]),
        secondary_state=SecondaryState(given["secondary_state"]),
        respect_watcher_pause=given["respect_watcher_pause"],
        windows=parse_windows(given["windows"]),
        choose_nodes=given["choose_nodes"],
        drained_secondaries=DrainedSecondaries(given["drained_secondaries"]),
        retry_now=given["retry_now"],
        accept_behind=tuple(given["accept_behind"]),
        approved=parse_approved(given.get("approved_plan")),
        **{name: given[name] for name in _NUMBERS},
    )


def resume_limits(limits: Limits, carry_on: Mapping[str, Any] | None) -> Limits:
    """C(limits) as they are for a run that goes on where another has stopped, which has returned C(carry_on)."""
    if not carry_on:
        return limits
    follow = carry_on["follow"]
    if follow is not None:
        follow = {name: Followed(tuple(one["steps"]), tuple(one["jobs"])) for name, one in follow.items()}
    approved = limits.approved if follow is None else None
    fenced = carry_on["fenced_nodes"]
    known: dict[str, Any] = {"fenced_nodes": tuple(fenced), "fenced_as_of": fenced}
    return replace(limits, approved=approved, follow=follow, retry_now=False, **known)


def _max_unhealthy(text: str) -> MaxUnhealthy:
    bad = BadOption(f"max_unhealthy is {text}; it takes a number of nodes, or a share of them from 0% to 100%")
    found = _SHARE.match(text.strip())
    if not found:
        raise bad
    number, share = Decimal(found[1]), bool(found[2])
    if (share and number > 100) or (not share and number % 1):
        raise bad
    return MaxUnhealthy(text.strip(), percent=number) if share else MaxUnhealthy(text.strip(), number=int(number))


def _unhealthy_range(text: str | None) -> tuple[int, int] | None:
    if not text:
        return None
    found = _RANGE.match(text.strip())
    if not found or int(found[1]) > int(found[2]):
        raise BadOption(f"unhealthy_range is {text}; it takes two numbers of nodes, the smaller first, such as [1-3]")
    return int(found[1]), int(found[2])
