# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks: what was seen of the nodes at one time, by whom, as values; parsed from the option `observations`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..errors import BadOption
from ..ganeti.usable import is_text, number
from .given import fields_of, flag, mapping_in, member_of, name_in, names_in, numbered, text_in

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
    fields = fields_of(where, given, ("time", "live", "asked", "observers", "power", "storage", "isolation"))
    time = number(fields.get("time"))
    if time is None or time <= 0:
        raise BadOption(f"{where}: time is {fields.get('time')!r}; it takes seconds since the epoch")
    observers = [_observer(f"{where}, observer {at}", entry) for at, entry in numbered(where, fields, "observers")]
    if len({observer.name for observer in observers}) < len(observers):
        raise BadOption(f"{where}: observers has two of one name; merge what they saw")
    look = NodeLook(
        time=time,
        live=mapping_in(where, fields, "live", _boot_id),
        asked=frozenset(names_in(where, fields, "asked")),
        observers=tuple(observers),
        power=mapping_in(where, fields, "power", member_of(Power)),
        storage=mapping_in(where, fields, "storage", flag),
        isolation=mapping_in(where, fields, "isolation", flag),
    )
    strangers = sorted(_named_in(look) - nodes - {CONTROLLER})
    if strangers:
        raise BadOption(f"{where} speaks of {', '.join(strangers)}; the cluster has {', '.join(sorted(nodes))}")
    return look


def _named_in(look: NodeLook) -> set[str]:
    """The names of nodes in a look. Whom somebody takes for the master is left out: a node that comes back may believe
    in one that is gone, and a second master holds the judge back anyway."""
    found = {*look.live, *look.asked, *look.power, *look.storage}
    for observer in look.observers:
        found |= {observer.name, *observer.reach, *observer.replicates_with}
    return found


def _observer(where: str, given: Any) -> Observer:
    fields = fields_of(where, given, ("name", "reach", "master", "boot_id", "replicates_with", "findings"))
    return Observer(
        name=name_in(where, fields),
        reach=mapping_in(where, fields, "reach", member_of(Answer)),
        master=text_in(where, fields, "master"),
        boot_id=text_in(where, fields, "boot_id"),
        replicates_with=frozenset(names_in(where, fields, "replicates_with")),
        findings=tuple(_finding(f"{where}, finding {at}", entry) for at, entry in numbered(where, fields, "findings")),
    )


def _finding(where: str, given: Any) -> Finding:
    fields = fields_of(where, given, ("severity", "text"))
    if not is_text(fields.get("text")):
        raise BadOption(f"{where}: text is {fields.get('text')!r}; it takes a text")
    return Finding(member_of(Severity)(f"{where}: severity", fields.get("severity")), fields["text"])


def _boot_id(where: str, given: Any) -> str | None:
    if given is not None and (not is_text(given) or not given):
        raise BadOption(f"{where} is {given!r}; it takes a boot id, or null if the node did not answer")
    return None if given is None else str(given)
