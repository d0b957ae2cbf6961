# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows: when riskier repairs may begin, on every day that clocks know, and the windows that can't be meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as some
from unit.plugins.module_utils.builders import FAILOVER, FIX_STORAGE, MIGRATE, NOW, REINSTALL

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings import windows
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.windows import Window, opens, parse_windows

OPEN = None
BERLIN, NEW_YORK, SANTIAGO = "Europe/Berlin", "America/New_York", "America/Santiago"
SYDNEY, LORD_HOWE, APIA = "Australia/Sydney", "Australia/Lord_Howe", "Pacific/Apia"
OFFICE = {"type": "reinstall", "days": [], "start": "09:00", "end": "17:00", "timezone": BERLIN}


def _option(text, zone="UTC"):
    """One window as Ansible hands it over, from `reinstall mon,tue 09:00-17:00`; the days may be left out."""
    kind, *days, times = text.split()
    start, end = times.split("-")
    return {"type": kind, "days": days[0].split(",") if days else [], "start": start, "end": end, "timezone": zone}


def _opens(given, at, zone="UTC", kind=REINSTALL):
    """When windows that are written so open, seen from the time `at`; None: they are open. Times are in UTC."""
    found = opens(parse_windows(_option(one, zone) for one in given.split("; ")), kind, _seconds(at))
    return found if found is None else datetime.fromtimestamp(found, UTC)


def _seconds(at):
    return datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()


def _time(at):
    return at and datetime.fromtimestamp(_seconds(at), UTC)


# sentence, the windows, now, when they open; in UTC. 2026-06-01 is a Monday.
PLAIN = [
    ("inside", "reinstall 09:00-17:00", "2026-06-01 12:00", OPEN),
    ("just before the start", "reinstall 09:00-17:00", "2026-06-01 08:59:59", "2026-06-01 09:00"),
    ("a part of a second before it", "reinstall 09:00-17:00", "2026-06-01 08:59:59.900", "2026-06-01 09:00"),
    ("the start is inside", "reinstall 09:00-17:00", "2026-06-01 09:00", OPEN),
    ("just before the end", "reinstall 09:00-17:00", "2026-06-01 16:59:59", OPEN),
    ("a part of a second before it", "reinstall 09:00-17:00", "2026-06-01 16:59:59.900", OPEN),
    ("the end is outside", "reinstall 09:00-17:00", "2026-06-01 17:00", "2026-06-02 09:00"),
    ("before it, on the same day", "reinstall 09:00-17:00", "2026-06-01 00:00", "2026-06-01 09:00"),
    ("a window of one minute", "reinstall 09:00-09:01", "2026-06-01 09:00:59", OPEN),
    ("and after it", "reinstall 09:00-09:01", "2026-06-01 09:01", "2026-06-02 09:00"),
    ("a day without 0 before it", "reinstall 9:00-17:00", "2026-06-01 08:59:59", "2026-06-01 09:00"),
    ("over the end of a year", "reinstall 09:00-17:00", "2026-12-31 17:00", "2027-01-01 09:00"),
    ("on a leap day", "reinstall 09:00-17:00", "2028-02-28 17:00", "2028-02-29 09:00"),
    # days
    ("on its day", "reinstall mon 09:00-17:00", "2026-06-01 12:00", OPEN),
    ("on another day", "reinstall mon 09:00-17:00", "2026-06-02 12:00", "2026-06-08 09:00"),
    ("after its end it's a week", "reinstall mon 09:00-17:00", "2026-06-01 17:00", "2026-06-08 09:00"),
    ("on Friday evening", "reinstall mon,tue,wed,thu,fri 09:00-17:00", "2026-06-05 17:00", "2026-06-08 09:00"),
    ("at the weekend, on Sunday", "reinstall sat,sun 09:00-17:00", "2026-06-07 09:00", OPEN),
    ("at the weekend, on Monday", "reinstall sat,sun 09:00-17:00", "2026-06-08 09:00", "2026-06-13 09:00"),
    # midnight
    ("a whole day's last second", "reinstall mon 00:00-24:00", "2026-06-01 23:59:59", OPEN),
    ("a whole day's first second", "reinstall mon 00:00-24:00", "2026-06-01 00:00", OPEN),
    ("it isn't the day before", "reinstall mon 00:00-24:00", "2026-05-31 23:59:59", "2026-06-01 00:00"),
    ("nor the day after", "reinstall mon 00:00-24:00", "2026-06-02 00:00", "2026-06-08 00:00"),
    ("a whole day, every day", "reinstall 00:00-24:00", "2026-06-02 00:00", OPEN),
    ("until midnight, as 24:00", "reinstall mon 22:00-24:00", "2026-06-01 23:59:59", OPEN),
    ("until midnight, as 24:00, at midnight", "reinstall mon 22:00-24:00", "2026-06-02 00:00", "2026-06-08 22:00"),
    ("until midnight, as 00:00", "reinstall mon 22:00-00:00", "2026-06-01 23:59:59", OPEN),
    ("until midnight, as 00:00, at midnight", "reinstall mon 22:00-00:00", "2026-06-02 00:00", "2026-06-08 22:00"),
    ("over midnight, before it starts", "reinstall mon 22:00-06:00", "2026-06-01 21:59:59", "2026-06-01 22:00"),
    ("over midnight, before midnight", "reinstall mon 22:00-06:00", "2026-06-01 22:00", OPEN),
    ("over midnight it's still Monday's", "reinstall mon 22:00-06:00", "2026-06-02 05:59:59", OPEN),
    ("over midnight, at the end", "reinstall mon 22:00-06:00", "2026-06-02 06:00", "2026-06-08 22:00"),
    ("Monday's early hours are Sunday's", "reinstall mon 22:00-06:00", "2026-06-01 05:00", "2026-06-01 22:00"),
    ("from Sunday into Monday", "reinstall sun 22:00-06:00", "2026-06-01 05:59:59", OPEN),
    ("all but a minute", "reinstall mon 12:01-12:00", "2026-06-02 11:59:59", OPEN),
    ("that minute", "reinstall 12:01-12:00", "2026-06-02 12:00", "2026-06-02 12:01"),
    # several
    ("between two the next", "reinstall 06:00-08:00; reinstall 20:00-22:00", "2026-06-01 08:00", "2026-06-01 20:00"),
    ("in whichever order", "reinstall 20:00-22:00; reinstall 06:00-08:00", "2026-06-01 22:00", "2026-06-02 06:00"),
    ("one that is open is enough", "reinstall mon 00:00-24:00; reinstall 20:00-22:00", "2026-06-01 12:00", OPEN),
    ("also the last", "reinstall 20:00-22:00; reinstall tue 00:00-24:00", "2026-06-02 12:00", OPEN),
    ("one follows on the other", "reinstall 06:00-08:00; reinstall 08:00-09:00", "2026-06-01 08:00", OPEN),
    ("one lies within the other", "reinstall 06:00-12:00; reinstall 08:00-09:00", "2026-06-01 09:00", OPEN),
]  # fmt: skip

# sentence, zone, the windows, now, when they open; in UTC
ZONES = [
    ("Berlin in winter", BERLIN, "reinstall 09:00-17:00", "2026-01-15 07:59:59", "2026-01-15 08:00"),
    ("Berlin in summer", BERLIN, "reinstall 09:00-17:00", "2026-07-15 06:59:59", "2026-07-15 07:00"),
    ("the day is that of the zone", NEW_YORK, "reinstall mon 20:00-24:00", "2026-06-02 03:59:59", OPEN),
    ("and ends there", NEW_YORK, "reinstall mon 20:00-24:00", "2026-06-02 04:00", "2026-06-09 00:00"),
    ("east of UTC too", "Pacific/Auckland", "reinstall mon 00:00-01:00", "2026-05-31 12:00", OPEN),
    ("a zone with half an hour", "Asia/Kolkata", "reinstall 09:00-17:00", "2026-06-01 03:29:59", "2026-06-01 03:30"),
    ("its start", "Asia/Kolkata", "reinstall 09:00-17:00", "2026-06-01 03:30", OPEN),
    ("its end", "Asia/Kolkata", "reinstall 09:00-17:00", "2026-06-01 11:30", "2026-06-02 03:30"),
    # 2026-03-29 in Berlin: 02:00 +01:00, 01:00 UTC, becomes 03:00 +02:00
    ("before the gap", BERLIN, "reinstall 09:00-17:00", "2026-03-28 16:00", "2026-03-29 07:00"),
    ("a start in the gap opens after it", BERLIN, "reinstall 02:30-06:00", "2026-03-29 00:59:59", "2026-03-29 01:00"),
    ("at once after it", BERLIN, "reinstall 02:30-06:00", "2026-03-29 01:00", OPEN),
    ("on the day before at its time", BERLIN, "reinstall 02:30-06:00", "2026-03-28 01:29:59", "2026-03-28 01:30"),
    ("a start with which the gap begins", BERLIN, "reinstall 02:00-06:00", "2026-03-29 00:59:59", "2026-03-29 01:00"),
    ("a start with which the gap ends", BERLIN, "reinstall 03:00-06:00", "2026-03-29 00:59:59", "2026-03-29 01:00"),
    ("an end in the gap", BERLIN, "reinstall 01:00-02:30", "2026-03-29 00:59:59", OPEN),
    ("and after it", BERLIN, "reinstall 01:00-02:30", "2026-03-29 01:00", "2026-03-29 23:00"),
    ("over the gap", BERLIN, "reinstall sat 22:00-06:00", "2026-03-29 03:59:59", OPEN),
    ("it ends by the wall's clock", BERLIN, "reinstall sat 22:00-06:00", "2026-03-29 04:00", "2026-04-04 20:00"),
    ("one that vanishes in the gap", BERLIN, "reinstall 02:15-02:45", "2026-03-29 00:30", "2026-03-30 00:15"),
    ("that is the gap", BERLIN, "reinstall 02:00-03:00", "2026-03-29 01:00", "2026-03-30 00:00"),
    ("and comes but once a week", BERLIN, "reinstall sun 02:15-02:45", "2026-03-22 01:45", "2026-04-05 00:15"),
    # 2026-10-25 in Berlin: 03:00 +02:00, 01:00 UTC, becomes 02:00 +01:00
    ("a start that comes twice, before it", BERLIN, "reinstall 02:30-06:00", "2026-10-25 00:29:59", "2026-10-25 00:30"),
    ("counts at its first time", BERLIN, "reinstall 02:30-06:00", "2026-10-25 00:30", OPEN),
    ("and does not close again", BERLIN, "reinstall 02:30-06:00", "2026-10-25 01:15", OPEN),
    ("an end that comes twice", BERLIN, "reinstall 01:00-02:30", "2026-10-25 00:45", OPEN),
    ("counts at its last time", BERLIN, "reinstall 01:00-02:30", "2026-10-25 01:29:59", OPEN),
    ("and then it's over", BERLIN, "reinstall 01:00-02:30", "2026-10-25 01:30", "2026-10-26 00:00"),
    ("both come twice: before", BERLIN, "reinstall 02:15-02:45", "2026-10-25 00:14:59", "2026-10-25 00:15"),
    ("both come twice: between", BERLIN, "reinstall 02:15-02:45", "2026-10-25 01:00", OPEN),
    ("both come twice: after", BERLIN, "reinstall 02:15-02:45", "2026-10-25 01:45", "2026-10-26 01:15"),
    ("an end with which the doubled hour begins", BERLIN, "reinstall 01:00-02:00", "2026-10-25 00:59:59", OPEN),
    ("it comes twice as well", BERLIN, "reinstall 01:00-02:00", "2026-10-25 01:00", "2026-10-26 00:00"),
    ("a start with which it ends", BERLIN, "reinstall 03:00-04:00", "2026-10-25 01:59:59", "2026-10-25 02:00"),
    ("over the doubled hour", BERLIN, "reinstall sat 22:00-06:00", "2026-10-25 04:59:59", OPEN),
    ("it ends by the wall's clock", BERLIN, "reinstall sat 22:00-06:00", "2026-10-25 05:00", "2026-10-31 21:00"),
    # 2026-03-08 in New York: 02:00 -05:00, 07:00 UTC, becomes 03:00; 2026-11-01: 02:00 -04:00, 06:00 UTC, becomes 01:00
    ("New York: before the gap", NEW_YORK, "reinstall 02:30-06:00", "2026-03-08 06:59:59", "2026-03-08 07:00"),
    ("New York: after the gap", NEW_YORK, "reinstall 02:30-06:00", "2026-03-08 07:00", OPEN),
    ("New York: by the wall's clock", NEW_YORK, "reinstall 02:30-06:00", "2026-03-08 10:00", "2026-03-09 06:30"),
    ("New York: twice, at first", NEW_YORK, "reinstall sun 01:30-01:45", "2026-11-01 05:29:59", "2026-11-01 05:30"),
    ("New York: twice, at last", NEW_YORK, "reinstall sun 01:30-01:45", "2026-11-01 06:44:59", OPEN),
    ("New York: twice, over", NEW_YORK, "reinstall sun 01:30-01:45", "2026-11-01 06:45", "2026-11-08 06:30"),
    # 2026-10-04 in Sydney: 02:00 +10:00, 16:00 UTC, becomes 03:00; 2026-04-05: 03:00 +11:00, 16:00 UTC, becomes 02:00
    ("Sydney: October has the gap", SYDNEY, "reinstall 02:30-06:00", "2026-10-03 15:59:59", "2026-10-03 16:00"),
    ("Sydney: and after it", SYDNEY, "reinstall 02:30-06:00", "2026-10-03 16:00", OPEN),
    ("Sydney: April has it twice", SYDNEY, "reinstall 02:30-02:45", "2026-04-04 15:29:59", "2026-04-04 15:30"),
    ("Sydney: until its last", SYDNEY, "reinstall 02:30-02:45", "2026-04-04 16:44:59", OPEN),
    ("Sydney: and no longer", SYDNEY, "reinstall 02:30-02:45", "2026-04-04 16:45", "2026-04-05 16:30"),
    # 2026-10-04 on Lord Howe: 02:00 +10:30, 15:30 UTC, becomes 02:30 +11:00
    ("a gap of half an hour", LORD_HOWE, "reinstall 02:10-02:45", "2026-10-03 15:29:59", "2026-10-03 15:30"),
    ("and what vanishes in it", LORD_HOWE, "reinstall 02:10-02:30", "2026-10-03 15:20", "2026-10-04 15:10"),
    # 2026-09-06 in Santiago: 00:00 -04:00, 04:00 UTC, becomes 01:00; 2026-04-05: 00:00 -03:00, 03:00 UTC, becomes 23:00
    ("a gap at midnight", SANTIAGO, "reinstall sun 00:00-06:00", "2026-09-06 03:59:59", "2026-09-06 04:00"),
    ("an end in it", SANTIAGO, "reinstall sat 22:00-24:00", "2026-09-06 03:59:59", OPEN),
    ("is over after it", SANTIAGO, "reinstall sat 22:00-24:00", "2026-09-06 04:00", "2026-09-13 01:00"),
    ("an evening that is longer", SANTIAGO, "reinstall sat 22:00-24:00", "2026-04-05 03:59:59", OPEN),
    ("and its end", SANTIAGO, "reinstall sat 22:00-24:00", "2026-04-05 04:00", "2026-04-12 02:00"),
    # St. John's, 2009-11-01: 00:01 -02:30, 02:31 UTC, becomes 23:01 of the day before
    ("the clock goes back over midnight", "America/St_Johns", "reinstall fri 23:59-23:58", "2009-11-01 02:30:30", OPEN),
    ("until the second time", "America/St_Johns", "reinstall fri 23:59-23:58", "2009-11-01 03:28", "2009-11-07 03:29"),
    # Apia went without 2011-12-30, a Friday: 2011-12-29 24:00 -10:00, 10:00 UTC, becomes 2011-12-31 00:00 +14:00
    ("a day without itself", APIA, "reinstall fri 09:00-17:00", "2011-12-30 09:00", "2012-01-05 19:00"),
    ("the whole of it", APIA, "reinstall fri 00:00-24:00", "2011-12-30 10:00", "2012-01-05 10:00"),
]  # fmt: skip

NIGHT, MIDDAY = "2026-06-01 22:00", "2026-06-01 12:00"
BY_TYPE = "failover 11:00-13:00; reinstall 21:00-23:00"
# sentence, the windows, the type, now, when they open
TYPES = [
    ("without windows any time is good", "", REINSTALL, NIGHT, OPEN),
    ("a type has its own", "failover 11:00-13:00", FAILOVER, NIGHT, "2026-06-02 11:00"),
    ("they hold a riskier one, too", "failover 11:00-13:00", REINSTALL, NIGHT, "2026-06-02 11:00"),
    ("and let it begin", "failover 11:00-13:00", REINSTALL, MIDDAY, OPEN),
    ("they do not hold a less risky one", "failover 11:00-13:00", MIGRATE, NIGHT, OPEN),
    ("nor the least risky one", "failover 11:00-13:00", FIX_STORAGE, NIGHT, OPEN),
    ("even the least risky may have one", "fix-storage 11:00-13:00", FIX_STORAGE, NIGHT, "2026-06-02 11:00"),
    ("which holds all", "fix-storage 11:00-13:00", REINSTALL, NIGHT, "2026-06-02 11:00"),
    ("a window of its own opens", BY_TYPE, REINSTALL, NIGHT, OPEN),
    ("then the less risky one's doesn't count", BY_TYPE, REINSTALL, MIDDAY, "2026-06-01 21:00"),
    ("nor the riskier one's for it", BY_TYPE, FAILOVER, NIGHT, "2026-06-02 11:00"),
    ("the nearest below counts", "migrate 21:00-23:00; failover 11:00-13:00", REINSTALL, NIGHT, "2026-06-02 11:00"),
    ("all windows of the type count", f"{BY_TYPE}; reinstall 11:30-12:30", REINSTALL, MIDDAY, OPEN),
]


@pytest.mark.parametrize(("given", "now", "wanted"), [row[1:] for row in PLAIN], ids=[row[0] for row in PLAIN])
def test_a_window_is_open_from_its_start_to_its_end(given, now, wanted):
    """To the second, on its days, over midnight, alone or with others."""
    assert _opens(given, now) == _time(wanted)


@pytest.mark.parametrize(
    ("zone", "given", "now", "wanted"), [row[1:] for row in ZONES], ids=[f"{row[1]}: {row[0]}" for row in ZONES]
)
def test_times_are_those_of_the_clock_on_a_wall(zone, given, now, wanted):
    """Also where that clock leaves times out, or shows them twice."""
    assert _opens(given, now, zone) == _time(wanted)


@pytest.mark.parametrize(("given", "kind", "now", "wanted"), [row[1:] for row in TYPES], ids=[row[0] for row in TYPES])
def test_the_windows_of_the_nearest_type_count(given, kind, now, wanted):
    """Its own, or else those of the riskiest type below it."""
    found = _opens(given, now, kind=kind) if given else opens((), kind, _seconds(now))
    assert found == _time(wanted)


@pytest.mark.parametrize("minute", range(60))
def test_wherever_in_the_gap_a_start_lies_the_window_opens_after_it(minute):
    """In the very second of the leap."""
    given = f"reinstall 02:{minute:02}-04:00"
    assert _opens(given, "2026-03-29 00:59:59", BERLIN) == _time("2026-03-29 01:00")
    assert _opens(given, "2026-03-29 01:00", BERLIN) is OPEN


def test_each_window_has_its_own_zone():
    """The one that opens first counts, wherever that is."""
    given = parse_windows([_option("reinstall 09:00-10:00", NEW_YORK), _option("reinstall 09:00-10:00", BERLIN)])
    found = [opens(given, REINSTALL, _seconds(f"2026-06-01 {hour}:00")) for hour in ("06", "07", "08", "13")]
    assert found == [_seconds("2026-06-01 07:00"), OPEN, _seconds("2026-06-01 13:00"), OPEN]


# --- what is given --------------------------------------------------------------------------------------------------


def test_what_ansible_hands_over_becomes_a_window():
    """Every value, as it is kept."""
    assert parse_windows([dict(OFFICE, days=["mon", "fri"], end="24:00")]) == (
        Window(REINSTALL, frozenset({0, 4}), 540, 1440, ZoneInfo(BERLIN)),
    )
    assert parse_windows([]) == ()


@pytest.mark.parametrize("given", [{"days": []}, {"days": None}, {}], ids=str)
def test_no_days_are_all_days(given):
    """However they are left out."""
    rest = {name: OFFICE[name] for name in OFFICE if name != "days"}
    assert parse_windows([rest | given])[0].days == frozenset(range(7))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["mon", "tue", "wed", "thu", "fri", "sat", "sun"], range(7)),
        (["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"], range(7)),
        (["Mon", "SUNDAY", "sUn"], {0, 6}),
        (["mon", " tue"], {0, 1}),
    ],
    ids=["short", "in full", "in any case, twice", "split at the comma alone"],
)
def test_days_are_read_by_their_english_names(given, wanted):
    """As people write them."""
    assert parse_windows([dict(OFFICE, days=given)])[0].days == frozenset(wanted)


@pytest.mark.parametrize("kind", RepairType)
def test_every_type_may_have_windows(kind):
    """By its label."""
    assert parse_windows([dict(OFFICE, type=kind.label)])[0].type is kind


UNKNOWN_ZONE = "no time zone that this machine knows, such as Europe/Berlin; where it knows none, install tzdata"
SEXAGESIMAL = 'in quotes, up to "24:00" (without the quotes YAML makes a number of a time: 1020 of 17:00)'
TYPE_NAMES = "it takes one of fix-storage, migrate, failover, reinstall"
DAY_NAMES = "it takes mon, tue, wed, thu, fri, sat, sun, or these days' full English names"
START, END = [f'it takes hours and minutes, in quotes, up to "{latest}"' for latest in ("23:59", "24:00")]
REFUSED = [
    ("an unknown type", {"type": "reboot"}, f"type is 'reboot'; {TYPE_NAMES}"),
    ("a type in capitals", {"type": "Reinstall"}, f"type is 'Reinstall'; {TYPE_NAMES}"),
    ("an unknown day", {"days": ["mon", "funday"]}, f"days holds 'funday'; {DAY_NAMES}"),
    ("a German day", {"days": ["mo"]}, f"days holds 'mo'; {DAY_NAMES}"),
    ("a day's number", {"days": [1]}, f"days holds 1; {DAY_NAMES}"),
    ("an empty day", {"days": [""]}, f"days holds ''; {DAY_NAMES}"),
    ("several days in one", {"days": ["mon-fri"]}, f"days holds 'mon-fri'; {DAY_NAMES}"),
    ("a start without minutes", {"start": "9h"}, f"start is '9h'; {START}"),
    ("a start with seconds", {"start": "09:00:00"}, f"start is '09:00:00'; {START}"),
    ("a start with one digit's minutes", {"start": "9:5"}, f"start is '9:5'; {START}"),
    ("a start with too many minutes", {"start": "09:60"}, f"start is '09:60'; {START}"),
    ("a start of three digits' hours", {"start": "009:00"}, f"start is '009:00'; {START}"),
    ("a start with a line's end", {"start": "09:00\n"}, f"start is '09:00\\n'; {START}"),
    ("a start in other digits", {"start": "\u0669:00"}, f"start is '\u0669:00'; {START}"),
    ("a start of 24:00", {"start": "24:00"}, f"start is '24:00'; {START}"),
    ("an empty start", {"start": ""}, f"start is ''; {START}"),
    ("an end of 24:01", {"end": "24:01"}, f"end is '24:01'; {END}"),
    ("an end of 25:00", {"end": "25:00"}, f"end is '25:00'; {END}"),
    ("an end below 0", {"end": "-1:00"}, f"end is '-1:00'; {END}"),
    ("an end that YAML has counted", {"end": "1020"}, f"end is '1020'; it takes hours and minutes, {SEXAGESIMAL}"),
    ("as a number", {"end": 1020}, f"end is 1020; it takes hours and minutes, {SEXAGESIMAL}"),
    ("an unknown zone", {"timezone": "Europe/Nowhere"}, f"timezone is 'Europe/Nowhere', which is {UNKNOWN_ZONE}"),
    ("a folder of zones", {"timezone": "Europe"}, f"timezone is 'Europe', which is {UNKNOWN_ZONE}"),
    ("no zone", {"timezone": ""}, f"timezone is '', which is {UNKNOWN_ZONE}"),
    ("an absolute path", {"timezone": "/etc/passwd"}, f"timezone is '/etc/passwd', which is {UNKNOWN_ZONE}"),
    ("a path upwards", {"timezone": "../UTC"}, f"timezone is '../UTC', which is {UNKNOWN_ZONE}"),
    ("a file that is no zone", {"timezone": "zone.tab"}, f"timezone is 'zone.tab', which is {UNKNOWN_ZONE}"),
    ("a number", {"timezone": 1}, f"timezone is 1, which is {UNKNOWN_ZONE}"),
    (
        "a window that never opens",
        {"start": "9:00", "end": "09:00"},
        "start and end are both '09:00'; such a window never opens; "
        'one for the whole day goes from "00:00" to "24:00"',
    ),
]
INCOMPLETE = [
    ({"type": None}, "has no type"),
    ({"start": None}, "has no start"),
    ({"end": None}, "has no end"),
    ({"timezone": None}, "has no timezone"),
    ({"start": None, "end": None}, "has no start and no end"),
]


def _refusal(*given):
    """What is said to windows that are refused."""
    with pytest.raises(BadOption) as caught:
        parse_windows(given)
    return str(caught.value)


@pytest.mark.parametrize(("change", "wanted"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_can_not_be_meant_is_refused(change, wanted):
    """In one sentence: where, what stands there, and what it takes."""
    assert _refusal(OFFICE | change) == f"windows, entry 1: {wanted}"


@pytest.mark.parametrize(("change", "wanted"), INCOMPLETE, ids=[row[1] for row in INCOMPLETE])
def test_a_window_that_lacks_something_is_refused(change, wanted):
    """Whether it isn't there or, as with Ansible, None."""
    said = f"windows, entry 1 {wanted}; each window takes type, start, end, timezone"
    assert _refusal(OFFICE | change) == said
    assert _refusal({name: OFFICE[name] for name in OFFICE if name not in change}) == said


def test_the_entry_that_is_refused_is_named():
    """Counted as people count."""
    assert _refusal(OFFICE, OFFICE | {"end": "soon"}, OFFICE).startswith("windows, entry 2: end is 'soon'")


@pytest.mark.parametrize("error", [IsADirectoryError(21, "Europe"), PermissionError(13, "Europe")], ids=repr)
def test_a_zone_that_some_pythons_trip_over_is_refused(monkeypatch, error):
    """For a folder, or a file that may not be read, Python's versions differ in what they raise."""

    def trip(_key):
        raise error

    monkeypatch.setattr(windows, "ZoneInfo", trip)
    assert _refusal(OFFICE).endswith(UNKNOWN_ZONE)


# --- any window, at any time ----------------------------------------------------------------------------------------

DAY = 24 * 60 * 60
ZONE_NAMES = ["UTC", BERLIN, NEW_YORK, LORD_HOWE, SANTIAGO, "Asia/Kolkata", APIA]
# on these days a clock is changed in one of them
CHANGES = [
    *("2011-12-30", "2026-03-08", "2026-03-29", "2026-04-05"),
    *("2026-09-06", "2026-10-04", "2026-10-25", "2026-11-01"),
]
MINUTES = some.integers(0, 1439)
WINDOWS = some.builds(
    lambda days, start, length, zone: Window(REINSTALL, days, start, (start + length) % 1440, ZoneInfo(zone)),
    some.frozensets(some.integers(0, 6), min_size=1),
    MINUTES | some.integers(0, 180),
    some.integers(1, 1440) | some.integers(1, 90),
    some.sampled_from(ZONE_NAMES),
)
TIMES = some.integers(NOW - 20 * 365 * DAY, NOW + 20 * 365 * DAY) | some.builds(
    lambda day, seconds: _seconds(day) + seconds, some.sampled_from(CHANGES), some.integers(-8 * DAY, 2 * DAY)
)


@given(some.lists(WINDOWS, min_size=1, max_size=3), TIMES, some.data())
def test_what_is_said_to_open_next_does_and_nothing_does_before(given, now, data):
    """Whatever the windows and the time; a sample of the minutes before is tried."""
    found = opens(given, REINSTALL, now)
    assume(found is not None)
    assert found is not None  # which assume does not tell a type checker
    assert found > now
    assert opens(given, REINSTALL, found) is None
    minutes = range(int(now // 60 + 1), int(-(-found // 60)))
    sample = data.draw(some.lists(some.sampled_from(minutes), max_size=20)) if minutes else []
    for earlier in [minute * 60 for minute in {*sample, *minutes[:2], *minutes[-2:]}] + [found - 1]:
        assert earlier < now or opens(given, REINSTALL, earlier) == found


def _shown(window, now):
    """Whether the time on the wall's clock lies in the window."""
    wall = datetime.fromtimestamp(now, window.zone)
    minute, today = wall.hour * 60 + wall.minute, wall.weekday()
    if window.start < window.end:
        return today in window.days and window.start <= minute < window.end
    yesterday = (today - 1) % 7
    return (today in window.days and minute >= window.start) or (yesterday in window.days and minute < window.end)


@given(WINDOWS, TIMES)
def test_a_window_is_open_when_the_clock_on_the_wall_says_so(window, now):
    """And at no other time, but between the two times at which a doubled one comes."""
    is_open = opens([window], REINSTALL, now) is None
    walls = [datetime.fromtimestamp(now, window.zone) + timedelta(days=days) for days in (-2, 2)]
    steady = walls[0].utcoffset() == walls[1].utcoffset()
    assert is_open == _shown(window, now) if steady else is_open >= _shown(window, now)
