# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests: what people ask of repairs by tags, as the tags to add and to remove (design, sections 2 and 6).

Nothing here reads or writes a cluster. What is already as requested stays as it is: a second request changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Callable

from ..errors import BadOption
from ..ganeti.model import RepairType, utc
from ..repair.case import Case
from ..repair.history import Repair
from ..repair.progress import Progress
from ..tags.fields import accepting, pending_tag
from ..tags.values import FOREVER, parse_tags

NOT_KNOWN = "the cluster did not return its tags; nothing was done with it"
FORTHCOMING = "it is forthcoming: a reservation, not an instance yet"
STOP = "a suspend tag prevents its next step"


@dataclass(frozen=True)
class Change:
    """Tags of one object to add and to remove; `note` is a sentence about it for people, `error` why nothing is to be
    written. `alone` says that the cluster is claimed first, as a round may be about to start what is taken back."""

    scope: str
    name: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    note: str = ""
    error: str = ""
    alone: bool = False

    @property
    def needed(self) -> bool:
        """Whether there is something to write."""
        return bool(self.add or self.remove)

    @property
    def timed(self) -> bool:
        """Whether a time is written, which requires a correct clock."""
        added = parse_tags(self.add)
        return bool(added.pendings or added.behind) or any(suspend.until != FOREVER for suspend in added.suspends)

    def noted(self, *words: str) -> Change:
        """The change with more words in its note."""
        return replace(self, note="; ".join(text for text in (self.note, *words) if text))


def request(
    cases: Iterable[Case],
    kind: RepairType,
    now: float,
    new_id: Callable[[], str],
    stopped: str = "",
    accept_behind: bool = False,
) -> tuple[Change, ...]:
    """Request a one-off repair up to `kind` for the instance of each of `cases`. `new_id` returns the id of a new
    repair; `stopped` is the note on a stopped cluster; `accept_behind` allows a repair to use a copy that is behind.

    Raises BadOption if one of them has a failed repair, or tags that can't be read: the repair would not start.
    """
    cases = tuple(cases)
    failed = [case.instance.name for case in cases if case.failure]
    if failed:
        raise BadOption(f"a repair of {', '.join(failed)} has failed; acknowledge it first; nothing was done")
    unread = [f"{case.instance.name}: {case.malformed_tags[0]}" for case in cases if case.malformed_tags]
    if unread:
        raise BadOption(f"{'; '.join(unread)}; remove it first; nothing was done")
    return tuple(_request(case, kind, now, new_id, accept_behind).noted(stopped) for case in cases)


def _request(case: Case, kind: RepairType, now: float, new_id: Callable[[], str], accepts: bool) -> Change:
    change, asked = _of(case), asked_of(case)
    if case.instance.forthcoming:
        return replace(change, error=f"{FORTHCOMING}, so nothing is repaired; nothing was done with it")
    accepts = accepts and (case.health.behind or bool(case.tags.behind))
    known = [repair for repair in case.repairs if repair.result is None and repair.type >= kind]
    newest = max((tag.since for tag in case.tags.behind), default=0)
    enough = next((repair for repair in known if repair.accepts_until >= newest or not accepts), None)
    if change.error:
        return change
    if enough:
        how, then = (
            ("was already requested at", "starts")
            if enough in asked
            else ("is already in progress, since", "continues")
        )
        words = f"a {enough.type.label} repair {how} {utc(enough.timestamp)}"
        return change.noted(words, _held(case, then))
    old = tuple(tag for repair in asked for tag in repair.tags)
    note = "it is healthy, so the next round ends the request at once" if case.health.is_healthy else ""
    repair_id = accepting(new_id()) if accepts else new_id()
    change = replace(change, add=(pending_tag(kind, repair_id, int(now), ()),), remove=old, alone=bool(old))
    return change.noted(_held(case, "starts") or note, _behind_words(case, accepts))


def _behind_words(case: Case, accepts: bool) -> str:
    """The note on a request for an instance with a copy that is behind."""
    if not case.tags.behind:
        return ""
    since = utc(min(tag.since for tag in case.tags.behind))
    if accepts:
        return (
            f"one of its copies has been behind since {since} at the latest, and this loses what was written since then"
        )
    return f"{case.health.problem}, so it waits: {case.health.advice}" if case.health.behind else ""


def _of(case: Case) -> Change:
    """An empty change of the instance; an error if its tags are missing, as that does not mean that it has none."""
    return Change("instance", case.instance.name, error=NOT_KNOWN if "tags" in case.instance.missing_fields else "")


def _held(case: Case, then: str) -> str:
    """What holds back every repair of the instance, with what it does `then`: it starts, or continues."""
    until, source = case.policy.suspended_until, case.policy.source
    if until is None:
        return f"{case.health.unknown}; it {then} when that is known" if case.health.unknown else ""
    end = "until the suspend tag is removed" if until == FOREVER else f"until {utc(until)}"
    by = {"instance": "its own tag", "group": "its group"}.get(source or "", "the cluster")
    return "; ".join([f"it is suspended by {by} {end}, and {then} after that", *case.policy.unreadable_tags])


def asked_of(case: Case) -> list[Repair]:
    """The requested repairs that have not started. The first pending one may have started although its tags name no
    job; the others wait for it."""
    pending = [repair for repair in case.repairs if repair.result is None]
    first = pending[:1] if case.progress is Progress.NEW else []
    return first + [repair for repair in pending[1:] if not repair.jobs]


def withdraw(cases: Iterable[Case]) -> tuple[Change, ...]:
    """Withdraw the requested repairs that have not started.

    Raises BadOption for an instance whose only pending repair has started.
    """
    cases = tuple(cases)
    begun = [case.instance.name for case in cases if case.pending and not asked_of(case)]
    if begun:
        raise BadOption(
            f"the repair of {', '.join(begun)} has started and can't be withdrawn; {STOP}; nothing was done"
        )
    return tuple(_withdraw(case) for case in cases)


def _withdraw(case: Case) -> Change:
    tags = tuple(tag for repair in asked_of(case) for tag in repair.tags)
    goes_on = "the one that has started continues" if case.pending and case.progress is not Progress.NEW else ""
    change = replace(_of(case), remove=tags, alone=bool(tags))
    if change.error:
        return change
    return change.noted("" if tags else "no repair is requested", goes_on, *map(str, case.malformed_tags))


def acknowledge(cases: Iterable[Case]) -> tuple[Change, ...]:
    """Remove the tags of failed repairs, whose causes somebody has looked into, so that repairs may start again."""
    return tuple(_acknowledge(case) for case in cases)


def _acknowledge(case: Case) -> Change:
    failed = [repair for repair in case.repairs if repair.result == "failure"]
    change = replace(_of(case), remove=tuple(tag for repair in failed for tag in repair.tags))
    if change.error:
        return change
    doubt = f"{case.health.problem}, so no repair of it starts: {case.health.advice}" if case.health.behind else ""
    return change.noted("" if failed else "no repair of it has failed", doubt, *map(str, case.malformed_tags))
