# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A person fences a node, or says that it is off, on real Ganeti: from the command to guests that run elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import certificates, luxi, network
from lab.bmc import Power, power_of, redfish
from playbook import Run, play_on

from .conftest import Cluster
from .test_power import agent
from .test_power import agents as _agents  # noqa: F401  # installs them
from .test_silent_nodes import cut_link, hosts, standing, stopped_noded

REMEMBERED = "ganeti:watcher:nodewatch:"


@contextmanager
def powered(cluster: Cluster, power: Power, node: str = "node3") -> Iterator[dict[str, object]]:
    """The variables by which the node's BMC is found."""
    with redfish(certificates.signed_file(cluster.lab.settings), power) as ports:
        yield {"fence_tasks": "fence_agent.yml", **agent({node: ports[0]})}


def played(
    cluster: Cluster,
    folder: Path,
    transport: str,
    *options: str,
    name: str = "fence",
    node: str = "node3",
    **changes: object,
) -> Run:
    """A run of the playbook about a node; two looks are enough, five seconds apart. Of a silent node, each takes three
    seconds by itself."""
    variables = hosts(cluster, transport, looks=2, **changes)
    words = [f"-e node={node}", f"-e nodes_pause={6 if name == 'readmit' else 3}", *options]
    return play_on(variables, folder / "run", f"ganeti.autorepair.{name}", *words)


def remembered(cluster: Cluster) -> list[list[str]]:
    """What the cluster's tags say of nodes, in fields, without the UUID, the incident's id and the time."""
    tags = [tag for tag in cluster.lab.tags("cluster", "") if tag.startswith(REMEMBERED)]
    fields = [tag.removeprefix(REMEMBERED).split(":") for tag in tags]
    return [[stage, *words] for stage, _node, _incident, _time, *words in fields]


def is_offline(cluster: Cluster, node: str) -> bool:
    """Whether it is marked."""
    name = cluster.lab.node(node).full_name
    return dict(luxi.rows(cluster.lab.luxi_socket, "node", ["name", "offline"]))[name]


def cut_off_in_the_middle(cluster: Cluster, node: str) -> None:
    """The node's programs hang while the master hands it a new configuration, and then nobody reaches it any more."""
    with stopped_noded(cluster, node):
        cluster.lab.add_tags("cluster", "", "note")
        network.unplug(cluster.lab.node(node).cable)


def a_job_that_asks(cluster: Cluster, node: str) -> int:
    """A job that asks the node something that takes ten minutes, and holds its lock for as long."""
    lab, name = cluster.lab, cluster.lab.node(node).full_name
    delay = {"OP_ID": "OP_TEST_DELAY", "duration": 600, "on_master": False, "on_nodes": [name]}
    (job,) = luxi.submit(lab.luxi_socket, [[delay]])
    cluster.wait_for(job, "running")
    asks = ["ss", "-tnH", "state", "established", "dst", lab.node(node).address, "dport", "=", "1811"]
    deadline = time.monotonic() + 60
    while not lab.run("node1", asks).stdout:
        assert time.monotonic() < deadline, "the master does not ask the node"
        time.sleep(0.1)
    return job


def an_instance_to_fail_over(cluster: Cluster, name: str, node: str) -> None:
    """It runs on this node, and may."""
    cluster.lab.create(name, template="rbd", primary=node)
    cluster.lab.add_tags("instance", name, "ganeti:watcher:autorepair:failover")


def runs_elsewhere(cluster: Cluster, name: str, *nodes: str) -> None:
    """It has been failed over once, and is on none of these nodes."""
    cluster.lab.wait_jobs()
    home, _secondaries, status = cluster.placed(name)
    assert home not in nodes and status == "running"
    assert len(cluster.jobs(name, "INSTANCE_FAILOVER")) == 1


def test_a_master_candidate_that_ganeti_still_waits_for(cluster: Cluster, tmp_path: Path) -> None:
    """It lives, cut off, and its guest runs; the answer that Ganeti waits for will never come. First with --check."""
    an_instance_to_fail_over(cluster, "web1", "node3")
    cut_off_in_the_middle(cluster, "node3")
    power = power_of(cluster.lab, "node3")
    with powered(cluster, power) as known:
        before = standing(cluster)
        run = played(cluster, tmp_path, "rapi", "--check", **known)
        assert run.code == 0 and "would power off node3" in run.output, run.output
        assert standing(cluster) == before and not power.orders
        run = played(cluster, tmp_path, "rapi", **known)
    assert run.code == 0, run.output
    assert power.orders == ["off"] and is_offline(cluster, "node3")
    assert remembered(cluster) == [["fenced", "fence_agent"]]
    runs_elsewhere(cluster, "web1", "node3")


def test_twice(cluster: Cluster, tmp_path: Path) -> None:
    """Over the master's socket, while a job waits for an answer of the node, and holds its lock; power takes a while.
    The second time there is nothing left to do."""
    an_instance_to_fail_over(cluster, "web1", "node5")
    cluster.lab.settle("node5")
    hangs = a_job_that_asks(cluster, "node5")
    network.unplug(cluster.lab.node("node5").cable)
    power = power_of(cluster.lab, "node5", "slow")
    with powered(cluster, power, "node5") as known:
        for _ in range(2):
            run = played(cluster, tmp_path, "luxi", node="node5", **known)
            assert run.code == 0, run.output
            assert power.orders == ["off"] and is_offline(cluster, "node5")
            assert remembered(cluster) == [["fenced", "fence_agent"]]
            runs_elsewhere(cluster, "web1", "node5")
    (job,) = cluster.lab.jobs([hangs])
    assert job.status == "error" and "rpc call to node node5" in str(job), job


def test_who_may_be_alive_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    """Unless somebody asks for it by what the node is; and then its power device must not lie."""
    lying = power_of(cluster.lab, "node5", "lying")
    with cut_link(cluster, "node1", "node5"), powered(cluster, lying, "node5") as known:
        before = standing(cluster)
        run = played(cluster, tmp_path, "luxi", node="node5", **known)
        assert run.code != 0 and "it is cut_off" in run.output and "nothing was written" in run.output, run.output
        assert standing(cluster) == before and not lying.orders
        run = played(cluster, tmp_path, "rapi", node="node5", even_if="cut_off", **known)
        assert run.code != 0 and "power device may be another machine's" in run.output, run.output
    assert lying.orders == ["off"] and cluster.lab.node("node5").is_on() and not is_offline(cluster, "node5")
    assert remembered(cluster) == [["failed", "answers"]]


def test_power_devices_that_fail(cluster: Cluster, tmp_path: Path) -> None:
    """One does not answer, and one is that of another node, which goes off; the node that was named is not marked."""
    dead, wrong = power_of(cluster.lab, "node5", "hanging"), power_of(cluster.lab, "node4")
    network.unplug(cluster.lab.node("node5").cable)
    with powered(cluster, dead, "node5") as known:
        run = played(cluster, tmp_path, "rapi", node="node5", **{**known, "fence_timeout": 5})
    assert run.code != 0 and "did not prove that it is off, so it was not marked" in run.output, run.output
    assert remembered(cluster) == [["failed", "power-off"]] and not dead.orders
    with powered(cluster, wrong, "node5") as known:
        run = played(cluster, tmp_path, "luxi", node="node5", **known)
    assert run.code != 0 and "but node4.lab.example has fallen silent meanwhile" in run.output, run.output
    assert remembered(cluster) == [["failed", "another"]] and wrong.orders == ["off"]
    assert not [node for node in ("node4", "node5") if is_offline(cluster, node)]


def test_a_person_says_that_it_is_off(cluster: Cluster, tmp_path: Path) -> None:
    """The tag keeps the words, and the instance runs elsewhere; a marked node that nobody has named is left on."""
    lab = cluster.lab
    an_instance_to_fail_over(cluster, "web1", "node5")
    an_instance_to_fail_over(cluster, "web2", "node3")
    lab.set_node("node3", offline=True)
    tasks, switched = tmp_path / "fence.yml", tmp_path / "switched"
    tasks.write_text(f"- ansible.builtin.file: {{path: {switched}, state: touch}}\n")
    known = {"confirmed_by": "Anna pulled both plugs", "fence_tasks": str(tasks), "node": "node5"}
    run = played(cluster, tmp_path, "rapi", name="confirm", **known)
    assert run.code != 0 and "but it lives, by" in run.output and not remembered(cluster), run.output
    lab.node_off("node5")
    run = played(cluster, tmp_path, "rapi", name="confirm", **known)
    assert run.code == 0, run.output
    assert remembered(cluster) == [["fenced", "person.Anna_pulled_both_plugs"]] and is_offline(cluster, "node5")
    runs_elsewhere(cluster, "web1", "node5", "node3")
    assert not switched.exists() and cluster.placed("web2")[0] == "node3"
