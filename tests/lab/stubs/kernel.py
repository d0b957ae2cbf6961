# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the DRBD module of each node's kernel knows: its minors, and from them the text of /proc/drbd.

All nodes share one kernel here, so one folder holds a JSON file for each node, under one lock. Whether a disk is
up to date is written into its metadata volume, as real DRBD does it: that survives a power failure, and dies with
the volume.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .machine import Machine, locked, read_json, write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

UP_TO_DATE = "UpToDate"
INCONSISTENT = "Inconsistent"
METADATA_BYTES = 512


class Disk:
    """A minor's lower devices: two logical volumes, by their paths inside the node."""

    def __init__(self, data: str, metadata: str, size_mb: int | None) -> None:
        """Take both paths and the size, or None for all of the data device."""
        self.data = data
        self.metadata = metadata
        self.size_mb = size_mb


class Connection:
    """A minor's network settings; addresses are "IP:PORT"."""

    def __init__(self, local: str, remote: str, protocol: str, two_primaries: bool, secret: str | None) -> None:
        """Take what `drbdsetup connect` was given."""
        self.local = local
        self.remote = remote
        self.protocol = protocol
        self.two_primaries = two_primaries
        self.secret = secret

    def answers(self, other: Connection) -> bool:
        """Return whether both ends were told the same."""
        mine, theirs = (self.local, self.remote, self.secret), (other.remote, other.local, other.secret)
        return mine == theirs


class Minor:
    """One DRBD device of one node."""

    def __init__(self, node: str, number: str) -> None:
        """Make it as `drbdsetup new-minor` does: without disk and network."""
        self.node = node
        self.number = number
        self.role = "Secondary"
        self.disk: Disk | None = None
        self.connection: Connection | None = None
        self.sync_began: float | None = None  # set on both ends while a resync runs

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        parts = {"disk": self.disk, "connection": self.connection}
        return {
            "role": self.role,
            "sync_began": self.sync_began,
            **{name: part and vars(part) for name, part in parts.items()},
        }

    @classmethod
    def from_json(cls, node: str, number: str, stored: dict[str, Any]) -> Minor:
        """Return the minor that was stored."""
        minor = cls(node, number)
        minor.role, minor.sync_began = stored["role"], stored["sync_began"]
        minor.disk = Disk(**stored["disk"]) if stored["disk"] else None
        minor.connection = Connection(**stored["connection"]) if stored["connection"] else None
        return minor


class Kernel:
    """All minors of all nodes; change them within `changing()` only."""

    def __init__(self, machine: Machine) -> None:
        """Read the present state."""
        self.machine = machine
        self.folder = f"{machine.state_dir}/kernel"
        names = [name.removesuffix(".json") for name in os.listdir(self.folder) if name.endswith(".json")]
        self.nodes = {name: self._load(name) for name in {*names, machine.node}}
        self.syncing = False

    @classmethod
    @contextmanager
    def changing(cls, machine: Machine) -> Iterator[Kernel]:
        """Lend the state for a change; without an exception, connect, resync, save and show what follows from it."""
        with locked(f"{machine.state_dir}/kernel/lock"):
            kernel = cls(machine)
            yield kernel
            kernel.settle(time.time())
            kernel.save(time.time())

    @property
    def minors(self) -> dict[str, Minor]:
        """The minors of the node that this process runs on."""
        return self.nodes[self.machine.node]

    def backing_devices(self) -> set[str]:
        """Return all lower devices that DRBD holds on this node."""
        disks = [minor.disk for minor in self.minors.values() if minor.disk]
        return {path for disk in disks for path in (disk.data, disk.metadata)}

    def peers(self) -> dict[Minor, Minor]:
        """Return the other end of every minor that is connected."""
        minors = [minor for node in self.nodes.values() for minor in node.values()]
        at = {minor.connection.local: minor for minor in minors if minor.connection}
        found = {minor: at.get(minor.connection.remote) for minor in minors if minor.connection}
        return {minor: peer for minor, peer in found.items() if peer and _connected(minor, peer)}

    def disk_state(self, minor: Minor) -> str:
        """Return a minor's disk state, in the words of /proc/drbd."""
        if not minor.disk:
            return "Diskless"
        return self.read_metadata(minor.node, minor.disk.metadata) or INCONSISTENT

    def read_metadata(self, node: str, device: str) -> str:
        """Return what is written into a metadata device; nothing, where it was never made or is gone."""
        try:
            with open(self._volume(node, device), "rb") as volume:
                return volume.read(METADATA_BYTES).rstrip(b"\0").decode()
        except FileNotFoundError:
            return ""

    def write_metadata(self, node: str, device: str, state: str) -> None:
        """Write a disk state into an existing metadata device."""
        with open(self._volume(node, device), "r+b") as volume:
            volume.write(state.encode().ljust(METADATA_BYTES, b"\0"))

    def settle(self, now: float) -> None:
        """Start the resyncs that can run, and finish those whose time is over; sets `syncing`."""
        peers = self.peers()
        for minor in [each for node in self.nodes.values() for each in node.values()]:
            peer = peers.get(minor)
            if not peer or {self.disk_state(minor), self.disk_state(peer)} != {UP_TO_DATE, INCONSISTENT}:
                minor.sync_began = None
                continue
            minor.sync_began = peer.sync_began = minor.sync_began or peer.sync_began or now
            if now - minor.sync_began >= self.machine.sync_seconds:
                self._finish_sync(minor, peer)
            else:
                self.syncing = True

    def save(self, now: float) -> None:
        """Write the state and the text of /proc/drbd of every node whose text has changed."""
        peers = self.peers()
        for node, minors in self.nodes.items():
            stored = json.dumps({number: minor.to_json() for number, minor in minors.items()})
            _write_if_new(f"{self.folder}/{node}.json", stored)
            lines = [self._proc_lines(minors[number], peers, now) for number in sorted(minors, key=int)]
            _write_if_new(f"{self.folder}/{node}.proc", "".join([PROC_HEADER, *lines]))

    def _load(self, node: str) -> dict[str, Minor]:
        stored = read_json(f"{self.folder}/{node}.json")
        return {number: Minor.from_json(node, number, each) for number, each in stored.items()}

    def _volume(self, node: str, device: str) -> str:
        return f"{self.machine.state_dir}/nodes/{node}/volumes/{device.removeprefix('/dev/')}"

    def _finish_sync(self, *both: Minor) -> None:
        for minor in both:
            minor.sync_began = None
            if minor.disk:
                self.write_metadata(minor.node, minor.disk.metadata, UP_TO_DATE)

    def _proc_lines(self, minor: Minor, peers: dict[Minor, Minor], now: float) -> str:
        peer, local = peers.get(minor), self.disk_state(minor)
        if not (minor.disk or minor.connection or minor.role == "Primary"):
            return f"{minor.number:>2}: cs:Unconfigured\n"
        roles = f"{minor.role}/{peer.role if peer else 'Unknown'}"
        disks = f"{local}/{self.disk_state(peer) if peer else 'DUnknown'}"
        protocol = minor.connection.protocol if minor.connection else " "
        state = _connection_state(minor, peer, local)
        head = f"{minor.number:>2}: cs:{state} ro:{roles} ds:{disks} {protocol} r-----\n{PROC_COUNTERS}"
        return head + self._progress(minor, now)

    def _progress(self, minor: Minor, now: float) -> str:
        if minor.sync_began is None:
            return ""
        passed, total = now - minor.sync_began, self.machine.sync_seconds
        left = max(0, int(total - passed))
        clock = f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02}"
        return (
            f"\t[=>..................] sync'ed: {min(99.9, 100 * passed / total):.1f}% (1024/1024)M\n"
            f"\tfinish: {clock} speed: 64,800 (64,800) K/sec\n"
        )


PROC_HEADER = "version: 8.4.11 (api:1/proto:86-101)\nsrcversion: 0123456789ABCDEF0123456 \n"
PROC_COUNTERS = "    ns:0 nr:0 dw:0 dr:0 al:0 bm:0 lo:0 pe:0 ua:0 ap:0 ep:1 wo:f oos:0\n"


def power_off(state_dir: str, node: str) -> None:
    """Forget a node's minors: what its kernel knew is gone, what its disks hold is not."""
    with Kernel.changing(Machine(state_dir, node)) as kernel:
        kernel.minors.clear()


def _connected(minor: Minor, peer: Minor) -> bool:
    if minor.node == peer.node or not (minor.connection and peer.connection):
        return False
    return minor.connection.answers(peer.connection)


def _connection_state(minor: Minor, peer: Minor | None, local: str) -> str:
    if not minor.connection:
        return "StandAlone"
    if not peer:
        return "WFConnection"
    if minor.sync_began is None:
        return "Connected"
    return "SyncSource" if local == UP_TO_DATE else "SyncTarget"


def _write_if_new(path: str, text: str) -> None:
    try:
        with open(path) as file:
            if file.read() == text:
                return
    except FileNotFoundError:
        pass
    write_whole(path, text)
