# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection as users get it: built, installed elsewhere, and run by its full name; and run from the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from simulator import Simulator
from simulator.examples import example

ROOT = Path(__file__).parents[2]


def elsewhere(home: Path) -> dict[str, str]:
    """An environment that knows nothing of the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return kept | {"ANSIBLE_HOME": str(home / "ansible")}


def galaxy(home: Path, *arguments: object) -> None:
    """Run ansible-galaxy for collections."""
    command = ["ansible-galaxy", "collection", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, text=True, cwd="/", env=elsewhere(home))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the built collection was installed."""
    folder = tmp_path_factory.mktemp("installed")
    galaxy(folder, "build", ROOT, "--output-path", folder)
    (tarball,) = folder.glob("*.tar.gz")
    galaxy(folder, "install", "--no-deps", "--collections-path", folder / "collections", tarball)
    return folder / "collections"


def played(playbook: str, folder: Path, collections: Path | None, cwd: Path, *options: str) -> str:
    """Run a playbook that writes nothing to a cluster with the settings in the environment; what it printed."""
    with Simulator(folder=folder) as simulator:
        example(simulator.cluster)
        settings = simulator.settings()
        environment = elsewhere(folder) | {
            f"GANETI_RAPI_{name.upper()}": str(settings[name])
            for name in ("host", "port", "user", "password", "ca_path")
        }
        if collections:
            environment["ANSIBLE_COLLECTIONS_PATH"] = str(collections)
        inventory = folder / "inventory"
        inventory.write_text('c ansible_connection=local ansible_python_interpreter="{{ ansible_playbook_python }}"\n')
        command = ["ansible-playbook", "--inventory", str(inventory), playbook, "--diff", *options]
        run = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=cwd)
        assert run.returncode == 0, run.stdout + run.stderr
        assert simulator.log.writes() == []
        return run.stdout


def test_by_its_full_name(installed: Path, tmp_path: Path) -> None:
    """Where it is installed, with nothing of the checkout in sight."""
    output = played("ganeti.autorepair.repair", tmp_path, installed, Path("/"), "--check")
    assert "would submit failover" in output
    assert "+ganeti:watcher:autorepair:pending:failover:" in output  # --diff


def test_the_report_needs_nothing_else(installed: Path, tmp_path: Path) -> None:
    """Its pages are made of what stands in the four folders that Ansible knows."""
    where = Path("ansible_collections", "ganeti", "autorepair")
    for name in ("meta", "plugins", "roles", "playbooks"):
        shutil.copytree(installed / where / name, tmp_path / "bare" / where / name)
    folder = f"ganeti_autorepair_report_dir={tmp_path}/report"
    played("ganeti.autorepair.report", tmp_path, tmp_path / "bare", Path("/"), "--extra-vars", folder)
    page = (tmp_path / "report" / "clusters" / "c.html").read_text()
    assert "Needs you" in page and "</script>" in page and "Content-Security-Policy" in page


def test_as_a_file_in_the_checkout(tmp_path: Path) -> None:
    """After the set-up, `ansible.cfg` of the checkout leads to its own modules."""
    assert "would submit failover" in played("playbooks/repair.yml", tmp_path, None, ROOT, "--check")


def test_what_is_shipped(installed: Path) -> None:
    """What users need, and nothing that is for developers alone."""
    names = {path.name for path in (installed / "ansible_collections" / "ganeti" / "autorepair").iterdir()}
    assert names >= {"README.md", "COPYING", "MANIFEST.json", "meta", "playbooks", "plugins", "roles", "extensions"}
    assert not names & {"tests", "Makefile", ".build", ".venv"}
