# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long things take in a simulated cluster, in seconds; measured on small real ones, and all adjustable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.opcodes import Op

if TYPE_CHECKING:
    from simulator.cluster import Cluster

MEASURED: Mapping[str, float] = {
    "OP_TAGS_SET": 0.3,
    "OP_TAGS_DEL": 0.3,
    "OP_INSTANCE_FAILOVER": 2.0,
    "OP_INSTANCE_MIGRATE": 2.5,
    "OP_INSTANCE_REPLACE_DISKS": 3.5,
    "OP_INSTANCE_RECREATE_DISKS": 1.0,
    "OP_INSTANCE_SHUTDOWN": 0.8,
    "OP_INSTANCE_STARTUP": 1.0,
    "OP_INSTANCE_REINSTALL": 1.0,
    "OP_INSTANCE_ACTIVATE_DISKS": 0.8,
    "OP_INSTANCE_QUERY_DATA": 0.5,
    "OP_INSTANCE_SET_PARAMS": 0.5,
    "OP_NODE_SET_PARAMS": 1.0,
}


@dataclass
class Durations:
    """Seconds of each opcode, before a job starts, and that a dead node costs every job. `speed` divides all."""

    opcodes: dict[str, float] = field(default_factory=lambda: dict(MEASURED))
    before_start: float = 0.3
    per_dead_node: float = 9.0
    speed: float = 1.0

    @property
    def start_delay(self) -> float:
        """Return how long a submitted job stays queued at least."""
        return self.before_start / self.speed

    def of(self, op: Op) -> float:
        """Return how long an opcode takes that goes well."""
        if op["OP_ID"] == "OP_TEST_DELAY":
            return float(op["duration"]) / self.speed
        return self.opcodes[op["OP_ID"]] / self.speed

    def dead_node(self, cluster: Cluster) -> float:
        """Return what jobs lose on nodes that are dead but not marked offline: Ganeti tries them all the same."""
        return self.per_dead_node / self.speed if cluster.unreachable_nodes() else 0.0
