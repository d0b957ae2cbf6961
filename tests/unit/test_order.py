# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's files stand in one order, and what only reads loads nothing that writes."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "plugins" / "module_utils"
WRITERS = ("claim", "devices", "writer", "execute", "confirm", "tagging", "rounds", "waiting")


def order() -> list[str]:
    """The files in the order of the table in CONTRIBUTING.md."""
    table = (ROOT / "CONTRIBUTING.md").read_text().partition("The engine's files, in the order")[2]
    names = [name for row in re.findall(r"^\| (`.+?) \|", table, re.M) for name in re.findall(r"`(\w+\*?)`", row)]
    return [path.stem for name in names for path in sorted(ENGINE.glob(f"{name}.py"))]


def imported(name: str) -> Iterator[str]:
    """The files of the engine that one of them imports."""
    for node in ast.walk(ast.parse((ENGINE / f"{name}.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
            yield node.module


def test_every_file_has_its_place() -> None:
    """Once."""
    assert sorted(order()) == sorted(path.stem for path in ENGINE.glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", order())
def test_a_file_imports_only_what_stands_before_it(name: str) -> None:
    """So there is no circle, and data goes one way; the pages are parts of one another in their own order."""
    before = order()[: order().index(name)]
    late = [one for one in imported(name) if one not in before]
    assert [one for one in late if not (name.startswith("page") and one.startswith("page"))] == []


@pytest.mark.parametrize("module", ["facts", "report"])
def test_what_only_reads_loads_nothing_that_writes(module: str) -> None:
    """So it could not, whatever happened."""
    package = "ansible_collections.ganeti.autorepair.plugins"
    code = f"import sys, {package}.modules.ganeti_autorepair_{module}; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    path = str(ROOT / ".build" / "collections")
    loaded = subprocess.run(command, check=True, capture_output=True, text=True, env={"PYTHONPATH": path}).stdout
    assert [name for name in WRITERS if f"{package}.module_utils.{name}" in loaded.split()] == []
