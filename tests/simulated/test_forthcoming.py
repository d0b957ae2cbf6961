# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Forthcoming instances: they are listed, and nothing is ever written to one, whatever happens to its nodes."""

from __future__ import annotations

from itertools import product

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.permissions import parse_permission, permissions
from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.requests import request
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.apply import carry_out_changes
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.selection import Filter, cases_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.cluster import read_cluster
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import facts
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import MaxUnhealthy
from simulator import Simulator
from unbraked import unbraked

from .conftest import TAG, Site
from .direct import TRANSPORTS

STATES = [{}, {"drained": True}, {"offline": True}]
TAGS = ["suspend:1", "pending:reinstall:asked-for:1700000000:", "result:failover:before:1700000000:failure:7", "typo"]


def reserve(site: Site, template: str = "drbd") -> None:
    """Web is reserved on node1, and on node2 if it is to be mirrored; everything is allowed."""
    site.cluster.add_instance("web", template, "node1", "node2" if template == "drbd" else None, forthcoming=True)
    site.cluster.instance("web").running_on.clear()
    site.allow("reinstall")


def writes(site: Site) -> list[str]:
    """The jobs that are about web."""
    return [text for job in site.cluster.queue.jobs.values() for text in job.summary if "web" in text]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("template", ["drbd", "rbd", "plain"])
def test_it_is_left_alone(transport: str, template: str) -> None:
    """On nodes in every state, with any tag; and each look lists it, with its reason."""
    site = Site(Simulator(), transport, direct=True)
    reserve(site, template)
    for (first, second), tag in product(product(STATES, repeat=2), ["", *TAGS]):
        for name, state in (("node1", first), ("node2", second)):
            site.cluster.mark(name, **{"offline": False, "drained": False, **state})
        site.cluster.instance("web").tags = {TAG + tag} if tag else set()
        played = site.run_round()
        assert not played.changed and not played.left
        (web,) = facts(played.after, "unhealthy")["instances"]
        assert (web["name"], web["next"], web["why"], web["needs"]) == ("web", "none", "forthcoming", None)
        assert "it is forthcoming: a reservation, not an instance yet" in " ".join(facts(played.after)["report"])
    assert writes(site) == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_others_are_repaired(transport: str) -> None:
    """A node that holds nothing else is not counted by the breaker; when it is an instance, it is repaired like any."""
    site = Site(Simulator(), transport, direct=True)
    reserve(site)
    site.cluster.add_instance("db", "rbd", "node3")
    for name in ("node1", "node3"):
        site.kill(name)
    site.simulator.advance(3601)  # within an hour each node that was marked counts
    limits = unbraked(max_unhealthy=MaxUnhealthy("1", number=1))
    assert [(one.counted, one.total) for one in site.plan_round(limits).breakers if one.scope == "cluster"] == [(1, 6)]
    site.play_until_quiet(limits=limits)
    assert site.state("db") == "healthy" and writes(site) == []
    site.cluster.instance("web").forthcoming = False
    assert site.plan_round().summary["needs_repair"] == 1


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("check", [False, True], ids=["in earnest", "in check mode"])
def test_what_people_are_told(transport: str, check: bool) -> None:
    """No repair can be asked for; a permission can be set, for when it is an instance."""
    site = Site(Simulator(), transport, direct=True)
    reserve(site)
    client = DryRunClient(site.client()) if check else site.client()
    now, read, wanted = site.cluster.clock.now(), read_cluster(client), Filter(("web",))
    asked = request(cases_of(read, wanted, now), RepairType.FAILOVER, now, site.new_id)
    (told,) = carry_out_changes(asked, client, "", site.terms())["objects"]
    assert told["error"].startswith("it is forthcoming: a reservation, not an instance yet") and not told["tags_added"]
    allowed = permissions(read, "instance", wanted, parse_permission("enabled", "migrate", None, now))
    (told,) = carry_out_changes(allowed, client, "", site.terms())["objects"]
    assert (told["tags_added"], told["error"]) == ([f"{TAG}migrate"], None) and "it is forthcoming" in told["note"]
    site.simulator.advance_until_idle()
    assert site.tags("web") == ([] if check else ["migrate"])
