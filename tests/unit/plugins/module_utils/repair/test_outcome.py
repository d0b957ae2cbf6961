# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of an action: whether the cluster has, or may have, taken something."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.module_utils.builders import FAILOVER

from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.action import Action, ActionKind
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.history import Repair
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.outcome import Outcome

NEW = Action(ActionKind.SUBMIT, "web1", "it is down")
BEGUN = replace(NEW, repair=Repair(FAILOVER, "r1", 100, (7,)))
CASES: list[tuple[str, Action, dict[str, Any], bool]] = [
    ("nothing was sent", NEW, {}, False),
    ("a dry run", NEW, {"sent": True, "added": ("a",)}, False),
    ("tags were written", NEW, {"sent": True, "tag_jobs": (8,)}, True),
    ("a step was submitted", NEW, {"sent": True, "jobs": (8,)}, True),
    ("the answer was lost", NEW, {"sent": True, "error": "no answer came", "lost": True}, True),
    ("the first request was refused", NEW, {"error": "refused"}, False),
    ("a repair has the job that it had", BEGUN, {"jobs": (7,)}, False),
    ("it has another one", BEGUN, {"sent": True, "jobs": (7, 8)}, True),
    ("a job was canceled", replace(BEGUN, cancel=(7,)), {"sent": True, "jobs": (7,)}, True),
]


@pytest.mark.parametrize(("action", "known", "written"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_written(action: Action, known: dict[str, Any], written: bool) -> None:
    """By the jobs that there are, or may be."""
    assert Outcome(action, **known).written is written
