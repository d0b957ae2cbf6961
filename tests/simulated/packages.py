# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs of Debian's that a test needs, installed where that can be done."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from lab.machine import PATIENT


def install(program: str, package: str, log: Path) -> str:
    """Install a package from the machine's own sources, where its program is missing; apt's output goes to `log`.

    Returns why that can't be, or nothing.
    """
    if shutil.which(program):
        return ""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return f"{program} is not there, and only root on Debian or a close relative can install {package}"
    command = ("apt-get", *PATIENT, "install", "--yes", "--no-install-recommends", package)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (command, ("apt-get", *PATIENT, "update"), command):
        with log.open("a") as output:
            streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
            subprocess.run(words, env=environment, check=False, **streams)  # type: ignore[call-overload]
        if shutil.which(program):
            return ""
    return f"apt-get could not install {package}; its output is in {log}"
