# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stand-ins for LVM, DRBD, rbd and an external storage provider, for nodes without disks.

They run inside the nodes under the system's Python, often, and many times for each instance: so they import
little (dataclasses alone would cost each call 10 ms).
"""
