# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outcome: what became of an action, as a value (design, section 6)."""

from __future__ import annotations

from dataclasses import dataclass

from ..ganeti.operations import Operation
from .action import Action

NOT_BEGUN = "not begun, as the round ended before"


@dataclass(frozen=True)
class Outcome:
    """What became of one action.

    C(steps) are those that were submitted now; C(jobs) the repair's jobs; C(tag_jobs) the jobs that write tags and that
    a round sees through to their end; C(added) and C(removed) the tags. C(sent) says that something was written, or in
    check mode would have been; C(lost) that the answer to it did not come; C(late) that the error is only that one of
    the jobs still waits for its turn.
    """

    action: Action
    steps: tuple[Operation, ...] = ()
    jobs: tuple[int, ...] = ()
    tag_jobs: tuple[int, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    sent: bool = False
    error: str = ""
    lost: bool = False
    late: bool = False

    @property
    def written(self) -> bool:
        """Whether the cluster has, or may have, taken something; nothing reaches it in check mode."""
        begun = self.action.repair.jobs if self.action.repair else ()
        return bool(self.tag_jobs or self.jobs != begun or (self.sent and (self.error or self.action.cancel)))
