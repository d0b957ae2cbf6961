# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Handover: when a person has to do the rest of a repair, and which copies of the disks are then in doubt (law 10).

A repair that has given up disks continues automatically only as long as nobody else can have used the new ones. What
it leaves behind is recorded in tags of the instance, which outlast the job queue and an acknowledgement.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..diagnosis.instances import Step
from ..ganeti.model import Cluster, Instance, Job, NodeState, utc
from ..ganeti.operations import Operation
from ..tags.fields import PREFIX, behind_tag
from .case import Case
from .history import Repair, held_by, left_empty, recreation
from .progress import Progress, last_job

CARRY_ON = 3600  # seconds after a recreation of disks in which its reinstall may follow automatically
_WATCHER = "gnt:watcher"  # the source of its jobs in the reason trail: what it starts holds nobody's data
_STARTING = "Could not start instance"  # a failover that ends so has a whole copy: its disks were activated before


def taken_over(case: Case, rest: tuple[Step, ...], cluster: Cluster, now: float) -> str:
    """Why a person has to do `rest`, the steps after the disks of `case` were recreated; empty if not.

    `now` is in seconds since the epoch.
    """
    recreated = recreation(case.pending, cluster.jobs) if case.pending and rest else None
    if recreated is None or case.pending is None:
        return ""
    last = last_job(case.pending, cluster.jobs)
    if case.progress is Progress.CANCELED and last:
        return f"job {last.id} was canceled by a person"
    if case.policy.suspended:
        return "it was suspended after that"
    others = [job for job in case.jobs if job.id not in case.pending.jobs and _makes_use(job, recreated)]
    if others:
        return f"job {others[0].id} ({' '.join(others[0].operations)}) from somebody else came after that"
    if recreated.ended is None or recreated.ended + CARRY_ON < now:
        return f"that was more than {CARRY_ON // 60} minutes ago"
    return _came_back(recreated, held_by(case.pending, cluster.jobs), case.instance, cluster)


def _makes_use(job: Job, recreated: Job) -> bool:
    """Whether `job` may have used the new disks, or has suspended the instance since."""
    if not job.done or job.ended is None or job.ended < (recreated.ended or 0):
        return False
    if any(operation.startswith("TAGS") for operation in job.done):
        return any(tag.startswith(PREFIX + "suspend") for tag in job.tags)
    return _WATCHER not in job.sources


def _came_back(recreated: Job, names: tuple[str, ...], instance: Instance, cluster: Cluster) -> str:
    """In words, which of the nodes `names`, which held the disks that were given up, are back; empty if none is."""
    if not names:
        return f"job {recreated.id} does not say which nodes held its disks before"
    back = [name for name in names if name in cluster.nodes and cluster.nodes[name].state is not NodeState.OFFLINE]
    if not back:
        return ""
    return f"{' and '.join(back)}, which held its disks, is back: {leftovers(instance, back)}"


def leftovers(instance: Instance, nodes: Iterable[str]) -> str:
    """Where the disks are that a recreation has left behind, and the command that lists them."""
    where, info = " and ".join(nodes), f"gnt-instance info {instance.name}"
    lvs = f"lvs -o vg_name,lv_name,lv_size @originstname+{instance.name}"
    if instance.disk_template == "file":
        return f"its former disks are still on {where}; their files have the names of its new ones: {info}"
    return f"its former volumes are still on {where}; list them there: {lvs}"


def in_doubt(case: Case, rest: tuple[Step, ...], last: Job | None, cluster: Cluster) -> tuple[str, ...]:
    """The nodes whose copies of the disks are not known to hold the data of the instance of `case`, after the repair
    has stopped at `last` with `rest` still to do."""
    instance, nodes = case.instance, cluster.nodes
    if rest or (case.pending and left_empty(case.pending, cluster.jobs)):  # new disks, with nothing on them
        return instance.nodes
    if last is None or not last.half_done:
        return ()
    alive = [name for name in instance.nodes if name in nodes and nodes[name].state is not NodeState.OFFLINE]
    if last.stopped_at == Operation.RECREATE_DISKS.opcode:  # Ganeti moves the instance before it makes the disks
        return instance.nodes if set(instance.nodes) <= set(last.nodes) else ()
    if not instance.mirrored:
        return ()
    if last.stopped_at == Operation.FAILOVER.opcode:  # it swaps the nodes before it activates the disks
        swapped = instance.primary in alive and instance.secondaries[0] not in alive
        return (instance.primary,) if swapped and _STARTING not in last.error else ()
    return instance.secondaries if last.stopped_at == Operation.REPLACE_SECONDARY.opcode else ()


def emptied_by(case: Case, repair: Repair) -> Job | None:
    """The job of somebody else that has recreated the disks of the instance of `case` since `repair` began, or has
    stopped half-way there, if no job has installed anything on them after that."""
    reinstall = Operation.REINSTALL.opcode
    last = next((job for job in reversed(case.jobs) if _makes_disks(job) or reinstall in job.done), None)
    if last is None or last.id in repair.jobs or not repair.jobs or last.id < repair.jobs[0]:
        return None
    return None if reinstall in last.done else last


def _makes_disks(job: Job) -> bool:
    recreates = Operation.RECREATE_DISKS.opcode
    return recreates in job.done or (job.half_done and job.stopped_at == recreates)


def doubts(case: Case, names: Iterable[str], cluster: Cluster, now: float) -> tuple[str, ...]:
    """The tags to add by which the instance of `case` remembers that its copies on the nodes `names` are in doubt,
    since `now` (seconds since the epoch)."""
    noted = {tag.node for tag in case.tags.behind}
    uuids = [cluster.nodes[name].uuid for name in names if name in cluster.nodes]
    return tuple(behind_tag(uuid, now) for uuid in uuids if uuid and uuid not in noted)


def resume_words(instance: Instance) -> str:
    """How a person has an instance repaired again that was suspended as its repair was canceled."""
    return f"to have it repaired after all: gnt-instance remove-tags {instance.name} {PREFIX}suspend"


def since_words(case: Case, cluster: Cluster) -> str:
    """What the repair of `case` has done to the disks, in words."""
    recreated = recreation(case.pending, cluster.jobs) if case.pending else None
    if recreated is None:
        return ""
    when = utc(recreated.ended) if recreated.ended else "some time ago"
    return f"its disks were recreated by job {recreated.id} ({when}) and are empty unless somebody has filled them"
