# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A drained node is alive, and its data is good: what is on it moves, or stays, but is never replaced by old data."""

from __future__ import annotations

from playbook import end_step
from vmlab import Guest

from .cluster import Cluster

LATE = ("app", "mail", "wiki")


def test_a_drained_node(cluster: Cluster) -> None:
    """What is in sync (web) moves while it writes. The mirrors of two are behind: one was stopped, and moves when its
    mirror is in sync; one crashed, and Ganeti refuses to move it. The node dies while the last three are moved."""
    lab = cluster.lab
    newest = part_mirrors(cluster, "halted", "crashed")
    lab.create(*(Guest(name, "node3", "node2") for name in ("web", *LATE)))
    sums = {name: lab.fill(name, "node3") for name in ("web", *LATE)}
    lab.succeed([[lab.opcode("SHUTDOWN", "halted", timeout=0)]])
    cluster.crash("crashed", "node3")
    lab.keep_writing("web", "node3")
    cluster.allow("failover")
    lab.mark("node3", drained=True)

    run = cluster.repair("web", "halted", over="luxi")
    cluster.repair("crashed", over="luxi", wait=False)
    lab.wait()
    blocks, data = lab.written("web", "node3")
    assert cluster.placed("web") == ("node2", ["node1"], "running"), run.output
    assert blocks and lab.seen_by("web", "node2") == lab.kept_on("web", "node1") == data != sums["web"]
    primary = cluster.placed("halted")[0]
    assert primary == "node3" or lab.kept_on("halted", primary) == newest["halted"]
    primary = cluster.placed("crashed")[0]
    assert primary == "node3" or lab.seen_by("crashed", primary) == newest["crashed"]
    assert newest["crashed"] in (lab.kept_on("crashed", "node3"), lab.kept_on("crashed", "node2"))

    it_dies_while_they_move(cluster, {name: sums[name] for name in LATE})


def part_mirrors(cluster: Cluster, *guests: str) -> dict[str, str]:
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


def it_dies_while_they_move(cluster: Cluster, sums: dict[str, str]) -> None:
    """The drained node dies in the middle of the migrations: what is left fails over, with its data."""
    lab = cluster.lab
    under_way = cluster.begin_repair(*sums, over="luxi")
    cluster.until("a migration", lambda: any(cluster.runs("INSTANCE_MIGRATE", name) for name in sums))
    lab.node("node3").switch_off()
    lab.mark("node3", offline=True)
    end_step(under_way)

    run = cluster.repair(*sums, over="luxi")
    for name, data in sums.items():
        told = (name, cluster.results(name), run.output)
        assert cluster.placed(name) == ("node2", ["node1"], "running"), told
        assert lab.seen_by(name, "node2") == lab.kept_on(name, "node1") == data, told
