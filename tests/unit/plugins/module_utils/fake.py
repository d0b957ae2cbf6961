# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Client in memory: a cluster with a job queue in virtual time, which does what real Ganeti was measured to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from unit.plugins.module_utils.builders import NOW, instance_object, job_object, matches, node_object

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import Row
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.job_request import JobRequest, Task
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import (
    UNFINISHED,
    Cluster,
    Group,
    Instance,
    Job,
    NodeState,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import RunContext
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import PREFIX

SUMMARIES = {
    Operation.ADD_TAGS: ("TAGS_SET",),
    Operation.REMOVE_TAGS: ("TAGS_DEL",),
    Operation.REPLACE_SECONDARY: ("INSTANCE_REPLACE_DISKS",),
    Operation.MIGRATE: ("INSTANCE_MIGRATE",),
    Operation.ACTIVATE_DISKS: ("INSTANCE_ACTIVATE_DISKS",),
    Operation.FAILOVER: ("INSTANCE_FAILOVER",),
    Operation.RECREATE_DISKS: ("INSTANCE_RECREATE_DISKS",),
    Operation.REINSTALL: ("INSTANCE_SHUTDOWN", "INSTANCE_REINSTALL", "INSTANCE_STARTUP"),
    Operation.MARK_DOWN: ("INSTANCE_SET_PARAMS",),
    Operation.MARK_OFFLINE: ("INSTANCE_SET_PARAMS",),
    Operation.MARK_NODE_OFFLINE: ("NODE_SET_PARAMS",),
    Operation.MARK_NODE_DRAINED: ("NODE_SET_PARAMS",),
    Operation.MARK_NODE_REGULAR: ("NODE_SET_PARAMS",),
    Operation.MARK_NODE_CANDIDATE: ("NODE_SET_PARAMS",),
    Operation.QUERY_DEVICES: ("INSTANCE_QUERY_DATA",),
}
TAGGING = (Operation.ADD_TAGS, Operation.REMOVE_TAGS)


class Clock:
    """Virtual time, which only waiting moves on; `slept` has every wait."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        """The time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self.slept.append(seconds)
        self.now += seconds


@dataclass(frozen=True)
class Stops:
    """What a script says of a job that does its tasks up to `at`, and fails there."""

    at: Operation
    error: str = "it broke"
    kind: str = "OpExecError"
    code: str = ""


Script = Callable[[JobRequest], "Exception | str | Stops | None"]  # an error, a job status, where it stops, or success


@dataclass
class FakeClient:
    """A Client whose cluster changes as its jobs say; each does its tasks in order, up to the first that fails.

    `script` may turn a write into an error or into a job of another status, and `on_claim` one that claims;
    `seconds` says how long a job runs; `log` has every request, in order; `room` is what nodes have free, as
    (disk, memory); `failing` are errors for queries, by resource and kind of fields. Without
    `supports_multi_opcode_jobs` a reinstall loses its reason and what it comes after.
    """

    cluster: Cluster
    script: Script = lambda request: None
    on_claim: Script = lambda request: None
    room: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    failing: dict[tuple[str, str], Exception] = field(default_factory=dict)
    next_job: int = 1000
    supports_multi_opcode_jobs: bool = False
    clock: Clock = field(default_factory=Clock)
    seconds: Callable[[JobRequest], float] = lambda request: 0
    log: list[tuple[str, Any]] = field(default_factory=list)
    queue: dict[int, tuple[JobRequest, str | Stops | None, float]] = field(default_factory=dict)
    free: dict[tuple[str, str], float] = field(default_factory=dict)
    received: dict[int, float] = field(default_factory=dict)

    @property
    def sent(self) -> list[JobRequest]:
        """The writes that were tried."""
        return [what for kind, what in self.log if kind == "submit"]

    @property
    def writes(self) -> list[JobRequest]:
        """The writes that were tried, but for those that claim the cluster or let it go."""
        return [one for one in self.sent if not is_claim(one)]

    @property
    def steps(self) -> list[str]:
        """The operations that were submitted, but for those on tags."""
        return [task.operation.value for one in self.sent for task in one.tasks if task.operation not in TAGGING]

    @property
    def carried_out(self) -> list[str]:
        """The steps of repairs that have succeeded, in the order of their jobs, as opcodes."""
        jobs = (self.cluster.jobs[number] for number in sorted(self.cluster.jobs))
        return [name for job in jobs for name in job.done if name.startswith("INSTANCE")]

    @property
    def reads(self) -> list[str]:
        """What was read, by resource."""
        return [str(what) for kind, what in self.log if kind == "read"]

    @property
    def claims(self) -> list[str]:
        """The claims that stand on the cluster."""
        return [text for text in self.cluster.tags if text.startswith(PREFIX + "claim:")]

    def tags_of(self, name: str) -> set[str]:
        """The tags that stand on an instance now, without their common beginning."""
        found = next(one for one in self.cluster.instances if one.name == name)
        return {text.removeprefix(PREFIX) for text in found.tags}

    # the Client itself

    def cluster_info(self) -> Mapping[str, Any]:
        """See Client."""
        self.log.append(("read", "info"))
        self.settle()
        known: dict[str, Any] = {"name": self.cluster.name, "tags": list(self.cluster.tags), "master": "node1"}
        known |= {"queue_drained": self.cluster.queue_drained}
        known |= {"watcher_paused_until": self.cluster.watcher_paused_until}
        return known | {"enabled_disk_templates": list(self.cluster.enabled_disk_templates)}

    def query(
        self, resource: str, fields: Sequence[str], qfilter: Sequence[Any] | None = None, seconds: float | None = None
    ) -> Sequence[Row]:
        """See Client."""
        self.log.append(("read", resource))
        error = self.failing.get((resource, "live" if "dfree" in fields else "config"))
        if error:
            raise error
        self.settle()
        objects = [one for one in self._objects(resource) if qfilter is None or matches(one, qfilter)]
        return [tuple((0, one[name]) if name in one else (1, None) for name in fields) for one in objects]

    def submit(self, request: JobRequest) -> int | None:
        """See Client."""
        assert self.supports_multi_opcode_jobs or len(request.tasks) == 1, request
        self.log.append(("submit", request))
        answer = (self.on_claim if is_claim(request) else self.script)(request)
        if isinstance(answer, Exception):
            raise answer
        if not self.supports_multi_opcode_jobs and request.tasks[0].operation is Operation.REINSTALL:
            request = replace(request, reason="", after=())
        self.next_job += 1
        names = [name for task in request.tasks for name in _summaries(task)]
        self._put(
            Job(
                self.next_job,
                "queued",
                tuple(names),
                instances=(request.name,) if request.kind == "instance" else (),
                reasons=(request.reason,) if request.reason else (),
            )
        )
        self.queue[self.next_job] = (request, answer, self.clock())
        self.received[self.next_job] = self.clock()
        number = self.next_job
        self.settle()
        return number

    def cancel(self, job: int) -> str | None:
        """See Client. As with Ganeti, what has begun is not canceled, and what depends on it falls with it."""
        self.log.append(("cancel", job))
        self.settle()
        if job not in self.cluster.jobs:
            return f"Job {job} not found in queue"
        if self.cluster.jobs[job].status == "running":
            return "Job no longer waiting, can't cancel (informed it anyway)"
        self.queue.pop(job, None)
        self._put(replace(self.cluster.jobs[job], status="canceled", ended=self.clock()))
        self.settle()
        return ""

    # what stands behind it

    def _objects(self, resource: str) -> list[Mapping[str, Any]]:
        if resource == "instance":
            return [instance_object(one) for one in self.cluster.instances]
        if resource == "group":
            groups = self.cluster.groups.values()
            return [{"name": one.name, "tags": list(one.tags), "alloc_policy": one.alloc_policy} for one in groups]
        if resource == "job":
            return [job_object(one) | _received(self.received.get(one.id)) for one in self.cluster.jobs.values()]
        return [node_object(one, self.room.get(one.name)) for one in self.cluster.nodes.values()]

    def _put(self, job: Job) -> None:
        self.cluster = replace(self.cluster, jobs={**self.cluster.jobs, job.id: job})

    def settle(self) -> None:
        """Let the jobs of the queue come as far as the time allows."""
        for number in list(self.queue):
            status, error, end = self._fate(number)
            if status in UNFINISHED:
                begun = int(status == "running")
                self._put(replace(self.cluster.jobs[number], status=status, begun=begun))
                continue
            request, answer, _submitted = self.queue.pop(number)
            self.free[request.kind, request.name] = end
            job = replace(self.cluster.jobs[number], status=status, error=error, ended=end)
            self._put(job if status != "success" else self._work(job, request, answer))

    def _fate(self, number: int) -> tuple[str, str, float]:
        """What becomes of a job of the queue now: its status, its error, its end."""
        request, answer, start = self.queue[number]
        before = [self.cluster.jobs.get(job) for job in request.after]
        for job in before:
            if job is None or job.status in ("error", "canceled"):
                how = "canceled" if job and job.status == "canceled" else "error"
                return how, f"Dependency job {job.id if job else '?'} finished with status {how}", self.clock()
        if any(job.unfinished for job in before if job):
            return "waiting", "", 0
        if answer in UNFINISHED:
            return str(answer), "", 0
        if any(self._holds(other, request) for other in self.queue if other < number):
            return "waiting", "", 0
        start = max([start, self.free.get((request.kind, request.name), 0), *(job.ended or 0 for job in before if job)])
        if start + self.seconds(request) > self.clock():
            return "running", "", 0
        status = answer if isinstance(answer, str) else "success"
        return status, "it broke" * (status == "error"), start + self.seconds(request)

    def _holds(self, other: int, request: JobRequest) -> bool:
        """Whether a job holds the lock of the object that `request` is about."""
        mine = self.queue[other][0]
        return self.cluster.jobs[other].status == "running" and (mine.kind, mine.name) == (request.kind, request.name)

    def _work(self, job: Job, request: JobRequest, answer: str | Stops | None) -> Job:
        """Do the tasks of a job, up to the first that fails; the job as it is then."""
        done: tuple[str, ...] = ()
        for task in request.tasks:
            trouble = (
                answer if isinstance(answer, Stops) and answer.at is task.operation else self._apply(request, task)
            )
            if trouble:
                told: dict[str, Any] = {"error": trouble.error, "error_class": trouble.kind, "error_code": trouble.code}
                return replace(job, status="error", done=done, begun=len(done) + 1, **told)
            done += _summaries(task)
        return replace(job, done=done, begun=len(done))

    def _apply(self, request: JobRequest, task: Task) -> Stops | None:
        """Do one task to the cluster; what kept it from being done."""
        if task.operation in TAGGING:
            return self._tag(request, task)
        instances = {one.name: one for one in self.cluster.instances}
        instances[request.name] = self._after(instances[request.name], task)
        self.cluster = replace(self.cluster, instances=tuple(instances.values()))
        return None

    def _tag(self, request: JobRequest, task: Task) -> Stops | None:
        """Set or remove tags; as with Ganeti, removing one that is not there fails."""
        one = self.cluster
        object_ = {"cluster": one, "group": one.groups.get(request.name)}.get(request.kind) or next(
            other for other in one.instances if other.name == request.name
        )
        absent = [text for text in task.tags if text not in object_.tags]
        if task.operation is Operation.REMOVE_TAGS and absent:
            return Stops(task.operation, f"Tag(s) {absent} not found", "OpPrereqError", "unknown_entity")
        kept = tuple(text for text in object_.tags if text not in task.tags)
        changed = replace(object_, tags=(*kept, *task.tags) if task.operation is Operation.ADD_TAGS else kept)
        if isinstance(changed, Cluster):
            self.cluster = changed
        elif isinstance(changed, Group):
            self.cluster = replace(one, groups={**one.groups, changed.name: changed})
        else:
            others = (changed if other.name == changed.name else other for other in one.instances)
            self.cluster = replace(one, instances=tuple(others))
        return None

    def _after(self, one: Instance, task: Task) -> Instance:
        online = [other.name for other in self.cluster.nodes.values() if other.state is NodeState.ONLINE]
        spare = next((name for name in online if name not in (one.primary, *one.secondaries)), "")
        if task.operation is Operation.REPLACE_SECONDARY:
            return replace(one, secondaries=(spare,))
        if task.operation in (Operation.FAILOVER, Operation.MIGRATE):
            to = one.secondaries[0] if one.secondaries else spare
            return replace(one, primary=to, secondaries=(one.primary,) if one.secondaries else ())
        if task.operation is Operation.RECREATE_DISKS:
            chosen = task.parameters["nodes"]
            return replace(one, primary=chosen[0], secondaries=tuple(chosen[1:]))
        if task.operation is Operation.REINSTALL:
            assert one.admin_state != "offline", "Ganeti reinstalls no instance that is marked offline"
            return replace(one, admin_state="up" if task.parameters["start"] else "down")
        if task.operation is Operation.ACTIVATE_DISKS:
            return one
        return replace(one, admin_state="down" if task.operation is Operation.MARK_DOWN else "offline")


def _received(at: float | None) -> dict[str, Any]:
    return {} if at is None else {"received_ts": [int(at), int(at % 1 * 1e6)]}


def is_claim(request: JobRequest) -> bool:
    """Whether a request claims the cluster, or lets go of it."""
    return request.kind == "cluster" and all(
        text.startswith(PREFIX + "claim:") for task in request.tasks for text in task.tags
    )


def _summaries(task: Task) -> tuple[str, ...]:
    """The opcodes of a task; an instance that is to stay down is not started after its reinstall."""
    starts = task.operation is not Operation.REINSTALL or task.parameters.get("start")
    return SUMMARIES[task.operation] if starts else SUMMARIES[task.operation][:-1]


def terms(clock: Clock, holder: str = "me") -> RunContext:
    """What a round needs to claim a cluster, in virtual time."""
    return RunContext(holder, clock, clock.sleep)
