# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""No instance moves off a node that is alive to an older copy, whatever it does and however its mirror stands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simulator import JobTrouble, Simulator
from simulator.model import Instance

from .conftest import Site
from .direct import TRANSPORTS
from .test_nothing_that_lives_is_wiped import jobs, rounds, told

DEGRADED = "Disk 0 is degraded on target node, aborting failover"
Admin = Callable[[Site, Instance], object]


@pytest.fixture(params=TRANSPORTS)
def site(request: pytest.FixtureRequest) -> Site:
    """A cluster of six nodes whose mirrors stay apart until somebody connects them."""
    site = Site(Simulator(), request.param, direct=True)
    site.cluster.reconnects = False
    site.allow("failover")
    return site


def add(site: Site, mirror: str, admin: str) -> Instance:
    """db, on node3 with its copy on node2, and what has befallen its mirror while it ran."""
    instance = site.cluster.add_instance("db", "drbd", "node3", "node2")
    if mirror != "in sync":
        site.cluster.disconnect("db")
        instance.data.write(["node3"])
    if mirror == "written to apart":
        instance.data.write(["node2"])
    if mirror == "in a resync":
        site.cluster.begin_resync("db")
    if admin == "always fails over":
        instance.always_failover = True
    if admin in ("down", "offline", "crashed"):
        instance.running_on.clear()
    if admin in ("down", "offline"):
        instance.admin_state = admin
    return instance


def tried_once(site: Site) -> tuple[str, str | None, str]:
    """What the round after the first says of db: the kind of its action, its why and its reason."""
    site.run_round()
    site.simulator.advance_until_idle()
    return told(site.run_round(), "db")


@pytest.mark.parametrize("admin", ["up", "always fails over", "crashed", "down", "offline"])
@pytest.mark.parametrize("mirror", ["in sync", "apart", "written to apart", "in a resync"])
@pytest.mark.parametrize("secondary", ["online", "drained", "offline"])
def test_the_newest_copy_is_never_given_up_while_its_node_is_alive(
    site: Site, admin: str, mirror: str, secondary: str
) -> None:
    instance = add(site, mirror, admin)
    newest = instance.data.copies["node3"].writes
    site.cluster.mark("node3", drained=True)
    if secondary == "drained":
        site.cluster.mark("node2", drained=True)
    if secondary == "offline":
        site.kill("node2")
    rounds(site, 8)
    copy = instance.data.copies[instance.primary]
    assert copy.consistent and newest <= copy.writes
    assert [loss for loss in instance.data.losses if loss.newest and newest <= loss.writes] == []
    assert (":success:" in str(instance.tags)) == (instance.primary != "node3")


def test_what_is_not_in_step_waits_and_goes_on_when_it_is(site: Site) -> None:
    """However long the resync takes: each try is refused, none is a failure, and the pauses grow."""
    add(site, "in sync", "down")
    site.simulator.troubles.add(JobTrouble("OP_INSTANCE_FAILOVER", "fail", instance="db", text=DEGRADED, times=4))
    site.cluster.mark("node3", drained=True)
    what, why, reason = tried_once(site)
    assert (what, why) == ("wait", "not_in_step")
    assert "the copy on node2 is not in sync with that on node3" in reason
    rounds(site, 30)
    assert jobs(site, "INSTANCE_FAILOVER", "error") == 4
    assert site.cluster.instance("db").primary == "node2"
    assert ":success:" in str(site.cluster.instance("db").tags)


def test_disks_that_can_t_be_assembled_are_tried_again_and_then_told(site: Site) -> None:
    """The drained node has died, and nobody has marked it."""
    add(site, "in sync", "down")
    site.cluster.mark("node3", drained=True)
    site.cluster.power_off("node3")
    what, why, reason = told(rounds(site, 10), "db")
    assert (what, why) == ("report", "repair_failed")
    assert "its disks could not be assembled on node3 and node2" in reason
    assert "Dependency job" not in reason
    assert jobs(site, "INSTANCE_FAILOVER") == 0


def test_a_running_instance_is_not_migrated_to_an_older_copy(site: Site) -> None:
    """Ganeti refuses it; when the copies are connected again it goes on."""
    instance = add(site, "apart", "up")
    site.cluster.mark("node3", drained=True)
    what, why, _reason = tried_once(site)
    assert (what, why) == ("wait", "not_in_step")
    assert site.cluster.reconnect("db")
    rounds(site, 5)
    assert instance.primary == "node2"
    assert ":success:" in str(instance.tags)
