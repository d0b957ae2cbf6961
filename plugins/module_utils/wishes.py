# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wishes: what people say to repairs by tags, as the tags to add and to remove (design, sections 2 and 6).

Nothing here reads or writes a cluster. What is so already is left as it is, so that saying it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Callable

from .claim import Terms
from .errors import BadOption
from .model import Cluster, Group, RepairType, utc
from .repairs import Progress, Repair
from .selection import Filter, objects
from .state import Case
from .tags import FOREVER, PREFIX, Suspend, TagSet, parse_tags, pending_tag
from .times import is_relative, parse_until

SAME = 60  # seconds: two suspends that were to last from now on for the same time may differ by so much
NOT_KNOWN = "its tags are not known, as the cluster gave no value for them; nothing was done with it"
FORTHCOMING = "it is forthcoming, a reservation and no instance yet"
STOP = "a suspend tag keeps its next step from being taken"


class Wish(Enum):
    """What is to become of the permission of an object."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    SUSPENDED = "suspended"
    RESUMED = "resumed"


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


@dataclass(frozen=True)
class Change:
    """Tags of one object to add and to remove; C(note) is a sentence about it for people, C(error) why nothing is to be
    written. C(alone) is how to claim the cluster first, for what takes back something that a round may begin."""

    scope: str
    name: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    note: str = ""
    error: str = ""
    alone: Terms | None = None

    @property
    def needed(self) -> bool:
        """Whether there is something to write."""
        return bool(self.add or self.remove)

    def noted(self, *words: str) -> Change:
        """The change with more words in its note."""
        return replace(self, note="; ".join(text for text in (self.note, *words) if text))


def permissions(cluster: Cluster, scope: str, wanted: Filter, permission: Permission) -> tuple[Change, ...]:
    """What makes C(permission) so for each object of the kind C(scope) that C(wanted) lets by.

    Raises BadOption as C(objects) does. A group whose tags did not come is missing in C(cluster), but its nodes tell.
    """
    unread = {node.group for node in cluster.nodes.values() if node.group}.difference(cluster.groups)
    whole = replace(cluster, groups={**cluster.groups, **{name: Group(name) for name in unread}})
    if scope == "instance":
        unread = {one.name for one in cluster.instances if "tags" in one.unread}
    changes = (
        Change(scope, name, error=NOT_KNOWN) if name in unread else permission.change(scope, name, parse_tags(tags))
        for scope, name, tags in objects(whole, scope, wanted)
    )
    reserved = {one.name for one in cluster.instances if one.forthcoming} if scope == "instance" else set()
    words = f"{FORTHCOMING}; nothing is done with it before it is one"
    return tuple(change.noted(words) if change.name in reserved else change for change in changes)


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
    nearer = "" if scope == "instance" else "what has a permission of its own goes on"
    notes = [text for text in (note, nearer, _unread(tags, "suspend")) if text]
    return Change(scope, name, () if kept else (wanted,), others, "; ".join(notes))


def _same(one: Suspend, until: float, slack: int) -> bool:
    return one.until == until or abs(one.until - until) <= slack


def resume(scope: str, name: str, tags: TagSet) -> Change:
    """The object has no suspend any more."""
    return Change(scope, name, (), tuple(one.tag for one in tags.suspends), _unread(tags, "suspend"))


def _unread(tags: TagSet, kind: str) -> str:
    """Tags that somebody may have meant for the same are never taken away, and go on to have their effect."""
    bad = [str(tag) for tag in tags.malformed if tag.kind == kind]
    return f"{'; '.join(bad)}; it stays in force until you remove it" if bad else ""


def request(
    cases: Iterable[Case], kind: RepairType, now: float, new_id: Callable[[], str], alone: Terms
) -> tuple[Change, ...]:
    """A once-off repair up to C(kind) is asked for, for the instance of each of C(cases).

    Raises BadOption if one of them has a repair that failed, or tags that can't be read: nothing would come of it.
    """
    cases = tuple(cases)
    failed = [case.instance.name for case in cases if case.failure]
    if failed:
        raise BadOption(f"a repair of {', '.join(failed)} has failed; acknowledge it first; nothing was done")
    unread = [f"{case.instance.name}: {case.unread[0]}" for case in cases if case.unread]
    if unread:
        raise BadOption(f"{'; '.join(unread)}; remove it first; nothing was done")
    return tuple(_request(case, kind, now, new_id, alone) for case in cases)


def _request(case: Case, kind: RepairType, now: float, new_id: Callable[[], str], alone: Terms) -> Change:
    change, asked = _of(case), asked_of(case)
    if case.instance.forthcoming:
        return replace(change, error=f"{FORTHCOMING}, so nothing is repaired; nothing was done with it")
    enough = next((repair for repair in case.repairs if repair.result is None and repair.type >= kind), None)
    if change.error:
        return change
    if enough:
        how, then = ("was asked for", "begins") if enough in asked else ("is under way", "goes on")
        words = f"a {enough.type.label} repair {how} already, since {utc(enough.timestamp)}"
        return change.noted(words, _held(case, then))
    old = tuple(tag for repair in asked for tag in repair.tags)
    note = "it is healthy, so the next round ends the request at once" if case.health.whole else ""
    change = replace(change, add=(pending_tag(kind, new_id(), int(now), ()),), remove=old, alone=alone if old else None)
    return change.noted(_held(case, "begins") or note)


def _of(case: Case) -> Change:
    """Nothing to change on the instance; an error if its tags did not come, as that does not mean that it has none."""
    return Change("instance", case.instance.name, error=NOT_KNOWN if "tags" in case.instance.unread else "")


def _held(case: Case, then: str) -> str:
    """What keeps a repair of the instance back whatever was asked for, until it C(then) begins or goes on."""
    until, source = case.policy.suspended_until, case.policy.source
    if until is None:
        return f"{case.health.unknown}; it {then} when that is known" if case.health.unknown else ""
    end = "until the suspend tag is removed" if until == FOREVER else f"until {utc(until)}"
    by = {"instance": "its own tag", "group": "its group"}.get(source or "", "the cluster")
    return "; ".join([f"it is suspended by {by} {end}, and {then} after that", *case.policy.doubts])


def asked_of(case: Case) -> list[Repair]:
    """The repairs that were asked for and have not begun. The first that is pending may have begun though its tags name
    no job; those after it wait for it."""
    pending = [repair for repair in case.repairs if repair.result is None]
    first = pending[:1] if case.progress is Progress.NEW else []
    return first + [repair for repair in pending[1:] if not repair.jobs]


def withdraw(cases: Iterable[Case], alone: Terms) -> tuple[Change, ...]:
    """Repairs that were asked for and have not begun are not wanted any more.

    Raises BadOption where there is none but one that has begun.
    """
    cases = tuple(cases)
    begun = [case.instance.name for case in cases if case.pending and not asked_of(case)]
    if begun:
        raise BadOption(f"the repair of {', '.join(begun)} has begun, and can't be withdrawn; {STOP}; nothing was done")
    return tuple(_withdraw(case, alone) for case in cases)


def _withdraw(case: Case, alone: Terms) -> Change:
    tags = tuple(tag for repair in asked_of(case) for tag in repair.tags)
    goes_on = "the one that has begun goes on" if case.pending and case.progress is not Progress.NEW else ""
    change = replace(_of(case), remove=tags, alone=alone if tags else None)
    if change.error:
        return change
    return change.noted("" if tags else "no repair is asked for", goes_on, *map(str, case.unread))


def acknowledge(cases: Iterable[Case]) -> tuple[Change, ...]:
    """Somebody has looked into the failures: their tags go, so that repairs may begin again."""
    return tuple(_acknowledge(case) for case in cases)


def _acknowledge(case: Case) -> Change:
    failed = [repair for repair in case.repairs if repair.result == "failure"]
    change = replace(_of(case), remove=tuple(tag for repair in failed for tag in repair.tags))
    if change.error:
        return change
    doubt = f"{case.health.problem}, so no repair of it begins: {case.health.advice}" if case.health.behind else ""
    return change.noted("" if failed else "no repair of it has failed", doubt, *map(str, case.unread))
