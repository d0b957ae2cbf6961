# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting: round after round, until nothing is left to do (design, section 6, `wait`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..ganeti.client import Client
from ..planning.plan import Plan
from ..queries.jobs import query_jobs
from ..queries.waiter import wait_until
from ..repair.action import ActionKind
from ..repair.reasons import Reason
from ..settings.limits import Limits
from ..settings.terms import ExecutionOptions, RunContext
from .rounds import UNKNOWN, Round, limits_for_next_round, run_round

SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 10.0  # seconds between two looks at the jobs that are waited for
PAUSE_SHARE = 0.1  # ... of the time that they have been waited for
LONGEST_WAIT = 60.0  # seconds without a look at the whole cluster
_TURNS = (Reason.MAX_IN_FLIGHT, Reason.MAX_PER_NODE, Reason.MAX_PER_GROUP)


@dataclass(frozen=True)
class _Awaited:
    """The unfinished jobs of one instance; `more` says whether there is something to do once they have ended, besides
    recording the end of the repair."""

    jobs: frozenset[int]
    more: bool


def run_until_done(
    client: Client,
    limits: Limits,
    options: ExecutionOptions,
    terms: RunContext,
    seconds: float,
    noticed: Sequence[str] | None = None,
) -> Iterator[Round]:
    """Run rounds until one leaves nothing to do, or `seconds` have passed. The first round always runs; `noticed` is
    for that one, as in `run_round`.

    The jobs of steps are not noted on the way: the results name them. Raises an AutorepairError if a round can't
    start.
    """
    end, options = terms.clock() + seconds, replace(options, waits=True)
    while True:
        played = run_round(client, limits, options, terms, noticed)
        noticed = None
        yield played
        if played.trouble or not played.verified or not played.left or terms.clock() >= end:
            return
        limits = limits_for_next_round(played)
        _wait(client, played.after, terms, end)


def _wait(client: Client, plan: Plan, terms: RunContext, end: float) -> None:
    """Return when there may be something to do, or at `end`, or after LONGEST_WAIT.

    The ends of repairs are recorded together, as each by itself would need a claim of the cluster.
    """
    begin = terms.clock()
    end = min(end, begin + LONGEST_WAIT)
    awaited = tuple(_awaited(plan))
    first = SHORTEST_PAUSE if awaited else LONGEST_PAUSE
    terms.sleep(max(0.0, min(first, end - begin)))
    if not awaited:
        return

    def pause(_waited: float) -> float:
        now = terms.clock()
        return max(0.0, min(max(SHORTEST_PAUSE, PAUSE_SHARE * (now - begin)), LONGEST_PAUSE, end - now))

    wait_until(
        bool,
        lambda: _is_something_to_do(awaited, client),
        terms.sleep,
        lambda _waited: terms.clock() >= end,
        pause,
    )


def _is_something_to_do(awaited: Iterable[_Awaited], client: Client) -> bool:
    """Whether all jobs have ended, or one has failed, or all jobs of an instance that has more to do have ended."""
    numbers = sorted(number for entry in awaited for number in entry.jobs)
    jobs = query_jobs(client, [["=", "id", number] for number in numbers])
    left = [entry for entry in awaited if any(number in jobs and jobs[number].unfinished for number in entry.jobs)]
    wrong = any(not job.unfinished and job.status != "success" for job in jobs.values())
    return not left or wrong or any(entry.more for entry in awaited if entry not in left)


def _awaited(plan: Plan) -> Iterable[_Awaited]:
    """The jobs to wait for, by instance."""
    turns = any(action.why in _TURNS for case, action in plan.rows)
    for case, action in plan.rows:
        numbers = {job.id for job in case.unfinished_jobs} | set(case.pending.jobs if case.pending else ())
        jobs = [plan.cluster.jobs[number] for number in numbers if number in plan.cluster.jobs]
        unfinished = [job for job in jobs if job.unfinished]
        taken = {name for job in unfinished for name in job.operations}
        if unfinished and action.kind is ActionKind.WAIT:
            more = any(step.operation.opcode not in taken for step in action.steps)
            yield _Awaited(frozenset(job.id for job in unfinished), more or turns)


def merged(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One result for several rounds, the oldest first: what was done in all of them, and how things stand now."""
    *before, last = results
    done = [result for result in before if result["changed"]]
    return {
        **last,
        "changed": any(result["changed"] for result in results),
        "plan": results[0]["plan"],
        "actions": [action for result in done for action in result["actions"] if _was_done(action)] + last["actions"],
        "report": [line for result in done for line in (*result["report"], "")] + last["report"],
        "diff": [part for result in results for part in result["diff"]],
    }


def unseen(result: Mapping[str, Any]) -> dict[str, Any]:
    """The result that stands for a round after `result` whose effects are not known."""
    return {**result, **UNKNOWN, "left": True, "changed": False, "actions": [], "report": [], "diff": []}


def _was_done(action: Mapping[str, Any]) -> bool:
    if action["action"] == ActionKind.HOLD.label:  # REMEMBER has the same label, and adds a tag
        return bool(action["tags_added"])
    return action["action"] in [kind.label for kind in ActionKind if kind.writes]
