# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The job queue as a witness: it knows who submitted what, and who canceled what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from simulator.errors import OpError
from simulator.job import Job
from simulator.jobs import dependencies
from simulator.model import find
from simulator.opcodes import Op
from simulator.trouble import Canceled

from .book import DESTROYERS, may_give_up
from .job_laws import NO_LOOK, JobLaws
from .seen import Seen


class Witness(JobLaws):
    """The job queue, which knows who submitted and canceled what. The actor is empty for people."""

    @contextmanager
    def acting(self, actor: str) -> Iterator[None]:
        """Take what is submitted meanwhile for this actor's."""
        before, self.actor = self.actor, actor
        try:
            yield
        finally:
            self.actor = before

    def submit(self, ops: Sequence[Op], now: float) -> Job:
        """See Queue."""
        seen = self._seen(super().submit(ops, now))
        if seen.actor:
            self.check(seen, now)
        self.seen.append(seen)
        return seen.job

    def _seen(self, job: Job) -> Seen:
        named = Seen(job, self.actor, self.events).instance
        instance = find(self.cluster.instances, named)
        return Seen(
            job,
            self.actor,
            self.events,
            instance.uuid if instance else "",
            self.online_by(self.actor),
            bool(instance and may_give_up(self.cluster, instance)),
        )

    def look_at_marks(self, actor: str) -> None:
        """Remember what a runner sees when it looks at the marks of nodes."""
        self.marks[actor] = (self.cluster.clock.now(), self.online(), self.unmarked())

    def online_by(self, actor: str) -> frozenset[str]:
        """The nodes that are online as far as a runner can know: a mark that changes between its last look and the next
        request nobody sees."""
        time, online, _unmarked = self.marks.get(actor, NO_LOOK)
        return online if time == self.cluster.clock.now() else self.online()

    def online(self) -> frozenset[str]:
        """The nodes that live and are not marked offline."""
        return frozenset(node.name for node in self.cluster.nodes.values() if node.alive and not node.offline)

    # --- cancels, and people's word ---

    def end_all(self, job: Job, status: str, result: object, now: float) -> None:
        """See Queue. A person's cancel of a job of ours that gives up data is remembered."""
        if status == "canceled":
            before = [self.jobs.get(number) for number, _ in dependencies(job.current)]
            causes = [self.canceled_by[other.id] for other in before if other and other.id in self.canceled_by]
            self.canceled_by[job.id] = causes[0] if causes else self.actor
            seen = self.of(job)
            if seen and seen.actor and not self.canceled_by[job.id] and set(seen.steps) & set(DESTROYERS):
                self.called_off[seen.uuid] = (job.id, now)
        super().end_all(job, status, result, now)

    def fail(self, job: Job, error: OpError, now: float) -> None:
        """See Queue. A trouble that cancels a job stands for a person."""
        with self.acting("" if isinstance(error, Canceled) else self.actor):
            super().fail(job, error, now)

    def purge(self, job_id: int) -> None:
        """See Queue. What nobody has looked at before it is gone, nobody can know."""
        super().purge(job_id)
        self.forget_unseen([job_id])

    def begin_anew(self) -> None:
        """See Queue."""
        self.forget_unseen(list(self.jobs))
        self.canceled_by.clear()
        super().begin_anew()

    def forget_unseen(self, job_ids: list[int]) -> None:
        """Forget cancels that no round has seen."""
        for uuid, (job_id, time) in list(self.called_off.items()):
            if job_id in job_ids and not any(look.begin > time for look in self.rounds):
                del self.called_off[uuid]

    def of(self, job: Job) -> Seen | None:
        """What was seen of a job when it was submitted."""
        return next((one for one in reversed(self.seen) if one.job is job), None)
