# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers: decoding a cluster's JSON into values that are safe to show and to calculate with.

Both transports decode their answers here, so the rest of the engine never sees control characters, NaN or infinity.
"""

from __future__ import annotations

import json
from typing import Any

from ..printable import printable

HUGE = 2**53  # floats are not exact beyond it; Ganeti has no number of that size


def decoded(body: bytes) -> Any:
    """The value of the JSON text `body`, with every string made printable. NaN, infinity and HUGE numbers become a
    mapping, so that nothing mistakes them for a number, a string or null.

    Raises ValueError for invalid JSON, and for JSON that is nested too deep.
    """
    try:
        text = body.decode(errors="replace")  # luxid sends a reason that is not ASCII in Latin-1 (measured)
        value = json.loads(text, parse_constant=_no_number, parse_float=_float)
        return value if _is_plain(body) else _shown(value)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _float(text: str) -> float | dict[str, str]:
    found = float(text)
    return found if abs(found) < HUGE else _no_number(text)


def _no_number(text: str) -> dict[str, str]:
    return {"no number": text}


def _is_plain(body: bytes) -> bool:
    """Whether each text in it can be shown as it stands; this is quick, and true of most answers."""
    return body.isascii() and b"\\" not in body and b"\x7f" not in body


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [_shown(each) for each in value]
    if isinstance(value, dict):
        return {printable(key): _shown(each) for key, each in value.items()}
    return value
