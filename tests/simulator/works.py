# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which work stands behind which opcode."""

from __future__ import annotations

from simulator.opcodes import Op
from simulator.work import Work
from simulator.work_disks import RecreateDisks, ReplaceDisks
from simulator.work_move import Failover, Migrate
from simulator.work_nodes import SetNode
from simulator.work_query import QueryData
from simulator.work_state import ActivateDisks, Reinstall, SetInstance, Shutdown, Startup
from simulator.work_tags import DeleteTags, SetTags

WORKS: dict[str, type[Work]] = {
    "OP_TAGS_SET": SetTags,
    "OP_TAGS_DEL": DeleteTags,
    "OP_INSTANCE_FAILOVER": Failover,
    "OP_INSTANCE_MIGRATE": Migrate,
    "OP_INSTANCE_REPLACE_DISKS": ReplaceDisks,
    "OP_INSTANCE_RECREATE_DISKS": RecreateDisks,
    "OP_INSTANCE_SHUTDOWN": Shutdown,
    "OP_INSTANCE_STARTUP": Startup,
    "OP_INSTANCE_REINSTALL": Reinstall,
    "OP_INSTANCE_ACTIVATE_DISKS": ActivateDisks,
    "OP_INSTANCE_QUERY_DATA": QueryData,
    "OP_INSTANCE_SET_PARAMS": SetInstance,
    "OP_NODE_SET_PARAMS": SetNode,
    "OP_TEST_DELAY": Work,
}


def of(op: Op) -> Work:
    """Return the work of an opcode."""
    return WORKS[op["OP_ID"]](op)
