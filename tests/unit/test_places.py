# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A test file is found by its name: it stands where the file stands that it tests, or says by itself what it shows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "tests/unit"
TESTED = {UNIT / "plugins": ROOT / "plugins", UNIT / "simulator": ROOT / "tests/simulator"}


def subject_of(test: Path) -> Path | None:
    """Return the file that a test file is about by its own place and name, if there is one."""
    for tests, folder in TESTED.items():
        if test.is_relative_to(tests):
            file = folder / test.relative_to(tests).with_name(test.name.removeprefix("test_"))
            return file if file.exists() else None
    return None


ENGINE = ROOT / "plugins/module_utils"
WITH_TESTS = sorted(ENGINE.rglob("*.py"))


@pytest.mark.parametrize("file", WITH_TESTS, ids=lambda file: str(file.relative_to(ENGINE)))
def test_each_engine_file_has_its_tests(file: Path) -> None:
    """In the same folder, under the same name."""
    test = UNIT / "plugins/module_utils" / file.relative_to(ENGINE).with_name(f"test_{file.name}")
    assert "def test_" in (test.read_text() if test.exists() else ""), f"there are no tests in {test}"


def test_no_two_test_files_have_one_name() -> None:
    """Unless each mirrors a file that has that name in its own folder."""
    files = [file for file in (ROOT / "tests").rglob("test_*.py") if subject_of(file) is None]
    mirrors = {file.name for file in UNIT.rglob("test_*.py") if subject_of(file)}
    names = Counter(file.name for file in files)
    assert [name for name, count in names.items() if count > 1 or name in mirrors] == []
