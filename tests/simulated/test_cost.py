# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Law 6: gathering costs the same few requests whatever the size, and asks no node."""

from __future__ import annotations

import pytest

from simulator import Simulator

from .conftest import TAG, Site

LOOK = {"rapi": 6, "luxi": 7}  # requests; over LUXI one more tells of the drained queue and the watcher's pause
LIVE = ("status", "oper_state", "oper_ram", "oper_vcpus", "mfree", "dfree", "mtotal", "dtotal", "bootid")


def requests_for(site: Site, instances: int) -> list[str]:
    """The requests that gathering sends for so many instances, without their bodies."""
    for number in range(instances):
        site.cluster.add_instance(f"web{number}", "drbd", "node1", "node2")
    site.simulator.log.clear()
    assert len(site.look().rows) == instances
    return [f"{entry.request.method} {entry.request.target}" for entry in site.simulator.log.entries]


def test_the_number_of_requests(site: Site) -> None:
    """15 instances and 1,000 cost the same."""
    few = requests_for(site, 15)
    with Simulator() as larger:
        many = requests_for(Site(larger, site.transport), 1000)
    assert few == many
    assert len(few) == LOOK[site.transport]
    assert not any(field in request for request in few for field in LIVE)


@pytest.mark.parametrize("pending", [1, 200])
def test_the_number_of_requests_with_repairs_under_way(site: Site, pending: int) -> None:
    """Pending repairs cost one more request at most, however many there are."""
    for number in range(pending):
        instance = site.cluster.add_instance(f"web{number}", "drbd", "node1", "node2")
        instance.tags.add(f"{TAG}pending:failover:id{number}:1800000000:{900000 + number}")
    site.simulator.log.clear()
    site.look()
    jobs_again = 1  # as they are gone from the queue
    assert len(site.simulator.log.entries) == LOOK[site.transport] + jobs_again


def test_a_dead_node_is_not_waited_for(site: Site) -> None:
    """A node that is dead but not marked offline costs no time: nothing live is asked."""
    site.cluster.add_instance("web", "drbd", "node3", "node2")
    site.cluster.power_off("node3")
    before = site.cluster.clock.now()
    site.look()
    assert site.cluster.clock.now() == before
