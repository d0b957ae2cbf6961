# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making a cluster of the nodes, and keeping its disks for all that begin anew."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from lab.cluster import LARGEST, SMALLEST
from lab.settings import User
from lab.shell import run, write

from .image import image
from .node import DISKS, Node
from .settings import Settings

CODE = Path(__file__).read_text()  # as it runs, whatever becomes of the file meanwhile
USERS = "/var/lib/ganeti/rapi/users"
VOLUME_GROUP = "xenvg"
MEANINGLESS = ("memory_mb", "memory_dir", "mirror", "prefix", "state_dir")  # for a cluster that is saved
MAKE_GROUP = f"vgs {VOLUME_GROUP} 2>&1 || {{ pvcreate -q /dev/ubdb && vgcreate -q {VOLUME_GROUP} /dev/ubdb; }}"
RESTART_RAPI = "/usr/lib/ganeti/daemon-util stop ganeti-rapi; /usr/lib/ganeti/daemon-util start ganeti-rapi"


def build(settings: Settings, nodes: Sequence[Node], user: User, say: Callable[[str], None]) -> None:
    """Make the cluster on the first of the running nodes, and add the others."""
    for node in nodes:
        node.run(MAKE_GROUP)
    master = nodes[0]
    master.run(_init_command(settings))
    say("cluster initialised")
    for node in nodes[1:]:
        master.run(["gnt-node", "add", "--no-ssh-key-check", node.full_name])
        say(f"{node.name} added")
    own = f"chown --reference={USERS.rpartition('/')[0]} {USERS}"
    master.run(f"echo '{user.line()}' > {USERS} && {own} && chmod 640 {USERS}; {RESTART_RAPI}")


def save(settings: Settings, nodes: Sequence[Node]) -> None:
    """Keep the disks of the nodes, which have been switched off after all was written."""
    for node in nodes:
        for disk in DISKS:
            _copy(node.home / disk, _saved(node, disk))
    write(_marker(settings), _made_of(settings))


def is_saved(settings: Settings) -> bool:
    """Whether a cluster of these settings, made from the present image, is kept."""
    marker = _marker(settings)
    return marker.exists() and marker.read_text() == _made_of(settings)


def forget(settings: Settings) -> None:
    """Delete the disks of all nodes, and what is kept of them."""
    shutil.rmtree(_marker(settings).parent, ignore_errors=True)


def restore(settings: Settings, nodes: Sequence[Node]) -> None:
    """Give the nodes, which are off, the disks that were kept."""
    write(_restoring(settings), "")
    for node in nodes:
        for disk in DISKS:
            _copy(_saved(node, disk), node.home / disk)
    _restoring(settings).unlink()


def is_half_restored(settings: Settings) -> bool:
    """Whether the disks are neither the old nor the first ones, because somebody was killed."""
    return _restoring(settings).exists()


def _init_command(settings: Settings) -> list[str]:
    return [
        *("gnt-cluster", "init", "--no-ssh-init", "--no-etc-hosts"),
        *("--master-netdev=br0", "--master-netmask=24", "--nic-parameters", "mode=bridged,link=br0"),
        *("--enabled-hypervisors=fake", "--default-iallocator=hail", "--enabled-disk-templates=plain,drbd,diskless"),
        *(f"--vg-name={VOLUME_GROUP}", "--drbd-usermode-helper=/bin/true", f"--candidate-pool-size={settings.nodes}"),
        f"--ipolicy-bounds-specs=min:{SMALLEST}/max:{LARGEST}",
        *("--ipolicy-vcpu-ratio=64", "--ipolicy-spindle-ratio=1024"),
        settings.cluster_name,
    ]


def _marker(settings: Settings) -> Path:
    return settings.state_dir / "nodes" / "saved.json"


def _restoring(settings: Settings) -> Path:
    return _marker(settings).with_name("restoring")


def _saved(node: Node, disk: str) -> Path:
    return node.home / f"{disk}.saved"


def _made_of(settings: Settings) -> str:
    chosen = {name: str(value) for name, value in asdict(settings).items() if name not in MEANINGLESS}
    return json.dumps({"image": image(settings).name, "code": CODE, **chosen}, indent=2)


def _copy(source: Path, target: Path) -> None:
    run(["cp", "--sparse=always", source, target])
