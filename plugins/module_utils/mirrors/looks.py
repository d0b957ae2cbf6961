# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks: the current state of a cluster's mirrors, asked for in the cheapest way available (docs/safety.md).

Each node's monitoring daemon reports it in one request, which takes no lock and no place in the job queue. If a daemon
does not report a mirror, Ganeti is asked by a job for each instance, so only for as many as it can answer soon.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..changes.requests import Change
from ..errors import BadOption
from ..ganeti.client import Client
from ..ganeti.model import Cluster, Instance
from ..ganeti.usable import is_text, values_of
from ..repair.case import Case
from ..settings.terms import RunContext
from .copies import Mirror, Told, by_devices, remember, remember_again, to_look_at
from .devices import ask_mirrors
from .mond import ask_nodes

MOST_BY_JOB = 100  # instances: each needs a job of a second, and five run on a node at once
_ADDRESS = ("name", "pip")


@dataclass(frozen=True)
class Ways:
    """How a look may ask: the `port` of the monitoring daemons, the `seconds` that each has to answer, and whether
    jobs may be submitted (`by_jobs`), which check mode does not do. Raises BadOption for a value out of range."""

    port: int
    seconds: float
    by_jobs: bool

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535:
            raise BadOption(f"mond_port is {self.port}; a port is a number from 1 to 65535")
        if self.seconds < 1:
            raise BadOption(f"probe_timeout is {self.seconds}; it takes one second or more")


def look_at_mirrors(
    cases: Iterable[Case], cluster: Cluster, client: Client, terms: RunContext, ways: Ways
) -> tuple[tuple[Change, Mirror], ...]:
    """For each of `cases` that can be looked at: the tags to change, and the mirror that was found."""
    found, now = _found(cases, cluster, client, terms, ways), terms.clock()
    return tuple((remember(case, mirror, cluster, now), mirror) for case, mirror in found)


def look_again(
    forgotten: Iterable[Case], cluster: Cluster, client: Client, terms: RunContext, ways: Ways
) -> tuple[Change, ...]:
    """The tags to change after the notes on `forgotten` were removed: each is looked at once more, and noted again
    unless it is still in sync."""
    found, now = _found(forgotten, cluster, client, terms, ways), terms.clock()
    changes = (remember_again(case, mirror, cluster, now) for case, mirror in found)
    return tuple(change for change in changes if change)


def _found(
    cases: Iterable[Case], cluster: Cluster, client: Client, terms: RunContext, ways: Ways
) -> list[tuple[Case, Mirror]]:
    """The `cases` that can be looked at, with their mirrors."""
    wanted = to_look_at(cases, cluster)
    told = _told_by_nodes(wanted, client, ways)
    mirrors = {case.instance.name: by_devices(case.instance, told[case.instance.primary]) for case in wanted}
    if ways.by_jobs:
        mirrors.update(ask_mirrors(_still_to_ask(wanted, told, mirrors)[:MOST_BY_JOB], client, terms))
    return [(case, mirrors[case.instance.name]) for case in wanted]


def _told_by_nodes(wanted: tuple[Case, ...], client: Client, ways: Ways) -> Mapping[str, Told]:
    """What the primaries of `wanted` report, by node name."""
    primaries = {case.instance.primary for case in wanted}
    rows = [values_of(_ADDRESS, row) for row in client.query("node", _ADDRESS)] if wanted else []
    addresses = {row["name"]: row["pip"] for row in rows if row.get("name") in primaries and is_text(row.get("pip"))}
    told = dict.fromkeys(primaries, "it has no address")
    return {**told, **ask_nodes(addresses, ways.port, ways.seconds)}


def _still_to_ask(
    wanted: tuple[Case, ...], told: Mapping[str, Told], mirrors: Mapping[str, Mirror]
) -> Sequence[Instance]:
    """The instances for which a job may find out more; first those that should run, or have a note that could be
    removed. A stopped instance has no devices: if its node has reported, there is nothing more to ask."""
    unknown = [
        case
        for case in wanted
        if mirrors[case.instance.name].in_step is None
        and (case.instance.meant_to_run or isinstance(told[case.instance.primary], str))
    ]
    unknown.sort(key=lambda case: not (case.instance.meant_to_run or case.tags.behind))
    return [case.instance for case in unknown]
