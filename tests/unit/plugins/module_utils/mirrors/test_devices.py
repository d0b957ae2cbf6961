# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking secondaries: all at once, none too often, and not for ever."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from unit.plugins.module_utils.builders import NOW, OFFLINE, ONLINE, Placed, cluster, drbd, job, plan_of, tag
from unit.plugins.module_utils.fake import Clock

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import (
    AnswerLost,
    BadAnswer,
    QueueDrained,
    Unreachable,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.job_request import JobRequest
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation
from ansible_collections.ganeti.autorepair.plugins.module_utils.mirrors.devices import (
    QUESTIONS_AT_ONCE,
    QUIET_SECONDS,
    ask_secondaries,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import SecondaryState
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import RunContext

GOOD = ["/dev/drbd0", 147, 0, None, None, True, 1]
NEVER = 10**9


@dataclass
class Nodes:
    """A Client whose secondaries answer after `seconds`, by instance.

    `results` are the results of jobs that are not good, `refused` the errors of submissions, by instance, too. Nodes
    that are `silent` have no value for live fields, and `node_error` is the error of a query for these.
    """

    seconds: Mapping[str, float] = field(default_factory=dict)
    results: Mapping[str, tuple[str, Any]] = field(default_factory=dict)
    refused: Mapping[str, Exception] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    node_error: Exception | None = None
    live: list[float | None] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    asked: list[JobRequest] = field(default_factory=list)
    jobs: dict[int, tuple[str, float]] = field(default_factory=dict)
    looks: int = 0
    most: int = 0
    at_look: Callable[[], None] = lambda: None

    def submit(self, request: JobRequest) -> int | None:
        """See Client."""
        assert [task.operation for task in request.tasks] == [Operation.QUERY_DEVICES]
        if request.name in self.refused:
            raise self.refused[request.name]
        self.asked.append(request)
        number = 100 + len(self.asked)
        self.jobs[number] = (request.name, self.clock() + self.seconds.get(request.name, 1))
        self.most = max(self.most, sum(end > self.clock() for _name, end in self.jobs.values()))
        return number

    def query(self, resource: str, fields: Any, qfilter: Any, seconds: Any = None) -> Any:
        """See Client."""
        if resource == "node":
            self.live.append(seconds)
            if self.node_error:
                raise self.node_error
            names = [term[2] for term in qfilter[1:]]
            return [((0, name), (2, None) if name in self.silent else (0, 512)) for name in names]
        self.looks += 1
        self.at_look()
        return [self.row(self.jobs[number], number) for number in (term[2] for term in qfilter[1:])]

    def row(self, job: tuple[str, float], number: int) -> Any:
        """A job's row."""
        name, end = job
        disks = [{"sstatus": GOOD}]
        good = ("success", {name: {"name": name, "snodes": [f"{name}-s"], "disks": disks}})
        status, result = self.results.get(name, good) if end <= self.clock() else ("running", None)
        return ((0, number), (0, status), (0, [result]))


def dead(*names: str) -> list[Placed]:
    """Instances whose primary is dead."""
    return [drbd(name, OFFLINE, ONLINE, tag("failover")) for name in names]


def together(members: list[Placed]) -> list[Placed]:
    """The same on one secondary, which is the first's."""
    first = members[0]
    secondary = first.instance.secondaries
    return [replace(one, instance=replace(one.instance, secondaries=secondary)) for one in members]


def answers(nodes: Any, *members: Placed, jobs=(), **limits):
    """What comes of asking for these instances."""
    given = {"secondary_state": SecondaryState.UPTODATE, **limits}
    plan = plan_of(cluster(*members, jobs=jobs), **given)
    return ask_secondaries(plan, nodes, RunContext("me", nodes.clock, nodes.clock.sleep))


def test_all_are_asked_before_any_is_waited_for():
    """So twenty take no longer than one; one request asks for all."""
    names = [f"web{number}" for number in range(20)]
    nodes = Nodes()
    assert answers(nodes, *dead(*names), max_in_flight=99, max_per_group=99) == dict.fromkeys(names, "")
    assert nodes.most == 20
    assert nodes.clock() - NOW < 3
    assert nodes.looks < 8


@pytest.mark.parametrize("limits", [{"secondary_state": SecondaryState.ANY}, {"secondaries": {"web1": ""}}])
def test_nobody_is_asked_for_nothing(limits):
    """Without the option, and where the answer is known."""
    nodes = Nodes()
    assert answers(nodes, *dead("web1"), **limits) == {}
    assert (nodes.asked, nodes.looks, nodes.live) == ([], 0, [])


def test_nobody_is_asked_where_no_failover_is_due():
    """A healthy cluster costs nothing."""
    nodes = Nodes()
    assert answers(nodes, drbd("web1", ONLINE, ONLINE), drbd("web2", ONLINE, OFFLINE, tag("reinstall"))) == {}
    assert (nodes.asked, nodes.looks) == ([], 0)


def test_a_node_that_does_not_answer_is_asked_for_nothing():
    """A job would hold the locks of its instance's nodes until Ganeti gives up, and others wait for these."""
    nodes = Nodes(silent=("web2-s",))
    found = answers(nodes, *dead("web1", "web2", "web3"))
    assert found == {
        "web1": "",
        "web2": "web2-s does not answer, so its copy is not known to be up to date",
        "web3": "",
    }
    assert [one.name for one in nodes.asked] == ["web1", "web3"]
    assert nodes.live == [20]


@pytest.mark.parametrize(
    ("error", "words"),
    [(Unreachable("no answer in time"), "web1-s does not answer"), (BadAnswer("no table"), "could not be asked")],
)
def test_where_no_node_can_be_looked_at_none_is_well(error, words):
    """Nor is any asked."""
    nodes = Nodes(node_error=error)
    assert words in answers(nodes, *dead("web1"))["web1"]
    assert nodes.asked == []


def test_a_node_that_hangs_is_not_waited_for():
    """Its instances are not known to be well; the others are."""
    nodes = Nodes(seconds={"web2": NEVER})
    found = answers(nodes, *dead("web1", "web2", "web3"))
    assert (found["web1"], found["web3"]) == ("", "")
    assert found["web2"] == "web2-s was asked for its disks and did not answer within 30 s, see job 102"
    assert nodes.clock() - NOW < QUIET_SECONDS + 5


def test_a_slow_queue_is_waited_for_as_long_as_answers_come():
    """Each comes a little later than the one before."""
    names = [f"web{number}" for number in range(10)]
    nodes = Nodes(seconds={name: 10.0 * number for number, name in enumerate(names)})
    assert answers(nodes, *dead(*names)) == dict.fromkeys(names, "")


def test_one_node_is_not_asked_too_much_at_once():
    """One that hangs must not keep the whole job queue."""
    names = [f"web{number}" for number in range(12)]
    nodes = Nodes(seconds=dict.fromkeys(names, NEVER))
    found = answers(nodes, *together(dead(*names)), max_per_node=99, max_in_flight=99, max_per_group=99)
    assert len(nodes.asked) == nodes.most == QUESTIONS_AT_ONCE
    assert set(found) == set(names)
    assert all("did not answer within 30 s" in words for words in found.values())
    assert sum("see job" in words for words in found.values()) == QUESTIONS_AT_ONCE


def test_one_that_answers_is_asked_for_all():
    """The next question follows each answer."""
    names = [f"web{number}" for number in range(12)]
    nodes = Nodes()
    found = answers(nodes, *together(dead(*names)), max_per_node=99, max_in_flight=99, max_per_group=99)
    assert len(nodes.asked) == 12
    assert nodes.most == QUESTIONS_AT_ONCE
    assert set(found) == set(names)


def test_a_question_that_is_under_way_is_not_asked_again():
    """Round after round would add a job to those that hang. A job of others is no such question."""
    nodes = Nodes()
    nodes.jobs = {7: ("web1", NOW + 2), 8: ("web2", NOW + 2), 9: ("web3", NOW + 2)}
    ours = "ganeti.autorepair: whether the disks are up to date of "
    under_way = [
        job(7, "running", "QUERY_DATA", "", reasons=(ours + "web1",)),
        job(8, "running", "QUERY_DATA", "", reasons=("somebody wants to know of web2",)),
        job(9, "success", "QUERY_DATA", "", reasons=(ours + "web3",)),
    ]
    assert answers(nodes, *dead("web1", "web2", "web3"), jobs=under_way) == {"web1": "", "web2": "", "web3": ""}
    assert [one.name for one in nodes.asked] == ["web2", "web3"]


RESULTS = [
    ("a failed job", ("error", ["OpExecError", ["Can't compute disk status for web1: Error 7"]]), "Error 7)"),
    ("a failed job without words", ("error", None), "(job 101 ended as error: None)"),
    ("a canceled job", ("canceled", "Job canceled by request"), "ended as canceled: Job canceled by request"),
    ("no result", ("success", None), "the answer is not about them"),
    ("a bad copy", ("success", {"web1": {"snodes": ["web1-s"], "disks": [{"sstatus": None}]}}), "is not assembled"),
]


@pytest.mark.parametrize(("result", "words"), [row[1:] for row in RESULTS], ids=[row[0] for row in RESULTS])
def test_only_a_good_answer_is_good(result, words):
    """Everything else is a problem, and others do not suffer from it."""
    found = answers(Nodes(results={"web1": result}), *dead("web1", "web2"))
    assert words in found["web1"]
    assert found["web2"] == ""


def test_one_that_can_t_be_asked_is_not_well():
    """The others are asked."""
    found = answers(Nodes(refused={"web1": AnswerLost("no answer came")}), *dead("web1", "web2"))
    assert found == {"web1": "web1-s could not be asked for its disks (no answer came)", "web2": ""}


@pytest.mark.parametrize("error", [QueueDrained("drained"), Unreachable("gone")])
def test_where_the_cluster_can_t_be_asked_nothing_is_said(error):
    """Whoever writes next meets the same error, and says so; what is not known is held until then."""
    assert answers(Nodes(refused={"web1": error}), *dead("web1", "web2")) == {}


def test_where_the_cluster_goes_away_later_what_is_known_stays_known():
    """No more is."""
    nodes = Nodes(seconds={"web2": 5})

    def lose() -> None:
        if nodes.clock() > NOW + 3:
            raise Unreachable("gone")

    nodes.at_look = lose
    assert answers(nodes, *dead("web1", "web2")) == {"web1": ""}


def test_an_answer_that_can_t_be_read_is_no_answer():
    """The round goes on without these failovers."""
    nodes = Nodes()

    def garble() -> None:
        raise BadAnswer("no table")

    nodes.at_look = garble
    found = answers(nodes, *dead("web1", "web2"))
    assert found["web1"] == "web1-s could not be asked for its disks (no table), see job 101"
    assert set(found) == {"web1", "web2"}
