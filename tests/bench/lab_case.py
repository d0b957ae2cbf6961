# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The case on real Ganeti: of five nodes one dies, with nine of 26 instances; everybody heals it once.

Four are drbd primaries there, four drbd secondaries; the ninth is local, and nobody may reinstall it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lab import Instance, Lab, luxi
from lab.luxi import Opcode
from playbook import play

DEAD = "node3"
TAG = "ganeti:watcher:autorepair:failover"
REPAIRS = ("INSTANCE_FAILOVER", "INSTANCE_REPLACE_DISKS")
OTHERS = ("node1", "node2", "node4", "node5")
ROUNDS = 30


@dataclass(frozen=True)
class Run:
    """One healing, in seconds since it was begun.

    `first` is when the first command of it had ended, `submitted` when the first job of the last repair was in the
    queue, `healed` when the last repair's last job had ended, `over` when nobody was at work any more.
    """

    first: float
    submitted: float
    healed: float
    over: float
    jobs: int


def instances() -> list[Instance]:
    """The 26, of which nine have to do with the node that dies."""
    turns = cycle(OTHERS)
    broken = [Instance(f"p{number}", "drbd", DEAD, node) for number, node in enumerate(OTHERS)]
    broken += [Instance(f"s{number}", "drbd", node, DEAD) for number, node in enumerate(OTHERS)]
    broken += [Instance("local", "plain", DEAD)]
    whole = [Instance(f"w{number}", "plain", node) for number, node in enumerate(islice(turns, 17))]
    return broken + whole


def breakdown(lab: Lab) -> None:
    """The same cluster, freshly made, in which the node has just died."""
    lab.reset()
    lab.create_all(instances())
    lab.add_tags("cluster", "", TAG)
    lab.node_off(DEAD, offline=True)


def heal(lab: Lab, way: Callable[[Lab], float]) -> Run:
    """Break the cluster and have it healed in one `way`; that returns how long its first command took."""
    breakdown(lab)
    before = max(job.id for job in lab.jobs())
    begin = time.time()
    first = way(lab)
    over = time.time() - begin
    lab.wait_jobs()
    left = [row[0] for row in luxi.rows(lab.luxi_socket, "instance", ["name"], _on_the_dead_node(lab))]
    assert left == [lab.full_name("local")], f"not healed: {left}"
    fields = ["id", "summary", "received_ts", "end_ts"]
    jobs = luxi.rows(lab.luxi_socket, "job", fields, [">", "id", before])
    repairs = [row for row in jobs if any(text.startswith(REPAIRS) for text in row[1])]
    begun: dict[str, float] = {}
    for _, summary, received, _ in sorted(repairs):
        begun.setdefault(summary[-1].partition("(")[2], _seconds(received) - begin)
    assert len(begun) == 8, begun
    healed = max(_seconds(row[3]) for row in repairs) - begin
    return Run(first, max(begun.values()), healed, over, len(jobs))


def _on_the_dead_node(lab: Lab) -> list[Any]:
    name = lab.node(DEAD).full_name
    return ["|", ["=", "pnode", name], ["=[]", "snodes", name]]


def _seconds(stamp: list[int]) -> float:
    return stamp[0] + stamp[1] / 1e6


def bare(lab: Lab) -> float:
    """The repair jobs alone, submitted at once: as fast as Ganeti itself can be."""
    fail = [[failover(lab, f"p{number}"), replace(lab, f"p{number}")] for number in range(4)]
    ids = luxi.submit(lab.luxi_socket, [*fail, *([replace(lab, f"s{number}")] for number in range(4))])
    luxi.wait(lab.luxi_socket, ids, 300)
    return 0.0


def failover(lab: Lab, name: str) -> Opcode:
    """What moves an instance to its secondary."""
    return {"OP_ID": "OP_INSTANCE_FAILOVER", "instance_name": lab.full_name(name), "ignore_consistency": True}


def replace(lab: Lab, name: str) -> Opcode:
    """What gives an instance a new secondary."""
    mode = {"mode": "replace_new_secondary", "iallocator": "hail"}
    return {"OP_ID": "OP_INSTANCE_REPLACE_DISKS", "instance_name": lab.full_name(name), **mode}


def harep(lab: Lab) -> float:
    """Ganeti's own tool, at its fastest: without its delay, run after run until it finds nothing to do."""
    first = 0.0
    for _ in range(ROUNDS):
        begin = time.time()
        said = lab.run("node1", ["harep", "--job-delay=0"]).stdout
        first = first or time.time() - begin
        if "Pending repair" not in said and "Executing" not in said:
            return first
    raise AssertionError(said)


def ours(transport: str, folder: Path) -> Callable[[Lab], float]:
    """The playbook, once, which waits until nothing is left to do."""

    def way(lab: Lab) -> float:
        begin = time.time()
        run = play(folder, {**connection(lab, transport), "wait": True, "wait_timeout": 300})
        assert run.code == 0, run.output
        return time.time() - begin

    return way


def connection(lab: Lab, transport: str) -> Mapping[str, object]:
    """The options that lead to the lab."""
    if transport == "luxi":
        return {"transport": "luxi", "luxi_socket": str(lab.luxi_socket)}
    address, user = urlsplit(lab.rapi_url), lab.users["write"]
    return {
        "rapi_host": address.hostname,
        "rapi_port": address.port,
        "rapi_user": user.name,
        "rapi_password": user.password,
        "rapi_ca_path": str(lab.ca_file),
    }
