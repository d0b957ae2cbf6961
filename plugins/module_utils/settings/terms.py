# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Terms: what carrying out a plan needs beside the plan: how it is done, and by whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from ..errors import BadOption

MOST_CONNECTIONS = 20  # that Ganeti's RAPI serves at a time, all clients together


@dataclass(frozen=True)
class Settings:
    """What carrying out needs beside a plan.

    `new_id` gives the id of a new repair; `connections` is the number of actions that are carried out at a time.
    `waits` says that the runner stays until nothing is left to do: then the jobs of steps are named by the result
    alone, and not noted before, and results are written together. `unnoted` are the instances for which they are not
    noted either; carrying out sets it.
    """

    reason: str
    iallocator: str  # empty: the cluster's default
    new_id: Callable[[], str]
    connections: int = 1
    waits: bool = False
    unnoted: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Raise BadOption for a number of connections that Ganeti does not serve."""
        if not 1 <= self.connections <= MOST_CONNECTIONS:
            raise BadOption(f"connections is {self.connections}; it takes a number from 1 to {MOST_CONNECTIONS}")


@dataclass(frozen=True)
class RunContext:
    """What claiming needs: a name for the holder that nobody else has, a clock, and a way to wait some seconds."""

    holder: str
    clock: Callable[[], float]
    sleep: Callable[[float], None]
