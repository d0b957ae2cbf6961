# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong on the way to a cluster, over either transport: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import AnswerLost, Unreachable
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import run_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.job_request import JobRequest
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import ExecutionOptions
from simulator.faults import ANSWER, DROP_AFTER, DROP_BEFORE, TRUNCATE, Action
from unbraked import unbraked

from .conftest import Site


def test_a_drained_queue(site: Site) -> None:
    """Nothing is an error: all that would be written is held, with the reason, and comes when the queue is open."""
    site.break_two()
    site.cluster.queue.drained = True
    played = site.run_round()
    assert played.trouble is None
    assert not played.changed
    assert {outcome.action.kind.value for outcome in played.outcomes} == {"hold"}
    assert all("job queue is drained" in outcome.action.reason for outcome in played.outcomes)
    site.cluster.queue.drained = False
    site.play_until_quiet()
    assert site.state("web") == site.state("db") == "healthy"


@pytest.mark.parametrize("step", ["TAGS_SET", "FAILOVER"])
@pytest.mark.parametrize("action", [DROP_BEFORE, DROP_AFTER, TRUNCATE])
def test_a_lost_answer_to_a_write(site: Site, step: str, action: Action) -> None:
    """The instance is left alone and the others go on; the next round finds out whether it was done. No job twice."""
    site.break_two()
    site.lose(step, "db", action)
    played = site.run_round()
    errors = {outcome.action.name: outcome.error for outcome in played.outcomes}
    assert "db" in errors["db"] and not errors["web"]
    site.simulator.advance_until_idle()
    site.play_until_quiet()
    assert site.state("web") == site.state("db") == "healthy"
    done = [job for job in site.cluster.queue.jobs.values() if "INSTANCE_FAILOVER(db)" in job.summary]
    assert len(done) == 1
    assert [tag for tag in site.tags("db") if tag.startswith("pending")] == []


@pytest.mark.parametrize("late", [100, 170])
def test_a_request_that_arrives_late(site: Site, monkeypatch: pytest.MonkeyPatch, late: int) -> None:
    """The runner has given up on it, but the network delivers it all the same: nobody writes until then (law 2)."""
    site.cluster.add_instance("db", "plain", "node3")
    site.allow("reinstall")
    site.kill("node3")
    client, held_back = site.client(), []
    submit = client.submit

    def slow(request: JobRequest) -> int | None:
        if any(task.operation is Operation.RECREATE_DISKS for task in request.tasks):
            held_back.append(request)
            raise AnswerLost("cannot tell: no answer came")
        return submit(request)

    monkeypatch.setattr(client, "submit", slow)
    run_round(client, unbraked(), ExecutionOptions("", "", site.new_id), site.terms())
    for _ in range(late // 10):
        site.simulator.advance(10)
        assert not site.run_round().changed
    (request,) = held_back
    submit(request)
    site.simulator.advance_until_idle()
    site.play_until_quiet()
    done = [summary for job in site.cluster.queue.jobs.values() for summary in job.summary]
    assert [done.count(f"INSTANCE_{step}(db)") for step in ("RECREATE_DISKS", "REINSTALL")] == [1, 1]
    (tag,) = [tag for tag in site.tags("db") if tag != "reinstall"]
    assert ":success:" in tag


@pytest.mark.parametrize("step", ["RECREATE_DISKS", "REINSTALL"])
@pytest.mark.parametrize("archived", [False, True], ids=["soon", "after the jobs were archived"])
def test_a_lost_answer_to_what_destroys_data(site: Site, step: str, archived: bool) -> None:
    """Disks are made anew once, and installed once, however late the next round comes (law 2)."""
    site.cluster.add_instance("db", "plain", "node3")
    site.allow("reinstall")
    site.kill("node3")
    site.lose(step, "db", DROP_AFTER)
    for _ in range(4):
        site.run_round()
        site.simulator.advance_until_idle()
        for job in list(site.cluster.queue.jobs) if archived else []:
            site.cluster.queue.archive(job)
    site.play_until_quiet()
    done = [summary for job in site.cluster.queue.jobs.values() for summary in job.summary]
    assert [done.count(f"INSTANCE_{step}(db)") for step in ("RECREATE_DISKS", "REINSTALL")] == [1, 1]
    (tag,) = [tag for tag in site.tags("db") if tag != "reinstall"]
    assert ":success:" in tag


def test_answers_that_stay_away(site: Site) -> None:
    """After two in a row nothing more is tried: a host that hangs would cost a time-out for each instance."""
    site.break_two()
    site.cluster.add_instance("mail", "rbd", "node3")
    site.lose("*", "*", DROP_AFTER, times=9)
    played = site.run_round()
    assert isinstance(played.trouble, Unreachable)
    assert [outcome.sent for outcome in played.outcomes] == [True, True, False]
    assert len(site.simulator.log.writes()) == 3  # and one for the claim, which stays: who knows what still arrives
    site.simulator.faults.clear()
    site.simulator.advance_until_idle()
    site.play_until_quiet()
    assert site.state("web") == site.state("db") == site.state("mail") == "healthy"


def test_one_refused_request(site: Site) -> None:
    """An instance whose request is refused says so, and the next one is repaired."""
    site.break_two()
    site.lose("FAILOVER", "db", ANSWER)
    played = site.run_round()
    assert "Simulated failure" in played.outcomes[0].error
    assert not played.outcomes[1].error


def test_the_master_that_goes_away_half_way(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The round ends with a clear word and its account; the next one carries on."""
    site.break_two()
    client = site.client()
    submit = client.submit

    def gone_after_db(request: JobRequest) -> int | None:
        if request.name == "web":
            raise Unreachable("cannot submit: gone")
        return submit(request)

    monkeypatch.setattr(client, "submit", gone_after_db)
    played = run_round(client, unbraked(), ExecutionOptions("", "", site.new_id), site.terms())
    assert isinstance(played.trouble, Unreachable)
    assert played.changed
    errors = {outcome.action.name: outcome.error for outcome in played.outcomes}
    assert errors == {"db": "", "web": "not started, as the round ended first"}
    site.simulator.advance_until_idle()
    site.play_until_quiet()
    assert site.state("web") == "healthy"
