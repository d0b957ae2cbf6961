# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the README promises of systems, done on each of them from nothing: its commands, as root and as a user; its own
words on how to install the collection; and the modules on the oldest Python that they take."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from simulated.direct import TRANSPORTS
from simulated.test_here_or_sent import SENT, reach

from playbook import play
from simulator import Simulator
from simulator.examples import example
from simulator.simulator import wall_clock_cluster

from .system import FOLDER, USER, System, is_root

ROOT = Path(__file__).parents[2]
CHECKOUT = FOLDER / "checkout"
SYSTEMS = [
    System("Debian 12", "bookworm"),
    System("Debian 13", "trixie"),
    System("Ubuntu 24.04", "noble", like="gutsy", ubuntu=True),
]
OLD = System("Debian 11", "bullseye", packages=("python3", "python3-requests"))
HOMES = {"root": "/root", USER: f"/home/{USER}"}
pytestmark = pytest.mark.skipif(not is_root(), reason="systems are made by debootstrap, as root, on Debian")


@pytest.fixture(scope="session", autouse=True)
def checkout() -> None:
    """A clone of the last commit, where all systems find it."""
    shutil.rmtree(CHECKOUT, ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "clone", "--quiet", "--no-local", ROOT, CHECKOUT], check=True)


@pytest.fixture(params=SYSTEMS, ids=lambda one: one.name)
def system(request: pytest.FixtureRequest) -> System:
    """Each of them."""
    request.param.make()
    return request.param


def clone(system: System, user: str) -> None:
    """The checkout, in a user's home, with nothing built in it."""
    said = system.run(f"rm -rf checkout && git clone --quiet {CHECKOUT} checkout", user)
    assert said.returncode == 0, said.stdout


@pytest.mark.parametrize("user", HOMES)
def test_the_demo(system: System, user: str) -> None:
    """As root and as somebody else."""
    clone(system, user)
    said = system.run("cd checkout && make demo", user)
    assert said.returncode == 0 and "make: ***" not in said.stdout, said.stdout


def test_what_needs_no_real_ganeti(system: System) -> None:
    """The unit tests, by the Python that the system has."""
    clone(system, USER)
    said = system.run("cd checkout && make unit", USER)
    assert said.returncode == 0 and " passed" in said.stdout and " failed" not in said.stdout, said.stdout[-4000:]


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A cluster that is broken in the usual ways."""
    with Simulator(example(wall_clock_cluster(50)), folder=tmp_path) as simulator:
        yield simulator


def test_how_to_install_it(system: System, simulator: Simulator) -> None:
    """The README's own words, with the newest ansible-core for that Python; then a dry run, and a round."""
    words = (ROOT / "README.md").read_text()
    lines = [
        line.strip() for line in words.splitlines() if line.startswith(("    python3 -m venv ~", "    pip install "))
    ]
    assert len(lines) == 2
    install = "\n".join(line.partition("#")[0] for line in lines)
    galaxy = f"ansible-galaxy collection install git+file://{CHECKOUT}"
    assert galaxy.replace(str(CHECKOUT), "/PATH/TO/THIS/CHECKOUT") in words
    where = {f"ganeti_autorepair_{name}": value for name, value in reach(simulator, "rapi").items()}
    given = FOLDER / "given"
    shutil.rmtree(given, ignore_errors=True)
    given.mkdir()
    shutil.copy(str(where["ganeti_autorepair_rapi_ca_path"]), given / "ca.pem")
    where["ganeti_autorepair_rapi_ca_path"] = str(given / "ca.pem")
    (given / "inventory.json").write_text(json.dumps({"all": {"hosts": {"prod": where}}}))
    commands = ["rm -rf ~/autorepair ~/.ansible", install, galaxy, "ansible --version"]
    commands += [
        f"ansible-playbook -i {given}/inventory.json ganeti.autorepair.repair {more}" for more in ("--check", "")
    ]
    said = system.run("\n".join(commands), USER, LC_ALL="C.UTF-8")
    assert said.returncode == 0, said.stdout
    assert "would submit failover" in said.stdout and "changed=1" in said.stdout, said.stdout
    print([line for line in said.stdout.splitlines() if "python version" in line or line.startswith("ansible [")])


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_oldest_python_for_modules(transport: str, tmp_path: Path) -> None:
    """On the machine that they are sent to, with the requests that it has itself."""
    OLD.make()
    assert OLD.run("python3 --version").stdout.startswith("Python 3.9.")
    folder = FOLDER / "old"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    python, used = folder / "python", folder / "used"
    python.write_text(f'#!/bin/sh\ntouch {used}\nexec {shlex.join(OLD.inside("/usr/bin/python3"))} "$@"\n')
    python.chmod(0o755)
    host = {**SENT, "ansible_python_interpreter": str(python), "ansible_pipelining": "true"}
    with Simulator(example(wall_clock_cluster(50)), folder=folder) as simulator:
        run = play(tmp_path / "run", {**reach(simulator, transport), "wait": True, "wait_timeout": 60}, host=host)
    assert run.code == 0 and used.exists(), run.output
    assert run.step["changed"] and not run.step["summary"]["pending_repair"], run.output
