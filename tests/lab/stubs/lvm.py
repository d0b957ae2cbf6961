# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""LVM: one volume group, whose logical volumes are sparse files in /dev/GROUP."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable

from .kernel import Kernel
from .machine import Failure, Machine, locked, read_json, write_whole

EXTENT = 4 << 20
NOT_FOUND = 5
UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
INSTANCE_DISKS = "/run/ganeti/instance-disks"
RUNNING_INSTANCES = "/run/ganeti/fake-hypervisor"
DEFAULT_COLUMNS = {"lvs": "lv_name,vg_name,lv_attr,lv_size", "vgs": "vg_name,vg_size", "pvs": "pv_name,vg_name"}

Row = dict[str, str]


def run(name: str, arguments: list[str], machine: Machine) -> str:
    """Do what the LVM command `name` would do, and return its output."""
    options = parser(name).parse_intermixed_args(arguments)
    group = VolumeGroup(machine)
    with locked(f"{machine.home}/lvm.lock"):
        if name in REPORTS:
            return group.report(REPORTS[name](group, options), options)
        if name in CHANGES:
            return CHANGES[name](group, options)
    return ""


def parser(name: str) -> argparse.ArgumentParser:
    """Return the parser of the options that LVM's commands have in common."""
    result = argparse.ArgumentParser(prog=name)
    result.add_argument("names", nargs="*")
    for flag in ("--noheadings", "--nosuffix", "--unbuffered", "--test", "--removemissing"):
        result.add_argument(flag, action="store_true")
    for option in ("-i", "-W", "-a", "--alloc", "--allocatable", "--config", "--addtag", "--deltag"):
        result.add_argument(option)
    result.add_argument("-f", "--force", action="store_true")
    result.add_argument("-s", "--snapshot", action="store_true")
    result.add_argument("-L", "--size")
    result.add_argument("-n", "--name")
    result.add_argument("-o", "--options", default=DEFAULT_COLUMNS.get(name, ""))
    result.add_argument("--separator", default=" ")
    result.add_argument("--units", default="m")
    return result


class VolumeGroup:
    """The only volume group of a node."""

    def __init__(self, machine: Machine) -> None:
        """Take the node; nothing is read yet."""
        self.machine = machine
        self.name = machine.volume_group
        self.tag_file = f"{machine.home}/lvm-tags.json"

    def path(self, volume: str) -> str:
        """Return the device of a volume."""
        return f"/dev/{self.name}/{volume}"

    def volume(self, name: str) -> str:
        """Return the bare name of an existing volume, given as GROUP/NAME or /dev/GROUP/NAME."""
        group, _, volume = name.removeprefix("/dev/").partition("/")
        if group != self.name or not os.path.exists(self.path(volume)):
            raise Failure(f'  Failed to find logical volume "{group}/{volume}"', NOT_FOUND)
        return volume

    def check_name(self, name: str) -> None:
        """Refuse the name of any other volume group."""
        if name.removeprefix("/dev/").partition("/")[0] != self.name:
            raise Failure(f'  Volume group "{name}" not found', NOT_FOUND)

    def sizes(self) -> dict[str, int]:
        """Return the volumes and their sizes in bytes."""
        with os.scandir(f"/dev/{self.name}") as volumes:
            return {volume.name: volume.stat().st_size for volume in sorted(volumes, key=lambda each: each.name)}

    def tags(self) -> dict[str, list[str]]:
        """Return the tags of the volumes that have any."""
        found: dict[str, list[str]] = read_json(self.tag_file)
        return found

    def save_tags(self, tags: dict[str, list[str]]) -> None:
        """Replace all tags."""
        write_whole(self.tag_file, json.dumps({volume: texts for volume, texts in tags.items() if texts}))

    def open_devices(self) -> set[str]:
        """Return the devices that DRBD or a running instance holds open."""
        links = [link for link in _listed(INSTANCE_DISKS) if link.rpartition(":")[0] in _listed(RUNNING_INSTANCES)]
        return Kernel(self.machine).backing_devices() | {os.readlink(f"{INSTANCE_DISKS}/{link}") for link in links}

    def group_row(self, options: argparse.Namespace) -> Row:
        """Return the columns that describe the volume group and its one physical volume."""
        used = sum(_in_extents(size) for size in self.sizes().values())
        total, free = self.machine.volume_group_bytes, self.machine.volume_group_bytes - used
        amounts = {"vg_size": total, "size": total, "vg_free": free, "vg_extent_size": EXTENT}
        amounts |= {"pv_size": total, "pv_free": free, "pv_used": used}
        missing = str(len(_listed(f"{self.machine.home}/missing-disks")))
        texts = {
            "vg_missing_pv_count": missing,
            "vg_name": self.name,
            "name": self.name,
            "vg_attr": "wz--n-",
            "pv_name": "/dev/sdb",
            "pv_attr": "a--",
        }
        return texts | {column: _in_units(amount, options.units) for column, amount in amounts.items()}

    def volume_row(self, volume: str, size: int, options: argparse.Namespace, is_open: bool) -> Row:
        """Return the columns that describe one logical volume."""
        tags = ",".join(self.tags().get(volume, ()))
        return {
            "lv_name": volume,
            "vg_name": self.name,
            "lv_size": _in_units(size, options.units),
            "lv_attr": f"-wi-a{'o' if is_open else '-'}----",
            "lv_kernel_major": "253",
            "lv_kernel_minor": str(os.stat(self.path(volume)).st_ino % (1 << 20)),
            "vg_extent_size": _in_units(EXTENT, options.units),
            "stripes": "1",
            "devices": "/dev/sdb(0)",
            "tags": tags,
            "lv_tags": tags,
        }

    def report(self, rows: list[Row], options: argparse.Namespace) -> str:
        """Return the rows as text, with the columns that were asked for."""
        columns = options.options.split(",")
        return "\n".join("  " + options.separator.join(row.get(column, "") for column in columns) for row in rows)


def lvs(group: VolumeGroup, options: argparse.Namespace) -> list[Row]:
    """Report all volumes, or those that are named."""
    sizes = group.sizes()
    wanted = [group.volume(name) for name in options.names if name != group.name] or list(sizes)
    busy = group.open_devices() if "lv_attr" in options.options else set()
    return [group.volume_row(name, sizes[name], options, group.path(name) in busy) for name in wanted]


def vgs(group: VolumeGroup, options: argparse.Namespace) -> list[Row]:
    """Report the volume group."""
    for name in options.names:
        group.check_name(name)
    return [group.group_row(options)]


def pvs(group: VolumeGroup, options: argparse.Namespace) -> list[Row]:
    """Report the physical volume, once for each logical volume where those are asked for."""
    row = group.group_row(options)
    if "lv_name" in options.options:
        return [{**row, "lv_name": name} for name in group.sizes()] or [row]
    return [row]


def lvcreate(group: VolumeGroup, options: argparse.Namespace) -> str:
    """Make a volume; a snapshot is an empty volume too, since no volume has content."""
    group.check_name(options.names[0])
    size = _in_extents(int(options.size.rstrip("m")) << 20)
    if os.path.exists(group.path(options.name)):
        raise Failure(f'  Logical Volume "{options.name}" already exists in volume group "{group.name}"', 5)
    if sum(group.sizes().values()) + size > group.machine.volume_group_bytes:
        raise Failure(f'  Volume group "{group.name}" has insufficient free space', 5)
    with open(group.path(options.name), "xb") as volume:
        volume.truncate(size)
    return f'  Logical volume "{options.name}" created.'


def lvremove(group: VolumeGroup, options: argparse.Namespace) -> str:
    """Remove volumes that DRBD does not hold."""
    tags = group.tags()
    for name in options.names:
        volume = group.volume(name)
        if group.path(volume) in Kernel(group.machine).backing_devices():
            raise Failure(f"  Logical volume {name} in use.", 5)
        os.unlink(group.path(volume))
        tags.pop(volume, None)
    group.save_tags(tags)
    return f"  Logical volumes successfully removed: {', '.join(options.names)}"


def lvrename(group: VolumeGroup, options: argparse.Namespace) -> str:
    """Rename a volume, which takes its tags along."""
    _, old, new = options.names
    os.rename(group.path(group.volume(f"{group.name}/{old}")), group.path(new))
    tags = group.tags()
    group.save_tags({new if volume == old else volume: texts for volume, texts in tags.items()})
    return f'  Renamed "{old}" to "{new}" in volume group "{group.name}"'


def lvextend(group: VolumeGroup, options: argparse.Namespace) -> str:
    """Grow a volume by a number of kilobytes."""
    path = group.path(group.volume(options.names[0]))
    if not options.test:
        os.truncate(path, os.path.getsize(path) + int(options.size.strip("+k")) * 1024)
    return f"  Logical volume {options.names[0]} successfully resized."


def lvchange(group: VolumeGroup, options: argparse.Namespace) -> str:
    """Tag a volume, untag it, or activate it (which all of them are)."""
    volume, tags = group.volume(options.names[0]), group.tags()
    kept = [tag for tag in tags.get(volume, ()) if tag != options.deltag]
    group.save_tags({**tags, volume: kept + ([options.addtag] if options.addtag else [])})
    return ""


Report = Callable[[VolumeGroup, argparse.Namespace], list[Row]]
Change = Callable[[VolumeGroup, argparse.Namespace], str]
REPORTS: dict[str, Report] = {"lvs": lvs, "vgs": vgs, "pvs": pvs}
CHANGES: dict[str, Change] = {
    "lvchange": lvchange,
    "lvcreate": lvcreate,
    "lvextend": lvextend,
    "lvremove": lvremove,
    "lvrename": lvrename,
}


def _listed(folder: str) -> list[str]:
    return os.listdir(folder) if os.path.isdir(folder) else []


def _in_extents(size: int) -> int:
    return -(-size // EXTENT) * EXTENT


def _in_units(size: int, unit: str) -> str:
    return f"{size / UNITS[unit[0].lower()]:.2f}"
