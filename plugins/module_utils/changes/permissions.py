# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions: what people allow, suspend and stop, as the tags to add and to remove (design, section 2)."""

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

SAME = 60  # seconds by which two suspends for the same span, counted from now, may differ
STOPPED = (
    "no repair starts on the whole cluster until state: started; repairs that have started continue, but give up "
    "nothing more"
)


class PermissionState(Enum):
    """The permission that somebody wants for an object."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    STOPPED = "stopped"
    STARTED = "started"

    @property
    def of_cluster(self) -> bool:
        """Whether it is possible for the whole cluster only."""
        return self in (PermissionState.STOPPED, PermissionState.STARTED)


@dataclass(frozen=True)
class Permission:
    """The permission that somebody wants for some objects.

    `kind` is for ENABLED alone; `until`, in seconds since the epoch or FOREVER, and `slack`, in seconds, are for
    SUSPENDED.
    """

    wanted: PermissionState
    kind: RepairType | None = None
    until: float = FOREVER
    slack: int = 0

    def change(self, scope: str, name: str, tags: TagSet) -> Change:
        """The change that gives it to one object, which has `tags`."""
        if self.wanted is PermissionState.SUSPENDED:
            return suspend(scope, name, tags, self.until, self.slack)
        if self.wanted is PermissionState.RESUMED:
            return resume(scope, name, tags)
        if self.wanted is PermissionState.STOPPED:
            return stop(scope, name, tags)
        if self.wanted is PermissionState.STARTED:
            return start(scope, name, tags)
        return permit(scope, name, tags, self.kind)


def parse_permission(state: str, allow: str | None, until: str | None, now: float) -> Permission:
    """The permission that the options `state`, `allow` and `until` ask for. Raises BadOption."""
    wanted = PermissionState(state)
    if (wanted is PermissionState.ENABLED) != bool(allow):
        words = (
            "needs allow, the type up to which repairs are allowed"
            if wanted is PermissionState.ENABLED
            else "takes no allow"
        )
        raise BadOption(f"state: {state} {words}; nothing was done")
    if until and wanted is not PermissionState.SUSPENDED:
        raise BadOption(f"until is for state: suspended, but state is {state}; nothing was done")
    if not until:
        return Permission(wanted, RepairType.parse(allow or ""))
    return Permission(wanted, until=parse_until(until, now), slack=SAME if is_relative(until) else 0)


def permissions(cluster: Cluster, scope: str, wanted: Filter, permission: Permission) -> tuple[Change, ...]:
    """The changes that give `permission` to each object of the kind `scope` that `wanted` matches.

    Raises BadOption as `objects` does, and for a stop or start of anything but the cluster. A group whose tags are
    missing is not in `cluster`, but its nodes name it; its change has an error.
    """
    if permission.wanted.of_cluster and scope != "cluster":
        words = f"is for object: cluster, but object is {scope}, for which there are suspended and resumed"
        raise BadOption(f"state: {permission.wanted.value} {words}; nothing was done")
    stopped = "" if permission.wanted.of_cluster else stopped_words(cluster)
    unread = {node.group for node in cluster.nodes.values() if node.group}.difference(cluster.groups)
    whole = replace(cluster, groups={**cluster.groups, **{name: Group(name) for name in unread}})
    if scope == "instance":
        unread = {instance.name for instance in cluster.instances if "tags" in instance.missing_fields}
    changes = (
        Change(scope, name, error=NOT_KNOWN)
        if name in unread
        else permission.change(scope, name, parse_tags(tags, scope == "cluster")).noted(stopped)
        for scope, name, tags in objects(whole, scope, wanted)
    )
    reserved = (
        {instance.name for instance in cluster.instances if instance.forthcoming} if scope == "instance" else set()
    )
    words = f"{FORTHCOMING}; nothing is done with it until it is one"
    return tuple(change.noted(words) if change.name in reserved else change for change in changes)


def stopped_words(cluster: Cluster) -> str:
    """The note on every other change while `cluster` is stopped; empty while it is not."""
    stopped = stop_of(parse_tags(cluster.tags, of_cluster=True))
    return f"{stopped}, so no repair starts" if stopped else ""


def permit(scope: str, name: str, tags: TagSet, kind: RepairType | None) -> Change:
    """Leave the object one enable tag, for repairs up to `kind`; none at all if that is None."""
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
    """Leave the object one suspend tag, which lasts until `until` (seconds since the epoch, or FOREVER); an existing
    one is kept if it ends no more than `slack` seconds before or after that."""
    kept = next((suspend for suspend in tags.suspends if _same(suspend, until, slack)), None)
    wanted = kept.tag if kept else PREFIX + "suspend" + ("" if until == FOREVER else f":{until:.0f}")
    others = tuple(suspend.tag for suspend in tags.suspends if suspend.tag != wanted)
    end = kept.until if kept else until
    note = f"suspended until {utc(end)}" if end != FOREVER else "suspended until it is resumed"
    nearer = "" if scope == "instance" else "whatever has its own permission continues; state: stopped stops everything"
    notes = [text for text in (note, nearer, _unread(tags, "suspend")) if text]
    return Change(scope, name, () if kept else (wanted,), others, "; ".join(notes))


def _same(suspend: Suspend, until: float, slack: int) -> bool:
    return suspend.until == until or abs(suspend.until - until) <= slack


def resume(scope: str, name: str, tags: TagSet) -> Change:
    """Remove all suspend tags of the object."""
    return Change(scope, name, (), tuple(suspend.tag for suspend in tags.suspends), _unread(tags, "suspend"))


def stop(scope: str, name: str, tags: TagSet) -> Change:
    """Let no repair start on the cluster."""
    add = () if tags.stops else (PREFIX + "stop",)
    return Change(scope, name, add, note="; ".join(text for text in (STOPPED, _unread(tags, "stop")) if text))


def start(scope: str, name: str, tags: TagSet) -> Change:
    """Remove all stop tags of the cluster."""
    return Change(scope, name, (), tuple(stop.tag for stop in tags.stops), _unread(tags, "stop"))


def _unread(tags: TagSet, kind: str) -> str:
    """The note on tags of this `kind` that can't be read: they are never removed, and stay in force."""
    bad = [str(tag) for tag in tags.malformed if tag.kind == kind]
    return f"{'; '.join(bad)}; it stays in force until you remove it" if bad else ""
