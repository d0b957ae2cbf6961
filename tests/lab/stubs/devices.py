# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""blockdev and dd, for devices that are no block devices here; anything else goes to the real commands."""

from __future__ import annotations

import os
import sys

from .kernel import Kernel
from .machine import Failure, Machine, read_json

REAL = {"blockdev": "/usr/sbin/blockdev", "dd": "/usr/bin/dd"}
SECTOR = 512


def run(name: str, arguments: list[str], machine: Machine) -> str:
    """Answer for the lab's own devices, or become the real command."""
    output = blockdev(arguments, machine) if name == "blockdev" else dd(arguments)
    if output is None:
        os.execv(REAL[name], [name, *arguments])
    return output


def blockdev(arguments: list[str], machine: Machine) -> str | None:
    """Return the size of one of the lab's devices, or None for any other."""
    size = device_size(arguments[-1], machine)
    if size is None:
        return None
    return str(size if arguments[0] == "--getsize64" else size // SECTOR)


def device_size(device: str, machine: Machine) -> int | None:
    """Return the size in bytes, or None for a device that is not the lab's."""
    if device.startswith("/dev/drbd"):
        minor = Kernel(machine).minors.get(device.removeprefix("/dev/drbd"))
        if minor is None or minor.disk is None:
            return None
        return minor.disk.size_mb << 20 if minor.disk.size_mb else os.path.getsize(minor.disk.data)
    if device.startswith("/dev/rbd"):
        image = read_json(f"{machine.home}/rbd-map.json").get(device.removeprefix("/dev/rbd"))
        return os.path.getsize(f"{machine.state_dir}/shared/rbd/{image}") if image else None
    if device.startswith("/dev/ext-"):
        return os.path.getsize(f"{machine.state_dir}/shared/ext/{device.removeprefix('/dev/ext-')}")
    return os.path.getsize(device) if os.path.isfile(device) else None


def dd(arguments: list[str]) -> str | None:
    """Pretend to write to a device, so that disks stay empty; None when no device is written to."""
    operands = dict(argument.partition("=")[::2] for argument in arguments)
    target = operands.get("of", "")
    if not target.startswith("/dev/") or target == "/dev/null":
        return None
    if not os.path.exists(target):
        raise Failure(f"dd: failed to open '{target}': No such file or directory")
    print("0+0 records in\n0+0 records out\n0 bytes copied", file=sys.stderr)
    return ""
