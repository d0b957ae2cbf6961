# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real Ganeti cluster on virtual machines, with real LVM and real DRBD, for tests; see README.md."""

from .guests import Guest
from .settings import Settings
from .vmlab import VmLab

__all__ = ["Guest", "Settings", "VmLab"]
