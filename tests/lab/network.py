# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's network: a bridge as the switch, and for each node a namespace with a cable to it."""

from __future__ import annotations

from pathlib import Path

from .processes import NETNS_DIR
from .settings import Settings
from .shell import run

INTERFACES = Path("/sys/class/net")
INSTANCE_BRIDGE = "br0"  # inside each node; the network cards of instances name it


def make_switch(settings: Settings) -> None:
    """Make the bridge, unless it is there."""
    bridge = settings.bridge
    if not (INTERFACES / bridge).exists():
        run(["ip", "link", "add", bridge, "type", "bridge"])
    run(["ip", "address", "replace", f"{settings.host_address}/24", "dev", bridge])
    run(["ip", "link", "set", bridge, "up"])


def make_socket(namespace: str, cable: str, address: str) -> None:
    """Make a node's network namespace, with eth0 at the near end of its cable, unless they are there."""
    if not (NETNS_DIR / namespace).exists():
        run(["ip", "netns", "add", namespace])
    elif run(["ip", "-n", namespace, "link", "show", "lo"], check=False).returncode:
        run(["ip", "netns", "delete", namespace])  # a name without a namespace, from a killed "netns add"
        run(["ip", "netns", "add", namespace])
    if not (INTERFACES / cable).exists():
        run(["ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", namespace])
    if run(["ip", "-n", namespace, "link", "show", INSTANCE_BRIDGE], check=False).returncode:
        run(["ip", "-n", namespace, "link", "add", INSTANCE_BRIDGE, "type", "bridge"])
    run(["ip", "-n", namespace, "address", "flush", "dev", "eth0"])  # of the cluster's address, if it was master
    run(["ip", "-n", namespace, "address", "add", f"{address}/24", "dev", "eth0"])
    for interface in ("lo", "eth0", INSTANCE_BRIDGE):
        run(["ip", "-n", namespace, "link", "set", interface, "up"])


def plug_in(cable: str, bridge: str) -> None:
    """Connect a node's cable to the switch."""
    run(["ip", "link", "set", cable, "master", bridge, "up"])


def unplug(cable: str) -> None:
    """Take a node off the network, if it ever was on it."""
    if (INTERFACES / cable).exists():
        run(["ip", "link", "set", cable, "down"])


def namespaces(prefix: str) -> list[str]:
    """Return the names of the network namespaces of all nodes of the lab with this prefix."""
    return sorted(path.name for path in NETNS_DIR.glob(f"{prefix}-node[0-9]*"))


def remove_all(settings: Settings) -> None:
    """Remove the bridge, the cables and the namespaces, also those of a lab with more nodes than this one."""
    for path in INTERFACES.glob(f"{settings.prefix}-n[0-9]*"):
        run(["ip", "link", "delete", path.name])
    for namespace in namespaces(settings.prefix):
        run(["ip", "netns", "delete", namespace])
    if (INTERFACES / settings.bridge).exists():
        run(["ip", "link", "delete", settings.bridge])
