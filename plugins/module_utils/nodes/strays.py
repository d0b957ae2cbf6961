# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strays: guests that run on a node that is not the primary node of their instance (design, section 8).

Such a guest may run a second time where it belongs, and both write. Ganeti does not ask a node that is marked offline,
and shows nothing of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .observed import Observed


@dataclass(frozen=True)
class Stray:
    """The guest of `instance` runs on `node`; `primary` is the node where it belongs, or empty if the cluster does not
    know the instance."""

    instance: str
    node: str
    primary: str

    def __str__(self) -> str:
        if not self.primary:
            return f"{self.instance} runs on {self.node}, and the cluster does not know this instance"
        return f"{self.instance} runs on {self.node}, but {self.primary} is its primary node"


def strays_of(observed: Observed) -> tuple[Stray, ...]:
    """The strays, in the order of the names. A guest counts if it was there in every look in which its node said what
    runs there, the last one among them; an instance that an unfinished job is about does not: a migration may move it.
    """
    homes = observed.homes
    if homes is None:
        return ()
    moving = {name for look in observed.looks for name in look.moving}
    found = [
        Stray(guest, node, homes.get(guest.lower(), ""))
        for node, guests in _guests_of(observed).items()
        for guest in guests
        if homes.get(guest.lower()) not in (node, "") and guest.lower() not in moving
    ]
    return tuple(sorted(found, key=lambda stray: (stray.instance, stray.node)))


def _guests_of(observed: Observed) -> Mapping[str, frozenset[str]]:
    """The guests that each node had in all looks in which it said so, if it did in the last one."""
    told: dict[str, frozenset[str]] = {}
    for look in observed.looks:
        for observer in look.observers:
            if observer.name in look.deep and observer.guests is not None:
                told[observer.name] = told.get(observer.name, observer.guests) & observer.guests
    last = {by.name for by in observed.looks[-1].observers if by.guests is not None} & observed.looks[-1].deep
    return {name: guests for name, guests in told.items() if name in last}
