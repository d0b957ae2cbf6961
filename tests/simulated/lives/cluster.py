# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster that a life begins with, and what befalls its nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from itertools import count
from typing import Any, TypeVar, cast

from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import ExecutionOptions
from simulator import Cluster, Simulator

from ..conftest import Site
from ..direct import TRANSPORTS
from .book import RANKS, TAG
from .judge import Judge
from .witness import Witness

LAYOUT = {  # template, primary, secondary, admin state
    "db": ("drbd", "node2", "node3", "up"),
    "log": ("plain", "node3", None, "up"),
    "web": ("rbd", "node4", None, "up"),
    "old": ("drbd", "node4", "node2", "down"),
    "shelf": ("plain", "node5", None, "offline"),
}
PLACES = ("cluster", "default", "rack2", *LAYOUT)
NODES = some.sampled_from([f"node{number}" for number in range(2, 7)])  # not the master
INSTANCES = some.sampled_from(sorted(LAYOUT))
TYPES = some.sampled_from(["reinstall", "failover", "reinstall", *sorted(RANKS)])
YES, WIRES = some.booleans(), some.sampled_from(TRANSPORTS)
UNREST = precondition(lambda self: self.restless < 3)
Does = TypeVar("Does", bound=Callable[..., None])


def event(**drawn: some.SearchStrategy[Any]) -> Callable[[Does], Does]:
    """A rule by which people or chance do something; not more often than three times between two rounds."""

    def of(does: Does) -> Does:
        @wraps(does)
        def counted(self: Nodes, *given: Any, **named: Any) -> None:
            self.witness.events += 1
            self.restless += 1
            does(self, *given, **named)

        made = rule(**drawn)  # type: ignore[call-overload]
        return cast("Does", UNREST(made(counted)))

    return of


class Nodes(RuleBasedStateMachine):
    """A cluster of six nodes, and what befalls the nodes."""

    lives = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).lives += 1
        self.cluster = Cluster()
        self.cluster.queue = self.witness = Witness(self.cluster)
        self.simulator = Simulator(self.cluster)
        self.site = Site(self.simulator, direct=True)
        for name, (template, primary, secondary, admin_state) in LAYOUT.items():
            self.cluster.add_instance(name, template, primary, secondary, admin_state=admin_state)
        self.cluster.reconnects = False
        self.judge = Judge(self.cluster, self.witness)
        self.copied: set[tuple[str, str]] = set()  # the UUIDs of instances, and ids of repairs that were never theirs
        self.numbers, self.tickets = count(1), count(1)
        self.settings = ExecutionOptions("", "", self.site.new_id)
        self.merciful, self.restless, self.due = True, 0, False

    @initialize(allowed=TYPES, dead=some.sets(NODES, max_size=2), drained=NODES, always=YES, back=YES, waits=YES)
    def begin(
        self, allowed: str, dead: set[str], drained: str, always: bool, back: bool, *, waits: bool = False
    ) -> None:
        """`always` has one always fail over. In the end all nodes come `back`, or else everything is allowed. Runners
        come and go, or `waits`."""
        self.settings = replace(self.settings, waits=waits)
        self.cluster.tags.add(TAG + allowed)
        self.cluster.instance("web").always_failover, self.merciful = always, back
        self.die(dead, True)
        self.drain({drained}, True)

    @event(names=some.sets(NODES, min_size=1, max_size=2), told=some.sampled_from([True, True, True, False]))
    def die(self, names: set[str], told: bool) -> None:
        """Nodes are dead; whether or not somebody marks them offline."""
        for name in sorted(names):
            self.cluster.power_off(name)
            self.mark(name, told or self.cluster.node(name).offline)

    @event(name=NODES, offline=YES)
    def call(self, name: str, offline: bool) -> None:
        """A node is called offline whatever it does; or it comes back."""
        if offline:
            self.mark(name, True)
        else:
            self.come_back(name)

    def come_back(self, name: str) -> None:
        """A node is on, and marked so."""
        self.cluster.power_on(name)
        self.mark(name, False)

    def mark(self, name: str, offline: bool) -> None:
        """Mark a node offline or not; a node has one mark only."""
        node = self.cluster.node(name)
        node.offline, node.drained = offline, node.drained and not offline

    @event(names=some.sets(NODES, min_size=1, max_size=2), drained=YES)
    def drain(self, names: set[str], drained: bool) -> None:
        """Nodes are drained, or no longer."""
        for name in names:
            self.cluster.node(name).drained = drained and not self.cluster.node(name).offline
