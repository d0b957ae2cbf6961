# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backoff: how long a failed step waits before the next attempt (design, law 8)."""

from __future__ import annotations

FIRST_PAUSE = 60  # seconds
LONGEST_PAUSE = 3600  # seconds; each attempt leaves a job in the queue
LONGEST_PAUSE_DOWN = 300  # seconds; while the instance is down, each minute counts


def pause(tried: int, down: bool) -> float:
    """Seconds from the last attempt to the next, after `tried` attempts; it doubles with each attempt, up to a maximum,
    which is shorter if the instance is `down`."""
    longest = LONGEST_PAUSE_DOWN if down else LONGEST_PAUSE
    doublings = min(max(tried - 1, 0), 20)  # beyond that the longest pause holds anyway
    return float(min(FIRST_PAUSE * 2**doublings, longest))
