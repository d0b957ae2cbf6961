# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of jobs as time passes."""

from __future__ import annotations

from hypothesis import strategies as some
from hypothesis.stateful import precondition, rule

from simulator.job import Job
from simulator.jobs import dependencies
from simulator.trouble import JobTrouble

from .cluster import INSTANCES, NODES, UNREST, event
from .people import STEPS, People

REBUILDS = [f"OP_INSTANCE_{step}" for step in ("RECREATE_DISKS", "REINSTALL", "SET_PARAMS")]
OPCODES = [*STEPS, *REBUILDS, "OP_TAGS_SET", "OP_TAGS_DEL"]
MANNERS = some.sampled_from(["fail", "fail_late", "cancel", "hang"])


class Chance(People):
    """Jobs go wrong, hang, are canceled and forgotten, and time passes."""

    @event(op=some.sampled_from(OPCODES), manner=MANNERS)
    def spoil(self, op: str, manner: str) -> None:
        """The next opcode of its kind won't go well."""
        self.simulator.troubles.add(JobTrouble(op, manner))  # type: ignore[arg-type]

    @precondition(lambda self: self.simulator.troubles.hanging)
    @event()
    def release(self) -> None:
        """What hangs goes on."""
        for job in sorted(self.simulator.troubles.hanging):
            self.simulator.troubles.release(self.cluster, job)

    @event(number=some.integers(0, 9))
    def cancel(self, number: int) -> None:
        """A person cancels a job that has not ended, if it can be."""
        self.cancel_one(number)

    def cancel_one(self, number: int) -> None:
        """One of the jobs that have not ended is canceled."""
        if unfinished := [*sorted(self.witness.queued), *sorted(self.witness.started)]:
            self.cluster.cancel(unfinished[number % len(unfinished)])

    @UNREST
    @rule(seconds=some.sampled_from([0.2, 1.0, 3.0, 20.0, 100.0, 400.0, 4000.0]))
    def wait(self, seconds: float) -> None:
        """Jobs go on."""
        self.restless += 1
        self.simulator.advance(seconds)

    @UNREST
    @rule(weeks=some.sampled_from([0, 3]))
    def archive(self, weeks: int) -> None:
        """Jobs that have ended are archived; after three weeks the cleaner deletes them. One that was canceled stays
        while what it was to follow is under way: of its cancel nobody could tell (docs/exactly-once.md)."""
        self.restless += 1
        self.simulator.advance(weeks * 7 * 86400 + 1)
        self.judge.look()
        for job in [job for job in self.witness.jobs.values() if job.finished]:
            if weeks and job.end is not None and job.end < self.cluster.clock.now() - 20 * 86400:
                self.witness.purge(job.id)
            elif not self.follows_unfinished(job):
                self.witness.archive(job.id)
        if weeks:
            self.judge.forget_unseen()

    def follows_unfinished(self, job: Job) -> bool:
        """Whether a job depends on one that has not ended."""
        return any(
            number in self.witness.queued or number in self.witness.started for number, _ in dependencies(job.steps[0])
        )

    @event()
    def empty_the_queue(self) -> None:
        """The queue's folder is emptied while nothing runs: job numbers begin anew."""
        if not self.witness.started and not self.witness.queued:
            self.judge.look()
            self.judge.forget_unseen()
            self.witness.begin_anew()

    @event()
    def watch(self) -> None:
        """One run of ganeti-watcher."""
        if not self.witness.drained:
            self.cluster.watch()

    @event(name=some.sampled_from(["db", "old"]))
    def lose_the_mirror(self, name: str) -> None:
        """The copies of a mirrored instance lose each other."""
        self.cluster.disconnect(name)

    @event(name=INSTANCES, node=NODES)
    def leave_volumes(self, name: str, node: str) -> None:
        """Volumes of an instance are left on a node, as they were before the last that was written."""
        instance = self.cluster.instance(name)
        copy = instance.data.copies.get(instance.primary)
        taken = instance.volumes | set(instance.nodes)
        if instance.kind != "shared" and node not in taken and copy and copy.readable:
            instance.data.copies[node] = copy
            instance.data.write(instance.mirrors)
