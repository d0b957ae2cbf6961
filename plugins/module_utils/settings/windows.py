# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows: the times at which riskier repairs may begin, in the local time of some time zone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..errors import BadOption
from ..ganeti.model import RepairType

_NEEDED = ("type", "start", "end", "timezone")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MIDNIGHT = 24 * 60  # at the end of a day
WINDOWS: Mapping[str, Any] = {  # the option's entry in argument specs
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "type": {"type": "str", "required": True, "choices": [kind.label for kind in RepairType]},
        "days": {"type": "list", "elements": "str", "default": []},
        "start": {"type": "str", "required": True},
        "end": {"type": "str", "required": True},
        "timezone": {"type": "str", "default": "UTC"},
    },
}


@dataclass(frozen=True)
class Window:
    """When a repair of `type` may begin: from `start`, which is inside, to `end`, which is not.

    Both are minutes after midnight in `zone`, on `days` (0 is Monday). A window whose `end` is not after its
    `start` goes over midnight and belongs to the day on which it begins.
    """

    type: RepairType
    days: frozenset[int]
    start: int
    end: int
    zone: tzinfo


def parse_windows(given: Iterable[Mapping[str, Any]]) -> tuple[Window, ...]:
    """The windows that the option `windows` describes; without `days` a window opens every day. Raises BadOption."""
    return tuple(_window(f"windows, entry {number}", entry) for number, entry in enumerate(given, 1))


def _window(where: str, given: Mapping[str, Any]) -> Window:
    missing = [name for name in _NEEDED if given.get(name) is None]
    if missing:
        raise BadOption(f"{where} has no {' and no '.join(missing)}; each window takes {', '.join(_NEEDED)}")
    window = Window(
        _type(where, given["type"]),
        frozenset(_day(where, day) for day in given.get("days") or _DAYS),
        _minutes(f"{where}: start", given["start"], _MIDNIGHT - 1),
        _minutes(f"{where}: end", given["end"], _MIDNIGHT),
        _zone(where, given["timezone"]),
    )
    if window.start == window.end:  # all day or never? the first is more than may have been meant
        never = 'such a window never opens; one for the whole day goes from "00:00" to "24:00"'
        raise BadOption(f"{where}: start and end are both {given['end']!r}; {never}")
    return window


def _type(where: str, given: Any) -> RepairType:
    found = RepairType.parse(given)
    if found is None:
        labels = ", ".join(kind.label for kind in RepairType)
        raise BadOption(f"{where}: type is {given!r}; it takes one of {labels}")
    return found


def _day(where: str, given: Any) -> int:
    name = str(given).strip().lower()  # Ansible splits "mon, tue" at the comma alone
    for number, day in enumerate(_DAYS):
        if name in (day, day[:3]):
            return number
    short = ", ".join(day[:3] for day in _DAYS)
    raise BadOption(f"{where}: days holds {given!r}; it takes {short}, or these days' full English names")


def _minutes(where: str, given: Any, latest: int) -> int:
    """Minutes after midnight."""
    found = re.match(r"([0-9]{1,2}):([0-5][0-9])\Z", str(given))
    minutes = int(found[1]) * 60 + int(found[2]) if found else latest + 1
    if minutes <= latest:
        return minutes
    takes = f'it takes hours and minutes, in quotes, up to "{latest // 60}:{latest % 60:02}"'
    if re.match(r"[0-9]+\Z", str(given)):
        takes += " (without the quotes YAML makes a number of a time: 1020 of 17:00)"
    raise BadOption(f"{where} is {given!r}; {takes}")


def _zone(where: str, given: Any) -> tzinfo:
    if given == "UTC":  # needs no time zone data
        return timezone.utc
    try:
        return ZoneInfo(str(given))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # which one depends on Python's version and the value
        known = "no time zone that this machine knows, such as Europe/Berlin; where it knows none, install tzdata"
        raise BadOption(f"{where}: timezone is {given!r}, which is {known}") from error


def opens(windows: Iterable[Window], kind: RepairType, now: float) -> float | None:
    """None if a repair of type `kind` may begin at `now`, else the time at which it next may.

    Times are in seconds since the epoch. Of the windows for types up to `kind`, only those of the highest type count: a
    window for failover applies to reinstall, too, unless that has windows of its own. One open window is enough; if
    none counts, a repair may begin at any time.
    """
    soonest = min((_next_open(window, now) for window in _counting(windows, kind)), default=now)
    return soonest if soonest > now else None


def _counting(windows: Iterable[Window], kind: RepairType) -> list[Window]:
    """The windows that apply to repairs of `kind`."""
    held = [window for window in windows if window.type <= kind]
    highest = max((window.type for window in held), default=None)
    return [window for window in held if window.type is highest]


def _next_open(window: Window, now: float) -> float:
    """`now`, or the time after it at which the window opens."""
    return next(max(begin, now) for begin, end in _spans(window, now) if max(begin, now) < end)


def _spans(window: Window, now: float) -> Iterator[tuple[float, float]]:
    """The beginning and end of each opening, day by day without end; one that the clock skips is empty."""
    today = datetime.fromtimestamp(now, window.zone).date()
    end = window.end if window.end > window.start else window.end + _MIDNIGHT
    for ahead in count(-2):  # yesterday's may be open; so may the one before, if the clock goes back over midnight
        day = today + timedelta(days=ahead)
        if day.weekday() in window.days:
            yield _moments(day, window.start, window.zone)[0], _moments(day, end, window.zone)[1]


def _moments(day: date, minutes: int, zone: tzinfo) -> tuple[float, float]:
    """The first and the last moment, in seconds since the epoch, at which local clocks show this time.

    They differ only for a time that comes twice. For a time that the clocks skip, both are the moment of the leap.
    """
    wall = datetime.combine(day, time(), zone) + timedelta(minutes=minutes)
    first, last = wall.timestamp(), wall.replace(fold=1).timestamp()
    if first <= last:
        return first, last
    leap = _leap(last, first, wall)  # the offsets before and after the leap place a skipped time on either side of it
    return leap, leap


def _leap(before: float, after: float, wall: datetime) -> float:
    """The moment between these two at which local clocks skip `wall`; time zones have whole seconds only."""
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, wall.tzinfo).replace(tzinfo=None) < wall.replace(tzinfo=None):
            before = middle
        else:
            after = middle
    return after
