# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Law 2, exhaustively: a runner is killed at every point of every repair, and the next ones carry on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.execution import lease
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair import case
from simulator import Cluster, JobTrouble, Simulator
from simulator.trouble import Manner

from .conftest import TAG, Site
from .direct import TRANSPORTS
from .killing import (
    AFTERMATHS,
    Aftermath,
    Executioner,
    Killed,
    Left,
    Points,
    Runners,
    jobs_end,
    jobs_take_long,
    play_until_quiet,
    problems_after,
    standing,
    successors,
    what_came_of_it,
)

SHOWN = 5  # failures of one test in full


def failover(site: Site) -> None:
    """The primary of a mirrored instance is dead: failover, then a new secondary."""
    site.cluster.add_instance("web", "drbd", "node3", "node2")
    site.allow("failover")
    site.kill("node3")


def reinstall(admin_state: str) -> Callable[[Site], None]:
    """The node of a plain instance is dead."""

    def scenario(site: Site) -> None:
        site.cluster.add_instance("web", "plain", "node3", admin_state=admin_state)
        site.allow("reinstall")
        site.kill("node3")

    return scenario


def drained_secondary(site: Site) -> None:
    """A new secondary, for an instance that was repaired before."""
    site.cluster.add_instance("web", "drbd", "node2", "node3").tags.add(f"{TAG}result:migrate:old:1:success:")
    site.allow("fix-storage")
    site.cluster.node("node3").drained = True


def drained_primary(site: Site) -> None:
    """A migration, then a new secondary."""
    site.cluster.add_instance("web", "drbd", "node3", "node2")
    site.allow("migrate")
    site.cluster.node("node3").drained = True


def drained_primary_stopped(site: Site) -> None:
    """A failover off a node that is alive, for which the disks are activated; then a new secondary."""
    site.cluster.add_instance("web", "drbd", "node3", "node2", admin_state="down")
    site.allow("migrate")
    site.cluster.node("node3").drained = True


def once_off(site: Site) -> None:
    """Somebody has asked for a repair that no tag allows."""
    site.cluster.add_instance("web", "rbd", "node3").tags.add(f"{TAG}pending:failover:asked:1700000000:")
    site.kill("node3")


def enoperm(site: Site) -> None:
    """More is needed than is allowed, and more than an earlier `enoperm` says."""
    site.cluster.add_instance("web", "drbd", "node3", "node2").tags.add(f"{TAG}result:migrate:old:1:enoperm:")
    site.allow("fix-storage")
    site.kill("node3")


def as_far_as_it_may(site: Site) -> None:
    """Of three steps the first is allowed."""
    site.cluster.add_instance("web", "drbd", "node3", "node2")
    site.allow("fix-storage")
    site.cluster.node("node3").drained = True
    site.kill("node2")


def lift(site: Site) -> None:
    """Suspends have run out: on the cluster, a group and two instances, one of which is broken."""
    over = f"{TAG}suspend:1700000000"
    site.cluster.add_instance("web", "rbd", "node3").tags.add(over)
    site.cluster.add_instance("db", "plain", "node2").tags.add(over)
    for tagged in (site.cluster, site.cluster.groups["rack2"]):
        tagged.tags.add(over)
    site.allow("failover")
    site.kill("node3")


def three_at_once(site: Site) -> None:
    """A failover, a reinstall and a request from outside."""
    site.cluster.add_instance("db", "drbd", "node3", "node2")
    site.cluster.add_instance("log", "plain", "node3")
    site.cluster.add_instance("web", "rbd", "node3").tags.add(f"{TAG}pending:failover:asked:1700000000:")
    site.allow("reinstall")
    site.kill("node3")


def two_mirrored(site: Site) -> None:
    """Two failovers: both come before either's new secondary."""
    site.cluster.add_instance("db", "drbd", "node3", "node1")
    site.cluster.add_instance("web", "drbd", "node3", "node2")
    site.allow("failover")
    site.kill("node3")


def trouble(opcode: str, manner: Manner, scenario: Callable[[Site], None]) -> Callable[[Site], None]:
    """Something else goes wrong as well: with the first job that has this opcode."""

    def troubled(site: Site) -> None:
        scenario(site)
        site.simulator.troubles.add(JobTrouble(opcode, manner, text="No"))

    return troubled


SCENARIOS: dict[str, Callable[[Site], None]] = {
    "failover": failover,
    "reinstall, running": reinstall("up"),
    "reinstall, stopped": reinstall("down"),
    "reinstall, marked offline": reinstall("offline"),
    "drained secondary": drained_secondary,
    "drained primary": drained_primary,
    "drained primary, stopped": drained_primary_stopped,
    "once-off request": once_off,
    "enoperm": enoperm,
    "as far as it may": as_far_as_it_may,
    "suspends that have run out": lift,
    "three at once": three_at_once,
    "two mirrored": two_mirrored,
    "a failover that fails once": trouble("OP_INSTANCE_FAILOVER", "fail", once_off),
    "a failover off a live node that fails once": trouble("OP_INSTANCE_FAILOVER", "fail", drained_primary_stopped),
    "an activation that fails once": trouble("OP_INSTANCE_ACTIVATE_DISKS", "fail", drained_primary_stopped),
    "a reinstall that fails": trouble("OP_INSTANCE_REINSTALL", "fail", reinstall("up")),
    "a failover that a new secondary waits for in vain": trouble("OP_INSTANCE_FAILOVER", "fail", failover),
    "a new secondary that fails once": trouble("OP_INSTANCE_REPLACE_DISKS", "fail", failover),
}
STAYING = (  # runners that stay leave it to the results to name the jobs
    "failover",
    "reinstall, running",
    "drained primary",
    "drained primary, stopped",
    "three at once",
    "two mirrored",
    "a failover that a new secondary waits for in vain",
    "a new secondary that fails once",
)
PLAYED = [*((name, False) for name in SCENARIOS), *((name, True) for name in STAYING)]


class Tried:
    """The numbers for the last lines of the test run."""

    points = forks = 0

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show them; a hook of pytest."""
        terminalreporter.write_line(f"kill points tried: {self.points}, played on from {self.forks} forks")


@pytest.fixture(scope="module")
def tried(pytestconfig: pytest.Config) -> Tried:
    """What counts the points."""
    tried = Tried()
    pytestconfig.pluginmanager.register(tried)
    return tried


def broken(scenario: str, transport: str) -> Cluster:
    """The cluster of a scenario, before anybody has come."""
    site = Site(Simulator(), transport, direct=True)
    SCENARIOS[scenario](site)
    return site.cluster


def watched(scenario: str, transport: str, *, waits: bool = False) -> tuple[Points, dict[str, object]]:
    """All points of a scenario, and what comes of it when nobody is killed."""
    runners = Runners(broken(scenario, transport), transport, waits=waits)
    points = Points(runners)
    play_until_quiet(runners, points)
    return points, what_came_of_it(runners.cluster)


@pytest.mark.parametrize("aftermath", AFTERMATHS, ids=[aftermath.__name__ for aftermath in AFTERMATHS])
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("scenario", "waits"), PLAYED, ids=[f"{one}{', staying' if waits else ''}" for one, waits in PLAYED]
)
def test_a_runner_that_is_killed(
    scenario: str, waits: bool, transport: str, aftermath: Aftermath, tried: Tried
) -> None:
    """Whatever moment it dies at: each step is taken once, the tags are the same, and no instance is forgotten."""
    points, expected = watched(scenario, transport, waits=waits)
    failures = []
    for left in points.all:
        problems = problems_after(left, transport, aftermath, expected)
        tried.points, tried.forks = tried.points + len(left.points), tried.forks + 1
        failures += [f"{point}\n    " + "\n    ".join(problems) for point in left.points if problems]
    assert not failures, f"{len(failures)} points failed:\n" + "\n".join(failures[:SHOWN])


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_kill_leaves_no_more_than_the_fork(transport: str) -> None:
    """A runner that dies in its request, and can send nothing more, leaves the very cluster that was forked there."""
    points, _ = watched("failover", transport)
    number = 0
    for left in points.all:
        for point in {number, number + len(left.points) - 1}:
            runners = Runners(broken("failover", transport), transport)
            with pytest.raises(Killed):
                play_until_quiet(runners, Executioner(point))
            assert standing(runners.cluster) == standing(left.cluster), left.points
        number += len(left.points)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_next_one_is_killed_too(transport: str, tried: Tried) -> None:
    """Of both only the points are tried before which something had just been written."""
    points, expected = watched("reinstall, running", transport)
    for left in _after_writes(points):
        runners = successors(left, transport)
        jobs_end(runners)
        again = Points(runners)
        play_until_quiet(runners, again)
        for second in _after_writes(again):
            assert not problems_after(second, transport, jobs_end, expected), (left.points, second.points)
            tried.points, tried.forks = tried.points + 1, tried.forks + 1


def _after_writes(points: Points) -> Iterable[Left]:
    """The first fork after each write, and the one before all."""
    return {left.cluster.queue.last_id: left for left in reversed(points.all)}.values()


# what is taken away, where it stands, what stands in for it; the scenario, and what has to go wrong then
CONTROLS: list[tuple[str, Any, str, Callable[..., object], str, Aftermath, str]] = [
    (
        "jobs that were not noted",
        case,
        "adopt_jobs",
        lambda repair, *_: repair,
        "reinstall, running",
        jobs_end,
        "state of web: ('pending_repair', 'report'",
    ),
    (
        "jobs that are under way",
        case,
        "_busy",
        lambda *_: (),
        "failover",
        jobs_take_long,
        "INSTANCE_FAILOVER(web) success': 2",
    ),
    ("claims", lease, "_others", lambda *_: [], "failover", jobs_end, "writes though runner-1 holds the claim"),
]


@pytest.mark.parametrize(
    ("module", "name", "nothing", "scenario", "aftermath", "problem"),
    [control[1:] for control in CONTROLS],
    ids=[control[0] for control in CONTROLS],
)
def test_the_suite_can_fail(
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    nothing: Callable[..., object],
    scenario: str,
    aftermath: Aftermath,
    problem: str,
) -> None:
    """Where one of the things is not heeded that the law rests on, some points show it."""
    points, expected = watched(scenario, "rapi")
    monkeypatch.setattr(module, name, nothing)
    problems = [found for left in points.all for found in problems_after(left, "rapi", aftermath, expected)]
    assert any(problem in found for found in problems), problems
