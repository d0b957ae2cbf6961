# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks: what was seen of the nodes at one time, by whom, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

CONTROLLER = "controller"  # the observer that is no node: the machine on which Ansible runs
DEEP = "deep"  # stands for a node's name before the volume group of a node that is asked about itself
ISOLATION = "isolation"  # stands for a node's name before an isolation address


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
class Itself:
    """What a node says of itself beyond findings: what matters when it comes back.

    `booted` is when it booted (seconds since the epoch, by this machine's clock); None if it does not say.
    `master_daemons` are the daemons of a master that run there, `has_configuration` is whether it keeps a copy of the
    cluster's configuration. Of DRBD's minors, `primaries` may be written there, and `alone` have given up to connect:
    both copies were written to while they were apart, perhaps. `volumes` has the logical
    volumes that Ganeti has made, each with its instance, and `has_volume_group` is whether their group is there.
    """

    booted: float | None = None
    master_daemons: tuple[str, ...] = ()
    has_configuration: bool = False
    primaries: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    volumes: tuple[tuple[str, str], ...] = ()
    has_volume_group: bool = False


@dataclass(frozen=True)
class Observer:
    """Somebody who answered us, and what it saw. One who did not answer is not here: its silence says nothing (N3).

    `reach` has the answers of the nodes that it asked, the most alive of each, and `silent_at` their addresses from
    which nothing came; `replicates_with` the nodes with which its DRBD is connected;
    `master` the node that it takes for the master, and `boot_id` the id of its boot. Of itself, if it was asked, it
    says what is wrong with it (`findings`), which guests run there (`guests`, None if it did not get so far), and what
    `itself` has; `whole`: whether it got to the end.
    """

    name: str
    reach: Mapping[str, Answer] = field(default_factory=dict)
    master: str = ""
    boot_id: str = ""
    replicates_with: frozenset[str] = frozenset()
    findings: tuple[Finding, ...] = ()
    guests: frozenset[str] | None = None
    whole: bool = False
    itself: Itself = Itself()
    silent_at: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class NodeLook:
    """One look, at `time` (seconds since the epoch).

    `live` has each node that the master asked, with its boot id, or None for one that did not answer; Ganeti does not
    ask nodes that are offline. `asked` are the witnesses that were asked. `power` and `storage` have what power devices
    say, and whether a node's storage shows that it lives; `isolation` whether each isolation address answered us.
    `deep` are the nodes that were asked to look at themselves, and `moving` the instances that unfinished jobs were
    about.
    """

    time: float
    live: Mapping[str, str | None]
    asked: frozenset[str] = frozenset()
    observers: tuple[Observer, ...] = ()
    power: Mapping[str, Power] = field(default_factory=dict)
    storage: Mapping[str, bool] = field(default_factory=dict)
    isolation: Mapping[str, bool] = field(default_factory=dict)
    deep: frozenset[str] = frozenset()
    moving: frozenset[str] = frozenset()

    @property
    def unseen(self) -> frozenset[str]:
        """The nodes that answer the master, and were asked to look at themselves, and did not, or not to the end."""
        return (
            self.deep.intersection(self.live)
            - self.silent
            - {observer.name for observer in self.observers if observer.whole}
        )

    @property
    def silent(self) -> frozenset[str]:
        """The nodes that did not answer the master."""
        return frozenset(name for name, boot_id in self.live.items() if boot_id is None)
