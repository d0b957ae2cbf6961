# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Laws that no instance may escape, tried on the whole small space of instances (design, sections 3 and 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    MISSING,
    NOW,
    OFFLINE,
    ONLINE,
    REINSTALL,
    UNKNOWN,
    Placed,
    cluster,
    ended,
    job,
    no_room,
    pending,
    placed,
    plan_of,
    tag,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import (
    TEMPLATE_CLASSES,
    Cluster,
    Job,
    NodeState,
    RepairType,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.gating import apply_gates
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import Draft, Plan, make_draft
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.throttle import limit_concurrency
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.action import Action, ActionKind
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Fencing
from unbraked import unbraked

STATES = (ONLINE, DRAINED, OFFLINE, UNKNOWN, MISSING)
DESTROYERS = (Operation.RECREATE_DISKS, Operation.REINSTALL)


@dataclass(frozen=True)
class Tried:
    """One point of the space, what was planned for it, and what is to be lifted of it."""

    one: Placed
    states: tuple[object, ...]
    allowed: RepairType | None
    asked: RepairType | None
    action: Action
    lifts: int

    def __str__(self) -> str:
        words = (self.one.instance.disk_template, self.states, self.allowed, self.asked, self.one.instance.admin_state)
        return f"{words}: {self.action.kind.value} because {self.action.reason}"


Place = tuple[str, tuple[NodeState | None, ...]]  # a disk template, and the states of its nodes


def _places() -> Iterator[Place]:
    """Every disk template on nodes in every combination of states."""
    for template in TEMPLATE_CLASSES:
        copies = 2 if template == "drbd" else 1
        yield from ((template, states) for states in product(STATES, repeat=copies))


KINDS = (None, *RepairType)


def _try(
    extra: tuple[str, ...] = (),
    jobs: tuple[Job, ...] = (),
    noted: str = "",
    alloweds: tuple[RepairType | None, ...] = KINDS,
    admins: tuple[tuple[str, bool], ...] = tuple(product(("up", "down", "offline"), (False, True))),
) -> list[Tried]:
    """The plan for every instance of the space, which also bears the tags `extra`."""
    tried = []
    for (template, states), allowed, asked, (admin, always) in product(_places(), alloweds, KINDS, admins):
        tags = [tag(allowed.label)] if allowed else []
        tags += [pending(asked.label, noted)] if asked else []
        one = placed("web1", template, *states, tags=(*tags, *extra), admin_state=admin, always_failover=always)
        plan = plan_of(cluster(one, jobs=jobs))
        ((_case, action),) = plan.rows
        tried.append(Tried(one, states, allowed, asked, action, len(plan.upkeep)))
    return tried


@pytest.fixture(scope="module")
def space() -> list[Tried]:
    """The whole space, without jobs."""
    return _try()


def test_the_space_is_whole(space):
    """25 pairs of nodes for the mirrored template, 5 nodes for the eight others; both kinds of writes do happen."""
    assert len(space) == (25 + 8 * 5) * 5 * 5 * 3 * 2
    begun = {tried.action.steps[0].operation for tried in space if tried.action.kind is ActionKind.SUBMIT}
    assert begun == {Operation.REPLACE_SECONDARY, Operation.MIGRATE, Operation.FAILOVER, Operation.RECREATE_DISKS}
    assert {tried.action.kind for tried in space} >= {
        ActionKind.SUBMIT,
        ActionKind.REFUSE,
        ActionKind.FINISH,
        ActionKind.REPORT,
        ActionKind.WAIT,
    }


def test_nothing_that_destroys_data_is_planned_while_a_node_with_a_copy_may_be_alive(space):
    """Every node that holds a copy is offline, and known to be."""
    for tried in space:
        planned = [step.operation for step in tried.action.steps]
        if any(operation in DESTROYERS for operation in planned):
            assert set(tried.states) == {OFFLINE}, str(tried)


def test_no_step_is_taken_that_is_not_allowed(space):
    """By the pending tag where there is one, else by the policy; and the repair's type is what was allowed."""
    for tried in space:
        if tried.action.kind is ActionKind.SUBMIT:
            limit = tried.asked or tried.allowed
            assert limit is not None, str(tried)
            assert tried.action.steps[0].needs <= limit, str(tried)
            assert tried.action.type <= limit, str(tried)
            assert tried.asked in (None, tried.action.type), str(tried)


def test_a_failover_is_never_planned_onto_a_node_that_is_not_online(space):
    """Ganeti refuses it, and the repair would end as failed."""
    for tried in space:
        if tried.action.kind is ActionKind.SUBMIT and tried.one.instance.disk_template == "drbd":
            first = tried.action.steps[0].operation
            assert first not in (Operation.FAILOVER, Operation.MIGRATE) or tried.states[1] is ONLINE, str(tried)


def test_a_running_instance_is_never_restarted_with_permission_to_migrate_only(space):
    """A failover of it needs failover; one that is down has nothing to lose."""
    for tried in space:
        starts = tried.action.kind is ActionKind.SUBMIT and tried.action.steps[0].operation is Operation.FAILOVER
        if starts and tried.one.instance.admin_state == "up":
            assert (tried.asked or tried.allowed) >= RepairType.FAILOVER, str(tried)


def test_what_is_unknown_is_never_written_to(space):
    """Fail closed (law 7)."""
    for tried in space:
        if {UNKNOWN, MISSING}.intersection(tried.states):
            assert not tried.action.kind.writes, str(tried)


def test_what_is_healthy_is_never_repaired(space):
    """All nodes online: nothing is submitted, and a repair that was asked for has ended."""
    for tried in space:
        if set(tried.states) == {ONLINE}:
            wanted = ActionKind.NONE if tried.asked is None else ActionKind.FINISH
            assert tried.action.kind is wanted, str(tried)


def test_every_instance_is_accounted_for(space):
    """Each has its action, with a reason in words (law 4)."""
    for tried in space:
        assert tried.action.name == "web1"
        assert len(tried.action.reason) >= len("healthy"), str(tried)
        assert "None" not in tried.action.reason, str(tried)


@pytest.mark.parametrize(
    "extra",
    [
        (tag("suspend"),),
        (tag("suspend:soon"),),
        (tag(f"suspend:{NOW + 1}"),),
        (ended("failure", repair="old"),),
        (tag("pending:nonsense"),),
        (tag("result:nonsense"),),
        (ended("failure", repair="old"), tag("suspend:1")),
        (tag("pending:nonsense"), tag("suspend:1")),
    ],
    ids=["suspended", "unreadably suspended", "suspended for a second", "failed", "pending unreadable",
         "result unreadable", "failed, with an expired suspend", "unreadable, with an expired suspend"],
)  # fmt: skip
def test_nothing_is_written_to_what_is_suspended_failed_or_unreadable(extra):
    """Not even the removal of a tag."""
    for tried in _try(extra, admins=(("up", False),)):
        assert not tried.action.kind.writes, str(tried)
        assert not tried.lifts, str(tried)


JOBS = [
    ("running", job(7, "running", "FAILOVER")),
    ("successful", job(7, "success", "FAILOVER")),
    ("failed", job(7, "error", "FAILOVER", error="it broke")),
    ("canceled", job(7, "canceled", "FAILOVER")),
    ("without resources", no_room(7)),
    ("gone", None),
]


@pytest.mark.parametrize("known", [row[1] for row in JOBS], ids=[row[0] for row in JOBS])
def test_the_laws_hold_whatever_has_become_of_the_job(known):
    """Of a repair that is pending: unknown instances, data, permissions."""
    for tried in _try(jobs=(known,) if known else (), noted="7", alloweds=(None, RepairType.REINSTALL)):
        if tried.asked is None:
            continue
        steps = tried.action.steps if tried.action.kind is ActionKind.SUBMIT else ()
        assert not {step.operation for step in steps} & set(DESTROYERS) or set(tried.states) == {OFFLINE}, str(tried)
        assert not steps or steps[0].needs <= tried.asked, str(tried)
        if {UNKNOWN, MISSING}.intersection(tried.states):
            assert not tried.action.kind.writes, str(tried)
        if tried.action.result == "success":
            assert set(tried.states) == {ONLINE}, str(tried)
            assert known is None or known.status == "success" or known.error_code, str(tried)  # no room: nothing done
        if known is not None and known.unfinished:
            assert tried.action.kind is ActionKind.WAIT or {UNKNOWN, MISSING}.intersection(tried.states), str(tried)


def test_what_does_nothing_says_why_by_name(space):
    """A reason that can be looked up, and none for what is done."""
    for tried in space:
        idle = tried.action.kind in (
            ActionKind.NONE,
            ActionKind.WAIT,
            ActionKind.REPORT,
            ActionKind.HOLD,
            ActionKind.REFUSE,
        )
        assert (tried.action.why is not None) is idle, str(tried)


# --- before data is lost --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """What stands on an instance, and which jobs it had, before it is decided.

    `notes` are its tags, in which `{1}` stands for the number of its first job; `work` are its jobs, as (number,
    status, operation, repair whose reason it carries). `may` is the type that the pending repair may go up to.
    `others` says that somebody else's repair stands, or that his job is under way, and `renewed` that the disks were
    recreated by the repair itself.
    """

    name: str
    notes: tuple[str, ...] = ()
    work: tuple[tuple[int, str, str, str], ...] = ()
    may: RepairType | None = None
    others: bool = False
    renewed: bool = False

    def jobs(self, first: int, instance: str) -> list[Job]:
        """The jobs, with numbers from `first`."""
        return [_job(first + at, status, what, instance, repair) for at, status, what, repair in self.work]

    def tags(self, first: int) -> list[str]:
        """The tags, with the jobs' numbers."""
        return [text.format(*range(first, first + 10)) for text in self.notes]


REFUSED = {"error_class": "OpPrereqError", "error": "no", "ended": NOW - 9999}
FATES = ("queued", "waiting", "canceling", "running", "success", "error", "canceled", "gone", "no room", "refused")


def _job(number: int, status: str, what: str, instance: str, repair: str) -> Job:
    if status == "no room":
        one = no_room(number, NOW - 9999, what, instance=instance, repair=repair)
    elif status == "refused":
        one = job(number, "error", what, instance, repair, **REFUSED)
    else:
        one = job(number, status, what, instance, repair)
    return one if repair else replace(one, reasons=("gnt-instance",))


def _standings() -> Iterator[Standing]:
    """Everything that may stand."""
    yield Standing("nothing")
    for kind in RepairType:
        yield Standing(f"{kind.label} was asked for", (pending(kind.label, at=NOW - 2),), may=kind)
    yield from _begun()
    yield from _of_two()
    for fate in FATES[:4]:
        work = ((1, fate, "SHUTDOWN", ""),)
        yield Standing(f"somebody's job is {fate}", (), work, None, others=True)
        asked = (pending("reinstall", at=NOW - 2),)
        yield Standing(f"asked for, somebody's job is {fate}", asked, work, REINSTALL, others=True)


def _begun() -> Iterator[Standing]:
    """One pending repair, with a job of ours or of somebody else; of one that is gone nobody can tell whose it was."""
    for kind, what, fate in product((RepairType.FAILOVER, REINSTALL), ("FAILOVER", "RECREATE_DISKS"), FATES):
        for repair, whose in (("r1", "us"), ("", "somebody else")):
            name = f"{kind.label} was begun by {whose} with {what}: {fate}"
            work = ((1, fate, what, repair),) if fate != "gone" else ()
            renewed = bool(repair) and (fate, what) == ("success", "RECREATE_DISKS")
            yield Standing(name, (pending(kind.label, "{1}"),), work, kind, fate == "gone" or not repair, renewed)


def _of_two() -> Iterator[Standing]:
    """Two pending repairs, or one with what two have done."""
    own = pending("reinstall", at=NOW - 2)
    for kind in RepairType:
        both = (own, pending(kind.label, repair="r2", at=NOW - 1))
        yield Standing(f"reinstall and {kind.label} were asked for", both, (), REINSTALL, others=True)
    for what in ("FAILOVER", "RECREATE_DISKS"):
        ours, theirs = (1, "success", what, "r1"), (2, "success", what, "")
        noted, renewed = pending("reinstall", "{1}", at=NOW - 2), what == "RECREATE_DISKS"
        both = (noted, pending(repair="r2", at=NOW - 1))
        yield Standing(f"begun by us with {what}, and failover", both, (ours,), REINSTALL, True, renewed)
        yield Standing(f"our {what} was not noted", (own,), (ours,), REINSTALL, renewed=renewed)
        yield Standing(f"somebody's {what} is none of it", (own,), (theirs,), REINSTALL)
        since = pending("reinstall", "{1}+{2}", at=NOW - 2)
        yield Standing(f"somebody went on after our {what}", (since,), (ours, theirs), REINSTALL, renewed=renewed)
    work = ((1, "success", "RECREATE_DISKS", "r1"), (2, "success", "REINSTALL", ""))  # RAPI writes no reason for it
    yield Standing("our reinstall was not noted", (own,), work, REINSTALL, renewed=True)


SUSPENDED = "suspend"
PROOFS = {  # the kind of fencing and what is known of the nodes -> whether that proves them to be off
    "by the mark": (Fencing.OFFLINE_FLAG, None, False, True),
    "Ganeti knows that they are off": (Fencing.POWERED_OFF, False, False, True),
    "Ganeti knows that they are on": (Fencing.POWERED_OFF, True, False, False),
    "Ganeti does not know": (Fencing.POWERED_OFF, None, False, False),
    "somebody has confirmed it": (Fencing.CONFIRMED, None, True, True),
    "nobody has confirmed it": (Fencing.CONFIRMED, None, False, False),
}


def _fleet(standing: Standing, policy: str, admin: str) -> tuple[Cluster, list[Place]]:
    """A cluster with an instance in each place, and the places in the instances' order."""
    members, jobs, places = [], [], list(_places())
    for at, (template, states) in enumerate(places):
        name, first = f"web{at:02}", 10 * (at + 1)
        texts = [*([tag(policy)] if policy else []), *standing.tags(first)]
        members.append(placed(name, template, *states, tags=tuple(texts), admin_state=admin))
        jobs += standing.jobs(first, name)
    return cluster(*members, jobs=jobs), places


def _gated(plan: Draft, proof: str) -> Plan:
    """`plan` behind the gates, with such a proof."""
    fencing, powered, confirmed, _proves = PROOFS[proof]
    nodes = {name: replace(node, powered=powered) for name, node in plan.cluster.nodes.items()}
    names = tuple(nodes) if confirmed else ()
    limits = replace(plan.limits, fencing=fencing, fenced_nodes=names)
    return apply_gates(replace(plan, cluster=replace(plan.cluster, nodes=nodes), limits=limits))


def _gives_up(action: Action) -> bool:
    return action.kind is ActionKind.SUBMIT and any(step.operation in DESTROYERS for step in action.steps)


def _wrongs(action: Action, states: tuple[object, ...], standing: Standing, policy: str, proves: bool) -> Iterator[str]:
    """What makes it wrong to give up data now."""
    resting = standing.renewed and action.steps[0].operation is not Operation.RECREATE_DISKS
    if {UNKNOWN, MISSING}.intersection(states):
        yield "a node's state is not known"
    if set(states) != {OFFLINE} and not (resting and states[0] in (ONLINE, DRAINED)):
        yield "a node that holds a copy is not offline"
    if standing.others:
        yield "somebody else's repair stands"
    if policy == SUSPENDED:
        yield "it is suspended"
    if not resting and (standing.may or RepairType.parse(policy)) is not REINSTALL:
        yield "nobody allows it"
    if not (proves or resting):
        yield "nothing proves that the nodes are off"


@pytest.mark.parametrize("policy", ["", *(kind.label for kind in RepairType)])
def test_every_step_that_is_submitted_is_permitted(policy: str) -> None:
    """Whatever tags and jobs say together, a round comes to its end; none breaks off in the middle (law 4)."""
    for standing in _standings():
        for admin in ("up", "down", "offline"):
            plan = limit_concurrency(apply_gates(make_draft(_fleet(standing, policy, admin)[0], unbraked(), NOW)))
            for case, action in plan.rows:
                assert action.permitted or action.kind is not ActionKind.SUBMIT, (standing.name, case.instance.tags)


@pytest.fixture(scope="module")
def losses() -> dict[str, Counter[str]]:
    """How often data is given up in each standing, by what proves the nodes off; each time it was right."""
    found: dict[str, Counter[str]] = {}
    policies = ("", SUSPENDED, *(kind.label for kind in RepairType))
    for standing, policy, admin in product(_standings(), policies, ("up", "down", "offline")):
        counts = found.setdefault(standing.name, Counter())
        one, places = _fleet(standing, policy, admin)
        plan = make_draft(one, unbraked(), NOW)
        if not any(_gives_up(action) for _case, action in plan.rows):
            continue  # gates only hold
        for proof, (*_how, proves) in PROOFS.items():
            for (_case, action), (template, states) in zip(_gated(plan, proof).rows, places, strict=True):
                if _gives_up(action):
                    wrongs = list(_wrongs(action, states, standing, policy, proves))
                    assert not wrongs, (wrongs, standing, template, states, policy, admin, proof, action.reason)
                    counts[proof] += 1
    return found


# places x policies x admin states; without a proof only what has empty disks already
ANEW, ASKED, REST = 3 * 1 * 3, 3 * 5 * 3, (2 * 3 + 8 * 2) * 5 * 3
GIVEN_UP = {
    "nothing": (ANEW, 0),
    "reinstall was asked for": (ASKED, 0),
    "reinstall was begun by us with FAILOVER: success": (ASKED, 0),
    "reinstall was begun by us with FAILOVER: no room": (ASKED, 0),
    "reinstall was begun by us with FAILOVER: refused": (ASKED, 0),
    "reinstall was begun by us with RECREATE_DISKS: success": (ASKED + REST, REST),
    "reinstall was begun by us with RECREATE_DISKS: no room": (ASKED, 0),
    "reinstall was begun by us with RECREATE_DISKS: refused": (ASKED, 0),
    "failover was begun by us with RECREATE_DISKS: success": (REST, REST),
    "our FAILOVER was not noted": (ASKED, 0),
    "our RECREATE_DISKS was not noted": (ASKED + REST, REST),
    "our reinstall was not noted": (ASKED, 0),
    "somebody's FAILOVER is none of it": (ASKED, 0),
    "somebody's RECREATE_DISKS is none of it": (ASKED, 0),
    "somebody went on after our FAILOVER": (ASKED, 0),
    "somebody went on after our RECREATE_DISKS": (ASKED + REST, REST),
}


def test_data_is_given_up_only_where_nobody_has_any_left_and_nobody_else_is_at_it(losses):
    """Every node is offline and known to be, it is allowed, and no other repair stands; so often, and nowhere else."""
    found = {name: tuple(counts[proof] for proof in PROOFS) for name, counts in losses.items() if counts}
    proven = [proves for *_how, proves in PROOFS.values()]
    assert found == {name: tuple(both[0 if one else 1] for one in proven) for name, both in GIVEN_UP.items()}


def test_the_standings_are_told_apart(losses):
    """Each has a name of its own; most of them lose nothing."""
    names = [standing.name for standing in _standings()]
    assert len(names) == len(set(names)) == len(losses) > 100
