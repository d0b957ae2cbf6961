# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role `schedule`, on a throw-away machine with real systemd, whose rounds repair a simulated cluster over LUXI."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import Simulator
from simulator.examples import DEAD, example
from simulator.simulator import wall_clock_cluster

from .systemd_machine import HOSTNAME, Machine, NoMachineError

ROOT = Path(__file__).parents[2]
PLAYBOOK = "[{hosts: all, gather_facts: false, roles: [ganeti.autorepair.schedule]}]\n"
SHOWN = "/srv/shown"  # not in /tmp, which a service has for itself alone
ANSIBLE = str(Path(sys.executable).parent / "ansible-playbook")
MASTER = "/var/lib/ganeti/ssconf_master_node"
OURS = (
    "/opt/ganeti-autorepair",
    "/etc/ganeti-autorepair",
    "/var/lib/ganeti-autorepair",
    "/etc/cron.d/ganeti-autorepair",
)
UNITS = tuple(f"/etc/systemd/system/ganeti-autorepair.{kind}" for kind in ("service", "timer"))
RECAP = re.compile(r"^node +: ok=(\d+) +changed=(\d+) +unreachable=0 +failed=0", re.MULTILINE)


class Node:
    """A node of a simulated cluster, onto which the role is played."""

    def __init__(self, machine: Machine, simulator: Simulator, folder: Path) -> None:
        """Take what it is made of; the folder is one that the machine sees."""
        self.machine = machine
        self.simulator = simulator
        self.usual: dict[str, object] = {
            "ansible_playbook": ANSIBLE,
            "collections_path": str(ROOT / ".build/collections"),
            "luxi_socket": f"{SHOWN}/{Path(simulator.luxi_socket).name}",
            "random_delay": 0,
        }
        self._folder = folder
        self.be_master(HOSTNAME)
        drop_in = machine.path("/etc/systemd/system/ganeti-autorepair.service.d/checkout.conf")
        drop_in.parent.mkdir(parents=True)
        drop_in.write_text(f"[Service]\nBindReadOnlyPaths={ROOT}\n")  # it may be below /tmp, too

    def be_master(self, name: str) -> None:
        """Let the cluster have this master."""
        self.machine.path(MASTER).parent.mkdir(parents=True, exist_ok=True)
        self.machine.path(MASTER).write_text(f"{name}\n")

    def ansible(self, *options: str, **variables: object) -> subprocess.CompletedProcess[str]:
        """Play the role with these variables."""
        local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        inventory = self._folder / "inventory.json"
        inventory.write_text(json.dumps({"all": {"hosts": {"node": local}}}))
        (self._folder / "play.yml").write_text(PLAYBOOK)
        given = {**self.usual, **variables}
        (self._folder / "vars.json").write_text(json.dumps({f"schedule_{name}": given[name] for name in given}))
        environment = {
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build/collections"),
            "ANSIBLE_HOME": "/tmp/ansible",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "true",
        }
        command = [ANSIBLE, "-i", f"{SHOWN}/inventory.json", "-e", f"@{SHOWN}/vars.json", f"{SHOWN}/play.yml"]
        return self.machine.run([*command, *options], environment=environment, check=False)

    def play(self, *options: str, **variables: object) -> int:
        """Do so, and return how many tasks have changed something."""
        run = self.ansible(*options, **variables)
        found = RECAP.search(run.stdout)
        assert found and run.returncode == 0, run.stdout
        return int(found[2])

    def there(self) -> set[str]:
        """What of the role's is there."""
        return {name for name in (*OURS, *UNITS) if self.machine.path(name).exists()}

    def round(self) -> str:
        """Have systemd run one, and return what it has written into the journal."""
        before = self.journal()
        self.machine.run(["systemctl", "start", "ganeti-autorepair.service"])
        return self.journal()[len(before) :]

    def journal(self) -> str:
        """What rounds have written into it."""
        self.machine.run(["journalctl", "--sync"])
        return self.machine.run(["journalctl", "--identifier=ganeti-autorepair", "--output=cat"]).stdout

    def wait_for_repair(self, seconds: float = 40) -> None:
        """Wait until something that was broken is repaired."""
        end = time.monotonic() + seconds
        while not self.repaired():
            assert time.monotonic() < end, self.machine.run(["journalctl", "--lines=60", "--no-pager"]).stdout
            time.sleep(0.2)

    def repaired(self) -> bool:
        """Whether web2 has been failed over from its dead node."""
        return self.simulator.cluster.instance("web2").primary != DEAD


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A new one, which sees the checkout and the test's folder."""
    (tmp_path / "machine").mkdir()
    (tmp_path / "shown").mkdir()
    try:
        machine = Machine(tmp_path / "machine", {ROOT: str(ROOT), tmp_path / "shown": SHOWN})
    except NoMachineError as error:
        pytest.skip(f"no machine with systemd: {error}")
    yield machine
    machine.stop()


@pytest.fixture
def node(machine: Machine, tmp_path: Path) -> Iterator[Node]:
    """The master of the broken cluster of the demo, in which everything takes a 20th of its time."""
    with Simulator(example(wall_clock_cluster(20)), folder=tmp_path / "shown") as simulator:
        yield Node(machine, simulator, tmp_path / "shown")


def test_timer(node: Node) -> None:
    """A timer is installed, repairs the cluster, and is removed; doing so a second time changes nothing."""
    settings = {
        "calendar": "*:*:0/10",
        "vars": {"ganeti_autorepair_retries": 1, "ganeti_autorepair_reason": "schedule"},
    }
    assert node.play("--check", "--diff", **settings) > 0
    assert not node.there()

    assert node.play("--diff", **settings) > 0
    assert node.there() == {*OURS[:3], *UNITS}
    node.wait_for_repair()
    assert node.play("--diff", **settings) == 0
    assert node.machine.run(["systemctl", "is-enabled", "ganeti-autorepair.timer"]).stdout == "enabled\n"
    assert node.machine.run(["systemd-analyze", "verify", *UNITS]).stdout == ""
    script = node.machine.path(f"{OURS[0]}/round").read_text()
    check = subprocess.run([Path(ANSIBLE).parent / "shellcheck", "-"], input=script, capture_output=True, text=True)
    assert (check.returncode, check.stdout) == (0, "")
    assert oct(node.machine.path(f"{OURS[1]}/vars.yml").stat().st_mode & 0o777) == "0o600"

    assert node.play(state="absent") > 0
    assert node.there() == set()
    assert node.machine.run(["systemctl", "is-active", "ganeti-autorepair.timer"], check=False).stdout == "inactive\n"
    assert node.play(state="absent") == 0


def test_rounds(node: Node) -> None:
    """A round in its cage writes a report into the journal, where this is the master; elsewhere not a word."""
    node.play(dry_run=True)
    assert "would submit failover" in node.round()
    assert node.simulator.log.writes() == []
    node.play(vars={"ganeti_autorepair_wait": True})
    node.be_master("node2.example.com")
    assert node.round() == ""
    node.machine.path(MASTER).unlink()
    assert node.round() == ""
    assert node.simulator.log.writes() == []

    node.be_master(HOSTNAME)
    assert "ended the repair: success" in node.round()
    assert node.repaired()
    exposure = node.machine.run(["systemd-analyze", "security", "--no-pager", "ganeti-autorepair.service"], check=False)
    assert re.search(r"Overall exposure level .* [0-3]\.\d OK", exposure.stdout), exposure.stdout
    timer = node.machine.run(["systemctl", "show", "--property=TimersMonotonic", "ganeti-autorepair.timer"]).stdout
    assert "OnUnitInactiveUSec=5min" in timer

    inventory = node.machine.path(f"{OURS[1]}/inventory.yml")
    inventory.write_text(inventory.read_text().replace(str(node.usual["luxi_socket"]), "/nonexistent/socket"))
    assert node.machine.run(["systemctl", "start", "ganeti-autorepair.service"], check=False).returncode == 1
    assert "/nonexistent/socket" in node.journal()  # what went wrong


def test_cron(node: Node) -> None:
    """The cron file's command plays a round, unless one runs; going back to systemd takes it away."""
    assert node.play(by="cron", minutes=10) > 0
    assert node.there() == set(OURS)
    text = node.machine.path(OURS[3]).read_text()
    (line,) = [line for line in text.splitlines() if line and not re.match(r"#|SHELL=/bin/sh$|PATH=[\w:/]+$", line)]
    times, user, command = line.split()[:5], line.split()[5], line.split(maxsplit=6)[6]
    assert (times, user) == (["*/10", "*", "*", "*", "*"], "root")
    assert "%" not in command  # cron would take it for the line's end
    node.machine.run(["flock", f"{OURS[2]}/lock", "sh", "-c", command])
    assert node.simulator.log.writes() == []
    node.machine.run(["sh", "-c", command])
    assert re.search(r"job \d+: failover", node.journal())
    assert node.simulator.log.writes()
    assert "schedule_minutes is 60" in node.ansible(by="cron", minutes=60).stdout
    assert node.play(by="systemd") > 0
    assert node.there() == {*OURS[:3], *UNITS}


def test_own_ansible(node: Node, tmp_path: Path) -> None:
    """With Ansible and the collection in a virtual environment that the role makes, a round is played."""
    build = ["ansible-galaxy", "collection", "build", str(ROOT), "--output-path", str(tmp_path / "shown")]
    subprocess.run([str(Path(sys.executable).parent / build[0]), *build[1:]], check=True, capture_output=True)
    (tarball,) = (tmp_path / "shown").glob("*.tar.gz")
    settings = {
        "ansible_playbook": "",
        "collections_path": "",
        "collection_source": f"{SHOWN}/{tarball.name}",
        "packages": [f"ansible-core=={importlib.metadata.version('ansible-core')}"],
        "python": sys.executable,
        "vars": {"ganeti_autorepair_reason": "{{ 'of its own' }}"},
    }
    assert node.play(**settings) > 0
    assert node.play(**settings) == 0
    assert re.search(r"job \d+: failover", node.round())
    tarball.write_bytes(tarball.read_bytes() + b"\0")
    assert node.play("--check", **settings) > 0  # it is another one now
