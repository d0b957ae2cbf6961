# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Approved plans and fencing: what was approved is good for one case once, and no node is fenced in vain."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.document import plan_data
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.approval import PlanDiffers, parse_approved
from playbook import BUILD, LOCAL, PLAN, Run, end_step, play, start_step
from simulator import Simulator
from simulator.simulator import wall_clock_cluster
from unbraked import unbraked

from .conftest import TAG, Site
from .direct import TRANSPORTS

# --- what an approval is good for -------------------------------------------------------------------------------------


@pytest.fixture(params=TRANSPORTS)
def site(request: pytest.FixtureRequest) -> Site:
    """A cluster with two instances on a node that has died, reached without sockets."""
    site = Site(Simulator(), request.param, direct=True)
    site.break_two()
    return site


def return_to_node3(site: Site) -> None:
    """Both instances are moved back to node3, which is alive again for a while, and dies again."""
    for name in ("db", "web"):
        site.cluster.instance(name).primary = "node3"
    site.kill("node3")


def done(site: Site) -> None:
    """The plan was carried out, and two weeks later everything is as it was."""
    site.play_until_quiet()
    site.simulator.advance(14 * 86400)
    return_to_node3(site)


def moved(site: Site) -> None:
    """web was moved to another node, which dies."""
    site.cluster.instance("web").primary = "node4"
    site.kill("node4")


def renamed(site: Site) -> None:
    """The plan was made for another cluster, with the same instances on nodes of the same names."""
    site.cluster.name = "lab.example.com"


def came_back(site: Site) -> None:
    """The node is alive after all."""
    site.cluster.power_on("node3")
    site.cluster.node("node3").offline = False


def one_more(site: Site) -> None:
    """One more instance is broken."""
    site.cluster.add_instance("app", "rbd", "node3")


WEB = "web: approved was submit failover (node3 offline), now it is"
DIFFERENCES = (
    (
        "its repairs were done since",
        done,
        ["db: approved was submit failover", f"{WEB} submit failover (node3 offline), after another repair"],
    ),
    ("an instance was moved since", moved, [f"{WEB} submit failover (node4 offline)"]),
    ("it is another cluster's", renamed, ["it was made for another cluster"]),
    ("the node came back", came_back, ["db: approved was submit failover", f"{WEB} nothing"]),
    ("one more instance is broken", one_more, ["app: approved was nothing, now it is submit failover (node3 offline)"]),
)


@pytest.mark.parametrize(("happens", "told"), [row[1:] for row in DIFFERENCES], ids=[row[0] for row in DIFFERENCES])
def test_a_plan_that_is_not_the_approved_one(site: Site, happens: Callable[[Site], None], told: list[str]) -> None:
    """Nothing is written, and what differs is told, a line for each object; a hash alone can't tell, but holds too."""
    approved = json.loads(json.dumps(plan_data(site.plan_round())))
    happens(site)
    site.simulator.log.clear()
    for given in (approved, approved["hash"]):
        with pytest.raises(PlanDiffers, match="the plan is not the approved one, so nothing was done") as caught:
            site.run_round(unbraked(approved=parse_approved(given)))
        if given is approved:
            differences = caught.value.details["differences"]
            assert [line.startswith(words) for line, words in zip(differences, told, strict=True)] == [True] * len(told)
    assert site.simulator.log.writes() == []


def test_another_instance_of_that_name(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """web was removed since, and is a new instance."""
    approved = parse_approved(plan_data(site.plan_round()))
    monkeypatch.setattr(type(site.cluster.instance("web")), "uuid", property(lambda self: f"new-{self.name}"))
    with pytest.raises(PlanDiffers, match=f"{re.escape(WEB)} .*, to another instance of that name"):
        site.run_round(unbraked(approved=approved))


def test_the_approved_plan(site: Site) -> None:
    """It is done where nothing has changed, whatever time has passed."""
    approved = parse_approved(plan_data(site.plan_round()))
    site.simulator.advance(3600)
    assert site.run_round(unbraked(approved=approved)).changed


@pytest.mark.parametrize("given", [{}, [], "", " ", False, 0, {"plan": None}, {"actions": None}, "yes", {"hash": "0"}])
def test_no_approval(given: Any) -> None:
    """Whatever is empty, or something else, approves nothing and is not taken for no option."""
    with pytest.raises(BadOption, match="approved_plan"):
        parse_approved(given)


def test_no_approval_is_asked_for() -> None:
    """The option is not given."""
    assert parse_approved(None) is None


# --- through the module and the role ----------------------------------------------------------------------------------


class Real:
    """A simulated cluster that lives by the machine's clock, for playbooks; nodes are fenced by a command."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        """Work in this folder."""
        self.folder = folder
        self.simulator = simulator
        self.cluster = simulator.cluster
        self.fenced = folder / "fenced"
        self.fenced.touch()
        self.plan = folder / "plan.json"

    @property
    def access(self) -> dict[str, Any]:
        """How it is reached, as options."""
        known = self.simulator.settings()
        return {f"rapi_{name}": known[name] for name in ("host", "port", "user", "password", "ca_path")}

    def run(self, *options: str, playbook: str = "ganeti.autorepair.repair", **variables: Any) -> Run:
        """Run a playbook."""
        given = {**self.access, "plan_file": str(self.plan), **variables}
        return play(self.folder / "run", given, *options, playbook=playbook)

    def fencer(self, seconds: int = 0) -> dict[str, Any]:
        """Variables by which a command fences nodes, which takes so long; it notes them in a file."""
        command = f"echo $1 >> {self.fenced}; sleep {seconds}"
        words = ["sh", "-c", command, "fence", "{{ ganeti_autorepair_node }}"]
        return {"fence_tasks": "fence_command.yml", "fence_command": words}

    def put(self, instance: str, node: str) -> None:
        """There is an instance on shared storage on this node, which is marked offline."""
        self.cluster.add_instance(instance, "rbd", node)
        self.cluster.mark(node, offline=True)


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Real]:
    """A cluster of seven nodes without instances, which allows failovers."""
    cluster = wall_clock_cluster(50)
    cluster.add_group("default")
    for number in range(1, 8):
        cluster.add_node(f"node{number}", "default")
    cluster.tags.add(TAG + "failover")
    with Simulator(cluster) as simulator:
        yield Real(tmp_path, simulator)


def test_a_plan_from_its_file(real: Real) -> None:
    """A plan is compared before the first node is fenced: all of it is done, or nothing."""
    real.put("web", "node3")
    assert real.run(playbook=PLAN, **real.fencer()).code == 0
    written = real.plan.read_text()
    assert json.loads(written)["fence"] == ["node3"]
    assert real.fenced.read_text() == ""
    again = real.run(playbook=PLAN, **real.fencer())
    assert (again.code, real.plan.read_text()) == (0, written)
    real.cluster.tags.add(TAG + "suspend")
    assert real.run(playbook=PLAN, **real.fencer()).code == 0
    assert json.loads(real.plan.read_text())["fence"] == []
    real.cluster.tags.remove(TAG + "suspend")
    assert real.run(playbook=PLAN, **real.fencer()).code == 0
    assert json.loads(real.plan.read_text())["plan"] == json.loads(written)["plan"]

    real.cluster.mark("node3", offline=False)
    real.cluster.instance("web").primary = "node4"
    real.cluster.mark("node4", offline=True)
    moved_away = real.run("-e", f"ganeti_autorepair_approved_plan={real.plan}", **real.fencer())
    words = "web: approved was submit failover (node3 offline), now it is submit failover (node4 offline)"
    assert (moved_away.code, real.fenced.read_text()) == (2, "")
    assert words in moved_away.messages[0]

    real.cluster.mark("node4", offline=False)
    real.cluster.instance("web").primary = "node3"
    real.cluster.mark("node3", offline=True)
    plan = json.loads(real.plan.read_text())["plan"]
    approved = {**real.access, "approved_plan": plan, "fencing": "confirmed", "fenced_nodes": ["node3"]}
    assert end_step(start_step(approved))["pending"] == 1


def test_a_dry_run_that_is_none(real: Real, tmp_path: Path) -> None:
    """--check over a play that writes all the same: nothing was fenced, so nothing counts as fenced."""
    real.put("web", "node3")
    book = tmp_path / "book.yml"
    book.write_text(
        "- hosts: all\n  gather_facts: false\n  check_mode: false\n  tasks:\n"
        "    - ansible.builtin.include_role: {name: ganeti.autorepair.autorepair}\n"
    )
    run = real.run("--check", playbook=str(book), **real.fencer())
    assert (run.code, real.fenced.read_text(), real.simulator.log.writes()) == (0, "", [])
    assert run.step["actions"][0]["why"] == "fencing"


def test_a_plan_named_from_the_folder(real: Real) -> None:
    """As README shows it: the file is written where the run was started, and named from there."""
    real.put("web", "node3")
    variables = {f"ganeti_autorepair_{name}": value for name, value in real.access.items()}
    inventory = real.plan.parent / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": {"prod": {**LOCAL, **variables}}}}))
    command = ["ansible-playbook", "--inventory", str(inventory)]
    ours = {"ANSIBLE_COLLECTIONS_PATH": str(BUILD / "collections"), "ANSIBLE_HOME": str(BUILD / "ansible")}
    approve = ["-e", "ganeti_autorepair_approved_plan=plan-prod.json"]
    for more in ([PLAN], ["ganeti.autorepair.repair", *approve]):
        environment = {**os.environ, **ours}
        subprocess.run([*command, *more], check=True, cwd=inventory.parent, env=environment, stdout=subprocess.DEVNULL)
    assert (inventory.parent / "plan-prod.json").exists()
    assert [tag for tag in real.cluster.instance("web").tags if ":pending:failover:" in tag]


def test_a_node_that_comes_back_while_another_is_fenced(real: Real) -> None:
    """The cluster is looked at before each node; one that is in use again is left alone, and so is its instance."""
    real.put("w3", "node3")
    real.put("w4", "node4")

    def rescue() -> None:
        while not real.fenced.read_text():
            time.sleep(0.05)
        real.cluster.mark("node4", offline=False)

    person = threading.Thread(target=rescue)
    person.start()
    run = real.run(**real.fencer(seconds=1))
    person.join()
    assert run.code == 0, run.output
    assert real.fenced.read_text() == "node3\n"
    assert [one["name"] for one in run.step["actions"] if one["jobs"]] == ["w3"]


@pytest.mark.parametrize(("meanwhile", "step"), [(False, "submit"), (True, "hold")], ids=["it stays off", "it changes"])
def test_a_fenced_node_from_run_to_run(real: Real, meanwhile: bool, step: str) -> None:
    """What the module returns for a run that goes on says which nodes were fenced, and as of when."""
    real.put("w3", "node3")
    options = {**real.access, "fencing": "confirmed", "fenced_nodes": ["node3"]}
    first = end_step(start_step(options))
    assert [one["action"] for one in first["actions"]] == ["submit"]
    real.cluster.add_instance("web", "rbd", "node3")
    if meanwhile:
        real.cluster.mark("node3", offline=True)
    then = end_step(start_step({**options, "carry_on": first["carry_on"]}))
    assert [one["action"] for one in then["actions"] if one["name"] == "web"] == [step]


PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.include_tasks: "{{ one.file }}"
      loop: "{{ ganeti_autorepair_cases }}"
      loop_control: {loop_var: one}
    - ansible.builtin.debug: {msg: "{{ refused | default({}) }}"}
"""
TRY = """
- vars: %s
  block:
    - ansible.builtin.include_role: {name: ganeti.autorepair.autorepair}
  rescue:
    - ansible.builtin.set_fact:
        refused: "{{ refused | default({}) | combine({one.case: ansible_failed_result.msg}) }}"
"""
APPROVED = TRY % '{ganeti_autorepair_approved_plan: "{{ one.value }}"}'
FENCING = TRY % '{ganeti_autorepair_fencing: "{{ one.value }}", ganeti_autorepair_fence_tasks: fence_command.yml}'

EMPTY = "ganeti_autorepair_approved_plan is empty; leave it out"
# what a user gives; the value, or the text of a file; words of the refusal
REFUSED: tuple[tuple[str, str, Any, str], ...] = (
    ("a plan that is null", "approved.yml", None, EMPTY),
    ("an empty plan", "approved.yml", {}, EMPTY),
    ("a file with a plan that is null", "file", '{"plan": null}', "cannot read the approved plan: there is none in"),
    ("a file with an empty plan", "file", '{"plan": {}}', "cannot read the approved plan: there is none in"),
    ("fencing by Ganeti's knowledge", "fencing.yml", "powered_off", "but that is powered_off"),
)


def test_what_the_role_refuses(real: Real) -> None:
    """An approval that is none, and nodes that would be fenced for nothing, before anything is read."""
    real.put("web", "node3")
    book, cases = real.folder / "books" / "book.yml", []
    book.parent.mkdir()
    book.write_text(PLAYBOOK)
    (book.parent / "approved.yml").write_text(APPROVED)
    (book.parent / "fencing.yml").write_text(FENCING)
    for number, (case, file, value, _) in enumerate(REFUSED):
        text = real.folder / f"plan{number}.json"
        if file == "file":
            text.write_text(str(value))
        given = ("approved.yml", str(text)) if file == "file" else (file, value)
        cases.append(dict(zip(("case", "file", "value"), (case, *given), strict=True)))
    run = real.run(playbook=str(book), cases=cases)
    assert run.code == 0, run.output
    refused = run.result("ansible.builtin.debug")["msg"]
    assert set(refused) == {case for case, *_ in REFUSED}
    for case, _, _, words in REFUSED:
        assert words in refused[case], case
    assert list(real.simulator.log.entries) == []
