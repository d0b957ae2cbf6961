# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Job request: what a transport is asked to submit, as one job of several tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .operations import Operation


@dataclass(frozen=True)
class Task:
    """A part of a job: an operation with its parameters, or with the tags that it adds or removes."""

    operation: Operation
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobRequest:
    """A write: one job that does `tasks`, in this order and up to the first that fails, with the object `name` of
    `kind` (`instance`, `group`, `node`, `cluster`).

    `after` are ids of jobs that must have succeeded before this one runs; `reason` goes into the reason trail.
    Neither reaches a reinstall over RAPI, which ignores both (Ganeti facts, (a)).
    """

    kind: str
    name: str
    tasks: tuple[Task, ...]
    after: tuple[int, ...] = ()
    reason: str = ""

    def __str__(self) -> str:
        what = ", ".join(task.operation.value for task in self.tasks)
        return f"{what} of {self.kind} {self.name}".rstrip()
