# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wrong clocks: whoever has one writes no time, and nobody else is stopped by what it left (law 12)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from types import SimpleNamespace

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.permissions import parse_permission, permissions
from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.requests import (
    Change,
    acknowledge,
    request,
    withdraw,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands import run
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.apply import carry_out_changes
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import AnswerLost, ClockWrong
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import Round, result, run_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.selection import Filter, cases_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.cluster import read_cluster
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import facts
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Limits
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import RunContext
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.clocks import LONGEST_COOLDOWN, MAX_SKEW
from ansible_collections.ganeti.autorepair.plugins.modules import (
    ganeti_autorepair_policy,
    ganeti_autorepair_request,
    ganeti_autorepair_step,
)
from simulator import Simulator
from simulator.faults import DROP_AFTER, DROP_BEFORE, Action
from simulator.simulator import wall_clock_cluster
from unbraked import unbraked

from .conftest import TAG, TRANSPORTS, Site

HOUR, YEAR = 3600, 365 * 86400
NEVER = 10**15 - 1


@pytest.fixture(params=TRANSPORTS)
def near(request: pytest.FixtureRequest) -> Site:
    """A cluster of six nodes, reached over RAPI or LUXI, without sockets; db and web are on a dead one."""
    site = Site(Simulator(), request.param, direct=True)
    site.break_two()
    return site


def terms(site: Site, ahead: float) -> RunContext:
    """A runner whose clock is so many seconds ahead of the master's."""
    return RunContext("wrong", lambda: site.cluster.clock.now() + ahead, site.simulator.advance)


def standing(site: Site) -> set[str]:
    """All tags of ours, after every job has ended."""
    site.simulator.advance_until_idle()
    tags = {*site.cluster.tags, *site.cluster.instance("db").tags, *site.cluster.instance("web").tags}
    return {tag.removeprefix(TAG) for tag in tags}


# --- who writes times -------------------------------------------------------------------------------------------------


def said(site: Site, what: str, now: float) -> Iterable[Change]:
    """What a person says by a clock that shows `now`."""
    cluster = read_cluster(site.client())
    cases = cases_of(cluster, Filter(("*",)), now)
    state, _, until = what.partition(" ")
    if state == "requested":
        return request(cases, RepairType.FAILOVER, now, site.new_id)
    if state in ("withdrawn", "acknowledged"):
        return withdraw(cases) if state == "withdrawn" else acknowledge(cases)
    wanted = parse_permission(
        state, until if state == "enabled" else None, until if state == "suspended" else None, now
    )
    scope = "cluster" if state in ("stopped", "started") else "instance"
    return permissions(cluster, scope, Filter(() if scope == "cluster" else ("*",)), wanted)


# what is said, whether it writes a time
SAID = [
    ("suspended +1h", True),
    (f"suspended {int(1_800_000_000 + 20 * YEAR)}", True),
    ("requested", True),
    ("withdrawn", True),  # no time, but the cluster is claimed for it
    ("suspended", False),
    ("resumed", False),
    ("enabled migrate", False),
    ("disabled", False),
    ("stopped", False),
    ("started", False),
    ("acknowledged", False),
]
BEFORE = {  # so that each has something to write
    "resumed": ["suspend"],
    "disabled": ["migrate"],
    "started": ["stop"],
    "acknowledged": ["result:failover:x:5:failure:7"],
    "withdrawn": ["pending:failover:x:5:"],
}
SKEWS = [0, MAX_SKEW, -MAX_SKEW, MAX_SKEW + 1, -MAX_SKEW - 1, -2 * HOUR, 2 * HOUR, 10 * YEAR, -10 * YEAR]


@pytest.mark.parametrize("ahead", SKEWS)
@pytest.mark.parametrize(("what", "timed"), SAID, ids=[row[0] for row in SAID])
def test_no_time_is_written_by_a_wrong_clock(near: Site, what: str, timed: bool, ahead: float) -> None:
    """Nothing is written then, and one sentence says by how much it is wrong. What needs no clock is never held up."""
    (near.cluster if what == "started" else near.cluster.instance("db")).tags.update(
        TAG + tag for tag in BEFORE.get(what, [])
    )
    before, runner = standing(near), terms(near, ahead)
    changes = tuple(said(near, what, runner.clock()))
    if not timed or abs(ahead) <= MAX_SKEW:
        told = carry_out_changes(changes, near.client(), "", runner)
        assert told["changed"] and not any(one["error"] for one in told["objects"])
        assert "claim" not in " ".join(standing(near)), "the comparison of clocks leaves nothing behind"
        return
    way = "ahead of" if ahead > 0 else "behind"
    with pytest.raises(
        ClockWrong, match=f"of this machine is {abs(ahead):.0f} s {way} the master's; .* set this machine"
    ):
        carry_out_changes(changes, near.client(), "", runner)
    assert standing(near) == before


@pytest.mark.parametrize("ahead", SKEWS)
def test_check_mode_compares_no_clocks(near: Site, ahead: float) -> None:
    """As that takes a job, and check mode writes nothing (law 1)."""
    changes = said(near, "suspended +1h", terms(near, ahead).clock())
    carry_out_changes(changes, DryRunClient(near.client()), "", terms(near, ahead))
    assert not near.simulator.log.writes()


@pytest.mark.parametrize("action", [DROP_BEFORE, DROP_AFTER])
def test_clocks_that_could_not_be_compared(near: Site, action: Action) -> None:
    """No answer comes to it: nothing is suspended, and rounds are not held by what may be left."""
    near.lose_cluster_tags(action)
    with pytest.raises(AnswerLost, match=r"cannot compare clocks, so nothing was written; .*add-tags of cluster"):
        carry_out_changes(said(near, "suspended +1h", near.cluster.clock.now()), near.client(), "", terms(near, 0))
    assert not any("suspend" in tag for tag in standing(near))
    assert near.run_round().changed
    near.play_until_quiet()
    assert near.state("db") == "healthy" and standing(near) >= {"failover"}
    assert not any("claim" in tag for tag in standing(near))


def test_what_is_said_already_compares_no_clocks(near: Site) -> None:
    """A second run sends no write (law 5)."""
    carry_out_changes(said(near, "suspended +1h", near.cluster.clock.now()), near.client(), "", near.terms())
    near.simulator.log.clear()
    told = carry_out_changes(said(near, "suspended +1h", near.cluster.clock.now()), near.client(), "", near.terms())
    assert not told["changed"] and not near.simulator.log.writes()


# --- what a wrong clock has left --------------------------------------------------------------------------------------


def needs(played: Round) -> tuple[list[str], str]:
    """Who needs a person after a round, and its report on one line."""
    told = result(played, check_mode=False)
    return told["needs_person"], " ".join(" ".join(told["report"]).split())


@pytest.mark.parametrize("until", [1_800_000_000 + HOUR, 1_800_000_000 + 10 * YEAR, NEVER])
def test_a_claim_from_a_wrong_clock_stops_nobody(near: Site, until: int) -> None:
    """Repairs are done; the claim is reported, with the command that removes it, until somebody does."""
    claim = f"{TAG}claim:nobody:{until}"
    near.cluster.tags.add(claim)
    (notice,) = [one for one in facts(near.plan_round())["plan"]["actions"] if one["scope"] == "cluster"]
    assert (notice["action"], notice["why"]) == ("report", "wrong_clock")
    assert notice["command"] == f"gnt-cluster remove-tags {claim}"
    played = near.run_round()
    assert len(played.outcomes) == 3 and played.changed
    assert needs(played)[0] == ["cluster"] and f"gnt-cluster remove-tags {claim}" in needs(played)[1]
    near.play_until_quiet()
    assert near.state("db") == near.state("web") == "healthy" and claim in near.cluster.tags
    near.simulator.log.clear()
    again = near.run_round()
    assert not near.simulator.log.writes() and needs(again)[0] == ["cluster"]
    near.cluster.tags.discard(claim)
    assert needs(near.run_round())[0] == []


@pytest.mark.parametrize("ahead", [-10 * YEAR, -HOUR, HOUR, 10 * YEAR])
def test_a_runner_with_a_wrong_clock_that_dies(near: Site, ahead: float) -> None:
    """Its withdrawal is lost, so its claim stays: the others go on at once, whatever it says."""
    near.lose_cluster_tags(DROP_BEFORE, removal=True)
    with pytest.raises(ClockWrong):
        run_round(near.client(), unbraked(), near.settings(), terms(near, ahead))
    near.simulator.advance_until_idle()
    assert any("claim:wrong" in tag for tag in near.cluster.tags)
    near.play_until_quiet()
    assert near.state("db") == near.state("web") == "healthy"


@pytest.mark.parametrize("scope", ["cluster", "group"])
@pytest.mark.parametrize("until", [1_800_000_000 + LONGEST_COOLDOWN + HOUR, 1_800_000_000 + 10 * YEAR, NEVER])
def test_a_breaker_from_a_wrong_clock_holds_for_one_cooldown(near: Site, until: int, scope: str) -> None:
    """It counts as a storm that is over just now: a round puts a right time in its place, and says so."""
    tags = near.cluster.tags if scope == "cluster" else near.cluster.groups["default"].tags
    breaker, limits = f"{TAG}breaker:{until}", Limits(repair_window=0)
    tags.add(breaker)
    played = near.run_round(limits)
    name = "gnt-cluster remove-tags" if scope == "cluster" else "gnt-group remove-tags default"
    assert f"{name} {breaker}" in needs(played)[1] and "later than a correct clock could have set" in needs(played)[1]
    assert near.state("db") == "needs_repair"
    near.simulator.advance_until_idle()
    assert [tag for tag in tags if "breaker" in tag] == [f"{TAG}breaker:{int(played.before.time) + 600}"]
    near.simulator.advance(600)
    near.play_until_quiet(limits=limits)
    assert near.state("db") == near.state("web") == "healthy" and not any("breaker" in tag for tag in tags)


def test_a_breaker_of_a_longer_cooldown_holds(near: Site) -> None:
    """Another runner may have the longest cooldown that there is, and a clock that is a little ahead."""
    until = 1_800_000_000 + LONGEST_COOLDOWN + MAX_SKEW
    near.cluster.tags.add(f"{TAG}breaker:{until}")
    played = near.run_round(Limits(repair_window=0))
    assert not played.changed and needs(played)[0] == []
    assert near.cluster.tags >= {f"{TAG}breaker:{until}"}


# --- a slow queue -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("waits", [33, 70, 140])
def test_a_queue_in_which_jobs_wait(near: Site, waits: float) -> None:
    """The claim waits as long as its lease allows, so repairs are done."""
    near.cluster.queue.durations.before_start = waits
    for _ in range(12):
        near.run_round()
        near.simulator.advance(300)
    assert near.state("db") == near.state("web") == "healthy"


def test_a_queue_in_which_jobs_wait_for_longer(near: Site) -> None:
    """Nothing is done, and the report says what to look at."""
    near.cluster.queue.durations.before_start = 200
    played = near.run_round()
    assert not played.changed
    _, report = needs(played)
    assert "this round's claim was not set within 150 s: job" in report
    assert "to see what the job queue waits for: gnt-job list, gnt-debug locks" in report


# --- the modules themselves -------------------------------------------------------------------------------------------

MODULES = [
    (ganeti_autorepair_policy, {"object": "instance", "names": ["db"], "state": "suspended", "until": "+1h"}, True),
    (ganeti_autorepair_policy, {"object": "cluster", "state": "suspended", "until": "+1h"}, True),
    (ganeti_autorepair_policy, {"object": "cluster", "state": "suspended"}, False),
    (ganeti_autorepair_policy, {"object": "cluster", "state": "stopped"}, False),
    (ganeti_autorepair_request, {"instances": ["db"], "type": "failover"}, True),
    (ganeti_autorepair_step, {}, True),
]


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("ahead", [0, -2 * HOUR, 2 * HOUR])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_modules(
    transport: str, ahead: float, check: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As users run them, on a machine whose clock is wrong by hours: they fail, say so, and nothing is left."""
    wrong = SimpleNamespace(time=lambda: time.time() + ahead, sleep=time.sleep)
    for module in (run, ganeti_autorepair_policy, ganeti_autorepair_request, ganeti_autorepair_step):
        monkeypatch.setattr(module, "time", wrong)
    with Simulator(wall_clock_cluster(100)) as simulator:
        site = Site(simulator, transport)
        site.break_two()
        known = simulator.settings()
        given = {f"rapi_{name}": known[name] for name in ("host", "port", "user", "password", "ca_path")}
        given |= {"luxi_socket": known["luxi_socket"], "transport": transport, "_ansible_check_mode": check}
        for module, options, timed in MODULES:
            before = standing(site)
            with patch_module_args({**given, **options}), pytest.raises(SystemExit):
                module.main()
            told = json.loads(capsys.readouterr().out)
            if timed and ahead and not check:
                way = f"of this machine is 7200 s {'ahead of' if ahead > 0 else 'behind'} the master's"
                assert told["failed"] and re.search(way.replace("7200", "7[12]\\d\\d"), told["msg"]), told
                assert standing(site) == before
            else:
                assert not told.get("failed"), told
                assert (standing(site) == before) is check
                for tags in (simulator.cluster.tags, simulator.cluster.instance("db").tags):
                    tags.intersection_update({TAG + "failover"})
