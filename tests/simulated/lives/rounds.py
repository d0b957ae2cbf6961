# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rounds that are played, and what happens to their runners."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as some
from hypothesis.stateful import precondition, rule

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import AnswerLost, ClusterError
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution import rounds
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import Round
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Limits
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import RunContext
from simulator.faults import DROP_AFTER, DROP_BEFORE
from simulator.trouble import JobTrouble
from unbraked import unbraked

from .book import TAG
from .by_hand import ByHand
from .chance import MANNERS, OPCODES
from .cluster import INSTANCES, NODES, WIRES, YES
from .seen import Look
from .wire import Killed, Moment, Wire, WriteFault, end_runner

MALFORMED = ("pending:failover:typo", "result:failover:typo:1:maybe:", "suspend:tomorrow")
MOMENTS = some.builds(Moment, some.integers(1, 8), YES, some.just(True))  # writes
MOMENTS |= some.builds(Moment, some.integers(1, 40), YES)
ALL, NEVER = unbraked(), Moment()
DUE = precondition(lambda self: self.due)


class Rounds(ByHand):
    """Runners play rounds, and things happen to them."""

    def play(self, transport: str, moment: Moment = NEVER, limits: Limits = ALL, ahead: float = 0.0) -> Round | None:
        """Play a round by a runner of its own, whose name stands anywhere in the order, and whose clock is so many
        seconds ahead; None if it came to no end."""
        number, self.restless = next(self.numbers), 0
        holder = f"{'mza'[number % 3]}-runner-{number}"
        self.site.transport = transport
        wire = Wire(self.site.client(), self.witness, holder, moment)
        terms = RunContext(holder, lambda: self.cluster.clock.now() + ahead, self.simulator.advance)
        try:
            return rounds.run_round(wire, limits, self.settings, terms)
        except (Killed, ClusterError, AnswerLost):
            return None

    def rehearse(self, transport: str) -> Round:
        """What a round would do."""
        self.site.transport = transport
        client = DryRunClient(self.site.client())
        return rounds.dry_run(client, ALL, self.settings, self.cluster.clock.now())

    @rule(transport=WIRES, name=some.none() | INSTANCES)
    def round(self, transport: str, name: str | None) -> None:
        """A round, of one instance or of all; right after one that wrote nothing a second writes nothing (law 5)."""
        limits = unbraked(instances=(name,) if name else ())
        self.simulator.log.clear()
        self.play(transport, limits=limits)
        if not self.simulator.log.writes():
            self.play(transport, limits=limits)
            assert not self.simulator.log.writes(), "law 5: a second round over an unchanged cluster wrote"

    def clean_round(self, transport: str) -> None:
        """A round of all instances that nothing happens to, and nobody holds up: from now on what it saw is known."""
        begin, online = self.cluster.clock.now(), self.witness.online()
        played = self.play(transport)
        if played and not played.trouble and not any(action.why is Reason.CLAIMED for _, action in played.before.rows):
            self.witness.rounds.append(Look(begin, self.cluster.clock.now(), online))

    @rule(transport=WIRES, pause=some.sampled_from([30, 300, 3700]))
    def rounds_by_the_clock(self, transport: str, pause: int) -> None:
        """Three rounds with time between them."""
        for _ in range(3):
            self.clean_round(transport)
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
    @rule(transport=WIRES, moment=MOMENTS, number=some.integers(0, 9))
    def round_in_which_somebody_cancels(self, transport: str, moment: Moment, number: int) -> None:
        """A person cancels a job while the round is played."""
        self.play(transport, replace(moment, happens=lambda: self.cancel_one(number)))

    @DUE
    @rule(transport=WIRES, moment=MOMENTS, name=NODES)
    def round_in_which_a_node_comes_back(self, transport: str, moment: Moment, name: str) -> None:
        """A node is back, and marked so, while the round is played."""
        self.play(transport, replace(moment, happens=lambda: self.come_back(name)))

    @DUE
    @rule(transport=WIRES, hours=some.sampled_from([-30, -2, 2, 30]))
    def round_by_a_wrong_clock(self, transport: str, hours: int) -> None:
        """The runner's clock is wrong: it does nothing, and leaves no claim that holds up others."""
        before = len(self.witness.seen)
        self.play(transport, ahead=hours * 3600)
        assert not [one.job.summary for one in self.witness.seen[before:] if one.actor and one.steps], "law 12"

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
        kind = "OpPrereqError" if prereq and manner != "fail_late" else "OpExecError"  # what is refused does nothing
        for op in OPCODES[:-2]:
            self.simulator.troubles.add(JobTrouble(op, manner, kind=kind, skip=skip))  # type: ignore[arg-type]
        self.play(transport)
        self.simulator.advance(10)
        self.simulator.troubles.waiting.clear()

    def laws(self) -> None:
        """What must hold at any time."""
        raise NotImplementedError
