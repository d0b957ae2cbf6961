# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Instances with data: a checksum of the device is the judge of every scenario.

The last 256 KiB of a disk are left out. Linux's DRBD 8.4 forgets, when a device is attached, which of these were
written while its peer was away, wherever a size is a multiple of that; so a resync after it does not copy them.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from lab.luxi import Opcode

BLOCK_KB = 256
DISK_MB = 32
RUNNING = "/run/ganeti/fake-hypervisor"  # one file for each running instance, as Ganeti's hypervisor `fake` has it
WRITER = Path(__file__).with_name("writer.py").read_text()


@dataclass(frozen=True)
class Guest:
    """An instance to create, and the nodes that hold it."""

    name: str
    primary: str
    secondary: str = ""  # of a drbd instance; without it, it is a plain one
    running: bool = True
    tags: tuple[str, ...] = ()


def create(guest: Guest, domain: str) -> list[Opcode]:
    """Return the opcodes of the job that creates an instance."""
    opcode: Opcode = {
        "OP_ID": "OP_INSTANCE_CREATE",
        "mode": "create",
        "instance_name": f"{guest.name}.{domain}",
        "disk_template": "drbd" if guest.secondary else "plain",
        "disks": [{"size": DISK_MB}],
        "nics": [],
        "os_type": "marker+default",
        "hypervisor": "fake",
        "beparams": {"memory": 16, "vcpus": 1},
        "pnode": f"{guest.primary}.{domain}",
        "start": guest.running,
        "wait_for_sync": True,
        "name_check": False,
        "ip_check": False,
        "conflicts_check": False,
    }
    if guest.secondary:
        opcode["snode"] = f"{guest.secondary}.{domain}"
    tags = {"OP_ID": "OP_TAGS_SET", "kind": "instance", "name": f"{guest.name}.{domain}", "tags": list(guest.tags)}
    return [opcode, tags] if guest.tags else [opcode]


def device(full_name: str) -> str:
    """Return the link that Ganeti keeps to the device of a running instance's first disk."""
    return f"/run/ganeti/instance-disks/{full_name}:0"


def fill(path: str) -> str:
    """Return the shell's line that writes random data over a whole disk, but for its last blocks, and past caches."""
    return f"dd if=/dev/urandom of={path} bs={BLOCK_KB}k count={_blocks()} oflag=direct conv=notrunc,fsync status=none"


def running_file(full_name: str) -> str:
    """Return the file that is there while an instance runs on a node."""
    return f"{RUNNING}/{full_name}"


def copy(full_name: str) -> str:
    """Return the file on a node with what an instance that goes on writing must have on its disk."""
    return f"/var/tmp/{full_name}"


def keep_writing(full_name: str, *, alone: bool) -> str:
    """Return the shell's line that starts writing to an instance's disk, until it runs on this node no more.

    It copies the disk first, and what is written goes to the copy as well. If `alone`, it waits with all that it writes
    until the node has missed the peers of all its mirrors.
    """
    path, kept = device(full_name), copy(full_name)
    first = f"dd if={path} of={kept} bs={BLOCK_KB}k count={_blocks()} iflag=direct status=none"
    writer = shlex.join(["python3", "-c", WRITER, path, kept, running_file(full_name)])
    line = f"while grep -q cs:Connected /proc/drbd; do sleep 0.2; done; {writer}" if alone else writer
    return f"{first} && {{ nohup sh -c {shlex.quote(line)} < /dev/null > {kept}.log 2>&1 & }}"


def checksum(path: str) -> str:
    """Return the shell's line that prints the sum of a disk but for its last blocks, read past caches."""
    return f"set -o pipefail; dd if={path} bs={BLOCK_KB}k count={_blocks()} iflag=direct status=none | sha256sum"


def volume(full_name: str) -> str:
    """Return the shell's line that prints, and makes readable, the volume with this instance's data on a node."""
    found = f"lvs --noheadings -o lv_path @originstname+{full_name} | grep -m1 _data"
    return f"path=$({found}) && lvchange -ay $path && echo $path"


def break_volume(full_name: str) -> str:
    """Return the shell's line that puts device-mapper's target `error` in the place of that volume, below DRBD."""
    load = 'size=$(blockdev --getsz $path) && echo "0 $size error" | dmsetup load $path'
    return f"{volume(full_name)} && {load} && dmsetup suspend --noflush $path && dmsetup resume $path"


def _blocks() -> int:
    return DISK_MB * 1024 // BLOCK_KB - 1
