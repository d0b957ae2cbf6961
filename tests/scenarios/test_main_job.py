# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main job on real Ganeti: a node dies or is drained, and rounds of `repair` bring its instances back."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.instances import Instance
from playbook import play

from .conftest import Cluster

RESULT = r"result:{}:[0-9a-f-]{{36}}:\d{{10}}:{}:{}$"


def ended(tag: str, kind: str, result: str, jobs: int) -> bool:
    """Whether a tag is the result of a repair of this type, with so many jobs."""
    return bool(re.match(RESULT.format(kind, result, r"\+".join([r"\d+"] * jobs)), tag))


def test_a_dead_node(either: Cluster) -> None:
    """Every instance that may be repaired is healthy in the end, and its tags tell the story; others are untouched."""
    cluster, lab = either, either.lab
    lab.create_all(
        [
            Instance("moved", "drbd", primary="node3", secondary="node2"),
            Instance("mirror", "drbd", primary="node2", secondary="node3"),
            Instance("stopped", "drbd", primary="node3", secondary="node1", running=False),
            Instance("limited", "drbd", primary="node2", secondary="node3", tags=(TAG + "fix-storage",)),
            Instance("forbidden", "drbd", primary="node3", secondary="node2", tags=(TAG + "fix-storage",)),
            Instance("wiped", "plain", primary="node3", tags=(TAG + "reinstall",)),
            Instance("wiped-down", "plain", primary="node3", running=False, tags=(TAG + "reinstall",)),
            Instance("kept", "plain", primary="node3"),
            Instance("ext", "ext", primary="node3"),
            Instance("rbd", "rbd", primary="node3"),
            Instance("sharedfile", "sharedfile", primary="node3"),
            Instance("diskless", "diskless", primary="node3"),
            Instance("elsewhere", "drbd", primary="node4", secondary="node5"),
        ]
    )
    lab.create("held", template="rbd", primary="node3", tags=(TAG + "suspend",))
    lab.create("failed", template="rbd", primary="node3", tags=(TAG + "result:failover:x:1:failure:",))
    lab.add_tags("cluster", "", TAG + "failover")
    lab.node_off("node3", offline=True)
    before = {name: cluster.tags(name) for name in ("kept", "moved", "wiped")}

    dry = cluster.repair("--check", "--diff")
    assert dry.code == 0, dry.output
    assert dry.step["changed"]
    assert cluster.proxy.seen and not cluster.proxy.writes  # law 1
    assert {name: cluster.tags(name) for name in before} == before

    runs = cluster.repair_until_quiet()
    assert not cluster.proxy.writes  # the last round changed nothing (law 5)
    states = {name: instance["state"] for name, instance in runs[-1].instances.items()}
    untouched = {"kept": "repair_disallowed", "forbidden": "repair_disallowed", "held": "suspended"}
    assert states == dict.fromkeys(states, "healthy") | untouched | {"failed": "repair_failed"}

    joined = cluster.transport == "luxi"
    for name, kind, jobs in [
        ("moved", "failover", 1 if joined else 2),
        ("mirror", "fix-storage", 1),
        ("stopped", "failover", 1 if joined else 2),
        ("limited", "fix-storage", 1),
        ("wiped", "reinstall", 1 if joined else 2),
        ("wiped-down", "reinstall", 1 if joined else 2),
        ("ext", "failover", 1),
        ("rbd", "failover", 1),
        ("sharedfile", "failover", 1),
        ("diskless", "failover", 1),
    ]:
        results = [tag for tag in cluster.tags(name) if tag.startswith(("result:", "pending:"))]
        assert [ended(tag, kind, "success", jobs) for tag in results] == [True], (name, results)
        primary, secondaries, status = cluster.placed(name)
        assert "node3" not in (primary, *secondaries)
        assert status == ("ADMIN_down" if name in ("stopped", "wiped-down") else "running"), name
    assert cluster.tags("elsewhere") == []
    assert cluster.placed("kept")[0] == cluster.placed("forbidden")[0] == "node3"
    assert [ended(tag, "reinstall", "enoperm", 0) for tag in cluster.tags("kept")] == [True]
    harep = cluster.harep("--dry-run")
    assert "Failure: 1" in harep and "Pending repair" not in harep, harep


def test_a_drained_node(either: Cluster) -> None:
    """Instances that run are migrated, what can't move without loss is reported and never touched."""
    cluster, lab = either, either.lab
    lab.create_all(
        [
            Instance("moved", "drbd", primary="node3", secondary="node2"),
            Instance("mirror", "drbd", primary="node2", secondary="node3"),
            Instance("stopped", "drbd", primary="node3", secondary="node1", running=False),
            Instance("kept", "plain", primary="node3", tags=(TAG + "reinstall",)),
            Instance("ext", "ext", primary="node3"),
            Instance("diskless", "diskless", primary="node3"),
        ]
    )
    lab.add_tags("cluster", "", TAG + "migrate")
    lab.set_node("node3", drained=True)
    created = max(job.id for job in lab.jobs())

    runs = cluster.repair_until_quiet()
    assert not cluster.proxy.writes
    states = {name: instance["state"] for name, instance in runs[-1].instances.items()}
    assert states == dict.fromkeys(states, "healthy") | {"kept": "repair_disallowed"}
    assert "gnt-instance move" in runs[-1].instances["kept"]["reason"]
    moving = 1 if cluster.transport == "luxi" else 2  # jobs
    for name, kind, jobs in [
        ("moved", "migrate", moving),
        ("mirror", "fix-storage", 1),
        ("stopped", "migrate", 1 if cluster.transport == "luxi" else 3),  # its disks are activated first
        ("ext", "migrate", 1),
        ("diskless", "migrate", 1),
    ]:
        assert [ended(tag, kind, "success", jobs) for tag in cluster.tags(name)] == [True], (name, cluster.tags(name))
        primary, secondaries, status = cluster.placed(name)
        assert "node3" not in (primary, *secondaries)
        assert status == ("ADMIN_down" if name == "stopped" else "running")
    done = [operation for job in lab.jobs() if job.id > created for operation in job.summary]
    assert not any("kept" in operation for operation in done), done
    assert f"INSTANCE_MIGRATE({lab.full_name('moved')})" in done
    assert f"INSTANCE_FAILOVER({lab.full_name('stopped')})" in done
    assert cluster.placed("kept") == ("node3", [], "running")
    assert cluster.tags("kept") == ["reinstall"]


def test_going_on_from_harep(cluster: Cluster) -> None:
    """A repair that harep has begun keeps its id and its job, and harep takes our tags for what they say."""
    lab = cluster.lab
    lab.create("web", template="drbd", primary="node3", secondary="node2")
    past = TAG + "claim:somebody-who-died:1700000000", TAG + "stop"  # harep reads past them
    lab.add_tags("cluster", "", TAG + "failover", *past)
    lab.node_off("node3", offline=True)
    cluster.harep("--job-delay=0")
    lab.remove_tags("cluster", "", TAG + "stop")
    (pending,) = cluster.tags("web")
    _, kind, repair_id, _, job = pending.split(":")
    lab.wait_jobs()

    first = cluster.repair()
    assert first.instances["web"]["repair"]["id"] == repair_id
    lab.wait_jobs()
    (ours,) = cluster.tags("web")
    assert re.match(rf"pending:{kind}:{repair_id}:\d+:{job}\+\d+$", ours), ours
    assert 'from "Pending repair" to "Healthy"' in cluster.harep("--dry-run")  # it reads ours, and judges alike
    cluster.repair_until_quiet()
    assert lab.tags("cluster") == [TAG + "failover"]
    (result,) = cluster.tags("web")
    assert re.match(rf"result:{kind}:{repair_id}:\d+:success:{job}\+\d+$", result), result
    assert "Healthy: 1" in cluster.harep("--dry-run")


TAG = "ganeti:watcher:autorepair:"


def test_over_ssh(cluster: Cluster, tmp_path: Path) -> None:
    """On the master itself, over its socket: one run waits until nothing is left, and lets a person see how it goes."""
    lab = cluster.lab
    lab.create("web", template="drbd", primary="node3", secondary="node2")
    lab.create("log", template="plain", primary="node3", tags=(TAG + "reinstall",))
    lab.create("stuck", template="drbd", primary="node5", secondary="node4")  # no other node is in their group
    lab.add_tags("cluster", "", TAG + "failover")
    lab.set_node("node5", drained=True)
    lab.node_off("node3", offline=True)
    waiting = {"transport": "luxi", "wait": True, "wait_timeout": 300}
    with ThreadPoolExecutor(1) as pool:
        with cluster.busy("node4"):  # the migration waits for its locks, longer than it takes to the first line
            running = pool.submit(play, tmp_path / "run", waiting, host=lab.ssh_host("node1"))
            time.sleep(40)
        run = running.result()
    assert run.code == 0, run.output
    assert not run.step["left"]  # there is no node for another secondary, so nothing is waited for
    assert run.step["needs_person"] == [lab.full_name("stuck")], run.step["report"]
    assert run.step["summary"]["healthy"] == 2
    assert [ended(tag, "failover", "success", 1) for tag in cluster.tags("web")] == [True]
    assert [ended(tag, "reinstall", "success", 1) for tag in cluster.tags("log") if tag != "reinstall"] == [True]
    assert re.search(r"cluster: \d+ of 300 s, \d repairs? under way: ", run.output), run.output
    lab.wait_jobs()
    last = max(job.id for job in lab.jobs())
    again = play(tmp_path / "run", {"transport": "luxi"}, host=lab.ssh_host("node1"))
    assert again.code == 0 and not again.step["changed"]
    assert max(job.id for job in lab.jobs()) == last

    elsewhere = play(tmp_path / "run", {"transport": "luxi"}, host=lab.ssh_host("node2"))
    assert elsewhere.code != 0
    assert "LUXI is only available on the master node" in elsewhere.messages[0]
