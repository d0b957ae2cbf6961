# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one transport alone can tell is not known over the other, and nowhere shown as something else."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.scenes import html_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import result
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import facts
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import Look, report_of
from simulator import Simulator
from unbraked import unbraked

from .conftest import TRANSPORTS, Site

UNKNOWN = "RAPI does not say whether the job queue is drained"


@pytest.fixture(params=TRANSPORTS)
def near(request: pytest.FixtureRequest) -> Site:
    """A cluster of six nodes, reached over RAPI or LUXI, without sockets; db and web are on a dead one."""
    site = Site(Simulator(), request.param, direct=True)
    site.break_two()
    return site


@pytest.mark.parametrize("drained", [False, True])
@pytest.mark.parametrize("pause", [0, 600])
def test_the_watcher_s_pause_and_the_job_queue(near: Site, pause: int, drained: bool) -> None:
    """Over LUXI facts, report and pages have them; over RAPI they say that they don't."""
    near.cluster.watcher_pause = near.cluster.clock.now() + pause if pause else None
    near.cluster.queue.drained = drained
    told = facts(near.plan_round())
    known = told["cluster"]["watcher_paused_until"], told["cluster"]["queue_drained"]
    shown = html_of(report_of([Look("prod", told)], 5), "prod")
    if near.transport == "rapi":
        assert known == (None, None) and UNKNOWN in shown and UNKNOWN in " ".join(told["report"])
    else:
        assert known == (near.cluster.watcher_pause or 0, drained)
        assert UNKNOWN not in shown and UNKNOWN not in " ".join(told["report"])
        assert ("the job queue is drained" in shown) is drained
    assert "not paused" not in shown + " ".join(told["report"])


def test_a_drained_queue_shows_over_rapi_at_the_first_write(near: Site) -> None:
    """It is then known, and holds."""
    near.cluster.queue.drained = True
    played = near.run_round()
    assert {one["why"] for one in result(played, check_mode=False)["actions"]} == {"queue_drained"}


def test_what_is_not_known_is_said_only_where_it_matters(near: Site) -> None:
    """Nothing is to begin, or the user does not heed the pause."""
    assert UNKNOWN not in " ".join(facts(near.plan_round(unbraked(respect_watcher_pause=False)))["report"])
    near.play_until_quiet()
    assert UNKNOWN not in " ".join(facts(near.plan_round())["report"])
