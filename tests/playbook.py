# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks, run as AWX runs them: by ansible-runner, each in a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ansible_runner

BUILD = Path(__file__).parents[1] / ".build"  # `make setup` shows ansible the working tree there
PLAN = "ganeti.autorepair.plan"
STEP = "ganeti.autorepair.ganeti_autorepair_step"
FACTS = "ganeti.autorepair.ganeti_autorepair_facts"
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}


@dataclass(frozen=True)
class Run:
    """A run that has ended: its return code, what it printed, and what each module returned."""

    code: int
    output: str
    results: tuple[tuple[str, Mapping[str, Any]], ...]
    failures: tuple[Mapping[str, Any], ...]

    def result(self, module: str) -> Mapping[str, Any]:
        """What the last task with this module returned.

        Raises:
            AssertionError: showing the output, when no task got there.
        """
        found = [result for name, result in self.results if name == module]
        assert found, f"no task ran {module}:\n{self.output}"
        return found[-1]

    @property
    def step(self) -> Mapping[str, Any]:
        """What the step returned."""
        return self.result(STEP)

    @property
    def instances(self) -> dict[str, Mapping[str, Any]]:
        """The instances in the gathered facts, by their short names."""
        facts = self.result(FACTS)["ansible_facts"]["ganeti_autorepair"]
        return {instance["name"].partition(".")[0]: instance for instance in facts["instances"]}

    @property
    def messages(self) -> list[str]:
        """The messages of the tasks that failed."""
        return [str(result.get("msg")) for result in self.failures]


def start_step(options: Mapping[str, Any], module: str = STEP) -> subprocess.Popen[str]:
    """Start a module, `ganeti_autorepair_step`, as a process of its own, as ansible does where a task runs."""
    environment = {**os.environ, "PYTHONPATH": str(BUILD / "collections")}
    command = [sys.executable, "-m", f"ansible_collections.{module.replace('.ganeti_', '.plugins.modules.ganeti_')}"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)
    assert process.stdin
    process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": dict(options)}))
    process.stdin.close()
    process.stdin = None
    return process


def end_step(process: subprocess.Popen[str]) -> Mapping[str, Any]:
    """Wait for such a process, and return what the module returned.

    Raises:
        AssertionError: showing what it said instead.
    """
    output, trouble = process.communicate()
    assert process.returncode == 0, output + trouble
    result: Mapping[str, Any] = json.loads(output)
    return result


def play(
    folder: Path,
    variables: Mapping[str, Any],
    *options: str,
    playbook: str = "ganeti.autorepair.repair",
    host: Mapping[str, str] | None = None,
) -> Run:
    """Run a playbook of the collection against one cluster; `host` says how ansible gets there, if not locally."""
    inventory = {
        **(LOCAL if host is None else host),
        **{f"ganeti_autorepair_{name}": value for name, value in variables.items()},
    }
    return play_on({"cluster": inventory}, folder, playbook, *options)


def play_on(hosts: Mapping[str, Mapping[str, Any]], folder: Path, playbook: str, *options: str) -> Run:
    """Run a playbook of the collection against clusters: hosts of an inventory, with all their variables."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    run = ansible_runner.run(
        private_data_dir=str(folder),
        playbook=playbook,
        inventory={"all": {"hosts": hosts}},
        cmdline=" ".join(options) or None,
        envvars={"ANSIBLE_COLLECTIONS_PATH": str(BUILD / "collections"), "ANSIBLE_HOME": str(BUILD / "ansible")},
        quiet=True,
    )
    ended = [event for event in run.events if event["event"] in ("runner_on_ok", "runner_on_failed")]
    results = [(event["event_data"]["resolved_action"], event["event_data"]["res"]) for event in ended]
    failures = [event["event_data"]["res"] for event in ended if event["event"] == "runner_on_failed"]
    return Run(run.rc, run.stdout.read(), tuple(results), tuple(failures))
