# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated cluster of six nodes, and rounds that are played on it over TLS, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.client import Client, DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.execute import Settings
from ansible_collections.ganeti.autorepair.plugins.module_utils.plan import Limits, Plan
from ansible_collections.ganeti.autorepair.plugins.module_utils.rapi import RapiClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.rapi_options import RapiOptions
from ansible_collections.ganeti.autorepair.plugins.module_utils.rounds import Round, look, play
from simulator import Simulator

TAG = "ganeti:watcher:autorepair:"


class Site:
    """The simulator, and a runner of rounds against it."""

    def __init__(self, simulator: Simulator) -> None:
        """Take a simulator that serves, and give it nodes: node1 to node4 in one group, node5 and node6 in another."""
        self.simulator = simulator
        self.cluster = simulator.cluster
        self.ids = (f"repair-{number}" for number in count(1))
        self.cluster.add_group("default")
        self.cluster.add_group("rack2")
        for number in range(1, 7):
            self.cluster.add_node(f"node{number}", "default" if number < 5 else "rack2")

    def options(self, **changes: object) -> RapiOptions:
        """How the simulator is reached."""
        given = {
            "host": "127.0.0.1",
            "port": self.simulator.port,
            "user": "lab",
            "password": "labsecret",
            "ca_path": str(self.simulator.certificate.authority),
            "timeout": 5,
        }
        return RapiOptions(**{**given, **changes})  # type: ignore[arg-type]

    def client(self, **changes: object) -> RapiClient:
        """A client of the simulator."""
        return RapiClient(self.options(**changes))

    def look(self, limits: Limits | None = None) -> Plan:
        """The plan for the cluster as it stands."""
        return look(self.client(), limits or Limits(), self.cluster.clock.now())

    def play(
        self,
        limits: Limits | None = None,
        *,
        check: bool = False,
        reason: str = "",
        iallocator: str = "",
        **changes: object,
    ) -> Round:
        """Play one round; jobs go on while the runner waits."""
        client: Client = self.client(**changes)
        settings = Settings(reason, iallocator, lambda: next(self.ids), self.simulator.advance)
        return play(DryRunClient(client) if check else client, limits or Limits(), settings, self.cluster.clock.now)

    def play_until_quiet(self, rounds: int = 30, **changes: object) -> list[Round]:
        """Play rounds, each after the jobs of the one before, until one writes nothing and no repair is pending."""
        played: list[Round] = []
        while len(played) < rounds:
            played.append(self.play(**changes))  # type: ignore[arg-type]
            if not played[-1].changed and not played[-1].after.under_way:
                return played
            self.simulator.advance_until_idle()
        raise AssertionError(f"not quiet after {rounds} rounds: {played[-1].after.actions}")

    def kill(self, node: str) -> None:
        """Let a node die, and mark it offline."""
        self.cluster.power_off(node)
        self.cluster.node(node).offline = True

    def tags(self, instance: str) -> list[str]:
        """An instance's auto-repair tags, without what they all begin with."""
        tags = self.cluster.instance(instance).tags
        return sorted(tag.removeprefix(TAG) for tag in tags if tag.startswith(TAG))

    def allow(self, kind: str, name: str = "") -> None:
        """Allow repairs up to a type on the cluster, or on an instance."""
        (self.cluster.instance(name) if name else self.cluster).tags.add(TAG + kind)

    def state(self, instance: str) -> str:
        """The state of an instance, as the engine names it now."""
        return next(case.state.value for case, _ in self.look().rows if case.instance.name == instance)


@pytest.fixture
def site() -> Iterator[Site]:
    """A cluster of six nodes without instances."""
    with Simulator() as simulator:
        yield Site(simulator)
