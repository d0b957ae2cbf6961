# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real Ganeti cluster on one machine, for tests; see README.md."""

from .errors import JobError, LabError, SettingsError, UnfitMachineError
from .instances import Instance
from .lab import Lab
from .luxi import Job
from .node import Node
from .settings import Settings, User

__all__ = [
    "Instance",
    "Job",
    "JobError",
    "Lab",
    "LabError",
    "Node",
    "Settings",
    "SettingsError",
    "UnfitMachineError",
    "User",
]
