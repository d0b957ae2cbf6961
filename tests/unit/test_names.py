# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One name, one meaning: no two files of the engine give the same public name to two things."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ENGINE = Path(__file__).parents[2] / "plugins" / "module_utils"


def defined(file: Path) -> set[str]:
    """The public names that a file gives to classes, functions and values."""
    found: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return {name for name in found if not name.startswith("_")}


def test_no_public_name_stands_for_two_things() -> None:
    """Who finds a name in an import knows what it is."""
    files: dict[str, list[str]] = defaultdict(list)
    for file in sorted(ENGINE.rglob("*.py")):
        for name in defined(file):
            files[name].append(str(file.relative_to(ENGINE)))
    assert {name: places for name, places in files.items() if len(places) > 1} == {}
