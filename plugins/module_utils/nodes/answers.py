# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers: what the script `look.sh` of the role `nodes` printed on an observer, as a value (design, section 8).

Each line is one fact. What the observer saw of others stands between the lines `look 1` and `end`; whoever did not get
to the end has not answered: its silence says nothing of others (N3). What it says of itself follows, up to the line
`whole`, and counts as far as it came. Lines that are none of the script's, such as a greeting at login, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ..ganeti.usable import is_name
from ..printable import printable
from .findings import findings_of
from .looks import Answer, Itself, Observer

_LINE = re.compile(r"(reach|outside|boot_id|master|drbd|peer) (\S+)(?: (\S+))?(?: (\S+))?\Z")
_GUEST = re.compile(r"guest (\S{1,255})\Z")
_OWN = re.compile(r"(clock|up|runs|config|primary|volume|missing) (\S{1,255})(?: (\S{1,255}))?\Z")
_Key = TypeVar("_Key", bound=Hashable)
_ANSWERS = {answer.value: answer for answer in Answer}
_BEST = tuple(Answer)  # the most alive first
_NO_LINK = (  # the states of a DRBD device that has no connection; in all others its peer is alive
    *("StandAlone", "Disconnecting", "Unconnected", "Timeout", "BrokenPipe", "NetworkFailure", "ProtocolError"),
    *("TearDown", "WFConnection", "WFReportParams", "Unconfigured"),
)


@dataclass(frozen=True)
class ParsedAnswer:
    """The observer, and what it said of addresses outside of the cluster: whether each answered."""

    observer: Observer
    outside: Mapping[str, bool] = field(default_factory=dict)


def parse_answer(name: str, text: str, addresses: Mapping[str, Sequence[str]]) -> ParsedAnswer | None:
    """What `text`, printed on the observer `name`, says of the nodes, whose IP addresses are `addresses`; None if it
    has not answered."""
    lines = [printable(line).strip() for line in text.splitlines()]
    if "look 1" not in lines or "end" not in lines[lines.index("look 1") :]:
        return None
    begin = lines.index("look 1")
    end = lines.index("end", begin)
    matches = [_LINE.match(line) for line in lines[begin:end]]
    own = lines[end + 1 :]
    found = [match.groups(default="") for match in matches if match]
    facts = [(kind, word, more) for kind, word, more, _address in found]
    reached = [(node, more, address) for kind, node, more, address in found if kind == "reach" and node in addresses]
    observer = Observer(
        name=name,
        reach=_reach([(node, word) for node, word, _address in reached]),
        silent_at=_silent_at(reached),
        master=_last(facts, "master"),
        boot_id=_last(facts, "boot_id"),
        replicates_with=_connected(facts, addresses),
        findings=findings_of(own),
        guests=frozenset(found[1] for found in map(_GUEST.match, own) if found) if "guests told" in own else None,
        whole="whole" in own,
        itself=_itself(
            [found.groups(default="") for found in map(_OWN.match, own) if found],
            alone=tuple(sorted(minor for kind, minor, state in facts if kind == "drbd" and state == "StandAlone")),
        ),
    )
    outside = _reach([(address, word) for kind, address, word in facts if kind == "outside"])
    return ParsedAnswer(observer, {address: answer is not Answer.SILENT for address, answer in outside.items()})


def _reach(told: Iterable[tuple[_Key, str]]) -> Mapping[_Key, Answer]:
    """The most alive answer of each: a node has several addresses, and each of them several ports."""
    found: dict[_Key, Answer] = {}
    for name, word in told:
        if word in _ANSWERS:
            found[name] = min(found.get(name, Answer.SILENT), _ANSWERS[word], key=_BEST.index)
    return found


def _silent_at(told: Iterable[tuple[str, str, str]]) -> Mapping[str, tuple[str, ...]]:
    """The addresses of nodes from which nothing came, by the names of the nodes."""
    answers = _reach([((node, address), word) for node, word, address in told if address])
    silent = [at for at, answer in answers.items() if answer is Answer.SILENT]
    return {name: tuple(address for node, address in silent if node == name) for name, _address in silent}


def _itself(told: Sequence[tuple[str, ...]], alone: tuple[str, ...]) -> Itself:
    """What a node says of itself, by the lines of the script."""

    def told_of(kind: str) -> Iterable[tuple[str, str]]:
        return [(word, more) for found, word, more in told if found == kind]

    # the time of the machine that asked, and for how long the node has been up: its own clock may be wrong
    asked = [int(more) for _own, more in told_of("clock") if more.isdecimal()]
    up = [int(seconds) for seconds, _more in told_of("up") if seconds.isdecimal()]
    return Itself(
        booted=float(asked[0] - up[0]) if asked and up else None,
        master_daemons=tuple(sorted(daemon for daemon, _more in told_of("runs"))),
        has_configuration=bool(told_of("config")),
        primaries=tuple(sorted(minor for minor, _more in told_of("primary"))),
        alone=alone,
        volumes=tuple(sorted((volume, instance) for volume, instance in told_of("volume") if instance)),
        has_volume_group=bool(told_of("missing")),
    )


def _last(facts: Iterable[tuple[str, ...]], kind: str) -> str:
    values = [value for found, value, _word in facts if found == kind and is_name(value)]
    return values[-1] if values else ""


def _connected(facts: Sequence[tuple[str, ...]], addresses: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """The nodes at the other end of DRBD's minors that are connected; syncing is a connection, too."""
    connected = {minor for kind, minor, state in facts if kind == "drbd" and state and state not in _NO_LINK}
    peers = {address for kind, minor, address in facts if kind == "peer" and minor in connected}
    return frozenset(name for name, own in addresses.items() if peers.intersection(own))
