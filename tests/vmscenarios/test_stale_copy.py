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


def look(cluster: Cluster, folder: Path, *kinds: str) -> None:
    """Look at the mirrors of instances, as a timer does every few minutes: what is behind is remembered."""
    for over in TRANSPORTS:
        names = [f"{kind}-{over}" for kind in kinds]
        run = play(folder / over, cluster.options(over, instances=names), playbook="ganeti.autorepair.mirrors")
        assert run.code == 0, run.output
        for name in names:
            assert any(tag.startswith(BEHIND) for tag in cluster.tags(name)), run.output


def in_step(cluster: Cluster, names: Iterable[str]) -> dict[str, str]:
    """Make instances on node3, mirrored on node2; the sums of what they have written."""
    cluster.lab.create(*(Guest(name, "node3", "node2") for name in names))
    return {name: cluster.lab.fill(name, "node3") for name in names}


def write_on(cluster: Cluster, names: Iterable[str]) -> dict[str, str]:
    """Let them go on writing once their mirrors are missed; the sums of what they have written."""
    cluster.lose_peers("node3")
    return {name: cluster.lab.fill(name, "node3") for name in names}


def accept(cluster: Cluster, folder: Path, kind: str) -> None:
    """A person accepts for instances that what was written since their copies are behind is lost."""
    for over in TRANSPORTS:
        given = {"instances": [f"{kind}-{over}"], "type": "failover", "accept_behind": True}
        run = play(folder / over, cluster.options(over, **given), playbook="ganeti.autorepair.request")
        assert run.code == 0 and "what was written since then is lost by it" in run.output, run.output


def kept(cluster: Cluster, held: Iterable[str], newest: dict[str, str]) -> None:
    """Those that were held were not failed over; and the dead node has the newest data of all when it is back."""
    for name in held:
        assert cluster.placed(name)[0] == "node3"
        assert not cluster.jobs("INSTANCE_FAILOVER", name)
    cluster.lab.boot("node3")
    assert {name: cluster.lab.kept_on(name, "node3") for name in newest} == newest


def test_a_rebooted_secondary(cluster: Cluster, tmp_path: Path) -> None:
    """The secondary reboots while instances write, and nothing connects their mirrors again; then the primary dies.

    A look before that has seen it for web and wiki, and holds them. What a person accepts for wiki is done, with the
    data that there is. At mail nobody has looked, but its secondary is asked: its disks are not assembled.
    """
    names = for_each("web", "wiki", "mail")
    old = in_step(cluster, names)
    cluster.lab.node("node2").switch_off()
    newest = write_on(cluster, names)
    cluster.lab.boot("node2")
    look(cluster, tmp_path / "look", "web", "wiki")
    cluster.allow("failover")
    cluster.dies("node3")

    for run in cluster.repair("mail", secondary_state="uptodate", wait=False).values():
        assert "is not assembled" in str(run.step["report"]), run.output
    for run in cluster.repair("web", "wiki", wait=False).values():
        assert "behind" in str(run.step["report"]) and not run.step["changed"], run.output
    accept(cluster, tmp_path / "accept", "wiki")
    cluster.repair("web", "wiki")
    for name in for_each("wiki"):
        assert cluster.placed(name) == ("node2", ["node1"], "running")
        assert cluster.lab.seen_by(name, "node2") == cluster.lab.kept_on(name, "node1") == old[name]
        assert any(":success:" in tag and ":accept-behind-" in tag for tag in cluster.tags(name)), cluster.tags(name)
    kept(cluster, for_each("web", "mail"), newest)


def test_a_secondary_whose_cable_was_out(cluster: Cluster, tmp_path: Path) -> None:
    """It says of itself that it is up to date: only who has looked before knows better."""
    lab, names = cluster.lab, for_each("web")
    in_step(cluster, names)
    lab.node("node2").unplug()
    newest = write_on(cluster, names)
    look(cluster, tmp_path / "look", "web")
    lab.node("node3").switch_off()
    lab.node("node2").plug_in()
    lab.node("node2").wait()
    cluster.allow("failover")
    cluster.dies("node3")
    cluster.repair(wait=False)
    kept(cluster, names, newest)
