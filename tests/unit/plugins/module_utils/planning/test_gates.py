# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates: each file is one, and each one is tried."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.gating import GATES

FOLDER = Path(__file__).parents[5] / "plugins" / "module_utils" / "planning" / "gates"


def test_every_gate_is_tried() -> None:
    """A file that nobody calls would hold nothing."""
    files = {path.stem for path in FOLDER.glob("*.py")} - {"obstacle"}
    assert {gate.__name__ for gate in GATES} == files
    assert len(GATES) == len(files)
