# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node comes back on real Ganeti: drained, on probation, used again; or refused, with a guest that never stopped."""

from __future__ import annotations

import time
from pathlib import Path

from lab import luxi
from lab.bmc import power_of

from .conftest import Cluster
from .test_a_person_fences import REMEMBERED, played, powered, remembered
from .test_power import agents as _agents  # noqa: F401  # installs them
from .test_silent_nodes import standing

CONFIGURATION = "/var/lib/ganeti/config.data"


def role(cluster: Cluster, node: str) -> str:
    """What Ganeti has it marked as, by its letter."""
    roles: dict[str, str] = dict(luxi.rows(cluster.lab.luxi_socket, "node", ["name", "role"]))
    return roles[cluster.lab.node(node).full_name]


def test_a_former_candidate_with_mirrors_and_leftovers(cluster: Cluster, tmp_path: Path) -> None:
    """Its power is off. It has an old copy of the configuration, a mirror that is behind, and the disks of an instance
    that has moved meanwhile."""
    lab = cluster.lab
    lab.create("web1", template="drbd", primary="node2", secondary="node3")
    lab.create("gone1", template="plain", primary="node3", running=False)
    lab.node_off("node3", offline=True)
    lab.remove_instances(["gone1"])
    with powered(cluster, power_of(lab, "node3")) as known:
        known |= {"power_on_tasks": "power_on_agent.yml"}
        before = standing(cluster)
        run = played(cluster, tmp_path, "rapi", "--check", name="readmit", **known)
        assert run.code != 0 and "nobody gets an answer from it: power it on" in run.output, run.output
        assert standing(cluster) == before and not lab.node("node3").is_on()
        run = played(cluster, tmp_path, "rapi", name="readmit", node="NODE3", **known)
        assert run.code == 0, run.output
    assert "was a disk of gone1.lab.example, which has none there any more" in run.output
    assert f"activates the disks of {lab.full_name('web1')}, is success" in run.output
    assert role(cluster, "node3") == "D" and remembered(cluster) == [["probation"]]
    assert lab.run("node3", ["test", "-f", CONFIGURATION], check=False).returncode == 0

    run = played(cluster, tmp_path, "luxi", name="readmit")
    assert run.code == 0 and "on probation for another" in run.output, run.output
    assert role(cluster, "node3") == "D"
    run = played(cluster, tmp_path, "luxi", name="readmit", undrain=True)
    assert run.code == 0, run.output
    assert role(cluster, "node3") == "R" and not remembered(cluster)
    assert lab.run("node3", ["test", "-f", CONFIGURATION], check=False).returncode == 1
    complaints = lab.run("node1", ["gnt-cluster", "verify"], check=False).stdout
    assert CONFIGURATION not in complaints, complaints


def test_a_guest_that_has_never_stopped(cluster: Cluster, tmp_path: Path) -> None:
    """The node was marked while it lived: its guest runs on, and it has not booted since."""
    lab = cluster.lab
    lab.create("web1", template="rbd", primary="node5")
    lab.set_node("node5", offline=True)
    uuid = lab.run("node1", ["gnt-node", "list", "--no-headers", "-o", "uuid", "node5"]).stdout.strip()
    fenced = f"{REMEMBERED}fenced:{uuid}:0000abcd:{int(time.time())}:fence_agent"
    lab.add_tags("cluster", "", fenced)
    before = standing(cluster)
    run = played(cluster, tmp_path, "luxi", name="readmit", node="node5")
    assert run.code != 0 and "web1.lab.example runs there: it may run elsewhere, too" in run.output, run.output
    assert "it has not booted since it was said to be off (fence_agent)" in run.output
    assert standing(cluster) == before
