# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo: a node of a small simulated cluster has died, and the playbook `repair` brings its instances back."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from playbook import Run, play

SIMULATOR = [sys.executable, "-m", "simulator", "--state-dir"]
PAUSE = 2.0  # seconds between rounds, in which the simulated jobs end
ROUNDS = 12


def main() -> int:
    """Show the cluster, the dry run, the rounds and the end; return 1 if the end is not what was promised."""
    with tempfile.TemporaryDirectory(prefix="ganeti-autorepair-demo-") as name:
        folder = Path(name)
        _simulator(folder, "--background")
        try:
            return _show(folder)
        finally:
            _simulator(folder, "--stop")


def _simulator(folder: Path, option: str) -> None:
    environment = {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([*SIMULATOR, str(folder), option], env=environment, check=True, stdout=subprocess.DEVNULL)


def _show(folder: Path) -> int:
    settings = json.loads((folder / "settings.json").read_text())
    variables = {f"rapi_{name}": settings[name] for name in ("host", "port", "user", "password", "ca_path")}
    print("A simulated Ganeti cluster of five nodes listens on", settings["url"])
    print("Its node3 has died and was marked offline. Tags define what may be repaired: see the README.")

    dry = _play(folder, variables, "A dry run: it shows what a round would do, and writes nothing", "--check", "--diff")
    print(
        _block(dry.result("ganeti.autorepair.ganeti_autorepair_facts")["ansible_facts"]["ganeti_autorepair"]["report"])
    )
    for number in range(1, ROUNDS + 1):
        run = _play(folder, variables, f"Round {number}")
        print(_block(run.step["report"]))
        if run.code or not (run.step["changed"] or run.step["pending"]):
            break
        time.sleep(PAUSE)
    return _verdict(run)


def _play(folder: Path, variables: dict[str, object], title: str, *options: str) -> Run:
    print(
        f"\n=== {title}\n$ ansible-playbook {' '.join(options)}{' ' * bool(options)}ganeti.autorepair.repair\n",
        flush=True,
    )
    run = play(folder / "run", variables, *options)
    if run.code:
        print(run.output)
    return run


def _block(lines: Sequence[str]) -> str:
    return "\n".join(f"    {line}".rstrip() for line in lines)


def _verdict(run: Run) -> int:
    """Say how it ended: every instance that may be repaired is healthy, the others wait for a person."""
    summary = run.step["summary"]
    left = summary["needs_repair"] + summary["pending_repair"] + summary["repair_failed"]
    if run.code or left or run.step["changed"]:
        print("\nThe demo did not end as it should: not all repairs are done.")
        return 1
    print(f"\nDone: the last round changed nothing. {summary['healthy']} instances are healthy; the other")
    print(f"{summary['repair_disallowed'] + summary['suspended']} are left alone, for the reasons above.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
