# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs as AWX runs them: by ansible-runner, with what its objects say of playbook, inventory, credential and survey.

It follows AWX 24.6: what of it is told by AWX's own code is said where it is used.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import ansible_runner
import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment

from .fake_awx import Awx, Item

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "extensions" / "awx"
BUILD = ROOT / ".build" / "awx"
ANSIBLE = "ansible==12.3.0"  # holds awx.awx 24.6.1; 54 MB to load, of which 1 MB is kept
SHIPPED = ("plugins", "roles", "playbooks", "meta", "changelogs", "galaxy.yml", "README.md", "LICENSES")


@dataclass(frozen=True)
class Job:
    """A job that has ended: its return code, what it printed, its artifacts, and why tasks failed, by host."""

    code: int
    output: str
    artifacts: Mapping[str, Any]
    failures: Mapping[str, str]
    played: frozenset[str]

    @property
    def rounds(self) -> Mapping[str, Any]:
        """What the role says of each cluster."""
        found: Mapping[str, Any] = self.artifacts["ganeti_autorepair_rounds"]
        return found


class VariablesDumper(yaml.SafeDumper):
    """Writes variables as AWX does: each text, names too, as what nothing is templated in (`safe_dump` in AWX)."""

    def represent_data(self, value: Any) -> yaml.Node:
        """See SafeDumper."""
        return self.represent_scalar("!unsafe", value) if isinstance(value, str) else super().represent_data(value)


def modules_of_awx() -> Path:
    """The folder with the collection awx.awx, which is loaded once and kept."""
    folder = BUILD / ANSIBLE.replace("==", "-")
    if not folder.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "--quiet", "download", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*pip, "--dest", str(BUILD), ANSIBLE], check=True, timeout=300)
        (wheel,) = BUILD.glob("ansible-*.whl")
        new = BUILD / "new"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(new, [name for name in archive.namelist() if "ansible_collections/awx/" in name])
        wheel.unlink()
        new.rename(folder)
    return folder


def install_requirements(folder: Path) -> Path:
    """Install what the project's requirements name, as a project update of AWX does; our collection comes from git.

    Returns the folder to which they were installed.
    """
    source = folder / "source"
    source.mkdir(parents=True)
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, source / name)
    (source / "COPYING").write_text("")
    git = ["git", "-c", "user.name=tests", "-c", "user.email=tests@example.com", "-C", str(source)]
    for command in (["init", "--quiet", "--initial-branch=main"], ["add", "."], ["commit", "--quiet", "-m", "all"]):
        subprocess.run([*git, *command], check=True)
    wanted = (FOLDER / "project" / "collections" / "requirements.yml").read_text()
    requirements = folder / "requirements.yml"
    requirements.write_text(wanted.replace("https://git.example.com/ganeti/autorepair.git", f"file://{source}"))
    command = ["ansible-galaxy", "collection", "install", "-r", str(requirements), "-p", str(folder / "collections")]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return folder / "collections"


def inject(awx: Awx, name: str, folder: Path) -> dict[str, str]:
    """The environment that a credential's injectors make, with their files in a folder (`inject_credential` in AWX)."""
    credential = awx.named("credentials", name)
    injectors = awx.objects["credential_types"][credential["credential_type"]]["injectors"]
    environment, files = ImmutableSandboxedEnvironment(), {}
    values = {key: value for key, value in awx.secrets[credential["id"]].items() if value}
    for label, template in injectors["file"].items():
        path = folder / label
        path.write_text(environment.from_string(template).render(**values))
        files[label.partition(".")[2]] = str(path)
    tower = {"tower": {"filename": files}}
    return {
        key: environment.from_string(template).render(**values, **tower) for key, template in injectors["env"].items()
    }


@dataclass
class Launcher:
    """Launches an AWX's job templates; `collections` is where the project's requirements were installed."""

    awx: Awx
    collections: Path
    folder: Path
    numbers: Iterator[int] = field(default_factory=lambda: count(1))  # the next is taken in one piece, by any thread

    def launch(
        self, name: str, limit: str = "", part: tuple[int, int] = (1, 1), artifacts: Item | None = None, **answers: Any
    ) -> Job:
        """Run a job; `answers` are to its survey, `part` is its slice, `artifacts` are those of a workflow's jobs."""
        template = self.awx.named("job_templates", name)
        number = next(self.numbers)
        folder = self.folder / str(number)
        (folder / "env").mkdir(parents=True)
        shutil.copytree(FOLDER / "project", folder / "project")
        self._write_inventory(template, folder / "inventory", part)
        of_template = json.loads(template.get("extra_vars") or "{}")
        given = {**of_template, **self._answers(template, answers), **(artifacts or {}), "awx_job_id": number}
        (folder / "env" / "extravars").write_text(yaml.dump(given, Dumper=VariablesDumper))
        (credential,) = self.awx.related(template, "credentials")
        injected = inject(self.awx, self.awx.objects["credentials"][credential]["name"], folder / "env")
        fixed = {
            "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "TMPDIR": str(folder),
        }
        return run_job(folder, template["playbook"], _options(template, limit), {**fixed, **injected})

    def _answers(self, template: Item, answers: Item) -> Item:
        """The answers to a survey, and the defaults of what was not answered (`_update_unified_job_kwargs` in AWX)."""
        questions = {one["variable"]: one for one in self.awx.survey(template)}
        assert answers.keys() <= questions.keys(), "AWX takes variables from its survey only"
        missing = [name for name, one in questions.items() if one["required"] and "default" not in one]
        assert set(missing) <= answers.keys(), "AWX launches no job without these answers"
        for name, value in answers.items():
            assert value in questions[name].get("choices", [value])
        return {name: one["default"] for name, one in questions.items() if "default" in one} | answers

    def _write_inventory(self, template: Item, folder: Path, part: tuple[int, int]) -> None:
        """Write a script that prints the inventory, as AWX does; of a slice, every so-many-th host by name."""
        inventory = self.awx.objects["inventories"][template["inventory"]]
        hosts = [one for one in self.awx.objects["hosts"].values() if one["inventory"] == inventory["id"]]
        number, count = part
        hosts = sorted(hosts, key=lambda one: str(one["name"]))[number - 1 :: count]
        data = {
            "all": {"hosts": [one["name"] for one in hosts], "vars": json.loads(inventory["variables"])},
            "_meta": {"hostvars": {one["name"]: json.loads(one["variables"]) for one in hosts}},
        }
        folder.mkdir()
        script = folder / "hosts"
        script.write_text(f"#!{sys.executable}\nprint({json.dumps(data)!r})\n")
        script.chmod(0o700)


def _options(template: Item, limit: str) -> list[str]:
    """The options of ansible-playbook that a job template asks for (`build_args` in AWX)."""
    return [
        *(["--check"] if template["job_type"] == "check" else []),
        *("-u", "root"),
        *(["--diff"] if template["diff_mode"] else []),
        f"--forks={template['forks']}",
        *(["-l", limit] if limit else []),
    ]


def run_job(folder: Path, playbook: str, options: list[str], environment: dict[str, str]) -> Job:
    """Run a playbook with ansible-runner, in a folder in which there is an inventory."""
    run = ansible_runner.run(
        private_data_dir=str(folder), playbook=playbook, cmdline=" ".join(options), envvars=environment, quiet=True
    )
    artifacts: Mapping[str, Any] = {}
    failures: dict[str, str] = {}
    played = set()
    for event in run.events:
        told = event.get("event_data", {})
        if event["event"] == "playbook_on_stats":
            artifacts = told.get("artifact_data", {})
        if event["event"] == "runner_on_failed":
            failures[told["host"]] = str(told["res"].get("msg"))
        if event["event"].startswith("runner_on_"):
            played.add(told["host"])
    return Job(run.rc, run.stdout.read(), artifacts, failures, frozenset(played))


def without_awx_variables() -> dict[str, str]:
    """This process's environment, without what would lead the modules of awx.awx elsewhere."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("CONTROLLER_", "TOWER_"))}
