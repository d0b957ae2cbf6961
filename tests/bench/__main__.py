# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure everything, print it as a table, and write docs/benchmarks.md with its plot.

make bench                                        # three times on the lab, about half an hour
PYTHONPATH=tests python -m bench --times 1 --print    # print only
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

from lab import Lab, Settings
from lab.errors import UnfitMachineError

from . import simulated
from .lab_case import Run, bare, harep, heal, ours
from .lab_facts import fill, gathering
from .page import Row, plot, table, write

SIZES = (600, 6000, 60000)
TRANSPORTS = ("rapi", "luxi")
TRIES = 5  # of short runs
CONNECTIONS = 4  # as the step has by itself
SETTINGS = Settings(
    state_dir=Path("/var/tmp/ganeti-autorepair-bench"), prefix="garbench", network="10.195.0.0/24", second_group_from=99
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all of it."""
    parser = argparse.ArgumentParser(prog="bench", description="How fast, beside harep and Ganeti itself.")
    parser.add_argument("--times", type=int, default=3, help="how often each way heals the cluster (default: 3)")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="instances, each ten times the last")
    parser.add_argument("--print", action="store_true", help="write no page")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="ganeti-autorepair-bench-") as name:
        folder = Path(name)
        rows = on_the_lab(folder, options.times)
        found, points = on_simulated_clusters(folder, options.sizes)
    print(table(rows + found))
    if not options.print:
        write(rows + found, plot(points), options.times)
    return 0


def on_the_lab(folder: Path, times: int) -> list[Row]:
    """What real Ganeti shows; nothing where it can't run."""
    lab = Lab(SETTINGS)
    try:
        lab.up()
    except UnfitMachineError as error:
        print(f"real Ganeti can't run here, so nothing is measured on it: {error}", file=sys.stderr)
        return []
    try:
        return [*case(lab, folder, times), *facts(lab)]
    finally:
        lab.down()


def case(lab: Lab, folder: Path, times: int) -> list[Row]:
    """The case of eight repairs, in every way in turn."""
    ways = {"bare": bare, "harep": harep, **{each: ours(each, folder / "run") for each in TRANSPORTS}}
    runs: dict[str, list[Run]] = {name: [] for name in ways}
    for _ in range(times):
        for name, way in ways.items():
            runs[name].append(heal(lab, way))
            print(f"{name}: {runs[name][-1]}", file=sys.stderr, flush=True)
    return judged(runs)


def judged(runs: Mapping[str, Sequence[Run]]) -> list[Row]:
    """What the runs show, each way by its medians."""

    def of(name: str, what: Callable[[Run], float]) -> float:
        return median(what(run) for run in runs[name])

    first, healed = of("harep", lambda run: run.first), of("bare", lambda run: run.healed)
    rows = [
        Row("harep's first run", f"{first:.1f} s"),
        Row("harep, run after run, until all are healthy", f"{of('harep', lambda run: run.healed):.1f} s"),
        Row("the bare repair jobs", f"{healed:.1f} s"),
        Row("jobs of harep", f"{of('harep', lambda run: run.jobs):.0f}"),
    ]
    for name in TRANSPORTS:
        submitted, done, jobs = (of(name, key) for key in (lambda r: r.submitted, lambda r: r.healed, lambda r: r.jobs))
        most = {"rapi": 36, "luxi": 24}[name]
        rows += [
            Row.ratio(f"{name}: begun -> all repairs submitted, to harep's first run", submitted, first, 1 / 8),
            Row.ratio(f"{name}: begun -> all healthy, to the bare repair jobs", done, healed, 1.25),
            Row(f"{name}: jobs", f"{jobs:.0f}", f"{most}", jobs <= most),
        ]
    return rows


def facts(lab: Lab) -> list[Row]:
    """Gathering 200 instances."""
    fill(lab, 200)
    took = gathering(lab)
    return [
        Row.ratio("rapi: facts on 200 instances, to the bare queries", took["rapi"], took["bare"], 1.3),
        Row.ratio("luxi: the same, to rapi", took["luxi"], took["rapi"], 1.0),
    ]


def on_simulated_clusters(folder: Path, sizes: Sequence[int]) -> tuple[list[Row], dict[str, list[tuple[int, float]]]]:
    """What can be shown on simulated clusters alone; and the points of the plot."""
    rows, points = [], {}
    for transport in TRANSPORTS:
        costs = {size: simulated.planning(folder / f"{transport}{size}", size, transport) for size in sizes}
        points[transport] = [(size, cost.cpu) for size, cost in costs.items()]
        one = costs[6000 if 6000 in costs else max(costs)]
        rows += [
            Row(f"{transport}: client's CPU, {6000:,} instances", f"{one.cpu:.2f} s", "1.5 s", one.cpu <= 1.5),
            Row(f"{transport}: peak memory", f"{one.memory / 1e6:.0f} MB", "150 MB", one.memory <= 150e6),
            Row.of(f"{transport}: CPU for ten times the instances", simulated.growth(points[transport]), 11.0),
        ]
    for transport in TRANSPORTS:
        rounds = [
            simulated.many_repairs(folder / f"{transport}-{n}", 200, CONNECTIONS, transport) for n in range(TRIES)
        ]
        took, requests = median(seconds for seconds, _ in rounds), rounds[0][1]
        least = requests * simulated.ANSWER / CONNECTIONS
        what = f"{transport}: 200 repairs begun, to {requests} answers of 20 ms over {CONNECTIONS} connections"
        rows.append(Row.ratio(what, took, least, 1.5))
    for transport in TRANSPORTS:
        tries = [simulated.healthy(folder / f"{transport}-healthy{number}", transport) for number in range(TRIES)]
        whole, idle = (median(cost.wall for cost in column) for column in zip(*tries, strict=True))
        rows.append(Row.ratio(f"{transport}: repair.yml on 15 healthy, to as many empty tasks", whole, idle, 1.5))
    fleets = simulated.fleet(folder / "fleet", 20, 10, TRIES)
    one, all_of_them, idle_one, idle_all = (
        median(cost.wall for cost in column) for column in zip(*fleets, strict=True)
    )
    rows += [
        Row.ratio("20 clusters with 10 forks, to one", all_of_them, one, 3.0),
        Row.ratio("as many empty tasks on 20 clusters, to one", idle_all, idle_one),
    ]
    return rows, points


if __name__ == "__main__":
    sys.exit(main())
