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

from ansible_collections.ganeti.autorepair.plugins.module_utils import claim, health, policy, state
from ansible_collections.ganeti.autorepair.plugins.module_utils.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.job_request import JobRequest
from ansible_collections.ganeti.autorepair.plugins.module_utils.model import Instance, Node, NodeState
from ansible_collections.ganeti.autorepair.plugins.module_utils.repairs import Repair
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags import TagSet
from unbraked import unbraked

from .lives.laws import Life
from .lives.wire import Moment, end_runner

EXAMPLES = {"short": 240, "long": 2500}
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


def drained_is_offline(instance: Instance, nodes: Mapping[str, Node], *_behind: object) -> health.Health:
    """Take drained nodes for dead ones."""
    worse = {NodeState.DRAINED: NodeState.OFFLINE}
    taken = {name: replace(node, state=worse.get(node.state, node.state)) for name, node in nodes.items()}
    return health.judge(instance, taken)


def sends(client: DryRunClient, request: JobRequest) -> int | None:
    """Send what check mode must not."""
    return client._client.submit(request)


def adopts_nothing(repair: Repair, *_: object) -> Repair:
    """Take a repair for what its tags say."""
    return repair


def farthest_first(objects: Iterable[tuple[str, TagSet]], now: float) -> policy.Policy:
    """Let the cluster decide before the instance."""
    return policy.resolve(list(objects)[::-1], now)


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
    life.play("rapi")


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


CONTROLS: list[tuple[object, str, object, Callable[[Life], None], str]] = [
    (state, "judge", drained_is_offline, one_round, "law 1: .* had the data"),
    (DryRunClient, "submit", sends, a_check, "law 1: .* check mode"),
    (state, "with_adopted", adopts_nothing, a_death_before_the_note, "law 8: .* are empty"),
    (claim, "_others", lambda *given: [], a_round_within, "law 3: .* while .* wrote"),
    (state, "resolve", farthest_first, an_enable_of_its_own, "section 4"),
    (claim.ClaimedClient, "release", lambda self: None, to_the_end, "a claim is left"),
]


@pytest.mark.parametrize(("owner", "name", "worse", "happens", "law"), CONTROLS, ids=[case[4] for case in CONTROLS])
def test_controls(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, worse: object, happens: Callable[[Life], None], law: str
) -> None:
    """The laws can fail; with the engine as it is the same life breaks none."""
    for patched in (False, True):
        life = Life()
        life.begin("reinstall", set(), "node3", False, True)
        if not patched:
            happens(life)
            life.laws()
            continue
        monkeypatch.setattr(owner, name, worse)
        with pytest.raises(AssertionError, match=law):
            happens(life)
            life.laws()
