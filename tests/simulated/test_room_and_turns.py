# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is down waits for no resync and no hung job; what no node can take is not tried; tags of nodes count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import facts
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Limits
from simulator import JobTrouble, Simulator
from unbraked import unbraked

from .conftest import TAG, Site
from .direct import TRANSPORTS

OTHERS = ("node1", "node2", "node4", "node7", "node8", "node9", "node10")
HOURS = 2 * 3600.0
DEFAULTS = {"max_in_flight": 10, "max_per_node": 5, "max_per_group": 10}


@pytest.fixture(params=TRANSPORTS)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A cluster of ten nodes without instances, without sockets."""
    site = Site(Simulator(), request.param, direct=True)
    for number in range(7, 11):
        site.cluster.add_node(f"node{number}", "default")
    yield site


def jobs(site: Site, opcode: str) -> list[Any]:
    """The jobs that have an opcode."""
    return [job for job in site.cluster.queue.jobs.values() if any(opcode in text for text in job.summary)]


def why(site: Site, name: str, **limits: Any) -> str | None:
    """Why nothing is done with an instance now."""
    action = next(action for case, action in site.plan_round(unbraked(**limits)).rows if case.instance.name == name)
    return action.why.value if action.why else None


# --- turns -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secondaries", [0, 10])
def test_twenty_primaries_of_a_dead_node_move_within_three_rounds(site: Site, secondaries: int) -> None:
    """Though each resync takes two hours, and the limits are the defaults; all have a mirror in the end."""
    for number in range(20):
        site.cluster.add_instance(f"web{number:02}", "drbd", "node3", OTHERS[number % len(OTHERS)])
    for number in range(secondaries):
        site.cluster.add_instance(f"sec{number:02}", "drbd", OTHERS[number % len(OTHERS)], "node3")
    site.cluster.queue.durations.opcodes["OP_INSTANCE_REPLACE_DISKS"] = HOURS
    site.allow("failover")
    site.kill("node3")
    for _round in range(3):
        site.run_round(Limits())
        site.simulator.advance(300)
    names = [f"web{number:02}" for number in range(20)]
    assert [name for name in names if site.cluster.instance(name).primary == "node3"] == []
    resyncs = [job for job in jobs(site, "REPLACE_DISKS") if job.status in ("queued", "waiting", "running")]
    assert len(resyncs) <= DEFAULTS["max_in_flight"]
    for _round in range(80):
        site.run_round(Limits())
        site.simulator.advance(3600)
    assert {case.state.value for case, _ in site.plan_round().rows} == {"healthy"}
    assert len(jobs(site, "REPLACE_DISKS")) == 20 + secondaries  # none twice


def test_a_failover_alone_is_followed_by_its_new_secondary(site: Site) -> None:
    """Held with its repair pending until a resync has ended; where there is room the two go together."""
    for name in ("a", "b"):
        site.cluster.add_instance(name, "drbd", "node3", "node1")
    site.cluster.queue.durations.opcodes["OP_INSTANCE_REPLACE_DISKS"] = HOURS
    site.allow("failover")
    site.kill("node3")
    site.run_round(unbraked(max_per_node=1))
    site.simulator.advance(60)
    site.run_round(unbraked(max_per_node=1))
    site.simulator.advance(60)
    assert [site.cluster.instance(name).primary for name in "ab"] == ["node1", "node1"]
    assert (why(site, "b", max_per_node=1), site.state("b")) == ("max_per_node", "pending_repair")
    for _round in range(4):
        site.simulator.advance(HOURS)
        site.run_round(unbraked(max_per_node=1))
    assert [site.state(name) for name in "ab"] == ["healthy", "healthy"]
    assert len(jobs(site, "REPLACE_DISKS")) == 2


def test_ten_jobs_that_hang_hold_no_later_failover(site: Site) -> None:
    """Neither hung resyncs, nor, after a while, hung failovers; Ganeti's queue has room for the round's own jobs."""
    for number in range(10):
        site.cluster.add_instance(f"old{number}", "drbd", OTHERS[number % 2], "node4")
        site.cluster.queue.troubles.add(JobTrouble("OP_INSTANCE_REPLACE_DISKS", "hang", instance=f"old{number}"))
    for number in range(4):
        site.cluster.add_instance(f"web{number}", "drbd", "node3", f"node{number + 7}")
    site.allow("failover")
    site.kill("node4")
    for _round in range(2):
        site.run_round(unbraked(**DEFAULTS))
        site.simulator.advance(1800)
    site.kill("node3")
    site.run_round(unbraked(**DEFAULTS))
    site.simulator.advance(60)
    assert [site.cluster.instance(f"web{number}").primary for number in range(4)] == [
        f"node{number + 7}" for number in range(4)
    ]


def test_failovers_that_hang_do_not_count_for_ever(site: Site) -> None:
    """After an hour another begins in their place."""
    for name in ("a", "b"):
        site.cluster.add_instance(
            name, "drbd", "node3" if name == "a" else "node2", "node1" if name == "a" else "node4"
        )
    site.cluster.queue.troubles.add(JobTrouble("OP_INSTANCE_FAILOVER", "hang", instance="a"))
    site.allow("failover")
    site.kill("node3")
    site.run_round(unbraked(max_in_flight=1))
    site.kill("node2")
    site.simulator.advance(600)
    assert why(site, "b", max_in_flight=1) == "max_in_flight"
    site.simulator.advance(3600)
    site.run_round(unbraked(max_in_flight=1))
    site.simulator.advance(60)
    assert site.cluster.instance("b").primary == "node4"


def test_a_job_says_since_when_it_runs_or_waits(site: Site) -> None:
    """And after how long that is odd, and where to look."""
    for name in ("a", "b"):
        site.cluster.add_instance(name, "rbd", "node3")
    site.cluster.queue.troubles.add(JobTrouble("OP_INSTANCE_FAILOVER", "hang", instance="a"))
    site.allow("failover")
    site.kill("node3")
    site.run_round()
    said = []
    for seconds in (30, 700, 3600):
        site.simulator.advance(seconds)
        said.append({case.instance.name: action.reason for case, action in site.plan_round().rows})
    assert ") has been in progress since 2027-01-15T08:00:0" in said[0]["a"] and "hour" not in said[1]["a"]
    assert "Z, for more than an hour; to see what it does: gnt-job info " in said[2]["a"]
    assert (
        ") has been waiting since 2027-01-15T08:00:00Z; to see which job holds its locks: gnt-debug locks"
        in said[0]["b"]
    )
    assert (
        "has been waiting since 2027-01-15T08:00:00Z, which is unusual after ten minutes; to see which job"
        in said[1]["b"]
    )


def test_a_new_secondary_waits_for_its_failover(site: Site) -> None:
    """Not for locks; over LUXI both are one job."""
    site.cluster.add_instance("a", "drbd", "node3", "node1")
    site.cluster.queue.troubles.add(JobTrouble("OP_INSTANCE_FAILOVER", "hang", instance="a"))
    site.allow("failover")
    site.kill("node3")
    site.run_round()
    site.simulator.advance(3)
    reason = site.plan_round().rows[0][1].reason
    assert ("(INSTANCE_REPLACE_DISKS) waits for job " in reason) is (site.transport == "rapi")


# --- what no node can take, and pauses -------------------------------------------------------------------------------


def test_a_group_of_two_is_failed_over_and_asks_for_a_person(site: Site) -> None:
    """No job fails; the run ends; the new secondary is made when there is a third node."""
    site.cluster.add_instance("web", "drbd", "node5", "node6")
    site.allow("failover")
    site.kill("node5")
    for _round in range(3):
        played = site.run_round()
        site.simulator.advance(600)
    assert site.cluster.instance("web").primary == "node6"
    assert [job.id for job in site.cluster.queue.jobs.values() if job.status == "error"] == []
    assert jobs(site, "REPLACE_DISKS") == []
    assert (why(site, "web"), played.left, site.state("web")) == ("no_node", False, "pending_repair")
    assert facts(site.plan_round())["needs_person"] == ["web"]
    site.cluster.add_node("node11", "rack2")
    site.play_until_quiet()
    assert (site.state("web"), site.cluster.instance("web").secondaries) == ("healthy", ["node11"])


def test_a_dry_run_says_where_an_allocator_decides(site: Site) -> None:
    """Nobody knows yet whether there is room."""
    site.cluster.add_instance("web", "drbd", "node3", "node1")
    site.cluster.add_instance("db", "rbd", "node3")
    site.allow("failover")
    site.kill("node3")
    report = "\n".join(facts(site.plan_round())["report"])
    assert "would submit failover, replace-disks if there is room\n" in report
    assert "would submit failover if there is room\n" in report


def test_what_is_down_is_tried_again_every_five_minutes(site: Site) -> None:
    """However often there was no room, and at once if a person says so."""
    site.cluster.add_instance("web", "rbd", "node3")
    site.allow("failover")
    site.kill("node3")
    spare = ("node1", "node2", "node4", "node7", "node8", "node9", "node10")
    for name in spare:
        site.cluster.leave_free(name, memory=1)
    for _round in range(40):
        site.run_round()
        site.simulator.advance(300)
    assert len(jobs(site, "FAILOVER")) >= 35
    site.run_round()
    site.simulator.advance(10)
    site.cluster.leave_free("node1", memory=9999)
    assert why(site, "web") == "no_room"
    site.run_round(unbraked(retry_now=True))
    site.simulator.advance(30)
    assert site.cluster.instance("web").primary == "node1"


# --- tags of nodes ---------------------------------------------------------------------------------------------------


def test_a_recreated_mirror_is_in_two_locations(site: Site) -> None:
    """As htools wants it, whatever the room."""
    site.cluster.tags.add("htools:nlocation:rack")
    for name in OTHERS:
        site.cluster.node(name).tags.add("rack:two" if name == "node10" else "rack:one")
    site.cluster.leave_free("node10", memory=9999)
    site.cluster.add_instance("web", "drbd", "node3", "node9")
    site.allow("reinstall")
    site.kill("node3")
    site.kill("node9")
    site.play_until_quiet()
    web = site.cluster.instance("web")
    assert "node10" in (web.primary, *web.secondaries)


@pytest.mark.parametrize("tags", [("hv:old", "hv:new"), ("hv:new",)], ids=["a node with both", "none"])
def test_a_migration_goes_where_it_can(site: Site, tags: tuple[str, ...]) -> None:
    """By the migration tags; where there is no such node a person is asked, and no job fails."""
    site.cluster.tags.add("htools:migration:hv")
    site.cluster.node("node3").tags.add("hv:old")
    for name in OTHERS:
        site.cluster.node(name).tags.add("hv:new")
    site.cluster.node("node10").tags.update(tags)
    site.cluster.add_instance("web", "rbd", "node3")
    site.cluster.tags.add(TAG + "migrate")
    site.cluster.mark("node3", drained=True)
    site.run_round(unbraked(choose_nodes=True))
    site.simulator.advance_until_idle()
    if len(tags) == 2:
        assert site.cluster.instance("web").primary == "node10"
    else:
        assert (why(site, "web", choose_nodes=True), jobs(site, "MIGRATE")) == ("no_node", [])
