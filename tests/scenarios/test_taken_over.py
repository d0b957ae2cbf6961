# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""After a recreation of disks people may take over: then the rest is theirs, in this round and in every later one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab import Lab
from lab.instances import Instance

from .conftest import TRANSPORTS, Cluster
from .rounds import held, steps

TAG = "ganeti:watcher:autorepair:"
TAKEN = ("started", "stopped", "suspended", "returned")


def said(lab: Lab, *words: str) -> None:
    """Run a command of Ganeti's on the master, as a person does."""
    lab.run("node1", words)


def test_a_person_takes_over(cluster: Cluster) -> None:
    """Who starts, stops, installs or suspends it, or brings its node back, is not overruled by a planned reinstall."""
    lab = cluster.lab
    lab.create("leftover", template="plain", primary="node3", tags=(TAG + "reinstall",))
    (volume,) = cluster.volumes("node3")
    for node in ("node1", "node2"):
        lab.run(node, ["lvcreate", "-L", "1024m", "-n", volume, "xenvg"])
    where = {name: "node4" if name == "returned" else "node3" for name in (*TAKEN, "installed", "plain")}
    lab.create_all(Instance(name, "plain", node, tags=(TAG + "reinstall",)) for name, node in where.items())
    lab.set_node("node3", offline=True)
    lab.set_node("node4", offline=True)
    steps(cluster, max_per_node=20)  # over RAPI: it takes another round to reinstall
    lab.wait_jobs()
    assert {cluster.jobs(name, "INSTANCE_RECREATE_DISKS")[0].status for name in TAKEN} == {"success"}

    said(lab, "gnt-instance", "startup", "started")
    said(lab, "gnt-instance", "shutdown", "stopped")
    said(lab, "gnt-instance", "shutdown", "installed")
    said(lab, "gnt-instance", "reinstall", "--force", "installed")
    lab.add_tags("instance", "suspended", TAG + "suspend")
    lab.remove_tags("instance", "suspended", TAG + "suspend")
    lab.set_node("node4", offline=False)

    for cluster.transport in TRANSPORTS:
        result = steps(cluster, max_per_node=20)
        lab.wait_jobs()
    for name in TAKEN:
        assert not cluster.jobs(name, "INSTANCE_REINSTALL"), name
        assert len(cluster.jobs(name, "INSTANCE_RECREATE_DISKS")) == 1, name
        assert lab.full_name(name) in result["needs_person"], result["report"]
    assert cluster.placed("plain") in [("node1", [], "running"), ("node2", [], "running")]
    for name in ("installed", "plain"):  # once each: by the person, and by us
        assert len(cluster.jobs(name, "INSTANCE_REINSTALL")) == 1 and not held(result).get(name)

    assert lab.full_name("leftover") in result["failed_instances"]
    place = lab.node(cluster.placed("leftover")[0]).full_name
    assert volume in text(result) and place in text(result), result["report"]
    lab.remove_tags("instance", "leftover", *(TAG + tag for tag in cluster.tags("leftover") if "result:" in tag))
    for cluster.transport in TRANSPORTS:  # it is not forgotten
        after = steps(cluster, instances=["leftover"])
        assert not after["changed"] and lab.full_name("leftover") in after["needs_person"], after["report"]
        assert place in text(after), after["report"]


def text(result: Mapping[str, Any]) -> str:
    """The report of a round in one line."""
    return " ".join(line.strip() for line in result["report"])
