# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node policy: what the tags of a node, its group and the cluster permit together (design, section 8, law N12)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .nodewatch import NodePermission, NodeTags
from .values import FOREVER


@dataclass(frozen=True)
class NodePolicy:
    """What may be done about a node.

    `level` is None if nothing is permitted. `suspended_until` is in seconds since the epoch or FOREVER, None if nothing
    suspends. `source` is the kind of object that decided on the level; `unreadable` are its tags that can't be read.
    """

    level: NodePermission | None = None
    readmit: bool = False
    suspended_until: float | None = None
    source: str | None = None
    unreadable: tuple[str, ...] = ()


def node_policy(objects: Iterable[tuple[str, NodeTags]], now: float) -> NodePolicy:
    """The policy from objects given as (kind, tags), nearest first. The first with a relevant tag decides, apart for
    `readmit` and for everything else; a tag there that suspends, or can't be read, forbids both."""
    nearest = list(objects)
    source, tags = _deciding([(kind, tags) for kind, tags in nearest if tags.permits or _stops(tags, now)])
    _kind, back = _deciding([(kind, tags) for kind, tags in nearest if tags.readmits or _stops(tags, now)])
    ends = [suspend.until for suspend in tags.suspends if suspend.in_force(now)]
    unread = tuple(str(tag) if tag.tag else tag.problem for tag in tags.unread_limits)
    if unread:  # somebody may have meant to stop us
        ends.append(FOREVER)
    return NodePolicy(
        level=None if ends or not tags.permits else min(permit.level for permit in tags.permits),
        readmit=bool(back.readmits) and not _stops(back, now),
        suspended_until=max(ends) if ends else None,
        source=source,
        unreadable=unread,
    )


def _stops(tags: NodeTags, now: float) -> bool:
    return bool(tags.unread_limits) or any(suspend.in_force(now) for suspend in tags.suspends)


def _deciding(objects: Sequence[tuple[str, NodeTags]]) -> tuple[str | None, NodeTags]:
    return objects[0] if objects else (None, NodeTags())
