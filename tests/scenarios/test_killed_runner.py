# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runners that are killed, and runners side by side, on real Ganeti: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.instances import Instance
from playbook import BUILD, end_step, start_step

from .conftest import Cluster
from .proxy import ANSWERED, BEFORE, SENT

TAG = "ganeti:watcher:autorepair:"
MANY = {"max_in_flight": 1000}
# Transport, number of the write, phase; the first and the last write of a round are the claim's.
MOVED = [
    *(("rapi", write, phase) for write, phase in ((1, SENT), (2, SENT), (3, BEFORE), (3, SENT), (4, BEFORE))),
    *(("luxi", write, phase) for write, phase in ((2, SENT), (2, ANSWERED), (3, SENT))),
]
WIPED = [
    [("rapi", 3, SENT), ("rapi", 2, SENT)],  # the recreation, and in the next round the reinstall, which has no reason
    [("luxi", 2, SENT)],  # all of it
]
LATER = [("rapi", 3, SENT), ("luxi", 2, ANSWERED), ("rapi", 5, ANSWERED), ("luxi", 3, SENT)]  # of rounds over them all


@dataclass
class Killer:
    """Kills a process in a phase of its n-th write; from then on nothing of it goes through."""

    process: subprocess.Popen[str]
    write: int
    phase: str
    seen: int = 0
    struck: bool = False

    def __call__(self, phase: str) -> bool:
        """Watch a phase of a write."""
        self.seen += phase == BEFORE
        if not self.struck and (self.seen, phase) == (self.write, self.phase):
            self.struck = True
            self.process.kill()
            self.process.wait()
        return not self.struck


def kill(cluster: Cluster, point: tuple[str, int, str], **options: object) -> bool:
    """Run a round until it has come to a point, and kill it there; whether it came so far. Its claim is taken away, as
    a person does who knows that the runner is dead."""
    cluster.transport, write, phase = point
    process = start_step(cluster.options(**MANY, **options))
    cluster.proxy.watcher = killer = Killer(process, write, phase)
    process.communicate()
    cluster.proxy.watcher = lambda phase: True
    cluster.lab.wait_jobs()
    claims = [tag for tag in cluster.lab.tags("cluster") if tag.startswith(TAG + "claim:")]
    if claims:
        cluster.lab.remove_tags("cluster", "", *claims)
    return killer.struck


def reaches(cluster: Cluster, point: tuple[str, int, str], name: str) -> bool:
    """Kill a round at a point; once more where it had to leave before, as the claim of the one before came late."""
    return any(kill(cluster, point, instances=[name]) for _ in range(2))


def kill_tree(root: int) -> None:
    """Kill a process and all that it has started: ansible's workers are in sessions of their own."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    family = [root]
    for member in family:
        os.kill(member, signal.SIGSTOP)
        family += [child for child, parent in parents.items() if parent == member]
    for member in family:
        os.kill(member, signal.SIGKILL)


def done(cluster: Cluster, operation: str, name: str) -> int:
    """How many jobs of an operation there were for an instance."""
    wanted = f"INSTANCE_{operation}({cluster.lab.full_name(name)})"
    return sum(job.summary.count(wanted) for job in cluster.lab.jobs())


def test_killed_at_many_points(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    """Each point has an instance of its own; in the end every step was done once, and every repair has its result."""
    lab = cluster.lab
    moved = [f"moved{number}" for number, _ in enumerate(MOVED)]
    wiped = [f"wiped{number}" for number, _ in enumerate(WIPED)]
    lab.create_all(
        [Instance(name, "rbd", primary="node3") for name in moved]
        + [Instance(name, "plain", primary="node3", tags=(TAG + "reinstall",)) for name in wiped]
    )
    lab.add_tags("cluster", "", TAG + "failover")
    lab.node_off("node3", offline=True)
    points = [(name, point) for name, point in zip(moved, MOVED, strict=True)]
    points += [(name, point) for name, several in zip(wiped, WIPED, strict=True) for point in several]
    missed = [(name, point) for name, point in points if not reaches(cluster, point, name)]
    assert not missed
    later = sum(kill(cluster, point) for point in LATER)
    with capsys.disabled():
        print(f"\n{len(points) + later} runners killed on real Ganeti")
    cluster.transport = "rapi"
    runs = cluster.repair_until_quiet(**MANY)
    assert not cluster.proxy.writes
    assert {instance["state"] for instance in runs[-1].instances.values()} == {"healthy"}
    assert [done(cluster, "FAILOVER", name) for name in moved] == [1] * len(moved)
    assert [done(cluster, "RECREATE_DISKS", name) for name in wiped] == [1] * len(wiped)
    assert [done(cluster, "REINSTALL", name) for name in wiped] == [1] * len(wiped)
    for name in moved + wiped:
        (result,) = [tag for tag in cluster.tags(name) if tag != "reinstall"]
        assert result.startswith("result:") and ":success:" in result, result


def test_two_runners_at_once(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    """Nine times two start together, over either transport, and both claim it: one writes, then the other."""
    lab = cluster.lab
    names = [f"web{number}" for number in range(9)]
    lab.create_all([Instance(name, "rbd", primary="node3") for name in names])
    lab.add_tags("cluster", "", TAG + "failover")
    lab.node_off("node3", offline=True)
    met = 0
    for number, name in enumerate(names):
        runners = []
        cluster.proxy.seen.clear()
        for transport in (("rapi", "luxi"), ("rapi", "rapi"), ("luxi", "luxi"))[number % 3]:
            cluster.transport = transport
            runners.append(start_step(cluster.options(**MANY, instances=[name])))
        results = [end_step(runner) for runner in runners]
        claims = [one for one in cluster.proxy.writes if "claim" in one.path]
        met += len(claims) > 1 and not any(one.method == "DELETE" or "OP_TAGS_DEL" in one.path for one in claims[:2])
        assert done(cluster, "FAILOVER", name) <= 1, results
    with capsys.disabled():
        print(
            f"\n{len(names)} pairs of runners at once, of which {met} had both claimed the cluster before either let go"
        )
    assert met
    lab.wait_jobs()
    cluster.transport = "rapi"
    runs = cluster.repair_until_quiet(**MANY)
    assert {instance["state"] for instance in runs[-1].instances.values()} == {"healthy"}
    assert [done(cluster, "FAILOVER", name) for name in names] == [1] * len(names)
    assert lab.tags("cluster") == [TAG + "failover"]


@dataclass
class Gate:
    """Keeps whatever a runner writes after its claim, until it is opened."""

    came: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)
    seen: int = 0

    def __call__(self, phase: str) -> bool:
        """Watch a phase of a write."""
        self.seen += phase == BEFORE
        if phase == BEFORE and self.seen > 1:
            self.came.set()
            assert self.opened.wait(30)
        return True


@pytest.mark.parametrize(("first", "second"), [("rapi", "luxi"), ("luxi", "rapi")])
def test_a_runner_that_comes_while_another_writes(cluster: Cluster, first: str, second: str) -> None:
    """It writes nothing, and says who does; the other one goes on as if nothing had been."""
    lab = cluster.lab
    lab.create_all([Instance("web", "rbd", primary="node3")])
    lab.add_tags("cluster", "", TAG + "failover")
    lab.node_off("node3", offline=True)
    cluster.proxy.watcher = gate = Gate()
    cluster.transport = first
    writer = start_step(cluster.options())
    assert gate.came.wait(30)
    (claim,) = [tag for tag in lab.tags("cluster") if ":claim:" in tag]
    cluster.transport = second
    held = end_step(start_step(cluster.options()))
    gate.opened.set()
    assert end_step(writer)["pending"] == 1
    assert not held["changed"]
    (action,) = held["actions"]
    assert f"the cluster is claimed by {claim.split(':')[4]}" in action["reason"]
    lab.wait_jobs()
    assert done(cluster, "FAILOVER", "web") == 1
    assert lab.tags("cluster") == [TAG + "failover"]


def test_a_playbook_that_is_killed(cluster: Cluster, tmp_path: Path) -> None:
    """AWX kills a job with all its processes. Its claim keeps the next round waiting until it runs out."""
    lab = cluster.lab
    lab.create_all([Instance(name, "rbd", primary="node3") for name in ("one", "two")])
    lab.add_tags("cluster", "", TAG + "failover")
    lab.node_off("node3", offline=True)
    inventory = tmp_path / "inventory"
    inventory.write_text('c ansible_connection=local ansible_python_interpreter="{{ ansible_playbook_python }}"\n')
    settings = {f"GANETI_{name.upper()}": str(value) for name, value in cluster.options().items()}
    runner = subprocess.Popen(
        ["ansible-playbook", "--inventory", str(inventory), "ganeti.autorepair.repair"],
        env={**os.environ, **settings, "ANSIBLE_COLLECTIONS_PATH": str(BUILD / "collections")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while len(cluster.proxy.writes) < 3 and runner.poll() is None:
        time.sleep(0.01)
    kill_tree(runner.pid)
    runner.wait()
    lab.wait_jobs()

    (claim,) = [tag for tag in lab.tags("cluster") if ":claim:" in tag]
    holder = claim.split(":")[4]
    blocked = cluster.repair()
    assert blocked.code == 0
    assert not cluster.proxy.writes, (claim, lab.tags("cluster"), cluster.proxy.seen, blocked.output)
    untold = [one for one in blocked.step["actions"] if one["action"] != "wait" and holder not in one["reason"]]
    assert not untold, untold
    soon = int(time.time()) + 8  # nobody wants to wait for five minutes
    lab.add_tags("cluster", "", f"{TAG}claim:{holder}:{soon}")
    lab.remove_tags("cluster", "", claim)
    run = cluster.repair(wait=True, wait_timeout=120)
    assert run.code == 0, run.output
    assert time.time() > soon
    assert "repairs under way" in run.output or not run.step["under_way"]
    assert {instance["state"] for instance in cluster.repair("--check").instances.values()} == {"healthy"}
    assert [done(cluster, "FAILOVER", name) for name in ("one", "two")] == [1, 1]
    assert not [tag for tag in lab.tags("cluster") if ":claim:" in tag]
