# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Query filters: reading them, and asking them of an item. The words of every refusal are Ganeti's own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simulator.errors import LuxiError
from simulator.fields import NORMAL

COMPARISONS: dict[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}
EQUAL, NOT_EQUAL, CONTAINS, MATCHES, TRUE = "=", "!=", "=[]", "=~", "?"
Cell = Callable[[str], Sequence[object]]  # gives [status, value] of an item's field


@dataclass(frozen=True)
class Filter:
    """One operator with its field and value, or with the filters below it."""

    operator: str
    below: tuple[Filter, ...] = ()
    field: str = ""
    value: object = None

    def fields(self) -> set[str]:
        """Return the names of all fields that are asked for."""
        return {self.field} - {""} | {name for one in self.below for name in one.fields()}

    def only_equal(self, field: str) -> list[object] | None:
        """Return the values of a filter that does nothing but name items, else None."""
        if self.operator == EQUAL and self.field == field:
            return [self.value]
        lists = [one.only_equal(field) for one in self.below]
        if self.operator != "|" or not lists:
            return None
        return None if any(one is None for one in lists) else [v for one in lists for v in one or []]


class BadFilter(Exception):
    """A filter can't be read; the text says why."""


def read(raw: object) -> Filter:
    """Return the filter that a request gives; raise BadFilter."""
    if not (isinstance(raw, list) and raw and isinstance(raw[0], str)):
        raise BadFilter(f"Cannot deserialise filter: expected array [string, args], got {json.dumps(raw)}")
    operator, arguments = raw[0], raw[1:]
    if operator in ("&", "|"):
        return Filter(operator, tuple(map(read, arguments)))
    if operator == "!":
        if len(arguments) != 1:
            raise BadFilter(f"Cannot deserialise field, expected [filter] but got {json.dumps(arguments)}")
        return Filter(operator, (read(arguments[0]),))
    if operator == TRUE:
        if not (len(arguments) == 1 and isinstance(arguments[0], str)):
            raise BadFilter(f"Cannot deserialise field, expected [fieldname] but got {json.dumps(arguments)}")
        return Filter(operator, field=arguments[0])
    return read_comparison(operator, arguments)


def read_comparison(operator: str, arguments: list[object]) -> Filter:
    """Return a filter that compares a field with a value; raise BadFilter."""
    operator = EQUAL if operator == "==" else operator
    if operator not in (EQUAL, NOT_EQUAL, CONTAINS, MATCHES, *COMPARISONS):
        raise BadFilter(f"Unknown filter operand '{operator}'")
    if not (len(arguments) == 2 and isinstance(arguments[0], str)):
        given = json.dumps(arguments)
        raise BadFilter(f"Cannot deserialise field/value pair, expected [fieldname, value] but got {given}")
    field, value = arguments
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        text = json.dumps(value)
        raise BadFilter(f"Cannot deserialise filter value, expecting string or integer, got {text}")
    if operator == MATCHES:
        try:
            re.compile(str(value))
        except re.error as error:
            raise BadFilter(f'(1,"{error.msg}")') from error
    return Filter(operator, field=str(field), value=value)


def holds(one: Filter, cell_of: Cell, hostnames: frozenset[str]) -> bool:
    """Return whether a filter holds for an item; `hostnames` are the fields where a short name is enough.

    Like Ganeti it lets through what there is no value of: a dead node has mfree > 1, and mfree < 1 as well.
    Raises LuxiError where Ganeti can't compare.
    """
    if one.operator == "&":
        return all(holds(below, cell_of, hostnames) for below in one.below)
    if one.operator == "|":
        return any(holds(below, cell_of, hostnames) for below in one.below)
    if one.operator == "!":
        return not holds(one.below[0], cell_of, hostnames)
    status, actual = cell_of(one.field)
    if status != NORMAL:
        return True
    if actual is None:
        return False
    return OPERATORS[one.operator](one, actual, one.field in hostnames)


def is_true(one: Filter, actual: object, hostname: bool) -> bool:
    """Answer `?`."""
    if not isinstance(actual, bool):
        raise LuxiError("ParameterError", f"Unexpected value '{json.dumps(actual)}' in boolean context")
    return actual


def is_equal(one: Filter, actual: object, hostname: bool) -> bool:
    """Answer `=`."""
    must_compare(one, actual)
    short = hostname and isinstance(actual, str) and actual.startswith(f"{one.value}.")
    return actual == one.value or short


def is_ordered(one: Filter, actual: object, hostname: bool) -> bool:
    """Answer `<`, `<=`, `>`, `>=`."""
    must_compare(one, actual)
    lower, higher = actual < one.value, actual > one.value  # type: ignore[operator]
    return COMPARISONS[one.operator](higher - lower)


def contains(one: Filter, actual: object, hostname: bool) -> bool:
    """Answer `=[]`."""
    if not isinstance(actual, list):
        raise LuxiError("GenericError", f"Cannot convert value '{json.dumps(actual)}', error: Unable to read list")
    return one.value in actual


def matches(one: Filter, actual: object, hostname: bool) -> bool:
    """Answer `=~`."""
    if not isinstance(actual, str):
        text = f"expecting string but got '{json.dumps(actual)}'"
        raise LuxiError("ParameterError", f"Invalid field value used in regexp matching, {text}")
    return re.search(str(one.value), actual) is not None


def must_compare(one: Filter, actual: object) -> None:
    """Refuse to compare values of different types."""
    numbers = isinstance(actual, (int, float)) and not isinstance(actual, bool) and isinstance(one.value, int)
    if numbers or (isinstance(actual, str) and isinstance(one.value, str)):
        return
    wanted = f"NumericValue {one.value}" if isinstance(one.value, int) else f'QuotedString "{one.value}"'
    text = f"trying to compare {json.dumps(actual)} with '{wanted}'"
    raise LuxiError("ParameterError", f"Invalid types in comparison, {text}")


OPERATORS: dict[str, Callable[[Filter, object, bool], bool]] = {
    TRUE: is_true,
    EQUAL: is_equal,
    NOT_EQUAL: lambda one, actual, hostname: not is_equal(one, actual, hostname),
    CONTAINS: contains,
    MATCHES: matches,
    **dict.fromkeys(COMPARISONS, is_ordered),
}
