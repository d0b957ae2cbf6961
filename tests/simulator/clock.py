# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clocks a cluster can live by. Nothing in the core asks the machine for the time."""

from __future__ import annotations

import time
from typing import Protocol

from simulator.errors import SimulatorMisuse

EPOCH = 1_800_000_000.0  # where virtual time begins: 2027-01-15T08:00:00Z


class Clock(Protocol):
    """What the cluster and the surface ask of a clock; all times in seconds."""

    def now(self) -> float:
        """Return seconds since the epoch."""

    def elapse(self, seconds: float) -> None:
        """Let the seconds pass that something in the cluster takes, for example a time-out."""


class VirtualClock:
    """Time that moves only when it is told to. The same test always sees the same times."""

    def __init__(self, start: float = EPOCH) -> None:
        self._now = start

    def now(self) -> float:
        """Return seconds since the epoch."""
        return self._now

    def elapse(self, seconds: float) -> None:
        """Move on at once."""
        if seconds < 0:
            raise SimulatorMisuse(f"time can't go back by {-seconds} s")
        self._now += seconds


class WallClock:
    """The machine's time. `speed` shortens what the cluster waits for; it never bends the time itself."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def elapse(self, seconds: float) -> None:
        """Sleep, `speed` times shorter than asked."""
        time.sleep(seconds / self.speed)
