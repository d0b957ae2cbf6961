# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main job in virtual time: every class of disk template, whatever has happened to its nodes."""

from __future__ import annotations

import re

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.case import State

from .conftest import TAG, Site

DEAD, DRAINED = "dead", "drained"

# what happened to nodes; instance; permission; the result's type, its jobs, and whether the instance runs after
CASES = [
    ("the primary died", {"node3": DEAD}, ("drbd", "node3", "node2", "up"), "failover", ("failover", 2, True)),
    ("the secondary died", {"node3": DEAD}, ("drbd", "node2", "node3", "up"), "fix-storage", ("fix-storage", 1, True)),
    ("the primary is drained", {"node3": DRAINED}, ("drbd", "node3", "node2", "up"), "migrate", ("migrate", 2, True)),
    (
        "the primary is drained, the instance stopped",
        {"node3": DRAINED},
        ("drbd", "node3", "node2", "down"),
        "migrate",
        ("migrate", 2, False),
    ),
    (
        "the primary is drained, the secondary dead",
        {"node3": DRAINED, "node2": DEAD},
        ("drbd", "node3", "node2", "up"),
        "migrate",
        ("migrate", 3, True),
    ),
    (
        "both nodes of a drbd died",
        {"node5": DEAD, "node6": DEAD},
        ("drbd", "node5", "node6", "up"),
        "reinstall",
        None,  # no node is left in its group
    ),
    ("a plain one's node died", {"node3": DEAD}, ("plain", "node3", None, "up"), "reinstall", ("reinstall", 2, True)),
    ("a file one's node died", {"node3": DEAD}, ("file", "node3", None, "up"), "reinstall", ("reinstall", 2, True)),
    (
        "a plain one was stopped",
        {"node3": DEAD},
        ("plain", "node3", None, "down"),
        "reinstall",
        ("reinstall", 2, False),
    ),
    (
        "a plain one was marked offline",
        {"node3": DEAD},
        ("plain", "node3", None, "offline"),
        "reinstall",
        ("reinstall", 4, False),
    ),
    ("an rbd one's node died", {"node3": DEAD}, ("rbd", "node3", None, "up"), "failover", ("failover", 1, True)),
    (
        "a diskless one's node is drained",
        {"node3": DRAINED},
        ("diskless", "node3", None, "up"),
        "migrate",
        ("migrate", 1, True),
    ),
]


@pytest.mark.parametrize(
    ("nodes", "instance", "allowed", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_repairs(
    site: Site,
    nodes: dict[str, str],
    instance: tuple[str, str, str | None, str],
    allowed: str,
    expected: tuple[str, int, bool] | None,
) -> None:
    """One repair, with one id, leads to health; afterwards it runs or not as before."""
    template, primary, secondary, admin_state = instance
    web = site.cluster.add_instance("web", template, primary, secondary, admin_state=admin_state)
    site.allow(allowed)
    for node, fate in nodes.items():
        if fate == DEAD:
            site.kill(node)
        site.cluster.node(node).drained = fate == DRAINED
    site.play_until_quiet()
    if expected is None:
        assert site.tags("web") == []
        assert "fewer than 2 nodes of group rack2 can take its new disks" in site.run_round().outcomes[0].action.reason
        return
    kind, jobs, runs = expected
    if kind == "reinstall" and site.transport == "luxi":
        jobs = 1  # no moment in between, in which the disks are empty and nobody is at work on them
    if template == "drbd" and jobs > 1 and site.transport == "luxi":
        jobs -= 1  # the new secondary is of the same job as the move
    if template == "drbd" and DRAINED in nodes.values() and kind == "migrate" and admin_state != "up":
        jobs += site.transport == "rapi"  # the disks are activated before a failover off a node that is alive
    assert site.state("web") == "healthy"
    (tag,) = [tag for tag in site.tags("web") if tag != allowed]
    assert re.fullmatch(rf"result:{kind}:repair-1:\d+:success:" + r"\+".join([r"\d+"] * jobs), tag)
    assert (bool(web.running_on), web.admin_state) == (runs, admin_state)
    assert not nodes.keys() & {web.primary, *web.secondaries}


def test_a_repair_that_goes_as_far_as_it_may(site: Site) -> None:
    """Of three steps only the first is allowed: it is taken, and then enoperm is noted, once."""
    site.cluster.add_instance("web", "drbd", "node3", "node2")
    site.allow("fix-storage")
    site.cluster.node("node3").drained = True
    site.kill("node2")
    site.play_until_quiet()
    (tag,) = site.tags("web")
    assert re.fullmatch(r"result:fix-storage:repair-1:\d+:enoperm:\d+", tag)
    assert site.state("web") == "repair_disallowed"
    assert not site.run_round().changed


def test_the_whole_plan_in_check_mode(site: Site) -> None:
    """Law 1: a dry run of everything that can happen sends reads only, and says what would be written."""
    site.cluster.add_instance("web", "drbd", "node3", "node2")
    site.cluster.add_instance("log", "plain", "node3")
    site.cluster.add_instance("db", "drbd", "node3", "node2").tags.add(f"{TAG}fix-storage")
    site.cluster.add_instance("old", "rbd", "node1").tags.update(
        {f"{TAG}pending:migrate:x:1:", f"{TAG}suspend:{int(site.cluster.clock.now())}"}
    )
    site.allow("reinstall")
    site.kill("node3")
    before = {name: set(instance.tags) for name, instance in site.cluster.instances.items()}
    played = site.run_round(check=True)
    assert site.simulator.log.writes() == []
    assert {name: set(instance.tags) for name, instance in site.cluster.instances.items()} == before
    assert played.changed
    did = {outcome.action.name: outcome.action.kind.value for outcome in played.outcomes if outcome.action.kind.writes}
    assert did == {"web": "submit", "log": "submit", "db": "refuse", "old": "finish"}
    assert any("pending:failover:repair-" in tag for outcome in played.outcomes for tag in outcome.added)


def test_the_users_words_and_allocator(site: Site) -> None:
    """A reason stands in the trail of every job that RAPI lets have one, in ASCII; the allocator is the user's."""
    site.cluster.add_instance("web", "rbd", "node3")
    site.allow("failover")
    site.kill("node3")
    site.run_round(reason="für node3", iallocator="hail")
    site.simulator.advance_until_idle()
    every = [step.op for job in site.cluster.queue.jobs.values() for step in job.steps]
    ops = [op for op in every if "web" in (op.get("instance_name"), op.get("name"))]
    assert len(ops) == 3
    assert len(every) == len(ops) + 2  # the claim's
    assert all("ganeti.autorepair:repair-1 f\\\\xfcr node3" in str(op["reason"]) for op in ops)
    (failover,) = [op for op in ops if op["OP_ID"] == "OP_INSTANCE_FAILOVER"]
    assert failover["iallocator"] == "hail"


def test_an_allocator_that_is_not_there(site: Site) -> None:
    """A slip in its name costs tries, not a failure on every instance."""
    site.cluster.add_instance("web", "rbd", "node3")
    site.allow("failover")
    site.kill("node3")
    site.run_round(iallocator="hial")
    site.simulator.advance_until_idle()
    played = site.run_round()
    (outcome,) = played.outcomes
    assert (outcome.action.kind.value, outcome.sent) == ("wait", False)
    assert "hial" in outcome.action.reason


def test_an_unchanged_cluster_in_each_state(site: Site) -> None:
    """Law 5: where nothing has changed a round writes nothing, whatever state an instance is in."""
    add = site.cluster.add_instance
    add("healthy", "drbd", "node1", "node2")
    add("suspended", "rbd", "node3").tags.add(f"{TAG}suspend")
    add("failed", "rbd", "node3").tags.add(f"{TAG}result:failover:x:1:failure:7")
    add("disallowed", "plain", "node3")
    add("broken", "plain", "node5", memory=10**6).tags.add(f"{TAG}reinstall")  # there is no room for it anywhere
    add("pending", "drbd", "node5", "node6")  # it has no node for its new secondary
    site.allow("failover")
    site.kill("node3")
    site.kill("node5")
    for _ in range(3):
        site.run_round()
        site.simulator.advance_until_idle()
    states = {case.instance.name: case.state.value for case, _ in site.plan_round().rows}
    assert sorted(states.values()) == sorted(state.value for state in State)
    assert states["broken"] == "needs_repair" and states["pending"] == "pending_repair"
    site.simulator.log.clear()
    played = site.run_round()
    assert not site.simulator.log.writes()
    assert not played.changed
    assert all(action.reason for _, action in played.before.rows)
