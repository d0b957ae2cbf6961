# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A second node dies: nothing that is left is given up, and no success is told of what is not there."""

from __future__ import annotations

from vmlab import Guest

from .cluster import Cluster

SLOW = "drbd:resync-rate=200,c-max-rate=200,c-min-rate=100,dynamic-resync=False"
NAMES = ("web", "app")


def test_the_second_node_dies_in_the_resync(cluster: Cluster) -> None:
    """The only good copy dies before the new one is whole: it is kept, and is there when its node comes back."""
    lab = cluster.lab
    lab.create(*(Guest(name, "node2", "node3") for name in NAMES))
    sums = {name: lab.fill(name, "node2") for name in NAMES}
    lab.gnt("gnt-cluster", "modify", "-D", SLOW)  # for devices that are made from now on
    cluster.allow("failover")
    cluster.dies("node3")
    cluster.repair(wait=False)
    cluster.until("a job that has begun to wait for a resync", cluster.waits_for_resync)
    assert any("Inconsistent" in state for state in lab.mirrors("node1").values())
    lab.node("node2").switch_off()
    lab.mark("node2", offline=True)  # waits for the replacement, which waits for the dead mirror
    lab.wait()

    run = cluster.repair(wait_timeout=120)
    for name in NAMES:
        assert "success" not in [result for _, result in cluster.results(name)], run.output
        assert cluster.placed(name)[2] != "running"
    lab.boot("node2")
    assert {name: lab.kept_on(name, "node2") for name in NAMES} == sums
