# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people and ganeti-watcher do beside repairs: cancel jobs, empty the queue, remove instances, start them."""

from __future__ import annotations

import pytest

from simulator import Cluster, JobTrouble, Simulator

FAILOVER, TAG = "/2/instances/web/failover", "/2/instances/web/tags?tag=x"


def cancel(simulator: Simulator, number: int, transport: str) -> list[object]:
    """Cancel a job; return whether, and Ganeti's words."""
    if transport == "rapi":
        answer = simulator.ask("DELETE", f"/2/jobs/{number}")
        assert answer.status == 200
        found: list[object] = answer.json
    else:
        told = simulator.call("CancelJob", number)
        assert told["success"]
        found = told["result"]
    assert simulator.log.writes()[-1] is simulator.log.entries[-1], "it is a write"
    return found


@pytest.mark.parametrize("transport", ["rapi", "luxi"])
class TestCanceling:
    """A person cancels a job."""

    def test_a_queued_job_and_what_depends_on_it(self, simulator: Simulator, transport: str) -> None:
        first = simulator.ask("PUT", TAG).json
        second = simulator.ask("PUT", TAG, {"depends": [[first, ["success"]]]}).json
        assert cancel(simulator, first, transport) == [True, f"Dequeued job {first}"]
        simulator.advance_until_idle()
        assert [simulator.cluster.job(number).status for number in (first, second)] == ["canceled", "canceled"]

    def test_a_job_that_waits_for_long(self, simulator: Simulator, transport: str) -> None:
        simulator.troubles.add(JobTrouble("OP_INSTANCE_FAILOVER", "hang"))
        simulator.ask("PUT", FAILOVER, {})
        waiting = simulator.ask("PUT", TAG).json
        simulator.advance(1)
        assert simulator.cluster.job(waiting).status == "waiting"
        assert cancel(simulator, waiting, transport) == [True, "Job successfully cancelled"]
        assert simulator.cluster.job(waiting).status == "canceled"
        assert simulator.cluster.instance("web").tags == set()

    def test_a_job_that_gets_its_locks_soon(self, simulator: Simulator, transport: str) -> None:
        simulator.ask("PUT", FAILOVER, {})
        waiting = simulator.ask("PUT", TAG).json
        simulator.advance(1)
        text = "Job exited before it could have been canceled, status JOB_STATUS_SUCCESS"
        assert cancel(simulator, waiting, transport) == [False, text]

    def test_a_job_that_gets_its_locks_soon_and_takes_long(self, simulator: Simulator, transport: str) -> None:
        simulator.troubles.add(JobTrouble("OP_TAGS_SET", "hang"))
        simulator.ask("PUT", FAILOVER, {})
        waiting = simulator.ask("PUT", TAG).json
        simulator.advance(1)
        text = "Job could not be canceled, status JOB_STATUS_RUNNING"
        assert cancel(simulator, waiting, transport) == [False, text]

    def test_a_running_job(self, simulator: Simulator, transport: str) -> None:
        running = simulator.ask("PUT", FAILOVER, {}).json
        simulator.advance(1)
        text = "Job no longer waiting, can't cancel (informed it anyway)"
        assert cancel(simulator, running, transport) == [False, text]


def test_job_numbers_begin_anew(simulator: Simulator) -> None:
    simulator.ask("PUT", FAILOVER, {})
    simulator.advance_until_idle()
    simulator.cluster.queue.begin_anew()
    assert simulator.ask("GET", "/2/jobs/1").json["status"] is None
    assert simulator.ask("PUT", TAG).json == 1
    simulator.advance_until_idle()
    assert simulator.cluster.job(1).summary == ["TAGS_SET"]


# --- instances ---


def test_an_instance_made_anew_has_another_uuid(simulator: Simulator) -> None:
    cluster = simulator.cluster
    before = cluster.instance("web").uuid
    cluster.power_off("node2")
    cluster.remove_instance("web")
    assert "web.example.com" not in cluster.instances
    web = cluster.add_instance("web.example.com", "drbd", "node1", "node3", uuid="another")
    assert (web.uuid, before != "another") == ("another", True)
    simulator.ask("PUT", TAG)
    number = simulator.ask("PUT", FAILOVER, {}).json
    simulator.advance_until_idle()
    assert cluster.job(number).steps[0].op["instance_uuid"] == "another"


def test_forthcoming_instances(simulator: Simulator) -> None:
    cluster = simulator.cluster
    cluster.add_instance("soon.example.com", "drbd", "node1", "node2", forthcoming=True, admin_state="down")
    rows = simulator.ask("GET", "/2/query/instance?fields=name,forthcoming").json["data"]
    assert {name[1]: value[1] for name, value in rows} == {
        "db.example.com": False,
        "home.example.com": False,
        "soon.example.com": True,
        "web.example.com": False,
    }
    body = {"mode": "replace_new_secondary", "remote_node": "node3"}
    done = [
        simulator.ask("POST", "/2/instances/soon/replace-disks", body).json,
        simulator.ask("PUT", "/2/instances/soon/failover", {}).json,
        simulator.ask("PUT", "/2/instances/soon/migrate", {}).json,
        simulator.ask("POST", "/2/instances/soon/recreate-disks", {}).json,
    ]
    simulator.advance_until_idle()
    assert [cluster.job(number).error for number in done] == [
        *("", ""),
        *["forthcoming instances not supported for this operation"] * 2,
    ]
    assert cluster.instance("soon").nodes == ["node3.example.com", "node1.example.com"]
    assert not cluster.instance("soon").volumes


def test_an_instance_that_is_up_but_does_not_run_is_not_migrated(simulator: Simulator) -> None:
    simulator.cluster.instance("web").running_on.clear()
    number = simulator.ask("PUT", "/2/instances/web/migrate", {}).json
    simulator.advance_until_idle()
    text = "Can't migrate, please use failover: Instance web.example.com is not running"
    assert simulator.cluster.job(number).result == [["OpPrereqError", [text, "wrong_state"]]]


# --- ganeti-watcher ---


def down(cluster: Cluster) -> list[str]:
    """The instances that run nowhere."""
    return sorted(name.split(".")[0] for name, instance in cluster.instances.items() if not instance.running_on)


def test_the_watcher_starts_what_should_run(simulator: Simulator) -> None:
    cluster = simulator.cluster
    cluster.power_off("node1")
    assert (down(cluster), cluster.watch()) == (["db", "web"], []), "the node does not answer"
    cluster.power_on("node1")
    numbers = cluster.watch()
    simulator.advance_until_idle()
    assert down(cluster) == []
    job = cluster.job(numbers[0])
    assert job.summary == ["INSTANCE_STARTUP(web.example.com)"]
    assert job.steps[0].op["reason"][0][:2] == ["gnt:watcher", "Restarting instance web.example.com"]


def test_the_watcher_lets_be_what_is_stopped_and_nodes_that_are_offline(simulator: Simulator) -> None:
    cluster = simulator.cluster
    cluster.instance("web").admin_state = "down"
    for instance in cluster.instances.values():
        instance.running_on.clear()
    cluster.mark("node4", offline=True)
    assert len(cluster.watch()) == 1
    simulator.advance_until_idle()
    assert down(cluster) == ["home", "web"]


def test_a_paused_watcher_does_nothing(simulator: Simulator) -> None:
    simulator.cluster.instance("web").running_on.clear()
    simulator.cluster.watcher_pause = simulator.cluster.clock.now() + 10
    assert simulator.cluster.watch() == []
