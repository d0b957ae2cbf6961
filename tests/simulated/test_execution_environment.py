# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ansible-builder makes of the collection, and of the file for an image of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

from .awx_jobs import FOLDER, install_requirements


def builder(*arguments: object) -> str:
    """Run ansible-builder, and return what it printed."""
    run = subprocess.run(["ansible-builder", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_what_the_collection_needs(tmp_path: Path) -> None:
    """It is found in the collection as it is installed, and nowhere else."""
    installed = install_requirements(tmp_path)
    found = yaml.safe_load(builder("introspect", installed))
    assert [need.partition("  #")[0] for need in found["python"]] == ["requests>=2.25", "urllib3>=1.26"]
    assert not found["system"]
    (installed / "ansible_collections/ganeti/autorepair/meta/execution-environment.yml").unlink()
    assert not yaml.safe_load(builder("introspect", installed))["python"]


def test_image(tmp_path: Path) -> None:
    """Its context has the base image, and the collection from where the project has it."""
    file, context = FOLDER / "execution-environment.yml", tmp_path / "context"
    builder("create", "--file", file, "--context", context, "--output-filename", "Containerfile")
    base = yaml.safe_load(file.read_text())["images"]["base_image"]["name"]
    text = (context / "Containerfile").read_text()
    assert f'ARG EE_BASE_IMAGE="{base}"' in text and "ansible-galaxy collection install" in text
    wanted = yaml.safe_load((FOLDER / "project" / "collections" / "requirements.yml").read_text())
    assert yaml.safe_load((context / "_build" / "requirements.yml").read_text()) == wanted
