# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Law 6: gathering costs the same few requests whatever the size, and asks no node."""

from __future__ import annotations

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.waiting import run_until_done
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import ExecutionOptions
from simulator import Simulator
from unbraked import unbraked

from .conftest import TAG, Site

CASE_JOBS = {"rapi": 41, "luxi": 21}  # of which T, steps, results and their removals are 36, or 16
LOOK = {"rapi": 6, "luxi": 7}  # requests; over LUXI one more tells of the drained queue and the watcher's pause
LIVE = ("status", "oper_state", "oper_ram", "oper_vcpus", "mfree", "dfree", "mtotal", "dtotal", "bootid")


def requests_for(site: Site, instances: int) -> list[str]:
    """The requests that gathering sends for so many instances, without their bodies."""
    for number in range(instances):
        site.cluster.add_instance(f"web{number}", "drbd", "node1", "node2")
    site.simulator.log.clear()
    assert len(site.plan_round().rows) == instances
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
    site.plan_round()
    jobs_again = 1  # as they are gone from the queue
    assert len(site.simulator.log.entries) == LOOK[site.transport] + jobs_again


def test_a_dead_node_is_not_waited_for(site: Site) -> None:
    """A node that is dead but not marked offline costs no time: nothing live is asked."""
    site.cluster.add_instance("web", "drbd", "node3", "node2")
    site.cluster.power_off("node3")
    before = site.cluster.clock.now()
    site.plan_round()
    assert site.cluster.clock.now() == before


def test_the_number_of_jobs(site: Site) -> None:
    """Four failovers with new secondaries, four new secondaries and a refusal, in a run that waits."""
    for number in range(4):
        site.cluster.add_instance(f"p{number}", "drbd", "node3", ("node1", "node2", "node4")[number % 3])
        site.cluster.add_instance(f"s{number}", "drbd", ("node1", "node2", "node4")[number % 3], "node3")
    site.cluster.add_instance("local", "plain", "node3")
    site.allow("failover")
    site.kill("node3")
    rounds = list(run_until_done(site.client(), unbraked(), ExecutionOptions("", "", site.new_id), site.terms(), 3600))
    assert rounds[-1].after.summary["healthy"] == 8
    assert not rounds[-1].left
    assert len(site.cluster.queue.jobs) == CASE_JOBS[site.transport]
