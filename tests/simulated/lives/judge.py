# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The judge of data: whether a copy that is the newest was given up by a job of ours while it could be had.

What people give up, or a failover that was allowed leaves behind on a dead node, is gone for good: it is not asked for
again. The engine is not asked either: all of this is known from the nodes themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from simulator import Cluster
from simulator.data import Loss, Writes
from simulator.job import Job
from simulator.model import Instance

from .book import DESTROYERS, pending_ids, repair_of
from .seen import Seen
from .witness import Witness

LOSERS = {  # the opcodes that give up copies, by the manner; a loss is noted when time is looked at, which may be later
    "overwritten": ("OP_INSTANCE_REINSTALL",),
    "removed": ("OP_INSTANCE_REPLACE_DISKS",),
    "dropped": ("OP_INSTANCE_REPLACE_DISKS", "OP_INSTANCE_RECREATE_DISKS"),
    "left behind": ("OP_INSTANCE_FAILOVER", "OP_INSTANCE_MIGRATE"),
}
MOVERS = {op for ops in LOSERS.values() for op in ops}


@dataclass
class HalfDone:
    """A job of ours that has moved an instance away from its newest data."""

    job: Job
    left: tuple[object, ...]  # what tells that nobody has done anything about it

    @property
    def failed(self) -> bool:
        """Whether it failed before the instance had disks with something on them again."""
        return self.job.status == "error" and any(
            step.op["OP_ID"] in DESTROYERS and step.status != "success" for step in self.job.steps
        )


@dataclass
class Judge:
    """Looks at what was given up since it last looked, and notes with the witness what should not have been."""

    cluster: Cluster
    witness: Witness
    judged: dict[str, int] = field(default_factory=dict)  # by the UUIDs of instances, as all of these
    gone: dict[str, list[Writes]] = field(default_factory=dict)
    by_hand: set[tuple[int, float]] = field(default_factory=set)
    half_done: dict[str, HalfDone] = field(default_factory=dict)
    taken_over: set[tuple[str, str]] = field(default_factory=set)  # the UUIDs of instances, and ids of repairs

    def look(self) -> None:
        """Judge all that was given up since the last look."""
        for instance in self.cluster.instances.values():
            self._given_up_by_hand(instance)
            losses = instance.data.losses
            for loss in losses[self.judged.get(instance.uuid, 0) :]:
                self._judge(instance, loss)
            self.judged[instance.uuid] = len(losses)
            self.taken_over.difference_update((instance.uuid, one) for one in pending_ids(instance))
            self._see_half_done(instance)

    def _given_up_by_hand(self, instance: Instance) -> None:
        """A person whose recreation of disks has failed half-way has moved the instance to whatever lies there."""
        for job in self.cluster.queue.jobs.values():
            ours = any(one.job is job and one.actor for one in self.witness.seen)
            about = any(step.op.get("instance_uuid") == instance.uuid for step in job.steps)
            failed = any(step.op["OP_ID"] == DESTROYERS[0] and step.status == "error" for step in job.steps)
            if (
                about
                and failed
                and not ours
                and (job.id, job.received) not in self.by_hand
                and "OpPrereqError" not in str(job.result)
            ):
                self.by_hand.add((job.id, job.received))
                copies = instance.data.copies.values()
                self.gone.setdefault(instance.uuid, []).extend(copy.writes for copy in copies)

    def _judge(self, instance: Instance, loss: Loss) -> None:
        gone = self.gone.setdefault(instance.uuid, [])
        online = loss.alive and not loss.offline
        seen = self._seen(loss)
        if loss.manner == "overwritten" and not (seen and seen.actor):  # a person gives it up wherever it lies
            gone.append(loss.writes)
        if not loss.newest or any(loss.writes <= writes for writes in gone):
            return
        gone.append(loss.writes)
        if seen is None or not seen.actor:
            return
        what = f"{seen.job.summary} (job {loss.job}): the newest data of {instance.name} on {loss.place} {loss.manner}"
        if online and self._known(seen, loss):
            self.witness.broken.append(f"data: {what}, while that node was online")
        elif loss.manner != "left behind" and not seen.may_give_up:
            self.witness.broken.append(f"data: {what}, which nobody had allowed")
        elif set(seen.steps) & set(DESTROYERS):
            self.half_done[instance.uuid] = HalfDone(seen.job, marks(instance))

    def _seen(self, loss: Loss) -> Seen | None:
        return next((one for one in reversed(self.witness.seen) if one.job.id == loss.job), None)

    def _known(self, seen: Seen, loss: Loss) -> bool:
        """Whether the runner could know that the node was online: when it sent the job, or in a look while that waited.

        A job that is on its way can't be held up by anybody who does not look.
        """
        begun = max(
            step.exec for step in seen.job.steps if step.exec is not None and step.op["OP_ID"] in LOSERS[loss.manner]
        )
        looks = [look for look in self.witness.rounds if look.begin >= seen.job.received and look.end <= begun]
        return loss.place in seen.online or any(loss.place in look.online for look in looks)

    def _see_half_done(self, instance: Instance) -> None:
        """Forget what was half done once the instance has moved, or something else has been put on its disks."""
        half_done = self.half_done.get(instance.uuid)
        if half_done and (half_done.left != marks(instance) or self._is_overtaken(half_done.job, instance)):
            del self.half_done[instance.uuid]

    def _is_overtaken(self, job: Job, instance: Instance) -> bool:
        """Whether a person has moved the instance, or given it other disks, between the end of a job and the look at
        what that had left."""
        others = [one for one in self.witness.seen if not one.actor and one.uuid == instance.uuid]
        moved = [one.job for one in others if one.job.status == "success" and set(one.steps) & MOVERS]
        return job.end is not None and any((other.end or 0) > job.end for other in moved)

    def take_over(self, instance: Instance, repairs: Iterable[str]) -> None:
        """Know that a person has taken away the tags of these repairs: unless one comes back, nobody else can know what
        they have half done."""
        self.taken_over.update((instance.uuid, repair) for repair in repairs)

    def forget_unseen(self) -> None:
        """Forget what no round has seen before the queue forgot it."""
        for uuid, half_done in list(self.half_done.items()):
            end = half_done.job.end
            if end is not None and not any(look.begin > end for look in self.witness.rounds):
                del self.half_done[uuid]

    def stale(self) -> list[str]:
        """The instances that a step which failed half-way has left without disks, or on those of long ago."""
        return [instance.name for instance in self.cluster.instances.values() if self._is_stale(instance)]

    def _is_stale(self, instance: Instance) -> bool:
        half_done = self.half_done.get(instance.uuid)
        if half_done is None or not half_done.failed:
            return False
        return (instance.uuid, repair_of(half_done.job).partition(":")[2]) not in self.taken_over


def marks(instance: Instance) -> tuple[object, ...]:
    """What changes when an instance moves, gets new disks, is installed, or restored."""
    return instance.primary, instance.wiped, len(instance.data.restored)
