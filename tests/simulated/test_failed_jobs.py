# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a repair failed is said alike in every round, over both transports."""

from __future__ import annotations

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import facts
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.text import render_round
from simulator import JobTrouble, Simulator
from unbraked import unbraked

from .conftest import Site
from .direct import TRANSPORTS

NOT_IN_STEP = "Can't activate the instance's disks"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_failure_keeps_its_words(transport):
    """A failover takes a replacement of the secondary with it, over RAPI as a job that then never runs: it tells
    nothing, in no round."""
    site = Site(Simulator(), transport, direct=True)
    site.cluster.add_instance("web", "drbd", "node3", "node2")
    site.allow("failover")
    site.kill("node3")
    site.cluster.queue.troubles.add(JobTrouble("OP_INSTANCE_FAILOVER", "fail_late", instance="web", text=NOT_IN_STEP))
    told = []
    for _round in range(4):
        played = site.run_round()
        site.simulator.advance(400)
        text = render_round(played.after, played.outcomes, played.after, dry_run=False)
        told.append(" ".join(" ".join(text).split()))
    assert site.state("web") == "repair_failed"
    assert not any("Dependency job" in text for text in told[1:])
    assert all(f"Ganeti said: {NOT_IN_STEP}" in text for text in told[1:])
    assert all("the good copy is on the old primary, which is the secondary now (node3)" in text for text in told[1:])
    (web,) = facts(site.plan_round(unbraked()))["instances"]
    assert f"gnt-instance failover web; Ganeti said: {NOT_IN_STEP}" in web["reason"]
