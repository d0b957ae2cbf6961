# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run make targets, and close with a summary.

Usage: suite.py TARGET... [--beside TARGET...]...

The first is `setup`. The others run one after the other; those after each `--beside` do so at the same time, as they
mostly wait for real Ganeti. What they print is shown when each has ended.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
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
    """Run one target, and show its output when it has ended."""
    start = time.monotonic()
    command = ["make", "--no-print-directory", target]
    make = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    output = make.stdout.decode(errors="replace")
    print(f"\n== make {target}\n{output}", end="", flush=True)
    found = PYTEST_SUMMARY.findall(output)
    return Step(target, make.returncode != 0, time.monotonic() - start, found[-1] if found else "")


def run_all(targets: Sequence[str]) -> list[Step]:
    """Run targets one after the other."""
    return [run(target) for target in targets]


def lanes(words: Sequence[str]) -> list[list[str]]:
    """Return the targets that run one after the other, for each lane."""
    found: list[list[str]] = [[]]
    for word in words:
        if word == "--beside":
            found.append([])
        else:
            found[-1].append(word)
    return found


def _count(steps: Iterable[Step]) -> str:
    """Return one closing line over the tests of all steps, as programs read it."""
    counts = Counter({"passed": 0, "failed": 0})
    for number, word in re.findall(r"(\d+) (\w+)", ", ".join(step.tests for step in steps)):
        counts["failed" if word.startswith("error") else word] += int(number)
    told = ("passed", "failed", *(word for word in ("skipped",) if counts[word]))
    return ", ".join(f"{counts[word]} {word}" for word in told)


def main(setup: str, *words: str) -> int:
    """Return 1 if a target failed."""
    start, steps = time.monotonic(), [run(setup)]
    if not steps[0].failed:  # without it nothing else can run
        with ThreadPoolExecutor() as pool:
            for lane in pool.map(run_all, lanes(words)):
                steps += lane
    print("\n== summary")
    for step in steps:
        print(f"{step.target:<10}{step.verdict:<8}{step.seconds:7.1f} s  {step.tests}".rstrip())
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in Counter(step.verdict for step in steps).items())
    print(f"{verdicts} in {time.monotonic() - start:.0f} s")
    print(_count(steps))
    return int(any(step.failed for step in steps))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
