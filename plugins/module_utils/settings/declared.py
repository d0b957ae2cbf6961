# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared: options that are declared once, as fields of a dataclass, with what checks them and their argument spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields
from enum import Enum
from typing import Any, Callable

from ..errors import BadOption


def option(value: Any, parse: Callable[[str, Any], Any], **spec: Any) -> Any:
    """An option, as a field of a dataclass: its default `value`, the function that parses a given value (`parse(name,
    given)`), and its entry in argument specs."""
    # It is called within dataclasses.
    # pylint: disable-next=invalid-field-call
    return field(default=value, metadata={"parse": parse, "spec": spec})


def names_option() -> Any:
    """An option that takes a list of texts."""
    return option((), lambda _name, given: tuple(given), type="list", elements="str", default=[])


def flag_option(default: bool) -> Any:
    """An option that takes true or false."""
    return option(default, lambda _name, given: given, type="bool", default=default)


def choice_option(default: Enum) -> Any:
    """An option that takes one of the values of the enum of `default`."""
    kind = type(default)
    choices = [member.value for member in kind]
    return option(default, lambda _name, given: kind(given), type="str", choices=choices, default=default.value)


def number_option(default: int, takes: str, least: int = 0) -> Any:
    """An option that takes a whole number from `least`; `takes` says so in its error."""

    def parse(name: str, given: int) -> int:
        if given < least:
            raise BadOption(f"{name} is {given}; it takes {takes}")
        return given

    return option(default, parse, type="int", default=default)


def specs_of(kind: type) -> Mapping[str, Mapping[str, Any]]:
    """The argument specs of the options that the dataclass `kind` declares."""
    return {name: metadata["spec"] for name, metadata in _declared(kind).items()}


def parsed_options(kind: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of these options, from a module's options. Raises BadOption, with one sentence for people."""
    return {name: metadata["parse"](name, given[name]) for name, metadata in _declared(kind).items()}


def _declared(kind: type) -> Mapping[str, Mapping[str, Any]]:
    return {each.name: each.metadata for each in fields(kind) if each.metadata}
