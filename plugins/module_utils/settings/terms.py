# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Terms: how a plan is carried out, and by whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from ..errors import BadOption

MOST_CONNECTIONS = 20  # that Ganeti's RAPI serves at a time, for all clients together


@dataclass(frozen=True)
class ExecutionOptions:
    """How a plan is carried out.

    `reason` goes into the reason trail of every job. `new_id` returns the id of a new repair; `connections` is the
    number of actions to execute in parallel. With `waits` the runner stays until nothing is left to do: then only the
    result tag names the jobs of the steps (the pending tag names those of a reinstall, too), and successes are written
    in one batch. `unnoted` are the instances whose pending tag does not name them either; `carry_out` sets it.
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
    """Who carries out a plan: `holder` is its unique name in the claim, `clock` returns seconds since the epoch, and
    `sleep` waits some seconds."""

    holder: str
    clock: Callable[[], float]
    sleep: Callable[[float], None]
