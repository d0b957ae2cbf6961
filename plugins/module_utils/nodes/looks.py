# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks: what was seen of the nodes at one time, by whom, as values; parsed from the option `observations`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Callable, TypeVar

from ..errors import BadOption
from ..ganeti.usable import is_flag, is_name, is_text, number

CONTROLLER = "controller"  # the observer that is no node: the machine on which Ansible runs


class Answer(Enum):
    """What came back from a node, the most alive first: it spoke its protocol, it accepted a connection and said
    nothing, it refused one, or nothing came."""

    ANSWERS = "answers"
    ACCEPTS = "accepts"
    REFUSES = "refuses"
    SILENT = "silent"


class Power(Enum):
    """What a node's power device says; `unknown` where it gave no answer."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"


class Severity(Enum):
    """How bad something that a node says of itself is: guests should leave it, or a person should look at it."""

    EVACUATE = "evacuate"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """Something wrong with a node that answers, in words."""

    severity: Severity
    text: str


@dataclass(frozen=True)
class Observer:
    """Somebody who answered us, and what it saw. One who did not answer is not here: its silence says nothing (N3).

    `reach` has the answers of the nodes that it asked; `replicates_with` the nodes with which its DRBD is connected;
    `master` the node that it takes for the master, `boot_id` the id of its boot, and `findings` what is wrong with it.
    """

    name: str
    reach: Mapping[str, Answer] = field(default_factory=dict)
    master: str = ""
    boot_id: str = ""
    replicates_with: frozenset[str] = frozenset()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class NodeLook:
    """One look, at `time` (seconds since the epoch).

    `live` has each node that the master asked, with its boot id, or None for one that did not answer; Ganeti does not
    ask nodes that are offline. `asked` are the witnesses that were asked. `power` and `storage` have what power devices
    say, and whether a node's storage shows that it lives; `isolation` whether each isolation address answered us.
    """

    time: float
    live: Mapping[str, str | None]
    asked: frozenset[str] = frozenset()
    observers: tuple[Observer, ...] = ()
    power: Mapping[str, Power] = field(default_factory=dict)
    storage: Mapping[str, bool] = field(default_factory=dict)
    isolation: Mapping[str, bool] = field(default_factory=dict)

    @property
    def silent(self) -> frozenset[str]:
        """The nodes that did not answer the master."""
        return frozenset(name for name, boot_id in self.live.items() if boot_id is None)


# --- parsing ---------------------------------------------------------------------------------------------------------

Value = TypeVar("Value")


def parse_looks(given: Any, nodes: Iterable[str]) -> tuple[NodeLook, ...]:
    """The looks that the option `observations` describes, the oldest first, at the cluster's `nodes`. Raises BadOption,
    also for a name that is of none of them: what was seen of a node must not get lost by another spelling."""
    if not isinstance(given, (list, tuple)):
        raise BadOption(f"observations is {given!r}; it takes a list of looks")
    known = frozenset(nodes)
    if CONTROLLER in known:
        raise BadOption(f"a node is named {CONTROLLER}, as observations call the machine on which Ansible runs")
    looks = [_look(f"observations, look {number}", entry, known) for number, entry in enumerate(given, 1)]
    if len({look.time for look in looks}) < len(looks):
        raise BadOption("observations has two looks of one time; a look counts once")
    return tuple(sorted(looks, key=lambda look: look.time))


def _look(where: str, given: Any, nodes: frozenset[str]) -> NodeLook:
    fields = _fields(where, given, ("time", "live", "asked", "observers", "power", "storage", "isolation"))
    time = number(fields.get("time"))
    if time is None or time <= 0:
        raise BadOption(f"{where}: time is {fields.get('time')!r}; it takes seconds since the epoch")
    observers = [_observer(f"{where}, observer {at}", entry) for at, entry in _numbered(where, fields, "observers")]
    if len({observer.name for observer in observers}) < len(observers):
        raise BadOption(f"{where}: observers has two of one name; merge what they saw")
    look = NodeLook(
        time=time,
        live=_by_name(where, fields, "live", _boot_id),
        asked=frozenset(_names(where, fields, "asked")),
        observers=tuple(observers),
        power=_by_name(where, fields, "power", _member(Power)),
        storage=_by_name(where, fields, "storage", _flag),
        isolation=_by_name(where, fields, "isolation", _flag),
    )
    strangers = sorted(_named_in(look) - nodes - {CONTROLLER})
    if strangers:
        raise BadOption(f"{where} speaks of {', '.join(strangers)}; the cluster has {', '.join(sorted(nodes))}")
    return look


def _named_in(look: NodeLook) -> set[str]:
    """All names of nodes in a look."""
    found = {*look.live, *look.asked, *look.power, *look.storage}
    for observer in look.observers:
        found |= {observer.name, *observer.reach, *observer.replicates_with, *filter(None, [observer.master])}
    return found


def _observer(where: str, given: Any) -> Observer:
    fields = _fields(where, given, ("name", "reach", "master", "boot_id", "replicates_with", "findings"))
    if not is_name(fields.get("name")) or not fields["name"]:
        raise BadOption(f"{where}: name is {fields.get('name')!r}; it takes the name of a node, or {CONTROLLER}")
    for key in ("master", "boot_id"):
        if not is_text(fields.get(key, "")):
            raise BadOption(f"{where}: {key} is {fields[key]!r}; it takes a text")
    return Observer(
        name=fields["name"],
        reach=_by_name(where, fields, "reach", _member(Answer)),
        master=fields.get("master", ""),
        boot_id=fields.get("boot_id", ""),
        replicates_with=frozenset(_names(where, fields, "replicates_with")),
        findings=tuple(_finding(f"{where}, finding {at}", entry) for at, entry in _numbered(where, fields, "findings")),
    )


def _finding(where: str, given: Any) -> Finding:
    fields = _fields(where, given, ("severity", "text"))
    if not is_text(fields.get("text")):
        raise BadOption(f"{where}: text is {fields.get('text')!r}; it takes a text")
    return Finding(_member(Severity)(f"{where}: severity", fields.get("severity")), fields["text"])


def _fields(where: str, given: Any, known: Iterable[str]) -> Mapping[str, Any]:
    """`given`, which must have known keys only; a key that is None counts as not given."""
    if not isinstance(given, Mapping):
        raise BadOption(f"{where} is {given!r}; it takes a mapping")
    unknown = sorted(map(str, given.keys() - set(known)))
    if unknown:
        raise BadOption(f"{where} has {', '.join(unknown)}; it takes {', '.join(known)}")
    return {key: value for key, value in given.items() if value is not None}


def _list(where: str, fields: Mapping[str, Any], key: str) -> list[Any]:
    value = fields.get(key, [])
    if not isinstance(value, list):
        raise BadOption(f"{where}: {key} is {value!r}; it takes a list")
    return value


def _numbered(where: str, fields: Mapping[str, Any], key: str) -> Iterable[tuple[int, Any]]:
    return enumerate(_list(where, fields, key), 1)


def _names(where: str, fields: Mapping[str, Any], key: str) -> list[str]:
    names = _list(where, fields, key)
    if not all(map(is_name, names)):
        raise BadOption(f"{where}: {key} is {names!r}; it takes a list of names of nodes")
    return names


def _by_name(
    where: str, fields: Mapping[str, Any], key: str, parse: Callable[[str, Any], Value]
) -> Mapping[str, Value]:
    """A mapping from names to what `parse(where, value)` makes of each value."""
    value = fields.get(key, {})
    if not isinstance(value, Mapping) or not all(map(is_name, value)):
        raise BadOption(f"{where}: {key} is {value!r}; it takes a mapping whose keys are names")
    return {name: parse(f"{where}: {key} of {name}", entry) for name, entry in value.items()}


def _boot_id(where: str, given: Any) -> str | None:
    if given is not None and (not is_text(given) or not given):
        raise BadOption(f"{where} is {given!r}; it takes a boot id, or null if the node did not answer")
    return None if given is None else str(given)


def _flag(where: str, given: Any) -> bool:
    if not is_flag(given):
        raise BadOption(f"{where} is {given!r}; it takes true or false")
    return bool(given)


Member = TypeVar("Member", bound=Enum)


def _member(kind: type[Member]) -> Callable[[str, Any], Member]:
    """A parser of the values of `kind`."""

    def parse(where: str, given: Any) -> Member:
        # YAML reads a bare on and off as true and false
        text = {True: "on", False: "off"}.get(given, given) if is_flag(given) else given
        for member in kind:
            if member.value == text:
                return member
        raise BadOption(f"{where} is {given!r}; it takes {', '.join(str(member.value) for member in kind)}")

    return parse
