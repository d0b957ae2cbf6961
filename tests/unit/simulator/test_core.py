# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The core: time, locks, dependencies, job faults, what repairs do. What Ganeti answers, tests/contract compares."""

from __future__ import annotations

import copy

import pytest

from simulator import Cluster, JobTrouble, Simulator

FAILOVER, MIGRATE = "/2/instances/web/failover", "/2/instances/web/migrate"
TAG = "/2/instances/web/tags?tag=x"


def job(simulator: Simulator, method: str, target: str, body: object = None) -> int:
    """Submit a job and return its id."""
    number = simulator.ask(method, target, body).json
    assert isinstance(number, int), number
    return number


def test_nothing_happens_before_its_time(simulator: Simulator) -> None:
    number = job(simulator, "PUT", FAILOVER, {})
    states = []
    for _ in range(5):
        states.append(simulator.cluster.job(number).status)
        simulator.advance(0.6)
    assert states == ["queued", "running", "running", "running", "success"]


def test_time_passes_in_one_leap_as_in_many_steps(cluster: Cluster) -> None:
    ends = []
    for step in (0.01, 60):
        simulator = Simulator(copy.deepcopy(cluster))
        numbers = [job(simulator, "PUT", FAILOVER, {}), job(simulator, "PUT", TAG), job(simulator, "PUT", MIGRATE, {})]
        for _ in range(int(60 / step)):
            simulator.advance(step)
        ends.append([simulator.cluster.job(number).end for number in numbers])
    assert ends[0] == pytest.approx(ends[1])


def test_a_tag_job_waits_for_the_repair_of_its_instance(simulator: Simulator) -> None:
    repair, tag = job(simulator, "PUT", FAILOVER, {}), job(simulator, "PUT", TAG)
    simulator.advance(1)
    assert simulator.cluster.job(repair).status == "running"
    assert simulator.cluster.job(tag).status == "waiting"
    simulator.advance_until_idle()
    assert simulator.cluster.instance("web").tags == {"x"}


def test_locks_are_given_in_the_order_of_the_jobs(simulator: Simulator) -> None:
    numbers = [job(simulator, "PUT", target, {}) for target in (FAILOVER, MIGRATE, FAILOVER)]
    simulator.advance_until_idle()
    ends = [simulator.cluster.job(number).end or 0 for number in numbers]
    assert ends == sorted(ends)
    assert simulator.cluster.instance("web").primary == "node2.example.com"


def test_at_most_twenty_jobs_run_at_once(simulator: Simulator) -> None:
    numbers = [job(simulator, "PUT", f"/2/tags?tag=t{number}") for number in range(30)]
    simulator.advance(0.4)
    states = [simulator.cluster.job(number).status for number in numbers]
    assert (states.count("running"), states.count("queued")) == (20, 10)


@pytest.mark.parametrize(
    ("manner", "status", "primary"),
    [
        ("fail", "error", "node1.example.com"),
        ("fail_late", "error", "node2.example.com"),
        ("cancel", "canceled", "node1.example.com"),
        ("hang", "running", "node1.example.com"),
    ],
)
def test_troubles_of_jobs(simulator: Simulator, manner: str, status: str, primary: str) -> None:
    trouble = JobTrouble("OP_INSTANCE_FAILOVER", manner, instance="web.example.com")  # type: ignore[arg-type]
    simulator.troubles.add(trouble)
    number = job(simulator, "PUT", FAILOVER, {})
    simulator.advance_until_idle()
    assert simulator.cluster.job(number).status == status
    assert simulator.cluster.instance("web").primary == primary


def test_a_hanging_job_goes_on_when_released(simulator: Simulator) -> None:
    simulator.troubles.add(JobTrouble("OP_INSTANCE_FAILOVER", "hang"))
    number = job(simulator, "PUT", FAILOVER, {})
    simulator.advance(100)
    simulator.troubles.release(simulator.cluster, number)
    assert simulator.cluster.job(number).status == "success"


def test_a_trouble_can_skip_some_and_strike_several(simulator: Simulator) -> None:
    simulator.troubles.add(JobTrouble("OP_TAGS_SET", skip=1, times=2))
    numbers = [job(simulator, "PUT", f"/2/tags?tag=t{number}") for number in range(4)]
    simulator.advance_until_idle()
    assert [simulator.cluster.job(number).status for number in numbers] == ["success", "error", "error", "success"]


def test_a_purged_job_is_all_nulls(simulator: Simulator) -> None:
    number = job(simulator, "PUT", TAG)
    simulator.advance_until_idle()
    simulator.cluster.queue.purge(number)
    assert simulator.ask("GET", f"/2/jobs/{number}").json["status"] is None


def test_a_copy_goes_its_own_way(cluster: Cluster) -> None:
    simulator = Simulator(cluster)
    job(simulator, "PUT", FAILOVER, {})
    simulator.advance(1)
    other = copy.deepcopy(cluster)
    other.advance_until_idle()
    assert other.instance("web").primary == "node2.example.com"
    assert cluster.instance("web").primary == "node1.example.com"


def test_failover_from_a_node_that_is_offline_but_alive_splits_the_brain(simulator: Simulator) -> None:
    simulator.cluster.node("node1").offline = True
    job(simulator, "PUT", FAILOVER, {})
    simulator.advance_until_idle()
    assert simulator.cluster.instance("web").splits_brain


def test_data_that_is_wiped_is_counted(simulator: Simulator) -> None:
    simulator.cluster.power_off("node1")
    simulator.cluster.node("node1").offline = True
    job(simulator, "POST", "/2/instances/db/recreate-disks", {"nodes": ["node2"]})
    simulator.advance_until_idle()
    job(simulator, "POST", "/2/instances/db/reinstall")
    simulator.advance_until_idle()
    instance = simulator.cluster.instance("db")
    assert (instance.primary, instance.wiped, instance.running_on) == (
        "node2.example.com",
        2,
        {"node2.example.com"},
    )


def test_a_live_query_waits_for_a_dead_node_and_a_query_of_configuration_does_not(simulator: Simulator) -> None:
    simulator.cluster.power_off("node5")
    begin = simulator.cluster.clock.now()
    simulator.ask("GET", "/2/query/instance?fields=name,pnode,tags")
    assert simulator.cluster.clock.now() == begin
    simulator.ask("GET", "/2/query/node?fields=name,mfree")
    assert simulator.cluster.clock.now() == begin + 5


@pytest.mark.parametrize("target", ["/2/tags?tag=%C3%A9", "/2/tags?tag=x&reason=%C3%A9"])
def test_what_is_not_ascii_uses_up_a_job_id(simulator: Simulator, target: str) -> None:
    """Not in the contract: under a UTF-8 locale such a tag makes the real cluster's configuration unreadable."""
    assert simulator.ask("PUT", target).status == 500
    assert job(simulator, "PUT", TAG) == 2
