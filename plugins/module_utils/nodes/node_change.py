# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node change: what a decision about a node comes to, before anything is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..ganeti.model import Node
from ..ganeti.operations import Operation
from ..tags.nodewatch import Staged


@dataclass(frozen=True)
class NodeChange:
    """What to write about a node: tags of the cluster to add and to remove, and what the node is marked as in between,
    one after the other. `note` says what that means; `error` is why nothing is done, or, beside tags, what has failed.
    `returns` is whether the node comes back, and `volumes` are the logical volumes that were seen there then, each with
    its instance.
    """

    node: Node
    incident: str = ""
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    marks: tuple[Operation, ...] = ()
    note: str = ""
    error: str = ""
    returns: bool = False
    volumes: tuple[tuple[str, str], ...] = ()

    @property
    def needed(self) -> bool:
        """Whether there is something to write."""
        return bool(self.add or self.remove or self.marks)


def all_but(tag: str, own: Iterable[Staged]) -> tuple[str, ...]:
    """What tags say of a node, without `tag`."""
    return tuple(staged.tag for staged in own if staged.tag != tag)
