# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks as nox knows them: `nox --list`.

A session of a target's name runs that target of `make`, which keeps one list of gates and one pinned environment.
`matrix` runs the unit tests with one ansible-core on one Python, in an environment of its own.
"""

from __future__ import annotations

from pathlib import Path

import nox

TARGETS = ("lint", "sanity", "unit", "simulated", "molecule")
MATRIX = {  # ansible-core, and on which Pythons it runs Ansible, and so do the tests
    "2.16": ("3.11", "3.12"),
    "2.17": ("3.11", "3.12"),
    "2.18": ("3.11", "3.12", "3.13"),
    "2.19": ("3.11", "3.12", "3.13"),
}
# What tests/unit import, beside ansible-core.
LIBRARIES = ("cryptography", "hypothesis", "jsonschema", "prometheus_client", "pytest", "pyyaml", "requests", "trustme")

PINS = Path(__file__).parent / "requirements/dev.txt"

nox.options.envdir = ".build/nox"
nox.options.reuse_venv = "yes"
nox.options.sessions = ("lint", "sanity", "unit")


def pinned() -> list[str]:
    """Return the versions of LIBRARIES that all other tests use."""
    pins = PINS.read_text().splitlines()
    return [pin for pin in pins if pin.partition("==")[0].lower() in LIBRARIES]


def delegate(target: str) -> None:
    """Add a session that runs a target of make."""

    @nox.session(name=target, venv_backend="none")
    def run(session: nox.Session) -> None:
        """As `make` runs it."""
        session.run("make", "--no-print-directory", target, external=True)


for name in TARGETS:
    delegate(name)


@nox.session
@nox.parametrize(("python", "core"), [(python, core) for core, pythons in MATRIX.items() for python in pythons])
def matrix(session: nox.Session, core: str) -> None:
    """Unit tests with one ansible-core on one Python; what follows `--` goes to pytest."""
    session.install(f"ansible-core=={core}.*", *pinned())
    session.run("make", "--no-print-directory", "links", external=True)
    env = {"ANSIBLE_COLLECTIONS_PATH": ".build/collections", "ANSIBLE_HOME": ".build/ansible", "LC_ALL": "C.UTF-8"}
    session.run("python", "-m", "pytest", "-rs", *(session.posargs or ["tests/unit"]), env=env)
