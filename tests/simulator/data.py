# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data of one instance: which copy lies on which node, what each of them knows, and which copies were given up.

A copy knows the writes that it holds, by their numbers. One copy is newer than another if it holds all writes of the
other and more; of two copies that were written to apart, each holds something that the other has not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Writes = frozenset[int]
Manner = Literal["overwritten", "removed", "dropped", "left behind"]


@dataclass(frozen=True)
class Copy:
    """A copy. Without `writes` it is an empty disk; `consistent` is false until a resync onto it has ended."""

    writes: Writes = frozenset()
    consistent: bool = True

    @property
    def generation(self) -> int:
        """Return the number of its last write: 0 for an empty disk."""
        return max(self.writes, default=0)

    @property
    def readable(self) -> bool:
        """Whether there is any data on it that could be used."""
        return self.consistent and bool(self.writes)


@dataclass(frozen=True)
class Loss:
    """A copy that was given up: `overwritten` or `removed` on its node; `dropped`, so that it lies there, but the
    configuration names it no more; or `left behind` by a failover to one that does not hold all of it.

    `newest` is whether no copy that is left in the configuration holds all of its data. `alive` and `offline` are its
    node's at that time. `job` is the job that did it, 0 for people.
    """

    place: str
    manner: Manner
    writes: Writes
    newest: bool
    alive: bool
    offline: bool
    job: int
    time: float


@dataclass
class Data:
    """All copies of an instance's data, by their places, the leftover ones included; and what was given up.

    `connected` is whether its two mirrors follow each other; `restored` are the writes of people who restored a backup.
    """

    copies: dict[str, Copy] = field(default_factory=dict)
    connected: bool = True
    restored: set[int] = field(default_factory=set)
    losses: list[Loss] = field(default_factory=list)
    last: int = 0

    def write(self, places: Iterable[str], anew: bool = False) -> int:
        """Write to the copies at these places; `anew` overwrites all that they hold. Return the write's number.

        On an empty disk there is nothing to boot from, and so nobody who would write.
        """
        copies = {place: self.copies[place] for place in places if place in self.copies}
        written = {place: copy for place, copy in copies.items() if copy.readable or anew}
        self.last += bool(written)
        for place, copy in written.items():
            self.copies[place] = Copy((frozenset() if anew else copy.writes) | {self.last})
        return self.last

    def make_empty(self, places: Iterable[str]) -> None:
        """Put an empty disk at each of these places."""
        for place in places:
            self.copies[place] = Copy()
        self.connected = True

    def follow(self, source: str, target: str) -> None:
        """Let a resync end: the target's copy becomes what the source's is."""
        self.copies[target] = self.copies[source]
        self.connected = True

    def newest(self) -> list[str]:
        """Return the places of the newest data: more than one where copies are the same, or have gone apart."""
        readable = {place: copy for place, copy in self.copies.items() if copy.readable}
        return [
            place
            for place, copy in readable.items()
            if not any(copy.writes < other.writes for other in readable.values())
        ]

    def stands(self, writes: Writes, places: Iterable[str]) -> bool:
        """Whether a usable copy at one of these places holds all of these writes."""
        copies = (self.copies.get(place) for place in places)
        return any(copy is not None and copy.consistent and writes <= copy.writes for copy in copies)
