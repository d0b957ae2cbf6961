# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be chosen about the virtual machines, in one object."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from lab.errors import SettingsError

ENVIRONMENT_PREFIX = "GANETI_VMLAB_"
LONGEST_PREFIX = 10  # a network interface has at most 15 characters
FIRST_NODE_ADDRESS = 11


@dataclass(frozen=True)
class Settings:
    """The settings; `from_environment` reads GANETI_VMLAB_STATE_DIR, GANETI_VMLAB_MEMORY_MB and so on."""

    state_dir: Path = Path(__file__).parents[2] / ".build" / "vmlab"  # the image, and the disks of the machines
    memory_dir: Path = Path("/dev/shm")  # a file system in memory; each machine keeps there what it uses
    prefix: str = "garvm"  # of the bridge and of the machines' network interfaces
    network: str = "10.197.0"  # the first three bytes of a /24
    domain: str = "vm.example"
    nodes: int = 3
    memory_mb: int = 768  # of each machine
    disk_mb: int = 24576  # of each volume group; its file holds only what was written
    kernel_suite: str = "forky"  # the Debian whose User-Mode Linux runs; the machines themselves have bookworm
    mirror: str = ""  # of Debian packages; the one that this machine uses, if empty

    def __post_init__(self) -> None:
        """Refuse values that would fail later.

        Raises:
            SettingsError: naming the value.
        """
        if not self.state_dir.is_absolute() or len(self.state_dir.parts) < 3:
            raise SettingsError(f"state_dir {self.state_dir} must be an absolute path, two folders deep or more")
        if not 0 < len(self.prefix) <= LONGEST_PREFIX or "/" in self.prefix:
            raise SettingsError(f"prefix {self.prefix!r} must have 1 to {LONGEST_PREFIX} characters and no slash")
        if not 2 <= self.nodes <= 9:
            raise SettingsError(f"nodes is {self.nodes}, and must be 2 to 9")

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

    @property
    def cluster_address(self) -> str:
        """The address that Ganeti's master holds."""
        return f"{self.network}.1"

    @property
    def host_address(self) -> str:
        """This machine's own address on the bridge."""
        return f"{self.network}.254"

    @property
    def cluster_name(self) -> str:
        """The name of the cluster."""
        return f"cluster.{self.domain}"

    @property
    def bridge(self) -> str:
        """The bridge that plays the network switch."""
        return f"{self.prefix}0"

    @property
    def run_dir(self) -> Path:
        """What the machines keep in memory."""
        return self.memory_dir / f"{self.prefix}-machines"

    @property
    def ssh_key(self) -> Path:
        """The key of root on every node, which opens every node."""
        return self.state_dir / "id_rsa"

    @property
    def luxi_socket(self) -> Path:
        """Where LUXI answers on this machine, as on the master."""
        return self.run_dir / "luxi"

    def node_address(self, number: int) -> str:
        """Return the address of a node: node1 has .11, node2 has .12."""
        return f"{self.network}.{FIRST_NODE_ADDRESS + number - 1}"


def _converted(name: str, text: str, kind: type) -> object:
    try:
        # pathlib's default is of a subclass of Path, which takes a string as well
        return kind(text)
    except ValueError as error:
        raise SettingsError(f"{name}={text!r} can't be read as {kind.__name__}") from error
