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
NAMES = for_each("web")
ACCEPTED = for_each("wiki")


def look(cluster: Cluster, folder: Path) -> None:
    """Look at the mirrors of all instances, as a timer does every few minutes: what is behind is remembered."""
    for over in TRANSPORTS:
        given = cluster.options(over, instances=[f"*-{over}"])
        run = play(folder / over, given, playbook="ganeti.autorepair.mirrors")
        assert run.code == 0, run.output
        assert any(tag.startswith(BEHIND) for tag in cluster.tags(f"web-{over}")), run.output


def in_step(cluster: Cluster, names: Iterable[str] = NAMES) -> dict[str, str]:
    """Make instances on node3, mirrored on node2; the sums of what they have written."""
    cluster.lab.create(*(Guest(name, "node3", "node2") for name in names))
    return {name: cluster.lab.fill(name, "node3") for name in names}


def write_on(cluster: Cluster, names: Iterable[str] = NAMES) -> dict[str, str]:
    """Let them go on writing once their mirrors are missed; the sums of what they have written."""
    cluster.lose_peers("node3")
    return {name: cluster.lab.fill(name, "node3") for name in names}


def part_by_reboot(cluster: Cluster, names: Iterable[str] = NAMES) -> tuple[dict[str, str], dict[str, str]]:
    """Let the secondary reboot while they write; nothing connects them again. The sums before, and after that."""
    old = in_step(cluster, names)
    cluster.lab.node("node2").switch_off()
    newest = write_on(cluster, names)
    cluster.lab.boot("node2")
    return old, newest


def accept(cluster: Cluster, folder: Path) -> None:
    """A person accepts for each of ACCEPTED that what was written since its copy is behind is lost."""
    for over in TRANSPORTS:
        given = {"instances": [f"wiki-{over}"], "type": "failover", "accept_behind": True}
        run = play(folder / over, cluster.options(over, **given), playbook="ganeti.autorepair.request")
        assert run.code == 0 and "what was written since then is lost by it" in run.output, run.output


def kept(cluster: Cluster, sums: dict[str, str]) -> None:
    """None was failed over; and when the dead node is back, it has the newest data there."""
    for name in NAMES:
        assert cluster.placed(name)[0] == "node3"
        assert not cluster.jobs("INSTANCE_FAILOVER", name)
    cluster.lab.boot("node3")
    assert {name: cluster.lab.kept_on(name, "node3") for name in sums} == sums


def test_a_rebooted_secondary_that_is_asked(cluster: Cluster) -> None:
    """Its disks are not assembled: with `secondary_state: uptodate` that is enough to leave it to a person."""
    _old, sums = part_by_reboot(cluster)
    cluster.allow("failover")
    cluster.dies("node3")
    for run in cluster.repair(secondary_state="uptodate", wait=False).values():
        assert "is not assembled" in str(run.step["report"]), run.output
    kept(cluster, sums)


def test_a_rebooted_secondary(cluster: Cluster, tmp_path: Path) -> None:
    """A look before the primary's death has seen that nothing was connected again. What somebody accepts is done, with
    the data that there is; the newest is still on the dead node when that is back."""
    old, newest = part_by_reboot(cluster, [*NAMES, *ACCEPTED])
    look(cluster, tmp_path / "look")
    cluster.allow("failover")
    cluster.dies("node3")
    accept(cluster, tmp_path / "accept")
    cluster.repair()
    for name in ACCEPTED:
        assert cluster.placed(name) == ("node2", ["node1"], "running")
        assert cluster.lab.seen_by(name, "node2") == cluster.lab.kept_on(name, "node1") == old[name]
        assert any(":success:" in tag and ":accept-behind-" in tag for tag in cluster.tags(name)), cluster.tags(name)
    kept(cluster, newest)


def test_a_secondary_whose_cable_was_out(cluster: Cluster, tmp_path: Path) -> None:
    """It says of itself that it is up to date: only who has looked before knows better."""
    lab = cluster.lab
    in_step(cluster)
    lab.node("node2").unplug()
    sums = write_on(cluster)
    look(cluster, tmp_path / "look")
    lab.node("node3").switch_off()
    lab.node("node2").plug_in()
    lab.node("node2").wait()
    cluster.allow("failover")
    cluster.dies("node3")
    cluster.repair(wait=False)
    kept(cluster, sums)
