# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writer: submits the jobs of one action and keeps the account of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .client import Client
from .decide import Action
from .errors import AnswerLost
from .model import JobRequest, Operation
from .repairs import reason_of

NOT_BEGUN = "not begun, as the round ended before"


@dataclass(frozen=True)
class Outcome:
    """What became of one action.

    C(jobs) are the repair's jobs; C(tag_jobs) the jobs that write tags and that a round sees through to their end;
    C(added) and C(removed) the tags. C(sent) says that something was written, or in check mode would have been; C(lost)
    that the answer to it did not come.
    """

    action: Action
    jobs: tuple[int, ...] = ()
    tag_jobs: tuple[int, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    sent: bool = False
    error: str = ""
    lost: bool = False

    @property
    def written(self) -> bool:
        """Whether the cluster has, or may have, taken something; nothing reaches it in check mode."""
        begun = self.action.repair.jobs if self.action.repair else ()
        return bool(self.tag_jobs or self.jobs != begun or (self.sent and self.error))


class Writer:
    """Submits the jobs of one action and keeps the account of them."""

    def __init__(self, client: Client, action: Action, reason: str) -> None:
        self._client = client
        self._action = action
        self._reason = reason
        self.repair_id = action.repair.id if action.repair else ""
        self.outcome_so_far = Outcome(action, jobs=action.repair.jobs if action.repair else ())

    @property
    def sent(self) -> bool:
        """See Outcome."""
        return self.outcome_so_far.sent

    def outcome(self, error: str = "") -> Outcome:
        """What has become of the action."""
        return replace(self.outcome_so_far, error=error)

    def tags(
        self,
        operation: Operation,
        tags: Iterable[str],
        after: Iterable[int | None] = (),
        see_through: bool = True,
    ) -> int | None:
        """Submit the adding or removing of C(tags); without C(see_through) the round does not wait for it."""
        tags = tuple(tags)
        job = self._submit(operation, {}, tags, after)
        done = self.outcome_so_far
        if operation is Operation.ADD_TAGS:
            done = replace(done, added=done.added + tags)
        else:
            removed = tuple(tag for tag in tags if tag not in done.added)
            done = replace(
                done,
                added=tuple(tag for tag in done.added if tag not in tags),
                removed=done.removed + removed,
            )
        if job is not None and see_through:
            done = replace(done, tag_jobs=(*done.tag_jobs, job))
        self.outcome_so_far = done
        return job

    def step(self, operation: Operation, parameters: Mapping[str, Any], after: Iterable[int | None] = ()) -> int | None:
        """Submit a step of the repair."""
        job = self._submit(operation, parameters, (), after)
        if job is not None:
            self.outcome_so_far = replace(self.outcome_so_far, jobs=(*self.outcome_so_far.jobs, job))
        return job

    def _submit(
        self,
        operation: Operation,
        parameters: Mapping[str, Any],
        tags: tuple[str, ...],
        after: Iterable[int | None],
    ) -> int | None:
        request = JobRequest(
            operation=operation,
            kind=self._action.scope,
            name=self._action.name,
            parameters=parameters,
            tags=tags,
            after=tuple(job for job in after if job is not None),
            reason=reason_of(self.repair_id, self._reason),
        )
        try:
            job = self._client.submit(request)
        except AnswerLost:  # it may have been taken
            self.outcome_so_far = replace(self.outcome_so_far, sent=True)
            raise
        self.outcome_so_far = replace(self.outcome_so_far, sent=True)
        return job
