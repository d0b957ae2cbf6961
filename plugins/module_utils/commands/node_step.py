# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node step: carries out what a person has decided about nodes: tags of the cluster, and marks (design, section 8).

Everything is decided twice: by the looks that are given, to refuse before anything is written; and again under the
claim, by the tags, the marks and the answers to the master as they are then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Callable

from ..errors import AnswerLost, AutorepairError, BadOption, ClusterError
from ..execution.lease import ClaimedClient, acquire
from ..ganeti.client import Client, DryRunClient
from ..ganeti.job_request import JobRequest, Task
from ..ganeti.model import Job, NodeState
from ..ganeti.operations import Operation
from ..nodes.node_change import NodeChange
from ..nodes.observed import parse_observations
from ..nodes.plan import plan_nodes
from ..nodes.schema import Observations
from ..queries.jobs import unfinished_jobs
from ..queries.nodes import holders_of_disks, look_at_nodes
from ..queries.waiter import await_jobs
from ..settings.node_options import NodeOptions
from ..settings.terms import RunContext
from .node_outcome import NodeOutcome
from .node_wish import Wish

LONGEST_AGE = 120  # seconds that a look may be old: who was silent then is asked again under the claim, by the master
PATIENCE = 120.0  # seconds for each job: beside a dead master candidate a tag takes 16, and a mark 30 (measured)
_REASON = "ganeti.autorepair: {} node {}"
_VERSION = "fails to report its version"  # Ganeti's words about a node that does not answer it
_READD = "if its noded runs, its certificates are others: gnt-node add --readd {0}; gnt-node modify --drained=yes {0}"


def carry_out_wish(
    wish: Wish, given: Observations, options: NodeOptions, client: Client, terms: RunContext
) -> Sequence[NodeOutcome]:
    """Write what `wish` takes, by the looks that are `given`, and return what has become of each node.

    If one of them is refused, nothing is written for any. Raises BadOption then, and another AutorepairError if
    nothing, or not everything, could be written.
    """
    fresh = look_at_nodes(client, terms.clock, options.probe_timeout)
    changes = _permitted(_decide(wish, given, fresh, options, terms.clock), given)
    if isinstance(client, DryRunClient) or not any(change.needed for change in changes):
        written = [_as_decided(change) for change in changes]
    else:
        written = _under_claim(wish, given, options, acquire(client, fresh["cluster"]["tags"], terms), terms)
    for done in written:
        _note_leftovers(done, client)
    return written


def _as_decided(change: NodeChange) -> NodeOutcome:
    return NodeOutcome(change, change.add, change.remove, change.marks, error=change.error)


def _under_claim(
    wish: Wish, given: Observations, options: NodeOptions, claimed: ClaimedClient, terms: RunContext
) -> list[NodeOutcome]:
    """Decide again, write, and release the claim."""
    lost = False
    try:
        fresh = look_at_nodes(claimed, terms.clock, options.probe_timeout)
        written = [NodeOutcome(each) for each in _permitted(_decide(wish, given, fresh, options, terms.clock), given)]
        lost = _write_all(written, claimed, terms)
        used = [done for done in written if done.goes_on]
        if used:  # now what is remembered of them can go
            _decide_anew(used, wish, given, options, claimed, terms)
            lost = _write_all(used, claimed, terms) or lost
        return written
    finally:  # an unanswered request may still arrive: nobody may write until it has, or never will
        released = None if lost else claimed.release()
        if released is not None:  # the repair that follows finds no claim then
            with suppress(AutorepairError):
                await_jobs([released], claimed, terms.sleep)


def _decide_anew(
    used: Sequence[NodeOutcome],
    wish: Wish,
    given: Observations,
    options: NodeOptions,
    client: Client,
    terms: RunContext,
) -> None:
    """What comes next for nodes that are used again: what is remembered of them goes, unless somebody has marked them
    since."""
    names = tuple(done.change.node.name for done in used)
    try:
        fresh = look_at_nodes(client, terms.clock, options.probe_timeout)
        changes = _decide(replace(wish, names=names), given, fresh, options, terms.clock)
    except AutorepairError as error:
        changes = tuple(replace(done.change, marks=(), error=str(error)) for done in used)
    for done, change in zip(used, changes):
        marked = change.node.state is not NodeState.ONLINE
        doubt = f"somebody has marked it {change.node.state.value} since" if marked else change.error
        done.change = NodeChange(change.node, error=f"it is used again, but {doubt}") if doubt else change


def _decide(
    wish: Wish, given: Observations, fresh: Observations, options: NodeOptions, clock: Callable[[], float]
) -> tuple[NodeChange, ...]:
    """What `wish` takes by the looks `given` and what the cluster says now. Raises BadOption for looks that are old, or
    of another cluster."""
    observed = parse_observations(_merged(given, fresh, wish.back is not None))
    age = clock() - observed.time
    if not 0 <= age <= LONGEST_AGE:
        raise BadOption(f"the last look at the nodes is {age:.0f} s old, and counts for {LONGEST_AGE} s; look again")
    return wish.changes(plan_nodes(observed, options, observed.time), options)


def _permitted(changes: tuple[NodeChange, ...], given: Observations) -> tuple[NodeChange, ...]:
    """`changes`. Raises BadOption if one of them can't be: also if a node that is to come back is marked in another way
    than it was when it was looked at."""
    before = parse_observations(given).nodes
    refused = [f"{change.node.name}: {change.error}" for change in changes if change.error and not change.needed]
    for change in changes:
        was = before.get(change.node.name)
        if change.returns and (was is None or was.state is not change.node.state):
            refused.append(f"{change.node.name}: it has been marked {change.node.state.value} since; look again")
    if refused:
        raise BadOption(f"{'; '.join(refused)}; nothing was written")
    return changes


def _merged(given: Observations, fresh: Observations, back: bool) -> Observations:
    """The looks that are `given` at the cluster as it is now: who answers the master now, answered in the last one; and
    a node that is to come `back` must answer now.

    Raises BadOption if they are of another cluster.
    """
    of_given, of_fresh = given.get("cluster"), fresh["cluster"]
    if not isinstance(of_given, Mapping) or of_given.get("uuid") != of_fresh["uuid"]:
        raise BadOption("the observations are of another cluster; look again")
    *before, last = given.get("looks") or [{}]
    now = fresh["looks"][-1]["live"]
    answered = {name: boot_id for name, boot_id in now.items() if back or boot_id is not None}
    live = last.get("live") if isinstance(last, Mapping) else None
    merged: Any = {**last, "live": {**live, **answered}} if isinstance(live, Mapping) else last
    return {**fresh, "looks": [*before, merged], "instances": given.get("instances")}


# --- what is written -------------------------------------------------------------------------------------------------


def _write_all(written: Sequence[NodeOutcome], client: Client, terms: RunContext) -> bool:
    """Write the changes of all nodes, up to the first error; returns whether an answer was lost."""
    trouble: AutorepairError | None = None
    for done in written:
        done.error = done.change.error
        try:
            if trouble:
                done.error = "not tried, as something went wrong before"
            else:
                _write(done, client, terms)
        except AutorepairError as error:
            trouble, done.error = error, str(error)
    return isinstance(trouble, AnswerLost) or any(done.lost for done in written)


def _write(done: NodeOutcome, client: Client, terms: RunContext) -> None:
    """Write a change in an order in which each part holds if the next one never comes: the tag that says why, the mark,
    and then the removal of what the tags said before."""
    change, name = done.change, done.change.node.name
    if change.add:
        _submit(_tags(Operation.ADD_TAGS, change.add, name), done, client, terms)
        done.added += change.add
    for operation in change.marks:
        _mark(operation, done, client, terms)
        done.marked += (operation,)
    if change.remove:
        _submit(_tags(Operation.REMOVE_TAGS, change.remove, name), done, client, terms)
        done.removed += change.remove
    if Operation.MARK_NODE_DRAINED in change.marks:
        _connect(done, client, terms)


def _tags(operation: Operation, tags: tuple[str, ...], node: str) -> JobRequest:
    reason = _REASON.format("about", node)
    return JobRequest("cluster", "", (Task(operation, tags=tags),), reason=reason)


def _mark(operation: Operation, done: NodeOutcome, client: Client, terms: RunContext) -> None:
    """Mark the node, unless a job that does is on its way: of somebody who was interrupted, perhaps."""
    name = done.change.node.name
    reason = _REASON.format(operation.value, name)
    known = [job.id for job in unfinished_jobs(client).values() if reason in job.reasons]
    try:
        if known:
            _await(known[0], f"{operation.value} of node {name}", client, terms)
        else:
            _submit(JobRequest("node", name, (Task(operation),), reason=reason), done, client, terms)
    except AutorepairError as error:
        if _VERSION not in str(error):
            raise
        raise AutorepairError(f"{error}; {_READD.format(name)}") from error


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


# --- the disks of a node that comes back -----------------------------------------------------------------------------


def _connect(done: NodeOutcome, client: Client, terms: RunContext) -> None:
    """Activate the disks of the instances whose mirrors are on the node, so that they sync, if these should be up.
    Ganeti's watcher does it as well, some minutes later; so what fails here is only noted."""
    jobs: dict[int, str] = {}
    try:
        _activate(done, jobs, client)
        found = await_jobs(list(jobs), client, terms.sleep, PATIENCE) if jobs else {}
    except AutorepairError as error:
        done.lost = isinstance(error, AnswerLost)
        done.notes.append(f"not all mirrors there were asked to sync, which the watcher does later: {error}")
        return
    for job, instance in jobs.items():
        status = found[job].status if job in found else "gone"
        hint = f"gnt-instance info {instance} shows whether its mirror syncs"
        words = hint if status == "success" else f"see gnt-job info {job}; the watcher tries it again"
        done.notes.append(f"job {job}, which activates the disks of {instance}, is {status}: {words}")


def _activate(done: NodeOutcome, jobs: dict[int, str], client: Client) -> None:
    name, reason = done.change.node.name, _REASON.format("disks on", done.change.node.name)
    for instance, holders in holders_of_disks(client).items():
        if name in holders.nodes[1:] and holders.is_up:
            job = client.submit(JobRequest("instance", instance, (Task(Operation.ACTIVATE_DISKS),), reason=reason))
            if job is not None:
                jobs[job] = instance
                done.jobs.append(job)


def _note_leftovers(done: NodeOutcome, client: Client) -> None:
    """Name the volumes on a node of instances that have no disk there any more, with what a person can do about each.
    By then the node is back, so what fails here is only noted."""
    name = done.change.node.name
    try:
        known = holders_of_disks(client) if done.change.volumes else {}
    except AutorepairError as error:
        done.notes.append(f"nobody has looked for volumes that are left over: {error}")
        return
    for volume, instance in done.change.volumes:
        if instance not in known or name not in known[instance].nodes:
            check = f"gnt-node volumes {name} shows whether any instance has it; if none does: lvremove {volume} there"
            words = f"{volume} was a disk of {instance}, which has none there any more; it was left alone; {check}"
            done.notes.append(words)
