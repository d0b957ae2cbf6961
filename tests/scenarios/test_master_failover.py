# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Another node becomes the master in the middle of a run, on real Ganeti: clear words, and nothing is done twice."""

from __future__ import annotations

import threading

from lab.instances import Instance

from .conftest import Cluster

TAG = "ganeti:watcher:autorepair:"


def test_a_master_failover(cluster: Cluster) -> None:
    """The run outlasts it, or ends with a clear word; the next one carries on from what the new master knows."""
    lab = cluster.lab
    names = [f"web{number}" for number in range(3)]
    lab.create_all([Instance(name, "drbd", primary="node3", secondary="node4") for name in names])
    lab.add_tags("cluster", "", TAG + "failover")
    lab.node_off("node3", offline=True)
    failover = threading.Timer(9.0, lab.run, ("node2", ["gnt-cluster", "master-failover", "--yes-do-it"]))
    failover.start()
    run = cluster.repair(**cluster.direct(wait=True, wait_timeout=90))
    failover.join()
    assert run.code == 0 or any(
        word in run.messages[-1] for word in ("no connection", "did not answer", "answered 504")
    )
    assert "Traceback" not in run.output

    assert lab.rapi("GET", "/2/info")[1]["master"] == lab.full_name("node2")
    while run.code or run.step["left"]:
        run = cluster.repair(**cluster.direct(wait=True, wait_timeout=120))
        assert run.code == 0, run.output
    assert run.step["summary"]["healthy"] == len(names)
    _, jobs = lab.rapi("GET", "/2/jobs?bulk=1")
    steps = [text for job in jobs for text in job["summary"] if job["status"] == "success"]
    for name in names:
        for step in ("FAILOVER", "REPLACE_DISKS"):
            assert steps.count(f"INSTANCE_{step}({lab.full_name(name)})") == 1, (name, steps)
