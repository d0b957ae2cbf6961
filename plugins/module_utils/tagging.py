# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tagging: carry out what people wish, as jobs that write tags, and tell what became of each (design, section 6).

No claim is taken: rounds read these tags as they stand. Only a request that has just been begun can be withdrawn too
late; the round's own tags then tell of the repair, and it goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Callable

from .action import Action, Kind
from .client import Client
from .confirm import confirm
from .errors import AnswerLost, AutorepairError, ClusterError
from .execute import replace_tags
from .results import diff
from .wishes import Change
from .writer import Outcome, Writer

NOT_TRIED = "not tried, as nothing could be written any more"


def carry_out_changes(
    changes: Iterable[Change], client: Client, reason: str, sleep: Callable[[float], None]
) -> dict[str, Any]:
    """Write the tags of C(changes), and return what a module returns of it.

    An error with one object leaves that one as it is; the others are written.
    """
    changes = tuple(changes)
    outcomes = _confirm(_write(changes, client, reason), client, sleep)
    changes = tuple(_late(change, outcome) for change, outcome in zip(changes, outcomes))
    outcomes = tuple(replace(one, error="") if one.late else one for one in outcomes)
    return {
        "changed": any(outcome.sent for outcome in outcomes),
        "objects": [_told(change, outcome) for change, outcome in zip(changes, outcomes)],
        "report": [_line(change, outcome) for change, outcome in zip(changes, outcomes)],
        "diff": diff(outcomes),
    }


def _write(changes: Sequence[Change], client: Client, reason: str) -> list[Outcome]:
    outcomes: list[Outcome] = []
    ended = lost = False
    for change in changes:
        writer = Writer(client, _action(change), reason)
        if ended and change.needed:
            outcomes.append(writer.outcome(NOT_TRIED))
            continue
        try:
            replace_tags(writer, change.add, change.remove)
            outcomes.append(writer.outcome())
        except AutorepairError as error:  # two lost answers in a row: the next would cost a time-out each
            ended = isinstance(error, ClusterError) or (lost and isinstance(error, AnswerLost))
            lost = isinstance(error, AnswerLost)
            outcomes.append(writer.outcome(str(error)))
        else:
            lost = lost and not change.needed
    return outcomes


def _confirm(outcomes: Sequence[Outcome], client: Client, sleep: Callable[[float], None]) -> Sequence[Outcome]:
    """C(outcomes) with what became of their jobs; where nobody can tell, each says so, and the account is kept."""
    try:
        return confirm(outcomes, client, sleep)
    except AutorepairError as error:
        unseen = f"its tags were sent, but what became of them is not known: {error}"
        return [replace(one, error=one.error or unseen) if one.tag_jobs else one for one in outcomes]


def _late(change: Change, outcome: Outcome) -> Change:
    """C(change), with the word that its job waits: behind a repair's, for its lock. It will be done after that, and
    before the repair's next step is taken."""
    if not outcome.late:
        return change
    words = f"{outcome.error}: it waits for its turn, behind a repair's job perhaps, and will be done after it"
    return replace(change, note="; ".join(text for text in (change.note, words) if text))


def _action(change: Change) -> Action:
    return Action(Kind.LIFT, change.name, change.note, change.scope, add=change.add, remove=change.remove)


def _line(change: Change, outcome: Outcome) -> str:
    """What became of one object, for people."""
    parts = ["added " + " ".join(outcome.added)] * bool(outcome.added)
    parts += ["removed " + " ".join(outcome.removed)] * bool(outcome.removed)
    parts += [outcome.error] * bool(outcome.error) or ["nothing to change"] * (not parts)
    name = change.name if change.scope == "instance" else f"{change.scope} {change.name}".strip()
    return f"{name}: " + "; ".join([*parts, *([change.note] if change.note else [])])


def _told(change: Change, outcome: Outcome) -> dict[str, Any]:
    return {
        "scope": change.scope,
        "name": change.name,
        "tags_added": list(outcome.added),
        "tags_removed": list(outcome.removed),
        "jobs": list(outcome.tag_jobs),
        "note": change.note or None,
        "error": outcome.error or None,
    }
