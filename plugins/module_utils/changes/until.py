# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Until: parses a future time as people write it, into seconds since the epoch (design, section 6, `until`)."""

from __future__ import annotations

import re
from datetime import datetime

from ..errors import BadOption
from ..ganeti.model import utc

_SPAN = re.compile(r"\+((?:[0-9]{1,9}[smhdw])+)\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_LATEST = 253_402_300_799  # the end of the year 9999


def is_relative(text: str) -> bool:
    """Whether `text` counts from now, as `+2h` does."""
    return text.strip().startswith("+")


def parse_until(text: str, now: float) -> int:
    """The time that `text` names, in seconds since the epoch: a timestamp, ISO 8601 with a zone, or `+1d12h` from
    `now`.

    Raises BadOption for anything else, for a time that has passed, and for one after the year 9999.
    """
    moment = _parse(text.strip(), now)
    if moment is None:
        takes = (
            "a timestamp in seconds, ISO 8601 with a time zone (2026-12-01T06:00:00Z), or a time from now (+2h, +1d12h)"
        )
        raise BadOption(f"until is {text}; it takes {takes}")
    if moment <= now:
        raise BadOption(f"until is {text}, which is {utc(moment)}; that has passed, as it is {utc(now)}")
    if moment > _LATEST:
        raise BadOption(f"until is {text}; that is after the year 9999")
    return moment


def _parse(text: str, now: float) -> int | None:
    if re.match(r"[0-9]{1,15}\Z", text):
        return int(text)
    span = _SPAN.match(text)
    if span:
        parts = re.findall(r"([0-9]+)([smhdw])", span[1])
        return int(now) + sum(int(number) * _SECONDS[unit] for number, unit in parts)
    try:
        moment = datetime.fromisoformat(re.sub(r"[zZ]\Z", "+00:00", text))
        return int(moment.timestamp()) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
