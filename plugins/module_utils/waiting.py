# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting: round after round, until nothing is left to do (design, section 6, C(wait))."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .action import Kind
from .claim import Terms
from .client import Client
from .execute import Settings
from .limits import Limits
from .plan import Plan
from .read import query_jobs
from .rounds import Round, onward, play

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 10.0  # seconds between two looks at the jobs that are waited for
LONGEST_WAIT = 60.0  # seconds without a look at the whole cluster


def play_on(client: Client, limits: Limits, settings: Settings, terms: Terms, seconds: float) -> Iterator[Round]:
    """Play rounds until one leaves nothing to do, or C(seconds) have passed; the first is always played.

    Raises an AutorepairError when a round can't begin.
    """
    end = terms.clock() + seconds
    while True:
        played = play(client, limits, settings, terms)
        yield played
        if played.trouble or not played.seen or not played.left or terms.clock() >= end:
            return
        limits = onward(played)
        _wait(client, played.after, terms, end)


def _wait(client: Client, plan: Plan, terms: Terms, end: float) -> None:
    """Return when one of the instances has no job under way any more, or at C(end), or after LONGEST_WAIT."""
    end = min(end, terms.clock() + LONGEST_WAIT)
    groups = list(_jobs_by_instance(plan))
    pause = FIRST_PAUSE if groups else LONGEST_PAUSE
    while terms.clock() < end:
        terms.sleep(min(pause, end - terms.clock()))
        pause = min(pause * 1.5, LONGEST_PAUSE)
        if not groups:
            return
        jobs = query_jobs(client, [["=", "id", job] for job in sorted({job for group in groups for job in group})])
        if any(all(job not in jobs or not jobs[job].unfinished for job in group) for group in groups):
            return


def _jobs_by_instance(plan: Plan) -> Iterable[frozenset[int]]:
    """The unfinished jobs of each instance that waits for some."""
    for case, action in plan.rows:
        ids = {job.id for job in case.busy}
        ids |= {job for job in (case.pending.jobs if case.pending else ()) if job in plan.cluster.jobs}
        unfinished = frozenset(job for job in ids if plan.cluster.jobs[job].unfinished)
        if unfinished and action.kind is Kind.WAIT:
            yield unfinished


def merged(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One result for several rounds, the oldest first: what was done in all of them, and how things stand now."""
    *before, last = results
    done = [one for one in before if one["changed"]]
    return {
        **last,
        "changed": any(one["changed"] for one in results),
        "plan": results[0]["plan"],
        "actions": [action for one in done for action in one["actions"] if _was_done(action)] + last["actions"],
        "report": [line for one in done for line in (*one["report"], "")] + last["report"],
        "diff": [part for one in results for part in one["diff"]],
    }


def _was_done(action: Mapping[str, Any]) -> bool:
    return action["action"] in [kind.value for kind in Kind if kind.writes]
