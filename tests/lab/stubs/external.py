# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""An external storage provider: volumes are files in a folder that all nodes share."""

from __future__ import annotations

import contextlib
import os

from .machine import Failure, Machine

LOOP_MAJOR, DEVICE_MINOR = 7, 201  # Ganeti wants a block device; nobody ever opens this one


def run(name: str, arguments: list[str], machine: Machine) -> str:
    """Do what Ganeti asks by the script's name and by the environment, and return the script's output."""
    volume = os.environ["VOL_NAME"] if name in ("create", "remove", "grow", "attach", "detach") else ""
    path, device = f"{machine.state_dir}/shared/ext/{volume}", f"/dev/ext-{volume}"
    if name == "create":
        with open(path, "xb") as file:
            file.truncate(int(os.environ["VOL_SIZE"]) << 20)
    elif name == "grow":
        os.truncate(path, int(os.environ["VOL_NEW_SIZE"]) << 20)
    elif name == "attach":
        return attach(path, device)
    elif name in ("remove", "detach"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path if name == "remove" else device)
    return ""  # the other scripts have nothing to do


def attach(path: str, device: str) -> str:
    """Give an existing volume a device on this node, and return its path."""
    if not os.path.exists(path):
        raise Failure(f"there is no volume {os.path.basename(path)}")
    with contextlib.suppress(FileExistsError):
        os.mknod(device, 0o60660, os.makedev(LOOP_MAJOR, DEVICE_MINOR))
    return device
