# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rulebook, run by ansible-rulebook: what starts a repair of a simulated cluster, and what starts nothing."""

from __future__ import annotations

import json
import os
import re
import runpy
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from playbook import BUILD
from simulator import Simulator
from simulator.examples import example
from simulator.simulator import wall_clock_cluster

from .packages import install

ROOT = Path(__file__).parents[2]
RULEBOOK = ROOT / "extensions/eda/rulebooks/repair.yml"
FILTER = runpy.run_path(str(ROOT / "extensions/eda/plugins/event_filter/clusters.py"))["main"]
TOKEN = "sesame"
HEADER = "/etc/ganeti/autorepair-eda.header"


def alert(cluster: object, status: object = "firing", **more: object) -> dict[str, Any]:
    """An alert of a notification."""
    return {"status": status, "labels": {"alertname": "NeedsRepair", "cluster": cluster}, **more}


def notification(*alerts: object, **more: object) -> dict[str, Any]:
    """What Alertmanager posts."""
    return {"version": "4", "receiver": "eda", "status": "firing", "alerts": list(alerts), **more}


# what is sent, what for; the clusters that are told of
LOOK = {"cluster": "prod", "look": "nodes"}
SENT: list[tuple[str, object, list[str]]] = [
    ("an alert", notification(alert("prod")), ["prod"]),
    ("alerts of two clusters", notification(*[alert(name) for name in ("prod", "test", "prod")]), ["prod", "test"]),
    ("one that is resolved, and one that is not", notification(alert("a", "resolved"), alert("b")), ["b"]),
    ("a node went offline", {"cluster": "prod", "node": "node3", "offline": True}, ["prod"]),
    ("a node was drained", {"cluster": "prod", "drained": True}, ["prod"]),
    ("a node came back", {"cluster": "prod", "offline": False}, []),
    ("a node is offline, in words", {"cluster": "prod", "offline": "no"}, []),
    ("a resolved alert", notification(alert("prod", "resolved")), []),
    ("an alert without a status", notification({"labels": {"cluster": "prod"}}), []),
    ("an alert without labels", notification({"status": "firing"}), []),
    ("an alert without the label", notification({"status": "firing", "labels": {"job": "prod"}}), []),
    ("no alerts", notification(), []),
    ("alerts that are none", notification("prod", 1, None, ["prod"]), []),
    ("something else", {"hello": "world", "cluster": "prod"}, []),
    ("alerts and a node at once", {**notification(), "cluster": "prod", "offline": True}, []),
    ("a list", ["prod"], []),
    ("nothing", None, []),
    *[
        (f"a name that is none: {name!r}", notification(alert(name)), [])
        for name in (
            *("", "*", "prod:test", "prod,test", "!prod", "prod[0]", "~prod", "@/etc/passwd", "-e", "--check", ".prod"),
            *("prod\n", "pro d", "{{ 1 }}", "prod{% raw %}", "p" * 300, "prød", None, 1, True, ["prod"], {"a": "prod"}),
        )
    ],
]


@pytest.mark.parametrize(("payload", "clusters"), [pytest.param(*row[1:], id=row[0]) for row in SENT])
def test_filter(payload: object, clusters: list[str]) -> None:
    """Of what was sent the clusters' names are left, and nothing else."""
    assert FILTER({"payload": payload, "meta": {"hosts": "all"}}) == [{"cluster": name} for name in clusters]


def test_filter_of_looks() -> None:
    """An alert may ask for a look at the nodes instead, by one word; every other word asks for a repair."""
    labels = [{"cluster": "prod", "look": word} for word in ("nodes", "fence", ["nodes"], "nodes")]
    sent = [{"status": "firing", "labels": each} for each in (*labels, {"cluster": "p*", "look": "nodes"})]
    assert FILTER({"payload": notification(*sent)}) == [LOOK, {"cluster": "prod"}]
    assert FILTER({"payload": {**LOOK, "offline": True}}) == [{"cluster": "prod"}]


def test_filter_with_another_label() -> None:
    """The label can be chosen."""
    sent = {"status": "firing", "labels": {"cluster": "a", "ganeti": "b"}}
    assert FILTER({"payload": notification(sent)}, label="ganeti") == [{"cluster": "b"}]


class Rulebook:
    """ansible-rulebook with the rulebook, listening."""

    def __init__(self, folder: Path, inventory: Path) -> None:
        """Start it; what it prints goes to a file in this folder."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = {"clusters": ["prod", "test"], "token": TOKEN, "port": self.port}
        variables = folder / "vars.yml"
        variables.write_text(json.dumps({f"ganeti_autorepair_eda_{name}": value for name, value in settings.items()}))
        self._output = folder / "output"
        rules = folder / "rulebook.yml"  # the shipped one; what is gathered for ten seconds would take the test as long
        assert "once_after: 10 seconds" in RULEBOOK.read_text()
        rules.write_text(RULEBOOK.read_text().replace("once_after: 10 seconds", "once_after: 3 seconds"))
        command = ["--rulebook", str(rules), "--inventory", str(inventory), "--vars", str(variables)]
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # it looks for ansible-galaxy there
            "ANSIBLE_COLLECTIONS_PATH": str(BUILD / "collections"),
            "ANSIBLE_HOME": str(BUILD / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
        }
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ansible_rulebook", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                cwd=folder,
            )

    @property
    def output(self) -> str:
        """What it has printed."""
        return self._output.read_text()

    @property
    def runs(self) -> list[str]:
        """What the runs that have ended changed and failed, by Ansible's own account."""
        return re.findall(r"^(\w+ .*ok=.*)$", self.output, re.MULTILINE)

    def post(self, data: object, token: str | None = TOKEN) -> int:
        """Send something, and return the status of the answer."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = data if isinstance(data, str) else json.dumps(data)
        return requests.post(f"http://127.0.0.1:{self.port}/", body, headers=headers, timeout=5).status_code

    def wait(self, condition: Callable[[], object], seconds: float = 40) -> None:
        """Wait until something is so."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end and self.process.poll() is None, self.output
            time.sleep(0.1)

    def listens(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self.post({}))
        except requests.ConnectionError:
            return False

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """The broken cluster of the demo, in which everything takes a 20th of its time."""
    with Simulator(example(wall_clock_cluster(20)), folder=tmp_path) as simulator:
        yield simulator


@pytest.fixture
def rulebook(simulator: Simulator, tmp_path: Path) -> Iterator[Rulebook]:
    """The rulebook for it; skipped, with the reason, where there can be no Java."""
    if reason := install("java", "default-jre-headless", tmp_path / "apt.log"):
        pytest.skip(f"ansible-rulebook can't run: {reason}")
    if reason := install("curl", "curl", tmp_path / "apt.log"):
        pytest.skip(f"Ganeti's hook can't run: {reason}")
    settings = simulator.settings()
    options = {f"ganeti_autorepair_rapi_{name}": settings[name] for name in ("host", "port", "user", "ca_path")}
    options["ganeti_autorepair_rapi_password"] = settings["password"]
    host = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}", **options}
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(json.dumps({"all": {"hosts": {"prod": host, "other": host}}}))
    started = Rulebook(tmp_path, inventory)
    try:
        started.wait(started.listens)
        yield started
    finally:
        started.stop()


def run_hook(folder: Path, port: int, **environment: str) -> int:
    """Run the hook of docs/eda.md, with the test's own address and file; its exit code."""
    (text,) = re.findall(r"```sh\n(#!/bin/sh\n.*?)```", (ROOT / "docs/eda.md").read_text(), re.DOTALL)
    header = folder / "header"
    header.write_text(f"Authorization: Bearer {TOKEN}\n")
    for documented, ours in (("https://eda.example.com:5000", f"http://127.0.0.1:{port}"), (HEADER, str(header))):
        assert documented in text
        text = text.replace(documented, ours)
    hook = folder / "hook"
    hook.write_text(text)
    hook.chmod(0o755)
    environment["PATH"] = os.environ["PATH"]
    return subprocess.run([hook], env=environment, check=False, capture_output=True, timeout=10).returncode


# what was said of a node with `gnt-node modify`: offline, drained; whether the hook tells
HOOKS = [("None", "None", False), ("False", "None", False), ("True", "None", True), ("None", "True", True)]


@pytest.mark.parametrize(("offline", "drained", "tells"), HOOKS)
def test_hook(tmp_path: Path, offline: str, drained: str, tells: bool) -> None:
    """Ganeti's hook tells of a node that was marked, and of no other; nobody listens here, so telling fails."""
    if reason := install("curl", "curl", tmp_path / "apt.log"):
        pytest.skip(f"no curl: {reason}")
    assert (run_hook(tmp_path, 1, GANETI_OFFLINE=offline, GANETI_DRAINED=drained) == 7) == tells  # 7: refused


def test_rulebook(rulebook: Rulebook, simulator: Simulator, tmp_path: Path) -> None:
    """A storm of alerts is one run; what should start nothing starts nothing; a hook of Ganeti's starts another."""
    for case, payload, _ in SENT:
        if "prod" not in [event["cluster"] for event in FILTER({"payload": payload})]:
            assert rulebook.post(payload) == 200, case
    for cluster in ("unknown", "other", "all", "localhost", "Prod"):  # of these one is in the inventory, but not named
        assert rulebook.post(notification(alert(cluster))) == 200
    for token in (None, "", "wrong"):
        assert rulebook.post(notification(alert("prod")), token) == 401
    assert rulebook.post("{") == 400

    trap = tmp_path / "trap"
    hostile = "{{ lookup('ansible.builtin.pipe', 'touch %s') }}" % trap  # noqa: UP031 (braces)
    extras = {"annotations": {"summary": hostile}, "meta": {"hosts": hostile}, "ganeti_autorepair_clusters": "all"}
    storm = notification(alert("prod", **extras), alert(hostile), meta={"hosts": "other"})
    begin = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(lambda _: rulebook.post(storm), range(20))) == {200}
    assert time.monotonic() - begin < 5
    rulebook.wait(lambda: rulebook.runs)

    tags = [tag for instance in simulator.cluster.instances.values() for tag in instance.tags]
    assert not [tag for tag in tags if ":pending:" in tag]
    for name in ("web2", "web3", "home1", "shop2", "build1", "old1"):
        assert any(":result:" in tag and ":success:" in tag for tag in simulator.cluster.instance(name).tags), name

    assert run_hook(tmp_path, rulebook.port, GANETI_OFFLINE="True", GANETI_DRAINED="None") == 0
    rulebook.wait(lambda: len(rulebook.runs) > 1)  # one after the other: more runs for the storm would have come before
    first, second = rulebook.runs
    assert re.match(r"prod .*changed=1 .*failed=0", first), first
    assert re.match(r"prod .*changed=0 .*failed=0", second), second
    assert rulebook.output.count("PLAY [") == 2

    written = len(simulator.log.writes())
    labels = {"cluster": "prod", "look": "nodes", "ganeti_autorepair_deep": hostile}
    assert rulebook.post(notification({"status": "firing", "labels": labels})) == 200
    rulebook.wait(lambda: len(rulebook.runs) > 2)
    assert re.search(r"\d nodes: \d healthy", rulebook.output) and len(simulator.log.writes()) == written
    assert rulebook.output.count("PLAY [") == 4
    assert not trap.exists()
