# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Switches, clocks and limits on real Ganeti: what holds everything, what holds nobody, and what is never touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from lab.instances import Instance
from playbook import BUILD, STEP

from .conftest import TRANSPORTS, Cluster
from .rounds import each, for_each, gnt, held, steps

TAG = "ganeti:watcher:autorepair:"
CLAIM = TAG + "claim:somebody:999999999999"  # in the year 33658
POLICY = STEP.replace("step", "policy").replace(".ganeti_", ".plugins.modules.ganeti_")
WRONG = "import time\nright = time.time\ntime.time = lambda: right() - 7200\n"


def say(cluster: Cluster, *folders: Path, **options: str) -> subprocess.CompletedProcess[str]:
    """Run the module `ganeti_autorepair_policy` for the cluster, with these folders first on Python's path."""
    path = os.pathsep.join(map(str, (*folders, BUILD / "collections")))
    command = [sys.executable, "-m", f"ansible_collections.{POLICY}"]
    given = json.dumps({"ANSIBLE_MODULE_ARGS": {**cluster.options(), "object": "cluster", **options}})
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(command, input=given, capture_output=True, text=True, env=environment, check=False)


def test_what_holds_everybody_and_what_nobody(cluster: Cluster, tmp_path: Path) -> None:
    """A stop is above each permission, and harep reads past it; a forthcoming instance is left alone; and what brings
    back an instance that is down waits for no resync."""
    lab = cluster.lab
    reserve = "gnt-instance add --forthcoming -t drbd -n node3:node1 -s 64m -o noop -H fake --no-start"
    gnt(cluster, *reserve.split(), "--no-name-check", "--no-ip-check", lab.full_name("booked"))
    own = (TAG + "failover",)
    lab.create_all(
        [
            instance
            for over in TRANSPORTS
            for instance in (
                Instance(f"down-{over}", "drbd", primary="node3", secondary="node2", tags=own),
                Instance(f"mirror-{over}", "drbd", primary="node1", secondary="node3", tags=own),
            )
        ]
    )
    lab.add_tags("instance", "booked", *own)
    before = lab.tags("cluster")
    (tmp_path / "sitecustomize.py").write_text(WRONG)
    for cluster.transport in TRANSPORTS:
        wrong = say(cluster, tmp_path, state="suspended", until="+1h")
        lab.wait_jobs()
        assert wrong.returncode != 0 and "clock" in wrong.stdout and lab.tags("cluster") == before, wrong.stdout

    lab.node_off("node3", offline=True)
    stopped = say(cluster, state="stopped")
    assert stopped.returncode == 0 and lab.tags("cluster") == [TAG + "stop"], stopped.stdout
    for over, result in each(cluster).items():
        assert not result["changed"] and not cluster.proxy.writes, result["report"]
        assert {held(result)[f"{kind}-{over}"] for kind in ("down", "mirror")} == {"stopped"}, result["report"]
    assert cluster.harep("--dry-run").count("Executing ArFailover repair") >= len(TRANSPORTS)  # it reads past it
    started = say(cluster, state="started")
    assert started.returncode == 0 and lab.tags("cluster") == [], started.stdout

    lab.add_tags("cluster", "", CLAIM)
    tight = dict.fromkeys(("max_in_flight", "max_per_node", "max_per_group"), len(TRANSPORTS))
    with cluster.busy("node1"):  # which only the new secondaries need
        for cluster.transport in TRANSPORTS:
            first = steps(cluster, instances=[f"mirror-{cluster.transport}"], max_in_flight=20)
            assert first["changed"] and CLAIM in str(first["report"]), first["report"]  # it holds nobody
        for over, result in each(cluster, **tight).items():
            assert not held(result)[f"down-{over}"], result["report"]
        failovers = [job for name in for_each("down") for job in cluster.jobs(name, "INSTANCE_FAILOVER")]
        assert {job.status for job in lab.wait_jobs(job.id for job in failovers)} == {"success"}, failovers
    lab.wait_jobs()
    for name in for_each("down"):
        assert cluster.placed(name)[::2] == ("node2", "running")

    result = steps(cluster, instances=["booked"])
    assert "booked" in str(result["report"]) and not result["changed"], result["report"]
    assert [job.summary for job in lab.jobs() if lab.full_name("booked") in str(job.summary)] == [
        (f"INSTANCE_CREATE({lab.full_name('booked')})",)
    ]
    assert lab.tags("cluster") == [CLAIM]
