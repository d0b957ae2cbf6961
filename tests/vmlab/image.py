# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The image that all nodes boot from: Debian with Ganeti, LVM and DRBD; and the kernel that they run."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from lab import debian
from lab.shell import run, write

from . import image_files
from .settings import Settings

CODE = [Path(file).read_text() for file in (__file__, image_files.__file__, debian.__file__)]  # as it runs
SUITE = "bookworm"
IMAGE_MB = 3072  # a sparse file, of which a quarter is used
BASE = (
    *("systemd-sysv", "udev", "dbus", "kmod", "procps", "iproute2", "iputils-ping", "iputils-arping", "bridge-utils"),
    *("openssh-server", "ca-certificates", "socat", "python3", "e2fsprogs", "lvm2", "drbd-utils"),
)
GANETI = ("ganeti", "ganeti-3.0", "ganeti-haskell-3.0", "ganeti-htools-3.0")
ARCHIVE_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def image(settings: Settings) -> Path:
    """Return where the image is, or will be: it bears the sum of all that it is made from."""
    what = [*CODE, image_files.hosts(settings), settings.kernel_suite]
    return settings.state_dir / f"image-{hashlib.sha256(repr(what).encode()).hexdigest()[:12]}"


def kernel(settings: Settings) -> Path:
    """Return where the kernel's program is, or will be."""
    return settings.state_dir / f"kernel-{settings.kernel_suite}" / "usr" / "bin" / "linux.uml"


def build(settings: Settings, say: Callable[[str], None]) -> None:
    """Make kernel and image, unless they are there; what a killed build has left is thrown away.

    Raises:
        LabError: showing what a command said.
    """
    mirror = settings.mirror or debian.own_mirror()
    if not kernel(settings).exists():
        _fetch_kernel(settings, mirror)
        say("kernel fetched")
    if not settings.ssh_key.exists():
        run(["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", settings.ssh_key])
    if image(settings).exists():
        return
    root = settings.state_dir / "root"
    debian.install(SUITE, root, [*BASE, *GANETI], mirror)
    say("Debian and Ganeti installed")
    _configure(settings, root)
    draft = settings.state_dir / "image.draft"
    draft.unlink(missing_ok=True)
    run(["mkfs.ext4", "-q", "-F", "-d", root, draft, f"{IMAGE_MB}M"])
    shutil.rmtree(root)
    for old in settings.state_dir.glob("image-*"):
        old.unlink()
    draft.rename(image(settings))
    say("image made")


def _fetch_kernel(settings: Settings, mirror: str) -> None:
    """Unpack User-Mode Linux of a newer Debian, and the C library that it wants: it forks three times as fast."""
    draft = settings.state_dir / "kernel.draft"
    shutil.rmtree(draft, ignore_errors=True)
    (draft / "lists" / "partial").mkdir(parents=True)
    write(draft / "sources.list", f"deb [signed-by={ARCHIVE_KEYS}] {mirror} {settings.kernel_suite} main\n")
    places = {"Dir::Etc::sourcelist": draft / "sources.list", "Dir::Etc::sourceparts": "/dev/null"}
    caches = {"Dir::State::lists": draft / "lists", "Dir::Cache::pkgcache": "", "Dir::Cache::srcpkgcache": ""}
    options = {**places, **caches, "APT::Sandbox::User": "root"}
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]
    run([*apt, "update"])
    debian.unpack([*apt, "download", "user-mode-linux", "libc6"], draft)
    shutil.rmtree(draft / "lists")
    draft.rename(kernel(settings).parents[2])


def _configure(settings: Settings, root: Path) -> None:
    for path, text in {**image_files.FILES, "etc/hosts": image_files.hosts(settings)}.items():
        write(root / path, text)
    for path, text in image_files.PROGRAMS.items():
        write(root / path, text, mode=0o755)
    units = root / "etc" / "systemd" / "system"
    for unit in image_files.UNWANTED:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    (units / "sysinit.target.wants").mkdir(exist_ok=True)
    (units / "sysinit.target.wants" / "node-network.service").symlink_to("../node-network.service")
    ganeti = root / "etc" / "default" / "ganeti"  # Debian's RAPI listens on loopback alone
    ganeti.write_text(ganeti.read_text().replace("-b 127.0.0.1", "-b 0.0.0.0"))
    _add_keys(settings, root / "root" / ".ssh")
    shutil.rmtree(root / "lib" / "modules", ignore_errors=True)
    modules = next((kernel(settings).parents[1] / "lib" / "uml" / "modules").iterdir())
    shutil.copytree(modules, root / "lib" / "modules" / modules.name, symlinks=True)
    run(["chroot", root, "depmod", modules.name])


def _add_keys(settings: Settings, folder: Path) -> None:
    public = settings.ssh_key.with_suffix(".pub").read_text()
    for name, text in {"id_rsa": settings.ssh_key.read_text(), "id_rsa.pub": public, "authorized_keys": public}.items():
        write(folder / name, text, mode=0o600)
    write(folder / "config", "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n", mode=0o600)
