# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drained secondaries: what becomes of a drbd instance, from every state of its two nodes, with either value."""

from __future__ import annotations

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.diagnosis.instances import DrainedSecondaries
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.text import render_round
from simulator import Simulator
from unbraked import unbraked

from .conftest import Site
from .direct import TRANSPORTS

KEEP, REPLACE = DrainedSecondaries.KEEP, DrainedSecondaries.REPLACE
STEPS = ("INSTANCE_REPLACE_DISKS", "INSTANCE_MIGRATE", "INSTANCE_FAILOVER", "INSTANCE_RECREATE_DISKS")

# the states of node1, the primary, and of node2, the secondary; the steps; whether they are its nodes afterwards
ROWS = [
    ("online", "online", KEEP, "", "node1 node2"),
    ("online", "drained", KEEP, "", "node1 node2"),
    ("online", "offline", KEEP, "REPLACE_DISKS", "node1 another"),
    ("drained", "online", KEEP, "MIGRATE", "node2 node1"),
    ("drained", "drained", KEEP, "REPLACE_DISKS MIGRATE", "another node1"),
    ("drained", "offline", KEEP, "REPLACE_DISKS MIGRATE", "another node1"),
    ("offline", "online", KEEP, "FAILOVER REPLACE_DISKS", "node2 another"),
    ("offline", "drained", KEEP, "", "node1 node2"),
    ("offline", "offline", KEEP, "RECREATE_DISKS", "another another"),
    ("online", "online", REPLACE, "", "node1 node2"),
    ("online", "drained", REPLACE, "REPLACE_DISKS", "node1 another"),
    ("online", "offline", REPLACE, "REPLACE_DISKS", "node1 another"),
    ("drained", "online", REPLACE, "MIGRATE REPLACE_DISKS", "node2 another"),
    ("drained", "drained", REPLACE, "REPLACE_DISKS MIGRATE REPLACE_DISKS", "another another"),
    ("drained", "offline", REPLACE, "REPLACE_DISKS MIGRATE REPLACE_DISKS", "another another"),
    ("offline", "online", REPLACE, "FAILOVER REPLACE_DISKS", "node2 another"),
    ("offline", "drained", REPLACE, "", "node1 node2"),
    ("offline", "offline", REPLACE, "RECREATE_DISKS", "another another"),
]


def broken(transport: str, primary: str, secondary: str) -> Site:
    """A site with web, a drbd instance on node1 and node2, which are in these states; everything is allowed."""
    site = Site(Simulator(), transport, direct=True)
    site.cluster.add_instance("web", "drbd", "node1", "node2")
    site.allow("reinstall")
    for name, state in (("node1", primary), ("node2", secondary)):
        if state == "offline":
            site.kill(name)
        site.cluster.mark(name, drained=state == "drained", offline=state == "offline")
    return site


def taken(site: Site) -> str:
    """The steps that were taken for web, in their order."""
    jobs = [job for _, job in sorted(site.cluster.queue.jobs.items())]
    found = [text.partition("(")[0] for job in jobs for text in job.summary if text.endswith("(web)")]
    return " ".join(name.removeprefix("INSTANCE_") for name in found if name in STEPS)


def nodes(site: Site) -> str:
    """The nodes of web, those but the first two as another."""
    return " ".join(name if name in ("node1", "node2") else "another" for name in site.cluster.instance("web").nodes)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("primary", "secondary", "drained", "steps", "after"),
    ROWS,
    ids=[f"{row[2].value}: {row[0]}, {row[1]}" for row in ROWS],
)
def test_a_mirrored_instance(
    transport: str, primary: str, secondary: str, drained: DrainedSecondaries, steps: str, after: str
) -> None:
    """Exactly these steps are taken, check mode announces the first and writes nothing, and a round later changes
    nothing."""
    site = broken(transport, primary, secondary)
    limits = unbraked(drained_secondaries=drained)
    rehearsed = site.run_round(limits, check=True)
    assert rehearsed.changed == bool(steps) and taken(site) == ""
    for _ in range(12):
        site.run_round(limits)
        site.simulator.advance_until_idle()
        site.simulator.advance(90)
    assert (taken(site), nodes(site)) == (steps, after)
    assert not site.run_round(limits).changed
    waits = (primary, secondary) == ("offline", "drained")
    assert site.plan_round(limits).summary["healthy"] == (not waits)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_short_reboot(transport: str) -> None:
    """The node is drained, emptied of what runs there, rebooted and taken back: nothing is resynced elsewhere."""
    site = Site(Simulator(), transport, direct=True)
    for number in range(2):
        site.cluster.add_instance(f"runs{number}", "drbd", "node1", "node2")
        site.cluster.add_instance(f"rests{number}", "drbd", "node3", "node1")
    site.allow("migrate")
    site.cluster.mark("node1", drained=True)
    limits = unbraked(drained_secondaries=KEEP)
    site.play_until_quiet(limits=limits)
    assert {one.primary for one in site.cluster.instances.values()} == {"node2", "node3"}
    assert all(one.secondaries == ["node1"] for one in site.cluster.instances.values())
    plan = site.plan_round(limits)
    report = render_round(plan, [], plan, dry_run=True)
    assert "No instance is on a node marked offline, or has its primary on a drained one." in report
    site.cluster.mark("node1", drained=False)
    assert not site.run_round(limits).changed and not site.run_round(unbraked()).changed
    assert not [job for job in site.cluster.queue.jobs.values() if "REPLACE_DISKS" in " ".join(job.summary)]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_another_value_later(transport: str) -> None:
    """What one run has kept, a run with the default replaces."""
    site = broken(transport, "drained", "online")
    site.play_until_quiet(limits=unbraked(drained_secondaries=KEEP))
    assert nodes(site) == "node2 node1"
    site.play_until_quiet()
    assert nodes(site) == "node2 another" and site.state("web") == "healthy"
