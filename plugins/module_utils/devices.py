# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices: asking the secondaries of instances for the state of their disks.

Ganeti answers by a job, which changes nothing. All are submitted, then waited for together: one request asks for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .causes import telling
from .claim import Terms
from .client import NORMAL, Client
from .errors import AutorepairError, ClusterError
from .model import FINISHED, Instance, JobRequest, Operation, Task
from .plan import Plan
from .secondary import problem_of, to_ask

QUIET_SECONDS = 30.0  # without any answer, after which no more is waited for: a job takes a second, a node that hangs
# keeps one for a quarter of an hour
AT_ONCE = 5  # questions to one node: the queue runs twenty jobs, and a node that hangs must not keep them all
_REASON = "ganeti.autorepair: whether the disks are up to date of "  # ends with the instance's name
_FIELDS = ("id", "status", "opresult")


@dataclass
class _Questions:
    """The questions of one round: those to submit, the jobs that were submitted, and what was answered.

    `answers` has the problem with each instance's copy, an empty text where there is none.
    """

    waiting: list[Instance]
    jobs: dict[int, Instance] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)


def ask_secondaries(plan: Plan, client: Client, terms: Terms) -> Mapping[str, str]:
    """What is wrong with the copies to which `plan` would fail instances over, by the instances' names; an empty text
    for a copy that is up to date, and nothing where nobody has to be asked.

    Sends requests that are no reads, though they change nothing: not for check mode. It waits until all have answered,
    or none has for QUIET_SECONDS; who did not answer is not known to be well. An error of the cluster ends it, and
    leaves those out that have not answered by then.
    """
    rows = to_ask(plan)
    if not rows:
        return {}
    questions = _begun(plan, [case.instance for case, action in rows])
    try:
        _ask(questions, client, terms)
    except ClusterError:  # whoever writes next meets it, and says so
        return questions.answers
    for job, instance in questions.jobs.items():
        questions.answers[instance.name] = _silent(instance, f"; job {job}")
    for instance in questions.waiting:
        questions.answers[instance.name] = _silent(instance, " about other instances")
    return questions.answers


def _begun(plan: Plan, instances: Sequence[Instance]) -> _Questions:
    """The questions about `instances`; those of a round before that are still under way are not asked again."""
    names = {
        reason[len(_REASON) :]: job.id
        for job in plan.cluster.jobs.values()
        for reason in (job.reasons if job.unfinished else ())
        if reason.startswith(_REASON)
    }
    jobs = {names[one.name]: one for one in instances if one.name in names}
    return _Questions([one for one in instances if one.name not in names], jobs)


def _ask(questions: _Questions, client: Client, terms: Terms) -> None:
    """Submit the questions and wait for the answers, until there are all, or none has come for QUIET_SECONDS."""
    heard, pause = terms.clock(), 0.1
    _submit(questions, client)
    while questions.jobs and terms.clock() < heard + QUIET_SECONDS:
        terms.sleep(pause)
        pause = min(pause * 1.5, 2.0)
        if _listen(questions, client):
            heard, pause = terms.clock(), 0.1
            _submit(questions, client)


def _submit(questions: _Questions, client: Client) -> None:
    """Submit what may be asked now, which is not too much at once for any node."""
    for instance in list(questions.waiting):
        asked = [one for one in questions.jobs.values() if one.secondaries == instance.secondaries]
        if len(asked) >= AT_ONCE:
            continue
        questions.waiting.remove(instance)
        task = Task(Operation.QUERY_DEVICES)
        try:
            job = client.submit(JobRequest("instance", instance.name, (task,), reason=_REASON + instance.name))
        except ClusterError:
            raise
        except AutorepairError as error:
            questions.answers[instance.name] = f"{instance.secondaries[0]} could not be asked for its disks ({error})"
        else:
            if job is not None:
                questions.jobs[job] = instance


def _listen(questions: _Questions, client: Client) -> bool:
    """Note the answers that have come; whether there were any."""
    rows = client.query("job", _FIELDS, ["|", *(["=", "id", job] for job in sorted(questions.jobs))])
    before = len(questions.answers)
    for values in (_values(row) for row in rows):
        instance = questions.jobs.get(values.get("id", 0))
        if instance is not None and values.get("status") in FINISHED:
            del questions.jobs[values["id"]]
            questions.answers[instance.name] = _answer(values, instance)
    return len(questions.answers) > before


def _values(row: Iterable[tuple[int, Any]]) -> Mapping[str, Any]:
    return {name: value for name, (status, value) in zip(_FIELDS, row) if status == NORMAL}


def _answer(values: Mapping[str, Any], instance: Instance) -> str:
    """The problem that a finished job tells of; an empty text if there is none."""
    results = values.get("opresult")
    result = results[0] if isinstance(results, list) and results else None
    if values["status"] == "success":
        return problem_of(result, instance)
    words = result[1][0] if isinstance(result, list) and len(result) > 1 and isinstance(result[1], list) else result
    ended = f"job {values['id']} ended as {values['status']}"
    return f"{instance.secondaries[0]} could not be asked for its disks ({ended}: {telling(str(words))})"


def _silent(instance: Instance, job: str) -> str:
    return f"{instance.secondaries[0]} was asked for its disks and did not answer within {QUIET_SECONDS:.0f} s{job}"
