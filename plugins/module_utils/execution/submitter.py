# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Submitter: submits the jobs of one action, and records them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..errors import AnswerLost, Withheld
from ..ganeti.client import Client
from ..ganeti.job_request import JobRequest, Task
from ..ganeti.operations import Operation
from ..repair.action import Action
from ..repair.history import reason_of
from ..repair.outcome import Outcome

_TAGGING = (Operation.ADD_TAGS, Operation.REMOVE_TAGS)


class JobSubmitter:
    """Submits the jobs of one action and records them."""

    def __init__(self, client: Client, action: Action, reason: str) -> None:
        self.client = client
        self._action = action
        self._reason = reason
        self.repair_id = action.repair.id if action.repair else ""
        self.outcome_so_far = Outcome(action, jobs=action.repair.jobs if action.repair else ())

    @property
    def sent(self) -> bool:
        """See Outcome."""
        return self.outcome_so_far.sent

    def outcome(self, error: str = "") -> Outcome:
        """The outcome of the action so far, with `error`."""
        return replace(self.outcome_so_far, error=error)

    @property
    def supports_multi_opcode_jobs(self) -> bool:
        """See Client."""
        return self.client.supports_multi_opcode_jobs

    def submit(
        self, *tasks: Task, after: tuple[int, ...] = (), await_completion: bool = True, remark: str = ""
    ) -> tuple[int, ...]:
        """Submit `tasks`, each of which runs once those before it, and the jobs `after`, have succeeded. Returns the
        do it, one for all where the transport supports that. `remark` goes into their reason trail.

        The round does not wait for jobs without `await_completion`, nor for those that contain a step.
        """
        jobs: tuple[int, ...] = ()
        for part in ([tasks] if tasks else []) if self.supports_multi_opcode_jobs else [(task,) for task in tasks]:
            job = self._submit(part, (*after, *jobs), remark)
            self._note(part, job, await_completion)
            jobs = jobs if job is None else (*jobs, job)
        return jobs

    def _note(self, tasks: tuple[Task, ...], job: int | None, await_completion: bool) -> None:
        done = self.outcome_so_far
        for task in tasks:
            if task.operation is Operation.ADD_TAGS:
                done = replace(done, added=done.added + task.tags)
            elif task.operation is Operation.REMOVE_TAGS:
                done = replace(done, removed=done.removed + task.tags)
        steps = tuple(task.operation for task in tasks if task.operation not in _TAGGING)
        done = replace(done, steps=done.steps + steps)
        if job is not None and steps:
            done = replace(done, jobs=(*done.jobs, job))
        elif job is not None and await_completion:
            done = replace(done, tag_jobs=(*done.tag_jobs, job))
        self.outcome_so_far = done

    def cancel(self, jobs: Iterable[int]) -> None:
        """Cancel `jobs`, which are queued. Raises Withheld if one of them has begun or ended meanwhile."""
        for job in jobs:
            try:
                refusal = self.client.cancel(job)
            finally:
                self.outcome_so_far = replace(self.outcome_so_far, sent=True)
            if refusal:
                raise Withheld(f"job {job} could no longer be canceled ({refusal})")

    def _submit(self, tasks: tuple[Task, ...], after: tuple[int, ...], remark: str) -> int | None:
        request = JobRequest(
            kind=self._action.scope,
            name=self._action.name,
            tasks=tasks,
            after=after,
            reason=reason_of(self.repair_id, " ".join(text for text in (remark, self._reason) if text)),
        )
        try:
            job = self.client.submit(request)
        except AnswerLost:  # the request may have arrived
            self.outcome_so_far = replace(self.outcome_so_far, sent=True)
            raise
        self.outcome_so_far = replace(self.outcome_so_far, sent=True)
        return job
