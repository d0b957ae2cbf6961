# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A system in a folder: made once and kept, and entered for one command at a time."""

from __future__ import annotations

import os
import shutil
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from lab import debian
from lab.shell import NODE_ENVIRONMENT, run
from playbook import BUILD

FOLDER = BUILD / "systems"
USER = "somebody"
PACKAGES = ("ca-certificates", "git", "make", "openssh-client", "python3", "python3-venv")
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"
UBUNTU = "http://archive.ubuntu.com/ubuntu"
UBUNTU_KEYS = "https://archive.ubuntu.com/ubuntu/pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1_all.deb"


@dataclass(frozen=True)
class System:
    """A distribution: its suite, the one that it is installed like, whether it is Ubuntu's, and what it is to have."""

    name: str
    suite: str
    like: str = ""
    ubuntu: bool = False
    packages: tuple[str, ...] = PACKAGES

    @property
    def root(self) -> Path:
        """Its root folder."""
        return FOLDER / self.suite

    def make(self) -> None:
        """Install it, unless it is there; what a killed installation has left is thrown away."""
        if self.root.exists():
            return
        FOLDER.mkdir(parents=True, exist_ok=True)
        draft = FOLDER / f"{self.suite}-draft"
        keys = _ubuntu_keys() if self.ubuntu else None
        debian.install(self.suite, draft, self.packages, UBUNTU if self.ubuntu else "", self.like, keys)
        (draft / AUTHORITIES).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(f"/{AUTHORITIES}", draft / AUTHORITIES)  # it trusts whom this machine trusts
        (draft / "etc" / "gitconfig").write_text("[safe]\n\tdirectory = *\n")  # the checkout is root's
        run(["chroot", draft, "useradd", "--create-home", USER])
        draft.rename(self.root)

    def inside(self, *words: str) -> list[str]:
        """Return the command line that runs a command there; what is below FOLDER is at its place."""
        entered = ["unshare", "--mount", "--pid", "--fork", *debian.inside(self.root, FOLDER, words)]
        return [str(word) for word in entered]

    def run(self, command: str, user: str = "root", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a shell command there, in the home of a user, with this machine's network; return it with its output."""
        home = "/root" if user == "root" else f"/home/{user}"
        inside = self.inside("env", f"--chdir={home}", *_entered(user), "sh", "-ec", command)
        trust = {"SSL_CERT_FILE": f"/{AUTHORITIES}", "PIP_CERT": f"/{AUTHORITIES}"}
        given = {**NODE_ENVIRONMENT, **trust, "HOME": home, **environment}
        return subprocess.run(
            inside,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=given,
            check=False,
        )


def _entered(user: str) -> list[str]:
    return [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]


def _ubuntu_keys() -> Path:
    """Ubuntu's keys, which Debian does not have: fetched from where TLS says that it is Ubuntu's."""
    folder = FOLDER / "ubuntu-keyring"
    if not folder.exists():
        package = FOLDER / "ubuntu-keyring.deb"
        with urllib.request.urlopen(UBUNTU_KEYS, timeout=60) as answer:
            package.write_bytes(answer.read())
        run(["dpkg-deb", "-x", package, folder])
    return folder / "usr" / "share" / "keyrings" / "ubuntu-archive-keyring.gpg"


def is_root() -> bool:
    """Whether systems can be made and entered."""
    return os.geteuid() == 0 and shutil.which("dpkg-deb") is not None
