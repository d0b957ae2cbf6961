# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A job and its opcodes: what became of each, and the status that follows. The queue stands in `jobs`."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.errors import OpError
from simulator.opcodes import Op, summary
from simulator.work import Work

FINAL = frozenset({"success", "error", "canceled"})


@dataclass
class Step:
    """One opcode of a job, with what became of it. Times in seconds since the epoch, None until they come."""

    op: Op
    status: str = "queued"
    result: object = None
    log: list[list[object]] = field(default_factory=list)
    start: float | None = None
    exec: float | None = None
    end: float | None = None
    due: float | None = None
    work: Work | None = None
    outcome: OpError | None = None

    def note(self, text: str, now: float) -> None:
        """Add a line to the opcode's log."""
        self.log.append([len(self.log) + 1, split_time(now), "message", text])


@dataclass
class Job:
    """A job in the queue or in the archive."""

    id: int
    steps: list[Step]
    received: float
    ready: float
    end: float | None = None
    archived: bool = False

    @property
    def status(self) -> str:
        """Return the job's status, which is that of the first opcode that is not done: queued, between two opcodes."""
        return next((step.status for step in self.steps if step.status != "success"), "success")

    @property
    def finished(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.status in FINAL

    @property
    def current(self) -> Step | None:
        """Return the opcode that it is at."""
        return next((step for step in self.steps if step.status not in FINAL), None)

    @property
    def summary(self) -> list[str]:
        """Return a line for each opcode."""
        return [summary(step.op) for step in self.steps]

    @property
    def result(self) -> list[object]:
        """Return what each opcode came to: null, a value, or [class, [arguments]] of an error."""
        return [step.result for step in self.steps]

    @property
    def error(self) -> str:
        """Return the first argument of the first error, or nothing."""
        for step in self.steps:
            if step.outcome is not None:
                return str(step.outcome.args[0])
        return ""


def nanoseconds(now: float) -> int:
    """Return a time as reason trails have it."""
    return int(now * 1_000_000) * 1000


def split_time(now: float | None) -> list[int] | None:
    """Return a time as jobs have it: [seconds, microseconds]."""
    if now is None:
        return None
    microseconds = round(now * 1_000_000)
    return [microseconds // 1_000_000, microseconds % 1_000_000]
