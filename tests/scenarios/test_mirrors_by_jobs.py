# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at mirrors on real Ganeti: what is behind is remembered, and nothing fails over to it unless somebody says so.

No monitoring daemon runs here, so Ganeti is asked by jobs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from lab.instances import Instance
from playbook import BUILD

from .conftest import TRANSPORTS, Cluster
from .rounds import each, for_each, gnt, held

MODULES = "ansible_collections.ganeti.autorepair.plugins.modules.ganeti_autorepair_"


def say(cluster: Cluster, module: str, **options: object) -> Mapping[str, Any]:
    """Run a module for the cluster, and return what it returns."""
    given = json.dumps({"ANSIBLE_MODULE_ARGS": {**cluster.options(), **options}})
    command, environment = (
        [sys.executable, "-m", MODULES + module],
        {**os.environ, "PYTHONPATH": str(BUILD / "collections")},
    )
    ran = subprocess.run(command, input=given, capture_output=True, text=True, env=environment, check=False)
    assert ran.returncode == 0, ran.stdout
    returned: Mapping[str, Any] = json.loads(ran.stdout)
    return returned


def looks(cluster: Cluster) -> dict[str, tuple[bool | None, bool]]:
    """Look over each transport; whether the mirror of each instance is in sync, and whether its tags changed."""
    found = {}
    for cluster.transport in TRANSPORTS:
        returned = say(cluster, "mirrors", instances=[f"*-{cluster.transport}"], probe_timeout=1)
        for mirror, change in zip(returned["mirrors"], returned["objects"], strict=True):
            name = mirror["instance"].partition(".")[0]
            found[name] = (mirror["in_step"], bool(change["tags_added"] + change["tags_removed"]))
    return found


def test_a_copy_that_is_behind(cluster: Cluster) -> None:
    """The secondary was rebooted, and nobody has connected some of the mirrors again when the primary dies."""
    lab, connected, lost = cluster.lab, for_each("connected"), for_each("lost")
    names = (*connected, *lost)
    lab.create_all([Instance(name, "drbd", primary="node3", secondary="node2") for name in names])
    lab.add_tags("cluster", "", "ganeti:watcher:autorepair:failover")
    assert looks(cluster) == dict.fromkeys(names, (True, False))

    lab.node_off("node2")
    lab.node_on("node2")
    assert looks(cluster) == dict.fromkeys(names, (False, True))
    assert looks(cluster) == dict.fromkeys(names, (False, False))  # it is noted once
    for name in connected:
        gnt(cluster, "gnt-instance", "activate-disks", name)
    assert looks(cluster) == {**dict.fromkeys(connected, (True, True)), **dict.fromkeys(lost, (False, False))}

    lab.node_off("node3", offline=True)
    for over, result in each(cluster).items():
        assert held(result)[f"lost-{over}"] == "behind" and not held(result)[f"connected-{over}"], result["report"]
        assert "ganeti_autorepair_accept_behind=true" in str(result["report"]), result["report"]
    lab.wait_jobs()
    assert [cluster.placed(name)[0] for name in names] == ["node2", "node2", "node3", "node3"]

    for cluster.transport in TRANSPORTS:
        say(cluster, "request", instances=[f"lost-{cluster.transport}"], type="failover", accept_behind=True)
    for _ in range(3):
        each(cluster)
        lab.wait_jobs()
    for name in lost:
        (result,) = [tag for tag in cluster.tags(name) if tag.startswith("result:")]
        assert ":accept-behind-" in result and ":success:" in result
        assert not [tag for tag in lab.tags("instance", name) if ":behind:" in tag]
        assert cluster.placed(name)[0] == "node2"
