# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A throw-away machine: real systemd in namespaces of its own, on a root that is a layer over this machine's."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

HOSTNAME = "node1.example.com"
SPACES = ("--mount", "--uts", "--ipc", "--pid", "--cgroup")

# In: $1 an empty folder; $2 and so on folders that it sees, and where: "HERE:THERE". What systemd
# would set in this machine's kernel is masked, and so is what needs hardware.
BOOT = """
set -eu
new=$1/root
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$new"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$new"
shift
for pair; do
    mkdir -p "$new${pair#*:}"
    mount --bind "${pair%%:*}" "$new${pair#*:}"
done
cd "$new"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs dev
for name in null zero full random urandom tty; do cp -a "/dev/$name" dev/; done
ln -s /proc/self/fd dev/fd
ln -s pts/ptmx dev/ptmx
mkdir dev/shm
mount -t tmpfs tmpfs dev/shm
mount -t tmpfs tmpfs run
for unit in systemd-journald-audit.socket systemd-sysctl.service systemd-modules-load.service systemd-binfmt.service \
    proc-sys-fs-binfmt_misc.automount systemd-udevd.service systemd-tmpfiles-setup.service lvm2-monitor.service \
    systemd-remount-fs.service systemd-update-utmp.service; do
    ln -sf /dev/null "etc/systemd/system/$unit"
done
echo {hostname} > etc/hostname
echo '127.0.0.1 {hostname} node1 localhost' > etc/hosts
mkdir run/old
pivot_root . run/old
umount -l run/old
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec env -i container=other "PATH=$PATH" /lib/systemd/systemd --unit=basic.target --log-target=console
"""


class NoMachineError(Exception):
    """There can be no such machine here; the reason is its text."""


class Machine:
    """A booted one."""

    def __init__(self, folder: Path, shown: Mapping[Path, str]) -> None:
        """Boot it, with what it needs in this folder; it sees the folders `shown`, each by the name that is given.

        Raises:
            NoMachineError: where that can't be.
        """
        if os.geteuid() != 0 or not Path("/lib/systemd/systemd").exists() or not shutil.which("unshare"):
            raise NoMachineError("it takes root, and systemd and unshare installed")
        self._log = folder / "boot.log"
        self._cgroup = _new_cgroup(folder)
        inner = folder / "machine"
        inner.mkdir()
        script = BOOT.replace("{hostname}", HOSTNAME)
        # it goes into a group of its own before that is made the root of all that it sees
        join = (
            f'echo 0 > {self._cgroup}/cgroup.procs; exec unshare --fork --kill-child=KILL {" ".join(SPACES)} sh -c "$@"'
        )
        command = [
            "sh",
            "-c",
            join,
            "join",
            script,
            "boot",
            str(inner),
            *(f"{here}:{there}" for here, there in shown.items()),
        ]
        with self._log.open("w") as log:
            self._unshare = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait_for_boot()

    def _wait_for_boot(self) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end and self._unshare.poll() is None:
            children = Path(f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children").read_text().split()
            if children:
                self._init = int(children[0])
                if self.run(["systemctl", "is-active", "basic.target"], check=False).returncode == 0:
                    return
            time.sleep(0.1)
        log = self._log.read_text()
        self.stop()
        raise NoMachineError(f"systemd did not come up in namespaces of its own: {' '.join(log.split()[-40:])}")

    def run(
        self, command: Sequence[str], *, check: bool = True, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in it."""
        enter = ["nsenter", f"--target={self._init}", *SPACES, "env", "--chdir=/"]
        run = subprocess.run(
            [*enter, *command],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert not check or run.returncode == 0, f"{command}: {run.stdout}"
        return run

    def path(self, name: str) -> Path:
        """A file of it, as it is seen from here; only while it runs."""
        return Path(f"/proc/{self._init}/root{name}")

    def stop(self) -> None:
        """Pull the plug; nothing is left."""
        self._unshare.kill()  # which kills process 1 of the namespace, and the kernel all others in it
        self._unshare.wait()
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                for group in sorted(self._cgroup.rglob("*/"), reverse=True):
                    if group.is_dir():
                        group.rmdir()
                self._cgroup.rmdir()
                break
            except OSError:  # the last process is about to go
                time.sleep(0.1)
        subprocess.run(["umount", self._cgroup.parent], check=False, capture_output=True)


def _new_cgroup(folder: Path) -> Path:
    """A new control group, in a mount of its own of the hierarchy that systemd wants."""
    mount = folder / "cgroup"
    mount.mkdir()
    run = subprocess.run(["mount", "-t", "cgroup2", "cgroup2", mount], check=False, capture_output=True, text=True)
    if run.returncode:
        raise NoMachineError(f"cgroup2 can't be mounted: {run.stderr.strip()}")
    group = mount / f"ganeti-autorepair-{os.getpid()}"
    group.mkdir()
    return group
