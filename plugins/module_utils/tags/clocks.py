# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clocks: how far clocks may differ, and which times no correct clock can have written (design, law 12)."""

from __future__ import annotations

from .values import Breaking, Claim

MAX_SKEW = 45  # seconds that a clock may differ from the master's
LEASE = 300  # seconds that a claim holds
LONGEST_COOLDOWN = 86400  # seconds that a breaker stays tripped at most after a storm


def is_beyond(tag: Breaking | Claim, now: float) -> bool:
    """Whether `tag` ends later than a correct clock could have set, at `now` by a clock that agrees with the master's.

    Its writer's clock and this one may each differ from the master's by MAX_SKEW.
    """
    longest = LEASE if isinstance(tag, Claim) else LONGEST_COOLDOWN
    return tag.until is not None and tag.until > now + longest + 2 * MAX_SKEW
