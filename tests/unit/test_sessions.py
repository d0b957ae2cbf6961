# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions of nox and the workflows run what make runs, on all that is promised."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
PINS = (ROOT / "requirements/dev.txt").read_text()
RUNTIME = (ROOT / "meta/runtime.yml").read_text()
README = (ROOT / "README.md").read_text()
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())


pytest.importorskip("nox", reason="the sessions of the matrix do without nox")
NOXFILE = runpy.run_path(str(ROOT / "noxfile.py"))


def test_a_session_is_a_target_of_make() -> None:
    """Of its name, and one that `make test` runs before it comes to real Ganeti; the workflow has them all."""
    (of_test,) = re.findall(r"^test: .*\n\t.* setup (.+?) contract contract-down --beside", MAKEFILE, re.MULTILINE)
    assert list(NOXFILE["TARGETS"]) == of_test.split()
    assert WORKFLOW["jobs"]["gates"]["strategy"]["matrix"]["session"] == of_test.split()


def test_the_matrix_is_what_is_promised() -> None:
    """From the oldest ansible-core to the pinned one, on each Python that the workflow installs."""
    oldest, *_others, newest = NOXFILE["MATRIX"]
    assert yaml.safe_load(RUNTIME)["requires_ansible"] == f">={oldest}.0"
    assert re.search(rf"^ansible-core=={re.escape(newest)}\.", PINS, re.MULTILINE)
    pythons = sorted({python for on in NOXFILE["MATRIX"].values() for python in on})
    assert f"| {oldest} to {newest}, {pythons[0]} to {pythons[-1]}: the unit tests | `nox -s matrix` |" in README
    installed = WORKFLOW["jobs"]["matrix"]["steps"][1]["with"]["python-version"].split()
    assert sorted(installed) == pythons


def test_the_matrix_s_libraries_are_pinned() -> None:
    """So that a release of one of them breaks nothing."""
    assert len(NOXFILE["pinned"]()) == len(NOXFILE["LIBRARIES"])
