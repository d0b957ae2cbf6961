# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ansible-test sanity on what the collection ships, as it is in the working tree.

ansible-test wants a real folder `ansible_collections/ganeti/autorepair` that no git checkout ignores, so the
files are copied into a repository of their own in .build/sanity. Its output there is kept, as its cache.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / ".build/sanity/ansible_collections/ganeti/autorepair"
SHIPPED = [
    *("galaxy.yml", "README.md", "changelogs", "meta", "playbooks", "plugins", "roles"),
    *("tests/config.yml", "tests/sanity", ".gitignore"),
]
KEPT = COPY / "tests/output"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
MISSING_PIP = re.compile(r"saved to: (?P<path>\S+/get_pip_(?P<version>[\d_]+)\.py)")
NOISE = re.compile(  # of pip, and of ansible-test about its progress
    r" *━|(  Downloading|Collecting|Installing|Looking|Processing|Running|Successfully|Using"
    r"|WARNING: Location|WARNING: Using locale|FATAL: Command) "
)
NOTHING_RAN = "All targets skipped"
PIP_STAND_IN = '''\
"""Stands in for get-pip.py where it can't be downloaded: runs the pip of a wheel beside this file."""
import runpy
import sys

sys.path.insert(0, {wheel!r})
sys.argv[1:] = ["install"] + [a for a in sys.argv[1:] if a not in ("--no-setuptools", "--no-wheel")]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
'''


def copy_tree() -> None:
    """Make COPY hold what git knows, or would add, of the shipped files."""
    kept = COPY.parent / "output"
    if KEPT.exists():
        KEPT.rename(kept)
    shutil.rmtree(COPY, ignore_errors=True)
    (COPY / "tests").mkdir(parents=True)
    if kept.exists():
        kept.rename(KEPT)
    subprocess.run(["git", "init", "--quiet"], cwd=COPY, check=True)
    list_files = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *SHIPPED]
    listed = subprocess.check_output(list_files, cwd=ROOT, text=True)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():  # a file may be deleted, and not yet committed
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, COPY / name, follow_symlinks=False)


def run_sanity() -> tuple[int, str]:
    """Return ansible-test's exit code and output."""
    run = subprocess.run(
        ["ansible-test", "sanity", "--venv", "--python", PYTHON, "--color", "no"],
        cwd=COPY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = [line for line in run.stdout.splitlines() if not NOISE.match(line)]
    return run.returncode or int(NOTHING_RAN in run.stdout), "\n".join(lines)


def stand_in_for_get_pip(path: Path, version: str) -> None:
    """Write a get-pip.py, where ansible-test looks for it, that runs the same pip from a wheel."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(path.parent)]
    subprocess.run([*pip, f"pip=={version}"], check=True)
    path.write_text(PIP_STAND_IN.format(wheel=str(path.parent / f"pip-{version}-py3-none-any.whl")))


def main() -> int:
    """Return ansible-test's exit code."""
    copy_tree()
    code, output = run_sanity()
    if code and (missing := MISSING_PIP.search(output)):
        stand_in_for_get_pip(Path(missing["path"]), missing["version"].replace("_", "."))
        code, output = run_sanity()
    print(output)
    return code


if __name__ == "__main__":
    sys.exit(main())
