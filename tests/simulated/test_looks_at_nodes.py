# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module that looks at nodes, over both transports: what it says of a cluster, what it asks, what that costs."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time
from typing import Any

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.observed import parse_observations
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.plan import plan_nodes
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.probes import probes_for
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.nodes import look_at_nodes
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.node_results import node_facts
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.node_options import NodeOptions
from simulator import Simulator
from simulator.cluster import Cluster

from .conftest import Site
from .direct import TRANSPORTS

LIVE_QUERY = 0.18  # seconds that real Ganeti took for it, with five nodes that all answer


def looked(site: Site) -> Any:
    """The facts by one look, as the module returns them."""
    options = NodeOptions()
    given = look_at_nodes(site.client(), site.cluster.clock.now, options.probe_timeout)
    observed = parse_observations(given)
    return node_facts(plan_nodes(observed, options, observed.time), probes_for(observed, options), given)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_dead_node_that_nobody_has_marked(transport: str) -> None:
    """It is not healthy; one look through the master alone does not call it dead, either."""
    with Simulator() as simulator:
        site = Site(simulator, transport)
        assert looked(site)["summary"] == {"healthy": 6}
        site.cluster.power_off("node3")
        found = looked(site)
        site.cluster.mark("node3", offline=True)
        marked = looked(site)
        site.cluster.power_on("node3")
    node = next(node for node in found["nodes"] if node["name"] == "node3")
    assert (node["verdict"], node["next"]) == ("unknown", "report")
    assert node["why"] == "node3 does not answer the master, and nobody else has looked at it"
    assert [observer["name"] for observer in found["probes"]["observers"]][:3] == ["controller", "node1", "node5"]
    assert marked["summary"] == {"healthy": 5, "not_asked": 1} and marked["probes"]["targets"] == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_only_its_answers_count(transport: str) -> None:
    """Another boot is seen, and nothing is written."""
    with Simulator() as simulator:
        site = Site(simulator, transport)
        before = looked(site)["observations"]["looks"][0]["live"]["node3"]
        site.cluster.power_off("node3")
        site.cluster.power_on("node3")
        after = looked(site)["observations"]["looks"][0]["live"]["node3"]
        assert before and after and before != after
        assert not site.cluster.queue.jobs


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_look_at_a_large_cluster_costs_at_most_half_as_much_again_as_its_query(transport: str) -> None:
    """With 200 nodes. The simulated nodes answer at once, so what comes on top is held to what real ones take."""
    simulator = Simulator(Cluster())
    site = Site(simulator, transport, direct=True)
    for number in range(7, 201):
        site.cluster.add_node(f"node{number}", "default" if number % 2 else "rack2")
    whole = min(cost(lambda: looked(site)) for _ in range(5))
    assert len(looked(site)["nodes"]) == 200
    assert whole < 0.5 * LIVE_QUERY, whole


def cost(work: Callable[[], object]) -> float:
    """The CPU seconds that some work takes: others may run beside it."""
    begin = process_time()
    work()
    return process_time() - begin
