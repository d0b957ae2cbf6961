# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A second node dies, or a disk does: nothing that is left is given up, and no success is told of what is not there."""

from __future__ import annotations

from vmlab import Guest

from .cluster import Cluster

SLOW = "drbd:resync-rate=200,c-max-rate=200,c-min-rate=100,dynamic-resync=False"


def test_the_second_node_dies_in_the_resync(either: Cluster) -> None:
    """The only good copy dies before the new one is whole: it is kept, and is there when its node comes back."""
    cluster, lab = either, either.lab
    lab.create(Guest("web", "node2", "node3"))
    data = lab.fill("web", "node2")
    lab.gnt("gnt-cluster", "modify", "-D", SLOW)  # for devices that are made from now on
    cluster.allow("failover")
    lab.node("node3").switch_off()
    lab.mark("node3", offline=True)
    cluster.repair(wait=False)
    cluster.until("a resync", lambda: any("Inconsistent" in state for state in lab.mirrors("node1").values()), 180)
    lab.node("node2").switch_off()
    lab.mark("node2", offline=True)
    lab.wait()

    run = cluster.repair(wait_timeout=120)
    assert ("failover", "success") not in cluster.results("web"), run.output
    assert ("fix-storage", "success") not in cluster.results("web"), run.output
    assert cluster.placed("web")[2] != "running"
    assert lab.boot("node2").is_on
    assert lab.kept_on("web", "node2") == data


def test_disks_of_the_secondary_fail(either: Cluster) -> None:
    """The secondary's disks had errors before the primary died: no success is told of data that can't be read."""
    cluster, lab = either, either.lab
    lab.create(Guest("web", "node3", "node2"))
    lab.fill("web", "node3")
    lab.fail_disk("web", "node2")
    data = lab.fill("web", "node3")  # the mirror's write fails there, and its DRBD gives the disk up
    assert list(lab.mirrors("node3").values()) == ["Connected UpToDate/Diskless"]
    cluster.allow("failover")
    lab.node("node3").switch_off()
    lab.mark("node3", offline=True)

    run = cluster.repair(wait_timeout=120)
    assert ("failover", "success") not in cluster.results("web"), run.output
    lab.boot("node3")
    assert lab.kept_on("web", "node3") == data


def test_disks_of_the_primary_fail(cluster: Cluster) -> None:
    """The primary reads from its mirror then, and a failover brings back all that was written."""
    lab = cluster.lab
    lab.create(Guest("web", "node3", "node2"))
    lab.fill("web", "node3")
    lab.fail_disk("web", "node3")
    data = lab.fill("web", "node3")
    assert list(lab.mirrors("node3").values()) == ["Connected Diskless/UpToDate"]
    cluster.allow("failover")
    lab.node("node3").switch_off()
    lab.mark("node3", offline=True)

    run = cluster.repair()
    assert cluster.results("web") == [("failover", "success")], run.output
    assert lab.seen_by("web", "node2") == lab.kept_on("web", "node1") == data
