# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Process 1 of a node: mounts what the node has of its own, starts its daemons, then plays init and kernel.

Runs in fresh mount, host name, IPC and process namespaces, under the system's Python. Usage: node_init.py NODE
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

CODE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CODE))  # an isolated Python looks nowhere by itself

from lab.stubs.kernel import Kernel  # noqa: E402
from lab.stubs.machine import Machine, read_json  # noqa: E402

STATE = CODE.parent
SHARED = STATE / "shared"
SETTINGS = read_json(str(STATE / "lab.json"))
RESYNC_TICK = 0.5  # seconds
STARTED = Path("/run/lab-started")

DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}

# What a node has of its own: file or folder in its home -> where the node sees it.
OWN = {
    "boot_id": "/proc/sys/kernel/random/boot_id",
    "cpuinfo": "/proc/cpuinfo",
    "etc-default-ganeti": "/etc/default/ganeti",
    "etc-ganeti": "/etc/ganeti",
    "hostname": "/etc/hostname",
    "meminfo": "/proc/meminfo",
    "root": "/root",
    "run": "/run",
    "srv": "/srv",
    "ssh": "/etc/ssh",
    "tmp": "/tmp",
    "var-lib-ganeti": "/var/lib/ganeti",
    "var-log-ganeti": "/var/log/ganeti",
}
# What all nodes share.
COMMON = {
    SHARED / "extstorage": "/usr/share/ganeti/extstorage",
    SHARED / "hosts": "/etc/hosts",
    SHARED / "resolv.conf": "/etc/resolv.conf",
    SHARED / "shared-file-storage": "/srv/ganeti/shared-file-storage",
    CODE / "commands": "/usr/local/sbin",
}


def main(node: str) -> None:
    """Boot, and never return."""
    home = STATE / "nodes" / node
    os.umask(0o022)
    os.chdir("/")
    mount_kernel_folders(node)
    make_devices(home, node)
    mount_disks(home)
    start_daemons()
    STARTED.touch()
    serve(Machine(str(STATE), node))


def mount(*arguments: str | Path) -> None:
    """Run mount."""
    subprocess.run(["mount", *map(str, arguments)], check=True)


def mount_kernel_folders(node: str) -> None:
    """Mount /proc and /sys of the new namespaces, and show Ganeti a DRBD module that isn't there."""
    mount("--make-rprivate", "/")
    # Other namespaces, of other labs too, could not be removed while this one holds copies of their mounts.
    subprocess.run(["umount", "--recursive", "--lazy", "/run/netns"], stderr=subprocess.DEVNULL, check=False)
    mount("-t", "proc", "proc", "/proc")
    mount("-t", "sysfs", "sysfs", "/sys")
    subprocess.run(["hostname", f"{node}.{SETTINGS['domain']}"], check=True)
    mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", "/sys/module")
    helper = Path("/sys/module/drbd/parameters/usermode_helper")
    helper.parent.mkdir(parents=True)
    helper.write_text("/bin/true\n")


def make_devices(home: Path, node: str) -> None:
    """Give the node a /dev of its own, with its logical volumes in it."""
    mount("-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs", "/dev")
    for name, (major, minor) in DEVICES.items():
        os.mknod(f"/dev/{name}", 0o20666, os.makedev(major, minor))
        os.chmod(f"/dev/{name}", 0o666)
    for name, target in DEVICE_LINKS.items():
        os.symlink(target, f"/dev/{name}")
    group = SETTINGS["volume_group"]
    for folder in ("pts", "shm", group):
        os.mkdir(f"/dev/{folder}")
    mount("-t", "devpts", "-o", "newinstance,ptmxmode=0666", "devpts", "/dev/pts")
    mount("-t", "tmpfs", "tmpfs", "/dev/shm")
    mount("--bind", home / "volumes" / group, f"/dev/{group}")
    os.symlink(STATE / "kernel" / f"{node}.proc", SETTINGS["drbd_status_file"])


def mount_disks(home: Path) -> None:
    """Mount the node's own and the common files and folders; /run and /tmp begin empty, as after any boot."""
    for fleeting in ("run", "tmp"):
        shutil.rmtree(home / fleeting, ignore_errors=True)
    (home / "run" / "lock").mkdir(parents=True)
    (home / "run" / "sshd").mkdir()
    (home / "tmp").mkdir()
    for public in (home / "tmp", home / "run" / "lock"):
        public.chmod(0o1777)
    for name, target in OWN.items():
        mount("--bind", home / name, target)
    for source, target in COMMON.items():
        mount("--bind", source, target)
    # Ganeti's nodes call each other by a curl that reads all of the machine's CA certificates for each call, and
    # needs none of them: five sixths of what a call costs.
    mount("-t", "tmpfs", "-o", "ro", "tmpfs", "/etc/ssl/certs")
    library = SETTINGS["ganeti_library"]
    mount("-t", "overlay", "-o", f"ro,lowerdir={SHARED / 'ganeti-library'}:{library}", "overlay", library)


def start_daemons() -> None:
    """Start sshd, and of Ganeti what a node that belongs to a cluster starts at boot."""
    subprocess.run(["/usr/lib/ganeti/ensure-dirs"], check=False)
    subprocess.run(["/usr/sbin/sshd", "-o", "PidFile=/run/sshd.pid"], check=True)
    for daemon, needs in (("ganeti-noded", "server.pem"), ("ganeti-confd", "hmac.key")):
        if Path("/var/lib/ganeti", needs).exists():
            subprocess.run(["/usr/lib/ganeti/daemon-util", "start", daemon], check=False)


def serve(machine: Machine) -> None:
    """Bury orphans as init does, and let DRBD's resyncs go on as the kernel does."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])  # not earlier: daemons would inherit it
    while True:
        bury()
        if machine.sync_seconds:
            signal.sigtimedwait([signal.SIGCHLD], RESYNC_TICK)
            with Kernel.changing(machine):
                pass  # what has become due is done on leaving
        else:
            signal.sigwait([signal.SIGCHLD])


def bury() -> None:
    """Collect every child that has ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    main(sys.argv[1])
