# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A drained node is alive, and its data is good: what is on it moves, or stays, but is never replaced by old data."""

from __future__ import annotations

from collections.abc import Iterable

from playbook import end_step
from vmlab import Guest

from .cluster import Cluster, for_each


def part_mirrors(cluster: Cluster, guests: Iterable[str]) -> dict[str, str]:
    """Instances on node3 that went on writing while node2 rebooted, and are not connected again; their sums."""
    lab = cluster.lab
    lab.create(*(Guest(name, "node3", "node2") for name in guests))
    for name in guests:
        lab.fill(name, "node3")
    lab.node("node2").switch_off()
    cluster.lose_peers("node3")
    sums = {name: lab.fill(name, "node3") for name in guests}
    lab.boot("node2")
    return sums


def test_mirrors_that_were_behind(cluster: Cluster) -> None:
    """While its mirror was apart one was stopped: it moves once that is in step, with its data. Another one crashed:
    Ganeti refuses to fail it over, and its data stays on the drained node. What is in step beside them moves."""
    lab = cluster.lab
    newest = part_mirrors(cluster, for_each("halted", "crashed"))
    lab.create(*(Guest(name, "node3", "node2") for name in for_each("web")))
    moved = {name: lab.fill(name, "node3") for name in for_each("web")}
    lab.succeed([lab.opcode("SHUTDOWN", name, timeout=0)] for name in for_each("halted"))
    for name in for_each("crashed"):
        cluster.crash(name)
    cluster.allow("migrate")
    lab.mark("node3", drained=True)

    cluster.repair("crashed", wait=False)
    runs = cluster.repair("web", "halted")
    cluster.repair("crashed", wait=False)
    lab.wait()
    for name, data in moved.items():
        assert cluster.placed(name) == ("node2", ["node1"], "running"), runs[name.partition("-")[2]].output
        assert lab.seen_by(name, "node2") == lab.kept_on(name, "node1") == data
    for name in for_each("halted"):
        primary = cluster.placed(name)[0]
        assert primary == "node3" or lab.kept_on(name, primary) == newest[name], name
    for name in for_each("crashed"):
        primary = cluster.placed(name)[0]
        assert primary == "node3" or lab.seen_by(name, primary) == newest[name], name
        assert newest[name] in (lab.kept_on(name, "node3"), lab.kept_on(name, "node2"))


def test_it_dies_while_it_is_emptied(cluster: Cluster) -> None:
    """A drained node dies in the middle of the migrations: what is left fails over, with its data."""
    lab = cluster.lab
    names = for_each("web", "app")
    lab.create(*(Guest(name, "node3", "node2") for name in names))
    sums = {name: lab.fill(name, "node3") for name in names}
    cluster.allow("failover")
    lab.mark("node3", drained=True)
    under_way = cluster.begin_repair()
    cluster.until("a migration", lambda: any(cluster.runs("INSTANCE_MIGRATE", name) for name in names))
    lab.node("node3").switch_off()
    lab.mark("node3", offline=True)
    end_step(under_way)

    runs = cluster.repair()
    for name in names:
        told = (name, cluster.results(name), runs[name.partition("-")[2]].output)
        assert cluster.placed(name) == ("node2", ["node1"], "running"), told
        assert lab.seen_by(name, "node2") == lab.kept_on(name, "node1") == sums[name], told
