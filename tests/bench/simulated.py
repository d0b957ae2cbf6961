# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sizes that no lab can hold, on the simulated cluster."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from .processes import Cost, connection, host, module, playbook, simulator

PER_NODE = 30  # instances
DEAD = 0.075  # of the nodes, with about a tenth of the instances
ANSWER = 0.02  # seconds
TASKS = 12  # of the playbook repair where nothing is to be done; one of them, the facts, runs a module
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
    """A round that begins so many, each answer taking its time: its seconds, without those that a module takes to start
    and to read, and the number of requests."""
    options = ("--latency", str(ANSWER * 1000), "--speed", "1000")
    with simulator(folder, *size(repairs * 10, 2 * DEAD), *options) as settings:
        log = folder / "requests.log"
        given = {**connection(settings, transport), **UNLIMITED, **BRAKES_OFF, "max_in_flight": repairs}
        read = module("facts", {**given, "instances_in_facts": "none"})
        before = len(log.read_text().splitlines())
        whole = module("step", {**given, "connections": connections})
        requests = log.read_text().splitlines()[before:]
        begun = [line for line in requests if re.search(r"failover|replace-disks|OP_INSTANCE", line)]
        assert len(begun) >= repairs, requests[-3:]
        return whole.wall - read.wall, len(requests) - before


def healthy(folder: Path, transport: str) -> tuple[Cost, Cost, Cost]:
    """A run of the playbook on 15 healthy instances; and of two with as many tasks that do nothing: one whose tasks all
    stay with the controller, and one that runs as many modules."""
    with simulator(folder, "--nodes", "5", "--instances", "15") as settings:
        hosts = {"cluster": host(connection(settings, transport))}
        ours = playbook(folder, hosts, "ganeti.autorepair.repair")
        tasks = ours.output.count("\nTASK [")
        assert tasks == TASKS, tasks
        idle, pinging = (playbook(folder, hosts, str(_empty_book(folder, tasks, modules))) for modules in (0, 1))
    return ours, idle, pinging


def _empty_book(folder: Path, tasks: int, modules: int) -> Path:
    kinds = ["ansible.builtin.ping: {}"] * modules + ["ansible.builtin.debug: {msg: nothing}"] * (tasks - modules)
    lines = ["- hosts: all", "  gather_facts: false", "  tasks:", *(f"    - {kind}" for kind in kinds)]
    book = folder / "empty.yml"
    book.write_text("\n".join(lines) + "\n")
    return book


def fleet(folder: Path, clusters: int, forks: int) -> tuple[Cost, Cost, Cost, Cost]:
    """A run of the playbook on one healthy cluster and on so many, and the same with empty tasks."""
    with ExitStack() as running:
        hosts = {}
        for number in range(clusters):
            one = folder / f"cluster{number}"
            settings = running.enter_context(simulator(one, "--nodes", "5", "--instances", "15"))
            hosts[f"cluster{number}"] = host(connection(settings, "rapi"))
        book, options = _empty_book(folder, TASKS, 1), ("--forks", str(forks))
        return tuple(  # type: ignore[return-value]  # of four
            playbook(folder, hosts, name, *options, *limit)
            for name in ("ganeti.autorepair.repair", str(book))
            for limit in (("--limit", "cluster0"), ())
        )


def growth(points: Sequence[tuple[int, float]]) -> float:
    """How often the cost of the last size is that of the one a tenth as large."""
    found = dict(points)
    last = max(found)
    return found[last] / found[last // 10]
