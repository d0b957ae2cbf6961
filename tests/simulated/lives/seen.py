# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is remembered of jobs and of rounds."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.job import Job
from simulator.opcodes import Op

from .book import TAG


@dataclass(frozen=True)
class Seen:
    """A job with its submitter, empty for people and ganeti-watcher, and with the number of events before it.

    At that time `uuid` was its instance's, `online` were the nodes that lived and were not marked offline, and
    `may_give_up` was whether the instance might be reinstalled.
    """

    job: Job
    actor: str
    events: int
    uuid: str = ""
    online: frozenset[str] = frozenset()
    may_give_up: bool = False

    @property
    def steps(self) -> list[str]:
        """The opcodes that are no tags."""
        return [step.op["OP_ID"] for step in self.job.steps if "instance_name" in step.op]

    @property
    def instance(self) -> str:
        """The instance that its steps are about."""
        return next((step.op["instance_name"] for step in self.job.steps if "instance_name" in step.op), "")

    @property
    def claims(self) -> list[Op]:
        """The opcodes that set or remove claims."""
        ops = [step.op for step in self.job.steps if step.op.get("kind") == "cluster"]
        return [op for op in ops if all(tag.startswith(f"{TAG}claim:") for tag in op["tags"])]


@dataclass(frozen=True)
class Look:
    """A round that went well and was about all instances: when it began and ended, and which nodes were online then."""

    begin: float
    end: float
    online: frozenset[str]
