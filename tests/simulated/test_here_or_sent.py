# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules that Ansible sends, as to another machine, and those that are called in its own process do the same."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from playbook import LOCAL, Run, play
from simulator import Simulator
from simulator.examples import example
from simulator.simulator import wall_clock_cluster

from .direct import TRANSPORTS

# the same Python by a name that Ansible does not know as its own, so that it sends what it could do by itself
SENT = {**LOCAL, "ansible_python_interpreter": "{{ ansible_playbook_python | dirname }}/../bin/python"}
PASSWORD = "ganeti_autorepair_rapi_password"
WAYS = {"here": LOCAL, "sent": SENT}


def reach(simulator: Simulator, transport: str) -> dict[str, Any]:
    """The role's variables that lead to a simulated cluster."""
    if transport == "luxi":
        return {"transport": "luxi", "luxi_socket": simulator.luxi_socket}
    names = ("host", "port", "user", "password", "ca_path")
    return {f"rapi_{name}": simulator.settings()[name] for name in names}


def vaulted(folder: Path) -> list[str]:
    """The options of ansible-playbook for a password of the RAPI that is encrypted."""
    key, variables = folder / "key", folder / "secret.yml"
    key.write_text("a key")
    command = ["ansible-vault", "encrypt_string", "--vault-password-file", key, "--name", PASSWORD, "labsecret"]
    variables.write_text(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert "labsecret" not in variables.read_text()
    return ["--vault-password-file", str(key), "--extra-vars", f"@{variables}"]


def told(run: Run) -> object:
    """All that a run says, without times and what is made up anew each time."""
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z|[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}|\b1[789]\d{8}\b", "X", run.output)
    return text.splitlines()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("option", ["--check --diff", "--diff"])
def test_a_round(tmp_path: Path, transport: str, option: str) -> None:
    """The same words, the same diff, the same tags and jobs, on a cluster that is broken in the usual ways."""
    runs, clusters = {}, {}
    for way, host in WAYS.items():
        (tmp_path / way).mkdir()
        with Simulator(example(wall_clock_cluster(20)), folder=tmp_path / way) as simulator:
            where = {**reach(simulator, transport), "connections": 1}
            runs[way] = play(tmp_path / f"{way}-run", where, *option.split(), host=host)
            clusters[way] = [job.summary for job in simulator.cluster.queue.jobs.values()]
            assert runs[way].code == 0, runs[way].output
            assert "labsecret" not in str(runs[way].results)
    assert clusters["here"] == clusters["sent"]
    assert bool(clusters["here"]) is ("--check" not in option)
    assert runs["here"].step["summary"] == runs["sent"].step["summary"]
    if "--check" in option:  # else jobs go on while somebody looks
        assert told(runs["here"]) == told(runs["sent"])


@pytest.mark.parametrize("way", WAYS)
def test_a_password_in_a_vault(tmp_path: Path, way: str) -> None:
    """It is decrypted for the module, and shown nowhere."""
    with Simulator(example(wall_clock_cluster(20)), folder=tmp_path) as simulator:
        where = reach(simulator, "rapi")
        del where["rapi_password"]
        run = play(tmp_path / "run", where, "--check", "-vvv", *vaulted(tmp_path), host=WAYS[way])
    assert run.code == 0, run.output
    assert run.step["summary"]["needs_repair"]
    assert "labsecret" not in run.output + str(run.results)


def errors(options: Mapping[str, Any], folder: Path) -> list[str]:
    """What a run says that goes wrong, each way."""
    return [play(folder / way, options, host=host).messages[0] for way, host in WAYS.items()]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rapi_host": "127.0.0.1", "rapi_port": 1}, "no connection to https://127.0.0.1:1"),
        ({"transport": "luxi", "luxi_socket": "/nonexistent"}, "there is no socket /nonexistent"),
        ({"rapi_host": "a b"}, "it takes the name or the address of a host"),
        ({"rapi_host": "127.0.0.1", "rapi_ca_path": "~/nonexistent.pem"}, "/nonexistent.pem"),
        ({"rapi_host": "127.0.0.1", "rapi_ca_path": "nonexistent.pem"}, "there is no file nonexistent.pem"),
        ({}, "rapi_host is missing"),
    ],
    ids=["no RAPI", "no socket", "a bad host", "a home", "a relative path", "no host"],
)
def test_an_error(tmp_path: Path, options: Mapping[str, Any], words: str) -> None:
    """The same sentence."""
    here, sent = errors(options, tmp_path)
    assert here == sent
    assert words in here
