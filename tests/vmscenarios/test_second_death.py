# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A second node dies, or a disk does: nothing that is left is given up, and no success is told of what is not there."""

from __future__ import annotations

from vmlab import Guest

from .cluster import Cluster, for_each

SLOW = "drbd:resync-rate=200,c-max-rate=200,c-min-rate=100,dynamic-resync=False"
NAMES = for_each("web")


def failed_disks(cluster: Cluster, node: str, state: str) -> dict[str, str]:
    """Instances on node3, mirrored on node2, whose volumes on one of these fail; the sums of what they write then."""
    lab = cluster.lab
    lab.create(*(Guest(name, "node3", "node2") for name in NAMES))
    for name in NAMES:
        lab.fill(name, "node3")
        lab.fail_disk(name, node)
    sums = {name: lab.fill(name, "node3") for name in NAMES}
    assert set(lab.mirrors("node3").values()) == {f"Connected {state}"}  # DRBD has given those volumes up
    return sums


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


def test_disks_of_the_secondary_fail(cluster: Cluster) -> None:
    """They had errors before the primary died: no success is told of data that can't be read."""
    lab = cluster.lab
    sums = failed_disks(cluster, "node2", "UpToDate/Diskless")
    cluster.allow("failover")
    cluster.dies("node3")

    runs = cluster.repair(wait_timeout=120)
    for name in NAMES:
        assert "success" not in [result for _, result in cluster.results(name)], runs[name.partition("-")[2]].output
    lab.boot("node3")
    assert {name: lab.kept_on(name, "node3") for name in NAMES} == sums


def test_disks_of_the_primary_fail(cluster: Cluster) -> None:
    """It works on its mirror then, and a failover brings back all that was written."""
    lab = cluster.lab
    sums = failed_disks(cluster, "node3", "Diskless/UpToDate")
    cluster.allow("failover")
    cluster.dies("node3")

    runs = cluster.repair()
    for name in NAMES:
        assert cluster.results(name) == [("failover", "success")], runs[name.partition("-")[2]].output
    assert {name: lab.seen_by(name, "node2") for name in NAMES} == sums
    assert {name: lab.kept_on(name, "node1") for name in NAMES} == sums
