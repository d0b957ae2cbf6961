# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deep looks on real Ganeti: what nodes say of themselves, and guests that run where they do not belong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import Instance, network
from lab.state import DRBD_STATUS_FILE

from .conftest import TRANSPORTS, Cluster
from .test_silent_nodes import asked, looked, verdicts

SCRIPT = Path(__file__).parents[2] / "roles" / "nodes" / "files" / "look.sh"
SICK = """
drbdsetup detach 0
echo '/dev/sda1 /var/log ext4 defaults 0 2' >/run/fstab
mount --bind /var/log /var/log && mount -o remount,ro,bind /var/log
kill -9 $(cat /run/ganeti/ganeti-confd.pid)
"""


def with_drbd_of_lab(folder: Path) -> Path:
    """Variables by which the script reads DRBD's state where the lab keeps it, as no file can be made in /proc; and a
    node's own /etc/fstab, which is the machine's in the lab."""
    script = folder / "look.sh"
    script.write_text(SCRIPT.read_text().replace("/proc/drbd", DRBD_STATUS_FILE).replace("/etc/fstab", "/run/fstab"))
    text = "{{ lookup('ansible.builtin.file', '" + str(script) + "') | quote }}"
    now = "{{ lookup('ansible.builtin.pipe', 'date +%s') }}"
    variables = folder / "variables.json"
    variables.write_text(json.dumps({"nodes_script": f"timeout 12 sh -c {text} look 3 {now}"}))
    return variables


def test_what_nodes_say_of_themselves(cluster: Cluster, tmp_path: Path) -> None:
    """All well; then one with failing disks and a killed daemon, and another one without a physical volume."""
    cluster.lab.create_all([Instance("web1", "drbd", "node2", "node3")])
    run, facts = looked(cluster, tmp_path, "rapi", deep=True)
    assert asked(run) == 3 * 5 and facts["summary"] == {"healthy": 5} and facts["strays"] == [], run.output
    assert [line.split(" ")[0] for line in facts["report"] if line][1:] == ["5", "NOTE", "5"], run.output
    cluster.lab.run("node3", ["sh", "-c", SICK])
    missing = Path(cluster.lab.settings.state_dir) / "nodes" / "node4" / "missing-disks" / "sdb"
    missing.mkdir(parents=True)
    run, facts = looked(cluster, tmp_path, "luxi", f"-e @{with_drbd_of_lab(tmp_path)}", deep=True)
    cluster.lab.run("node3", ["umount", "/var/log"])
    found = verdicts(cluster, facts)
    assert {node for node, verdict in found.items() if verdict == "degraded"} == {"node3", "node4"}
    told = "\n".join(facts["report"])
    for words in ("minor 0 (Diskless)", "/var/log has become read-only", "ganeti-confd does not run", "volumes (1)"):
        assert words in told, told


@contextmanager
def unplugged(cluster: Cluster, node: str) -> Iterator[None]:
    """The node lives, and nobody reaches it, nor it anybody."""
    cable = cluster.lab.node(node).cable
    cluster.lab.settle(node)
    network.unplug(cable)
    try:
        yield
    finally:
        network.plug_in(cable, cluster.lab.settings.bridge)


def test_a_guest_that_runs_twice(cluster: Cluster, tmp_path: Path) -> None:
    """A node was cut off, marked and repaired, and comes back with its guest, which runs elsewhere by now."""
    cluster.lab.create("web1", template="rbd", primary="node5")
    cluster.lab.add_tags("instance", "web1", "ganeti:watcher:autorepair:failover")
    with unplugged(cluster, "node5"):
        cluster.lab.set_node("node5", offline=True)  # no master candidate, for which this takes long
        cluster.repair_until_quiet()
    home, _secondaries, status = cluster.placed("web1")
    assert home != "node5" and status == "running"
    web1 = cluster.lab.full_name("web1")
    belongs, runs = (cluster.lab.node(node).full_name for node in (home, "node5"))
    for transport in TRANSPORTS:
        run, facts = looked(cluster, tmp_path, transport, deep=True)
        assert facts["strays"] == [{"instance": web1, "node": runs, "primary": belongs}], run.output
        assert verdicts(cluster, facts)["node5"] == "returned"
        assert any(line.startswith(f"DANGER {web1} runs on {runs}, but {belongs}") for line in facts["report"])
    assert cluster.repair().step["summary"]["healthy"] == 1  # configuration alone shows nothing of it
