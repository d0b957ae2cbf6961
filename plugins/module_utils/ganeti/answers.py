# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers: what a cluster has sent as JSON, as values that can be shown and reckoned with, whatever it was.

Both transports decode their answers here, so that nothing behind them meets a control character or a number that is
none.
"""

from __future__ import annotations

import json
from typing import Any

from ..printable import printable

HUGE = 2**53  # beyond it floats are no longer exact; Ganeti has no number of that size


def decoded(body: bytes) -> Any:
    """The value of the JSON text C(body). Each text in it is printable. NaN and what is infinite or HUGE becomes a
    mapping, which nobody takes for a number, a text or nothing.

    Raises ValueError for what is no JSON, or is nested too deep.
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
