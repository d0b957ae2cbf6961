# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy: what the tags of an instance, its group and its cluster allow together (design, section 2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..ganeti.model import RepairType
from .values import FOREVER, Suspend, TagSet


@dataclass(frozen=True)
class Policy:
    """What may be done to an instance.

    `suspended_until` is in seconds since the epoch or FOREVER, None if nothing suspends. `source` is the kind of object
    that decided; `unreadable_tags` lists its tags that could not be read.
    """

    allowed: RepairType | None = None
    suspended_until: float | None = None
    source: str | None = None
    unreadable_tags: tuple[str, ...] = ()

    @property
    def suspended(self) -> bool:
        """Whether a suspend is in force."""
        return self.suspended_until is not None


def effective_policy(objects: Iterable[tuple[str, TagSet]], now: float) -> Policy:
    """The policy from objects given as (kind, tags), nearest first: the first with a relevant tag decides."""
    for source, tags in objects:
        policy = _of_one(source, tags, now)
        if policy is not None:
            return policy
    return Policy()


def _of_one(source: str, tags: TagSet, now: float) -> Policy | None:
    """The policy from the tags of one object, or None if it has no relevant tag."""
    unread = [tag for tag in tags.malformed if tag.kind in ("enable", "suspend")]
    doubts = tuple(str(tag) for tag in unread)
    ends = [suspend.until for suspend in tags.suspends if suspend.in_force(now)]
    if any(tag.kind == "suspend" for tag in unread):  # somebody meant to stop us
        ends.append(FOREVER)
    if ends:
        return Policy(None, max(ends), source, doubts)
    if unread:  # somebody meant a limit that we don't know: an outer, wider one must not take its place
        return Policy(None, None, source, doubts)
    if tags.enables:
        return Policy(min(enable.type for enable in tags.enables), None, source)
    return None


def stop_of(tags: TagSet) -> str:
    """What stops the whole cluster that has `tags`, as part of a sentence; empty if nothing does."""
    if tags.stops:
        return f"the cluster is stopped by its tag {tags.stops[0].tag}"
    unread = [tag for tag in tags.malformed if tag.kind == "stop"]  # somebody meant to stop us
    return f"the cluster is stopped by its tag {unread[0].tag}, which can't be read" if unread else ""


def expired(tags: TagSet, now: float) -> tuple[Suspend, ...]:
    """The suspends of one object whose time has passed: the round removes them."""
    return tuple(suspend for suspend in tags.suspends if not suspend.in_force(now))
