# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a virtual environment and install a requirements file into it.

Usage: make_venv.py FOLDER REQUIREMENTS
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

# Debian and Ubuntu ship ensurepip, which venv needs, in a package of its own.
VENV_PACKAGE = f"python3.{sys.version_info.minor}-venv"


def can_make_venvs() -> bool:
    """Return whether this Python has all that `python -m venv` needs."""
    probe = subprocess.run([sys.executable, "-c", "import venv, ensurepip"], capture_output=True, check=False)
    return probe.returncode == 0


def install_venv_package() -> None:
    """Install Debian's package for venv where that can be done, or say what to do."""
    if not (os.geteuid() == 0 and shutil.which("apt-get")):
        sys.exit(f"Python's venv is not complete: run `apt-get install {VENV_PACKAGE}` as root, then this again.")
    subprocess.run(["apt-get", "update"], check=True)
    subprocess.run(["apt-get", "install", "--yes", "--no-install-recommends", VENV_PACKAGE], check=True)


def main(folder: str, requirements: str) -> int:
    """Return pip's exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036 (any python3 may have been found)
        sys.exit(f"{sys.executable} is older than Python 3.11: run `make PYTHON=/path/to/python3.11`.")
    if not can_make_venvs():
        install_venv_package()
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    pip = [os.path.join(folder, "bin", "pip"), "--quiet", "--disable-pip-version-check"]
    return subprocess.run([*pip, "install", "-r", requirements], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
