# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ages: since when a job runs or waits, in words, and whether it has done so for longer than it should (law 9)."""

from __future__ import annotations

from collections.abc import Iterable

from ..ganeti.model import Job, utc

LONG_RUN = 3600.0  # seconds; a move takes minutes, and only a resync of large disks takes longer than an hour
LONG_WAIT = 600.0  # seconds; a job waits behind others of its instance or node, and those seldom take ten minutes


def is_overdue(job: Job, now: float) -> bool:
    """Whether an unfinished C(job) runs for more than LONG_RUN at C(now) (seconds since the epoch), or waits for more
    than LONG_WAIT; not so where Ganeti did not say since when."""
    since = _since(job)
    return since is not None and now - since > (LONG_WAIT if _waits(job) else LONG_RUN)


def jobs_text(jobs: Iterable[Job], now: float) -> str:
    """What unfinished C(jobs) do at C(now), since when, and what to look at, for people."""
    jobs = tuple(jobs)
    numbers = frozenset(job.id for job in jobs)
    return ", ".join(_job_text(job, now, numbers) for job in jobs)


def _job_text(job: Job, now: float, others: frozenset[int]) -> str:
    name = "job {} ({})".format(job.id, " ".join(job.operations))
    first = sorted(others.intersection(job.after))
    if first and _waits(job):  # its turn comes when they have ended, so its own wait tells nothing
        return f"{name} waits for job {' and '.join(map(str, first))}"
    since = _since(job)
    start = "" if since is None else f" since {utc(since)}"
    if _waits(job):
        odd = ", which is odd after ten minutes" if is_overdue(job, now) else ""
        return f"{name} waits{start}{odd}; see which job holds its locks: gnt-debug locks"
    odd = f" for more than an hour; see what it does: gnt-job info {job.id}" if is_overdue(job, now) else ""
    return f"{name} is under way{start}{',' * bool(odd)}{odd}"


def _waits(job: Job) -> bool:
    return job.status in ("queued", "waiting")


def _since(job: Job) -> float | None:
    """Since when it runs or waits; a job that waits for its locks has started already, as Ganeti counts."""
    return job.received if _waits(job) or job.started is None else job.started
