# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outcome: the result of an action, as a value (design, section 6)."""

from __future__ import annotations

from dataclasses import dataclass

from ..ganeti.operations import Operation
from .action import Action

NOT_BEGUN = "not started, as the round ended first"


@dataclass(frozen=True)
class Outcome:
    """What became of one action.

    `steps` are those that were submitted now; `jobs` the repair's jobs; `tag_jobs` the jobs that write tags and whose
    end a round waits for; `added` and `removed` the tags. `sent` says that something was written, or in check mode
    would have been; `lost` that it got no answer; `still_queued` that the error is only that one of the jobs is still
    in the queue.
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
    still_queued: bool = False

    @property
    def written(self) -> bool:
        """Whether the cluster has, or may have, taken something; nothing reaches it in check mode."""
        begun = self.action.repair.jobs if self.action.repair else ()
        return bool(self.tag_jobs or self.jobs != begun or (self.sent and (self.error or self.action.cancel)))
