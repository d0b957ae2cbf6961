# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What this machine must bring for the virtual machines."""

from __future__ import annotations

import os
import shutil

from lab.errors import UnfitMachineError

from .image import ARCHIVE_KEYS, kernel
from .settings import Settings

TOOLS = {  # each with the package that it comes in
    "apt-get": "apt",
    "chroot": "coreutils",
    "dpkg-deb": "dpkg",
    "ip": "iproute2",
    "tc": "iproute2",
    "mkfs.ext4": "e2fsprogs",
    "ssh": "openssh-client",
    "unshare": "util-linux",
    "wget": "wget",
}
MEMORY_FOR_OTHERS_MB = 512
X86_64 = "x86_64"


def check_machine(settings: Settings) -> None:
    """Raise UnfitMachineError, with one sentence, where the virtual machines can't run."""
    if os.geteuid() != 0:
        raise UnfitMachineError("virtual machines need network interfaces and mounts: run it as root")
    if os.uname().machine != X86_64:
        raise UnfitMachineError("User-Mode Linux runs on x86_64 alone")
    missing = [package for tool, package in TOOLS.items() if not shutil.which(tool)]
    if missing:
        raise UnfitMachineError(f"install {', '.join(missing)} first")
    if not kernel(settings).exists() and not ARCHIVE_KEYS.exists():
        raise UnfitMachineError(f"Debian's packages are verified with {ARCHIVE_KEYS}: install debian-archive-keyring")
    folder = settings.memory_dir
    if not folder.is_dir():
        raise UnfitMachineError(f"there is no {folder}, a file system in memory, which the machines run in")
    usage = os.statvfs(folder)
    free = usage.f_bavail * usage.f_frsize >> 20
    wanted = settings.nodes * settings.memory_mb + MEMORY_FOR_OTHERS_MB
    if free < wanted and not settings.run_dir.exists():
        raise UnfitMachineError(f"{folder} has {free} MB free, and {settings.nodes} machines may use {wanted} MB")
