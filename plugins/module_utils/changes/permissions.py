# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions: what people allow, suspend and stop by tags, as the tags to add and to remove (design, section 2)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from ..errors import BadOption
from ..ganeti.model import Cluster, Group, RepairType, utc
from ..planning.selection import Filter, objects
from ..tags.fields import PREFIX
from ..tags.policy import stop_of
from ..tags.values import FOREVER, Suspend, TagSet, parse_tags
from .requests import FORTHCOMING, NOT_KNOWN, Change
from .until import is_relative, parse_until

SAME = 60  # seconds: two suspends that were to last from now on for the same time may differ by so much
STOPPED = "nothing begins on the whole cluster until state: started; what has begun goes on, but gives up nothing more"


class Wish(Enum):
    """What is to become of the permission of an object."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    STOPPED = "stopped"
    STARTED = "started"

    @property
    def of_cluster(self) -> bool:
        """Whether it can be said of the cluster alone."""
        return self in (Wish.STOPPED, Wish.STARTED)


@dataclass(frozen=True)
class Permission:
    """What is to become of the permission of some objects.

    C(kind) is for ENABLED alone; C(until), in seconds since the epoch or FOREVER, and C(slack), in seconds, are for
    SUSPENDED.
    """

    wish: Wish
    kind: RepairType | None = None
    until: float = FOREVER
    slack: int = 0

    def change(self, scope: str, name: str, tags: TagSet) -> Change:
        """What makes it so for one object."""
        if self.wish is Wish.SUSPENDED:
            return suspend(scope, name, tags, self.until, self.slack)
        if self.wish is Wish.RESUMED:
            return resume(scope, name, tags)
        if self.wish is Wish.STOPPED:
            return stop(scope, name, tags)
        if self.wish is Wish.STARTED:
            return start(scope, name, tags)
        return permit(scope, name, tags, self.kind)


def parse_permission(state: str, allow: str | None, until: str | None, now: float) -> Permission:
    """What the options C(state), C(allow) and C(until) mean together. Raises BadOption."""
    wish = Wish(state)
    if (wish is Wish.ENABLED) != bool(allow):
        words = "needs allow, the type up to which repairs are allowed" if wish is Wish.ENABLED else "takes no allow"
        raise BadOption(f"state: {state} {words}; nothing was done")
    if until and wish is not Wish.SUSPENDED:
        raise BadOption(f"until is for state: suspended, but state is {state}; nothing was done")
    if not until:
        return Permission(wish, RepairType.parse(allow or ""))
    return Permission(wish, until=parse_until(until, now), slack=SAME if is_relative(until) else 0)


def permissions(cluster: Cluster, scope: str, wanted: Filter, permission: Permission) -> tuple[Change, ...]:
    """What makes C(permission) so for each object of the kind C(scope) that C(wanted) lets by.

    Raises BadOption as C(objects) does, and for a stop of anything but the cluster. A group whose tags did not come is
    missing in C(cluster), but its nodes tell.
    """
    if permission.wish.of_cluster and scope != "cluster":
        words = f"is for object: cluster, but object is {scope}, for which there are suspended and resumed"
        raise BadOption(f"state: {permission.wish.value} {words}; nothing was done")
    stopped = "" if permission.wish.of_cluster else stopped_words(cluster)
    unread = {node.group for node in cluster.nodes.values() if node.group}.difference(cluster.groups)
    whole = replace(cluster, groups={**cluster.groups, **{name: Group(name) for name in unread}})
    if scope == "instance":
        unread = {one.name for one in cluster.instances if "tags" in one.unread}
    changes = (
        Change(scope, name, error=NOT_KNOWN)
        if name in unread
        else permission.change(scope, name, parse_tags(tags, scope == "cluster")).noted(stopped)
        for scope, name, tags in objects(whole, scope, wanted)
    )
    reserved = {one.name for one in cluster.instances if one.forthcoming} if scope == "instance" else set()
    words = f"{FORTHCOMING}; nothing is done with it before it is one"
    return tuple(change.noted(words) if change.name in reserved else change for change in changes)


def stopped_words(cluster: Cluster) -> str:
    """What people have to know who say anything else while C(cluster) is stopped; empty while it is not."""
    stopped = stop_of(parse_tags(cluster.tags, of_cluster=True))
    return f"{stopped}, so nothing begins" if stopped else ""


def permit(scope: str, name: str, tags: TagSet, kind: RepairType | None) -> Change:
    """The one enable of the object is for repairs up to C(kind); it has none where that is None."""
    wanted = () if kind is None else (PREFIX + kind.label,)
    stand = [enable.tag for enable in tags.enables]
    return Change(
        scope,
        name,
        tuple(tag for tag in wanted if tag not in stand),
        tuple(tag for tag in stand if tag not in wanted),
        _unread(tags, "enable"),
    )


def suspend(scope: str, name: str, tags: TagSet, until: float, slack: int = 0) -> Change:
    """The one suspend of the object lasts until C(until) (seconds since the epoch, or FOREVER); one that stands and
    ends no more than C(slack) seconds before or after is as good."""
    kept = next((one for one in tags.suspends if _same(one, until, slack)), None)
    wanted = kept.tag if kept else PREFIX + "suspend" + ("" if until == FOREVER else f":{until:.0f}")
    others = tuple(one.tag for one in tags.suspends if one.tag != wanted)
    end = kept.until if kept else until
    note = f"suspended until {utc(end)}" if end != FOREVER else "suspended until it is resumed"
    nearer = "" if scope == "instance" else "what has a permission of its own goes on; state: stopped stops everything"
    notes = [text for text in (note, nearer, _unread(tags, "suspend")) if text]
    return Change(scope, name, () if kept else (wanted,), others, "; ".join(notes))


def _same(one: Suspend, until: float, slack: int) -> bool:
    return one.until == until or abs(one.until - until) <= slack


def resume(scope: str, name: str, tags: TagSet) -> Change:
    """The object has no suspend any more."""
    return Change(scope, name, (), tuple(one.tag for one in tags.suspends), _unread(tags, "suspend"))


def stop(scope: str, name: str, tags: TagSet) -> Change:
    """Nothing begins on the cluster any more."""
    add = () if tags.stops else (PREFIX + "stop",)
    return Change(scope, name, add, note="; ".join(text for text in (STOPPED, _unread(tags, "stop")) if text))


def start(scope: str, name: str, tags: TagSet) -> Change:
    """The cluster is stopped no more."""
    return Change(scope, name, (), tuple(one.tag for one in tags.stops), _unread(tags, "stop"))


def _unread(tags: TagSet, kind: str) -> str:
    """Tags that somebody may have meant for the same are never taken away, and go on to have their effect."""
    bad = [str(tag) for tag in tags.malformed if tag.kind == kind]
    return f"{'; '.join(bad)}; it stays in force until you remove it" if bad else ""
