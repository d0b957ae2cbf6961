# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run make targets one after the other, and close with a summary.

Usage: suite.py TARGET...
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

PYTEST_SUMMARY = re.compile(r"=== (\d+ \w+(?:, \d+ \w+)*) in ")


@dataclass(frozen=True)
class Step:
    """One target that ran: `tests` is pytest's own count, where pytest ran."""

    target: str
    failed: bool
    seconds: float
    tests: str

    @property
    def verdict(self) -> str:
        """Say FAILED, ok, or SKIPPED where not a single test ran."""
        if self.failed:
            return "FAILED"
        return "SKIPPED" if "skipped" in self.tests and "passed" not in self.tests else "ok"


def run(target: str) -> Step:
    """Run one target, showing its output as it comes."""
    print(f"\n== make {target}", flush=True)
    start, tests = time.monotonic(), ""
    command = ["make", "--no-print-directory", target]
    make = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for raw in make.stdout or ():
        line = raw.decode(errors="replace")
        print(line, end="", flush=True)
        if found := PYTEST_SUMMARY.search(line):
            tests = found[1]
    return Step(target, make.wait() != 0, time.monotonic() - start, tests)


def _count(steps: Iterable[Step]) -> str:
    """Return one closing line over the tests of all steps, as programs read it."""
    counts = Counter({"passed": 0, "failed": 0})
    for number, word in re.findall(r"(\d+) (\w+)", ", ".join(step.tests for step in steps)):
        counts["failed" if word.startswith("error") else word] += int(number)
    told = ("passed", "failed", *(word for word in ("skipped",) if counts[word]))
    return ", ".join(f"{counts[word]} {word}" for word in told)


def main(*targets: str) -> int:
    """Return 1 if a target failed."""
    start, steps = time.monotonic(), []
    for target in targets:
        steps.append(run(target))
        if target == "setup" and steps[-1].failed:  # nothing else can run
            break
    print("\n== summary")
    for step in steps:
        print(f"{step.target:<10}{step.verdict:<8}{step.seconds:7.1f} s  {step.tests}".rstrip())
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in Counter(step.verdict for step in steps).items())
    print(f"{verdicts} in {time.monotonic() - start:.0f} s")
    print(_count(steps))
    return int(any(step.failed for step in steps))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
