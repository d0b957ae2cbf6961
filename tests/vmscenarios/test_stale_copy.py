# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The primary dies while its mirror is behind. Nobody can tell from the survivor alone, so it must be known before."""

from __future__ import annotations

from pathlib import Path

import pytest

from playbook import play
from vmlab import Guest

from .cluster import Cluster

PLAYBOOK = Path(__file__).parents[2] / "playbooks" / "mirrors.yml"
BEHIND = "ganeti:watcher:nodewatch:behind:"
remembered = pytest.mark.skipif(not PLAYBOOK.exists(), reason="there is no playbook `mirrors` yet that remembers it")


def look(cluster: Cluster, folder: Path) -> None:
    """Look at the mirrors of all instances, as a timer does every few minutes; what is behind is remembered."""
    key = str(cluster.lab.settings.ssh_key)
    run = play(folder, cluster.options(node_ssh_key=key), playbook="ganeti.autorepair.mirrors")
    assert run.code == 0, run.output
    assert [tag for tag in cluster.tags("web") if tag.startswith(BEHIND)], run.output


def part_by_reboot(cluster: Cluster) -> str:
    """Let the secondary reboot, and the primary write on; return the newest data's sum."""
    lab = cluster.lab
    lab.create(Guest("web", "node3", "node2"))
    lab.fill("web", "node3")
    lab.node("node2").switch_off()
    cluster.lose_peer("node3")
    data = lab.fill("web", "node3")
    lab.boot("node2")
    return data


def kept(cluster: Cluster, data: str) -> None:
    """The instance was not failed over; and when the dead node is back, it has the newest data there."""
    lab = cluster.lab
    assert cluster.placed("web")[0] == "node3"
    assert not cluster.jobs("INSTANCE_FAILOVER", "web")
    lab.boot("node3")
    assert lab.kept_on("web", "node3") == data


def die(cluster: Cluster) -> None:
    """Let the primary die, marked offline, with failovers allowed."""
    cluster.allow("failover")
    cluster.lab.node("node3").switch_off()
    cluster.lab.mark("node3", offline=True)


def test_a_secondary_that_was_rebooted_and_is_asked(either: Cluster) -> None:
    """Its disks are not assembled: with `secondary_state: uptodate` that is enough to leave it to a person."""
    data = part_by_reboot(either)
    die(either)
    run = either.repair(secondary_state="uptodate", wait=False)
    assert run.instances["web"]["next"] == "report" or "not assembled" in run.output, run.output
    kept(either, data)


@remembered
def test_a_secondary_that_was_rebooted(either: Cluster, tmp_path: Path) -> None:
    """A look before the primary's death has seen that nothing was connected again."""
    data = part_by_reboot(either)
    look(either, tmp_path / "look")
    die(either)
    either.repair(wait=False)
    kept(either, data)


@remembered
def test_a_secondary_whose_cable_was_out(either: Cluster, tmp_path: Path) -> None:
    """It says of itself that it is up to date: only who has looked before knows better."""
    cluster, lab = either, either.lab
    lab.create(Guest("web", "node3", "node2"))
    lab.fill("web", "node3")
    lab.node("node2").unplug()
    cluster.lose_peer("node3")
    data = lab.fill("web", "node3")
    look(cluster, tmp_path / "look")
    cluster.lab.node("node3").switch_off()
    lab.node("node2").plug_in()
    lab.node("node2").wait()
    die(cluster)
    cluster.repair(wait=False)
    kept(cluster, data)
