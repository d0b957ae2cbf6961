# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a change that people asked for: a line for them, and data for modules."""

from __future__ import annotations

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.requests import Change
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.results import change_data, change_line
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.action import Action, ActionKind
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.outcome import Outcome

NOTED = Change("instance", "web1", ("new",), ("old",), note="it begins later")
PLAIN = Change("instance", "web1", ("new",), ("old",))
LINES = [
    ("all was written", PLAIN, {"added": ("new",), "removed": ("old",)}, False, "added new; removed old"),
    ("a dry run", PLAIN, {"added": ("new",), "removed": ("old",)}, True, "would add new; would remove old"),
    ("a part was written", PLAIN, {"added": ("new",), "error": "no answer"}, False, "added new; no answer"),
    ("nothing was needed", PLAIN, {}, False, "nothing to change"),
    ("there is a note", NOTED, {"added": ("new",)}, False, "added new; it begins later"),
    ("an error takes the place of the note", NOTED, {"error": "no answer"}, False, "no answer"),
]


def outcome(**known: object) -> Outcome:
    """Return the outcome of a change to one instance."""
    return Outcome(Action(ActionKind.SUBMIT, "web1", ""), **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(("change", "known", "dry", "words"), [row[1:] for row in LINES], ids=[row[0] for row in LINES])
def test_a_line(change: Change, known: dict[str, object], dry: bool, words: str) -> None:
    """It begins with the object, and an error stands last."""
    assert change_line(change, outcome(**known), dry) == f"web1: {words}"


def test_data() -> None:
    """A note is kept to oneself where an error may have made it untrue."""
    given = outcome(added=("new",), tag_jobs=(7,))
    known = {"scope": "instance", "name": "web1", "tags_added": ["new"], "tags_removed": [], "jobs": [7]}
    assert change_data(NOTED, given) == {**known, "note": "it begins later", "error": None}
    assert change_data(PLAIN, given)["note"] is None
    failed = change_data(NOTED, outcome(error="no answer"))
    assert (failed["note"], failed["error"]) == (None, "no answer")
