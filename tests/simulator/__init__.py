# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated Ganeti cluster for tests and the demo. See README.md; start with `Simulator`."""

from simulator.clock import VirtualClock, WallClock
from simulator.cluster import Cluster
from simulator.faults import (
    ANSWER,
    DELAY,
    DROP_AFTER,
    DROP_BEFORE,
    TRUNCATE,
    ConnectionLost,
    RequestFault,
)
from simulator.http import Request, Response, refusal
from simulator.message import Answer, Message
from simulator.rapi import User
from simulator.simulator import Simulator
from simulator.trouble import JobTrouble

__all__ = [
    "ANSWER",
    "DELAY",
    "DROP_AFTER",
    "DROP_BEFORE",
    "TRUNCATE",
    "Answer",
    "Cluster",
    "ConnectionLost",
    "JobTrouble",
    "Message",
    "Request",
    "RequestFault",
    "Response",
    "Simulator",
    "User",
    "VirtualClock",
    "WallClock",
    "refusal",
]
