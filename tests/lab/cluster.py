# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making a cluster of the nodes, as an administrator would, and keeping its master at work."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import certificates, luxi
from .errors import LabError
from .node import Node
from .rapi import Rapi
from .settings import Settings, User
from .shell import write

DAEMONS = "/usr/lib/ganeti/daemon-util"
MASTER_DAEMONS = ("ganeti-wconfd", "ganeti-rapi", "ganeti-luxid")
MASTER_SECONDS = 60.0
ADDRESS_SECONDS = 20.0
CANDIDATES = 3
# Wide enough for anything that a test asks of an instance.
SMALLEST = "disk-size=1,cpu-count=1,disk-count=0,memory-size=1,nic-count=0,spindle-use=0"
LARGEST = "disk-size=1048576,cpu-count=8,disk-count=16,memory-size=32768,nic-count=8,spindle-use=12"


def build(settings: Settings, nodes: Sequence[Node], users: Sequence[User], say: Callable[[str], None]) -> None:
    """Make the cluster on the first of the running nodes, and add the others."""
    master = nodes[0]
    master.run(_init_command(settings))
    say("cluster initialised")
    shutil.copy(_rapi_certificate(master), certificates.default_file(settings))
    _replace(_rapi_certificate(master), certificates.signed_file(settings))  # before it is copied to other nodes
    if settings.second_group_from <= settings.nodes:
        master.run(["gnt-group", "add", settings.second_group])
    for node in nodes[1:]:
        master.run(["gnt-node", "add", "--no-ssh-key-check", "--node-group", node.group, node.full_name])
        say(f"{node.name} added to group {node.group}")
    for node in nodes:
        _write_users(node, users)
    _restart_rapi(master)
    _skip_capacity_checks(master)


def start_master(settings: Settings, master: Node, rapi: Rapi) -> None:
    """Start the master's daemons where they don't run, and return when LUXI and RAPI answer.

    Raises:
        LabError: when they don't.
    """
    if _holds_address(master, settings.cluster_address) and rapi.answers():  # nobody's address is silent for 3 s
        return
    for daemon in MASTER_DAEMONS:  # not "start-master", which stops at the first one that runs already
        master.run([DAEMONS, "start", daemon], check=False)
    if not _becomes_true(lambda: _holds_address(master, settings.cluster_address), ADDRESS_SECONDS):
        master.run(["gnt-cluster", "activate-master-ip"])  # normally luxid has done it by now
    if not _becomes_true(rapi.answers, MASTER_SECONDS):
        raise LabError(f"RAPI does not answer on {rapi.url}; see {master.home}/var-log-ganeti")


def luxi_socket(master: Node) -> Path:
    """Return where the master answers LUXI, as a path of the machine."""
    return master.home / "run" / "ganeti" / "socket" / "ganeti-query"


def install_certificate(nodes: Sequence[Node], pem: Path) -> None:
    """Make this the RAPI certificate of all nodes, also of those that are off, and use it at once.

    Ganeti 3.0.2's `gnt-cluster renew-crypto --rapi-certificate=FILE --force` reports success within half a second,
    and has replaced nothing: so the files are put in place, and the daemon that reads them is restarted.
    """
    for node in nodes:
        _replace(_rapi_certificate(node), pem)
    _restart_rapi(nodes[0])


def wait_for_port(address: str, port: int) -> None:
    """Return when somebody listens there.

    Raises:
        LabError: when nobody does.
    """
    if not _becomes_true(lambda: _listens(address, port), MASTER_SECONDS):
        raise LabError(f"nothing listens on {address}:{port}")


def has_certificate(nodes: Sequence[Node], pem: Path) -> bool:
    """Return whether this is the RAPI certificate of all nodes."""
    return all(_rapi_certificate(node).read_bytes() == pem.read_bytes() for node in nodes)


def _init_command(settings: Settings) -> list[str]:
    return [
        *("gnt-cluster", "init", "--no-ssh-init", "--no-etc-hosts"),
        *("--master-netdev=eth0", "--master-netmask=24", "--nic-parameters", "mode=bridged,link=br0"),
        *("--enabled-hypervisors=fake", "--default-iallocator=hail"),
        f"--enabled-disk-templates={settings.disk_templates}",
        *(f"--vg-name={settings.volume_group}", "--drbd-usermode-helper=/bin/true"),
        "--file-storage-dir=/srv/ganeti/file-storage",
        "--shared-file-storage-dir=/srv/ganeti/shared-file-storage",
        f"--candidate-pool-size={CANDIDATES}",
        f"--ipolicy-bounds-specs=min:{SMALLEST}/max:{LARGEST}",
        *("--ipolicy-vcpu-ratio=64", "--ipolicy-spindle-ratio=1024"),
        settings.cluster_name,
    ]


def _skip_capacity_checks(master: Node) -> None:
    """Let hail place instances without disks of their own on the nodes, which its N+1 check refuses here.

    Only LUXI and RAPI can give the option as hail wants it, without a value.
    """
    parameters = {"no-capacity-checks": None}
    opcode = {"OP_ID": "OP_CLUSTER_SET_PARAMS", "default_iallocator_params": parameters}
    luxi.succeed(luxi_socket(master), [[opcode]])


def _write_users(node: Node, users: Sequence[User]) -> None:
    """Write the file of RAPI users, with the owner that Ganeti's own folder has."""
    path = node.home / "var-lib-ganeti" / "rapi" / "users"
    write(path, "".join(f"{user.line()}\n" for user in users), mode=0o640)
    owner = path.parent.stat()
    os.chown(path, owner.st_uid, owner.st_gid)


def _rapi_certificate(node: Node) -> Path:
    return node.home / "var-lib-ganeti" / "rapi.pem"


def _replace(path: Path, source: Path) -> None:
    """Give a file other content, and leave its owner and mode as they are."""
    before = path.stat()
    write(path, source.read_text(), mode=before.st_mode & 0o777)
    os.chown(path, before.st_uid, before.st_gid)


def _restart_rapi(master: Node) -> None:
    master.run([DAEMONS, "stop", "ganeti-rapi"], check=False)  # it may not run
    master.run([DAEMONS, "start", "ganeti-rapi"])


def _holds_address(node: Node, address: str) -> bool:
    return f" {address}/" in node.run(["ip", "-4", "address", "show", "dev", "eth0"]).stdout


def _listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=2).close()
    except OSError:
        return False
    return True


def _becomes_true(question: Callable[[], bool], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not question():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
