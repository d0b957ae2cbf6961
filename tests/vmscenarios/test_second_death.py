# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A second node dies: nothing that is left is given up, and no success is told of what is not there."""

from __future__ import annotations

from vmlab import Guest

from .cluster import Cluster


def test_the_second_node_dies_in_the_resync(cluster: Cluster) -> None:
    """The only good copy dies before the new one is whole: it is kept, and is there when its node comes back.

    There is one instance, as the job of another one would be asking the node when it dies.
    """
    lab = cluster.lab
    lab.create(Guest("web", "node2", "node3"))
    data = lab.fill("web", "node2")
    lab.node("node1").slow_down()  # the new copy is made there
    cluster.allow("failover")
    cluster.dies("node3")
    cluster.repair(wait=False)
    cluster.until("a resync", lambda: any(state.startswith("SyncTarget") for state in lab.mirrors("node1").values()))
    cluster.until("a job that has begun to wait for it", cluster.waits_for_resync)
    lab.node("node2").switch_off()
    lab.mark("node2", offline=True)  # waits for the replacement, which waits for the dead mirror
    lab.wait()

    run = cluster.repair(wait_timeout=120)
    assert "success" not in [result for _, result in cluster.results("web")], run.output
    assert cluster.placed("web")[2] != "running"
    lab.boot("node2")
    assert lab.kept_on("web", "node2") == data
