# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What takes several steps of a cluster: to cancel a job that waits for locks, and to be ganeti-watcher."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator import mirrors, opcodes
from simulator.job import Job, nanoseconds
from simulator.jobs import CANCELED_BY_REQUEST
from simulator.model import Instance
from simulator.opcodes import Op

if TYPE_CHECKING:
    from simulator.cluster import Cluster

ASKS_AGAIN_SECONDS = 5.0  # after which a job that waits for locks looks whether it was canceled
GIVES_UP_SECONDS = 60.0  # after which the request to cancel a job ends


def cancel_waiting(cluster: Cluster, job: Job) -> tuple[bool, str]:
    """Cancel a job that waits for locks, unless it gets them soon; return whether, and Ganeti's words."""
    sit_out(cluster, lambda: job.status != "waiting", ASKS_AGAIN_SECONDS)
    if job.status == "waiting":
        cluster.queue.end_all(job, "canceled", CANCELED_BY_REQUEST, cluster.clock.now())
        cluster.sync()
        return True, "Job successfully cancelled"
    sit_out(cluster, lambda: job.finished, GIVES_UP_SECONDS)
    exited = "Job exited before it could have been canceled" if job.finished else "Job could not be canceled"
    return False, f"{exited}, status JOB_STATUS_{job.status.upper()}"


def sit_out(cluster: Cluster, over: Callable[[], bool], limit: float) -> None:
    """Let time pass until something is over, or would not be within a limit in seconds."""
    begin = cluster.clock.now()
    while not over() and (due := cluster.queue.next_event()) is not None and due - begin <= limit:
        cluster.advance(max(0.001, due - cluster.clock.now()))


def watch(cluster: Cluster) -> list[int]:
    """See Cluster."""
    if cluster.watcher_pause is not None and cluster.watcher_pause > cluster.clock.now():
        return []
    cluster.sync()
    for name in sorted(cluster.apart & cluster.instances.keys()):
        mirrors.reconnect(cluster, cluster.instances[name])
    down = [instance for instance in cluster.instances.values() if is_down(cluster, instance)]
    return [cluster.submit([restart(instance.name, cluster.clock.now())]) for instance in down]


def is_down(cluster: Cluster, instance: Instance) -> bool:
    """Whether an instance is meant to be up, and does not run though its primary answers (ERROR_down)."""
    primary = cluster.nodes[instance.primary]
    return instance.admin_state == "up" and not instance.running_on and primary.alive and not primary.offline


def restart(name: str, now: float) -> Op:
    """Return the opcode by which ganeti-watcher starts an instance."""
    op = opcodes.build("OP_INSTANCE_STARTUP", {"instance_name": name})
    op["reason"] = [["gnt:watcher", f"Restarting instance {name}", nanoseconds(now)]]
    return op
