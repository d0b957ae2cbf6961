# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""AWX: its objects are made by awx.awx's own modules; what they describe is run with ansible-runner, as AWX does."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
import yaml
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from simulator import Simulator
from simulator.simulator import wall_clock_cluster

from .awx_jobs import FOLDER, Launcher, install_requirements, modules_of_awx, without_awx_variables
from .bmc import free_port
from .fake_awx import Awx, serve

TAG = "ganeti:watcher:autorepair:"
PREFIX = "Ganeti: "
ACTION = Path(__file__).with_name("awx_action.py")
T = TypeVar("T")


@dataclass(frozen=True)
class Setup:
    """What sets an AWX up: the playbook, the site's settings, and the collections that it is run with."""

    awx: Awx
    settings: Path
    collections: Path

    def run(self, playbook: Path, *options: str) -> subprocess.CompletedProcess[str]:
        """Run a playbook with them."""
        environment = {
            **without_awx_variables(),
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "CONTROLLER_HOST": self.awx.url,
            "CONTROLLER_OAUTH_TOKEN": "token",
        }
        command = ["ansible-playbook", "-i", "localhost,", str(playbook), "-e", f"@{self.settings}", *options]
        return subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=120)


def break_node(simulator: Simulator) -> None:
    """Give a cluster three nodes and two instances on shared storage, web and db; web's node has died."""
    cluster = simulator.cluster
    cluster.add_group("default")
    for number in (1, 2, 3):
        cluster.add_node(f"node{number}", "default")
    cluster.add_instance("web", "rbd", "node3")
    cluster.add_instance("db", "rbd", "node1")
    cluster.power_off("node3")
    cluster.mark("node3", offline=True)


@pytest.fixture(scope="module")
def clusters() -> Iterator[dict[str, Simulator]]:
    """Two of these, prod and lab."""
    with Simulator(wall_clock_cluster(10)) as prod, Simulator(wall_clock_cluster(10)) as lab:
        for simulator in (prod, lab):
            break_node(simulator)
        yield {"prod": prod, "lab": lab}


@pytest.fixture(scope="module")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with awx.awx, the modules of which run in ansible's own process."""
    folder = tmp_path_factory.mktemp("collections")
    theirs = modules_of_awx() / "ansible_collections" / "awx" / "awx"
    ours = folder / "ansible_collections" / "awx" / "awx"
    (ours / "plugins" / "action").mkdir(parents=True)
    for name in ("MANIFEST.json", "meta", "plugins/modules", "plugins/module_utils", "plugins/doc_fragments"):
        (ours / name).symlink_to(theirs / name)
    for module in (theirs / "plugins" / "modules").glob("[a-z]*.py"):
        shutil.copy2(ACTION, ours / "plugins" / "action" / module.name)
    return folder


@pytest.fixture(scope="module")
def setup(
    clusters: dict[str, Simulator], collections: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Setup]:
    """An AWX that the playbook has set up for them."""
    authorities = "".join(one.certificate.authority.read_text() for one in clusters.values())
    hosts = [
        {
            "name": name,
            "variables": {"ganeti_autorepair_rapi_host": "127.0.0.1", "ganeti_autorepair_rapi_port": one.port},
        }
        for name, one in clusters.items()
    ]
    settings = tmp_path_factory.mktemp("settings") / "settings.yml"
    given = {"clusters": hosts, "rapi_user": "lab", "rapi_password": "labsecret", "rapi_ca": authorities}
    given["report_folder"] = str(settings.parent / "reports")
    settings.write_text(yaml.safe_dump({f"autorepair_awx_{name}": value for name, value in given.items()}))
    with serve() as awx:
        setup = Setup(awx, settings, collections)
        run = setup.run(FOLDER / "controller.yml")
        assert run.returncode == 0, run.stdout + run.stderr
        yield setup


@pytest.fixture(scope="module")
def launcher(setup: Setup, tmp_path_factory: pytest.TempPathFactory) -> Launcher:
    """Launches that AWX's job templates, with the collection as the project's requirements install it."""
    return Launcher(setup.awx, install_requirements(tmp_path_factory.mktemp("git")), tmp_path_factory.mktemp("jobs"))


def tags(simulator: Simulator, instance: str = "") -> list[str]:
    """The auto-repair tags of the cluster or an instance, without what they all begin with, when no job runs."""
    with simulator.surface.lock:
        holder = simulator.cluster.instance(instance) if instance else simulator.cluster
        return sorted(tag.removeprefix(TAG) for tag in holder.tags if tag.startswith(TAG))


def at_once(*work: Callable[[], T]) -> list[T]:
    """What each of several pieces of work returns, which are done at the same time."""
    with ThreadPoolExecutor() as pool:
        return [done.result() for done in [pool.submit(one) for one in work]]


# The objects


def test_set_up_again(setup: Setup) -> None:
    """A second run of the playbook finds everything as it should be, and writes nothing."""
    before = setup.awx.writes
    run = setup.run(FOLDER / "controller.yml")
    assert run.returncode == 0 and "changed=0" in run.stdout, run.stdout + run.stderr
    assert setup.awx.writes == before
    assert "labsecret" not in run.stdout


# what is written in the playbook, what in its place, and what the module says of that
SLIPS = [
    ("allow_simultaneous: false\n        ask", "allow_simultanious: false\n        ask", "allow_simultanious"),
    ("kind: cloud", "kind: clouds", "value of kind must be one of"),
    ('job_slice_count: "{{ item.slices | default(1) }}"', "job_slice_count: many", "cannot be converted to an int"),
    ("awx.awx.organization:", "awx.awx.organisation:", "awx.awx.organisation"),
]


def test_slips(setup: Setup, tmp_path: Path) -> None:
    """The control of this test: each kind of slip in a parameter is refused by the module that gets it."""

    def refuse(number: int, text: str, slip: str, words: str) -> None:
        playbook = shutil.copytree(FOLDER, tmp_path / str(number)) / "controller.yml"
        written = playbook.read_text()
        assert text in written
        before, first, after = written.replace(text, slip, 1).partition("    - name: ")
        tasks = re.split(r"(?m)^(?=    - name: )", first + after)
        playbook.write_text(before + "".join(task for task in tasks if slip in task))
        run = setup.run(playbook)
        said = run.stdout + run.stderr
        assert run.returncode != 0 and words in said, said

    at_once(*(partial(refuse, number, *slip) for number, slip in enumerate(SLIPS)))


def test_credential_type(setup: Setup) -> None:
    """The password is secret; each injector renders with all fields, and none touches Ansible's configuration."""
    kind = setup.awx.named("credential_types", "ganeti.autorepair")
    fields = kind["inputs"]["fields"]
    assert [one["id"] for one in fields if one.get("secret")] == ["rapi_password"]
    assert set(kind["inputs"]["required"]) <= {one["id"] for one in fields}
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    values = {one["id"]: "EXAMPLE" for one in fields} | {"tower": {"filename": {"ca": "EXAMPLE"}}}
    for templates in kind["injectors"].values():
        assert {environment.from_string(template).render(values) for template in templates.values()} == {"EXAMPLE"}
    documented = (FOLDER.parents[1] / "plugins" / "doc_fragments" / "cluster.py").read_text()
    assert all(f"E({name})" in documented for name in kind["injectors"]["env"])
    assert setup.awx.named("credentials", "ganeti.autorepair")["inputs"]["rapi_password"] == "$encrypted$"


def test_job_templates(setup: Setup) -> None:
    """None runs twice at once or takes loose variables; all say when they fail; only what can be is sliced."""
    made = setup.awx.objects["job_templates"].values()
    alert = setup.awx.named("notification_templates", "ganeti.autorepair")["id"]
    for template in made:
        assert template["allow_simultaneous"] is template["ask_variables_on_launch"] is False
        assert setup.awx.related(template, "notification_templates_error") == [alert]
    checks = [template["name"] for template in made if template["job_type"] == "check"]
    assert checks == ["Ganeti: dry run"]
    assert {template["playbook"] for template in made} == {path.name for path in (FOLDER / "project").glob("*.yml")}
    organization = setup.awx.named("organizations", "Ganeti")
    assert len(setup.awx.related(organization, "galaxy_credentials")) == 1  # else AWX installs no collections


def test_schedule_and_workflow(setup: Setup) -> None:
    """Rounds are played every ten minutes; a plan is approved before it is carried out, by a node for each."""
    awx = setup.awx
    schedule = awx.named("schedules", f"{PREFIX}rounds")
    assert schedule["unified_job_template"] == awx.named("job_templates", f"{PREFIX}repair")["id"]
    assert schedule["rrule"].endswith("FREQ=MINUTELY;INTERVAL=10")
    plan, approve, repair = (awx.named("workflow_job_template_nodes", name) for name in ("plan", "approve", "repair"))
    assert plan["unified_job_template"] == awx.named("job_templates", f"{PREFIX}plan")["id"]
    assert approve["unified_job_template"] in awx.objects["workflow_approval_templates"]
    assert repair["unified_job_template"] == awx.named("job_templates", f"{PREFIX}repair as planned")["id"]
    assert awx.related(plan, "always_nodes") == [approve["id"]]
    assert awx.related(approve, "success_nodes") == [repair["id"]]  # not after a refusal


# The jobs


def test_jobs_with_surveys(launcher: Launcher, clusters: dict[str, Simulator]) -> None:
    """Each writes what it says, on the cluster that it is limited to; an answer may be empty, or look like data."""
    prod, lab = clusters["prod"], clusters["lab"]

    def launch(name: str, limit: str, **answers: str) -> None:
        job = launcher.launch(PREFIX + name, limit=limit, **answers)
        assert job.code == 0, job.output
        assert job.played - {"localhost"} == {limit}

    def say_of_the_cluster() -> None:
        launch("allow repairs", "prod", ganeti_autorepair_object="cluster", ganeti_autorepair_allow="failover")
        assert "failover" in tags(prod)
        until = {"survey_until": "2036-12-01T06:00:00Z"}
        launch("suspend repairs", "prod", ganeti_autorepair_object="cluster", **until)
        launch("stop all repairs", "prod")
        assert "stop" in tags(prod)
        launch("start repairs again", "prod")

    def say_of_instances() -> None:
        launch("suspend repairs", "lab", survey_names="web, db")
        (suspend,) = tags(lab, "web")
        assert re.fullmatch(r"suspend:\d+", suspend) and tags(lab, "db") == [suspend]
        launch("suspend repairs", "lab", survey_names="db", survey_until="")
        assert tags(lab, "db") == ["suspend"]
        launch("resume repairs", "lab", survey_names="**")
        assert tags(lab, "web") == tags(lab, "db") == []

    def say_of_repairs() -> None:
        launch("ask for a repair", "prod", survey_instances="web")
        (pending,) = tags(prod, "web")
        assert re.fullmatch(r"pending:failover:[\w-]+:\d+:", pending)
        launch("ask for a repair", "prod", survey_instances="web", ganeti_autorepair_withdraw="true")
        assert tags(prod, "web") == []
        launch("acknowledge failures", "prod", survey_instances="db")
        assert tags(prod, "db") == []

    prod.cluster.instance("db").tags.add(f"{TAG}result:failover:x:1:failure:7")
    at_once(say_of_the_cluster, say_of_instances, say_of_repairs)
    written = [tag for tag in tags(prod) if not tag.startswith("claim:")]  # a withdrawal claims it for a moment
    assert written == ["failover", "suspend:2111724000"]
    prod.cluster.tags.discard(f"{TAG}suspend:2111724000")


def test_dry_run_in_slices(launcher: Launcher, clusters: dict[str, Simulator]) -> None:
    """Each slice has its clusters; nothing is written; the artifacts say what the output does; no secret is shown."""
    for simulator in clusters.values():
        simulator.cluster.tags.add(f"{TAG}failover")
        simulator.log.clear()
    jobs = at_once(*(partial(launcher.launch, f"{PREFIX}dry run", part=(number, 2)) for number in (1, 2)))
    assert [job.code for job in jobs] == [0, 0]
    assert [list(job.rounds) for job in jobs] == [["lab"], ["prod"]]
    for job in jobs:
        (found,) = job.rounds.values()
        assert found["read"] and found["changed"] and found["error"] is None
        assert found["summary"]["needs_repair"] == 1 and found["pending"] == 0
        assert "would submit failover" in job.output
        assert "+ganeti:watcher:autorepair:pending:failover:" in job.output
        assert "labsecret" not in job.output + json.dumps(job.artifacts)
    assert not any(simulator.log.writes() for simulator in clusters.values())


def test_workflow(launcher: Launcher, clusters: dict[str, Simulator]) -> None:
    """What was planned is done on one cluster; the other has changed in between, and is left alone; so is a third."""
    for simulator in clusters.values():
        simulator.cluster.tags.add(f"{TAG}failover")
    plan = launcher.launch(f"{PREFIX}plan")
    assert plan.code == 0, plan.output
    plans = plan.artifacts["ganeti_autorepair_plans"]
    assert plans.keys() == {"prod", "lab"}
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in plans.values())
    clusters["lab"].cluster.instance("web").tags.add(f"{TAG}suspend")  # while somebody reads the plan

    repair = launcher.launch(f"{PREFIX}repair as planned", artifacts=plan.artifacts)
    assert repair.code == 2, repair.output
    assert repair.failures.keys() == {"lab"} and "is not the approved one" in repair.failures["lab"]
    assert tags(clusters["lab"], "web") == ["suspend"]
    assert any(tag.startswith("pending:failover:") for tag in tags(clusters["prod"], "web"))
    assert repair.rounds["prod"]["pending"] == 1 and repair.rounds["prod"]["error"] is None
    assert repair.rounds["lab"]["error"] == repair.failures["lab"] and repair.rounds["lab"]["read"]

    for simulator in clusters.values():
        simulator.log.clear()
    left = launcher.launch(f"{PREFIX}repair as planned", artifacts={"ganeti_autorepair_plans": {"other": "0" * 64}})
    assert left.code == 2 and left.failures.keys() == {"prod", "lab"}
    assert all(words.startswith("no plan was approved for") for words in left.failures.values())
    assert not any(simulator.log.entries for simulator in clusters.values())


def test_report(launcher: Launcher) -> None:
    """It goes to the folder that was set."""
    report = launcher.launch(f"{PREFIX}report", limit="prod")
    assert report.code == 0, report.output
    settings = json.loads(launcher.awx.named("job_templates", f"{PREFIX}report")["extra_vars"])
    assert "prod.html" in {path.name for path in Path(settings["ganeti_autorepair_report_dir"]).rglob("*")}


# Fleets

DEAD, LOCKED, LEFT_OUT = "cluster07", "cluster13", "cluster20"


@pytest.fixture
def fleet() -> Iterator[dict[str, Simulator]]:
    """Twenty clusters by name, each with two instances on shared storage of which web's node has died."""
    with ExitStack() as stack:
        made = [stack.enter_context(Simulator(wall_clock_cluster(10), clients=4)) for _ in range(20)]
        for simulator in made:
            break_node(simulator)
            simulator.cluster.tags.add(f"{TAG}failover")
        yield {f"cluster{number:02}": simulator for number, simulator in enumerate(made, start=1)}


@pytest.fixture
def fleet_in_awx(fleet: dict[str, Simulator], launcher: Launcher) -> Iterator[dict[str, Simulator]]:
    """The same, as hosts of AWX's inventory; for one of them nothing listens, of one the password is another."""
    awx, inventory = launcher.awx, launcher.awx.named("inventories", "ganeti.autorepair")["id"]
    before = dict(awx.objects["hosts"])
    for name, simulator in fleet.items():
        variables = {
            "ganeti_autorepair_rapi_host": "127.0.0.1",
            "ganeti_autorepair_rapi_port": free_port() if name == DEAD else simulator.port,
            "ganeti_autorepair_rapi_ca_path": str(simulator.certificate.authority),
            **({"ganeti_autorepair_rapi_password": "wrong"} if name == LOCKED else {}),
        }
        awx.post("/api/v2/hosts/", {"name": name, "inventory": inventory, "variables": json.dumps(variables)})
    yield fleet
    awx.objects["hosts"] = before


def test_repair_of_a_fleet(launcher: Launcher, fleet_in_awx: dict[str, Simulator]) -> None:
    """All others are repaired in one run; its code says that something is wrong, its artifacts which clusters."""
    job = launcher.launch(f"{PREFIX}repair", limit=f"cluster*:!{LEFT_OUT}")
    assert job.code == 2, job.output
    assert job.rounds.keys() == fleet_in_awx.keys() - {LEFT_OUT}
    assert {name for name, found in job.rounds.items() if not found["read"]} == {DEAD, LOCKED}
    assert job.failures.keys() == {DEAD, LOCKED}
    assert "Connection refused" in job.failures[DEAD] and "401" in job.failures[LOCKED]
    for name, simulator in fleet_in_awx.items():
        repaired = any(tag.startswith("pending:failover:") for tag in tags(simulator, "web"))
        assert repaired is (name not in (DEAD, LOCKED, LEFT_OUT)), name
        if repaired:
            assert job.rounds[name]["changed"] and job.rounds[name]["pending"] == 1
    assert not fleet_in_awx[LEFT_OUT].log.entries
