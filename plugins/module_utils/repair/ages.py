# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ages: how long a job has been running or waiting, in words, and whether it is overdue (law 9)."""

from __future__ import annotations

from collections.abc import Iterable

from ..ganeti.model import Job, utc

LONG_RUN = 3600.0  # seconds; a move takes minutes, and only a resync of large disks takes longer than an hour
LONG_WAIT = 600.0  # seconds; a job waits behind others of its instance or node, and those seldom take ten minutes


def is_overdue(job: Job, now: float) -> bool:
    """Whether an unfinished `job` at `now` (seconds since the epoch) has been running for more than LONG_RUN, or has
    been waiting for more than LONG_WAIT; False if Ganeti did not report since when."""
    since = _since(job)
    return since is not None and now - since > (LONG_WAIT if _waits(job) else LONG_RUN)


def jobs_text(jobs: Iterable[Job], now: float) -> str:
    """What unfinished `jobs` are doing at `now`, since when, and what to check, for people."""
    jobs = tuple(jobs)
    numbers = frozenset(job.id for job in jobs)
    return ", ".join(_job_text(job, now, numbers) for job in jobs)


def _job_text(job: Job, now: float, others: frozenset[int]) -> str:
    name = "job {} ({})".format(job.id, " ".join(job.operations))
    first = sorted(others.intersection(job.after))
    if first and _waits(job):  # it can only start after they have ended, so its own waiting time means nothing
        return f"{name} waits for job {' and '.join(map(str, first))}"
    since = _since(job)
    been, start = ("is", "") if since is None else ("has been", f" since {utc(since)}")
    if _waits(job):
        odd = ", which is unusual after ten minutes" if is_overdue(job, now) else ""
        return f"{name} {been} waiting{start}{odd}; to see which job holds its locks: gnt-debug locks"
    odd = f" for more than an hour; to see what it does: gnt-job info {job.id}" if is_overdue(job, now) else ""
    return f"{name} {been} in progress{start}{',' * bool(odd)}{odd}"


def _waits(job: Job) -> bool:
    return job.status in ("queued", "waiting")


def _since(job: Job) -> float | None:
    """Since when it runs or waits; a job that waits for its locks has started already, as Ganeti counts."""
    return job.received if _waits(job) or job.started is None else job.started
