# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node dies: its instances come back with the data that they had written, on copies that are really there."""

from __future__ import annotations

from collections.abc import Iterable

from vmlab import Guest

from .cluster import PREFIX, Cluster, for_each

PLACES = {"web": "node3", "app": "node2", "halted": "node3", "build": "node3"}
RUNNING, HALTED = for_each("web", "app"), for_each("halted")


def test_a_dead_node(cluster: Cluster) -> None:
    """Mirrored as primary, as secondary, stopped, and without a mirror; then the node comes back."""
    lab = cluster.lab
    lab.create(
        *(Guest(name, "node3", "node2") for name in for_each("web")),
        *(Guest(name, "node2", "node3") for name in for_each("app")),
        *(Guest(name, "node3", "node2", running=False) for name in HALTED),
        *(Guest(name, "node3", tags=(PREFIX + "reinstall",)) for name in for_each("build")),
        Guest("steady", "node2"),
    )
    with cluster.disks_of(HALTED):
        sums = {name: lab.fill(name, PLACES[name.partition("-")[0]]) for name in (*RUNNING, *HALTED)}
    steady = lab.fill("steady", "node2")
    lost = {name: lab.fill(name, "node3") for name in for_each("build")}
    cluster.allow("failover")
    cluster.dies("node3")

    cluster.repair()
    kinds = {"web": "failover", "app": "fix-storage", "halted": "failover", "build": "reinstall"}
    for name in for_each(*kinds):
        assert cluster.results(name) == [(kinds[name.partition("-")[0]], "success")], name
    for name in (*RUNNING, *HALTED):
        assert cluster.placed(name) == ("node2", ["node1"], "ADMIN_down" if name in HALTED else "running")
    for name, data in lost.items():  # it died with the node
        primary = cluster.placed(name)[0]
        assert primary != "node3" and lab.seen_by(name, primary) not in (data, "unreadable"), name
    with cluster.disks_of(HALTED):
        assert {name: lab.seen_by(name, "node2") for name in sums} == sums
        assert set(lab.mirrors("node2").values()) == {"Connected UpToDate/UpToDate"}
    assert {name: lab.kept_on(name, "node1") for name in sums} == sums
    assert lab.seen_by("steady", "node2") == steady

    harep_finds_nothing_to_do(cluster, for_each(*kinds))
    comes_back(cluster, {name: sums[name] for name in RUNNING})


def harep_finds_nothing_to_do(cluster: Cluster, names: Iterable[str]) -> None:
    """Ganeti's own tool reads what stands in the tags, and leaves it."""
    before = {name: (cluster.placed(name), sorted(cluster.tags(name))) for name in names}
    said = cluster.lab.nodes[0].run(["harep"], check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    assert {name: (cluster.placed(name), sorted(cluster.tags(name))) for name in names} == before


def comes_back(cluster: Cluster, sums: dict[str, str]) -> None:
    """The dead node is there again, with its old copies: they are left where they are, and nothing is changed."""
    lab = cluster.lab
    lab.boot("node3")
    lab.gnt("gnt-node", "add", "--readd", "--no-ssh-key-check", lab.node("node3").full_name)
    for over, run in cluster.repair().items():
        assert not run.step["changed"], (over, run.output)
    assert {name: lab.seen_by(name, "node2") for name in sums} == sums
    assert {cluster.placed(name)[0] for name in sums} == {"node2"}
    assert "node3" not in {node for name in sums for node in cluster.placed(name)[1]}
