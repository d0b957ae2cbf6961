# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times: what people write for a moment to come (design, section 6)."""

from __future__ import annotations

import re

import pytest
from unit.plugins.module_utils.builders import NOW

from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.until import is_relative, parse_until
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption

MINUTE, HOUR = 60, 3600  # and NOW is 2027-01-15T08:00:00Z
DAY, LAST = 24 * HOUR, 253_402_300_799  # the last second of the year 9999

# sentence, what is written, the moment in seconds since the epoch
GOOD = [
    ("a timestamp", f"{NOW + 1000}", NOW + 1000),
    ("a timestamp of the next second", f"{NOW + 1}", NOW + 1),
    ("a timestamp with zeros before it", f"000{NOW + 1}", NOW + 1),
    ("the last second of all", f"{LAST}", LAST),
    ("UTC as Z", "2027-01-15T08:00:01Z", NOW + 1),
    ("UTC as z", "2027-01-15T08:00:01z", NOW + 1),
    ("UTC as an offset", "2027-01-15T08:00:01+00:00", NOW + 1),
    ("an hour east", "2027-01-15T10:00:00+01:00", NOW + HOUR),
    ("five and a half hours east", "2027-01-15T14:30:00+05:30", NOW + HOUR),
    ("eight hours west", "2027-01-15T01:00:00-08:00", NOW + HOUR),
    ("a blank for the T", "2027-01-15 09:00:00Z", NOW + HOUR),
    ("no seconds", "2027-01-15T09:00Z", NOW + HOUR),
    ("a part of a second is dropped", "2027-01-15T08:00:01.999999Z", NOW + 1),
    ("the day after February", "2028-02-29T00:00:00Z", 1_835_395_200),
    ("the last second, as a date", "9999-12-31T23:59:59Z", LAST),
    ("seconds from now", "+90s", NOW + 90),
    ("minutes from now", "+30m", NOW + 30 * MINUTE),
    ("hours from now", "+2h", NOW + 2 * HOUR),
    ("days from now", "+3d", NOW + 3 * DAY),
    ("weeks from now", "+1w", NOW + 7 * DAY),
    ("days and hours", "+1d12h", NOW + 36 * HOUR),
    ("all of them, in any order", "+1s1m1h1d1w", NOW + 1 + MINUTE + HOUR + DAY + 7 * DAY),
    ("one unit twice", "+1h1h", NOW + 2 * HOUR),
    ("one second from now", "+1s", NOW + 1),
    ("a zero beside more", "+0h5m", NOW + 5 * MINUTE),
    ("blanks around it", "  +2h\t\n", NOW + 2 * HOUR),
    ("blanks around a timestamp", f" {NOW + 5} ", NOW + 5),
]

JUNK = [
    ("nothing", ""),
    ("blanks", "   "),
    ("a word", "tomorrow"),
    ("a date without a time zone", "2027-12-01"),
    ("a time without a time zone", "2027-12-01T06:00:00"),
    ("a time zone by its name", "2027-12-01T06:00:00 Europe/Berlin"),
    ("two time zones", "2027-12-01T06:00:00+01:00Z"),
    ("a day that is none", "2027-02-30T06:00:00Z"),
    ("a month that is none", "2027-13-01T06:00:00Z"),
    ("an hour that is none", "2027-12-01T25:00:00Z"),
    ("a time of day alone", "06:00Z"),
    ("a span without its plus", "2h"),
    ("a span back", "-2h"),
    ("a span without its unit", "+2"),
    ("a plus alone", "+"),
    ("a unit alone", "+h"),
    ("a unit that is none", "+2y"),
    ("a unit in capitals", "+2H"),
    ("half an hour", "+0.5h"),
    ("blanks in between", "+1d 12h"),
    ("two pluses", "++2h"),
    ("something after it", "+2h!"),
    ("a line after it", "+2h\n+3h"),
    ("a timestamp with a fraction", f"{NOW + 1}.5"),
    ("a timestamp with an exponent", "1e12"),
    ("a negative one", "-1"),
    ("a timestamp of too many digits", "9" * 16),
    ("a span of too many digits", f"+{'9' * 10}s"),
    ("digits that are not ASCII", "+\N{ARABIC-INDIC DIGIT TWO}h"),
    ("a timestamp in such digits", "\N{ARABIC-INDIC DIGIT NINE}" * 10),
    ("endless", "inf"),
]

PAST = [
    ("now exactly", f"{NOW}"),
    ("now exactly, as a date", "2027-01-15T08:00:00Z"),
    ("within this second", "2027-01-15T08:00:00.9Z"),
    ("a second ago", f"{NOW - 1}"),
    ("a second ago, in another zone", "2027-01-15T09:59:59+02:00"),
    ("the epoch", "0"),
    ("before the epoch", "1969-12-31T23:59:59Z"),
    ("the beginning of the calendar", "0001-01-01T00:00:00Z"),
    ("no time from now", "+0s"),
    ("no weeks from now", "+0w0d"),
    ("a year for a timestamp", "2027"),
]

LATE = [
    ("a second after the last", f"{LAST + 1}"),
    ("milliseconds for seconds", f"{NOW}000"),
    ("too many weeks", "+999999999w"),
]


def _cases(rows, *names):
    return pytest.mark.parametrize(names, [row[1:] for row in rows], ids=[row[0] for row in rows])


@_cases(GOOD, "text", "moment")
def test_a_moment_to_come(text, moment):
    """It is understood to the second."""
    assert parse_until(text, NOW) == moment


@_cases(JUNK, "text")
def test_what_is_no_moment(text):
    """It is refused, with what it takes, in one line."""
    with pytest.raises(
        BadOption, match=f"^until is {re.escape(text.strip()).replace(chr(92) + chr(10), ' ')}"
    ) as caught:
        parse_until(text, NOW)
    assert "ISO 8601 with a time zone (2026-12-01T06:00:00Z), or a time from now" in str(caught.value)


@_cases(PAST, "text")
def test_a_moment_that_has_passed(text):
    """It is refused with both times, so that a clock or a zone that is wrong is seen."""
    with pytest.raises(BadOption, match="that has passed, as it is 2027-01-15T08:00:00Z"):
        parse_until(text, NOW)


@_cases(LATE, "text")
def test_a_moment_too_far(text):
    """It is refused: somebody has mistaken the unit."""
    with pytest.raises(BadOption, match=r"after the year 9999"):
        parse_until(text, NOW)


def test_a_part_of_a_second_does_not_count():
    """A span begins in the second that has begun; its end never is a second that is over."""
    assert parse_until("+1s", NOW + 0.999) == NOW + 1
    with pytest.raises(BadOption, match="has passed"):
        parse_until(f"{NOW}", NOW + 0.999)


@pytest.mark.parametrize(
    ("text", "relative"), [("+2h", True), (" +2h", True), (f"{NOW}", False), ("2027-01-15T10:00:00+01:00", False)]
)
def test_what_counts_from_now(text, relative):
    """Said again, it means another moment."""
    assert is_relative(text) is relative
