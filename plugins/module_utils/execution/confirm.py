# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Confirm: the results of the jobs that a round has submitted to write tags."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Callable

from ..ganeti.client import Client
from ..ganeti.model import Job
from ..queries.waiter import await_jobs
from ..repair.outcome import Outcome


def confirm(
    outcomes: Iterable[Outcome], client: Client, sleep: Callable[[float], None], release: int | None = None
) -> tuple[Outcome, ...]:
    """`outcomes` with the errors of the jobs that write tags, once these have ended or CONFIRM_SECONDS have passed.

    The job that releases the claim, `release`, is waited for as well, so that the next round finds no claim. One
    request asks for all jobs; the pauses between these requests grow.
    """
    outcomes = tuple(outcomes)
    wanted = [job for outcome in outcomes for job in outcome.tag_jobs] + ([] if release is None else [release])
    jobs = await_jobs(wanted, client, sleep) if wanted else {}
    return tuple(_confirmed(outcome, [jobs[job] for job in outcome.tag_jobs if job in jobs]) for outcome in outcomes)


def _confirmed(outcome: Outcome, jobs: Iterable[Job]) -> Outcome:
    """`outcome` with the error of a job that did not succeed, unless it has an error of its own."""
    for job in jobs:
        if job.status != "success" and not outcome.error:
            how = "has not ended yet" if job.unfinished else f"ended as {job.status} ({job.error or 'no reason given'})"
            words = f"job {job.id}, which writes its tags, {how}"
            outcome = replace(outcome, error=words, still_queued=job.unfinished)
    return outcome
