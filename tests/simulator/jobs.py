# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs and the queue: ids, status, dependencies, locks, time, cancellation, the archive.

A job's life is Ganeti's: queued (dependencies, or no free slot), waiting (for locks), running, and one of success,
error, canceled. Each opcode is a `Work`: checked when it has its locks, done when its time is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator import works
from simulator.durations import Durations
from simulator.errors import LuxiError, OpError, failed
from simulator.job import FINAL, Job, Step, nanoseconds
from simulator.opcodes import Op
from simulator.trouble import Canceled, JobTroubles

if TYPE_CHECKING:
    from simulator.cluster import Cluster

CANCELED_BY_REQUEST = "Job canceled by request"
MAX_RUNNING_JOBS = 20


@dataclass
class Queue:
    """The job queue. `drained` refuses new jobs; `troubles` are the faults that tests switch on."""

    jobs: dict[int, Job] = field(default_factory=dict)
    last_id: int = 0
    drained: bool = False
    durations: Durations = field(default_factory=Durations)
    troubles: JobTroubles = field(default_factory=JobTroubles)
    held: dict[int, frozenset[str]] = field(default_factory=dict)
    queued: dict[int, Job] = field(default_factory=dict)
    started: dict[int, Job] = field(default_factory=dict)
    time: float = 0.0

    def submit(self, ops: Sequence[Op], now: float) -> Job:
        """Add a job; the id is used up even if the job can't be written."""
        if self.drained:
            raise LuxiError("GenericError", "Queue drained")
        self.last_id += 1
        job_id = self.last_id
        if not repr(ops).isascii():
            raise LuxiError("GenericError", unwritable(job_id))
        job = Job(job_id, [Step(dict(op)) for op in ops], now, now + self.durations.start_delay)
        for index, step in enumerate(job.steps):
            prepare(step.op, job_id, index, now)
        self.jobs[job_id] = job
        if job.steps:  # Ganeti takes a job without opcodes, too: it is done at once
            self.queued[job_id] = job
        return job

    def cancel(self, job_id: int, now: float) -> tuple[bool, str]:
        """Take a queued job out of the queue. What waits for locks can't be canceled any more."""
        job = self.jobs.get(job_id)
        if job is None or job.finished:
            return False, f"Job {job_id} not found in queue"
        if job.status == "queued":
            self.end_all(job, "canceled", None, now)
            return True, f"Dequeued job {job_id}"
        return False, "Job no longer waiting, can't cancel (informed it anyway)"

    def archive(self, job_id: int) -> None:
        """Archive a finished job: it still answers to its id, but lists leave it out."""
        self.jobs[job_id].archived = True

    def purge(self, job_id: int) -> None:
        """Delete a job as the cleaner does with old archives: Ganeti knows it no more."""
        self._forget(job_id)
        del self.jobs[job_id]

    def begin_anew(self) -> None:
        """Lose all jobs and count from 1 again, as when a person empties the queue's folder."""
        for kept in (self.jobs, self.held, self.queued, self.started):
            kept.clear()
        self.last_id = 0
        self.troubles.hanging.clear()
        self.troubles.late.clear()

    def next_event(self) -> float | None:
        """Return when something will happen by itself, or None if nothing will."""
        steps = (job.current for job in self.started.values())
        times = [step.due for step in steps if step is not None and step.due is not None]
        if len(self.started) < MAX_RUNNING_JOBS:
            times += [job.ready for job in self.queued.values() if not self._held_back(job)]
        return min(times, default=None)

    def run(self, cluster: Cluster, until: float) -> None:
        """Do, in the order of their times, all that is due."""
        while (due := self.next_event()) is not None and due <= until:
            self.time = max(due, self.time)
            for job in list(self.started.values()):
                self._finish_step(cluster, job, self.time)
            self._start(cluster, self.time)

    def _start(self, cluster: Cluster, now: float) -> None:
        """Let the jobs go on that can, the oldest first; a job that ends at once lets younger ones go."""
        for job in list(self.started.values()):
            self._lock_and_run(cluster, job, now)
        for job in list(self.queued.values()):
            if len(self.started) >= MAX_RUNNING_JOBS:
                return
            if job.ready <= now and not self._held_back(job):
                self._leave_queue(job, now)
                self._lock_and_run(cluster, job, now)

    def _leave_queue(self, job: Job, now: float) -> None:
        del self.queued[job.id]
        self.started[job.id] = job
        job.steps[0].status, job.steps[0].start = "waiting", now
        self._depend(job, now)

    def _held_back(self, job: Job) -> bool:
        """Whether a job that it depends on, with any of its opcodes, is not finished."""
        others = (self.jobs.get(other) for step in job.steps for other, _ in dependencies(step))
        return any(other is not None and not other.finished for other in others)

    def _depend(self, job: Job, now: float) -> None:
        """Let the job fall as the dependencies of its current opcode fell."""
        for other_id, wanted in dependencies(job.current):
            other = self.jobs.get(other_id)
            if other is None:
                self.fail(job, failed(f"Dependency error: Job {other_id} not found"), now)
            elif other.status == "canceled" and "canceled" not in wanted:
                self.end_all(job, "canceled", CANCELED_BY_REQUEST, now)
            elif wanted and other.status not in wanted:
                states = ", ".join(repr(state) for state in wanted)
                words = f"finished with status '{other.status}', not one of {states} as required"
                self.fail(job, failed(f"Dependency job {other_id} {words}"), now)
            if job.finished:
                return

    def _lock_and_run(self, cluster: Cluster, job: Job, now: float) -> None:
        """Begin the job's current opcode if it has not begun, and its locks are free."""
        step = job.current
        if step is None or step.status == "running":
            return
        if step.status == "queued":
            step.status, step.start = "waiting", now
            self._depend(job, now)
            if job.finished:
                return
        work = works.of(step.op)
        wanted = work.locks(cluster)
        if self._taken(job, wanted, cluster):
            return
        self.held[job.id] = wanted
        step.work, step.status, step.exec = work, "running", now
        step.op.setdefault("debug_level", 0)
        seconds = self.durations.of(step.op) + self.durations.dead_node(cluster)
        try:
            self.troubles.strike(job, step)
            work.check(cluster, step, now)
            seconds += work.seconds
            if not step.op.get("dry_run"):
                work.begin(cluster, step, now)
        except OpError as error:
            step.outcome = error
            seconds = error.seconds + self.durations.dead_node(cluster)
        step.due = None if job.id in self.troubles.hanging else now + seconds

    def _taken(self, job: Job, wanted: frozenset[str], cluster: Cluster) -> bool:
        """Whether a running job holds, or an older one waits for, a lock that is wanted."""
        if any(wanted & locks for holder, locks in self.held.items() if holder != job.id):
            return True
        steps = [other.current for other in self.started.values() if other.id < job.id]
        waiting = [step for step in steps if step is not None and step.status == "waiting"]
        return any(wanted & works.of(step.op).locks(cluster) for step in waiting)

    def _finish_step(self, cluster: Cluster, job: Job, now: float) -> None:
        step = job.current
        if step is None or step.due is None or step.due > now or step.work is None:
            return
        error = step.outcome or self._apply(cluster, job, step, now)
        self.held.pop(job.id, None)
        step.end = now
        if error is not None:
            self.fail(job, error, now)
            return
        step.status, step.due = "success", None
        if job.current is None:
            job.end = now
            self._forget(job.id)

    def _apply(self, cluster: Cluster, job: Job, step: Step, now: float) -> OpError | None:
        assert step.work is not None
        try:
            if step.op.get("dry_run"):
                step.note(" - INFO: dry-run mode requested, not actually executing the operation", now)
            else:
                step.result = step.work.apply(cluster, step, now)
            self.troubles.strike_late(job)
        except OpError as error:
            return error
        return None

    def fail(self, job: Job, error: OpError, now: float) -> None:
        """End a job with an error in its current opcode; those after it never ran."""
        step = job.current
        assert step is not None
        if isinstance(error, Canceled):
            self.end_all(job, "canceled", CANCELED_BY_REQUEST, now)
            return
        step.status, step.result, step.end, step.due = "error", error.result, now, None
        step.outcome = error
        self.end_all(job, "error", failed("Preceding opcode failed").result, now)

    def end_all(self, job: Job, status: str, result: object, now: float) -> None:
        """End a job, giving every opcode that has not run this status and result."""
        for step in job.steps:
            if step.status not in FINAL:
                step.status, step.result, step.end, step.due = status, result, now, None
        job.end = now
        self._forget(job.id)

    def _forget(self, job_id: int) -> None:
        self.held.pop(job_id, None)
        self.queued.pop(job_id, None)
        self.started.pop(job_id, None)


def dependencies(step: Step | None) -> list[tuple[int, list[str]]]:
    """Return (job id, accepted status, ...) of all that an opcode depends on."""
    return [(int(other), wanted) for other, wanted in (step.op.get("depends") or [])] if step else []


def prepare(op: Op, job_id: int, index: int, now: float) -> None:
    """Do to an opcode what the queue does when it takes it: absolute dependencies, a line in the reason trail."""
    resolved: list[Any] = []
    for other, wanted in op.get("depends") or []:
        absolute = int(other) if int(other) >= 0 else job_id + int(other)
        if absolute < 0:
            raise LuxiError("GenericError", f"Invalid value for job ID ' {absolute}'")
        resolved.append([absolute, wanted])
    op["depends"] = resolved or op.get("depends")
    source = "gnt:opcode:" + str(op["OP_ID"]).removeprefix("OP_").lower()
    op["reason"] = [*op.get("reason", []), [source, f"job={job_id};index={index}", nanoseconds(now)]]


def unwritable(job_id: int) -> str:
    """Return Ganeti's words for a job whose text it can't write to disk: anything that isn't ASCII."""
    path = f"/var/lib/ganeti/queue/job-{job_id}"
    return f"Failed to write {path}: {path}-150-1.tmp: commitBuffer: invalid argument (invalid character)"
