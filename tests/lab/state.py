# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's folder: what is prepared in it before the first node boots, and how it goes away again."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from . import certificates, debian
from .errors import LabError
from .settings import Settings
from .shell import NODE_ENVIRONMENT, run, write
from .stubs.names import COMMANDS, EXTERNAL_STORAGE

MARKER = "lab.json"  # only a folder with this file in it is ever deleted
BUILT = "built"  # says that the cluster was built to its end, and with which settings
RESTORING = "restoring"  # says that the disks are neither the old nor the first ones
CHANGEABLE = ("state_dir", "sync_seconds")  # settings that a cluster need not be built for
HERE = Path(__file__).parent
GANETI = "/usr/share/ganeti/default"
SYSTEM_PYTHON = "/usr/bin/python3"
DRBD_STATUS_FILE = "/dev/.proc_drbd"  # no file can be made in /proc
PATCHES = (  # file of Ganeti's library, pattern, what stands there instead
    ("_constants.py", "^DRBD_STATUS_FILE = .*?$", f'DRBD_STATUS_FILE = "{DRBD_STATUS_FILE}"'),
    (  # the file of an instance that runs is there as a whole or not at all: who reads half of it fails another's job
        "hypervisor/hv_fake.py",
        r'open\(file_name, "w"\)\n(.*?\n      )fh\.close\(\)',
        r'open(file_name.replace("hypervisor/", ""), "w")\n\1fh.close()\n      os.rename(fh.name, file_name)',
    ),
)
PROVIDER = "labext"
SSHD_CONFIGURATION = """\
HostKey /etc/ssh/ssh_host_ed25519_key
HostKey /etc/ssh/ssh_host_rsa_key
PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
UseDNS no
UsePAM no
"""


def claim(settings: Settings) -> None:
    """Make the lab's folder and mark it as such.

    Raises:
        LabError: when the folder exists, has content, and is not a lab's.
    """
    folder = settings.state_dir
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise LabError(f"{folder} has content and is not a lab's: choose another GANETI_LAB_STATE_DIR")
    if not (folder / MARKER).exists():
        write(folder / MARKER, "{}")


def remove(settings: Settings) -> None:
    """Delete the lab's folder.

    Raises:
        LabError: when the folder has content, and is not a lab's.
    """
    folder = settings.state_dir
    if not folder.exists():
        return
    if any(folder.iterdir()) and not (folder / MARKER).exists():
        raise LabError(f"{folder} is not a lab's folder: it is left alone")
    for path in folder.iterdir():
        if path.name != MARKER:  # which goes last, so that a killed removal can be finished
            _delete(path)
    (folder / MARKER).unlink(missing_ok=True)
    folder.rmdir()


def forget_cluster(settings: Settings) -> None:
    """Delete what a half-built cluster left, so that building begins anew; all nodes must be off."""
    for name in ("nodes", "kernel", "shared", "pristine"):
        _delete(settings.state_dir / name)


def prepare(settings: Settings) -> None:
    """Write everything that all nodes have in common; does nothing twice, and overwrites with the same."""
    certificates.make(settings)
    write(settings.state_dir / MARKER, json.dumps(_facts(settings), indent=2))
    _install_code(settings)
    for name in ("shared-file-storage", "ext", "rbd"):
        (settings.shared_dir / name).mkdir(parents=True, exist_ok=True)
    settings.kernel_dir.mkdir(exist_ok=True)
    _write_hosts(settings)
    _make_ssh(settings.shared_dir)
    _make_provider(settings)
    _patch_library(settings)


def is_built(settings: Settings) -> bool:
    """Return whether the cluster was built to its end.

    Raises:
        LabError: when it was built with other settings.
    """
    marker = settings.state_dir / BUILT
    if not marker.exists():
        return False
    before, now = json.loads(marker.read_text()), _built_with(settings)
    differing = [
        f"{name} {value!r} (now {now.get(name)!r})" for name, value in before.items() if value != now.get(name)
    ]
    if differing:
        raise LabError(f"the lab in {settings.state_dir} was built with {', '.join(differing)}; end it first: lab down")
    return True


def mark_built(settings: Settings) -> None:
    """Remember that the cluster was built to its end."""
    write(settings.state_dir / BUILT, json.dumps(_built_with(settings)))


def save_pristine(settings: Settings) -> None:
    """Keep a copy of all disks, to which `restore_pristine` goes back."""
    _delete(settings.pristine_dir)
    draft = settings.pristine_dir.with_suffix(".draft")
    _delete(draft)
    _copy_disks(settings.state_dir, draft)
    draft.rename(settings.pristine_dir)


def restore_pristine(settings: Settings) -> None:
    """Make all disks what they were when the cluster had just been built; all nodes must be off."""
    write(settings.state_dir / RESTORING, "")
    for name in ("nodes", "kernel", "shared"):
        _delete(settings.state_dir / name)
    _copy_disks(settings.pristine_dir, settings.state_dir)
    (settings.state_dir / RESTORING).unlink()


def is_half_restored(settings: Settings) -> bool:
    """Return whether `restore_pristine` was killed."""
    return (settings.state_dir / RESTORING).exists()


def _copy_disks(source: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    folders = [source / name for name in ("nodes", "kernel", "shared")]
    run(["cp", "--archive", "--sparse=always", *folders, target])


def _facts(settings: Settings) -> dict[str, object]:
    """Return what the programs inside the nodes need to know."""
    return {
        "domain": settings.domain,
        "drbd_status_file": DRBD_STATUS_FILE,
        "ganeti_library": _ganeti_library(settings),
        "sync_seconds": settings.sync_seconds,
        "volume_group": settings.volume_group,
        "volume_group_mb": settings.volume_group_mb,
    }


def _built_with(settings: Settings) -> dict[str, object]:
    return {name: value for name, value in asdict(settings).items() if name not in CHANGEABLE}


def _install_code(settings: Settings) -> None:
    """Copy the programs for the nodes, so that a node needs nothing outside of the lab's folder."""
    package = settings.code_dir / "lab"
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(HERE / "stubs", package / "stubs", dirs_exist_ok=True, ignore=skipped)
    shutil.copy(HERE / "node_init.py", package)
    _compile(settings, package)
    _link_commands(settings, settings.code_dir / "commands", COMMANDS)


def in_root(settings: Settings, command: Sequence[str | Path]) -> list[str | Path]:
    """Return the command line that runs a command, in a mount namespace of its own, on what is the nodes' root."""
    if settings.root == Path("/"):
        return list(command)
    return debian.inside(settings.root, settings.state_dir, command)


def _compile(settings: Settings, folder: Path) -> None:
    """Compile the Python in a folder with the nodes' own, once for all nodes."""
    command = in_root(settings, [SYSTEM_PYTHON, "-m", "compileall", "-q", folder])
    run(["unshare", "--mount", "--pid", "--fork", *command], env=NODE_ENVIRONMENT)


def _ganeti_library(settings: Settings) -> str:
    """Return where the nodes find Ganeti's library; the links to it lead through the nodes' root."""
    place = GANETI
    while (settings.root / place.lstrip("/")).is_symlink():
        place = os.readlink(settings.root / place.lstrip("/"))
    return f"{place}/ganeti"


def _link_commands(settings: Settings, folder: Path, names: tuple[str, ...]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(settings.code_dir / "lab" / "stubs" / "command.py")


def _write_hosts(settings: Settings) -> None:
    lines = ["127.0.0.1 localhost", f"{settings.cluster_address} {settings.cluster_name} cluster"]
    for number in range(1, settings.nodes + 1):
        lines.append(f"{settings.node_address(number)} node{number}.{settings.domain} node{number}")
    write(settings.shared_dir / "hosts", "\n".join([*lines, ""]))
    write(settings.shared_dir / "resolv.conf", "")


def _make_ssh(shared: Path) -> None:
    """Make the SSH keys that all nodes share, and the two folders that each node gets a copy of."""
    ssh, root = shared / "ssh", shared / "root"
    (root / ".ssh").mkdir(parents=True, mode=0o700, exist_ok=True)
    write(ssh / "sshd_config", SSHD_CONFIGURATION)
    for name in ("moduli", "ssh_config"):
        if Path("/etc/ssh", name).exists():
            shutil.copy(f"/etc/ssh/{name}", ssh)
    _make_key(ssh / "ssh_host_rsa_key", "rsa")
    _make_key(ssh / "ssh_host_ed25519_key", "ed25519")
    _make_key(root / ".ssh" / "id_rsa", "rsa")
    shutil.copy(root / ".ssh" / "id_rsa.pub", root / ".ssh" / "authorized_keys")


def ssh_key(settings: Settings) -> Path:
    """Return the file of the private key that opens all nodes to root."""
    return settings.shared_dir / "root" / ".ssh" / "id_rsa"


def _make_key(path: Path, kind: str) -> None:
    if not path.with_suffix(".pub").exists():  # which is written last
        path.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "lab", "-f", path])


def _make_provider(settings: Settings) -> None:
    """Make the provider that instances of the disk template ext use."""
    folder = settings.shared_dir / "extstorage" / PROVIDER
    write(folder / "parameters.list", "size_hint A parameter that nobody reads\n")
    _link_commands(settings, folder, EXTERNAL_STORAGE)


def _patch_library(settings: Settings) -> None:
    """Make the files in which Ganeti differs from the package: see PATCHES."""
    library, patched = settings.root / _ganeti_library(settings).lstrip("/"), settings.shared_dir / "ganeti-library"
    if patched.exists():
        return
    draft = patched.with_suffix(".draft")
    _delete(draft)
    for name, pattern, instead in PATCHES:
        text, count = re.subn(pattern, instead, (library / name).read_text(), flags=re.M | re.S)
        if count != 1:
            raise LabError(f"{library}/{name} has {count} places for a change by the lab instead of one")
        write(draft / name, text)
    _compile(settings, draft)
    draft.rename(patched)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
