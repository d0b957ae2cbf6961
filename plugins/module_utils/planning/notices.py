# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices: tags of the cluster and of its groups that a person has to look at (design, law 12)."""

from __future__ import annotations

from collections.abc import Iterable

from ..ganeti.model import utc
from ..repair.action import Action, ActionKind
from ..repair.reasons import Reason
from ..tags.clocks import is_beyond
from ..tags.shared import SharedTags


def notices(shared: SharedTags, now: float) -> Iterable[Action]:
    """What a person has to look at, at `now` (seconds since the epoch): what a wrong clock has left on the cluster and
    on its groups, and a claim that can't be read."""
    for claim in shared.cluster.claims:
        if is_beyond(claim, now):
            words = f"the claim of {claim.holder} {_later(claim.until)}; it blocks nobody; {_REMOVE}"
            yield _notice("cluster", "", claim.tag, Reason.WRONG_CLOCK, words)
    for bad in shared.cluster.malformed:
        if bad.kind == "claim":
            words = f"{bad}; while it exists nobody knows who writes, so no round writes; remove it: "
            yield _notice("cluster", "", bad.tag, Reason.UNREADABLE_TAG, words)
    groups = [("group", name, tags) for name, tags in sorted(shared.groups.items())]
    for scope, name, tags in [("cluster", "", shared.cluster), *groups]:
        for breaker in tags.breakers:
            if is_beyond(breaker, now):
                words = f"the breaker {_later(breaker.until)}; it counts as a storm that has just ended; {_REMOVE}"
                yield _notice(scope, name, breaker.tag, Reason.WRONG_CLOCK, words)


_REMOVE = "correct the clock of the machine that set it, or of this one if it is behind, then remove the tag: "


def _later(until: int | None) -> str:
    return f"ends at {utc(until or 0)}, which is later than a correct clock could have set"


def _notice(scope: str, name: str, tag: str, why: Reason, words: str) -> Action:
    command = f"gnt-{scope} remove-tags {name} {tag}".replace("  ", " ")
    return Action(ActionKind.REPORT, name, words + command, scope=scope, why=why, command=command)
