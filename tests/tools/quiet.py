# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a command without its noise: one line when it passes, all of its output when it fails.

Usage: quiet.py NAME "what it checks" COMMAND [ARGUMENT...]
"""

from __future__ import annotations

import subprocess
import sys
import time


def main(name: str, what: str, *command: str) -> int:
    """Return the exit code of the command."""
    start = time.monotonic()
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    verdict = "FAILED" if run.returncode else "ok"
    line = f"{name:<14}{verdict:<8}{time.monotonic() - start:5.1f} s  {what}\n"
    output = run.stdout.decode(errors="replace") if run.returncode else ""
    sys.stdout.write(line + output)  # at once, because gates run side by side
    return run.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
