# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results: the results of requested changes, as text for people and as data for modules."""

from __future__ import annotations

from typing import Any

from ..changes.requests import Change
from ..repair.outcome import Outcome
from ..reporting.text import object_of


def change_line(change: Change, outcome: Outcome, dry: bool) -> str:
    """The result for one object, for people; with `dry`, what would be done."""
    add, remove = ("would add ", "would remove ") if dry else ("added ", "removed ")
    parts = [add + " ".join(outcome.added)] * bool(outcome.added)
    parts += [remove + " ".join(outcome.removed)] * bool(outcome.removed)
    parts += [outcome.error] * bool(outcome.error) or ["nothing to change"] * (not parts)
    parts += [change.note] * bool(change.note and not outcome.error)
    return f"{object_of(outcome.action)}: {'; '.join(parts)}"


def change_data(change: Change, outcome: Outcome) -> dict[str, Any]:
    """The result for one object, as modules return it."""
    return {
        "scope": change.scope,
        "name": change.name,
        "tags_added": list(outcome.added),
        "tags_removed": list(outcome.removed),
        "jobs": list(outcome.tag_jobs),
        "note": None if outcome.error else change.note or None,  # the note may be wrong then
        "error": outcome.error or None,
    }
