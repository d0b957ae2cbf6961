# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Given: the parts of data that a user passes in, checked; each function says in its error where they are wrong.

`where` names the part for people. All raise BadOption.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Callable, TypeVar

from ..errors import BadOption
from ..ganeti.usable import is_flag, is_name, is_text

Value = TypeVar("Value")
Member = TypeVar("Member", bound=Enum)


def fields_of(where: str, given: Any, known: Iterable[str]) -> Mapping[str, Any]:
    """`given`, which must have known keys only; a key that is None counts as not given."""
    if not isinstance(given, Mapping):
        raise BadOption(f"{where} is {given!r}; it takes a mapping")
    unknown = sorted(map(str, given.keys() - set(known)))
    if unknown:
        raise BadOption(f"{where} has {', '.join(unknown)}; it takes {', '.join(known)}")
    return {key: value for key, value in given.items() if value is not None}


def list_in(where: str, fields: Mapping[str, Any], key: str) -> list[Any]:
    """The list at `key`; an empty one if there is none."""
    value = fields.get(key, [])
    if not isinstance(value, list):
        raise BadOption(f"{where}: {key} is {value!r}; it takes a list")
    return value


def numbered(where: str, fields: Mapping[str, Any], key: str) -> Iterable[tuple[int, Any]]:
    """The entries of the list at `key`, counted from 1."""
    return enumerate(list_in(where, fields, key), 1)


def names_in(where: str, fields: Mapping[str, Any], key: str) -> list[str]:
    """The list of names at `key`."""
    names = list_in(where, fields, key)
    if not all(map(is_name, names)):
        raise BadOption(f"{where}: {key} is {names!r}; it takes a list of names")
    return names


def mapping_in(
    where: str, fields: Mapping[str, Any], key: str, parse: Callable[[str, Any], Value]
) -> Mapping[str, Value]:
    """A mapping from names to what `parse(where, value)` makes of each value."""
    value = fields.get(key, {})
    if not isinstance(value, Mapping) or not all(map(is_name, value)):
        raise BadOption(f"{where}: {key} is {value!r}; it takes a mapping whose keys are names")
    return {name: parse(f"{where}: {key} of {name}", entry) for name, entry in value.items()}


def flag(where: str, given: Any) -> bool:
    """`given`, which must be true or false."""
    if not is_flag(given):
        raise BadOption(f"{where} is {given!r}; it takes true or false")
    return bool(given)


def text_in(where: str, fields: Mapping[str, Any], key: str) -> str:
    """The text at `key`; an empty one if there is none."""
    value = fields.get(key, "")
    if not is_text(value):
        raise BadOption(f"{where}: {key} is {value!r}; it takes a text")
    return str(value)


def name_in(where: str, fields: Mapping[str, Any]) -> str:
    """The `name`, which must be there."""
    name = fields.get("name")
    if not is_name(name) or not name:
        raise BadOption(f"{where}: name is {name!r}; it takes a name")
    return str(name)


def member_of(kind: type[Member]) -> Callable[[str, Any], Member]:
    """A parser of the values of `kind`."""

    def parse(where: str, given: Any) -> Member:
        # YAML reads a bare on and off as true and false
        text = {True: "on", False: "off"}.get(given, given) if is_flag(given) else given
        for member in kind:
            if member.value == text:
                return member
        raise BadOption(f"{where} is {given!r}; it takes {', '.join(str(member.value) for member in kind)}")

    return parse


def node_called(option: str, name: str, nodes: Iterable[str]) -> str:
    """The full name of the node that somebody calls `name`, by its full name or by the part before the first dot.

    Raises BadOption for a name that matches no node, or more than one: what is said of a node is meant for that one.
    """
    wanted, known = name.lower(), list(nodes)
    meant = [wanted] if wanted in known else [full for full in known if full.startswith(wanted + ".")]
    if len(meant) != 1:
        several = f"more than one node is called {name} ({', '.join(meant)})" if meant else ""
        raise BadOption(f"{option}: {several or f'no node in the cluster is called {name}'}; nothing was done")
    return meant[0]
