# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""With secondary_state: uptodate no failover goes to a copy that is not known to be up to date."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import run_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.waiting import run_until_done
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.job_request import JobRequest, Task
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.document import plan_data
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.approval import PlanDiffers, parse_approved
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Limits, SecondaryState
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import ExecutionOptions
from simulator import JobTrouble, Simulator
from simulator.model import COPIES
from unbraked import unbraked

from .conftest import Site
from .direct import TRANSPORTS

QUESTION = "INSTANCE_QUERY_DATA"


@pytest.fixture(params=TRANSPORTS)
def asked(request: pytest.FixtureRequest) -> Site:
    """A site where web and db, drbd on a dead node3, may be failed over to node2."""
    site = Site(Simulator(), request.param, direct=True)
    for name in ("db", "web"):
        site.cluster.add_instance(name, "drbd", "node3", "node2")
    site.allow("failover")
    site.kill("node3")
    return site


def uptodate(**more: Any) -> Limits:
    """Limits with the option."""
    return unbraked(secondary_state=SecondaryState.UPTODATE, **more)


def jobs(site: Site, word: str) -> list[str]:
    """The instances of all jobs that do something."""
    steps = [step for job in site.cluster.queue.jobs.values() for step in job.steps if word in step.op["OP_ID"]]
    return [step.op.get("instance_name") or step.op["instances"][0] for step in steps]


def whys(played: Any) -> dict[str, Any]:
    """Why nothing is done with instances after a round, by their names."""
    return {case.instance.name: action.why for case, action in played.after.rows}


COPY = [("not assembled", None)] + [(name, number) for name, number in COPIES.items() if number != 1] + [("new", 5)]


@pytest.mark.parametrize("copy", [row[1] for row in COPY], ids=[row[0] for row in COPY])
def test_a_copy_that_is_not_up_to_date_is_not_taken(asked: Site, copy: int | None) -> None:
    """Nor is anything written for it, however many rounds there are; the other one is failed over."""
    asked.cluster.instance("web").own_copies["node2"] = copy
    for _round in range(3):
        played = asked.run_round(uptodate())
        assert whys(played)["web"] is Reason.SECONDARY_STATE
        asked.simulator.advance_until_idle()
        asked.simulator.advance(30)
    assert jobs(asked, "FAILOVER") == ["db"]
    assert asked.tags("web") == []
    assert asked.cluster.instance("web").primary == "node3"
    assert asked.cluster.instance("db").primary == "node2"


def test_a_round_that_finds_nothing_to_write_writes_nothing(asked: Site) -> None:
    """It asks, and does not claim the cluster for that."""
    for name in ("db", "web"):
        asked.cluster.instance(name).own_copies["node2"] = None
    played = asked.run_round(uptodate())
    assert set(whys(played).values()) == {Reason.SECONDARY_STATE}
    assert not played.changed
    assert not played.left
    assert {step.op["OP_ID"] for job in asked.cluster.queue.jobs.values() for step in job.steps} == {f"OP_{QUESTION}"}


def test_good_copies_are_taken_as_without_the_option(asked: Site) -> None:
    """Each is asked about once."""
    asked.run_round(uptodate())
    assert jobs(asked, QUESTION) == ["db", "web"]
    asked.simulator.advance_until_idle()
    asked.play_until_quiet(limits=uptodate())
    assert jobs(asked, QUESTION) == ["db", "web"]
    assert [asked.state(name) for name in ("db", "web")] == ["healthy", "healthy"]


def test_without_the_option_nobody_is_asked(asked: Site) -> None:
    """And an old copy is taken, as Ganeti does."""
    asked.cluster.instance("web").own_copies["node2"] = None
    asked.play_until_quiet()
    assert jobs(asked, QUESTION) == []
    assert sorted(jobs(asked, "FAILOVER")) == ["db", "web"]


def test_a_dry_run_asks_nobody_and_says_so(asked: Site) -> None:
    """Law 1: a question is a job."""
    asked.cluster.instance("web").own_copies["node2"] = None
    seen = asked.plan_round(uptodate())
    played = asked.run_round(uptodate(), check=True)
    assert list(asked.cluster.queue.jobs) == []
    assert DryRunClient(asked.client()).submit(JobRequest("instance", "web", (Task(Operation.QUERY_DEVICES),))) is None
    assert list(asked.cluster.queue.jobs) == []
    assert asked.simulator.log.writes() == []
    assert asked.simulator.log.matching(path="*/info") == asked.simulator.log.matching(path="/2/info")
    for plan in (seen, played.before):
        assert all("first, node2 is asked whether its copy is up to date" in action.reason for action in plan.actions)


def test_a_node_that_hangs_holds_its_own_failovers_only(asked: Site) -> None:
    """Within a limit of time, and its questions are not asked again while they hang."""
    asked.cluster.add_instance("app", "drbd", "node3", "node1")
    asked.cluster.queue.troubles.add(JobTrouble(f"OP_{QUESTION}", "hang", times=2))  # of app and db
    begun = asked.cluster.clock.now()
    played = asked.run_round(uptodate())
    assert asked.cluster.clock.now() - begun < 60
    assert whys(played) == {"app": Reason.SECONDARY_STATE, "db": Reason.SECONDARY_STATE, "web": Reason.JOB_UNDER_WAY}
    assert jobs(asked, QUESTION) == ["app", "db", "web"]
    asked.run_round(uptodate())
    assert jobs(asked, QUESTION) == ["app", "db", "web"]
    for job in list(asked.cluster.queue.troubles.hanging):
        asked.cluster.queue.troubles.release(asked.cluster, job)
    asked.play_until_quiet(limits=uptodate())
    assert sorted(jobs(asked, "FAILOVER")) == ["app", "db", "web"]


def test_a_secondary_that_does_not_answer_is_not_known_to_be_well(asked: Site) -> None:
    """It is dead, and nobody has marked it."""
    asked.cluster.power_off("node2")
    played = asked.run_round(uptodate())
    assert set(whys(played).values()) == {Reason.SECONDARY_STATE}
    assert all("node2 does not answer" in action.reason for _case, action in played.after.rows)
    assert jobs(asked, "FAILOVER") == []


def test_a_stopped_instance_is_for_a_person(asked: Site) -> None:
    """Its disks are assembled nowhere, so nobody can tell."""
    web = asked.cluster.instance("web")
    web.admin_state = "down"
    web.running_on.clear()
    assert whys(asked.run_round(uptodate()))["web"] is Reason.SECONDARY_STATE


def test_what_was_approved_is_done_or_nothing(asked: Site) -> None:
    """Two failovers were approved; one may not be taken, so neither is."""
    plan = plan_data(asked.plan_round(uptodate()))
    asked.cluster.instance("web").own_copies["node2"] = None
    with pytest.raises(PlanDiffers, match="web: approved was submit failover"):
        asked.run_round(uptodate(approved=parse_approved(plan)))
    assert jobs(asked, "FAILOVER") == []
    asked.cluster.instance("web").own_copies.clear()
    asked.run_round(uptodate(approved=parse_approved(plan)))
    assert sorted(jobs(asked, "FAILOVER")) == ["db", "web"]


def test_a_run_that_waits_asks_anew(asked: Site) -> None:
    """It ends with what a person has to do, and takes what has become good meanwhile."""
    asked.cluster.instance("web").own_copies["node2"] = COPIES["syncing"]
    rounds = run_until_done(asked.client(), uptodate(), ExecutionOptions("", "", asked.new_id), asked.terms(), 3600)
    assert whys(next(rounds))["web"] is Reason.SECONDARY_STATE
    asked.cluster.instance("web").own_copies.clear()
    *_, last = rounds
    assert not last.left
    assert [asked.state(name) for name in ("db", "web")] == ["healthy", "healthy"]


def test_nothing_that_comes_between_is_taken_unasked(asked: Site) -> None:
    """A node dies while the secondaries of others are asked: its instances wait for the next round."""
    asked.cluster.add_instance("late", "drbd", "node4", "node1")

    def sleep(seconds: float) -> None:
        asked.simulator.advance(seconds)
        if any(":claim:" in tag for tag in asked.cluster.tags):
            asked.kill("node4")

    run_round(asked.client(), uptodate(), ExecutionOptions("", "", asked.new_id), replace(asked.terms(), sleep=sleep))
    assert sorted(jobs(asked, "FAILOVER")) == ["db", "web"]
    assert asked.cluster.instance("late").primary == "node4"
    asked.play_until_quiet(limits=uptodate())
    assert sorted(jobs(asked, "FAILOVER")) == ["db", "late", "web"]
