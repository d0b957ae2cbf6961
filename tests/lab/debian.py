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
# Makes the folder $1 the root of this mount namespace, with the folder $2 at its place in it, and runs the rest there.
CHANGE_ROOT = """\
mount --make-rprivate /
mount --bind "$1" "$1"
mkdir -p "$1$2"
mount --bind "$2" "$1$2"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
cd "$1"
pivot_root . .
umount --lazy .
shift 2
exec "$@"
"""
# Whatever is mounted meanwhile is gone with the command, also when it is killed.
OWN_MOUNTS = ("unshare", "--mount", "--propagation=private")


def install(
    suite: str, root: Path, packages: Iterable[str], mirror: str = "", like: str = "", keyring: Path | None = None
) -> None:
    """Make the folder `root` a Debian of this suite with these packages, none of whose daemons is started.

    The packages come from `mirror`, or else from where this machine has its own. `like` is an older suite that is
    installed in the same way, where debootstrap does not know this one; `keyring` has the keys of Ubuntu.
    What is in the folder is lost.

    Raises:
        LabError: showing what a command said.
    """
    tools = root.with_suffix(".debootstrap")
    for folder in (root, tools):
        shutil.rmtree(folder, ignore_errors=True)
    tools.mkdir(parents=True)
    unpack(["apt-get", "-q", "-oAPT::Sandbox::User=root", "download", "debootstrap"], tools)
    folder = tools / "usr" / "share" / "debootstrap"
    bootstrap: list[str | Path] = [*OWN_MOUNTS, tools / "usr" / "sbin" / "debootstrap", "--variant=minbase"]
    bootstrap += [f"--keyring={keyring}", "--components=main,universe"] if keyring else []
    bootstrap += [suite, root, mirror or own_mirror(), folder / "scripts" / (like or suite)]
    run(bootstrap, env={**os.environ, **QUIET, "DEBOOTSTRAP_DIR": str(folder)})
    shutil.rmtree(tools)
    write(root / "etc" / "dpkg" / "dpkg.cfg.d" / "unsafe", "force-unsafe-io\n")
    policy = root / "usr" / "sbin" / "policy-rc.d"
    write(policy, "#!/bin/sh\nexit 101\n", mode=0o755)
    for words in (["install", "--yes", "--no-install-recommends", *packages], ["clean"]):
        run([*OWN_MOUNTS, "chroot", root, "apt-get", *words], env={**os.environ, **QUIET})
    policy.unlink()


def inside(root: Path, shared: Path, command: Sequence[str | Path]) -> list[str | Path]:
    """Return the command line that runs a command on this root, where it finds the folder `shared` at its own place.

    It belongs into mount and process namespaces of its own. A chroot would not do: whoever enters the namespace later,
    as with nsenter, would find himself outside.
    """
    return ["sh", "-ec", CHANGE_ROOT, "sh", root, shared, *command]


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
