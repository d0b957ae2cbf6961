# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever happens to a cluster, in whatever order, the laws hold (design, section 5): hypothesis looks for a life that
breaks them. A few hundred lives, always the same ones; with AUTOREPAIR_LONG=1 thousands, always others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from ansible_collections.ganeti.autorepair.plugins.module_utils.diagnosis import instances
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution import lease, submission
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.job_request import JobRequest
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import Instance, Node, NodeState
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair import action, endings, pending
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair import case as state
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.history import Repair
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags import policy
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.values import TagSet
from simulator.trouble import JobTrouble
from unbraked import unbraked

from .lives.laws import Life
from .lives.rounds import NEVER
from .lives.wire import Moment, end_runner

EXAMPLES = {"short": 240, "long": 3000}
PROFILE = "long" if os.environ.get("AUTOREPAIR_LONG") else "short"
SETTINGS = settings(
    max_examples=EXAMPLES[PROFILE],
    stateful_step_count=30,
    derandomize=PROFILE == "short",
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)


def test_lives(capsys: pytest.CaptureFixture[str]) -> None:
    """The laws hold."""
    Life.lives = 0
    run_state_machine_as_test(Life, settings=SETTINGS)
    with capsys.disabled():
        print(f" {Life.lives} lives of {SETTINGS.stateful_step_count} steps ", end="")
    assert Life.lives >= SETTINGS.max_examples


# --- controls: an engine that breaks a law is found out ---


def drained_is_offline(instance: Instance, nodes: Mapping[str, Node], *_behind: object) -> instances.Diagnosis:
    """Take drained nodes for dead ones."""
    worse = {NodeState.DRAINED: NodeState.OFFLINE}
    taken = {name: replace(node, state=worse.get(node.state, node.state)) for name, node in nodes.items()}
    return instances.diagnose(instance, taken)


def sends(client: DryRunClient, request: JobRequest) -> int | None:
    """Send what check mode must not."""
    return client._client.submit(request)


def adopts_nothing(repair: Repair, *_: object) -> Repair:
    """Take a repair for what its tags say."""
    return repair


def farthest_first(objects: Iterable[tuple[str, TagSet]], now: float) -> policy.Policy:
    """Let the cluster decide before the instance."""
    return policy.effective_policy(list(objects)[::-1], now)


def a_check(life: Life) -> None:
    """A round in check mode."""
    life.dry_run("rapi")


def one_round(life: Life) -> None:
    """A round over a cluster whose node3 is drained."""
    life.play("luxi")


def a_death_before_the_note(life: Life) -> None:
    """A runner that dies when it has had disks recreated, and the round after it."""
    life.die({"node3"}, True)
    life.play("rapi", Moment(3, True, True, end_runner), unbraked(instances=("log",)))
    life.wait(400)
    rounds_later(life)
    log = life.cluster.instance("log")
    assert log.data.copies[log.primary].readable, "law 2: a repair is lost, and leaves empty disks"


def a_round_within(life: Life) -> None:
    """A second round while the first writes."""
    life.die({"node4"}, True)
    life.play("rapi", Moment(3, True, True, lambda: life.nest("luxi", Moment(3, True, True, end_runner))))


def an_enable_of_its_own(life: Life) -> None:
    """An instance for which less is allowed than for the cluster."""
    life.allow("log", "fix-storage")
    life.die({"node3"}, True)


def to_the_end(life: Life) -> None:
    """A round, and what comes of it."""
    life.play("rapi")
    life.calm()
    life.wind_up()


def rounds_later(life: Life, transport: str = "rapi") -> None:
    """Rounds by the clock, for as long as a repair takes."""
    for _ in range(6):
        life.clean_round(transport)
        life.wait(20)


def tags_are_copied(life: Life) -> None:
    """A healthy instance gets the tags of another, whose disks were recreated and are about to be installed."""
    life.die({"node3"}, True)
    life.play("rapi", NEVER, unbraked(instances=("log",)))
    life.wait(2)
    life.copy_tags("log", "old")
    life.forget("", "log")
    life.suspend("log", None)
    rounds_later(life)


def a_recreation_is_canceled(life: Life) -> None:
    """A person cancels the recreation of disks."""
    life.simulator.troubles.add(JobTrouble("OP_INSTANCE_RECREATE_DISKS", "cancel", instance="log"))
    life.die({"node3"}, True)
    rounds_later(life)


def a_person_takes_over(life: Life) -> None:
    """A person suspends the repair after the recreation, restores a backup, starts the instance, and resumes."""
    life.die({"node3"}, True)
    life.play("rapi", NEVER, unbraked(instances=("log",)))
    life.suspend("log", None)
    life.wait(20)
    life.restore("log", True)
    life.wait(20)
    life.forget("suspend", "log")
    rounds_later(life)


def a_node_comes_back(life: Life) -> None:
    """The node of a stopped instance is back when the intent to recreate its disks has been sent."""
    life.work("log", "OP_INSTANCE_SHUTDOWN")
    life.wait(20)
    life.die({"node3"}, True)
    life.play("rapi", Moment(2, True, True, lambda: life.come_back("node3")), unbraked(instances=("log",)))
    rounds_later(life)


def volumes_are_left_over(life: Life) -> None:
    """The recreation of disks meets old volumes wherever it goes; a person acknowledges its failure."""
    for number in (1, 2, 4, 5, 6):
        life.leave_volumes("log", f"node{number}")
    life.die({"node3"}, True)
    rounds_later(life)
    life.tidy_up()
    rounds_later(life)


def volumes_are_left_over_until_the_end(life: Life) -> None:
    """In the end a person takes away what remembers that the disks are in doubt, if anything does."""
    volumes_are_left_over(life)
    life.calm()
    life.wind_up()


def another_repair_is_called_off(life: Life) -> None:
    """After a recreation has failed somebody asks for another repair, and a person takes the tag of that away."""
    volumes_are_left_over(life)
    life.ask("log", "failover", None)
    life.call_off("log")
    rounds_later(life)


def an_installation_fails(life: Life) -> None:
    """The recreation of disks succeeds, and the reinstall in the same job fails; a person acknowledges its failure."""
    life.simulator.troubles.add(JobTrouble("OP_INSTANCE_REINSTALL", "fail", instance="log"))
    life.die({"node3"}, True)
    rounds_later(life, "luxi")
    life.tidy_up()
    rounds_later(life, "luxi")


def ends_without_suspending(
    case: state.Case, repair: Repair, cluster: object, now: float, since: float
) -> action.Action:
    """Take a person's cancel for the end of this repair alone."""
    return action.finish(case, repair, None, "canceled", since)


def takes_for_ours(repair: Repair, *_: object) -> Repair:
    """Take whatever jobs a tag names for those of its repair."""
    return replace(repair, begun=True)


Sabotage = tuple[object, str, object]  # what is replaced, its name, and by what
CONTROLS: list[tuple[list[Sabotage], Callable[[Life], None], str]] = [
    (
        [(state, "diagnose", drained_is_offline), (submission, "what_changed", lambda *_: "")],
        one_round,
        "law 1: .* had the data",
    ),
    ([(DryRunClient, "submit", sends)], a_check, "law 1: .* check mode"),
    ([(state, "adopt_jobs", adopts_nothing)], a_death_before_the_note, "law 2: a repair is lost"),
    ([(lease, "_others", lambda *given: [])], a_round_within, "law 3: .* while .* wrote"),
    ([(state, "effective_policy", farthest_first)], an_enable_of_its_own, "section 4"),
    ([(lease.ClaimedClient, "release", lambda self: None)], to_the_end, "a claim is left"),
    (
        [(state, "_wrong_jobs", lambda *_: ()), (state, "adopt_jobs", takes_for_ours)],
        tags_are_copied,
        "data: .*REINSTALL.* of old .* overwritten",
    ),
    ([(endings, "_canceled", ends_without_suspending)], a_recreation_is_canceled, "law 10: .* once more"),
    (
        [(endings, "taken_over", lambda *_: "")],
        a_person_takes_over,
        "data: .*REINSTALL.* of log .* overwritten",
    ),
    (
        [(submission, "what_changed", lambda *_: "")],
        a_node_comes_back,
        "data: .*RECREATE.* of log .* that node was online",
    ),
    *(
        ([(pending, "doubts", lambda *_: ())], happens, "data: .*'log'.* left over, and nobody says so")
        for happens in (
            volumes_are_left_over,
            volumes_are_left_over_until_the_end,
            another_repair_is_called_off,
            an_installation_fails,
        )
    ),
]


@pytest.mark.parametrize(("sabotages", "happens", "law"), CONTROLS, ids=[case[-1] for case in CONTROLS])
def test_controls(
    monkeypatch: pytest.MonkeyPatch, sabotages: list[Sabotage], happens: Callable[[Life], None], law: str
) -> None:
    """The laws can fail; with the engine as it is the same life breaks none."""
    for patched in (False, True):
        life = Life()
        life.restless = -100
        life.begin("reinstall", set(), "node3", False, True)
        if not patched:
            happens(life)
            life.laws()
            continue
        for owner, name, worse in sabotages:
            monkeypatch.setattr(owner, name, worse)
        with pytest.raises(AssertionError, match=law):
            happens(life)
            life.laws()


# --- and one that breaks none is not ---


def a_start_fails(life: Life) -> None:
    """Disks are recreated and installed, and the start of the instance fails; a person acknowledges that."""
    life.simulator.troubles.add(JobTrouble("OP_INSTANCE_STARTUP", "fail", instance="log"))
    life.die({"node3"}, True)
    rounds_later(life, "luxi")
    life.tidy_up()


def a_backup_is_older_than_a_mirror(life: Life) -> None:
    """A person restores a backup while the other copy is on a dead node; that is replaced."""
    life.allow("cluster", "fix-storage")
    life.die({"node2"}, True)
    life.restore("old", False)
    rounds_later(life)


def a_failed_recreation_is_called_off(life: Life) -> None:
    """A person takes the tag away before a round has seen that the recreation of disks has failed."""
    for number in (1, 2, 4, 5, 6):
        life.leave_volumes("log", f"node{number}")
    life.die({"node3"}, True)
    life.play("rapi")
    life.wait(20)
    life.call_off("log")


def a_group_without_its_primary_dies(life: Life) -> None:
    """A person has had the disks of an instance made in two groups; the one that its primary is not in dies."""
    life.recreate("old", "node1", "node5")
    life.wait(20)
    life.merciful = False
    life.die({"node5", "node6"}, True)
    rounds_later(life)


@pytest.mark.parametrize(
    "happens",
    [
        a_start_fails,
        a_backup_is_older_than_a_mirror,
        a_failed_recreation_is_called_off,
        a_group_without_its_primary_dies,
    ],
)
def test_fairness(happens: Callable[[Life], None]) -> None:
    """What no engine could have done better breaks no law."""
    life = Life()
    life.restless = -100
    life.begin("reinstall", set(), "node3", False, True)
    happens(life)
    life.laws()
    life.teardown()
