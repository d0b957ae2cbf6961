# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every choice that can be made about the lab, in one object."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network
from pathlib import Path

from .errors import SettingsError

ENVIRONMENT_PREFIX = "GANETI_LAB_"
HIDDEN_IN_NODES = ("/dev", "/etc/ssh", "/proc", "/root", "/run", "/srv", "/sys", "/tmp")
LONGEST_PREFIX = 10  # a network interface has at most 15 characters, "PREFIX-n254" among them
FIRST_NODE_ADDRESS = 11


@dataclass(frozen=True)
class User:
    """A user of the RAPI, and what it may do there."""

    name: str
    password: str = field(repr=False)
    access: str

    def line(self) -> str:
        """Return the user as a line of Ganeti's file of RAPI users."""
        return f"{self.name} {self.password} {self.access}".strip()


@dataclass(frozen=True)
class Settings:
    """The settings of one lab; `from_environment` reads GANETI_LAB_STATE_DIR, GANETI_LAB_NODES and so on."""

    state_dir: Path = Path("/var/tmp/ganeti-autorepair-lab")  # disks of the nodes and everything else
    prefix: str = "garlab"  # of every bridge, interface and network namespace
    network: str = "10.198.0.0/24"
    domain: str = "lab.example"
    nodes: int = 5
    second_group: str = "rack2"
    second_group_from: int = 4  # number of the first node in the second group
    disk_templates: str = "plain,drbd,file,sharedfile,diskless,ext,rbd"
    volume_group: str = "xenvg"
    volume_group_mb: int = 2 * 1024 * 1024
    node_memory_mb: int = 65536
    node_cpus: int = 16
    sync_seconds: float = 0.0  # how long a DRBD resync takes; 0 is done at once
    debian: str = ""  # the suite that the nodes run, such as trixie; empty for what the machine itself runs

    def __post_init__(self) -> None:
        """Refuse values that would fail later, or would harm the machine.

        Raises:
            SettingsError: naming the value.
        """
        if not self.state_dir.is_absolute() or len(self.state_dir.parts) < 3:
            raise SettingsError(f"state_dir {self.state_dir} must be an absolute path, two folders deep or more")
        if any(self.state_dir.is_relative_to(hidden) for hidden in HIDDEN_IN_NODES):
            raise SettingsError(f"state_dir {self.state_dir} would be hidden inside the nodes; try /var/tmp")
        if not 0 < len(self.prefix) <= LONGEST_PREFIX or "/" in self.prefix:
            raise SettingsError(f"prefix {self.prefix!r} must have 1 to {LONGEST_PREFIX} characters and no slash")
        if not 1 <= self.nodes <= 200:
            raise SettingsError(f"nodes is {self.nodes}, and must be 1 to 200")
        try:
            network = IPv4Network(self.network)
        except ValueError as error:
            raise SettingsError(f"network {self.network!r}: {error}") from error
        if network.prefixlen != 24:
            raise SettingsError(f"network {self.network} must be a /24")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Return the defaults, with what the environment overrides.

        Raises:
            SettingsError: for a value that is not of the field's type.
        """
        found: dict[str, object] = {}
        for each in fields(cls):
            name = ENVIRONMENT_PREFIX + each.name.upper()
            if name in environ:
                found[each.name] = _converted(name, environ[name], type(each.default))
        return cls(**found)  # type: ignore[arg-type]  # _converted has made each of its field's type

    def address(self, number: int) -> str:
        """Return the address with this last byte."""
        return str(IPv4Network(self.network)[number])

    def node_address(self, number: int) -> str:
        """Return the address of a node: node1 has .11, node2 has .12."""
        return self.address(FIRST_NODE_ADDRESS + number - 1)

    @property
    def host_address(self) -> str:
        """The machine's own address on the lab's bridge."""
        return self.address(254)

    @property
    def cluster_address(self) -> str:
        """The address that Ganeti's master holds."""
        return self.address(1)

    @property
    def cluster_name(self) -> str:
        """The name of the cluster, which its RAPI certificate is valid for."""
        return f"cluster.{self.domain}"

    @property
    def bridge(self) -> str:
        """The bridge that plays the network switch."""
        return f"{self.prefix}0"

    @property
    def root(self) -> Path:
        """The root folder of the nodes' Debian."""
        return self.state_dir / "debian" if self.debian else Path("/")

    @property
    def code_dir(self) -> Path:
        """Copies of the programs that run inside nodes."""
        return self.state_dir / "code"

    @property
    def kernel_dir(self) -> Path:
        """State of the DRBD stand-in of all nodes."""
        return self.state_dir / "kernel"

    @property
    def shared_dir(self) -> Path:
        """What all nodes see: shared storage, /etc/hosts, SSH keys."""
        return self.state_dir / "shared"

    @property
    def certificate_dir(self) -> Path:
        """The lab's CA and the RAPI certificates."""
        return self.state_dir / "certificates"

    @property
    def pristine_dir(self) -> Path:
        """Copies of the nodes' disks as they were when the cluster had just been built."""
        return self.state_dir / "pristine"


def _converted(name: str, text: str, kind: type) -> object:
    try:
        # pathlib's default is of a subclass of Path, which takes a string as well
        return kind(text)
    except ValueError as error:
        raise SettingsError(f"{name}={text!r} can't be read as {kind.__name__}") from error
