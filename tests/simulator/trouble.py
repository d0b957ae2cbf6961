# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of jobs that a test switches on: fail, be canceled, hang, vanish.

cluster.queue.troubles.add(JobTrouble("OP_INSTANCE_FAILOVER", "fail", instance="web1.example.com"))
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from simulator.errors import OpError

if TYPE_CHECKING:
    from simulator.cluster import Cluster
    from simulator.job import Job, Step

Manner = Literal["fail", "fail_late", "cancel", "hang"]


@dataclass
class JobTrouble:
    """What shall happen to the next matching opcodes: `times` of them, after letting `skip` pass.

    `fail` fails before anything is changed, `fail_late` after the opcode has done its work, `cancel` ends the job as
    a person's cancel does, `hang` keeps it running until `release`. The instance None stands for any.
    """

    opcode: str
    manner: Manner = "fail"
    instance: str | None = None
    text: str = "Simulated failure"
    kind: str = "OpExecError"
    code: str | None = None
    skip: int = 0
    times: int = 1

    def meets(self, step: Step) -> bool:
        """Whether it strikes this opcode; counts down."""
        subject = str(step.op.get("instance_name", step.op.get("name")))
        meant = self.instance is None or same_name(self.instance, subject)
        if step.op["OP_ID"] != self.opcode or not meant or self.times <= 0:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True

    @property
    def error(self) -> OpError:
        """Return the error that the opcode ends with."""
        return OpError(self.kind, self.text, *([self.code] if self.code else []))


def same_name(one: str, other: str) -> bool:
    """Whether two names, short or full, mean the same instance."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


@dataclass
class JobTroubles:
    """All troubles that are switched on, and the jobs that hang because of one."""

    waiting: list[JobTrouble] = field(default_factory=list)
    hanging: set[int] = field(default_factory=set)
    late: dict[int, OpError] = field(default_factory=dict)

    def add(self, trouble: JobTrouble) -> None:
        """Switch a trouble on."""
        self.waiting.append(trouble)

    def strike(self, job: Job, step: Step) -> None:
        """Raise, or take note of, what shall happen to an opcode that begins."""
        trouble = next((one for one in self.waiting if one.meets(step)), None)
        if trouble is None:
            return
        if trouble.manner == "fail":
            raise trouble.error
        if trouble.manner == "fail_late":
            self.late[job.id] = trouble.error
        elif trouble.manner == "cancel":
            raise Canceled()
        else:
            self.hanging.add(job.id)

    def strike_late(self, job: Job) -> None:
        """Raise the error of an opcode that fails after its work."""
        if (error := self.late.pop(job.id, None)) is not None:
            raise error

    def release(self, cluster: Cluster, job_id: int) -> None:
        """Let a hanging job go on; it ends now."""
        self.hanging.discard(job_id)
        step = cluster.queue.jobs[job_id].current
        if step is not None:
            step.due = cluster.clock.now()
        cluster.sync()


class Canceled(OpError):
    """The opcode's job is canceled at the moment it begins."""

    def __init__(self) -> None:
        super().__init__("OpCanceled", "Job canceled by request")
