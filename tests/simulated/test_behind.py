# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nothing is moved to a copy that is known to be behind, whoever knows it, unless somebody accepts just that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.requests import request
from ansible_collections.ganeti.autorepair.plugins.module_utils.diagnosis.instances import DrainedSecondaries
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.mirrors.copies import Mirror, remember
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.case import cases_at
from simulator import JobTrouble, Simulator
from simulator.data import Loss
from simulator.model import Instance
from unbraked import unbraked

from .conftest import Site
from .direct import TRANSPORTS
from .test_nothing_that_lives_is_wiped import BEHIND, in_doubt, rounds, told
from .test_older_copies import add, tried_once


@pytest.fixture(params=TRANSPORTS)
def site(request: pytest.FixtureRequest) -> Site:
    """A cluster of six nodes whose mirrors stay apart until somebody connects them."""
    site = Site(Simulator(), request.param, direct=True)
    site.cluster.reconnects = False
    site.allow("failover")
    return site


def noted(site: Site, node: str) -> None:
    """A look has noted that the copy of db on a node is behind."""
    uuid = site.cluster.node(node).uuid
    site.cluster.instance("db").tags.add(f"{BEHIND}{uuid}:{int(site.cluster.clock.now())}")


def look_once(site: Site) -> None:
    """Look at the mirror of db, and write what is to be remembered."""
    plan, one = site.plan_round(), site.cluster.instance("db")
    case = next(case for case, _ in plan.rows if case.instance.name == "db")
    in_step = one.data.connected and all(one.data.copies[name].consistent for name in one.nodes)
    change = remember(case, Mirror(case.instance, in_step), plan.cluster, site.cluster.clock.now())
    one.tags = (one.tags | set(change.add)) - set(change.remove)


def ask_to_accept(site: Site) -> None:
    """Somebody asks for a failover that accepts the copy that is behind."""
    cases = [case for case, _ in site.plan_round().rows if case.instance.name == "db"]
    now, one = site.cluster.clock.now(), site.cluster.instance("db")
    (change,) = request(cases, RepairType.FAILOVER, now, site.new_id, accept_behind=True)
    assert not change.error
    one.tags = (one.tags | set(change.add)) - set(change.remove)


def newest_lost(instance: Instance) -> list[Loss]:
    """What was given up, and nothing that is left has."""
    return [loss for loss in instance.data.losses if loss.newest]


def dies_drained(site: Site) -> None:
    """The drained node3 dies, and is marked offline in place of drained."""
    site.cluster.power_off("node3")
    site.cluster.mark("node3", offline=True, drained=False)


@pytest.mark.parametrize("admin", ["up", "always fails over", "down", "crashed"])
def test_what_ganeti_has_found_out_of_step_is_not_failed_over_to(site: Site, admin: str) -> None:
    """The node was drained as it was sick; no look was ever taken."""
    instance = add(site, "written to apart", admin)
    site.cluster.mark("node3", drained=True)
    rounds(site, 2 if admin == "crashed" else 1)
    dies_drained(site)
    what, why, _reason = told(rounds(site, 4), "db")
    assert (what, why, instance.primary) == ("report", "behind", "node3")
    assert newest_lost(instance) == []


@pytest.mark.parametrize("drained", list(DrainedSecondaries))
def test_a_success_keeps_what_was_noted_since(site: Site, drained: DrainedSecondaries) -> None:
    """The node that was drained for a short reboot was rebooted; or the new secondary came apart after its resync."""
    limits, instance = unbraked(drained_secondaries=drained), add(site, "in sync", "up")
    if drained is DrainedSecondaries.KEEP:
        site.cluster.mark("node3", drained=True)
    else:
        site.kill("node2")
    site.run_round(limits)
    site.simulator.advance_until_idle()
    site.simulator.advance(60)
    (secondary,) = instance.secondaries
    site.cluster.power_off(secondary)
    site.cluster.power_on(secondary)
    instance.data.write([instance.primary])
    look_once(site)
    site.run_round(limits)
    site.simulator.advance_until_idle()
    assert in_doubt(site) == [secondary]
    site.kill(instance.primary)
    rounds(site, 3, limits)
    assert newest_lost(instance) == []


def test_what_was_accepted_is_the_copy_that_was_behind_then(site: Site) -> None:
    """It has run from that for days when its node dies, and the former primary is back: that one is behind now."""
    instance = add(site, "apart", "up")
    look_once(site)
    site.kill("node3")
    rounds(site, 1)
    ask_to_accept(site)
    full = JobTrouble("OP_INSTANCE_REPLACE_DISKS", "fail", "db", "no room", "OpPrereqError", "insufficient_resources")
    site.simulator.troubles.add(replace(full, times=99))
    rounds(site, 2)
    assert instance.primary == "node2"
    before = len(newest_lost(instance))
    instance.data.write(["node2"])
    site.kill("node2")
    site.cluster.power_on("node3")
    site.cluster.mark("node3", offline=False)
    site.simulator.advance(600)
    assert told(rounds(site, 4), "db")[1] == "behind"
    assert len(newest_lost(instance)) == before


@pytest.mark.parametrize("admin", ["up", "down"])
def test_who_accepts_is_heard_beside_a_repair_that_has_begun(site: Site, admin: str) -> None:
    """That is what the report has told them to do."""
    instance = add(site, "written to apart", admin)
    site.cluster.mark("node3", drained=True)
    assert tried_once(site)[1] == "not_in_step"
    dies_drained(site)
    assert told(rounds(site, 2), "db")[1] == "behind"
    ask_to_accept(site)
    rounds(site, 6)
    assert instance.primary == "node2"


@pytest.mark.parametrize("admin", ["up", "always fails over", "down", "crashed"])
def test_nothing_moves_off_a_drained_node_to_a_copy_that_was_noted(site: Site, admin: str) -> None:
    """Once a look has seen it in sync it goes, and nothing is left in doubt."""
    instance = add(site, "apart", admin)
    noted(site, "node2")
    site.cluster.mark("node3", drained=True)
    what, why, reason = told(rounds(site, 3), "db")
    assert (what, why, instance.primary) == ("report", "behind", "node3")
    assert "gnt-instance activate-disks db" in reason
    assert site.cluster.reconnect("db")
    look_once(site)
    assert told(rounds(site, 8), "db")[1] == "healthy"
    assert (instance.primary, newest_lost(instance), in_doubt(site)) == ("node2", [], [])


def test_a_node_without_its_uuid_may_be_the_one_that_is_behind(site: Site) -> None:
    """The tag names it by that."""
    add(site, "apart", "up")
    look_once(site)
    site.kill("node3")
    cluster = site.plan_round().cluster
    nodes = {name: replace(node, uuid="") for name, node in cluster.nodes.items()}
    (case,) = cases_at(replace(cluster, nodes=nodes), site.cluster.clock.now())
    assert case.health.unknown and not case.health.steps
