# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values: parsing every form of `ganeti:watcher:autorepair:...` into a value (design, section 2).

A tag with this prefix that can't be read is never dropped: it becomes a `Malformed` value, and the code that uses it
decides for the safe side.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Callable, Union, get_args, get_type_hints

from ..ganeti.model import RepairType
from ..printable import REPLACED
from .fields import BEHIND, MAX_LENGTH, NUMBER, PREFIX, job_ids, result_tag

FOREVER = float("inf")
RESULTS = ("success", "failure", "enoperm")
_TYPES = {kind.label: kind for kind in RepairType}
_STRANGE = re.compile(
    rf"[\s{REPLACED}]"
)  # Ganeti allows no such tag; characters that can't be shown have been replaced


@dataclass(frozen=True)
class Enable:
    """Repairs up to `type` are allowed."""

    tag: str
    type: RepairType


@dataclass(frozen=True)
class Suspend:
    """Nothing is started until `until`, in seconds since the epoch, or FOREVER."""

    tag: str
    until: float

    def in_force(self, now: float) -> bool:
        """As with harep, a suspend ends in the second that it names."""
        return self.until > now


@dataclass(frozen=True)
class Stop:
    """On the cluster: no repair starts there, whatever other tags say."""

    tag: str


@dataclass(frozen=True)
class Pending:
    """A repair is in progress, or was requested."""

    tag: str
    type: RepairType
    id: str
    timestamp: int
    jobs: tuple[int, ...]


@dataclass(frozen=True)
class Result:
    """A repair has ended, with one of RESULTS."""

    tag: str
    type: RepairType
    id: str
    timestamp: int
    result: str
    jobs: tuple[int, ...]


@dataclass(frozen=True)
class Claim:
    """On the cluster: `holder` alone writes until `until`, in seconds since the epoch (law 3)."""

    tag: str
    holder: str
    until: int


@dataclass(frozen=True)
class Breaking:
    """On the cluster or a group: the breaker has tripped, and stays tripped until `until`, in seconds since the epoch;
    if that is None, for as long as the storm lasts and a while longer (law 9)."""

    tag: str
    until: int | None


@dataclass(frozen=True)
class Behind:
    """The copy of the disks on the node with the UUID `node` does not hold the newest data, since `since` at the
    latest, in seconds since the epoch."""

    tag: str
    node: str
    since: int


@dataclass(frozen=True)
class Malformed:
    """An autorepair tag that can't be read; `kind` is its first word, or `enable`."""

    tag: str
    kind: str
    problem: str

    def __str__(self) -> str:
        return f"the tag {self.tag} can't be read: {self.problem}"


Tag = Union[Enable, Suspend, Stop, Pending, Result, Claim, Breaking, Behind, Malformed]


@dataclass(frozen=True)
class TagSet:
    """The tags of one object, sorted by kind."""

    enables: tuple[Enable, ...] = ()
    suspends: tuple[Suspend, ...] = ()
    stops: tuple[Stop, ...] = ()
    pendings: tuple[Pending, ...] = ()
    results: tuple[Result, ...] = ()
    claims: tuple[Claim, ...] = ()
    breakers: tuple[Breaking, ...] = ()
    behind: tuple[Behind, ...] = ()
    malformed: tuple[Malformed, ...] = ()


KINDS = {name: get_args(hint)[0] for name, hint in get_type_hints(TagSet).items()}  # what each field of a set holds


def parse_tags(texts: Iterable[str], of_cluster: bool = False) -> TagSet:
    """The autorepair tags among `texts`, parsed; all others are ignored. A stop is only valid among the tags
    `of_cluster`; anywhere else it counts as a permission that can't be read."""
    every = [parse_tag(text) for text in sorted(texts) if text.startswith((PREFIX, BEHIND))]
    parsed = every if of_cluster else [_without_stop(tag) for tag in every]
    return TagSet(**{name: tuple(tag for tag in parsed if isinstance(tag, kind)) for name, kind in KINDS.items()})


def _without_stop(tag: Tag) -> Tag:
    """`tag` on an instance or a group, where a stop is not valid but was meant as a limit."""
    if isinstance(tag, Stop):
        return Malformed(tag.tag, "enable", "stop is only for the whole cluster; use suspend for instances and groups")
    return replace(tag, kind="enable") if isinstance(tag, Malformed) and tag.kind == "stop" else tag


def parse_tag(text: str) -> Tag:
    """The value of one tag, which must begin with PREFIX or BEHIND."""
    if text.startswith(BEHIND):
        return _parse_behind(text, text[len(BEHIND) :].split(":"))
    word, colon, rest = text[len(PREFIX) :].partition(":")
    if word == "breaker":
        return _parse_breaker(text, rest, bool(colon))
    parse = _PARSERS.get(word)
    return parse(text, rest) if parse else _parse_word(text, text[len(PREFIX) :])


def _parse_word(text: str, word: str) -> Tag:
    if word == "stop":
        return Stop(text)
    if word.lower().startswith("stop"):  # somebody meant to stop us
        return Malformed(text, "stop", f"{word} should be spelled stop")
    if word.lower().startswith("suspend"):  # the same
        return Malformed(text, "suspend", f"{word} should be spelled suspend or suspend:TIMESTAMP")
    kind = RepairType.parse(word)
    return Enable(text, kind) if kind else Malformed(text, "enable", f"{word or 'nothing'} is not a repair type")


def _parse_suspend(text: str, until: str) -> Tag:
    if not until:  # harep takes "suspend" and "suspend:" for the same
        return Suspend(text, FOREVER)
    if not NUMBER.match(until):
        return Malformed(text, "suspend", f"{until} is not a timestamp in seconds")
    return Suspend(text, float(until))


def _parse_pending(text: str, rest: str) -> Tag:
    fields = rest.split(":")
    if len(fields) != 4:
        return Malformed(text, "pending", "it needs type, id, timestamp and jobs")
    problem = _problem(fields[0], fields[1], fields[2], fields[3])
    if problem:
        return Malformed(text, "pending", problem)
    return Pending(text, _TYPES[fields[0]], fields[1], int(fields[2]), job_ids(fields[3]))


def _parse_result(text: str, rest: str) -> Tag:
    fields = rest.split(":")
    if len(fields) != 5:
        return Malformed(text, "result", "it needs type, id, timestamp, result and jobs")
    problem = _problem(fields[0], fields[1], fields[2], fields[4])
    if not problem and fields[3] not in RESULTS:
        problem = "{} is not one of {}".format(fields[3] or "nothing", ", ".join(RESULTS))
    if problem:
        return Malformed(text, "result", problem)
    return Result(text, _TYPES[fields[0]], fields[1], int(fields[2]), fields[3], job_ids(fields[4]))


def _parse_claim(text: str, rest: str) -> Tag:
    fields = rest.split(":")
    if len(fields) != 2 or not fields[0] or _STRANGE.search(fields[0]) or not NUMBER.match(fields[1]):
        return Malformed(text, "claim", "it needs a holder and a timestamp in seconds")
    return Claim(text, fields[0], int(fields[1]))


def _parse_breaker(text: str, until: str, timed: bool) -> Tag:
    if timed and not NUMBER.match(until):
        return Malformed(text, "breaker", f"{until or 'nothing'} is not a timestamp in seconds")
    return Breaking(text, int(until) if timed else None)


def _parse_behind(text: str, fields: list[str]) -> Tag:
    if len(fields) != 2 or not fields[0] or not NUMBER.match(fields[1]):
        return Malformed(text, "behind", "it needs the UUID of a node and a timestamp in seconds")
    return Behind(text, fields[0], int(fields[1]))


_PARSERS: Mapping[str, Callable[[str, str], Tag]] = {  # by the word that a tag begins with
    "suspend": _parse_suspend,
    "pending": _parse_pending,
    "result": _parse_result,
    "claim": _parse_claim,
}


def _problem(kind: str, repair_id: str, timestamp: str, jobs: str) -> str | None:
    """What is wrong with the fields that pending and result tags share, if anything."""
    if RepairType.parse(kind) is None:
        return "{} is not a repair type".format(kind or "nothing")
    if not repair_id:
        return "the id is empty"
    if _STRANGE.search(repair_id):
        return f"the id {repair_id} has characters that Ganeti does not allow in tags"
    if not NUMBER.match(timestamp):
        return "{} is not a timestamp in seconds".format(timestamp or "nothing")
    if any(not NUMBER.match(job) for job in jobs.split("+") if jobs):
        return f"{jobs} is not a list of job ids joined by +"
    end = max(int(timestamp), 10**9)  # the result's timestamp has ten digits at least
    if len(result_tag(_TYPES[kind], repair_id, end, RESULTS[0], ())) > MAX_LENGTH:
        return "the id is too long for a result tag"
    return None
