# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tags are not taken at their word about jobs: one counts only if it is about this very instance."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from lab.instances import Instance

from .conftest import TRANSPORTS, Cluster
from .rounds import held, steps

TAG = "ganeti:watcher:autorepair:"


def without_writes(cluster: Cluster, **options: object) -> Iterator[Mapping[str, Any]]:
    """Play a round over each transport, which is to write nothing."""
    for cluster.transport in TRANSPORTS:
        result = steps(cluster, **options)
        assert not result["changed"] and not cluster.proxy.writes, result["report"]
        yield result


def test_tags_that_name_jobs_of_others(cluster: Cluster) -> None:
    """A healthy instance is not reinstalled because another's disks were recreated; and job numbers may begin anew."""
    lab, then = cluster.lab, int(time.time()) - 60
    lab.create_all(
        [
            Instance("healthy", "plain", primary="node1"),
            Instance("broken", "rbd", primary="node3"),
            Instance("wiped", "plain", primary="node3", tags=(TAG + "reinstall",)),
            Instance("moved", "rbd", primary="node4"),
        ]
    )
    lab.set_node("node3", offline=True)
    for _ in range(3):
        steps(cluster, instances=["wiped"])
        lab.wait_jobs()
    (recreation,) = cluster.jobs("wiped", "INSTANCE_RECREATE_DISKS")
    assert recreation.status == "success" and cluster.placed("wiped")[2] == "running"

    copied = f"{TAG}pending:reinstall:copied:{then}:{recreation.id}"
    lab.add_tags("instance", "healthy", copied)
    for result in without_writes(cluster, instances=["healthy"]):
        assert held(result) == {"healthy": "unreadable_tag"} and copied in str(result["report"]), result["report"]
        assert result["needs_person"] == [lab.full_name("healthy")]

    cluster.purge_queue()
    lab.add_tags("instance", "broken", f"{TAG}pending:failover:ours:{then}:20")
    for result in without_writes(cluster, instances=["broken"], max_in_flight=0):
        assert held(result) == {"broken": "max_in_flight"}, result["report"]  # nobody knows a job: it has not begun

    cluster.purge_queue(last=19)
    assert lab.rapi("PUT", "/2/instances/moved.lab.example/failover", {}) == (200, 20)
    assert [job.status for job in lab.wait_jobs([20])] == ["success"]
    for result in without_writes(cluster, instances=["broken"]):
        assert held(result) == {"broken": "unreadable_tag"}, result["report"]

    for cluster.transport, name in zip(TRANSPORTS, ("wiped", "moved"), strict=True):  # asked for, and not needed
        before = cluster.tags(name)
        lab.add_tags("instance", name, f"{TAG}pending:failover:asked:{then}:")
        steps(cluster, instances=[name])
        lab.wait_jobs()
        assert cluster.tags(name) == before, "no step was taken, so there is no success"
    assert not cluster.jobs("broken", "INSTANCE_FAILOVER") and not cluster.jobs("healthy", "INSTANCE_REINSTALL")
