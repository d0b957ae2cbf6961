# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The oldest `requests` and `urllib3` that are promised reach a cluster, too: the client uses seams of both that have
changed between versions."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from playbook import BUILD

ROOT = BUILD.parent
PINS = ROOT / "requirements/oldest.txt"
TESTS = ["tests/unit/plugins/module_utils/ganeti/rapi", "tests/simulated/test_rapi.py"]
SLOW = "comes_back or too_long or says_nothing"  # they wait for a clock, whatever the library

pytestmark = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="urllib3 1.26.0 can't be imported by Python 3.12 and later"
)


def pinned(library: str) -> str:
    """Return the version of a library in PINS."""
    (version,) = re.findall(rf"^{library}==(.+)$", PINS.read_text(), re.MULTILINE)
    return str(version)


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """An environment in which the oldest libraries stand before the tools' own; they are installed once and kept."""
    folder = BUILD / "oldest"
    installed = folder / "pins.txt"
    if not installed.exists() or installed.read_text() != PINS.read_text():
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps"]
        subprocess.run([*pip, "--upgrade", "--target", folder, "-r", PINS], check=True, timeout=300)
        installed.write_text(PINS.read_text())
    return {**os.environ, "PYTHONPATH": str(folder)}


def test_they_are_what_is_used(environment: dict[str, str]) -> None:
    """And what users are promised, who read README.md or build an image."""
    code = "import requests, urllib3; print(requests.__version__, urllib3.__version__)"
    used = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True).split()
    assert used == [pinned("requests"), pinned("urllib3")]
    promised = {"requests": used[0].removesuffix(".0"), "urllib3": used[1].removesuffix(".0")}
    for name in ("meta/ee-requirements.txt", "plugins/doc_fragments/cluster.py", "README.md"):
        text = Path(ROOT, name).read_text()
        for library, version in promised.items():
            assert re.search(rf"{library}\W+{re.escape(version)}\b", text), f"{name} promises no {library} {version}"


def test_a_cluster_is_reached(environment: dict[str, str]) -> None:
    """TLS, pins, errors and retries as with the newest."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", f"not ({SLOW})", *TESTS]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
