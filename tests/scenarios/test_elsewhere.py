# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trouble that is not the step's own: it waits, or the repair goes on as what is needed by then."""

from __future__ import annotations

from lab.instances import Instance

from .conftest import TRANSPORTS, Cluster
from .rounds import each, for_each, gnt, held

TAG = "ganeti:watcher:autorepair:"


def until_quiet(cluster: Cluster) -> None:
    """Play rounds over each transport, letting their jobs end, until no repair of theirs is pending."""
    for _ in range(6):
        results = each(cluster)
        cluster.lab.wait_jobs()
        if not any(result["pending"] or result["changed"] for result in results.values()):
            return
    raise AssertionError({over: result["report"] for over, result in results.items()})


def results_of(cluster: Cluster, name: str) -> list[tuple[str, str]]:
    """The type and the result of each repair of an instance that has ended with one."""
    found = [tag.split(":") for tag in cluster.tags(name) if tag.startswith("result:")]
    return [(kind, result) for _, kind, _id, _then, result, _jobs in found]


def test_an_allocator_without_its_data(cluster: Cluster) -> None:
    """One dead node that nobody has marked: the repairs wait for it, and what no step of theirs did is no success."""
    lab = cluster.lab
    lab.create_all([Instance(name, "drbd", primary="node1", secondary="node3") for name in for_each("web")])
    lab.add_tags("cluster", "", TAG + "fix-storage")
    gnt(cluster, "gnt-cluster", "modify", "--candidate-pool-size=2")  # no job waits for a dead candidate
    lab.set_node("node3", drained=True)
    lab.node_off("node5")
    each(cluster)
    lab.wait_jobs()
    for name in for_each("web"):
        assert [job.status for job in cluster.jobs(name, "INSTANCE_REPLACE_DISKS")] == ["error"]

    for over, result in each(cluster, retries=0).items():
        assert not result["changed"] and held(result)[f"web-{over}"], result["report"]
        assert "node5" in str(result["report"]) and "--offline" in str(result["report"]), result["report"]
        assert not results_of(cluster, f"web-{over}")

    lab.set_node("node3", drained=False)
    each(cluster)
    lab.wait_jobs()
    for name in for_each("web"):
        assert not cluster.tags(name), cluster.tags(name)  # neither a success nor a failure: nothing was done


def test_a_drained_node(cluster: Cluster) -> None:
    """What has crashed there moves by failover, as does what is stopped, once its mirror was looked at; and when the
    node dies while it is emptied, what is left fails over."""
    lab, allowed = cluster.lab, (TAG + "migrate",)
    lab.create_all(
        [
            instance
            for over in TRANSPORTS
            for instance in (
                Instance(f"crashed-{over}", "rbd", primary="node3", tags=allowed),
                Instance(f"stopped-{over}", "drbd", primary="node3", secondary="node1", tags=allowed),
                Instance(f"lost-{over}", "drbd", primary="node3", secondary="node2"),
            )
        ]
    )
    for name in for_each("stopped"):
        gnt(cluster, "gnt-instance", "shutdown", name)
    lab.set_node("node3", drained=True)
    for name in for_each("crashed"):
        cluster.crash(name)
    until_quiet(cluster)
    for name in for_each("crashed"):
        assert results_of(cluster, name) == [("migrate", "success")], cluster.tags(name)
        primary, secondaries, status = cluster.placed(name)
        assert "node3" not in (primary, *secondaries) and status == "running"

    for name in for_each("stopped"):
        moves = cluster.jobs(name, "INSTANCE_FAILOVER")
        assert results_of(cluster, name) == [("migrate", "success")], cluster.tags(name)
        assert cluster.jobs(name, "INSTANCE_ACTIVATE_DISKS")[-1].status == moves[-1].status == "success"
        looked = "* checking disk consistency between source and target"  # only where the disks are active
        assert looked in str(moves[-1].log), moves[-1].log
        assert cluster.placed(name)[2] == "ADMIN_down"

    lab.add_tags("cluster", "", TAG + "failover")
    with cluster.busy("node1", "node2"):
        each(cluster)
        moves = [job for name in for_each("lost") for job in cluster.jobs(name, "INSTANCE_MIGRATE")]
        assert len(moves) == len(TRANSPORTS)
        for job in moves:
            cluster.wait_for(job.id, "waiting")
        gnt(cluster, "gnt-node", "modify", "--offline=yes", lab.node("node3").full_name)
        lab.node_off("node3")
    assert {job.status for job in lab.wait_jobs(job.id for job in moves)} == {"error"}
    lab.wait_jobs()
    until_quiet(cluster)
    for name in for_each("lost"):
        assert [result for _, result in results_of(cluster, name)] == ["success"], cluster.tags(name)
        assert cluster.jobs(name, "INSTANCE_FAILOVER")[-1].status == "success"
        primary, secondaries, status = cluster.placed(name)
        assert "node3" not in (primary, *secondaries) and status == "running"
