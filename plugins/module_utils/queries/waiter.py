# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiter: poll until a condition holds, or a timeout passes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Callable, TypeVar

from ..ganeti.client import Client
from ..ganeti.model import Job
from .jobs import query_jobs

CONFIRM_SECONDS = 60.0  # for which a round waits for the jobs that write its tags
Seen = TypeVar("Seen")


def wait_until(
    done: Callable[[Seen], bool],
    look: Callable[[], Seen],
    sleep: Callable[[float], None],
    over: Callable[[float], bool],
    pause: Callable[[float], float],
) -> Seen:
    """The first result of `look` for which `done` is true, or the last one when `over` becomes true.

    `over` and the length of the next `pause` depend on the seconds that were slept so far.
    """
    waited = 0.0
    while True:
        seen = look()
        if done(seen) or over(waited):
            return seen
        seconds = pause(waited)
        sleep(seconds)
        waited += seconds


def growing(share: float, first: float = 0.1, longest: float = 2.0) -> Callable[[float], float]:
    """Pauses that grow: each is longer than the one before by `share` of it, up to the `longest`; in seconds."""
    return lambda waited: min(first + share * waited, longest)


def await_jobs(
    wanted: Iterable[int], client: Client, sleep: Callable[[float], None], seconds: float = CONFIRM_SECONDS
) -> Mapping[int, Job]:
    """The jobs with the ids `wanted`, by id, when all have ended, or after so many seconds."""
    terms = [["=", "id", number] for number in sorted(wanted)]
    return wait_until(
        lambda jobs: not any(job.unfinished for job in jobs.values()),
        lambda: query_jobs(client, terms),
        sleep,
        lambda waited: waited >= seconds,
        growing(1.0),
    )
