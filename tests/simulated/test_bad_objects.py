# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One bad object never stops the others (law 4): unknown data, unreadable tags, and people who do something else."""

from __future__ import annotations

import json

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries import cluster as read
from simulator.faults import ANSWER, RequestFault
from simulator.http import answer
from simulator.message import success
from simulator.trouble import JobTrouble
from unbraked import unbraked

from .conftest import TAG, Site


@pytest.fixture
def broken(site: Site) -> Site:
    """A site on which node3 has died, with two instances on shared storage that may fail over."""
    site.break_two()
    return site


def action(site: Site, name: str) -> tuple[str, str]:
    """What comes next for an instance, and why."""
    return next(
        (action.kind.value, action.reason) for case, action in site.plan_round().rows if case.instance.name == name
    )


BAD_TAGS = [
    f"{TAG}pending:failover:id:soon:",
    f"{TAG}pending:failover",
    f"{TAG}result:failover:id:1:maybe:",
    f"{TAG}failovr",
    f"{TAG}suspend:tomorrow",
]


@pytest.mark.parametrize("tag", BAD_TAGS)
def test_a_malformed_tag(broken: Site, tag: str) -> None:
    """Its instance is left alone, the reason shows the tag, and the other is repaired."""
    broken.cluster.instance("db").tags.add(tag)
    broken.play_until_quiet()
    kind, reason = action(broken, "db")
    assert kind in ("report", "hold")
    assert tag in reason
    assert broken.cluster.instance("db").tags == {tag}
    assert broken.state("web") == "healthy"


def test_a_malformed_tag_on_the_cluster(broken: Site) -> None:
    """A suspend that can't be read suspends, and is reported and kept."""
    broken.cluster.tags.add(f"{TAG}suspend:tomorrow")
    assert not broken.run_round().changed
    assert action(broken, "web")[0] == "hold"
    assert "suspend:tomorrow can't be read" in action(broken, "web")[1]
    assert any("suspend:tomorrow" in warning for warning in broken.plan_round().warnings)


def test_a_node_that_is_missing_from_the_answer(broken: Site) -> None:
    """Whose node is not known is left alone; the others are repaired."""
    rows = json.loads(broken.simulator.ask("GET", f"/2/query/node?fields={','.join(read._NODE)}").body)
    broken.cluster.add_instance("lost", "rbd", "node4")
    rows["data"] = [row for row in rows["data"] if row[0][1] != "node4"]
    if broken.transport == "luxi":
        fault = RequestFault("Query", "node", ANSWER, times=9, response=success(rows))
    else:
        fault = RequestFault("GET", "/2/query/node", ANSWER, times=9, response=answer(rows))
    broken.simulator.faults.add(fault)
    played = broken.run_round()
    case, lost = next(row for row in played.before.rows if row[0].instance.name == "lost")
    assert (case.state.value, lost.kind.value) == ("repair_disallowed", "report")
    assert lost.reason == "the node node4 is not in the cluster's answer"
    assert {outcome.action.name for outcome in played.outcomes if outcome.sent} == {"db", "web"}


def test_a_name_that_does_not_exist(broken: Site) -> None:
    """Nothing is done for a round that is limited to something unknown."""
    with pytest.raises(BadOption, match="instances: nothing in the cluster is called wbe"):
        broken.run_round(unbraked(instances=("wbe",)))
    with pytest.raises(BadOption, match="groups: nothing in the cluster is called rack9"):
        broken.run_round(unbraked(groups=("rack9",)))
    assert not broken.simulator.log.writes()


def test_a_round_for_one_instance(broken: Site) -> None:
    """Only what was named is touched."""
    broken.run_round(unbraked(instances=("d*",)))
    assert broken.tags("db") and not broken.tags("web")


def test_a_job_that_a_person_cancels(broken: Site) -> None:
    """The repair ends without a failure, the report says why, and no other begins until a person says so."""
    broken.simulator.troubles.add(JobTrouble("OP_INSTANCE_FAILOVER", "cancel", instance="db"))
    broken.run_round()
    broken.simulator.advance_until_idle()
    kind, reason = action(broken, "db")
    assert kind == "finish" and "was canceled by a person" in reason
    broken.run_round()
    assert broken.tags("db") == ["suspend"]


@pytest.mark.parametrize("retries", [0, 2])
def test_a_job_that_fails(broken: Site, retries: int) -> None:
    """It is tried again as often as the user wants, each time after a longer pause. Then the failure is written with
    the job's own words in the report, and nothing more is done."""
    text = "the disk is on fire"
    broken.simulator.troubles.add(JobTrouble("OP_INSTANCE_FAILOVER", instance="db", text=text, times=9))
    started, limits = broken.cluster.clock.now(), unbraked(retries=retries)
    while broken.state("db") != "repair_failed":
        broken.run_round(limits)
        broken.simulator.advance(10)
    tries = [job for job in broken.cluster.queue.jobs.values() if "INSTANCE_FAILOVER(db)" in job.summary]
    assert len(tries) == retries + 1
    pauses = sum(60 * 2**number for number in range(retries))
    assert pauses <= broken.cluster.clock.now() - started < pauses + 100
    broken.play_until_quiet()
    (tag,) = broken.tags("db")
    assert ":failure:" in tag
    assert broken.state("db") == "repair_failed"
    assert "the disk is on fire" in action(broken, "db")[1]
    assert f"gnt-instance remove-tags db {TAG}{tag}" in action(broken, "db")[1]
    assert not broken.run_round().changed
    assert broken.state("web") == "healthy"


def test_a_job_that_fails_once(broken: Site) -> None:
    """The repair goes on, and its tag tells of both tries."""
    broken.simulator.troubles.add(JobTrouble("OP_INSTANCE_FAILOVER", instance="db", text="a hiccup"))
    broken.run_round()
    broken.simulator.advance_until_idle()
    assert action(broken, "db")[0] == "wait"
    assert "a hiccup" in action(broken, "db")[1]
    broken.simulator.advance(60)
    broken.play_until_quiet()
    (tag,) = broken.tags("db")
    assert ":success:" in tag and tag.count("+") == 1


def test_a_job_of_somebody_else(broken: Site) -> None:
    """An instance that a person works on is waited for."""
    broken.simulator.troubles.add(JobTrouble("OP_INSTANCE_FAILOVER", "hang", instance="db"))
    broken.simulator.ask("PUT", "/2/instances/db/failover", {"iallocator": "hail"})
    broken.simulator.advance(2)
    played = broken.run_round()
    assert {outcome.action.name: outcome.action.kind.value for outcome in played.outcomes} == {
        "db": "wait",
        "web": "submit",
    }
    assert broken.tags("db") == []


def test_no_resources(site: Site) -> None:
    """A group whose third node is full has no place for a new secondary: it is tried again, with growing pauses."""
    site.cluster.add_node("node7", "rack2")
    site.cluster.leave_free("node7", memory=1)
    site.cluster.add_instance("web", "drbd", "node5", "node6")
    site.allow("fix-storage")
    site.kill("node6")
    for _ in range(100):
        site.run_round()
        site.simulator.advance(60)
    tries = [job for job in site.cluster.queue.jobs.values() if "INSTANCE_REPLACE_DISKS(web)" in job.summary]
    assert 5 <= len(tries) <= 8  # after 1, 2, 4, 8, 16, 32, 60 minutes
    assert site.state("web") == "pending_repair"
    site.cluster.leave_free("node7", memory=9999)
    site.simulator.advance(3600)
    site.play_until_quiet()
    assert site.state("web") == "healthy"


def test_once_off(broken: Site) -> None:
    """A pending tag from outside authorises its own type for one repair; a healthy instance's ends at once, without a
    result, as nothing was done."""
    broken.cluster.tags.clear()
    broken.cluster.instance("db").tags.add(f"{TAG}pending:failover:ticket-42:1700000000:")
    now = int(broken.cluster.clock.now())
    broken.cluster.add_instance("fine", "rbd", "node1").tags.add(f"{TAG}pending:reinstall:ticket-43:{now}:")
    broken.play_until_quiet()
    assert broken.state("db") == "healthy"
    assert [tag.split(":")[2] for tag in broken.tags("db")] == ["ticket-42"]
    assert broken.tags("fine") == []
    assert broken.state("web") == "repair_disallowed"


def test_an_expired_suspend(broken: Site) -> None:
    """It is lifted, wherever it stands, and the repair begins; one in force holds."""
    now = int(broken.cluster.clock.now())
    broken.cluster.groups["default"].tags.add(f"{TAG}suspend:{now - 1}")
    broken.cluster.instance("db").tags.add(f"{TAG}suspend:{now + 3600}")
    broken.cluster.instance("web").tags.add(f"{TAG}suspend:{now}")
    broken.play_until_quiet()
    assert not broken.cluster.groups["default"].tags
    assert broken.state("web") == "healthy"
    assert broken.state("db") == "suspended"
    assert broken.tags("db") == [f"suspend:{now + 3600}"]
