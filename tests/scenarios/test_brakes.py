# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brakes and gates on real Ganeti: each holds what it should, says so, and lets go when its reason has gone."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lab.instances import Instance
from playbook import PLAN, play

from .conftest import TRANSPORTS, Cluster
from .rounds import both, gnt, held, steps

TAG = "ganeti:watcher:autorepair:"
BREAKER = TAG + "breaker"


def breakers(cluster: Cluster) -> list[str]:
    """The breaker's tags of node3's group."""
    return [tag for tag in cluster.lab.tags("nodegroup", "default") if tag.startswith(BREAKER)]


def broken(cluster: Cluster) -> None:
    """Let node3 die with a mirrored, a shared and a local instance, all of which may be repaired."""
    lab = cluster.lab
    lab.create_all(
        [
            Instance("db", "drbd", primary="node3", secondary="node2"),
            Instance("web", "rbd", primary="node3"),
            Instance("old", "plain", primary="node3", tags=(TAG + "reinstall",)),
        ]
    )
    lab.add_tags("cluster", "", TAG + "failover")
    lab.node_off("node3", offline=True)


def test_every_gate_holds_and_writes_nothing(cluster: Cluster) -> None:
    """One after the other on the same dead node, over both transports; in the end everything is repaired."""
    lab = cluster.lab
    broken(cluster)
    now = datetime.now(UTC)
    hours = {"start": f"{now + timedelta(hours=2):%H:%M}", "end": f"{now + timedelta(hours=3):%H:%M}"}
    some = {"instances": ["db", "old"]}  # the third has no node left that works on it
    for why, options in [
        ("max_in_flight", {"max_in_flight": 0}),
        ("max_per_node", {"max_per_node": 0, **some}),
        ("max_per_group", {"max_per_group": 0}),
        ("settle_time", {"settle_time": 3600}),
        ("min_offline_age", {"min_offline_age": 3600}),
        ("windows", {"windows": [{"type": "failover", **hours}]}),
        ("fencing", {"fencing": "confirmed"}),
        ("fencing", {"fencing": "powered_off"}),
        ("breaker", {"unhealthy_range": "[2-3]", "storm_cooldown": 0}),
    ]:
        for result in both(cluster, **options):
            names = options.get("instances", ["db", "old", "web"])
            assert {name: held(result)[name] for name in names} == dict.fromkeys(names, why), result["report"]
            assert not result["changed"] and not cluster.proxy.writes, options
            assert any(one["why"] == why for one in result["held"]), result["held"]

    node3 = lab.node("node3").full_name
    gnt(cluster, "gnt-node", "modify", "--node-parameters", "oob_program=/bin/true", node3)
    gnt(cluster, "gnt-node", "modify", "--offline=yes", "--node-powered=no", node3)
    for proven in both(cluster, check=True, fencing="powered_off"):
        assert set(held(proven).values()) == {None} and not cluster.proxy.writes

    gnt(cluster, "gnt-cluster", "watcher", "pause", "10m")
    rapi, luxi = both(cluster, check=True)
    assert (set(held(rapi).values()), set(held(luxi).values())) == ({None}, {"watcher_paused"})
    assert set(held(both(cluster, check=True, respect_watcher_pause=False)[1]).values()) == {None}
    gnt(cluster, "gnt-cluster", "watcher", "continue")

    gnt(cluster, "gnt-cluster", "queue", "drain")
    assert [set(held(result).values()) for result in both(cluster)] == [{"queue_drained"}] * 2
    gnt(cluster, "gnt-cluster", "queue", "undrain")

    before = int(time.time()) - 60
    asked = [f"{TAG}pending:reinstall:mine:{before}:", f"{TAG}pending:migrate:theirs:{before + 1}:"]
    lab.add_tags("instance", "web", *(f"{TAG}result:failover:r{n}:{before + n}:success:{n}" for n in (1, 2, 3)))
    lab.add_tags("instance", "old", *asked)
    for left in both(cluster, check=True):
        assert held(left) == {"db": None, "old": "other_repair", "web": "flapping"} and not cluster.proxy.writes
        assert [action["action"] for action in left["actions"] if action["why"]] == ["report", "report"]
    lab.remove_tags("instance", "old", *asked)

    gnt(cluster, "gnt-group", "modify", "--alloc-policy=unallocable", "default")
    for full in both(cluster, check=True, repair_window=0):
        assert held(full) == {"db": None, "old": "no_node", "web": None} and "alloc_policy" in str(full["report"])
    gnt(cluster, "gnt-group", "modify", "--alloc-policy=preferred", "default")

    lab.add_tags("cluster", "", "htools:iextags:service:")
    for name in ("old", "web"):
        lab.add_tags("instance", name, "service:dns")
    lab.create("dns", template="rbd", primary="node1", tags=("service:dns",))
    for apart in both(cluster, check=True, repair_window=0, choose_nodes=True):
        nodes = [action["nodes"] for action in apart["actions"] if action["name"] != lab.full_name("db")]
        assert sorted(nodes, key=len) == [[], [lab.node("node2").full_name]], apart["report"]
        assert "service:dns" in str(apart["report"])  # the one that waits says why
    lab.remove_tags("instance", "dns", "service:dns")

    cluster.repair_until_quiet(repair_window=0, choose_nodes=True)
    assert {cluster.placed(name)[2] for name in ("db", "web", "old")} == {"running"}
    assert {cluster.placed("web")[0], cluster.placed("old")[0]} == {"node1", "node2"}


def test_the_breaker(cluster: Cluster) -> None:
    """Two of a group's three nodes are too many: nothing begins there, elsewhere it does; the group remembers."""
    lab = cluster.lab
    broken(cluster)
    lab.create("far", template="rbd", primary="node4")
    lab.set_node("node4", drained=True)
    lab.create("near", template="rbd", primary="node2")
    lab.set_node("node2", offline=True)
    tripped = steps(cluster)
    others = {"db": "not_allowed", "far": None}  # the nodes of one are dead, and the other's group is well
    assert held(tripped) == {"web": "breaker", "old": "breaker", "near": "breaker", **others}, tripped["report"]
    assert tripped["breaker"]["tripped"] and tripped["breaker"]["scope"] == "group", tripped["breaker"]
    assert (tripped["breaker"]["counted"], tripped["breaker"]["limit"], tripped["breaker"]["total"]) == (2, 1, 3)
    assert breakers(cluster) == [BREAKER]
    lab.wait_jobs()
    cluster.repair_until_quiet()  # sees far to its end
    assert not cluster.proxy.writes and cluster.placed("far")[2] == "running"
    for still in both(cluster):
        assert held(still)["web"] == "breaker" and not cluster.proxy.writes
    assert "breaker" not in cluster.harep("--dry-run")  # it reads past the tag, and has nothing to say of it

    lab.set_node("node2", offline=False)
    cooling = steps(cluster, storm_cooldown=3600)
    assert cooling["breaker"]["until"] > time.time() and held(cooling)["web"] == "storm_cooldown"
    (remembered,) = breakers(cluster)
    for again in both(cluster, storm_cooldown=5):  # other runners, with other ideas
        assert held(again)["web"] == "storm_cooldown" and not cluster.proxy.writes
    lab.remove_tags("nodegroup", "default", remembered)
    lab.add_tags("nodegroup", "default", f"{BREAKER}:{int(time.time())}")
    cluster.transport = "luxi"
    runs = cluster.repair_until_quiet()
    assert runs[-1].step["summary"]["healthy"] == 5 and not breakers(cluster)


def test_plan_approval_and_fencing(cluster: Cluster, tmp_path: Path) -> None:
    """What was planned over one transport, as if the node were off, is done over the other once it is fenced; anything
    else is refused before that."""
    lab = cluster.lab
    broken(cluster)
    fenced, plan = tmp_path / "fenced", tmp_path / "plan.json"
    given = {
        "fence_tasks": "fence_command.yml",
        "fence_command": ["sh", "-c", f"echo {{{{ ganeti_autorepair_node }}}} >> {fenced}"],
        "plan_file": str(plan),
    }
    text = ""
    for cluster.transport in ("rapi", "luxi", "rapi"):  # the second and the third time nothing changes
        planned = play(tmp_path / "plan", cluster.options(**given), playbook=PLAN)
        assert planned.code == 0 and not cluster.proxy.writes and not fenced.exists(), planned.output
        assert plan.read_text() == (text or plan.read_text())
        text = plan.read_text()
    written = json.loads(text)
    assert written["fence"] == [lab.node("node3").full_name]
    assert {one["name"].partition(".")[0]: one["steps"] for one in written["plan"]["actions"]} == {
        "db": ["failover", "replace-disks"], "web": ["failover"], "old": ["recreate-disks", "reinstall"],
    }  # fmt: skip

    lab.create("late", template="rbd", primary="node2")
    lab.set_node("node2", drained=True)
    other = cluster.repair(**given, approved_plan=str(plan))
    assert other.code != 0 and not cluster.proxy.writes and not fenced.exists(), other.output
    assert "late.lab.example: approved was nothing, now it is submit migrate" in other.messages[0]
    lab.set_node("node2", drained=False)

    cluster.transport = "luxi"
    dry = cluster.repair("--check", **given, approved_plan=str(plan))
    assert dry.code == 0 and not cluster.proxy.writes and not fenced.exists(), dry.output
    failing = {**given, "fence_command": ["sh", "-c", "echo BMC is silent >&2; exit 1"]}
    run = cluster.repair(**failing)
    assert run.code != 0 and not cluster.proxy.writes, run.output
    assert "cannot fence node3" in run.messages[-1] and "BMC is silent" in run.messages[-1], run.messages
    assert set(held(run.step).values()) == {"fencing"}, run.step["report"]

    run = cluster.repair(**given, approved_plan=written["plan"]["hash"], wait=True)
    assert run.code == 0, run.output
    assert fenced.read_text().split() == [lab.node("node3").full_name]
    assert run.step["summary"]["healthy"] == 4, run.step["report"]


def test_a_failover_goes_to_a_copy_that_is_up_to_date(cluster: Cluster) -> None:
    """The secondary is asked, over either transport; of a stopped instance's disks, which are assembled nowhere, it can
    tell nothing."""
    lab, asking = cluster.lab, {"secondary_state": "uptodate"}
    lab.create_all(
        [
            Instance("db", "drbd", primary="node3", secondary="node2"),
            Instance("stopped", "drbd", primary="node3", secondary="node1"),
        ]
    )
    gnt(cluster, "gnt-instance", "shutdown", lab.full_name("stopped"))  # one that never ran has its disks assembled
    lab.add_tags("cluster", "", TAG + "failover")
    lab.node_off("node3", offline=True)
    for cluster.transport in TRANSPORTS:
        dry = steps(cluster, check=True, **asking)
        assert held(dry) == {"db": None, "stopped": None} and not cluster.proxy.writes, dry["report"]
        told = steps(cluster, instances=["stopped"], **asking)
        assert held(told) == {"stopped": "secondary_state"} and not told["changed"], told["report"]
        assert "disk 0 on node1.lab.example is not assembled" in " ".join(" ".join(told["report"]).split())
    run = steps(cluster, **asking)
    assert held(run) == {"db": None, "stopped": "secondary_state"} and run["changed"], run["report"]
