# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lab asks of the machine, and how it installs what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from . import debian
from .errors import LabError, UnfitMachineError
from .settings import Settings
from .shell import run

OWN_PACKAGES = ("iproute2", "openssh-client", "openssl", "util-linux")
NODE_PACKAGES = (
    *("fping", "ganeti", "ganeti-os-noop", "iproute2", "iputils-arping", "openssh-server", "openssl", "procps"),
    "util-linux",
)
PATIENT = ("-o", "DPkg::Lock::Timeout=300")  # a killed predecessor's apt-get may still be at work


def check_machine() -> None:
    """Raise UnfitMachineError, with one sentence, where the lab can't be brought up."""
    if os.geteuid() != 0:
        raise UnfitMachineError("the lab makes namespaces and mounts: run it as root")
    if not (shutil.which("apt-get") and shutil.which("dpkg-query")):
        raise UnfitMachineError("the lab installs Ganeti with apt-get: it needs Debian or a close relative")
    if not Path("/proc/self/ns/net").exists():
        raise UnfitMachineError("the lab's nodes are namespaces: it needs Linux with namespaces enabled")


def install(settings: Settings) -> None:
    """Install what this machine needs, and what the nodes run: on it, or in a folder, where that is another Debian.

    Raises:
        LabError: when a package can't be installed.
    """
    _install_packages(settings.state_dir / "apt.log", OWN_PACKAGES if settings.debian else NODE_PACKAGES)
    if not settings.root.exists():
        draft = settings.root.with_suffix(".draft")
        debian.install(settings.debian, draft, NODE_PACKAGES)
        draft.rename(settings.root)


def _missing(packages: Sequence[str]) -> list[str]:
    """Return the names of the packages that are not installed."""
    query = run(["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *packages], check=False)
    installed = {line.split()[0] for line in query.stdout.splitlines() if line.endswith(" installed")}
    return [package for package in packages if package not in installed]


def _install_packages(log: Path, packages: Sequence[str]) -> None:
    """Install what is missing from the machine's own package sources; apt's output goes to `log`."""
    missing = _missing(packages)
    if not missing:
        return
    _logged(log, "dpkg", "--configure", "-a")  # finishes what a killed installation left half done
    install = ("apt-get", *PATIENT, "install", "--yes", "--no-install-recommends", *missing)
    if not _logged(log, *install):  # the usual reason is that the lists of packages are missing or old
        _logged(log, "apt-get", *PATIENT, "update")
        _logged(log, *install)
    still_missing = _missing(packages)
    if still_missing:
        raise LabError(f"apt-get could not install {', '.join(still_missing)}; its output is in {log}")


def _logged(log: Path, *command: str) -> bool:
    """Run a command with its output in a file (a pipe would break, and harm dpkg, if this process were killed)."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with log.open("a") as output:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, check=False
        )
    return done.returncode == 0
