# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's packages stand in one order; what judges asks nobody, and what only reads loads nothing that writes."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "plugins" / "module_utils"
ORDER = (
    *(
        "printable",
        "errors",
        "ganeti",
        "tags",
        "diagnosis",
        "settings",
        "repair",
        "nodes",
        "queries",
        "planning",
        "reporting",
    ),
    *("changes", "mirrors", "execution", "arguments", "commands"),
)
JUDGES = ("tags", "diagnosis", "settings", "repair", "nodes", "changes")
TRANSPORTS = ("ganeti.client", "ganeti.luxi", "ganeti.rapi", "queries")
WRITERS = ("mirrors", "execution", "commands")


def files() -> dict[str, Path]:
    """The engine's files, each by its name as Python knows it there: planning.plan, ganeti.rapi.client."""
    return {".".join(path.relative_to(ENGINE).with_suffix("").parts): path for path in sorted(ENGINE.rglob("*.py"))}


FILES = files()


def imported(name: str) -> Iterator[str]:
    """The files of the engine that one of them imports."""
    folders = name.split(".")[:-1]
    for node in ast.walk(ast.parse(FILES[name].read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            module = [*folders[: len(folders) + 1 - node.level], *filter(None, [node.module])]
            found = {".".join(module), *(".".join([*module, alias.name]) for alias in node.names)}
            assert found & set(FILES), f"{name} imports what is not there: {module}"
            yield from found & set(FILES)


def package(name: str) -> str:
    """The first part of a name: a folder, or a file that stands beside the folders."""
    return name.split(".")[0]


def test_every_package_has_its_place() -> None:
    """Once, and the table for people has the same order."""
    assert {package(name) for name in FILES} == set(ORDER)
    table = (ROOT / "CONTRIBUTING.md").read_text().partition("The engine's packages, in the order")[2].split("\n\n")[1]
    assert tuple(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.+?) \|", table, re.M)))) == ORDER


@pytest.mark.parametrize("name", FILES)
def test_a_file_imports_only_packages_that_stand_before_its_own(name: str) -> None:
    """So data goes one way."""
    reachable = ORDER[: ORDER.index(package(name)) + 1]
    assert [one for one in imported(name) if package(one) not in reachable] == []


def test_there_is_no_circle() -> None:
    """Within a package neither."""
    order = list(TopologicalSorter({name: set(imported(name)) for name in FILES}).static_order())
    assert sorted(order) == sorted(FILES)


@pytest.mark.parametrize("name", [name for name in FILES if package(name) in JUDGES])
def test_what_judges_asks_nobody(name: str) -> None:
    """Values go in and values come out, so the same cluster is always judged in the same way."""
    assert [one for one in imported(name) if one.startswith(TRANSPORTS)] == []


@pytest.mark.parametrize("module", ["facts", "node_facts", "report"])
def test_what_only_reads_loads_nothing_that_writes(module: str) -> None:
    """So it could not, whatever happened."""
    plugins = "ansible_collections.ganeti.autorepair.plugins"
    code = f"import sys, {plugins}.modules.ganeti_autorepair_{module}; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    path = str(ROOT / ".build" / "collections")
    loaded = subprocess.run(command, check=True, capture_output=True, text=True, env={"PYTHONPATH": path}).stdout
    engine = f"{plugins}.module_utils."
    names = {name.removeprefix(engine) for name in loaded.split() if name.startswith(engine)}
    assert names & set(FILES)
    assert [name for name in names if package(name) in WRITERS] == []
