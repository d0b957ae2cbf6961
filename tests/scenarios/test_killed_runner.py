# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A runner that is killed in the middle of a round, on real Ganeti: the next one carries on, and does nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lab.instances import Instance
from playbook import BUILD

from .conftest import Cluster

TAG = "ganeti:watcher:autorepair:"


def kill_after(writes: int, cluster: Cluster, folder: Path) -> None:
    """Start the playbook, and kill it with all its processes as soon as so many writes have come to the RAPI."""
    inventory = folder / "inventory"
    inventory.write_text('c ansible_connection=local ansible_python_interpreter="{{ ansible_playbook_python }}"\n')
    settings = {f"GANETI_{name.upper()}": str(value) for name, value in cluster.options().items()}
    cluster.proxy.seen.clear()
    runner = subprocess.Popen(
        ["ansible-playbook", "--inventory", str(inventory), "ganeti.autorepair.repair"],
        env={**os.environ, **settings, "ANSIBLE_COLLECTIONS_PATH": str(BUILD / "collections")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while len(cluster.proxy.writes) < writes and runner.poll() is None:
        time.sleep(0.01)
    os.killpg(runner.pid, signal.SIGKILL)
    runner.wait()


@pytest.mark.parametrize("writes", [1, 2, 5])
def test_the_next_round_carries_on(cluster: Cluster, tmp_path: Path, writes: int) -> None:
    """After the intent, after the step, and in the middle of the second instance."""
    lab = cluster.lab
    lab.create_all(
        [
            Instance("one", "rbd", primary="node3"),
            Instance("two", "plain", primary="node3", tags=(TAG + "reinstall",)),
        ]
    )
    lab.add_tags("cluster", "", TAG + "failover")
    lab.node_off("node3", offline=True)
    kill_after(writes, cluster, tmp_path)
    assert 0 < len(cluster.proxy.writes) < 8  # it did not get to the end
    lab.wait_jobs()
    runs = cluster.repair_until_quiet()
    assert {instance["state"] for instance in runs[-1].instances.values()} == {"healthy"}
    done = [operation for job in lab.jobs() for operation in job.summary]
    steps = [("FAILOVER", "one"), ("RECREATE_DISKS", "two"), ("REINSTALL", "two")]
    assert [done.count(f"INSTANCE_{step}({lab.full_name(name)})") for step, name in steps] == [1, 1, 1], done
    for name in ("one", "two"):
        (result,) = [tag for tag in cluster.tags(name) if tag != "reinstall"]
        assert result.startswith("result:") and ":success:" in result, result
