# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices: asks Ganeti for the state of instances' disks, on their secondaries or on both of their nodes.

Ganeti answers by a job, which changes nothing. The jobs of all instances are waited for together, by one request.
Such a job holds locks on both nodes of its instance, for a quarter of an hour if a node hangs, and failovers of other
instances wait for them. So nothing is submitted for a node that does not answer a query, which takes no lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

from ..diagnosis.causes import telling
from ..errors import AutorepairError, ClusterError, Unreachable
from ..ganeti.client import STATUS_NORMAL, Client
from ..ganeti.job_request import JobRequest, Task
from ..ganeti.model import FINISHED, Instance
from ..ganeti.operations import Operation
from ..ganeti.usable import values_of
from ..planning.placement import LIVE_SECONDS
from ..planning.plan import Plan
from ..planning.secondary import problem_of, to_ask
from ..queries.waiter import growing, wait_until
from ..settings.terms import RunContext
from .copies import Mirror, by_answer

QUIET_SECONDS = 30.0  # without any answer, after which we give up: a job takes a second
_FIRST_PAUSE = 0.1  # seconds from a question to the first look for its answer
QUESTIONS_AT_ONCE = 5  # jobs per node: the queue runs twenty at a time, and a node that hangs must not occupy them all
_LIVE = ("name", "mfree")  # a node that has a value for a live field answers
_REASON = "ganeti.autorepair: whether the disks are up to date of "  # ends with the instance's name
_FIELDS = ("id", "status", "opresult")


@dataclass
class _Questions:
    """The questions of one round: the instances still to ask about, the submitted jobs, and the answers.

    `node` returns the node of an instance that is asked; `read` turns a job's result into an answer; `silent` makes an
    answer from the words on why there is none; `begun` has earlier jobs that still run, by instance name.
    """

    waiting: list[Instance]
    node: Callable[[Instance], str]
    read: Callable[[Instance, Any], Any]
    silent: Callable[[Instance, str], Any]
    begun: Mapping[str, int] = field(default_factory=dict)
    jobs: dict[int, Instance] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)


def ask_secondaries(plan: Plan, client: Client, terms: RunContext) -> Mapping[str, str]:
    """The problem with each copy to which `plan` would fail an instance over, by instance name; an empty text for a
    copy that is up to date. Empty if nobody has to be asked.

    Submits jobs, which change nothing, so it is not for check mode. It waits until all have answered, or until no
    answer has come for QUIET_SECONDS; a copy without an answer is not known to be up to date. After a ClusterError the
    instances without an answer are left out: the next write meets that error, and reports it.
    """
    begun = {
        reason[len(_REASON) :]: job.id
        for job in plan.cluster.jobs.values()
        for reason in (job.reasons if job.unfinished else ())
        if reason.startswith(_REASON)
    }
    instances = [case.instance for case, action in to_ask(plan)]
    return _answers(_Questions(instances, _secondary, problem_of, _only_words, begun), client, terms)


def ask_mirrors(instances: Iterable[Instance], client: Client, terms: RunContext) -> Mapping[str, Mirror]:
    """The mirrors of `instances`, by instance name, asked as by `ask_secondaries`; without an answer, the state of a
    mirror is not known."""
    return _answers(_Questions(list(instances), _primary, by_answer, _not_known), client, terms)


def _primary(instance: Instance) -> str:
    return instance.primary


def _secondary(instance: Instance) -> str:
    return instance.secondaries[0]


def _only_words(_instance: Instance, words: str) -> str:
    return words


def _not_known(instance: Instance, words: str) -> Mirror:
    return Mirror(instance, None, words)


def _answers(questions: _Questions, client: Client, terms: RunContext) -> Mapping[str, Any]:
    if not questions.waiting:
        return {}
    try:
        _leave_out_silent(questions, client)
        _find_begun(questions)
        _ask(questions, client, terms)
    except ClusterError:
        return questions.answers
    except AutorepairError as error:  # an answer that can't be read
        _give_up(questions, f"could not be asked for its disks ({error})")
    _give_up(questions, f"was asked for its disks and did not answer within {QUIET_SECONDS:.0f} s")
    return questions.answers


def _leave_out_silent(questions: _Questions, client: Client) -> None:
    """Do not ask the nodes that do not answer a query within LIVE_SECONDS."""
    names = sorted({questions.node(instance) for instance in questions.waiting})
    try:
        rows = client.query("node", _LIVE, ["|", *(["=", "name", name] for name in names)], LIVE_SECONDS)
        alive = {name for (_status, name), (status, _free) in rows if status == STATUS_NORMAL}
    except Unreachable:  # the nodes, not the cluster: that has just answered
        alive = set()
    for instance in [each for each in questions.waiting if questions.node(each) not in alive]:
        questions.waiting.remove(instance)
        words = f"{questions.node(instance)} does not answer, so its copy is not known to be up to date"
        questions.answers[instance.name] = questions.silent(instance, words)


def _find_begun(questions: _Questions) -> None:
    """Do not ask again where the job of an earlier round has not ended."""
    for instance in [each for each in questions.waiting if each.name in questions.begun]:
        questions.waiting.remove(instance)
        questions.jobs[questions.begun[instance.name]] = instance


def _give_up(questions: _Questions, words: str) -> None:
    """Record that there is no answer for the instances that are left; `words` are about the node."""
    jobs = {instance.name: f", see job {job}" for job, instance in questions.jobs.items()}
    for instance in (*questions.jobs.values(), *questions.waiting):
        told = f"{questions.node(instance)} {words}{jobs.get(instance.name, '')}"
        questions.answers.setdefault(instance.name, questions.silent(instance, told))


def _ask(questions: _Questions, client: Client, terms: RunContext) -> None:
    """Submit the questions and wait until all are answered, or until no answer has come for QUIET_SECONDS."""
    _submit(questions, client)
    while questions.jobs and _next_answer(questions, client, terms):
        _submit(questions, client)


def _next_answer(questions: _Questions, client: Client, terms: RunContext) -> bool:
    """Wait for the next answers; whether any came within QUIET_SECONDS."""
    end = terms.clock() + QUIET_SECONDS
    terms.sleep(_FIRST_PAUSE)
    return wait_until(
        bool,
        lambda: _listen(questions, client),
        terms.sleep,
        lambda _waited: terms.clock() >= end,
        growing(0.5, first=1.5 * _FIRST_PAUSE),
    )


def _submit(questions: _Questions, client: Client) -> None:
    """Submit the questions that may be asked now: QUESTIONS_AT_ONCE for each node."""
    for instance in list(questions.waiting):
        asked = [each for each in questions.jobs.values() if questions.node(each) == questions.node(instance)]
        if len(asked) >= QUESTIONS_AT_ONCE:
            continue
        questions.waiting.remove(instance)
        task = Task(Operation.QUERY_DEVICES)
        try:
            job = client.submit(JobRequest("instance", instance.name, (task,), reason=_REASON + instance.name))
        except ClusterError:
            raise
        except AutorepairError as error:
            words = f"{questions.node(instance)} could not be asked for its disks ({error})"
            questions.answers[instance.name] = questions.silent(instance, words)
        else:
            if job is not None:
                questions.jobs[job] = instance


def _listen(questions: _Questions, client: Client) -> bool:
    """Record the answers that have come; return whether there were any."""
    rows = client.query("job", _FIELDS, ["|", *(["=", "id", job] for job in sorted(questions.jobs))])
    before = len(questions.answers)
    for values in (values_of(_FIELDS, row) for row in rows):
        instance = questions.jobs.get(values.get("id", 0))
        if instance is not None and values.get("status") in FINISHED:
            del questions.jobs[values["id"]]
            questions.answers[instance.name] = _answer(values, instance, questions)
    return len(questions.answers) > before


def _answer(values: Mapping[str, Any], instance: Instance, questions: _Questions) -> Any:
    """The answer of a finished job about an instance."""
    results = values.get("opresult")
    result = results[0] if isinstance(results, list) and results else None
    if values["status"] == "success":
        return questions.read(instance, result)
    words = result[1][0] if isinstance(result, list) and len(result) > 1 and isinstance(result[1], list) else result
    ended = f"job {values['id']} ended as {values['status']}"
    told = f"{questions.node(instance)} could not be asked for its disks ({ended}: {telling(str(words))})"
    return questions.silent(instance, told)
