# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits: the options of a round, checked before anything is read (design, section 6)."""

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
from .declared import choice_option, flag_option, names_option, number_option, option, parsed_options, specs_of
from .windows import WINDOWS, Window, parse_windows

RESULTS_KEPT = 3600  # seconds
_SHARE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*(%?)\Z")
_RANGE = re.compile(r"\[\s*([0-9]{1,6})\s*-\s*([0-9]{1,6})\s*\]\Z")


class Fencing(Enum):
    """What proves that a node is off: the administrator's mark, Ganeti's own knowledge of power, or the user."""

    OFFLINE_FLAG = "offline_flag"
    POWERED_OFF = "powered_off"
    CONFIRMED = "confirmed"


class SecondaryState(Enum):
    """Which copy a failover may go to: any, or one that is known to be up to date."""

    ANY = "any"
    UPTODATE = "uptodate"


@dataclass(frozen=True)
class MaxUnhealthy:
    """How many nodes may be broken for repairs to start: a number, or a percentage of all nodes; `text` as given."""

    text: str
    number: int | None = None
    percent: Decimal | None = None

    def of(self, total: int) -> int:
        """The number of nodes, out of `total`; at least one."""
        most = self.number if self.percent is None else int(total * self.percent / 100)
        return max(most or 0, 1)


@dataclass(frozen=True)
class ApprovedRepair:
    """An approved repair, which later rounds complete: the names of the `steps` that were left when it was approved,
    and the `jobs` that it had by then."""

    steps: tuple[str, ...]
    jobs: tuple[int, ...] = ()


_REPAIRS = "a number of repairs, 0 for none"
_SECONDS = "a number of seconds, 0 for none"


@dataclass(frozen=True)
class Limits:
    """The options of a round, each declared here once. Names of instances and groups may be globs; names may leave out
    the domain, as in Ganeti. Times are in seconds.

    A run that waits adds to them: `fenced_as_of` has the fenced nodes that were seen, each with the time of its last
    change (seconds since the epoch); `approved_repairs` has the approved repairs that have begun. A round that asks
    secondaries adds `secondaries`: the problem with the copy there, by instance name, or an empty text for none.
    """

    instances: tuple[str, ...] = names_option()
    groups: tuple[str, ...] = names_option()
    max_unhealthy: MaxUnhealthy = option(
        MaxUnhealthy("40%", percent=Decimal(40)),
        lambda _name, given: _max_unhealthy(given),
        type="str",
        default="40%",
    )
    unhealthy_range: tuple[int, int] | None = option(None, lambda _name, given: _unhealthy_range(given), type="str")
    storm_cooldown: int = number_option(600, _SECONDS)
    max_in_flight: int = number_option(10, _REPAIRS)
    max_per_node: int = number_option(5, _REPAIRS)
    max_per_group: int = number_option(10, _REPAIRS)
    retries: int = number_option(2, "a number, 0 for none")
    fencing: Fencing = choice_option(Fencing.OFFLINE_FLAG)
    fenced_nodes: tuple[str, ...] = names_option()
    min_offline_age: int = number_option(0, _SECONDS)
    settle_time: int = number_option(0, _SECONDS)
    secondary_state: SecondaryState = choice_option(SecondaryState.ANY)
    respect_watcher_pause: bool = flag_option(True)
    max_repairs_per_window: int = number_option(
        3, "a number of repairs from 1; repair_window 0 switches it off", least=1
    )
    repair_window: int = number_option(3600, "a number of seconds, 0 for no such limit")
    windows: tuple[Window, ...] = option((), lambda _name, given: parse_windows(given), **WINDOWS)
    choose_nodes: bool = flag_option(False)
    drained_secondaries: DrainedSecondaries = choice_option(DrainedSecondaries.REPLACE)
    retry_now: bool = flag_option(False)
    accept_behind: tuple[str, ...] = names_option()
    approved: Approved | None = None
    fenced_as_of: Mapping[str, float] = field(default_factory=dict)
    secondaries: Mapping[str, str] = field(default_factory=dict)
    approved_repairs: Mapping[str, ApprovedRepair] | None = None

    @property
    def kept_results(self) -> int:
        """Seconds for which the results of repairs are kept; other runners may count them if this one does not."""
        return max(self.repair_window, RESULTS_KEPT)

    def covers(self, scope: str, name: str) -> bool:
        """Whether a round with these limits covers the whole cluster, or the whole group `name`."""
        if self.instances:
            return False
        if scope == "cluster" or not self.groups:
            return not self.groups
        return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in self.groups)


LIMIT_SPECS = specs_of(Limits)


def parse_limits(given: Mapping[str, Any]) -> Limits:
    """The limits that a module's options set. Raises BadOption, with one sentence for people."""
    limits = Limits(**parsed_options(Limits, given), approved=parse_approved(given.get("approved_plan")))
    if limits.storm_cooldown > LONGEST_COOLDOWN:
        words = "a breaker that ends later counts as set by a wrong clock; suspend the cluster in its place"
        raise BadOption(f"storm_cooldown is {limits.storm_cooldown}; it takes {LONGEST_COOLDOWN} s at most: {words}")
    if limits.fenced_nodes and limits.fencing is not Fencing.CONFIRMED:
        raise BadOption(f"fenced_nodes is for fencing: confirmed, but fencing is {limits.fencing.value}")
    return limits


def resume_limits(limits: Limits, carry_on: Mapping[str, Any] | None) -> Limits:
    """`limits` for a run that continues where another one, which returned `carry_on`, has stopped."""
    if not carry_on:
        return limits
    follow = carry_on["follow"]
    if follow is not None:
        follow = {
            name: ApprovedRepair(tuple(repair["steps"]), tuple(repair["jobs"])) for name, repair in follow.items()
        }
    approved = limits.approved if follow is None else None
    fenced = carry_on["fenced_nodes"]
    known: dict[str, Any] = {"fenced_nodes": tuple(fenced), "fenced_as_of": fenced}
    return replace(limits, approved=approved, approved_repairs=follow, retry_now=False, **known)


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
