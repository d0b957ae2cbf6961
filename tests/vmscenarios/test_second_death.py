# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A second node dies, or a disk does: nothing that is left is given up, and no success is told of what is not there."""

from __future__ import annotations

from vmlab import Guest

from .cluster import Cluster, for_each

SLOW = "drbd:resync-rate=200,c-max-rate=200,c-min-rate=100,dynamic-resync=False"
NAMES = for_each("web")


def test_the_second_node_dies_in_the_resync(cluster: Cluster) -> None:
    """The only good copy dies before the new one is whole: it is kept, and is there when its node comes back."""
    lab = cluster.lab
    lab.create(*(Guest(name, "node2", "node3") for name in NAMES))
    sums = {name: lab.fill(name, "node2") for name in NAMES}
    lab.gnt("gnt-cluster", "modify", "-D", SLOW)  # for devices that are made from now on
    cluster.allow("failover")
    cluster.dies("node3")
    cluster.repair(wait=False)
    cluster.until("a resync", lambda: any("Inconsistent" in state for state in lab.mirrors("node1").values()))
    lab.node("node2").switch_off()
    lab.mark("node2", offline=True)  # waits for the replacement, which waits for the dead mirror
    lab.wait()

    runs = cluster.repair(wait_timeout=120)
    for name in NAMES:
        assert "success" not in [result for _, result in cluster.results(name)], runs[name.partition("-")[2]].output
        assert cluster.placed(name)[2] != "running"
    lab.boot("node2")
    assert {name: lab.kept_on(name, "node2") for name in NAMES} == sums


def test_disks_fail_before_the_primary_dies(cluster: Cluster) -> None:
    """Those of app on its secondary: no success is told of data that can't be read. Those of web on its primary: it
    works on its mirror then, and a failover brings back all that was written."""
    lab, broken = cluster.lab, {"app": "node2", "web": "node3"}
    names = for_each(*broken)
    lab.create(*(Guest(name, "node3", "node2") for name in names))
    for name in names:
        lab.fill(name, "node3")
        lab.fail_disk(name, broken[name.partition("-")[0]])
    sums = {name: lab.fill(name, "node3") for name in names}
    given_up = {"Connected UpToDate/Diskless", "Connected Diskless/UpToDate"}
    assert set(lab.mirrors("node3").values()) == given_up
    cluster.allow("failover")
    cluster.dies("node3")

    runs = cluster.repair("web")
    for name in for_each("web"):
        assert cluster.results(name) == [("failover", "success")], runs[name.partition("-")[2]].output
        assert lab.seen_by(name, "node2") == lab.kept_on(name, "node1") == sums[name]
    for _ in range(2):
        runs = cluster.repair("app", wait=False)
        lab.wait()
    for name in for_each("app"):
        assert "success" not in [result for _, result in cluster.results(name)], runs[name.partition("-")[2]].output
    lab.boot("node3")
    assert {name: lab.kept_on(name, "node3") for name in for_each("app")} == {
        name: sums[name] for name in for_each("app")
    }
