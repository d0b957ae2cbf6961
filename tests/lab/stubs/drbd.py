# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""DRBD 8.4's commands: drbdsetup, drbdmeta and drbdadm."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from .kernel import INCONSISTENT, UP_TO_DATE, Connection, Disk, Kernel, Minor
from .machine import Failure, Machine

REFUSED = 10  # drbdsetup's exit code when the kernel refuses
NOT_POSSIBLE = 11
NO_GOOD_DATA = 17
RESOURCE = "resource"  # Ganeti names a resource after its only minor


def run(name: str, arguments: list[str], machine: Machine) -> str:
    """Do what the DRBD command `name` would do, and return its output."""
    if name == "drbdadm":
        return ""
    with Kernel.changing(machine) as kernel:
        if name == "drbdmeta":
            return drbdmeta(kernel, [each for each in arguments if each != "--force"])
        verb, *rest = arguments
        if verb not in VERBS:
            raise Failure(f"drbdsetup: the lab's stand-in does not know {verb}", 20)
        return VERBS[verb](kernel, rest) or ""


def drbdmeta(kernel: Kernel, arguments: list[str]) -> str:
    """Make metadata, or look whether there is any."""
    _, _, device, *_, verb = arguments
    if verb == "create-md":
        if not os.path.exists(device):
            raise Failure(f"open({device}) failed: No such file or directory", 20)
        kernel.write_metadata(kernel.machine.node, device, INCONSISTENT)
        return "New drbd meta data block successfully created."
    if not kernel.read_metadata(kernel.machine.node, device):
        raise Failure("No valid meta data found", 255)
    return ""


def new_resource(kernel: Kernel, arguments: list[str]) -> None:
    """Make the resource, which is its minor; doing so again is no error here."""
    number = arguments[0].removeprefix(RESOURCE)
    kernel.minors.setdefault(number, Minor(kernel.machine.node, number))


def new_minor(kernel: Kernel, arguments: list[str]) -> None:
    """Make the device file of the minor."""
    with open(f"/dev/drbd{arguments[1]}", "a"):
        pass


def attach(kernel: Kernel, arguments: list[str]) -> None:
    """Give a minor its data and metadata devices."""
    number, data, metadata = arguments[:3]
    minor = _minor(kernel, number)
    if minor.disk:
        raise _refusal(number, "(124) Device is attached to a disk (use detach first)")
    if not (os.path.exists(data) and os.path.exists(metadata)):
        raise _refusal(number, "(104) Can not open backing device.")
    if {data, metadata} & kernel.backing_devices():
        raise _refusal(number, "(114) Lower device is already claimed.")
    if not kernel.read_metadata(minor.node, metadata):
        raise _refusal(number, "(119) No valid meta-data signature found.")
    size = _option(arguments, "--size")
    minor.disk = Disk(data, metadata, int(size.rstrip("m")) if size else None)


def detach(kernel: Kernel, arguments: list[str]) -> None:
    """Take a minor's disk away."""
    _minor(kernel, arguments[0]).disk = None


def connect(kernel: Kernel, arguments: list[str]) -> None:
    """Give a minor its own address and its peer's."""
    number = arguments[0].removeprefix(RESOURCE)
    local, remote = (_address(each) for each in arguments[1:3])
    minor = kernel.minors.get(number)
    if minor is None:
        raise _refusal(number, "(158) Unknown resource")
    if minor.connection:
        raise _refusal(number, "(125) Device has a net-config (use disconnect first)")
    if any(each.connection and each.connection.local == local for each in kernel.minors.values()):
        raise _refusal(number, "(102) Local address(port) already in use.")
    protocol, secret = _option(arguments, "--protocol") or "C", _option(arguments, "--shared-secret")
    minor.connection = Connection(local, remote, protocol, "--allow-two-primaries" in arguments, secret)


def disconnect(kernel: Kernel, arguments: list[str]) -> None:
    """Take the network away from the minor with these addresses."""
    ends = [_address(each) for each in arguments[:2]]
    for minor in kernel.minors.values():
        if minor.connection and [minor.connection.local, minor.connection.remote] == ends:
            minor.connection = None
            return
    raise Failure("Failure: (162) Invalid configuration request: unknown connection", REFUSED)


def primary(kernel: Kernel, arguments: list[str]) -> None:
    """Promote a minor that can read good data, from its own disk or its peer's."""
    number = arguments[0]
    minor = _minor(kernel, number)
    peer = kernel.peers().get(minor)
    if peer and peer.role == "Primary" and not _both_may_be_primary(minor, peer):
        raise Failure(f"{number}: State change failed: (-1) Multiple primaries not allowed by config", NOT_POSSIBLE)
    if UP_TO_DATE not in (kernel.disk_state(minor), peer and kernel.disk_state(peer)):
        if "--force" not in arguments or not minor.disk:
            raise Failure(f"{number}: State change failed: (-2) Need access to UpToDate data", NO_GOOD_DATA)
        kernel.write_metadata(minor.node, minor.disk.metadata, UP_TO_DATE)
    minor.role = "Primary"


def secondary(kernel: Kernel, arguments: list[str]) -> None:
    """Demote a minor."""
    _minor(kernel, arguments[0]).role = "Secondary"


def down(kernel: Kernel, arguments: list[str]) -> None:
    """Remove a minor with all that it has."""
    number = arguments[0].removeprefix(RESOURCE)
    if kernel.minors.pop(number, None) is None:
        raise _refusal(number, "(158) Unknown resource")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"/dev/drbd{number}")


def show(kernel: Kernel, arguments: list[str]) -> str:
    """Return the configuration of a minor, or of all, in DRBD's own notation."""
    if not arguments:
        return "\n".join(show(kernel, [number]) for number in kernel.minors)
    minor = _minor(kernel, arguments[0])
    here, there = _shown_host("_this_host", minor), ""
    if minor.connection:
        there = f"    _remote_host {{\n        address ipv4 {minor.connection.remote};\n    }}\n"
    return f"resource {RESOURCE}{minor.number} {{\n    options {{\n    }}\n    net {{\n    }}\n{there}{here}}}"


def tune(kernel: Kernel, arguments: list[str]) -> None:
    """Accept any tuning of an existing minor; nothing here has a speed."""
    _minor(kernel, arguments[0])


def disk_options(kernel: Kernel, arguments: list[str]) -> None:
    """Accept any tuning of an attached disk."""
    if not _minor(kernel, arguments[0]).disk:
        raise _refusal(arguments[0], "(138) Device does not have a disk-config")


def resize(kernel: Kernel, arguments: list[str]) -> None:
    """Make a device larger."""
    disk, size = _minor(kernel, arguments[0]).disk, _option(arguments, "--size")
    if disk and size:
        disk.size_mb = int(size.rstrip("m"))


def invalidate(kernel: Kernel, arguments: list[str]) -> None:
    """Declare a minor's own data bad."""
    minor = _minor(kernel, arguments[0])
    if minor.disk:
        kernel.write_metadata(minor.node, minor.disk.metadata, INCONSISTENT)


VERBS: dict[str, Callable[[Kernel, list[str]], str | None]] = {
    "attach": attach,
    "connect": connect,
    "detach": detach,
    "disconnect": disconnect,
    "disk-options": disk_options,
    "down": down,
    "invalidate": invalidate,
    "net-options": tune,
    "new-minor": new_minor,
    "new-resource": new_resource,
    "pause-sync": tune,
    "primary": primary,
    "resize": resize,
    "resource-options": tune,
    "resume-sync": tune,
    "secondary": secondary,
    "show": show,
}


def _refusal(number: str, reason: str) -> Failure:
    return Failure(f"{number}: Failure: {reason}", REFUSED)


def _minor(kernel: Kernel, number: str) -> Minor:
    if number not in kernel.minors:
        raise _refusal(number, "(127) Device minor not allocated")
    return kernel.minors[number]


def _option(arguments: list[str], name: str) -> str | None:
    for position, argument in enumerate(arguments):
        if argument == name:
            return arguments[position + 1]
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2]
    return None


def _address(text: str) -> str:
    """Return IP:PORT of FAMILY:IP:PORT."""
    return text.partition(":")[2]


def _both_may_be_primary(minor: Minor, peer: Minor) -> bool:
    ends = (minor.connection, peer.connection)
    return all(end is not None and end.two_primaries for end in ends)


def _shown_host(section: str, minor: Minor) -> str:
    lines = [f"address ipv4 {minor.connection.local};"] if minor.connection else []
    volume = [f"device minor {minor.number};"]
    if minor.disk:
        volume += [f'disk "{minor.disk.data}";', f'meta-disk "{minor.disk.metadata}";']
    lines += ["volume 0 {", *(f"    {line}" for line in volume), "}"]
    inner = "\n".join(f"        {line}" for line in lines)
    return f"    {section} {{\n{inner}\n    }}\n"
