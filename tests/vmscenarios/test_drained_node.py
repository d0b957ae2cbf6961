# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A drained node is alive, and its data is good: what is on it moves, or stays, but is never replaced by old data."""

from __future__ import annotations

import pytest

from playbook import end_step
from vmlab import Guest

from .cluster import Cluster


def part_mirrors(cluster: Cluster, *guests: str) -> dict[str, str]:
    """Let node2 reboot while these instances write on node3; return their sums. Nothing connects the mirrors again."""
    lab = cluster.lab
    lab.node("node2").switch_off()
    cluster.lose_peer("node3")
    sums = {name: lab.fill(name, "node3") for name in guests}
    lab.boot("node2")
    return sums


@pytest.mark.xfail(raises=AssertionError, strict=True, reason="the failover of a stopped instance looks at no mirror")
def test_a_stopped_instance_whose_mirror_was_behind(either: Cluster) -> None:
    """It was stopped while its mirror was apart: it stays where its data is, or its data comes along."""
    cluster, lab = either, either.lab
    lab.create(Guest("halted", "node3", "node2"))
    lab.fill("halted", "node3")
    sums = part_mirrors(cluster, "halted")
    lab.job("SHUTDOWN", "halted", timeout=0)
    cluster.allow("migrate")
    lab.mark("node3", drained=True)

    cluster.repair()
    primary = cluster.placed("halted")[0]
    assert primary == "node3" or lab.kept_on("halted", primary) == sums["halted"]


def test_a_crashed_instance_whose_mirror_is_behind(either: Cluster) -> None:
    """Ganeti refuses to fail it over: its data stays on the drained node, and what is in step beside it moves."""
    cluster, lab = either, either.lab
    lab.create(Guest("crashed", "node3", "node2"))
    lab.fill("crashed", "node3")
    sums = part_mirrors(cluster, "crashed")
    lab.create(Guest("web", "node3", "node2"))
    sums["web"] = lab.fill("web", "node3")
    cluster.crash("crashed")
    cluster.allow("migrate")
    lab.mark("node3", drained=True)

    run = cluster.repair(wait_timeout=180)
    assert cluster.placed("web") == ("node2", ["node1"], "running"), run.output
    assert lab.seen_by("web", "node2") == lab.kept_on("web", "node1") == sums["web"]
    primary = cluster.placed("crashed")[0]
    assert primary == "node3" or lab.seen_by("crashed", primary) == sums["crashed"], run.output
    assert sums["crashed"] in (lab.kept_on("crashed", "node3"), lab.kept_on("crashed", "node2"))


def test_it_dies_while_it_is_emptied(either: Cluster) -> None:
    """A drained node dies in the middle of the migrations: what is left fails over, with its data."""
    cluster, lab = either, either.lab
    names = ("web", "app", "db")
    lab.create(*(Guest(name, "node3", "node2") for name in names))
    sums = {name: lab.fill(name, "node3") for name in names}
    cluster.allow("failover")
    lab.mark("node3", drained=True)
    under_way = cluster.begin_repair()
    cluster.until("a migration", lambda: any(cluster.runs("INSTANCE_MIGRATE", name) for name in names))
    lab.node("node3").switch_off()
    lab.mark("node3", offline=True)
    end_step(under_way)

    run = cluster.repair()
    for name in names:
        assert cluster.placed(name) == ("node2", ["node1"], "running"), (name, cluster.results(name), run.output)
        assert lab.seen_by(name, "node2") == lab.kept_on(name, "node1") == sums[name], name
