# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The primary dies while its mirror is behind. Nobody can tell from the survivor alone, so it must be known before."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from playbook import play
from vmlab import Guest

from .cluster import TRANSPORTS, Cluster, for_each

BEHIND = "ganeti:watcher:nodewatch:behind:"


def test_the_primary_dies_while_its_mirror_is_behind(cluster: Cluster, tmp_path: Path) -> None:
    """The secondary reboots while instances write, and nothing connects their mirrors again. Then its cable is out
    while the shop writes, and it says of itself that it is up to date. Then the primary dies.

    Looks before that have seen it for all but mail, and hold them. What a person accepts for wiki is done, with the
    data that there is. At mail nobody has looked, but its secondary is asked: its disks are not assembled.
    """
    lab = cluster.lab
    web, wiki, shop, mail = for_each("web"), for_each("wiki"), for_each("shop"), "mail"
    old = in_step(cluster, (*web, *wiki, mail))
    lab.node("node2").switch_off()
    newest = write_on(cluster, old)
    lab.boot("node2")
    look(cluster, tmp_path / "look", "web", "wiki")
    in_step(cluster, shop)
    lab.node("node2").unplug()
    newest |= write_on(cluster, shop)
    look(cluster, tmp_path / "look", "shop")
    lab.node("node3").switch_off()
    lab.node("node2").plug_in()
    lab.node("node2").wait()
    cluster.allow("failover")
    cluster.dies("node3")

    run = cluster.repair(mail, secondary_state="uptodate", wait=False)
    assert "is not assembled" in str(run.step["report"]), run.output
    for over in TRANSPORTS:
        run = cluster.repair(f"*-{over}", over=over, wait=False)
        assert "behind" in str(run.step["report"]) and not run.step["changed"], run.output
    accept(cluster, tmp_path / "accept", "wiki")
    for over in TRANSPORTS:
        cluster.repair(f"*-{over}", over=over)
    for name in wiki:
        assert cluster.placed(name) == ("node2", ["node1"], "running")
        assert lab.seen_by(name, "node2") == lab.kept_on(name, "node1") == old[name]
        assert any(":success:" in tag and ":accept-behind-" in tag for tag in cluster.tags(name)), cluster.tags(name)
    for name in (*web, *shop, mail):
        assert cluster.placed(name)[0] == "node3"
        assert not cluster.jobs("INSTANCE_FAILOVER", name)
    lab.boot("node3")
    assert {name: lab.kept_on(name, "node3") for name in newest} == newest
    assert {name: lab.seen_by(name, "node2") for name in wiki} == {name: old[name] for name in wiki}


def in_step(cluster: Cluster, names: Iterable[str]) -> dict[str, str]:
    """Make instances on node3, mirrored on node2; the sums of what they have written."""
    cluster.lab.create(*(Guest(name, "node3", "node2") for name in names))
    return {name: cluster.lab.fill(name, "node3") for name in names}


def write_on(cluster: Cluster, names: Iterable[str]) -> dict[str, str]:
    """Let them go on writing once their mirrors are missed; the sums of what they have written."""
    cluster.lose_peers("node3")
    return {name: cluster.lab.fill(name, "node3") for name in names}


def look(cluster: Cluster, folder: Path, *kinds: str) -> None:
    """Look at the mirrors of instances, as a timer does every few minutes: what is behind is remembered."""
    for over in TRANSPORTS:
        names = [f"{kind}-{over}" for kind in kinds]
        run = play(folder / over, cluster.options(over, instances=names), playbook="ganeti.autorepair.mirrors")
        assert run.code == 0, run.output
        for name in names:
            assert any(tag.startswith(BEHIND) for tag in cluster.tags(name)), run.output


def accept(cluster: Cluster, folder: Path, kind: str) -> None:
    """A person accepts for instances that what was written since their copies are behind is lost."""
    for over in TRANSPORTS:
        given = {"instances": [f"{kind}-{over}"], "type": "failover", "accept_behind": True}
        run = play(folder / over, cluster.options(over, **given), playbook="ganeti.autorepair.request")
        assert run.code == 0 and "this loses what was written since then" in run.output, run.output
