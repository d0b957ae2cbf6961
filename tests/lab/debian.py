# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Debian in a folder: what nodes run where it is not what this machine runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from .shell import run, write

APT_FOLDER = Path("/etc/apt")
QUIET = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
# Whatever is mounted meanwhile is gone with the command, also when it is killed.
OWN_MOUNTS = ("unshare", "--mount", "--propagation=private")


def install(suite: str, root: Path, packages: Iterable[str], mirror: str = "") -> None:
    """Make the folder `root` a Debian of this suite with these packages, none of whose daemons is started.

    The packages come from `mirror`, or else from where this machine has its own. What is in the folder is lost.

    Raises:
        LabError: showing what a command said.
    """
    tools = root.with_suffix(".debootstrap")
    for folder in (root, tools):
        shutil.rmtree(folder, ignore_errors=True)
    tools.mkdir(parents=True)
    unpack(["apt-get", "-q", "-oAPT::Sandbox::User=root", "download", "debootstrap"], tools)
    program = tools / "usr" / "sbin" / "debootstrap"
    scripts = str(tools / "usr" / "share" / "debootstrap")
    bootstrap = (*OWN_MOUNTS, program, "--variant=minbase", suite, root, mirror or own_mirror())
    run(bootstrap, env={**os.environ, **QUIET, "DEBOOTSTRAP_DIR": scripts})
    shutil.rmtree(tools)
    write(root / "etc" / "dpkg" / "dpkg.cfg.d" / "unsafe", "force-unsafe-io\n")
    policy = root / "usr" / "sbin" / "policy-rc.d"
    write(policy, "#!/bin/sh\nexit 101\n", mode=0o755)
    for words in (["install", "--yes", "--no-install-recommends", *packages], ["clean"]):
        run([*OWN_MOUNTS, "chroot", root, "apt-get", *words], env={**os.environ, **QUIET})
    policy.unlink()


def own_mirror() -> str:
    """Return the address of Debian's packages that this machine uses itself; Debian's own, where it names none."""
    folder = APT_FOLDER / "sources.list.d"
    for path in [*folder.glob("*.sources"), *folder.glob("*.list"), APT_FOLDER / "sources.list"]:
        lines = path.read_text().splitlines() if path.is_file() else []
        words = [word for line in lines if line.startswith(("deb ", "URIs:")) for word in line.split()]
        for word in words:
            if "://" in word and word.rstrip("/").endswith("/debian"):
                return word
    return "http://deb.debian.org/debian"


def unpack(download: Sequence[str], folder: Path) -> None:
    """Download packages, and unpack them in a folder: nothing is installed on this machine."""
    run(["env", f"--chdir={folder}", *download])
    for package in folder.glob("*.deb"):
        run(["dpkg-deb", "-x", package, folder])
        package.unlink()
