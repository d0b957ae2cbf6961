# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wishes: what people say to repairs by tags, as the tags to add and to remove (design, sections 2 and 6).

Nothing here reads or writes a cluster. What is so already is left as it is, so that saying it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Callable

from .errors import BadOption
from .model import RepairType, utc
from .repairs import Progress, Repair
from .state import Case
from .tags import FOREVER, PREFIX, Suspend, TagSet, pending_tag
from .times import is_relative, parse_until

SAME = 60  # seconds: two suspends that were to last from now on for the same time may differ by so much


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
    """Tags of one object to add and to remove; C(note) is a sentence about it for people."""

    scope: str
    name: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    note: str = ""

    @property
    def needed(self) -> bool:
        """Whether there is something to write."""
        return bool(self.add or self.remove)


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
    bad = _unread(tags, "suspend")
    return Change(scope, name, () if kept else (wanted,), others, f"{note}; {bad}" if bad else note)


def _same(one: Suspend, until: float, slack: int) -> bool:
    return one.until == until or abs(one.until - until) <= slack


def resume(scope: str, name: str, tags: TagSet) -> Change:
    """The object has no suspend any more."""
    return Change(scope, name, (), tuple(one.tag for one in tags.suspends), _unread(tags, "suspend"))


def _unread(tags: TagSet, kind: str) -> str:
    """Tags that somebody may have meant for the same are never taken away, and go on to have their effect."""
    bad = [str(tag) for tag in tags.malformed if tag.kind == kind]
    return f"{'; '.join(bad)}; it stays in force until you remove it" if bad else ""


def request(cases: Iterable[Case], kind: RepairType, now: float, new_id: Callable[[], str]) -> tuple[Change, ...]:
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
    return tuple(_request(case, kind, now, new_id) for case in cases)


def _request(case: Case, kind: RepairType, now: float, new_id: Callable[[], str]) -> Change:
    name, asked = case.instance.name, _asked(case)
    enough = next((repair for repair in case.repairs if repair.result is None and repair.type >= kind), None)
    if enough:
        how = "was asked for already" if enough in asked else "is under way already"
        return Change("instance", name, note=f"a {enough.type.label} repair {how}, since {utc(enough.timestamp)}")
    old = tuple(tag for repair in asked for tag in repair.tags)
    note = "it is healthy, so the next round ends the request at once" if case.health.whole else ""
    return Change("instance", name, (pending_tag(kind, new_id(), int(now), ()),), old, note)


def _asked(case: Case) -> list[Repair]:
    """The repairs that were asked for and have not begun. The first that is pending may have begun though its tags name
    no job; those after it wait for it."""
    pending = [repair for repair in case.repairs if repair.result is None]
    first = pending[:1] if case.progress is Progress.NEW else []
    return first + [repair for repair in pending[1:] if not repair.jobs]


def withdraw(cases: Iterable[Case]) -> tuple[Change, ...]:
    """Repairs that were asked for and have not begun are not wanted any more.

    Raises BadOption where there is none but one that has begun.
    """
    cases = tuple(cases)
    begun = [case.instance.name for case in cases if case.pending and not _asked(case)]
    if begun:
        stop = "a suspend tag keeps its next step from being taken"
        raise BadOption(f"the repair of {', '.join(begun)} has begun, and can't be withdrawn; {stop}; nothing was done")
    return tuple(_withdraw(case) for case in cases)


def _withdraw(case: Case) -> Change:
    tags = tuple(tag for repair in _asked(case) for tag in repair.tags)
    notes = [] if tags else ["no repair is asked for"]
    notes += ["the one that has begun goes on"] if case.pending and case.progress is not Progress.NEW else []
    return Change("instance", case.instance.name, remove=tags, note="; ".join([*notes, *map(str, case.unread)]))


def acknowledge(cases: Iterable[Case]) -> tuple[Change, ...]:
    """Somebody has looked into the failures: their tags go, so that repairs may begin again."""
    return tuple(_acknowledge(case) for case in cases)


def _acknowledge(case: Case) -> Change:
    failed = [repair for repair in case.repairs if repair.result == "failure"]
    tags = tuple(tag for repair in failed for tag in repair.tags)
    notes = [] if tags else ["no repair of it has failed"]
    return Change("instance", case.instance.name, remove=tags, note="; ".join([*notes, *map(str, case.unread)]))
