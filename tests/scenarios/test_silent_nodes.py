# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook `nodes` on real Ganeti: what each node is, by the word of others; and that nothing is written."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import cycle, product
from pathlib import Path
from threading import Event, Thread
from typing import Any

from lab import network
from lab.shell import run as run_here
from playbook import LOCAL, Run, play_on

from .conftest import Cluster

PLAYBOOK = "ganeti.autorepair.nodes"
FACTS = "ganeti.autorepair.ganeti_autorepair_node_facts"
AT_ONCE = "-e nodes_pause=1"  # a silent node makes looks five seconds apart by itself
POWER = """
- name: Ask the power device of the dead node, which says off; that of the other one does not answer
  ansible.builtin.set_fact:
    ganeti_autorepair_power: "{{ 'off' if ganeti_autorepair_node.startswith('node3.') else undefined_device }}"
"""
NOWHERE = "02:00:00:00:00:99"  # a network card that nobody has


def hosts(cluster: Cluster, transport: str, **changes: object) -> dict[str, dict[str, object]]:
    """The inventory: the cluster, over RAPI from here or over its socket on the master, with SSH to witnesses."""
    ssh = cluster.lab.ssh_host("node1")
    options = {"transport": "luxi"} if transport == "luxi" else cluster.direct()
    options |= {"node_ssh_key": ssh["ansible_ssh_private_key_file"], "node_ssh_args": ssh["ansible_ssh_common_args"]}
    options |= {"isolation_addresses": [cluster.lab.settings.host_address], **changes}
    reached = ssh if transport == "luxi" else LOCAL
    return {"cluster": {**reached, **{f"ganeti_autorepair_{name}": value for name, value in options.items()}}}


def looked(
    cluster: Cluster, folder: Path, transport: str, *options: str, **changes: object
) -> tuple[Run, Mapping[str, Any]]:
    """A run of the playbook, and the facts at its end; nothing may have been written."""
    before = standing(cluster)
    run = play_on(hosts(cluster, transport, **changes), folder / "run", PLAYBOOK, AT_ONCE, *options)
    assert run.code == 0, run.output
    assert standing(cluster) == before
    facts: Mapping[str, Any] = run.result(FACTS)["ansible_facts"]["ganeti_autorepair_nodes"]
    return run, facts


def looked_both(cluster: Cluster, folder: Path, but: str = "", **changes: object) -> tuple[Run, Mapping[str, Any]]:
    """The same by one run over both transports, and the facts over RAPI; those over the socket say the same of all
    nodes `but` one. What was observed over RAPI is kept in `cluster.json`."""
    before, changes = standing(cluster), {"record_dir": str(folder), **changes}
    both = {**hosts(cluster, "rapi", **changes), "socket": hosts(cluster, "luxi", **changes)["cluster"]}
    run = play_on(both, folder / "run", PLAYBOOK, AT_ONCE)
    assert run.code == 0, run.output
    assert standing(cluster) == before
    found = [result["ansible_facts"]["ganeti_autorepair_nodes"] for name, result in run.results if name == FACTS][-2:]
    same = [[(node["name"], node["verdict"], node["next"]) for node in facts["nodes"]] for facts in found]
    same = [[told for told in nodes if told[0] != cluster.lab.node(but).full_name] for nodes in same] if but else same
    assert same[0] == same[1], found
    kept = json.loads((folder / "cluster.json").read_text())
    return run, next(facts for facts in found if facts["observations"] == kept)


def standing(cluster: Cluster) -> object:
    """The jobs that there were, and how nodes are marked and tagged."""
    fields = "name,offline,drained,role,tags"
    marks = cluster.lab.run("node1", ["gnt-node", "list", "--no-headers", "-o", fields]).stdout
    return [job.id for job in cluster.lab.jobs()], marks, cluster.lab.tags("cluster", "")


def verdicts(cluster: Cluster, facts: Mapping[str, Any]) -> dict[str, str | None]:
    """What each node is, by its short name."""
    return {node["name"].partition(".")[0]: node["verdict"] for node in facts["nodes"]}


def asked(run: Run) -> int:
    """How often an observer was asked."""
    return len([name for name, result in run.results if name == "ansible.builtin.raw"])


@contextmanager
def stopped_noded(cluster: Cluster, node: str) -> Iterator[None]:
    """The node daemon accepts connections, and does nothing."""
    cluster.lab.run(node, ["pkill", "-STOP", "-f", "ganeti-noded"])
    try:
        yield
    finally:
        cluster.lab.run(node, ["pkill", "-CONT", "-f", "ganeti-noded"])


@contextmanager
def hung(cluster: Cluster, node: str) -> Iterator[None]:
    """Its kernel lives, and none of its programs does anything."""
    cluster.lab.run(node, ["pkill", "-STOP", "-f", "sshd|ganeti-"])
    try:
        yield
    finally:
        cluster.lab.run(node, ["pkill", "-CONT", "-f", "sshd|ganeti-"])


@contextmanager
def slow_noded(cluster: Cluster, node: str) -> Iterator[None]:
    """Its node daemon works for a moment, every two seconds."""
    ended = Event()

    def work() -> None:
        while not ended.wait(0.3):
            cluster.lab.run(node, ["pkill", "-STOP", "-f", "ganeti-noded"])
            ended.wait(2)
            cluster.lab.run(node, ["pkill", "-CONT", "-f", "ganeti-noded"])

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def cut_link(cluster: Cluster, *pair: str) -> Iterator[None]:
    """Neither of two nodes finds the other; all else goes on."""
    addresses = {node: cluster.lab.settings.node_address(cluster.lab.node(node).number) for node in pair}
    for node, other in (pair, pair[::-1]):
        words = ["ip", "neigh", "replace", addresses[other], "lladdr", NOWHERE, "nud", "permanent", "dev", "eth0"]
        cluster.lab.run(node, words)
    try:
        yield
    finally:
        for node, other in (pair, pair[::-1]):
            cluster.lab.run(node, ["ip", "neigh", "del", addresses[other], "dev", "eth0"])


@contextmanager
def cut_from_here(cluster: Cluster, *addresses: str) -> Iterator[None]:
    """This machine finds nobody at these addresses; all nodes find one another."""
    device = cluster.lab.settings.bridge
    for address in addresses:
        run_here(["ip", "neigh", "replace", address, "lladdr", NOWHERE, "nud", "permanent", "dev", device])
    try:
        yield
    finally:
        for address in addresses:
            run_here(["ip", "neigh", "del", address, "dev", device])


@contextmanager
def flapping(cluster: Cluster, node: str) -> Iterator[list[float]]:
    """Its cable is out for four seconds, and in for two, again and again; yields when it went out. The others forget
    where they had found it, so that they soon notice."""
    lab, ended, outages = cluster.lab, Event(), list[float]()
    forget = ["ip", "neigh", "flush", "to", lab.node(node).address]

    def flap() -> None:
        while not ended.is_set():
            network.unplug(lab.node(node).cable)
            run_here(forget)
            for other in lab.nodes:
                lab.run(other.name, forget)
            outages.append(time.monotonic())
            ended.wait(4)
            network.plug_in(lab.node(node).cable, lab.settings.bridge)
            ended.wait(2)

    thread = Thread(target=flap)
    thread.start()
    try:
        yield outages
    finally:
        ended.set()
        thread.join()


def test_who_is_silent_and_why(cluster: Cluster, tmp_path: Path) -> None:
    """All well: nobody is asked. Then one without power and one whose node daemon hangs, and one with a broken link."""
    run, facts = looked_both(cluster, tmp_path)
    assert asked(run) == 0 and facts["summary"] == {"healthy": 5}
    cluster.lab.node_off("node3")
    power = tmp_path / "power.yml"
    power.write_text(POWER)
    with stopped_noded(cluster, "node5"):
        run, facts = looked_both(cluster, tmp_path, power_status_tasks=str(power))
    assert asked(run) == 2 * 3 * 4  # the machine here, the master and two others, three times, over each transport
    found = verdicts(cluster, facts)
    assert found == {"node1": "healthy", "node2": "healthy", "node3": "off", "node4": "healthy", "node5": "deaf"}
    told = "\n".join(facts["report"])
    assert "systemctl restart ganeti-noded" in told and "- controller: silent" in told and "- power: off" in told
    replayed(cluster, tmp_path, facts)
    reported(cluster, tmp_path, power)
    cluster.lab.node_on("node3")
    with cut_link(cluster, "node1", "node3"):
        run, facts = looked_both(cluster, tmp_path)
    assert verdicts(cluster, facts)["node3"] == "cut_off" and facts["plan"]["hash"]
    node = next(node for node in facts["nodes"] if node["verdict"] == "cut_off")
    assert f"{node['name']} answers controller" in node["why"] and node["next"] == "report"


def test_who_lives_and_can_not_be_reached(cluster: Cluster, tmp_path: Path) -> None:
    """Two racks lose each other; the master loses all others; programs hang on one node, and another one is slow."""
    with ExitStack() as stack:
        for pair in product(("node1", "node2", "node3"), ("node4", "node5")):
            stack.enter_context(cut_link(cluster, *pair))
        _run, facts = looked_both(cluster, tmp_path)
    parts = [[name.partition(".")[0] for name in part] for part in facts["partition"]]
    assert parts == [["node1", "node2", "node3"], ["node4"], ["node5"]], facts["report"]  # nobody asked these two
    assert not [node for node in facts["nodes"] if node["verdict"] not in ("healthy", "cut_off", "unknown")]
    with ExitStack() as stack:
        for other in ("node2", "node3", "node4", "node5"):
            stack.enter_context(cut_link(cluster, "node1", other))
        _run, facts = looked_both(cluster, tmp_path)
    assert facts["stopped"] and not [node for node in facts["nodes"] if node["next"] in ("fence", "mark")], facts
    with hung(cluster, "node3"), slow_noded(cluster, "node5"):
        _run, facts = looked_both(cluster, tmp_path, but="node5")
    found = verdicts(cluster, facts)
    assert found["node3"] == "hung" and found["node5"] in ("healthy", "deaf"), facts["report"]
    assert {node["next"] for node in facts["nodes"]} <= {"none", "wait", "report"}


def test_what_flaps_and_a_controller_that_is_cut_off(cluster: Cluster, tmp_path: Path) -> None:
    """A node is out and in again, ten times, and has power. Then it is out, and this machine reaches nobody but the
    master; then nobody at all."""
    lab, power = cluster.lab, tmp_path / "power.yml"
    power.write_text("- ansible.builtin.set_fact: {ganeti_autorepair_power: 'on'}\n")
    with flapping(cluster, "node5") as outages:
        silent, transports = 0, cycle(("rapi", "luxi"))
        while len(outages) < 10 or not silent:
            run, facts = looked(cluster, tmp_path, next(transports), power_status_tasks=str(power))
            assert not [node for node in facts["nodes"] if node["next"] in ("fence", "mark")], facts["report"]
            flapped = asked(run) > 0 and verdicts(cluster, facts)["node5"] == "healthy"
            assert flapped is any("answers now, but was silent in" in line for line in facts["report"]), facts["report"]
            silent += asked(run)
    network.unplug(lab.node("node5").cable)
    with cut_from_here(cluster, *(lab.node(other).address for other in ("node2", "node3", "node4"))):
        _run, facts = looked_both(cluster, tmp_path)
    assert verdicts(cluster, facts)["node5"] == "unknown" and "1 of 4 witnesses" in "".join(facts["report"]), facts
    before, patience = standing(cluster), {"ansible_ssh_args": "-o ServerAliveInterval=3 -o ServerAliveCountMax=2"}
    both = {**hosts(cluster, "rapi", rapi_timeout=5), "socket": {**hosts(cluster, "luxi")["cluster"], **patience}}
    with cut_from_here(cluster, lab.node("node1").address, lab.settings.cluster_address):
        run = play_on(both, tmp_path / "run", PLAYBOOK, AT_ONCE)
    assert run.code != 0 and standing(cluster) == before and not asked(run), run.output
    assert "did not answer in time; check rapi_host" in run.output and "UNREACHABLE" in run.output


def reported(cluster: Cluster, folder: Path, power: Path) -> None:
    """The report looks at the nodes first; it shows the dead one that nobody has marked, as page, JSON and metrics."""
    options = {"look_at_nodes": True, "report_dir": str(folder / "report"), "power_status_tasks": str(power)}
    run = play_on(hosts(cluster, "luxi", **options), folder / "report-run", "ganeti.autorepair.report", AT_ONCE)
    assert run.code == 0, run.output
    (seen,) = [told["seen"] for told in json.loads((folder / "report/clusters/cluster.json").read_text())["clusters"]]
    assert {verdict: number for verdict, number in seen["counts"]["verdicts"].items() if number} == {
        "healthy": 4,
        "off": 1,
    }
    dead = cluster.lab.node("node3").full_name
    for file in ("index.html", "clusters/cluster.html"):
        assert (
            f"nobody reaches {dead}, and its power device says that it is off" in (folder / "report" / file).read_text()
        )
    metrics = (folder / "report/ganeti_autorepair.prom").read_text()
    assert f'node_in_trouble{{cluster="cluster",node="{dead}",verdict="off"}} 1' in metrics
    assert "1 of 5 nodes in trouble" in run.output


def replayed(cluster: Cluster, folder: Path, facts: Mapping[str, Any]) -> None:
    """What was kept is judged again without the cluster, and says the same."""
    kept = folder / "cluster.json"
    assert json.loads(kept.read_text()) == facts["observations"]
    options = {"replay": str(kept), "isolation_addresses": [cluster.lab.settings.host_address]}
    laptop = {**LOCAL, **{f"ganeti_autorepair_{name}": value for name, value in options.items()}}
    run = play_on({"laptop": laptop}, folder / "replay", PLAYBOOK)
    assert run.code == 0 and asked(run) == 0, run.output
    assert run.result(FACTS)["ansible_facts"]["ganeti_autorepair_nodes"] == facts
