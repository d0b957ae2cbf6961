# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of jobs as time passes."""

from __future__ import annotations

from hypothesis import strategies as some
from hypothesis.stateful import precondition, rule

from simulator.trouble import JobTrouble

from .cluster import UNREST, event
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

    @precondition(lambda self: self.witness.queued)
    @event(number=some.integers(0, 9))
    def cancel(self, number: int) -> None:
        """A person cancels a job that has not begun."""
        self.cluster.cancel(sorted(self.witness.queued)[number % len(self.witness.queued)])

    @UNREST
    @rule(seconds=some.sampled_from([0.2, 1.0, 3.0, 20.0, 100.0, 400.0, 4000.0]))
    def wait(self, seconds: float) -> None:
        """Jobs go on."""
        self.restless += 1
        self.simulator.advance(seconds)

    @UNREST
    @rule(weeks=some.sampled_from([0, 3]))
    def archive(self, weeks: int) -> None:
        """Jobs that have ended are archived; after three weeks the cleaner deletes them."""
        self.restless += 1
        self.simulator.advance(weeks * 7 * 86400 + 1)
        for job in [job for job in self.witness.jobs.values() if job.finished]:
            if weeks and job.end is not None and job.end < self.cluster.clock.now() - 20 * 86400:
                self.witness.purge(job.id)
            else:
                self.witness.archive(job.id)
