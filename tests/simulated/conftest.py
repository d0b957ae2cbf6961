# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated cluster of six nodes, and rounds that are played on it over either transport, in virtual time."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from itertools import count

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import Round, dry_run, run_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import Client, DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.luxi import LuxiClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.client import RapiClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.options import RapiOptions
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import Plan
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.planner import plan_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Limits
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import ExecutionOptions, RunContext
from simulator import RequestFault, Simulator
from simulator.faults import Action
from unbraked import unbraked

from .direct import TRANSPORTS, direct_client

TAG = "ganeti:watcher:autorepair:"
PATHS = {"TAGS_SET": ("PUT", "tags"), "RECREATE_DISKS": ("POST", "recreate-disks"), "REINSTALL": ("POST", "reinstall")}


class Site:
    """The simulator, and a runner of rounds against it over one transport."""

    def __init__(self, simulator: Simulator, transport: str = "rapi", *, direct: bool = False) -> None:
        """Take a simulator, and give it nodes: node1 to node4 in one group, node5 and node6 in another.

        It has to serve, unless it is asked `direct`, without sockets.
        """
        self.simulator = simulator
        self.transport = transport
        self._direct = direct
        self.cluster = simulator.cluster
        self.ids = count(1)
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

    def client(self, **changes: object) -> Client:
        """A client of the simulator; over RAPI with these changes to its options."""
        if self._direct:
            return direct_client(self.simulator, self.transport)
        if self.transport == "luxi":
            return LuxiClient(self.simulator.luxi_socket)
        return RapiClient(self.options(**changes))

    def new_id(self) -> str:
        """The id of the next repair."""
        return f"repair-{next(self.ids)}"

    def terms(self, holder: str = "runner") -> RunContext:
        """A claim's terms; jobs go on while the runner waits."""
        return RunContext(holder, self.cluster.clock.now, self.simulator.advance)

    def lose(self, step: str, instance: str, action: Action, times: int = 1) -> None:
        """Let something happen to the next requests that submit a step for an instance; both may be globs."""
        if self.transport == "luxi":
            fault = RequestFault("SubmitJob", f"*OP_*{step}* {instance}", action, times=times)
        else:
            method, path = PATHS.get(step, ("PUT", step.lower()))
            fault = RequestFault(method, f"/2/instances/{instance}/{path}", action, times=times)
        self.simulator.faults.add(fault)

    def lose_cluster_tags(self, action: Action, removal: bool = False) -> None:
        """Let something happen to the next request that adds tags to the cluster, or removes them."""
        if self.transport == "luxi":
            fault = RequestFault("SubmitJob", f"*OP_TAGS_{'DEL' if removal else 'SET'}*", action)
        else:
            fault = RequestFault("DELETE" if removal else "PUT", "/2/tags", action)
        self.simulator.faults.add(fault)

    def settings(self, reason: str = "", iallocator: str = "") -> ExecutionOptions:
        """What carrying out needs."""
        return ExecutionOptions(reason, iallocator, self.new_id)

    def plan_round(self, limits: Limits | None = None) -> Plan:
        """The plan for the cluster as it stands."""
        return plan_round(self.client(), limits or unbraked(), self.cluster.clock.now())

    def run_round(
        self,
        limits: Limits | None = None,
        *,
        check: bool = False,
        reason: str = "",
        iallocator: str = "",
        **changes: object,
    ) -> Round:
        """Play one round; jobs go on while the runner waits."""
        client, wanted = self.client(**changes), limits or unbraked()
        settings = self.settings(reason, iallocator)
        if check:
            return dry_run(DryRunClient(client), wanted, settings, self.cluster.clock.now())
        return run_round(client, wanted, settings, self.terms())

    def play_until_quiet(self, rounds: int = 30, **changes: object) -> list[Round]:
        """Play rounds, each after the jobs of the one before, until one writes nothing and no repair is pending."""
        played: list[Round] = []
        while len(played) < rounds:
            played.append(self.run_round(**changes))  # type: ignore[arg-type]
            if not played[-1].changed and not played[-1].after.under_way:
                return played
            self.simulator.advance_until_idle()
            self.simulator.advance(30)  # a claim may have to run out
        raise AssertionError(f"not quiet after {rounds} rounds: {played[-1].after.actions}")

    def kill(self, node: str) -> None:
        """Let a node die, and mark it offline."""
        self.cluster.power_off(node)
        self.cluster.node(node).offline = True

    def break_two(self) -> None:
        """Let there be two instances on shared storage, db and web, that may fail over from their dead node."""
        for name in ("db", "web"):
            self.cluster.add_instance(name, "rbd", "node3")
        self.allow("failover")
        self.kill("node3")

    def tags(self, instance: str) -> list[str]:
        """An instance's auto-repair tags, without what they all begin with."""
        tags = self.cluster.instance(instance).tags
        return sorted(tag.removeprefix(TAG) for tag in tags if tag.startswith(TAG))

    def allow(self, kind: str, name: str = "") -> None:
        """Allow repairs up to a type on the cluster, or on an instance."""
        (self.cluster.instance(name) if name else self.cluster).tags.add(TAG + kind)

    def state(self, instance: str) -> str:
        """The state of an instance, as the engine names it now."""
        return next(case.state.value for case, _ in self.plan_round().rows if case.instance.name == instance)


@pytest.fixture(params=TRANSPORTS)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A cluster of six nodes without instances, reached over RAPI or LUXI, through sockets."""
    with Simulator() as simulator:
        yield Site(simulator, request.param)


@pytest.fixture(scope="module", autouse=True)
def _young_heap() -> None:
    """What earlier files have left in memory is not searched for garbage again: the kill points leave a gigabyte."""
    gc.collect()
    gc.freeze()
