# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sizes that no lab can hold, on the simulated cluster."""

from __future__ import annotations

import gc
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import run_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.planner import plan_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.action import ActionKind
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import ExecutionOptions, RunContext
from unbraked import unbraked

from .processes import Cost, client_of, connection, host, module, playbook, simulator

PER_NODE = 30  # instances
DEAD = 0.075  # of the nodes, with about a tenth of the instances
ANSWER = 0.02  # seconds
TASKS = 5  # of the playbook repair where nothing is to be done; each is a process for every cluster
UNLIMITED = dict.fromkeys(("max_in_flight", "max_per_node", "max_per_group"), 10000)
BRAKES_OFF = {"max_unhealthy": "100%", "storm_cooldown": 0}


def size(instances: int, share: float = DEAD) -> tuple[str, ...]:
    """The simulator's options for so many, on nodes of which this share is dead."""
    nodes = max(instances // PER_NODE, 5)
    dead = max(round(nodes * share), 1)
    return ("--nodes", str(nodes), "--instances", str(instances), "--dead", str(dead))


def planning(folder: Path, instances: int, transport: str) -> Cost:
    """Gathering and planning, by the facts module as a process."""
    with simulator(folder, *size(instances)) as settings:
        return module("facts", {**connection(settings, transport), **BRAKES_OFF, "instances_in_facts": "all"})


def many_repairs(folder: Path, repairs: int, connections: int, transport: str) -> tuple[float, int]:
    """A round that begins so many, each answer taking its time, after a look as the role has it: its seconds, and the
    number of its requests."""
    options = ("--latency", str(ANSWER * 1000), "--speed", "1000")
    with simulator(folder, *size(repairs * 10, 2 * DEAD), *options) as settings:
        log = folder / "requests.log"
        client = client_of(connection(settings, transport))
        seen = plan_round(client, unbraked(**UNLIMITED), time.time())
        names = [action.name for action in seen.actions if action.kind is ActionKind.SUBMIT]
        limits = unbraked(**UNLIMITED, instances=tuple(names[:repairs]))
        gc.disable()  # as the modules do
        before, begin = len(log.read_text().splitlines()), time.perf_counter()
        round_of = ExecutionOptions("", "", lambda: str(uuid.uuid4()), connections)
        played = run_round(client, limits, round_of, RunContext("bench", time.time, time.sleep), seen.cluster.tags)
        took = time.perf_counter() - begin
        gc.enable()
        begun = sum(bool(outcome.steps) for outcome in played.outcomes)
        assert begun == repairs, (begun, played.before.summary, played.trouble)
        return took, len(log.read_text().splitlines()) - before


def healthy(folder: Path, transport: str) -> tuple[Cost, Cost]:
    """A run of the playbook on 15 healthy instances, and of one with as many tasks that do nothing."""
    with simulator(folder, "--nodes", "5", "--instances", "15") as settings:
        hosts = {"cluster": host(connection(settings, transport))}
        ours = playbook(folder, hosts, "ganeti.autorepair.repair")
        tasks = ours.output.count("\nTASK [")
        assert tasks == TASKS, tasks
        return ours, playbook(folder, hosts, str(_empty_book(folder, tasks)))


def _empty_book(folder: Path, tasks: int) -> Path:
    task = "    - ansible.builtin.debug: {msg: nothing}"
    lines = ["- hosts: all", "  gather_facts: false", "  tasks:", *[task] * tasks]
    book = folder / "empty.yml"
    book.write_text("\n".join(lines) + "\n")
    return book


def fleet(folder: Path, clusters: int, forks: int, tries: int) -> list[tuple[Cost, ...]]:
    """Runs of the playbook on one healthy cluster and on so many, and the same with empty tasks; so often in turn."""
    with ExitStack() as running:
        hosts = {}
        for number in range(clusters):
            one = folder / f"cluster{number}"
            settings = running.enter_context(simulator(one, "--nodes", "5", "--instances", "15"))
            hosts[f"cluster{number}"] = host(connection(settings, "rapi"))
        books, options = ("ganeti.autorepair.repair", str(_empty_book(folder, TASKS))), ("--forks", str(forks))
        ways = [(book, limit) for book in books for limit in (("--limit", "cluster0"), ())]
        return [tuple(playbook(folder, hosts, book, *options, *limit) for book, limit in ways) for _ in range(tries)]


def growth(points: Sequence[tuple[int, float]]) -> float:
    """How often the cost of the last size is that of the one a tenth as large."""
    found = dict(points)
    last = max(found)
    return found[last] / found[last // 10]
