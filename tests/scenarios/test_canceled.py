# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs that are canceled while they wait in Ganeti's queue: by people, and by us when they are not needed any more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from lab.instances import Instance

from .conftest import TRANSPORTS, Cluster
from .rounds import each, for_each

TAG = "ganeti:watcher:autorepair:"
STEP = {"wiped": "RECREATE_DISKS", "shared": "FAILOVER", "stopped": "RECREATE_DISKS", "alive": "FAILOVER"}


def statuses(cluster: Cluster, kind: str) -> dict[str, list[str]]:
    """How the jobs for the step of these instances stand, by transport."""
    operation = f"INSTANCE_{STEP[kind]}"
    return {over: [job.status for job in cluster.jobs(f"{kind}-{over}", operation)] for over in TRANSPORTS}


def test_a_job_that_waits_is_canceled(cluster: Cluster) -> None:
    """A person's cancel holds until the person resumes; and when a node is back, its instances stay as they are."""
    lab = cluster.lab
    lab.create_all(
        [
            instance
            for over in TRANSPORTS
            for instance in (
                Instance(f"wiped-{over}", "plain", primary="node3", tags=(TAG + "reinstall",)),
                Instance(f"shared-{over}", "rbd", primary="node3"),
                Instance(f"stopped-{over}", "plain", primary="node4", running=False, tags=(TAG + "reinstall",)),
                Instance(f"alive-{over}", "rbd", primary="node4"),
            )
        ]
    )
    lab.add_tags("cluster", "", TAG + "failover")
    lab.set_node("node3", offline=True)
    lab.set_node("node4", offline=True)
    with cluster.busy("node1", "node2", "node5"):
        each(cluster)
        waiting = {name: cluster.jobs(name, f"INSTANCE_{STEP[name.partition('-')[0]]}") for name in for_each(*STEP)}
        assert {len(jobs) for jobs in waiting.values()} == {1}, waiting
        for (job,) in waiting.values():
            cluster.wait_for(job.id, "waiting")
        with ThreadPoolExecutor() as pool:  # Ganeti comes to a job that waits after 5, 13, 27 or 57 seconds
            unwanted = [job for name in for_each("wiped", "shared") for job in waiting[name]]
            canceled = pool.submit(cluster.cancel, unwanted)
            lab.set_node("node4", offline=False)
            each(cluster)
            canceled.result()
    lab.wait_jobs()
    each(cluster)
    lab.wait_jobs()

    for kind in STEP:
        assert statuses(cluster, kind) == {over: ["canceled"] for over in TRANSPORTS}, kind
    for name in for_each("wiped", "shared"):  # the person's word stands where every runner finds it
        assert [tag for tag in cluster.tags(name) if tag != "reinstall"] == ["suspend"], cluster.tags(name)
        assert cluster.placed(name)[0] == "node3"
    for name in for_each("stopped", "alive"):
        assert not [tag for tag in cluster.tags(name) if tag != "reinstall"], cluster.tags(name)
        assert cluster.placed(name) == ("node4", [], "running" if "alive" in name else "ADMIN_down")
    assert len(cluster.volumes("node4")) == len(TRANSPORTS) and not cluster.volumes("node5")

    for name in for_each("shared"):
        lab.remove_tags("instance", name, TAG + "suspend")
    each(cluster, "shared")
    lab.wait_jobs()
    assert statuses(cluster, "shared") == {over: ["canceled", "success"] for over in TRANSPORTS}
    assert {cluster.placed(name)[2] for name in for_each("shared")} == {"running"}
