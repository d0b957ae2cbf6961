# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever happens to a cluster, in whatever order, the laws hold (design, section 5): hypothesis looks for a life that
breaks them. A few hundred lives, always the same ones; with AUTOREPAIR_LONG=1 thousands, always others."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import wraps
from itertools import count
from typing import Any, TypeVar, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils import claim, health, policy, rounds, state
from ansible_collections.ganeti.autorepair.plugins.module_utils.claim import Terms
from ansible_collections.ganeti.autorepair.plugins.module_utils.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import AnswerLost, ClusterError
from ansible_collections.ganeti.autorepair.plugins.module_utils.execute import Settings
from ansible_collections.ganeti.autorepair.plugins.module_utils.limits import Limits
from ansible_collections.ganeti.autorepair.plugins.module_utils.model import Instance, JobRequest, Node, NodeState
from ansible_collections.ganeti.autorepair.plugins.module_utils.repairs import Repair
from ansible_collections.ganeti.autorepair.plugins.module_utils.rounds import Round
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags import TagSet
from simulator import Cluster, Simulator, opcodes
from simulator.faults import DROP_AFTER, DROP_BEFORE
from simulator.trouble import JobTrouble
from unbraked import unbraked

from .conftest import Site
from .direct import TRANSPORTS
from .stateful import (
    RANKS,
    TAG,
    Killed,
    Moment,
    Wire,
    Witness,
    WriteFault,
    end_runner,
    pending_ids,
    says,
    state_of,
    words,
)

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

LAYOUT = {  # template, primary, secondary, admin state
    "db": ("drbd", "node2", "node3", "up"),
    "log": ("plain", "node3", None, "up"),
    "web": ("rbd", "node4", None, "up"),
    "old": ("drbd", "node4", "node2", "down"),
    "shelf": ("plain", "node5", None, "offline"),
}
PLACES = ("cluster", "default", "rack2", *LAYOUT)
MALFORMED = ("pending:failover:typo", "result:failover:typo:1:maybe:", "suspend:tomorrow")
NODES = some.sampled_from([f"node{number}" for number in range(2, 7)])  # not the master
INSTANCES = some.sampled_from(sorted(LAYOUT))
TYPES = some.sampled_from(["reinstall", "failover", "reinstall", *sorted(RANKS)])
YES, WIRES = some.booleans(), some.sampled_from(TRANSPORTS)
MOMENTS = some.builds(Moment, some.integers(1, 8), YES, some.just(True))  # writes
MOMENTS |= some.builds(Moment, some.integers(1, 40), YES)
STEPS = [f"OP_INSTANCE_{step}" for step in ("FAILOVER", "MIGRATE", "REPLACE_DISKS", "STARTUP", "SHUTDOWN")]
REBUILDS = [f"OP_INSTANCE_{step}" for step in ("RECREATE_DISKS", "REINSTALL", "SET_PARAMS")]
WORK, OPCODES = some.sampled_from(STEPS), [*STEPS, *REBUILDS, "OP_TAGS_SET", "OP_TAGS_DEL"]
MANNERS = some.sampled_from(["fail", "fail_late", "cancel", "hang"])
ALL, NEVER = unbraked(), Moment()
DUE = precondition(lambda self: self.due)
UNREST = precondition(lambda self: self.restless < 3)
Does = TypeVar("Does", bound=Callable[..., None])


def event(**drawn: some.SearchStrategy[Any]) -> Callable[[Does], Does]:
    """A rule by which people or chance do something; not more often than three times between two rounds."""

    def of(does: Does) -> Does:
        @wraps(does)
        def counted(self: Life, *given: Any, **named: Any) -> None:
            self.witness.events += 1
            self.restless += 1
            does(self, *given, **named)

        made = rule(**drawn)  # type: ignore[call-overload]
        return cast("Does", UNREST(made(counted)))

    return of


class Life(RuleBasedStateMachine):
    """A cluster of six nodes, what befalls it, and the rounds that look after it."""

    lives = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).lives += 1
        self.cluster = Cluster()
        self.cluster.queue = self.witness = Witness(self.cluster)
        self.simulator = Simulator(self.cluster)
        self.site = Site(self.simulator, direct=True)
        for name, (template, primary, secondary, admin_state) in LAYOUT.items():
            self.cluster.add_instance(name, template, primary, secondary, admin_state=admin_state)
        self.numbers, self.tickets = count(1), count(1)
        self.settings = Settings("", "", self.site.new_id)
        self.merciful, self.restless, self.due = True, 0, False

    @initialize(allowed=TYPES, dead=some.sets(NODES, max_size=2), drained=NODES, always=YES, back=YES, stays=YES)
    def begin(
        self, allowed: str, dead: set[str], drained: str, always: bool, back: bool, *, stays: bool = False
    ) -> None:
        """`always` has one always fail over. In the end all nodes come `back`, or else everything is allowed. Runners
        come and go, or `stays`."""
        self.settings = replace(self.settings, stays=stays)
        self.cluster.tags.add(TAG + allowed)
        self.cluster.instance("web").always_failover, self.merciful = always, back
        self.die(dead, True)
        self.drain({drained}, True)

    # --- nodes ---

    @event(names=some.sets(NODES, min_size=1, max_size=2), told=some.sampled_from([True, True, True, False]))
    def die(self, names: set[str], told: bool) -> None:
        """Nodes are dead; whether or not somebody marks them offline."""
        for name in sorted(names):
            self.cluster.power_off(name)
            self.mark(name, told or self.cluster.node(name).offline)

    @event(name=NODES, offline=YES)
    def call(self, name: str, offline: bool) -> None:
        """A node is called offline whatever it does; or it comes back."""
        if not offline:
            self.cluster.power_on(name)
        self.mark(name, offline)

    def mark(self, name: str, offline: bool) -> None:
        """Mark a node offline or not; a node has one mark only."""
        node = self.cluster.node(name)
        node.offline, node.drained = offline, node.drained and not offline

    @event(names=some.sets(NODES, min_size=1, max_size=2), drained=YES)
    def drain(self, names: set[str], drained: bool) -> None:
        """Nodes are drained, or no longer."""
        for name in names:
            self.cluster.node(name).drained = drained and not self.cluster.node(name).offline

    # --- people and their tags ---

    def tags(self, place: str) -> set[str]:
        """The tags of an object."""
        if place == "cluster":
            return self.cluster.tags
        return (self.cluster.groups.get(place) or self.cluster.instance(place)).tags

    def forget(self, kind: str, *places: str) -> None:
        """Remove the auto-repair tags that begin so, or hold it as a word, from some objects, or from all."""
        for place in places or PLACES:
            for tag in [tag for tag in self.tags(place) if tag.startswith(TAG + kind) or f":{kind}:" in tag]:
                self.tags(place).remove(tag)

    @event(place=some.sampled_from(PLACES), kind=some.none() | TYPES)
    def allow(self, place: str, kind: str | None) -> None:
        """One type is allowed, or none any more."""
        self.tags(place).difference_update(TAG + one for one in RANKS)
        self.tags(place).update([TAG + kind] if kind else [])

    @event(place=some.sampled_from(PLACES), seconds=some.sampled_from([60, 0, 60, 4000, None]))
    def suspend(self, place: str, seconds: int | None) -> None:
        """For some time, or until somebody thinks of it."""
        until = "" if seconds is None else f":{int(self.cluster.clock.now()) + seconds}"
        self.tags(place).add(f"{TAG}suspend{until}")

    @event()
    def tidy_up(self) -> None:
        """A person resumes all and looks at all failures."""
        for kind in ("suspend", "failure"):
            self.forget(kind)

    @event(name=INSTANCES, kind=TYPES, op=some.none() | WORK)
    def ask(self, name: str, kind: str, op: str | None) -> None:
        """Somebody else has begun a repair, as harep does, with a job; or asks for one, once off, without."""
        now, job = int(self.cluster.clock.now()), self.work(name, op) if op else ""
        self.tags(name).add(f"{TAG}pending:{kind}:ticket-{next(self.tickets)}:{now}:{job}")

    @event(name=INSTANCES, op=WORK)
    def work_on(self, name: str, op: str) -> None:
        """A person has a job of their own."""
        self.work(name, op)

    def work(self, name: str, op: str) -> int:
        """Submit a job of somebody else's; its id."""
        more = {"mode": "replace_new_secondary", "iallocator": "hail"} if "REPLACE" in op else {}
        return self.cluster.submit([opcodes.build(op, {"instance_name": name, **more})])

    @event(name=INSTANCES)
    def call_off(self, name: str) -> None:
        """A person removes pending tags by hand."""
        self.forget("pending", name)

    # --- jobs and time ---

    @event(op=some.sampled_from(OPCODES), manner=MANNERS)
    def spoil(self, op: str, manner: str) -> None:
        """The next opcode of its kind won't go well."""
        self.simulator.troubles.add(JobTrouble(op, manner))  # type: ignore[arg-type]

    @precondition(lambda self: self.simulator.troubles.hanging)
    @event()
    def release(self) -> None:
        """What hangs goes on."""
        for job in sorted(self.simulator.troubles.hanging):
            self.simulator.troubles.release(self.cluster, job)

    @precondition(lambda self: self.witness.queued)
    @event(number=some.integers(0, 9))
    def cancel(self, number: int) -> None:
        """A person cancels a job that has not begun."""
        self.cluster.cancel(sorted(self.witness.queued)[number % len(self.witness.queued)])

    @UNREST
    @rule(seconds=some.sampled_from([0.2, 1.0, 3.0, 20.0, 100.0, 400.0, 4000.0]))
    def wait(self, seconds: float) -> None:
        """Jobs go on."""
        self.restless += 1
        self.simulator.advance(seconds)

    @UNREST
    @rule(weeks=some.sampled_from([0, 3]))
    def archive(self, weeks: int) -> None:
        """Jobs that have ended are archived; after three weeks the cleaner deletes them."""
        self.restless += 1
        self.simulator.advance(weeks * 7 * 86400 + 1)
        for job in [job for job in self.witness.jobs.values() if job.finished]:
            if weeks and job.end is not None and job.end < self.cluster.clock.now() - 20 * 86400:
                self.witness.purge(job.id)
            else:
                self.witness.archive(job.id)

    # --- rounds ---

    def play(self, transport: str, moment: Moment = NEVER, limits: Limits = ALL) -> Round | None:
        """Play a round by a runner of its own, whose name stands anywhere in the order; None if it came to no end."""
        number, self.restless = next(self.numbers), 0
        holder = f"{'mza'[number % 3]}-runner-{number}"
        self.site.transport = transport
        wire = Wire(self.site.client(), self.witness, holder, moment)
        terms = Terms(holder, self.cluster.clock.now, self.simulator.advance)
        try:
            return rounds.play(wire, limits, self.settings, terms)
        except (Killed, ClusterError, AnswerLost):
            return None

    def rehearse(self, transport: str) -> Round:
        """What a round would do."""
        self.site.transport = transport
        client = DryRunClient(self.site.client())
        return rounds.rehearse(client, ALL, self.settings, self.cluster.clock.now())

    @rule(transport=WIRES, name=some.none() | INSTANCES)
    def round(self, transport: str, name: str | None) -> None:
        """A round, of one instance or of all; right after one that wrote nothing a second writes nothing (law 5)."""
        limits = unbraked(instances=(name,) if name else ())
        self.simulator.log.clear()
        self.play(transport, limits=limits)
        if not self.simulator.log.writes():
            self.play(transport, limits=limits)
            assert not self.simulator.log.writes(), "law 5: a second round over an unchanged cluster wrote"

    @rule(transport=WIRES, pause=some.sampled_from([30, 300, 3700]))
    def rounds_by_the_clock(self, transport: str, pause: int) -> None:
        """Three rounds with time between them."""
        for _ in range(3):
            self.play(transport)
            self.simulator.advance(pause)

    @rule(transport=WIRES, name=INSTANCES, tag=some.sampled_from(MALFORMED))
    def round_with_a_misspelt_tag(self, transport: str, name: str, tag: str) -> None:
        """Nothing is begun for an instance that has a tag which nobody can read (law 4)."""
        self.tags(name).add(TAG + tag)
        before = len(self.witness.seen)
        self.play(transport)
        assert not [one.job.summary for one in self.witness.seen[before:] if one.instance == name], "law 4"
        self.laws()
        self.tags(name).remove(TAG + tag)

    @rule(transport=WIRES)
    def round_before_a_drained_queue(self, transport: str) -> None:
        """The queue takes no jobs while the round is played."""
        self.witness.drained = True
        self.play(transport)
        self.witness.drained = False

    @rule(transport=WIRES)
    def dry_run(self, transport: str) -> None:
        """Law 1: a round in check mode writes nothing."""
        self.simulator.log.clear()
        self.rehearse(transport)
        assert not self.simulator.log.writes(), "law 1: a round in check mode wrote"

    @DUE
    @rule(transport=WIRES, moment=MOMENTS)
    def round_that_dies(self, transport: str, moment: Moment) -> None:
        """Its runner is killed before a request, or when it has been carried out and not answered."""
        self.play(transport, replace(moment, happens=end_runner))

    @DUE
    @rule(transport=WIRES, moment=MOMENTS, seconds=some.sampled_from([1.0, 10.0, 100.0]))
    def round_that_is_slow(self, transport: str, moment: Moment, seconds: float) -> None:
        """A request takes long; less than the margin that a claim has."""
        self.play(transport, replace(moment, happens=lambda: self.simulator.advance(seconds)))

    @DUE
    @rule(transports=some.tuples(WIRES, WIRES), first=MOMENTS, second=some.none() | MOMENTS)
    def rounds_that_overlap(self, transports: tuple[str, str], first: Moment, second: Moment | None) -> None:
        """Within the first a second begins, which ends, or dies on the way."""
        within = replace(second, happens=end_runner) if second else NEVER
        self.play(transports[0], replace(first, happens=lambda: self.nest(transports[1], within)))

    def nest(self, transport: str, moment: Moment) -> None:
        """Play the round within another."""
        self.play(transport, moment)

    @DUE
    @rule(transport=WIRES, skip=some.integers(0, 8), done=YES, times=some.integers(1, 2))
    def round_with_lost_answers(self, transport: str, skip: int, done: bool, times: int) -> None:
        """Writes get no answer, whether they were carried out or not."""
        self.simulator.faults.add(WriteFault(action=DROP_AFTER if done else DROP_BEFORE, skip=skip, times=times))
        self.play(transport)
        self.simulator.faults.clear()

    @DUE
    @rule(transport=WIRES, manner=MANNERS, prereq=YES, skip=some.integers(0, 1))
    def round_whose_steps_go_wrong(self, transport: str, manner: str, prereq: bool, skip: int) -> None:
        """The first step of each kind, or the second, is spoilt, if it comes to it soon."""
        self.witness.events += 1
        kind = "OpPrereqError" if prereq else "OpExecError"
        for op in OPCODES[:-2]:
            self.simulator.troubles.add(JobTrouble(op, manner, kind=kind, skip=skip))  # type: ignore[arg-type]
        self.play(transport)
        self.simulator.advance(10)
        self.simulator.troubles.waiting.clear()

    # --- what must always hold ---

    @invariant()
    def laws(self) -> None:
        """No law was broken on the way, and states are named as the design names them."""
        assert not self.witness.broken, "\n".join(self.witness.broken)
        for name, instance in self.cluster.instances.items():
            assert not (instance.kind == "shared" and instance.wiped), f"law 1: the data of {name} is gone"
            ours = [one for one in pending_ids(instance) if one.startswith("repair-")]
            assert len(ours) < 2, f"law 2: {name} has {ours} pending"
        self.cluster.sync()
        self.site.transport = "luxi"  # the quicker one
        plan = self.site.look()
        self.due = plan.writes
        named = {case.instance.name: case.state.value for case, action in plan.rows}
        meant = {name: state_of(self.cluster, instance) for name, instance in self.cluster.instances.items()}
        assert named == meant, "section 4: states are not true"

    def teardown(self) -> None:
        """In the end all troubles are over: every pending tag ends, or waits for something that is really missing."""
        if sys.exc_info()[0] is None and not self.witness.broken:
            self.calm()
            self.wind_up()

    def calm(self) -> None:
        """End all troubles, suspends and unreadable tags; nodes come back, or stay and everything is allowed."""
        self.witness.drained = False
        self.simulator.troubles.waiting.clear()
        self.release()
        self.tidy_up()
        if not self.merciful:
            for place in PLACES:
                self.allow(place, None)
            self.allow("cluster", "reinstall")
        for node in self.cluster.nodes.values():
            node.offline = not self.merciful and (node.offline or not node.alive)
            node.drained &= not self.merciful
            node.alive |= self.merciful

    def wind_up(self) -> None:
        """Play rounds with hours between them until no repair is pending."""
        self.simulator.advance(1000)  # the claims of the dead have run out
        for number in range(40):
            self.forget("failure")
            self.play(TRANSPORTS[number % 2])
            self.simulator.advance(30)
            self.laws()
            if number and not self.stuck():
                break
            self.simulator.advance(7200)
        assert not self.stuck(), f"pending tags never end: {self.stuck()}"
        self.simulator.advance(1000)
        self.cluster.tags.add(f"{TAG}suspend:1")  # a round that has nothing to write clears nothing up
        self.play("luxi")
        self.simulator.advance(60)
        self.laws()
        assert not [tag for tag in words(self.cluster.tags) if tag[0] == "claim"], "a claim is left"

    def stuck(self) -> dict[str, str]:
        """The instances with pending repairs that wait for nothing that is really missing, with the engine's reason."""
        rows = {case.instance.name: action for case, action in self.rehearse("luxi").before.rows}
        return {
            name: rows[name].reason
            for name, instance in self.cluster.instances.items()
            if pending_ids(instance) and not self.waits_truly(name, rows[name].reason)
        }

    def waits_truly(self, name: str, reason: str) -> bool:
        """Whether it waits for room where there is none, for the drained node that has the only copy, or, half-way
        through a reinstall, for a person to take away what else somebody has asked for."""
        instance = self.cluster.instance(name)
        if "somebody else's repair is pending" in reason:
            return len(pending_ids(instance)) > 1
        primary, *others = (self.cluster.node(node) for node in instance.nodes)
        if "waits for node" in reason:
            return primary.offline and [says(node) for node in others] == ["drained"]
        group = [node for node in self.cluster.nodes.values() if node.group == primary.group and node.takes_instances]
        wanted = 2 if primary.offline and others and others[0].offline else 1
        used = [] if wanted == 2 else [node for node in group if node.name in instance.nodes]
        return "no room" in reason and len(group) - len(used) < wanted


def test_lives(capsys: pytest.CaptureFixture[str]) -> None:
    """The laws hold."""
    Life.lives = 0
    run_state_machine_as_test(Life, settings=SETTINGS)
    with capsys.disabled():
        print(f" {Life.lives} lives of {SETTINGS.stateful_step_count} steps ", end="")
    assert Life.lives >= SETTINGS.max_examples


# --- controls: an engine that breaks a law is found out ---


def drained_is_offline(instance: Instance, nodes: Mapping[str, Node]) -> health.Health:
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
