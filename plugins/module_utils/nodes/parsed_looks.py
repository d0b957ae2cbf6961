# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parsed looks: the looks of the option `observations` as values, or an error that says where they are wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import BadOption
from ..ganeti.usable import is_text, number
from .answers import ParsedAnswer, parse_answer
from .given import fields_of, flag, mapping_in, member_of, name_in, names_in, numbered, text_in
from .looks import CONTROLLER, DEEP, ISOLATION, Answer, Finding, NodeLook, Observer, Power, Severity
from .schema import ObservedLook

_OBSERVER = ("name", "reach", "master", "boot_id", "replicates_with", "findings", "guests", "whole")


def parse_looks(given: Any, addresses: Mapping[str, Sequence[str]]) -> tuple[NodeLook, ...]:
    """The looks that `observations` describes, the oldest first, at nodes with these IP `addresses`. Raises BadOption,
    also for the name of an unknown node: what was seen of a node must not get lost by another spelling."""
    if not isinstance(given, (list, tuple)):
        raise BadOption(f"observations is {given!r}; it takes a list of looks")
    for name in (CONTROLLER, ISOLATION, DEEP):
        if name in addresses:
            raise BadOption(f"a node is named {name}, which means something else in observations")
    looks = [_look(f"observations, look {number}", entry, addresses) for number, entry in enumerate(given, 1)]
    if len({look.time for look in looks}) < len(looks):
        raise BadOption("observations has two looks of one time; a look counts once")
    return tuple(sorted(looks, key=lambda look: look.time))


def _look(where: str, given: Any, addresses: Mapping[str, Sequence[str]]) -> NodeLook:
    fields = fields_of(where, given, ObservedLook.__annotations__)
    time = number(fields.get("time"))
    if time is None or time <= 0:
        raise BadOption(f"{where}: time is {fields.get('time')!r}; it takes seconds since the epoch")
    answers = [answer for answer in _answers(where, fields, addresses) if answer]
    observers = [_observer(f"{where}, observer {at}", entry) for at, entry in numbered(where, fields, "observers")]
    observers += [answer.observer for answer in answers]
    outside = {
        address: came
        for answer in answers
        if answer.observer.name == CONTROLLER
        for address, came in answer.outside.items()
    }
    if len({observer.name for observer in observers}) < len(observers):
        raise BadOption(f"{where}: observers has two of one name; merge what they saw")
    look = NodeLook(
        time=time,
        live=mapping_in(where, fields, "live", _boot_id),
        asked=frozenset(names_in(where, fields, "asked")),
        observers=tuple(observers),
        power=mapping_in(where, fields, "power", member_of(Power)),
        storage=mapping_in(where, fields, "storage", flag),
        isolation={**outside, **mapping_in(where, fields, "isolation", flag)},
        deep=frozenset(names_in(where, fields, "deep")),
        moving=frozenset(names_in(where, fields, "moving")),
    )
    strangers = sorted(_named_in(look) - set(addresses) - {CONTROLLER})
    if strangers:
        raise BadOption(f"{where} speaks of {', '.join(strangers)}; the cluster has {', '.join(sorted(addresses))}")
    return look


def _answers(
    where: str, fields: Mapping[str, Any], addresses: Mapping[str, Sequence[str]]
) -> Iterable[ParsedAnswer | None]:
    """What the script printed on each observer that was asked; this machine comes first, as in reports."""
    answers = mapping_in(where, fields, "answers", _text)
    for name in sorted(answers, key=lambda name: (name != CONTROLLER, name)):
        yield parse_answer(name, answers[name], addresses)


def _text(where: str, given: Any) -> str:
    if not is_text(given):
        raise BadOption(f"{where} is {given!r}; it takes a text")
    return str(given)


def _named_in(look: NodeLook) -> set[str]:
    """The names of nodes in a look. Whom somebody takes for the master is left out: a node that comes back may believe
    in one that is gone, and a second master holds the judge back anyway."""
    found = {*look.live, *look.asked, *look.power, *look.storage, *look.deep}
    for observer in look.observers:
        found |= {observer.name, *observer.reach, *observer.replicates_with}
    return found


def _observer(where: str, given: Any) -> Observer:
    fields = fields_of(where, given, _OBSERVER)
    return Observer(
        name=name_in(where, fields),
        reach=mapping_in(where, fields, "reach", member_of(Answer)),
        master=text_in(where, fields, "master"),
        boot_id=text_in(where, fields, "boot_id"),
        replicates_with=frozenset(names_in(where, fields, "replicates_with")),
        findings=tuple(_finding(f"{where}, finding {at}", entry) for at, entry in numbered(where, fields, "findings")),
        guests=frozenset(names_in(where, fields, "guests")) if "guests" in fields else None,
        whole=flag(f"{where}: whole", fields.get("whole", False)),
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
