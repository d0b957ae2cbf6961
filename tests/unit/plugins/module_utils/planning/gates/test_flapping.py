# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate `flapping`: an instance that repairs do not heal is left alone; and what is kept to know it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.plugins.module_utils.builders import NOW, OFFLINE, ONLINE, Placed, ended, pending, rbd, tag
from unit.plugins.module_utils.planning.gates.cases import (
    BEGINS,
    HOUR,
    OFTEN,
    STEPS,
    action_of,
    done,
    next_step,
    plan_with,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import has_more_work
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason


@pytest.mark.parametrize("what", STEPS)
def test_flapping_holds(what: str) -> None:
    """What begins; a repair that has begun goes on."""
    action = next_step(what, OFTEN, limits={"repair_window": HOUR})
    holds = what in BEGINS
    assert action.why is (Reason.FLAPPING if holds else None)
    assert (action.kind.value == "submit") is not holds


def _repaired(*ages: int, result: str = "success", jobs: str = "1") -> Placed:
    """web1, whose repairs ended so many seconds ago."""
    tags = [ended(result, jobs=jobs, repair=f"o{at}", at=NOW - age) for at, age in enumerate(ages)]
    return rbd("web1", OFFLINE, *tags)


FLAPS = [
    ("never repaired", _repaired(), 3, False),
    ("once less than it may", _repaired(10, 20), 3, False),
    ("as often as it may", _repaired(10, 20, 30), 3, True),
    ("more often", _repaired(10, 20, 30, 40), 3, True),
    ("the oldest is within the time by a second", _repaired(10, 20, 3599), 3, True),
    ("the oldest has just left it", _repaired(10, 20, 3600), 3, False),
    ("the oldest left it a second ago", _repaired(10, 20, 3601), 3, False),
    ("one is of another clock's future", _repaired(10, 20, -5), 3, True),
    ("once is enough", _repaired(3599), 1, True),
    ("once, and over", _repaired(3600), 1, False),
    ("enoperm after steps were taken", _repaired(10, 20, 30, result="enoperm"), 3, True),
    ("enoperm without a step", _repaired(10, 20, 30, result="enoperm", jobs=""), 3, False),
    ("success without a step", _repaired(10, 20, 30, jobs=""), 3, False),
    ("one that was asked for counts them too", rbd("web1", OFFLINE, *OFTEN, pending(at=NOW)), 3, True),
    ("harep's", rbd("web1", OFFLINE, *(
        tag(f"result:failover:9d0c8a0e-5b1f-4b55-8c56-7f6a4b3a1f2{at}:{NOW - 10}:success:{at + 1}") for at in range(3)
    )), 3, True),
    ("one repair with two tags is one", rbd("web1", OFFLINE, *OFTEN[:2], OFTEN[0] + "+2"), 3, False),
]  # fmt: skip


@pytest.mark.parametrize(("one", "often", "flaps"), [row[1:] for row in FLAPS], ids=[row[0] for row in FLAPS])
def test_an_instance_that_is_repaired_again_and_again_is_left_alone(one: Placed, often: int, flaps: bool) -> None:
    """And reported: something is wrong with it that repairs don't heal."""
    action = action_of(one, limits={"repair_window": HOUR, "max_repairs_per_window": often})
    assert (action.kind.value, action.why) == (("report", Reason.FLAPPING) if flaps else ("submit", None))


@pytest.mark.parametrize("age", [10, -10], ids=["just now", "by a clock that is ahead"])
def test_without_a_window_nothing_flaps(age: int) -> None:
    """0 switches it off."""
    one = _repaired(*[age] * 5)
    assert action_of(one, limits={"repair_window": 0, "max_repairs_per_window": 1}).kind.value == "submit"


def test_a_failure_is_no_repair_that_helped_for_a_while() -> None:
    """It keeps the instance for a person, however old, and its tag stays."""
    plan = plan_with(rbd("web1", OFFLINE, ended("failure", jobs="1", at=1), *OFTEN), limits={"repair_window": HOUR})
    assert plan.rows[0][1].why is Reason.REPAIR_FAILED
    assert not plan.writes


def test_what_flaps_says_how_often_and_until_when() -> None:
    """Then it is repaired, to the second."""
    limits = {"repair_window": HOUR, "max_repairs_per_window": 2}
    one = _repaired(10, 1800, 3000)
    action = action_of(one, limits=limits)
    assert action.reason == (
        "primary web1-p is offline; it was repaired 3 times within 3600 s, so it is left alone until "
        "2027-01-15T08:30:00Z"
    )
    assert action_of(one, limits=limits, now=NOW + 1799).why is Reason.FLAPPING
    assert action_of(one, limits=limits, now=NOW + 1800).kind.value == "submit"
    assert "repaired 1 time within" in action_of(_repaired(1), limits={**limits, "max_repairs_per_window": 1}).reason
    assert not has_more_work(plan_with(one, limits=limits))


def test_what_flaps_is_not_flapping_while_its_repair_goes_on() -> None:
    """It is followed to its end."""
    one, more = STEPS["a failover after a migration"]
    one = replace(one, instance=replace(one.instance, tags=(*one.instance.tags, *OFTEN)))
    assert action_of(one, limits={"repair_window": HOUR}, **more).kind.value == "submit"


FINISHES = [
    ("in the window all are kept", (10, 3599), "success", "1", 3600, ()),
    ("what has just left it goes", (10, 3600), "success", "1", 3600, (1,)),
    ("what left it a second ago goes", (3601, 10), "success", "1", 3600, (0,)),
    ("enoperm after steps is kept", (10, 20), "enoperm", "1", 3600, ()),
    ("enoperm without a step goes", (10, 20), "enoperm", "", 3600, (0, 1)),
    ("success without a step goes", (10, 20), "success", "", 3600, (0, 1)),
    ("without a window for an hour", (10, 3599, 3600), "success", "1", 0, (2,)),
    ("with a long one for that long", (3600, 7199, 7200), "success", "1", 7200, (2,)),
]


@pytest.mark.parametrize(
    ("ages", "word", "jobs", "window", "gone"), [row[1:] for row in FINISHES], ids=[row[0] for row in FINISHES]
)
def test_results_are_kept_for_as_long_as_they_count(
    ages: tuple[int, ...], word: str, jobs: str, window: int, gone: tuple[int, ...]
) -> None:
    """When the next repair ends; else nobody could tell how often it was."""
    old = [ended(word, jobs=jobs, repair=f"o{at}", at=NOW - age) for at, age in enumerate(ages)]
    own = pending(jobs="7", repair="new", at=NOW - 5)
    more = done("FAILOVER", repair="new")
    action = action_of(rbd("web1", ONLINE, own, *old), limits={"repair_window": window}, **more)
    assert (action.kind.value, action.result) == ("finish", "success")
    assert set(action.remove) == {own, *(old[at] for at in gone)}


TIDIED = [
    ("all within the time stay", (10, 20, 3599), ()),
    ("those that have left it go", (10, 3600, 3601), (1, 2)),
    ("but not the last of all", (3600, 3700, 3800), (1, 2)),
    ("one alone stays", (9999,), ()),
]


@pytest.mark.parametrize(("ages", "gone"), [row[1:] for row in TIDIED], ids=[row[0] for row in TIDIED])
def test_results_that_nobody_counts_any_more_are_removed(ages: tuple[int, ...], gone: tuple[int, ...]) -> None:
    """In the round after; a second round finds nothing to do (law 5)."""
    old = [ended("success", jobs="1", repair=f"o{at}", at=NOW - age) for at, age in enumerate(ages)]
    kept = [text for at, text in enumerate(old) if at not in gone]
    assert set(action_of(rbd("web1", ONLINE, *old), limits={"repair_window": HOUR}).remove) == set(old) - set(kept)
    assert not plan_with(rbd("web1", ONLINE, *kept), limits={"repair_window": HOUR}).writes
