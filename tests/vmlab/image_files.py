# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the image holds beside Debian's packages: files by their paths, as a node needs them."""

from __future__ import annotations

from .settings import FIRST_NODE_ADDRESS, Settings

NETWORK_SERVICE = """\
[Unit]
Description=The node's address, which the kernel was given
DefaultDependencies=no
After=systemd-modules-load.service local-fs.target
Before=network-pre.target network.target ssh.service ganeti.service ganeti.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/node-network

[Install]
WantedBy=sysinit.target
"""
NETWORK_SCRIPT = """\
#!/bin/sh -e
for word in $(cat /proc/cmdline); do
  case $word in node_address=*) address=${word#node_address=} ;; esac
done
ip link set lo up
ip link add br0 type bridge
ip link set br0 address "$(cat /sys/class/net/vec0/address)"
ip link set vec0 master br0 up
ip address add "$address/24" dev br0
ip link set br0 up
"""
LVM = """\
devices {
  types = [ "ubd", 16 ]
  use_devicesfile = 0
  filter = [ "a|^/dev/ubdb$|", "r|.*|" ]
}
backup {
  backup = 0
  archive = 0
}
activation {
  monitoring = 0
}
"""
# The start of the disk says who was installed when: a reinstalled instance is told from one that has kept its data.
OS_CREATE = """\
#!/bin/sh -e
[ "$DISK_COUNT" -gt 0 ] || exit 0
echo "installed $INSTANCE_NAME $(date +%s.%N)" | dd of="$DISK_0_PATH" bs=512 conv=notrunc,sync,fsync 2>/dev/null
"""
NOTHING = "#!/bin/sh\n"
OS_FOLDER = "usr/share/ganeti/os/marker"
FILES = {
    "etc/fstab": "/dev/ubda / ext4 defaults,noatime 0 0\n",
    "etc/hostname": "node\n",
    "etc/resolv.conf": "",
    "etc/ssh/sshd_config.d/vm.conf": "PermitRootLogin prohibit-password\nUseDNS no\n",
    "etc/modules-load.d/vm.conf": "drbd\ndm-mod\nbridge\n",
    "etc/modprobe.d/drbd.conf": "options drbd minor_count=128 usermode_helper=/bin/true\n",
    "etc/lvm/lvmlocal.conf": LVM,
    "etc/systemd/system/node-network.service": NETWORK_SERVICE,
    "etc/systemd/network/99-default.link": "[Match]\nOriginalName=*\n\n[Link]\nNamePolicy=keep kernel\n"
    "MACAddressPolicy=none\n",
    "etc/systemd/journald.conf.d/vm.conf": "[Journal]\nStorage=volatile\nForwardToConsole=no\n",
    # A process has 512 GB of addresses here. Haskell's run-time system asks for more, and asks for ever, unless told.
    "etc/systemd/system.conf.d/vm.conf": "[Manager]\nDefaultLimitAS=64G\n",
    "etc/security/limits.d/vm.conf": "root - as 67108864\n* - as 67108864\n",
    f"{OS_FOLDER}/ganeti_api_version": "20\n",
    f"{OS_FOLDER}/variants.list": "default\n",
    f"{OS_FOLDER}/parameters.list": "",
}
PROGRAMS = {
    "usr/local/sbin/node-network": NETWORK_SCRIPT,
    f"{OS_FOLDER}/create": OS_CREATE,
    f"{OS_FOLDER}/export": NOTHING,
    f"{OS_FOLDER}/import": NOTHING,
    f"{OS_FOLDER}/rename": NOTHING,
    f"{OS_FOLDER}/verify": NOTHING,
}
UNWANTED = (  # units that cost seconds of each boot, or can't work here
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "dpkg-db-backup.timer",
    "drbd.service",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
    "lvm2-lvmpolld.socket",
    "lvm2-monitor.service",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-binfmt.service",
    "systemd-journal-flush.service",
    "systemd-networkd.service",
    "systemd-random-seed.service",
    "systemd-timesyncd.service",
    "systemd-update-utmp.service",
)


def hosts(settings: Settings) -> str:
    """Return /etc/hosts, with more nodes than there are: the image does not depend on their number."""
    names = [f"{settings.cluster_address} {settings.cluster_name}", f"{settings.host_address} host"]
    for number in range(1, 10):
        name = f"node{number}"
        names.append(f"{settings.network}.{FIRST_NODE_ADDRESS + number - 1} {name}.{settings.domain} {name}")
    return "\n".join(["127.0.0.1 localhost", *names, ""])
