# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The network: a bridge as the switch, and for each machine a cable to it.

A cable is pulled at the switch. An interface that is set down inside a machine is lost to User-Mode Linux for good.
"""

from __future__ import annotations

from pathlib import Path

from lab.shell import run

from .settings import Settings

INTERFACES = Path("/sys/class/net")


def make_switch(settings: Settings) -> None:
    """Make the bridge, unless it is there."""
    if not (INTERFACES / settings.bridge).exists():
        run(["ip", "link", "add", settings.bridge, "type", "bridge"])
    run(["ip", "address", "replace", f"{settings.host_address}/24", "dev", settings.bridge])
    run(["ip", "link", "set", settings.bridge, "up"])


def make_cable(cable: str) -> None:
    """Make a machine's cable, unless it is there."""
    if not (INTERFACES / cable).exists():
        run(["ip", "tuntap", "add", "dev", cable, "mode", "tap"])


def plug_in(cable: str, bridge: str) -> None:
    """Connect a cable to the switch; it is a fast one."""
    run(["tc", "qdisc", "delete", "dev", cable, "root"], check=False)
    run(["ip", "link", "set", cable, "master", bridge, "up"])


def slow_down(cable: str) -> None:
    """Let a cable bring no more than a megabyte a second to its machine."""
    run(["tc", "qdisc", "replace", "dev", cable, "root", "tbf", "rate", "8mbit", "burst", "32kb", "latency", "400ms"])


def unplug(cable: str) -> None:
    """Take a cable out of the switch."""
    run(["ip", "link", "set", cable, "nomaster"])


def remove_all(settings: Settings) -> None:
    """Remove the bridge and all cables, also those of more machines than there are now."""
    for path in [*INTERFACES.glob(f"{settings.prefix}-n[0-9]*"), *INTERFACES.glob(settings.bridge)]:
        run(["ip", "link", "delete", path.name])
