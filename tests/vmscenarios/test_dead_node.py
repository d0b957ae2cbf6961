# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node dies: its instances come back with the data that they had written, on copies that are really there."""

from __future__ import annotations

from vmlab import Guest

from .cluster import PREFIX, Cluster

MIRRORED = ("web", "app", "halted")
PLACES = {"web": "node3", "app": "node2", "halted": "node3", "build": "node3", "steady": "node2"}


def test_a_dead_node(either: Cluster) -> None:
    """Mirrored as primary, as secondary, stopped, and without a mirror; then the node comes back."""
    cluster, lab = either, either.lab
    lab.create(
        Guest("web", "node3", "node2"),
        Guest("app", "node2", "node3"),
        Guest("halted", "node3", "node2", running=False),
        Guest("build", "node3", tags=(PREFIX + "reinstall",)),
        Guest("steady", "node2"),
    )
    with cluster.disks_of("halted"):
        sums = {name: lab.fill(name, node) for name, node in PLACES.items()}
    cluster.allow("failover")
    lab.node("node3").switch_off()
    lab.mark("node3", offline=True)

    run = cluster.repair()
    assert {name: found["state"] for name, found in run.instances.items()}
    for name in MIRRORED:
        kind = "fix-storage" if name == "app" else "failover"
        assert cluster.results(name) == [(kind, "success")], (name, run.output)
        assert cluster.placed(name)[:2] == ("node2", ["node1"])
    assert cluster.placed("web")[2] == cluster.placed("app")[2] == "running"
    assert cluster.placed("halted")[2] == "ADMIN_down"
    assert cluster.results("build") == [("reinstall", "success")]  # its disks were lost with the node
    assert cluster.placed("build")[0] != "node3"
    with cluster.disks_of("halted"):
        assert {name: lab.seen_by(name, "node2") for name in (*MIRRORED, "steady")} == {
            name: sums[name] for name in (*MIRRORED, "steady")
        }
        assert set(lab.mirrors("node2").values()) == {"Connected UpToDate/UpToDate"}
    assert {name: lab.kept_on(name, "node1") for name in MIRRORED} == {name: sums[name] for name in MIRRORED}

    lab.boot("node3")
    lab.gnt("gnt-node", "add", "--readd", "--no-ssh-key-check", lab.node("node3").full_name)
    again = cluster.repair()
    assert not again.step["changed"], again.output
    for name in ("web", "app"):
        assert lab.seen_by(name, "node2") == sums[name]
        assert cluster.placed(name) == ("node2", ["node1"], "running")
