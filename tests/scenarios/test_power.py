# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Power by Debian's fence-agents on real Ganeti: BMCs whose power is that of the nodes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from lab import certificates, network
from lab.bmc import PASSWORD, USER, free_port, power_of, redfish
from lab.machine import PATIENT
from lab.shell import run

from .conftest import Cluster
from .test_silent_nodes import looked, verdicts


@pytest.fixture(scope="module", autouse=True)
def agents() -> None:
    """Install the agents."""
    run(["apt-get", *PATIENT, "install", "--yes", "--no-install-recommends", "fence-agents"])


def agent(ports: dict[str, int]) -> dict[str, object]:
    """The variables by which the agent finds the BMC of each node; one that is not in `ports` has none."""
    ports_of_nodes = {f"{node}.lab.example": port for node, port in ports.items()}
    options = {
        "ip": "127.0.0.1",
        "ipport": "{{ " + str(ports_of_nodes) + "[ganeti_autorepair_node] | default(" + str(free_port()) + ") }}",
        "username": USER,
        "password": PASSWORD,
        "ssl_insecure": True,
    }
    return {"fence_agent": "fence_redfish", "fence_agent_options": options, "fence_timeout": 20}


def test_what_power_says_of_silent_nodes(cluster: Cluster, tmp_path: Path) -> None:
    """One has no power, one is cut off and has, one has a BMC that does not answer; none is touched."""
    lab = cluster.lab
    powers = {node: power_of(lab, node) for node in ("node3", "node5")}
    with ExitStack() as stack:
        ports = stack.enter_context(redfish(certificates.signed_file(lab.settings), *powers.values()))
        lab.node_off("node3")
        network.unplug(lab.node("node5").cable)
        stack.callback(network.plug_in, lab.node("node5").cable, lab.settings.bridge)
        known = agent(dict(zip(powers, ports, strict=True)))
        _run, facts = looked(cluster, tmp_path, "rapi", power_status_tasks="power_status_agent.yml", **known)
        found = verdicts(cluster, facts)
        assert (found["node3"], found["node5"]) == ("off", "isolated"), facts["report"]
        _run, facts = looked(cluster, tmp_path, "rapi", power_status_tasks="power_status_agent.yml", **agent({}))
        found = verdicts(cluster, facts)
        assert (found["node3"], found["node5"]) == ("dark", "dark"), facts["report"]
    assert [power.orders for power in powers.values()] == [[], []]


def test_a_node_is_powered_off_before_its_instance_runs_elsewhere(cluster: Cluster) -> None:
    """By the agent, which is believed only if it says twice that the node is off; without it nothing is done."""
    lab = cluster.lab
    lab.create("web1", template="rbd", primary="node3")
    lab.add_tags("instance", "web1", "ganeti:watcher:autorepair:failover")
    lab.set_node("node3", offline=True)  # a person's mark, while the node lives
    stubborn, honest = power_of(lab, "node3", "stubborn"), power_of(lab, "node3")
    with redfish(certificates.signed_file(lab.settings), stubborn, honest) as ports:
        settings = {"fence_tasks": "fence_agent.yml", **agent({"node3": ports[0]}), "fence_timeout": 5}
        failed = cluster.repair(**settings)
        assert failed.code != 0 and "should be off within 5 s" in failed.output, failed.output
        assert cluster.placed("web1")[0] == "node3" and lab.node("node3").is_on()
        settings = {"fence_tasks": "fence_agent.yml", **agent({"node3": ports[1]})}
        cluster.repair_until_quiet(**settings)
    assert (stubborn.orders, honest.orders) == (["off"], ["off"]) and not lab.node("node3").is_on()
    primary, _secondaries, status = cluster.placed("web1")
    assert primary != "node3" and status == "running"
