# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook `report`: clusters that answer and one that doesn't, over both transports, twice."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

from playbook import LOCAL, Run, play_on
from simulator import Simulator
from simulator.examples import example
from simulator.simulator import wall_clock_cluster

REPORT = "ganeti.autorepair.ganeti_autorepair_report"
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text())
SUSPEND = "ganeti:watcher:autorepair:suspend"
NAMES = ["index.html", "index.json", "ganeti_autorepair.prom"]

BOTH = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: ganeti.autorepair.autorepair}
    - ansible.builtin.include_role: {name: ganeti.autorepair.autorepair, tasks_from: report}
"""


BECOME = """
- hosts: all
  gather_facts: false
  become: true
  become_method: ansible.builtin.su
  tasks:
    - ganeti.autorepair.ganeti_autorepair_report: &report
        folder: "{{ folder }}"
        clusters: [{name: x, error: no route}]
    - ganeti.autorepair.ganeti_autorepair_report: *report
"""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """The demo's cluster."""
    with Simulator(example(wall_clock_cluster(1))) as simulator:
        yield simulator


def hosts(simulator: Simulator, folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """An inventory: the cluster over RAPI and over LUXI, one that nobody answers for, and one that is no cluster."""
    given = simulator.settings()
    rapi = {f"ganeti_autorepair_rapi_{name}": given[name] for name in ("host", "port", "user", "password", "ca_path")}
    luxi = {"ganeti_autorepair_transport": "luxi", "ganeti_autorepair_luxi_socket": given["luxi_socket"]}
    luxi["ganeti_autorepair_instances_in_facts"] = "none"  # which is for rounds
    report = {"ganeti_autorepair_report_dir": str(folder)}
    return {
        "down": {**LOCAL, **rapi, **report, "ganeti_autorepair_rapi_port": 1},
        "prod": {**LOCAL, **rapi, **report},
        "prod2": {**LOCAL, **luxi, **report},
        "lost": {"ansible_connection": "ssh", "ansible_host": "no-such-host.invalid", **luxi, **report},
    }


def files(folder: Path) -> set[str]:
    """What is in a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def summary(path: Path) -> Mapping[str, Any]:
    """The numbers of a report."""
    found: Mapping[str, Any] = json.loads(path.read_text())["summary"]
    return found


def result(run: Run) -> Mapping[str, Any]:
    """What the module returned; the run has ended well."""
    assert run.code == 0, run.output
    return run.result(REPORT)


def test_templates_of_ones_own(simulator: Simulator, tmp_path: Path) -> None:
    """They are in the pages, by the role's variable; one that can't be used fails the run, and nothing is written."""
    inventory = {"down": hosts(simulator, tmp_path / "report")["down"]}
    ours = tmp_path / "ours"
    ours.mkdir()
    (ours / "style.css").write_text("body { color: teal }")
    variables = f"--extra-vars ganeti_autorepair_report_templates={ours}"
    result(play_on(inventory, tmp_path / "first", "ganeti.autorepair.report", variables))
    for name in ("index", "clusters/down"):
        page = (tmp_path / "report" / f"{name}.html").read_text()
        assert "<style>body { color: teal }</style>" in page
    (ours / "top.html.j2").write_text("\n{{ page.titel }}")
    run = play_on(inventory, tmp_path / "second", "ganeti.autorepair.report", variables)
    assert run.code == 2 and "top.html.j2, line 2" in run.messages[-1]
    assert "teal" in (tmp_path / "report" / "index.html").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="su asks anybody but root for a password")
def test_as_another_user(tmp_path: Path) -> None:
    """The module is sent to where the folder is: here, to whom `su` makes of this user."""
    (tmp_path / "book.yml").write_text(BECOME)
    run = play_on({"h": LOCAL}, tmp_path / "run", str(tmp_path / "book.yml"), f"-e folder={tmp_path}/report")
    first, second = (res for name, res in run.results if name == REPORT)
    assert (run.code, first["changed"], second["changed"]) == (0, True, False)
    assert files(tmp_path / "report") == {*NAMES, "clusters/x.html", "clusters/x.json"}


def test_again_and_again(simulator: Simulator, tmp_path: Path) -> None:
    """A dry run writes nothing; the first run writes all, for each cluster what is known of it; the second changes
    nothing; what has changed after that shows, for the cluster that is looked at, after a round that is noted."""
    folder = tmp_path / "report"
    inventory = hosts(simulator, folder)
    dry = result(play_on(inventory, tmp_path / "dry", "ganeti.autorepair.report", "--check"))
    assert (dry["changed"], folder.exists()) == (True, False)

    first = result(play_on(inventory, tmp_path / "first", "ganeti.autorepair.report"))
    assert first["changed"]
    assert "clusters" not in first["invocation"]["module_args"]
    names = {*NAMES, *(f"clusters/{name}.{kind}" for name in inventory for kind in ("html", "json"))}
    assert files(folder) == names
    report = json.loads((folder / "index.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    errors = {cluster["name"]: cluster["error"] for cluster in report["clusters"]}
    assert "127.0.0.1:1" in errors["down"]
    assert "no-such-host.invalid" in errors["lost"]
    assert (errors["prod"], errors["prod2"]) == (None, None)
    assert first["report"][-1] == f"see {folder}/index.html"
    assert "prod: 2 need a person, 6 under repair, 1 on hold, 6 of 15 healthy, nodes not asked" in first["report"]
    text = (folder / "ganeti_autorepair.prom").read_text()
    metrics = {family.name: family for family in text_string_to_metric_families(text)}
    up = {sample.labels["cluster"]: sample.value for sample in metrics["ganeti_repair_cluster_up"].samples}
    assert up == {"down": 0, "lost": 0, "prod": 1, "prod2": 1}

    with_nodes = "-e ganeti_autorepair_look_at_nodes=true"
    looked = result(play_on(inventory, tmp_path / "looked", "ganeti.autorepair.report", with_nodes))
    report = json.loads((folder / "index.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    counts = [cluster["seen"]["counts"]["verdicts"] for cluster in report["clusters"] if cluster["seen"]]
    told = [{verdict: number for verdict, number in each.items() if number} for each in counts]
    assert told == [{"healthy": 4, "not_asked": 1}] * 2, told
    assert [line.rpartition(", ")[2] for line in looked["report"][1:3]] == ["0 of 5 nodes in trouble"] * 2

    second = result(play_on(inventory, tmp_path / "second", "ganeti.autorepair.report", with_nodes))
    assert (second["changed"], second["changed_files"]) == (False, [])
    assert files(folder) == names
    assert simulator.log.writes() == []

    with simulator.surface.lock:
        simulator.cluster.tags.add(SUSPEND)
    (tmp_path / "both.yml").write_text(BOTH)
    before = time.time()
    third = result(play_on(inventory, tmp_path / "third", str(tmp_path / "both.yml"), "--limit prod --diff"))
    assert {str(Path(path).relative_to(folder)) for path in third["changed_files"]} == names - {
        f"clusters/{name}.{kind}" for name in ("down", "prod2", "lost") for kind in ("html", "json")
    }
    (prod,) = json.loads((folder / "clusters" / "prod.json").read_text())["clusters"]
    assert before - 1 <= prod["last_round"] <= time.time()
    assert any(one["after"].count(SUSPEND) > one["before"].count(SUSPEND) for one in third["diff"])
    suspended = {
        name: summary(folder / "clusters" / f"{name}.json")["states"]["suspended"] for name in ("prod", "prod2")
    }
    assert suspended == {"prod": 9, "prod2": 1}
