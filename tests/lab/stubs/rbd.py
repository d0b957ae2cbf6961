# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ceph's rbd: one pool that all nodes share, and which of its images a node has mapped."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from collections.abc import Callable

from .machine import Failure, Machine, read_json, write_whole

NO_SUCH_IMAGE = 2
LOOP_MAJOR, DEVICE_MINOR = 7, 200  # Ganeti wants a block device; nobody ever opens this one


class Pool:
    """The images of the pool, and this node's devices: device number -> image."""

    def __init__(self, machine: Machine) -> None:
        """Read what is mapped."""
        self.images = f"{machine.state_dir}/shared/rbd"
        self.map_file = f"{machine.home}/rbd-map.json"
        self.mapped: dict[str, str] = read_json(self.map_file)

    def path(self, image: str) -> str:
        """Return the file of an image, given as IMAGE or POOL/IMAGE."""
        return f"{self.images}/{os.path.basename(image)}"

    def save(self) -> None:
        """Keep what is mapped until the node is switched off."""
        write_whole(self.map_file, json.dumps(self.mapped))


def run(name: str, arguments: list[str], machine: Machine) -> str:
    """Do what rbd would do, and return its output."""
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("words", nargs="+")
    parser.add_argument("-p", "--pool")
    parser.add_argument("-s", "--size", type=int)
    parser.add_argument("--format")
    options, _ = parser.parse_known_intermixed_args(arguments)
    verb = VERBS.get(options.words[0])
    if verb is None:
        raise Failure(f"rbd: the lab's stand-in does not know {options.words[0]}", 22)
    return verb(Pool(machine), options) or ""


def create(pool: Pool, options: argparse.Namespace) -> None:
    """Make an image of `size` megabytes."""
    try:
        with open(pool.path(options.words[1]), "xb") as image:
            image.truncate(options.size << 20)
    except FileExistsError as error:
        raise Failure("rbd: create error: (17) File exists", 17) from error


def remove(pool: Pool, options: argparse.Namespace) -> None:
    """Remove an image."""
    _check_exists(pool, options.words[1], "delete error")
    os.unlink(pool.path(options.words[1]))


def resize(pool: Pool, options: argparse.Namespace) -> None:
    """Make an image larger."""
    os.truncate(pool.path(options.words[1]), options.size << 20)


def map_image(pool: Pool, options: argparse.Namespace) -> str:
    """Give an image a device on this node."""
    _check_exists(pool, options.words[1], "map failed")
    number = str(max(map(int, pool.mapped), default=-1) + 1)
    pool.mapped[number] = os.path.basename(options.words[1])
    with contextlib.suppress(FileExistsError):
        os.mknod(f"/dev/rbd{number}", 0o60660, os.makedev(LOOP_MAJOR, DEVICE_MINOR))
    pool.save()
    return f"/dev/rbd{number}"


def unmap(pool: Pool, options: argparse.Namespace) -> None:
    """Take a device away."""
    device = options.words[1]
    pool.mapped.pop(device.removeprefix("/dev/rbd"), None)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(device)
    pool.save()


def show_mapped(pool: Pool, options: argparse.Namespace) -> str:
    """List this node's devices."""
    rows = [
        {"id": number, "pool": options.pool or "rbd", "name": image, "snap": "-", "device": f"/dev/rbd{number}"}
        for number, image in pool.mapped.items()
    ]
    if options.format == "json":
        return json.dumps({row["id"]: row for row in rows})
    return "\n".join(["id pool image snap device", *(" ".join(row.values()) for row in rows)])


VERBS: dict[str, Callable[[Pool, argparse.Namespace], str | None]] = {
    "create": create,
    "map": map_image,
    "resize": resize,
    "rm": remove,
    "showmapped": show_mapped,
    "unmap": unmap,
}


def _check_exists(pool: Pool, image: str, what: str) -> None:
    if not os.path.exists(pool.path(image)):
        raise Failure(f"rbd: {what}: (2) No such file or directory", NO_SUCH_IMAGE)
