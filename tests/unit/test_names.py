# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names: each public name of the engine has one meaning, and a variable is named after what it holds."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

PLUGINS = Path(__file__).parents[2] / "plugins"
ENGINE = PLUGINS / "module_utils"


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


def bound(file: Path) -> set[str]:
    """The names that a file gives to variables and arguments, in functions too."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    variables = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return variables | {node.arg for node in nodes if isinstance(node, ast.arg)}


def test_no_public_name_stands_for_two_things() -> None:
    """Who finds a name in an import knows what it is."""
    files: dict[str, list[str]] = defaultdict(list)
    for file in sorted(ENGINE.rglob("*.py")):
        for name in defined(file):
            files[name].append(str(file.relative_to(ENGINE)))
    assert {name: places for name, places in files.items() if len(places) > 1} == {}


def test_no_variable_is_called_one() -> None:
    """It is named after what it holds: an instance, a job, a tag."""
    assert [str(file.relative_to(PLUGINS)) for file in sorted(PLUGINS.rglob("*.py")) if "one" in bound(file)] == []
