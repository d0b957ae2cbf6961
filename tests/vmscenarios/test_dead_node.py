# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node is taken for dead: its instances come back with the data that they had written, and what it has is left."""

from __future__ import annotations

from vmlab import Guest

from .cluster import PREFIX, Cluster

REPAIRS = {"web": "failover", "app": "fix-storage", "halted": "failover", "worn": "failover", "build": "reinstall"}
MIRRORED = ("web", "app", "halted", "worn")


def test_a_node_taken_for_dead(cluster: Cluster) -> None:
    """Mirrored as primary (web), as secondary (app), stopped, without a mirror (build); and two with a broken disk:
    that of worn on its primary, which works on its mirror, and that of torn on its secondary. It was cut off.
    """
    lab = cluster.lab
    lab.create(
        *(Guest(name, "node3", "node2") for name in ("web", "worn", "torn")),
        Guest("app", "node2", "node3"),
        Guest("halted", "node3", "node2", running=False),
        Guest("build", "node3", tags=(PREFIX + "reinstall",)),
        Guest("steady", "node2"),
    )
    sums = written(cluster)
    lab.keep_writing("web", "node3", alone=True)
    cluster.allow("failover")
    cluster.is_cut_off("node3")

    run = cluster.repair()
    for name, kind in REPAIRS.items():
        assert cluster.results(name) == [(kind, "success")], (name, run.output)
    for name in MIRRORED:
        assert cluster.placed(name) == ("node2", ["node1"], "ADMIN_down" if name == "halted" else "running")
    primary = cluster.placed("build")[0]
    assert primary != "node3" and lab.seen_by("build", primary) not in (sums["build"], "unreadable")
    with cluster.disks_of(["halted"]):
        assert {name: lab.seen_by(name, "node2") for name in (*MIRRORED, "steady")} == {
            name: sums[name] for name in (*MIRRORED, "steady")
        }
    assert {name: lab.kept_on(name, "node1") for name in MIRRORED} == {name: sums[name] for name in MIRRORED}

    harep_finds_nothing_to_do(cluster)
    comes_back(cluster, sums)


def written(cluster: Cluster) -> dict[str, str]:
    """Fill all disks, break two of them, and go on: the sums of what was written at last."""
    lab = cluster.lab
    with cluster.disks_of(["halted"]):
        sums = {name: lab.fill(name, "node3") for name in ("web", "halted", "build", "worn", "torn")}
    sums |= {name: lab.fill(name, "node2") for name in ("app", "steady")}
    lab.fail_disk("worn", "node3")
    lab.fail_disk("torn", "node2")
    sums |= {name: lab.fill(name, "node3") for name in ("worn", "torn")}
    assert {"Connected UpToDate/Diskless", "Connected Diskless/UpToDate"} < set(lab.mirrors("node3").values())
    return sums


def harep_finds_nothing_to_do(cluster: Cluster) -> None:
    """Ganeti's own tool reads what stands in the tags, and leaves it."""
    before = {name: (cluster.placed(name), sorted(cluster.tags(name))) for name in REPAIRS}
    said = cluster.lab.nodes[0].run(["harep"], check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    assert {name: (cluster.placed(name), sorted(cluster.tags(name))) for name in REPAIRS} == before


def comes_back(cluster: Cluster, sums: dict[str, str]) -> None:
    """The node is there again, and its web still writes: no round changes anything, here or there. No success was told
    of torn, whose only whole copy is on that node."""
    lab, node = cluster.lab, cluster.lab.node("node3")
    node.plug_in()
    node.wait()
    lab.gnt("gnt-node", "add", "--readd", "--no-ssh-key-check", node.full_name)
    run = cluster.repair()
    assert not run.step["changed"], run.output
    cluster.crash("web", "node3")
    for name in ("web", "app", "worn"):
        assert cluster.placed(name) == ("node2", ["node1"], "running")
        assert lab.seen_by(name, "node2") == lab.kept_on(name, "node1") == sums[name]
    blocks, own = lab.written("web", "node3")
    assert blocks and lab.kept_on("web", "node3") == own != sums["web"]
    assert lab.seen_by("build", "node3") == sums["build"]
    assert "success" not in [result for _, result in cluster.results("torn")]
    assert lab.kept_on("torn", "node3") == sums["torn"]
