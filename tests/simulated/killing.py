# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Killing a runner at any point of a repair: the cluster as it is left, and what those who come next make of it.

SIGKILL lets nothing of a process run on, so it leaves the cluster as it stands at that moment: a fork of it, taken
while the runner is in the middle of its request. Whoever comes next has that fork, and a name and a client of its own.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import AutorepairError
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import Round, run_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import has_more_work
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.planner import plan_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import ExecutionOptions, RunContext
from simulator import Cluster, Simulator
from simulator.faults import line
from simulator.job import Job
from unbraked import unbraked

from .conftest import TAG
from .direct import direct_client

BEFORE, UNANSWERED, ANSWERED, ASLEEP = "just before it", "sent, but not answered", "just after it", "asleep"
PAUSE = 140  # seconds between two rounds after a kill; a claim holds for 300
LONG = 500  # seconds that jobs rest, longer than a claim holds
MOST_ROUNDS = 25

Watch = Callable[[str, str], None]  # is told of each request and each pause, and which of the moments above it is


class Runners:
    """Those who play rounds on one cluster, each a process with a client and a name that no other has.

    Those who stay have gathered facts just before, as the role has it, and claim the cluster where these show something
    to write.
    """

    def __init__(self, cluster: Cluster, transport: str, first: int = 1, *, waits: bool = False) -> None:
        """Take the cluster, the number of the first one, and whether they stay until nothing is left."""
        self.cluster, self.transport, self.waits = cluster, transport, waits
        self.simulator = Simulator(cluster)
        self.name = ""
        self._numbers = count(first)
        self._answered = ""

    def run_round(self, watch: Watch | None = None) -> Round:
        """Play a round as the next one of them, while somebody watches."""
        self.name = f"runner-{next(self._numbers)}"
        ids = count(1)
        watch = watch or (lambda request, moment: None)
        hooks = self.simulator.hooks
        hooks.before[:], hooks.after[:] = [self._before(watch)], [self._after(watch)]
        terms = RunContext(self.name, self.cluster.clock.now, self._sleep(watch))
        settings = ExecutionOptions("", "", lambda: f"{self.name}-{next(ids)}", waits=self.waits)
        client, noticed = direct_client(self.simulator, self.transport), self._noticed() if self.waits else None
        played = run_round(client, unbraked(), settings, terms, noticed)
        self._has_answer(watch)
        return played

    def _noticed(self) -> tuple[str, ...] | None:
        plan = plan_round(direct_client(Simulator(self.cluster), self.transport), unbraked(), self.cluster.clock.now())
        return plan.cluster.tags if plan.writes else None

    def _before(self, watch: Watch) -> Callable[[Any], None]:
        def before(request: Any) -> None:
            self._has_answer(watch)
            watch(line(request), BEFORE)

        return before

    def _after(self, watch: Watch) -> Callable[[Any, Any], None]:
        def after(request: Any, _answer: Any) -> None:
            watch(line(request), UNANSWERED)
            self._answered = line(request)

        return after

    def _sleep(self, watch: Watch) -> Callable[[float], None]:
        def sleep(seconds: float) -> None:
            self._has_answer(watch)
            watch(f"{seconds:g} s", ASLEEP)
            self.simulator.advance(seconds)

        return sleep

    def _has_answer(self, watch: Watch) -> None:
        """Tell that the last request was answered: the runner shows by what it does next."""
        request, self._answered = self._answered, ""
        if request:
            watch(request, ANSWERED)

    @property
    def claims(self) -> Mapping[str, int]:
        """The claims that stand in the cluster's tags: their holders, and the times when they run out."""
        fields = [tag.split(":") for tag in self.cluster.tags if tag.startswith(TAG + "claim:")]
        return {holder: int(until) for *_, holder, until in fields}

    def holds(self, holder: str) -> bool:
        """Whether the claim of this one is in force."""
        return self.claims.get(holder, 0) > self.cluster.clock.now()


# --- the points at which a runner can be killed -----------------------------------------------------------------------


def fork(cluster: Cluster) -> Cluster:
    """A second cluster that can go another way; the errors of jobs, which nobody changes, both have."""
    outcomes = [step.outcome for job in cluster.queue.jobs.values() for step in job.steps]
    return copy.deepcopy(cluster, {id(outcome): outcome for outcome in outcomes if outcome})


@dataclass
class Left:
    """The cluster as a kill of the runner `name` leaves it, and the points that leave it so."""

    cluster: Cluster
    name: str
    points: list[str] = field(default_factory=list)


class Points:
    """All points of a repair. Between two at which nothing was written and no time has passed the cluster is the same,
    and one fork of it will do."""

    def __init__(self, runners: Runners) -> None:
        """Take those who are watched."""
        self.all: list[Left] = []
        self._runners = runners
        self._state: tuple[str, int, float] | None = None

    def __call__(self, request: str, moment: str) -> None:
        """Take a point; a Watch."""
        runners = self._runners
        state = (runners.name, runners.cluster.queue.last_id, runners.cluster.clock.now())
        if state != self._state:
            self._state = state
            self.all.append(Left(fork(runners.cluster), runners.name))
        self.all[-1].points.append(f"{runners.name}, {moment}: {request}")


def play_until_quiet(runners: Runners, watch: Watch | None = None) -> None:
    """Play rounds that nobody kills, each after the jobs of the one before, until there is nothing left to do."""
    for _ in range(MOST_ROUNDS):
        played = runners.run_round(watch)
        if not played.changed and not has_more_work(played.after):
            return
        runners.simulator.advance(PAUSE)
    raise AssertionError(f"not quiet without a kill: {played.after.actions}")


# --- what becomes of the jobs until somebody comes again --------------------------------------------------------------

Aftermath = Callable[[Runners], None]


def jobs_end(runners: Runners) -> None:
    """They come to their ends."""
    runners.simulator.advance_until_idle()


def jobs_are_archived(runners: Runners) -> None:
    """They come to their ends, and leave the queue for the archive."""
    runners.simulator.advance_until_idle()
    for number in runners.cluster.queue.jobs:
        runners.cluster.queue.archive(number)


def jobs_take_long(runners: Runners) -> None:
    """They rest for longer than the dead one's claim holds; the next round comes at once."""
    runners.cluster.sync()
    queue = runners.cluster.queue
    for job in queue.queued.values():
        job.ready += LONG
    for step in [job.current for job in queue.started.values()]:
        if step and step.due is not None:
            step.due += LONG


AFTERMATHS: tuple[Aftermath, ...] = (jobs_end, jobs_are_archived, jobs_take_long)


# --- those who come next ----------------------------------------------------------------------------------------------


def successors(left: Left, transport: str) -> Runners:
    """Those who come after a kill; of a runner 7, they are 107, 108, ..."""
    return Runners(fork(left.cluster), transport, int(left.name.split("-")[1]) + 100)


def problems_after(left: Left, transport: str, aftermath: Aftermath, expected: Mapping[str, object]) -> list[str]:
    """What went wrong when others played on after a kill, where `expected` would have come of it without."""
    runners = successors(left, transport)
    aftermath(runners)
    try:
        found = list(_play_on(runners, left.name))
    except AutorepairError as error:
        return [f"a round could not begin: {error}"]
    runners.simulator.advance_until_idle()
    came = what_came_of_it(runners.cluster)
    found += [f"{key}: {came.get(key)}, not {value}" for key, value in expected.items() if came.get(key) != value]
    return found + list(_with_the_claim(runners))


def _play_on(runners: Runners, dead: str) -> Iterable[str]:
    for _ in range(MOST_ROUNDS):
        held, writes = runners.holds(dead), len(runners.simulator.log.writes())
        played = runners.run_round()
        if held and (played.changed or len(runners.simulator.log.writes()) > writes):
            yield f"{runners.name} writes though {dead} holds the claim"
        if held:
            yield from _unsaid(played, dead)
        if not played.changed and not has_more_work(played.after):
            return
        runners.simulator.advance(PAUSE)
    yield f"not quiet after {MOST_ROUNDS} rounds: {played.after.actions}"


def _unsaid(played: Round, dead: str) -> Iterable[str]:
    """The actions that wait for the claim of the dead one and don't say so."""
    for action in [outcome.action for outcome in played.outcomes]:
        if action.kind.writes or (action.kind.value == "hold" and f"claimed by {dead} until" not in action.reason):
            yield f"{action.name} is not said to wait for {dead}: {action.kind.value}, {action.reason}"


def _with_the_claim(runners: Runners) -> Iterable[str]:
    """A claim that is left when there is nothing to write has to run out, and go when next somebody writes."""
    if not runners.claims:
        return
    runners.simulator.advance(max(0.0, max(runners.claims.values()) - runners.cluster.clock.now()))
    runners.cluster.groups["rack2"].tags.add(f"{TAG}suspend:1")
    if not runners.run_round().changed:
        yield "the claim that was left keeps others from writing"
    runners.simulator.advance_until_idle()
    if runners.claims or any("suspend" in tag for tag in runners.cluster.groups["rack2"].tags):
        yield f"the claim that was left is still there: {runners.claims}"


def what_came_of_it(cluster: Cluster) -> dict[str, object]:
    """All that has to be the same with and without a kill: tags, jobs, and how the instances are."""
    came: dict[str, object] = {"jobs": _steps(cluster)}
    objects = [("cluster", cluster), *cluster.groups.items(), *cluster.instances.items()]
    for name, tagged in objects:
        tags = [_comparable(tag.removeprefix(TAG), cluster) for tag in tagged.tags]
        came[f"tags of {name}"] = sorted(tag for tag in tags if not tag.startswith("claim:"))
    plan = plan_round(direct_client(Simulator(cluster), "luxi"), unbraked(), cluster.clock.now())
    for case, action in plan.rows:
        web = cluster.instance(case.instance.name)
        runs = (len(web.running_on), web.admin_state, web.wiped, web.has_disks)
        came[f"state of {web.name}"] = (case.state.value, action.kind.value, *runs)
    return came


_UNCOUNTED = ("TAGS_", "INSTANCE_ACTIVATE_DISKS")  # disks that are active may be activated again


def _steps(cluster: Cluster) -> Mapping[str, int]:
    """How often each step was taken for each instance, and how it ended."""
    jobs = [job for job in cluster.queue.jobs.values() if not _in_vain(job)]
    steps = [(summary, step.status) for job in jobs for summary, step in zip(job.summary, job.steps, strict=True)]
    return Counter(f"{summary} {status}" for summary, status in steps if not summary.startswith(_UNCOUNTED))


def _in_vain(job: Job) -> bool:
    return "Dependency job" in str(job.result)


def _comparable(tag: str, cluster: Cluster) -> str:
    """A tag without what differs from run to run: times, our ids, jobs that never ran, as what they come after has
    failed, and jobs' numbers, for which stands what they did."""
    if tag.startswith("ganeti:watcher:nodewatch:behind:"):
        return tag.rpartition(":")[0]
    word, *fields = tag.split(":")
    if word not in ("pending", "result"):
        return tag
    kind, repair_id, _time, *result, jobs = fields
    named = [cluster.job(int(number)) for number in jobs.split("+") if number]
    did = [",".join(job.summary) for job in named if not _in_vain(job) and job.summary[0][:23] != _UNCOUNTED[1]]
    return ":".join([word, kind, re.sub(r"^runner-\d+-\d+$", "ours", repair_id), *result, "+".join(did)])


# --- to see that a fork is what a kill leaves -------------------------------------------------------------------------


class Killed(BaseException):
    """The runner is dead; whatever it still tries to do for its own cleaning up raises this as well."""


class Executioner:
    """A Watch that kills for good at one point of all those that it is told of."""

    def __init__(self, point: int) -> None:
        """Take the number of the point, from 0."""
        self._left = point

    def __call__(self, request: str, moment: str) -> None:
        """Kill from that point on."""
        self._left -= 1
        if self._left < 0:
            raise Killed


def standing(cluster: Cluster) -> object:
    """A cluster as it stands, to be compared with another: its time, its tags, and how far its jobs are."""
    jobs = [
        (job.id, job.summary, [(step.status, step.due) for step in job.steps]) for job in cluster.queue.jobs.values()
    ]
    tags = {
        tagged.name: sorted(tagged.tags) for tagged in (cluster, *cluster.groups.values(), *cluster.instances.values())
    }
    return cluster.clock.now(), tags, jobs
