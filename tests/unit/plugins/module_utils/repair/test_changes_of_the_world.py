# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The world changes while a repair is under way: every step, however its job stands, in every world of now.

`LAW` says in sentences what comes of it (design, section 3; laws 8, 10 and 11), of which the first that applies holds.
What no change may lead to is said once more at the end, without that table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    FAILOVER,
    FIX_STORAGE,
    MIGRATE,
    NOW,
    OFFLINE,
    ONLINE,
    REINSTALL,
    case_of,
    cluster,
    job,
    pending,
    placed,
    steps,
    tag,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import Job, NodeState, RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.action import Action, ActionKind
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.decide import decide
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import PREFIX, behind_tag
from unbraked import unbraked

# --- the space --------------------------------------------------------------------------------------------------------

STATES = (ONLINE, DRAINED, OFFLINE)
NEEDED_BY = {
    "replace-disks": FIX_STORAGE,
    "migrate": MIGRATE,
    "failover": FAILOVER,
    "recreate-disks": REINSTALL,
    "reinstall": REINSTALL,
}
OPCODES = {name: name.replace("-", "_").upper() for name in NEEDED_BY}
TAKEN = {  # the steps that repairs of a disk template can have
    "drbd": tuple(NEEDED_BY),
    "rbd": ("migrate", "failover"),
    "plain": ("recreate-disks", "reinstall"),
}
ROOM = {"error": "not enough", "error_class": "OpPrereqError", "error_code": "insufficient_resources"}
SILENT = {"error": "Can't get data for node 'node5'", "error_class": "OpPrereqError", "error_code": "x"}
REFUSED = {"error": "no", "error_class": "OpPrereqError"}
LONG_AGO = {"ended": NOW - 500}  # before any pause
STANDS = {  # how its job stands: its status, and what else is known of it
    "queued": ("queued", {}),
    "waiting": ("waiting", {}),
    "running": ("running", {}),
    "refused": ("error", {**LONG_AGO, **REFUSED}),
    "failed half-way": ("error", {**LONG_AGO, "error": "it broke"}),
    "canceled while waiting": ("canceled", LONG_AGO),
    "canceled half-way": ("canceled", {**LONG_AGO, "begun": 1}),
    "succeeded": ("success", LONG_AGO),
    "gone from the queue": None,
    "silent node": ("error", {**LONG_AGO, **SILENT}),
    "no room": ("error", {**LONG_AGO, **ROOM}),
}


@dataclass(frozen=True)
class Point:
    """A `step` whose job `stands` so, of a repair of the type `may` where the policy allows `allowed`, and the
    states of its nodes now, the primary first. `again` says that it was not tried too often."""

    template: str
    step: str
    stands: str
    states: tuple[NodeState, ...]
    may: RepairType
    allowed: RepairType
    again: bool

    def __str__(self) -> str:
        world = "/".join(state.value for state in self.states)
        permission = f"may {self.may.label}, allowed {self.allowed.label}, again {self.again}"
        return f"{self.template} {world}: {self.step} {self.stands} ({permission})"

    @property
    def needs(self) -> str:
        """The step that is needed first in the world of now; empty for none."""
        return NEEDS[(self.template, *self.states)]

    @property
    def is_to_come(self) -> bool:
        """Whether the step of the job is among those that heal it now."""
        moves = {"replace-disks"} if self.template == "drbd" and self.needs in ("migrate", "failover") else set()
        twice = {"migrate"} if self.needs == "replace-disks" and self.states[0] is DRAINED else set()
        anew = {"reinstall"} if self.needs == "recreate-disks" else set()
        return self.step in {self.needs} | moves | twice | anew

    @property
    def installs(self) -> bool:
        """Whether its disks are recreated, and nothing is installed on them yet."""
        return (self.step == "recreate-disks" and self.stands == "succeeded") or (
            self.step == "reinstall" and self.stands != "succeeded"
        )


NEEDS = {  # template, primary, secondary -> the first step (design, section 3)
    ("drbd", ONLINE, ONLINE): "",
    ("drbd", ONLINE, DRAINED): "replace-disks",
    ("drbd", ONLINE, OFFLINE): "replace-disks",
    ("drbd", DRAINED, ONLINE): "migrate",
    ("drbd", DRAINED, DRAINED): "replace-disks",
    ("drbd", DRAINED, OFFLINE): "replace-disks",
    ("drbd", OFFLINE, ONLINE): "failover",
    ("drbd", OFFLINE, DRAINED): "failover",
    ("drbd", OFFLINE, OFFLINE): "recreate-disks",
    ("rbd", ONLINE): "",
    ("rbd", DRAINED): "migrate",
    ("rbd", OFFLINE): "failover",
    ("plain", ONLINE): "",
    ("plain", DRAINED): "a person",
    ("plain", OFFLINE): "recreate-disks",
}


def _points() -> Iterator[Point]:
    for template, names in TAKEN.items():
        worlds = product(STATES, repeat=2 if template == "drbd" else 1)
        kinds = sorted({(may, allowed) for may in RepairType for allowed in (may, REINSTALL)})
        for states, step, stands, (may, allowed) in product(worlds, names, STANDS, kinds):
            if may >= NEEDED_BY[step]:  # or nobody would have sent it
                for again in (True, False) if stands in ("refused", "failed half-way") else (True,):
                    yield Point(template, step, stands, states, may, allowed, again)


def _jobs(point: Point, number: int = 7, **more: object) -> tuple[Job, ...]:
    """The job of the step, and of a reinstall the recreation before it."""
    known = STANDS[point.stands]
    before = (job(number - 1, "success", "RECREATE_DISKS", ended=NOW - 600),) if point.step == "reinstall" else ()
    if known is None:
        return before
    status, also = known
    places = {"nodes": ("web1-p", "web1-s")} if point.step == "recreate-disks" else {}
    also_known: dict[str, Any] = {"reasons": MARK, **places, **also, **more}
    return (*before, job(number, status, OPCODES[point.step], **also_known))


MARK = ("ganeti.autorepair:r1 held-by=gone",)


def next_action(point: Point, *extra: Job, tags: tuple[str, ...] = (), jobs: tuple[Job, ...] | None = None) -> Action:
    """What comes next at a point, with other jobs and tags."""
    known = _jobs(point) if jobs is None else jobs
    noted = "+".join(str(number) for number in sorted({7, *(one.id for one in known if one.reasons)}))
    mine = (pending(point.may.label, noted, at=NOW - 1000), tag(point.allowed.label), *tags)
    one = cluster(placed("web1", point.template, *point.states, tags=mine), jobs=(*known, *extra))
    return decide(case_of(one), one, NOW, unbraked(retries=2 if point.again else 0))


@lru_cache(maxsize=1)
def _space() -> tuple[tuple[Point, Action], ...]:
    return tuple((point, next_action(point)) for point in _points())


# --- the law ----------------------------------------------------------------------------------------------------------

WAIT, CANCEL, FAIL, END = "wait", "cancel it and end", "failure", "end without a result"
SUSPEND, DOUBT, DOUBT_PRIMARY, DOUBT_SECONDARY = "suspend", "doubt both", "doubt the primary", "doubt the secondary"
GO_ON = "go on as the world needs it"  # or wait, give way, refuse and succeed: see `_go_on`
Rule = tuple[str, Callable[[Point], bool], tuple[str, ...]]


def _stands(*names: str) -> Callable[[Point], bool]:
    return lambda point: point.stands in names


def _all(*conditions: Callable[[Point], bool]) -> Callable[[Point], bool]:
    return lambda point: all(condition(point) for condition in conditions)


def _step(*names: str) -> Callable[[Point], bool]:
    return lambda point: point.step in names


def _still_needed(point: Point) -> bool:
    return point.needs == point.step


def _not_needed(point: Point) -> bool:
    return point.needs != point.step


def _broken(point: Point) -> bool:
    return bool(point.needs)


def _mirrored(point: Point) -> bool:
    return point.template == "drbd"


def _swapped(point: Point) -> bool:
    """Whether a failover has swapped the nodes: the dead one is the secondary now."""
    return point.template == "drbd" and point.states[0] is not OFFLINE and point.states[1] is OFFLINE


WAITS = _stands("queued", "waiting")
CANCELED = _stands("canceled while waiting", "canceled half-way")
NOTHING_DONE = _stands("refused", "silent node", "no room")
LAW: tuple[Rule, ...] = (
    # a job that has not ended
    ("a job that runs is waited for, whatever the world is like", _stands("running"), (WAIT,)),
    ("so is a reinstall that waits: the disks are empty", _all(WAITS, _step("reinstall")), (WAIT,)),
    ("so is one that waits for a step that is still to come", _all(WAITS, lambda point: point.is_to_come), (WAIT,)),
    ("any other that waits is canceled, and the repair ends without a result", WAITS, (CANCEL,)),
    # a person's word
    (
        "a reinstall that was canceled is for a person, and its disks are empty",
        _all(CANCELED, _step("reinstall")),
        (
            END,
            DOUBT,
        ),
    ),
    (
        "a recreation that was canceled half-way leaves disks that nobody knows",
        _all(_stands("canceled half-way"), _step("recreate-disks")),
        (END, DOUBT),
    ),
    (
        "a new secondary that was canceled half-way is not complete",
        _all(_stands("canceled half-way"), _step("replace-disks")),
        (END, DOUBT_SECONDARY),
    ),
    (
        "a failover that was canceled after it has swapped the nodes has opened a copy that nobody knows",
        _all(_stands("canceled half-way"), _step("failover"), _swapped),
        (END, DOUBT_PRIMARY),
    ),
    (
        "a loss that was canceled is not sent again while it is broken",
        _all(CANCELED, _step("failover", "recreate-disks"), _broken),
        (END, SUSPEND),
    ),
    ("another cancel ends the repair", CANCELED, (END,)),
    # what was begun and is not finished
    (
        "a reinstall is never repeated, and its disks are not known",
        _all(
            _step("reinstall"), _stands("refused", "failed half-way", "silent node", "no room", "gone from the queue")
        ),
        (FAIL, DOUBT),
    ),
    (
        "a failover or a new secondary that failed half-way is tried again while it is needed",
        _all(_stands("failed half-way"), _step("failover", "replace-disks"), _still_needed, lambda point: point.again),
        (GO_ON,),
    ),
    (
        "a migration whose node has died in the middle becomes a failover",
        _all(_stands("failed half-way"), _step("migrate"), lambda point: point.needs == "failover"),
        (GO_ON,),
    ),
    (
        "a recreation that failed half-way leaves disks that nobody knows",
        _all(_stands("failed half-way"), _step("recreate-disks")),
        (FAIL, DOUBT),
    ),
    (
        "a new secondary that failed half-way is not complete",
        _all(_stands("failed half-way"), _step("replace-disks")),
        (FAIL, DOUBT_SECONDARY),
    ),
    (
        "a failover that failed after it has swapped the nodes has opened a copy that nobody knows",
        _all(_stands("failed half-way"), _step("failover"), _swapped),
        (FAIL, DOUBT_PRIMARY),
    ),
    ("what else failed half-way is for a person", _stands("failed half-way"), (FAIL,)),
    # what has done nothing
    (
        "what was refused too often and is still needed is for a person",
        _all(_stands("refused"), _still_needed, lambda point: not point.again),
        (FAIL,),
    ),
    ("what has done nothing is taken again, or what is needed now", NOTHING_DONE, (GO_ON,)),
    (
        "nobody can tell what became of a reinstall repair whose job is gone",
        _all(_stands("gone from the queue"), lambda point: point.may is REINSTALL),
        (FAIL,),
    ),
    ("of any other repair that is gone, the world of now decides", _stands("gone from the queue"), (GO_ON,)),
    ("after a step has succeeded, the world of now decides", _stands("succeeded"), (GO_ON,)),
)


def _go_on(point: Point) -> tuple[str, ...]:
    """What going on is in the world of now."""
    if point.installs and point.states[0] is not OFFLINE:  # it is alive, and has empty disks
        return ("reinstall",)
    if not point.needs:
        return ("success",) if point.stands == "succeeded" else (END,)
    if point.needs == "a person":
        return ("enoperm",)
    if NEEDED_BY[point.needs] > point.may:
        return (END,) if NEEDED_BY[point.needs] <= point.allowed else ("enoperm",)
    if point.states == (OFFLINE, DRAINED):  # Ganeti fails nothing over to a drained node
        return (WAIT,)
    return (point.needs,)


def _law(point: Point) -> tuple[str, ...]:
    _sentence, _condition, outcome = next(rule for rule in LAW if rule[1](point))
    return _go_on(point) if outcome == (GO_ON,) else outcome


def _told(point: Point, action: Action) -> tuple[str, ...]:
    """An action in the words of the law."""
    if action.kind is ActionKind.SUBMIT:
        return (steps(action)[0],)
    if action.kind is not ActionKind.FINISH:
        return (action.kind.value, *added_by(point, action))
    end = CANCEL if action.cancel and action.result is None else action.result or END
    return (end, *added_by(point, action))


def added_by(point: Point, action: Action) -> tuple[str, ...]:
    names = ("web1-p", "web1-s")[: len(point.states)]
    words = {
        (PREFIX + "suspend",): SUSPEND,
        tuple(behind_tag(f"uuid-{name}", NOW) for name in names): DOUBT,
        (behind_tag("uuid-web1-s", NOW),): DOUBT_SECONDARY,
    }
    words.setdefault((behind_tag("uuid-web1-p", NOW),), DOUBT_PRIMARY)
    return (words[action.add],) if action.add else ()


def test_what_comes_of_it():
    """Every point is what the law says."""
    wrong = [
        f"{point}: {told}, not {law}, as {action.reason}"
        for point, action in _space()
        for told, law in [(_told(point, action), _law(point))]
        if told != law
    ]
    assert not wrong, f"{len(wrong)} of {len(_space())}:\n" + "\n".join(wrong[:40])


def test_each_sentence_is_needed():
    """None stands there in vain."""
    used = {next(rule[0] for rule in LAW if rule[1](point)) for point, _action in _space()}
    assert [rule[0] for rule in LAW if rule[0] not in used] == []


def test_a_recreation_that_failed_before_ganeti_moved_the_instance():
    """It is on the nodes that it was on, with the copies that they had: they are not in doubt."""
    for point, _action in _space():
        if point.step == "recreate-disks" and point.stands == "failed half-way":
            action = next_action(point, jobs=_jobs(point, nodes=("node8", "node9")))
            assert (action.result, action.add) == ("failure", ()), (str(point), action.reason)


def test_a_failover_that_could_only_not_start_it_has_opened_a_whole_copy():
    """Ganeti activates the disks before it starts the instance, so there is no doubt about that copy."""
    for point, _action in _space():
        if point.step == "failover" and point.stands == "failed half-way" and _swapped(point):
            action = next_action(point, jobs=_jobs(point, error="Could not start instance web1: no memory"))
            assert (action.result, action.add) == ("failure", ()), (str(point), action.reason)


# --- what else stands in the queue ------------------------------------------------------------------------------------

BEHIND_IT: dict[
    str, tuple[str, dict[str, Any]]
] = {  # how the job of the new secondary stands that was sent with a move and comes after it
    "queued": ("waiting", {"after": (7,)}),
    "waiting": ("waiting", {"after": (7,)}),
    "running": ("waiting", {"after": (7,)}),
    "refused": ("error", {**LONG_AGO, "error": "Dependency job 7 finished with status 'error'", "begun": 0}),
    "canceled while waiting": ("canceled", LONG_AGO),
    "canceled half-way": ("canceled", LONG_AGO),
}
BEHIND_IT |= dict.fromkeys(("failed half-way", "silent node", "no room"), BEHIND_IT["refused"])


def test_the_new_secondary_that_waits_behind_a_move_tells_nothing_of_it():
    """What comes next is the same with it as without; where the move is canceled it is, too."""
    for point, action in _space():
        if point.template == "drbd" and point.step in ("migrate", "failover") and point.stands in BEHIND_IT:
            status, more = BEHIND_IT[point.stands]
            both = next_action(point, job(8, status, "REPLACE_DISKS", reasons=MARK, **more))
            assert (both.kind, both.steps, both.result, both.add) == (
                action.kind,
                action.steps,
                action.result,
                action.add,
            ), (point, both.reason, action.reason)
            assert both.cancel == ((7, 8) if action.cancel else ()), point


def test_a_new_secondary_that_waits_after_its_move_was_done():
    """It is canceled where it is not needed any more, and the repair has succeeded (law 8)."""
    for point, _action in _space():
        if point.template == "drbd" and point.step in ("migrate", "failover") and point.stands == "succeeded":
            action = next_action(point, job(8, "queued", "REPLACE_DISKS", reasons=MARK, after=(7,)))
            if point.needs and point.needs != "recreate-disks":
                assert action.kind is ActionKind.WAIT, (point, action.reason)
            else:
                result = None if point.needs else "success"
                assert (action.cancel, action.result) == ((8,), result), (point, action.reason)


OTHERS = job(20, "running", "REBOOT", repair="")


def test_nothing_is_done_beside_a_job_of_somebody_else():
    """It is waited for: nothing is written while it may change what is known."""
    for point, _action in _space():
        action = next_action(point, OTHERS)
        assert action.kind is ActionKind.WAIT or action.cancel, (point, action.kind, action.reason)


# --- what no change leads to ------------------------------------------------------------------------------------------

LOSSES = ("failover", "recreate-disks", "reinstall")
UNFINISHED = ("queued", "waiting", "running")


def _first(action: Action) -> Operation | None:
    return action.steps[0].operation if action.kind is ActionKind.SUBMIT else None


def _gives_up_a_copy(point: Point, action: Action) -> bool:
    return _first(action) is Operation.RECREATE_DISKS and set(point.states) != {OFFLINE}


def _succeeds_with_nothing_done(point: Point, action: Action) -> bool:
    done = point.stands == "succeeded" or point.step == "reinstall"  # after its recreation
    return action.result == "success" and not (done and not point.needs)


def _fails_for_what_is_not_needed(point: Point, action: Action) -> bool:
    refused = point.stands in ("refused", "silent node", "no room") and point.step != "reinstall"
    return action.result == "failure" and refused and point.needs != point.step


def _is_a_second_step(point: Point, action: Action) -> bool:
    return action.kind is ActionKind.SUBMIT and point.stands in UNFINISHED


def _does_more_than_it_may(point: Point, action: Action) -> bool:
    return action.kind is ActionKind.SUBMIT and action.steps[0].needs > point.may


def _sends_again_what_a_person_canceled(point: Point, action: Action) -> bool:
    canceled = point.stands.startswith("canceled")
    loss = canceled and point.step in LOSSES and bool(point.needs)
    return (canceled and action.kind is ActionKind.SUBMIT) or (loss and not action.add)


def _forgets_empty_disks(point: Point, action: Action) -> bool:
    return action.kind is ActionKind.FINISH and point.installs and not action.add


def _counts_though_nothing_was_done(point: Point, action: Action) -> bool:
    done = point.stands == "succeeded" or point.step == "reinstall"
    return action.result == "enoperm" and not done and action.repair is not None and action.repair.jobs != ()


NEVER = {
    "a refusal that counts as a repair though no step was done": _counts_though_nothing_was_done,
    "disks are recreated while a node that holds a copy is not offline": _gives_up_a_copy,
    "a success without a step that was done": _succeeds_with_nothing_done,
    "a failure for what was refused and is not needed any more": _fails_for_what_is_not_needed,
    "a second step beside an unfinished job": _is_a_second_step,
    "more than it may": _does_more_than_it_may,
    "a loss that a person canceled leaves no suspend and no doubt": _sends_again_what_a_person_canceled,
    "an end that forgets that the disks are empty": _forgets_empty_disks,
}


@pytest.mark.parametrize("what", NEVER)
def test_no_change_leads_to(what):
    """Whatever the world has become."""
    assert [f"{point}: {action.reason}" for point, action in _space() if NEVER[what](point, action)] == []


@pytest.mark.parametrize("role", ["p", "s"])
def test_no_change_leads_to_a_failover_to_a_copy_in_doubt(role):
    """It is for a person, who knows which one is good."""
    doubt = behind_tag(f"uuid-web1-{role}", NOW - 10)
    for point, _action in _space():
        if point.template != "rbd" and len(point.states) > (role == "s"):
            action = next_action(point, tags=(doubt,))
            assert _first(action) is not Operation.FAILOVER, (str(point), action.reason)
