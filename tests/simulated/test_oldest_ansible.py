# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The oldest Ansible that is promised plays the playbooks, too: it templates in another way than newer ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from playbook import BUILD, LOCAL
from simulator import Simulator
from simulator.examples import example
from simulator.simulator import wall_clock_cluster

from .test_here_or_sent import WAYS, reach, vaulted

OLDEST = "ansible-core==2.16.19"
FENCED = {"ganeti_autorepair_fence_tasks": "fence_command.yml", "ganeti_autorepair_fence_command": ["true"]}
NOT_FENCED = {**FENCED, "ganeti_autorepair_fence_command": ["false"]}

Play = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def oldest() -> Path:
    """Its ansible-playbook, installed once and kept."""
    folder = BUILD / OLDEST.replace("==", "-")
    program = folder / "bin" / "ansible-playbook"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [folder / "bin" / "pip", "--quiet", "--disable-pip-version-check", "install"]
        subprocess.run([*pip, OLDEST, "requests"], check=True, timeout=300)
    return program


@pytest.fixture(params=[("rapi", "here"), ("luxi", "sent")], ids="-".join)
def play(request: pytest.FixtureRequest, oldest: Path, tmp_path: Path) -> Iterator[Play]:
    """Plays a playbook of the collection on a cluster that is broken in the usual ways; its code, and what it says."""
    transport, way = request.param
    with Simulator(example(wall_clock_cluster(50)), folder=tmp_path) as simulator:
        where = {f"ganeti_autorepair_{name}": value for name, value in reach(simulator, transport).items()}
        yield player(oldest, tmp_path, {"c": {**WAYS[way], **where}})


def player(program: Path, folder: Path, hosts: Mapping[str, object]) -> Play:
    """What plays a playbook by this program, in a folder, on these hosts."""
    inventory = folder / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))},
        "ANSIBLE_COLLECTIONS_PATH": str(BUILD / "collections"),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "PWD": str(folder),
    }

    def play(book: str, *options: str, **variables: object) -> tuple[int, str]:
        command = [program, "--inventory", inventory, f"ganeti.autorepair.{book}", *options]
        command += ["--extra-vars", json.dumps(variables)]
        run = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)
        return run.returncode, run.stdout + run.stderr

    return play


def test_all_playbooks(play: Play) -> None:
    """A plan, a dry run, a fence that fails, rounds to the end, an approval that has gone stale, the report, a wish."""
    code, said = play("plan")
    assert (code, "hash of the plan: " in said) == (0, True), said
    code, said = play("repair", "--check", "--diff", **FENCED)
    assert (code, "these nodes would be fenced first: node3.example.com" in said) == (0, True), said
    assert "would submit failover" in said
    code, said = play("repair", **NOT_FENCED)
    assert (code, "cannot fence node3.example.com, so what waits for that was not done" in said) == (2, True), said
    code, said = play("repair", ganeti_autorepair_wait=True, ganeti_autorepair_wait_timeout=60, **FENCED)
    assert (code, "0 needs_repair" in said or "needs_repair" not in said.rpartition("instances:")[2]) == (0, True), said
    code, said = play("repair", ganeti_autorepair_approved_plan="plan-c.json")
    assert (code, "is not the approved one" in said) == (2, True), said
    code, said = play("repair")
    assert (code, "changed=0" in said) == (0, True), said
    code, said = play("report", ganeti_autorepair_report_dir="report")
    assert (code, "of 15 healthy" in said) == (0, True), said
    code, said = play("suspend", ganeti_autorepair_names="web1.example.com", ganeti_autorepair_until="+2h")
    assert (code, "changed=1" in said) == (0, True), said


@pytest.mark.parametrize("which", ["oldest", "ours"])
def test_silent_nodes(oldest: Path, tmp_path: Path, which: str) -> None:
    """Of two clusters one is well; of the other, no witness is reached, so nobody is called dead (N3)."""
    simulators = {name: Simulator(wall_clock_cluster(50), folder=tmp_path / name) for name in ("well", "sick")}
    hosts = {}
    with ExitStack() as running:
        for name, simulator in simulators.items():
            (tmp_path / name).mkdir()
            running.enter_context(simulator)
            simulator.cluster.add_group("default")
            for number in range(1, 6):
                simulator.cluster.add_node(f"node{number}", "default")
            where = {f"ganeti_autorepair_{option}": value for option, value in reach(simulator, "rapi").items()}
            hosts[name] = {**LOCAL, **where}
        simulators["sick"].cluster.power_off("node3")
        program = oldest if which == "oldest" else Path(sys.executable).with_name("ansible-playbook")
        play = player(program, tmp_path, hosts)
        code, said = play("nodes", "--check", nodes_pause=0, ganeti_autorepair_looks=2, ganeti_autorepair_witnesses=2)
    assert code == 0, said
    assert "5 nodes: 5 healthy" in said and "5 nodes: 4 healthy, 1 unknown" in said
    assert "0 of 2 witnesses have looked at it" in said and "node1@sick" in said and "@well" not in said
    assert not any(simulator.cluster.queue.jobs for simulator in simulators.values())


def test_a_fence_that_can_not_be_named(play: Play) -> None:
    """No round without it."""
    code, said = play("repair", ganeti_autorepair_fence_tasks="{{ rack_files }}/fence.yml")
    assert (code, "rack_files" in said) == (2, True), said
    assert "Carry out the round" not in said


def test_a_password_in_a_vault(play: Play, tmp_path: Path) -> None:
    """It takes the place of the inventory's, decrypted."""
    code, said = play("repair", "--check", *vaulted(tmp_path))
    assert (code, "would submit failover" in said) == (0, True), said
