# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which commands the lab stands in for, and the module that does each."""

from __future__ import annotations

LVM = ("lvs", "vgs", "pvs", "lvcreate", "lvremove", "lvrename", "lvextend", "lvchange")
LVM_NOTHING_TO_DO = ("vgreduce", "vgchange", "pvchange")
DRBD = ("drbdsetup", "drbdmeta", "drbdadm")
DEVICES = ("blockdev", "dd")
EXTERNAL_STORAGE = (
    *("create", "remove", "grow", "attach", "detach"),
    *("setinfo", "verify", "snapshot", "open", "close"),
)
COMMANDS = (*LVM, *LVM_NOTHING_TO_DO, *DRBD, "rbd", *DEVICES)
MODULES = {
    **dict.fromkeys((*LVM, *LVM_NOTHING_TO_DO), "lvm"),
    **dict.fromkeys(DRBD, "drbd"),
    **dict.fromkeys(DEVICES, "devices"),
    **dict.fromkeys(EXTERNAL_STORAGE, "external"),
    "rbd": "rbd",
}
