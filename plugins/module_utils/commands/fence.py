# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fence: carries out what a person has decided about nodes: tags of the cluster, and marks (design, section 8).

Everything is decided twice: by the looks that are given, to refuse before anything is written; and again under the
claim, by the tags, the marks and the answers to the master as they are then.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Callable

from ..errors import AnswerLost, AutorepairError, BadOption, ClusterError, FenceFailed
from ..execution.lease import acquire
from ..ganeti.client import Client, DryRunClient
from ..ganeti.job_request import JobRequest, Task
from ..ganeti.model import Job
from ..ganeti.operations import Operation
from ..nodes.observed import parse_observations
from ..nodes.offline import PERSON, NodeChange, Proof, begin_fencing, confirm_off, end_fencing
from ..nodes.plan import NodePlan, plan_nodes
from ..nodes.probes import to_fence
from ..nodes.schema import Observations
from ..queries.jobs import unfinished_jobs
from ..queries.nodes import look_at_nodes
from ..queries.waiter import await_jobs
from ..settings.node_options import NodeOptions
from ..settings.terms import RunContext

LONGEST_AGE = 120  # seconds that a look may be old: who was silent then is asked again under the claim, by the master
PATIENCE = 120.0  # seconds for each job: beside a dead master candidate a tag takes 16, and a mark 30 (measured)
LONGEST_METHOD = 24  # characters of a program's name; the words of people are not cut
_REASON = "ganeti.autorepair: {} node {}"


@dataclass(frozen=True)
class Wish:
    """What a person wants of the nodes with these `names`: that they may be powered off (`even_if` they have this
    verdict); or, with `proofs`, that those which are off are marked; or with `words`, that all of them are, as the
    person says that they are off."""

    names: tuple[str, ...]
    even_if: str | None = None
    proofs: tuple[Proof, ...] = ()
    words: str = ""

    def changes(self, plan: NodePlan, options: NodeOptions) -> tuple[NodeChange, ...]:
        """What it takes for each of the nodes. Raises BadOption for a node that there is not, and for words that do not
        fit into a tag."""
        names = to_fence(plan.observed, self.names)
        if self.words:
            return tuple(confirm_off(name, self.words, plan, _new_id) for name in names)
        if self.proofs:
            proofs = [replace(proof, node=name) for name in names for proof in self.proofs if proof.node == name]
            return tuple(end_fencing(proof, plan, names) for proof in proofs)
        return tuple(begin_fencing(name, plan, options.looks, self.even_if, _new_id) for name in names)


def parse_wish(given: Mapping[str, Any]) -> Wish:
    """What a module's options ask for. Raises BadOption."""
    if not given["fence"]:
        raise BadOption("fence is empty; it takes the names of nodes")
    if given["fenced"] and given["confirmed_by"]:
        raise BadOption("fenced and confirmed_by exclude each other: either power has proven it, or a person says it")
    proofs = tuple(Proof(entry["node"], _method(entry["method"]), entry["proven"]) for entry in given["fenced"])
    return Wish(tuple(given["fence"]), given["even_if"], proofs, given["confirmed_by"])


def _method(name: str) -> str:
    """How a node was powered off, as a tag has room for it; no program's name looks like a person's word."""
    return ("file-" + name if name.startswith(PERSON) else name)[:LONGEST_METHOD]


def _new_id() -> str:
    return uuid.uuid4().hex[:8]


@dataclass
class NodeOutcome:
    """What has become of a change: what was written, by which jobs; `error` is why not all of it was, or what has
    failed."""

    change: NodeChange
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    marked: bool = False
    jobs: list[int] = field(default_factory=list)
    error: str = ""


def carry_out_wish(
    wish: Wish, given: Observations, options: NodeOptions, client: Client, terms: RunContext
) -> Sequence[NodeOutcome]:
    """Write what `wish` takes, by the looks that are `given`, and return what has become of each node.

    If one of them is refused, nothing is written for any. Raises BadOption then, and another AutorepairError if
    nothing, or not everything, could be written.
    """
    fresh = look_at_nodes(client, terms.clock, options.probe_timeout)
    changes = _decide(wish, given, fresh, options, terms.clock)
    if isinstance(client, DryRunClient) or not any(change.needed for change in changes):
        return [NodeOutcome(change, change.add, change.remove, change.mark, error=change.error) for change in changes]
    claimed = acquire(client, fresh["cluster"]["tags"], terms)
    lost = False
    try:
        fresh = look_at_nodes(claimed, terms.clock, options.probe_timeout)
        written, lost = _write_all(_decide(wish, given, fresh, options, terms.clock), claimed, terms)
        return written
    finally:  # an unanswered request may still arrive: nobody may write until it has, or never will
        released = None if lost else claimed.release()
        if released is not None:  # the repair that follows finds no claim then
            with suppress(AutorepairError):
                await_jobs([released], client, terms.sleep)


def _decide(
    wish: Wish, given: Observations, fresh: Observations, options: NodeOptions, clock: Callable[[], float]
) -> tuple[NodeChange, ...]:
    """What `wish` takes by the looks `given` and what the cluster says now. Raises BadOption if it takes what can't
    be."""
    observed = parse_observations(_merged(given, fresh))
    age = clock() - observed.time
    if not 0 <= age <= LONGEST_AGE:
        raise BadOption(f"the last look at the nodes is {age:.0f} s old, and counts for {LONGEST_AGE} s; look again")
    changes = wish.changes(plan_nodes(observed, options, observed.time), options)
    refused = [f"{change.node.name}: {change.error}" for change in changes if change.error and not change.needed]
    if refused:
        raise BadOption(f"{'; '.join(refused)}; nothing was written")
    return changes


def _merged(given: Observations, fresh: Observations) -> Observations:
    """The looks that are `given` at the cluster as it is now; who answers the master now, answered in the last one.

    Raises BadOption if they are of another cluster.
    """
    of_given, of_fresh = given.get("cluster"), fresh["cluster"]
    if not isinstance(of_given, Mapping) or of_given.get("uuid") != of_fresh["uuid"]:
        raise BadOption("the observations are of another cluster; look again")
    *before, last = given.get("looks") or [{}]
    answered = {name: boot_id for name, boot_id in fresh["looks"][-1]["live"].items() if boot_id is not None}
    live = last.get("live") if isinstance(last, Mapping) else None
    merged: Any = {**last, "live": {**live, **answered}} if isinstance(live, Mapping) else last
    return {**fresh, "looks": [*before, merged]}


# --- what is written -------------------------------------------------------------------------------------------------


def _write_all(changes: Iterable[NodeChange], client: Client, terms: RunContext) -> tuple[list[NodeOutcome], bool]:
    """Write the changes of all nodes, up to the first error; also returns whether an answer was lost."""
    written: list[NodeOutcome] = []
    trouble: AutorepairError | None = None
    for change in changes:
        written.append(NodeOutcome(change, error=change.error))
        try:
            if trouble:
                written[-1].error = "not tried, as something went wrong before"
            else:
                _write(written[-1], client, terms)
        except AutorepairError as error:
            trouble, written[-1].error = error, str(error)
    return written, isinstance(trouble, AnswerLost)


def _write(done: NodeOutcome, client: Client, terms: RunContext) -> None:
    """Write a change in an order in which each part holds if the next one never comes: the tag that says why, the mark,
    and then the removal of what the tags said before."""
    change, name = done.change, done.change.node.name
    if change.add:
        _submit(_tags(Operation.ADD_TAGS, change.add, name), done, client, terms)
        done.added = change.add
    if change.mark:
        _mark(done, client, terms)
        done.marked = True
    if change.remove:
        _submit(_tags(Operation.REMOVE_TAGS, change.remove, name), done, client, terms)
        done.removed = change.remove


def _tags(operation: Operation, tags: tuple[str, ...], node: str) -> JobRequest:
    reason = _REASON.format("about", node)
    return JobRequest("cluster", "", (Task(operation, tags=tags),), reason=reason)


def _mark(done: NodeOutcome, client: Client, terms: RunContext) -> None:
    """Mark the node offline, unless a job that does is on its way: of somebody who was interrupted, perhaps."""
    operation, name = Operation.MARK_NODE_OFFLINE, done.change.node.name
    reason = _REASON.format("mark", name)
    known = [job.id for job in unfinished_jobs(client).values() if reason in job.reasons]
    if known:
        _await(known[0], f"{operation.value} of node {name}", client, terms)
    else:
        _submit(JobRequest("node", name, (Task(operation),), reason=reason), done, client, terms)


def _submit(request: JobRequest, done: NodeOutcome, client: Client, terms: RunContext) -> None:
    job = client.submit(request)
    if job is None:
        return
    done.jobs.append(job)
    _await(job, str(request), client, terms)


def _await(job: int, what: str, client: Client, terms: RunContext) -> None:
    """Wait until a job has done its work. Raises AutorepairError if it has not."""
    found: Job | None = await_jobs([job], client, terms.sleep, PATIENCE).get(job)
    if found is None:
        raise ClusterError(f"job {job} ({what}) is no longer in the queue; run it again")
    if found.unfinished:
        others = "; ".join(_running(job, client, terms.clock())) or "no other job runs"
        hint = f"{others}; Ganeti may wait for an answer of the dead node: gnt-debug locks, gnt-job info {job}"
        words = f"is {found.status} after {PATIENCE:.0f} s; {hint}; run this again, which goes on from there"
        raise ClusterError(f"job {job} ({what}) {words}")
    if found.status != "success":
        raise AutorepairError(f"job {job} ({what}) ended as {found.status} ({found.error or 'no reason given'})")


def _running(ours: int, client: Client, now: float) -> Iterable[str]:
    """The other jobs that run, the oldest first, each with its age: one of them may hold the node's lock."""
    jobs = [job for job in unfinished_jobs(client).values() if job.id != ours and job.started is not None]
    for job in sorted(jobs, key=lambda job: job.started or now):
        what = ", ".join([*job.operations, *job.instances])
        yield f"job {job.id} ({what}) has run for {max(0.0, now - (job.started or now)):.0f} s"


# --- what is told ----------------------------------------------------------------------------------------------------


def tell(written: Iterable[NodeOutcome], dry: bool) -> dict[str, Any]:
    """The result of the module: what was done with each node, or with `dry`, would be. Raises an AutorepairError that
    carries all of it if anything went wrong."""
    done = list(written)
    result = {
        "changed": any(each.added or each.removed or each.marked for each in done),
        "nodes": [_data(each) for each in done],
        "report": [_line(each, dry) for each in done],
        "diff": [_diff(each) for each in done if each.added or each.removed or each.marked],
    }
    wrong = [f"{each.change.node.name}: {each.error}" for each in done if each.error]
    if wrong:
        raise FenceFailed("; ".join(wrong), **result)
    return result


def _data(done: NodeOutcome) -> dict[str, Any]:
    return {
        "name": done.change.node.name,
        "incident": done.change.incident or None,
        "tags_added": list(done.added),
        "tags_removed": list(done.removed),
        "marked": done.marked,
        "jobs": done.jobs,
        "note": done.change.note or None,
        "error": done.error or None,
    }


def _line(done: NodeOutcome, dry: bool) -> str:
    add, remove, mark = (
        ("would add", "would remove", "would mark it offline") if dry else ("added", "removed", "marked it offline")
    )
    parts = [done.error or done.change.note]
    parts += [f"{add} {' '.join(done.added)}"] * bool(done.added)
    parts += [mark] * done.marked
    parts += [f"{remove} {' '.join(done.removed)}"] * bool(done.removed)
    return f"{done.change.node.name}: {'; '.join(parts)}"


def _diff(done: NodeOutcome) -> dict[str, str]:
    header = f"node {done.change.node.name}"
    before = [*done.removed, *(["online"] * done.marked)]
    after = [*done.added, *(["offline"] * done.marked)]
    texts = {"before": before, "after": after}
    return {
        "before_header": header,
        "after_header": header,
        **{key: "".join(f"{x}\n" for x in texts[key]) for key in texts},
    }
