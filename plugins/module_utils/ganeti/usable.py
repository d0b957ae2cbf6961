# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usable: checks of the values in a cluster's answers before anything is decided by them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Callable

from ..printable import REPLACED
from .answers import HUGE
from .client import STATUS_NORMAL, Row

_NOT_IN_NAMES = re.compile(rf"[\s{REPLACED}]")


def number(value: Any) -> float | None:
    """`value` if it is a usable number, else None."""
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < HUGE  # NaN is not
    return float(value) if usable else None


def is_number(value: Any) -> bool:
    """Whether it is a usable number."""
    return number(value) is not None


def is_size(value: Any) -> bool:
    """Whether it is a whole number, 0 or more."""
    return isinstance(value, int) and is_number(value) and value >= 0


def is_sizes(value: Any) -> bool:
    """Whether it is a list of such numbers."""
    return isinstance(value, list) and all(map(is_size, value))


def is_flag(value: Any) -> bool:
    """Whether it is true or false."""
    return isinstance(value, bool)


def is_text(value: Any) -> bool:
    """Whether it is a text."""
    return isinstance(value, str)


def is_texts(value: Any) -> bool:
    """Whether it is a list of texts."""
    return isinstance(value, list) and all(map(is_text, value))


def is_name(value: Any) -> bool:
    """Whether it could be the name of a Ganeti object; characters that can't be shown have been replaced in it."""
    return isinstance(value, str) and _NOT_IN_NAMES.search(value) is None


def is_address(value: Any) -> bool:
    """Whether it is an IP address, without a scope."""
    try:
        return is_text(value) and "%" not in value and bool(ip_address(value))
    except ValueError:
        return False


def as_list(value: Any) -> list[Any]:
    """`value`, if it is a list; else an empty one."""
    return value if isinstance(value, list) else []


def time_of(value: Any) -> float | None:
    """A time as jobs have it, `[seconds, microseconds]`, in seconds since the epoch; None where there is none."""
    parts = [number(part) for part in as_list(value)]
    if len(parts) != 2 or parts[0] is None or parts[1] is None:
        return None
    return parts[0] + parts[1] / 1e6


def values_of(fields: Sequence[str], row: Row) -> Mapping[str, Any]:
    """The values of `row` that are there, by field; a value that Ganeti could not give is left out."""
    return {
        field: value for field, (status, value) in zip(fields, row) if status == STATUS_NORMAL and value is not None
    }


INSTANCE: Mapping[str, Callable[[Any], bool]] = {  # the fields by which something is decided for an instance
    "name": is_name,
    "uuid": is_text,
    "disk_template": is_text,
    "pnode": is_text,
    "snodes": is_texts,
    "admin_state": is_text,
    "tags": is_texts,
    "be/always_failover": is_flag,
    "be/maxmem": is_size,
    "disk.sizes": is_sizes,
    "forthcoming": is_flag,
}
