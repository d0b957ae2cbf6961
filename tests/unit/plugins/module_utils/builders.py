# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small language for clusters, and a scripted Client in memory, so that tests read as tables of sentences.

C(drbd("web1", ONLINE, OFFLINE)) is an instance with nodes of its own, web1-p and web1-s, in these states;
C(cluster(...)) joins such instances to a cluster that was read in one consistent look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.ganeti.autorepair.plugins.module_utils.client import Row
from ansible_collections.ganeti.autorepair.plugins.module_utils.decide import Action, decide
from ansible_collections.ganeti.autorepair.plugins.module_utils.execute import Settings
from ansible_collections.ganeti.autorepair.plugins.module_utils.model import (
    Cluster,
    Group,
    Instance,
    Job,
    JobRequest,
    Node,
    NodeState,
    Operation,
    RepairType,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.plan import Limits, Plan, held, make_plan
from ansible_collections.ganeti.autorepair.plugins.module_utils.repairs import repairs_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.state import Case, make_cases
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags import PREFIX, parse_tags

ONLINE, DRAINED, OFFLINE, UNKNOWN = NodeState.ONLINE, NodeState.DRAINED, NodeState.OFFLINE, NodeState.UNKNOWN
MISSING = None  # a node that the cluster's answer does not hold
FIX_STORAGE, MIGRATE = RepairType.FIX_STORAGE, RepairType.MIGRATE
FAILOVER, REINSTALL = RepairType.FAILOVER, RepairType.REINSTALL
NOW = 1_800_000_000
SHARED = ("sharedfile", "rbd", "ext", "gluster", "blockdev", "diskless")
LOCAL = ("plain", "file")


# --- tags -----------------------------------------------------------------------------------------------------------


def tag(rest: str) -> str:
    """The tag of ours that ends so."""
    return PREFIX + rest


def pending(kind: str = "failover", jobs: str = "", repair: str = "r1", at: int = 100) -> str:
    """A pending tag; C(jobs) as they are written, C(7+8)."""
    return tag(f"pending:{kind}:{repair}:{at}:{jobs}")


def ended(result: str, kind: str = "failover", jobs: str = "", repair: str = "r1", at: int = 200) -> str:
    """A result tag."""
    return tag(f"result:{kind}:{repair}:{at}:{result}:{jobs}")


# --- instances and nodes --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Placed:
    """An instance with the nodes that it is on."""

    instance: Instance
    nodes: tuple[Node, ...]


def node(name: str, state: NodeState = ONLINE, group: str = "default", vm_capable: bool = True) -> Node:
    """A node, online unless said otherwise."""
    return Node(name, group, state, vm_capable)


def placed(name: str, template: str, *states: NodeState | None, group: str = "default", **more: Any) -> Placed:
    """An instance named C(name) on nodes of its own in C(states), the primary first; C(more) are its other fields."""
    names = [f"{name}-{role}" for role, _state in zip("ps", states, strict=False)]
    nodes = tuple(node(at, state, group) for at, state in zip(names, states, strict=True) if state is not MISSING)
    fields = {"disk_template": template, "primary": names[0], "secondaries": tuple(names[1:])}
    fields |= {"uuid": f"uuid-{name}", "memory": 512, "disk_sizes": (1024,), **more}
    return Placed(Instance(name, **fields), nodes)


def drbd(name: str, primary: NodeState | None, secondary: NodeState | None, *tags: str, **more: Any) -> Placed:
    """A mirrored instance."""
    return placed(name, "drbd", primary, secondary, tags=tags, **more)


def plain(name: str, primary: NodeState | None, *tags: str, **more: Any) -> Placed:
    """A local instance."""
    return placed(name, "plain", primary, tags=tags, **more)


def rbd(name: str, primary: NodeState | None, *tags: str, **more: Any) -> Placed:
    """An instance on shared storage."""
    return placed(name, "rbd", primary, tags=tags, **more)


# --- jobs -----------------------------------------------------------------------------------------------------------


def job(number: int, status: str, operations: str, instance: str = "web1", repair: str = "", **more: Any) -> Job:
    """A job with C(operations) (C("RECREATE_DISKS")), on an instance, with the reason that the repair's jobs carry."""
    names = tuple(name if name.startswith("TAGS") else f"INSTANCE_{name}" for name in operations.split())
    reasons = (f"ganeti.autorepair:{repair}",) if repair else ()
    return Job(number, status, names, (instance,) if instance else (), reasons, **more)


def no_room(number: int, at: float = NOW, operations: str = "REPLACE_DISKS", **more: Any) -> Job:
    """A job for which there were no resources."""
    words = {"error": "not enough disk", "error_code": "insufficient_resources", "ended": at}
    return job(number, "error", operations, **(words | more))


# --- clusters -------------------------------------------------------------------------------------------------------


def cluster(
    *members: Placed | Node,
    tags: Iterable[str] = (),
    group_tags: Mapping[str, Iterable[str]] | None = None,
    jobs: Iterable[Job] = (),
    unseen: bool = False,
    **more: Any,
) -> Cluster:
    """A cluster, as one look shows it; C(unseen): its pending repairs have come since the jobs were read."""
    nodes = [one for member in members for one in (member.nodes if isinstance(member, Placed) else (member,))]
    instances = sorted((member.instance for member in members if isinstance(member, Placed)), key=lambda one: one.name)
    repairs = [repair for one in instances for repair in repairs_of(parse_tags(one.tags)) if repair.result is None]
    names = {one.group for one in nodes} | set(group_tags or {})
    return Cluster(
        name="cluster.example.com",
        tags=tuple(tags),
        nodes={one.name: one for one in nodes},
        groups={name: Group(name, tuple((group_tags or {}).get(name, ()))) for name in sorted(names)},
        instances=tuple(instances),
        jobs={one.id: one for one in jobs},
        asked=frozenset() if unseen else frozenset(number for repair in repairs for number in repair.jobs),
        followed=frozenset() if unseen else frozenset(repair.id for repair in repairs),
        **more,
    )


def case_of(one: Cluster, now: float = NOW) -> Case:
    """The case of the first instance."""
    return make_cases(one, now)[0]


def next_for(*members: Placed | Node, now: float = NOW, **more: Any) -> Action:
    """What comes next for the first instance of such a cluster."""
    one = cluster(*members, **more)
    return decide(case_of(one, now), one, now)


def plan_of(one: Cluster, now: float = NOW, **limits: Any) -> Plan:
    """The plan for C(one) within C(limits)."""
    return held(make_plan(one, Limits(**limits), now))


def deeds(plan: Plan) -> dict[str, str]:
    """What a plan does with each instance, in a word."""
    return {case.instance.name: action.kind.value for case, action in plan.rows}


def steps(action: Action) -> list[str]:
    """The names of an action's steps."""
    return [step.operation.value for step in action.steps]


# --- a client in memory ---------------------------------------------------------------------------------------------

SUMMARIES = {
    Operation.ADD_TAGS: "TAGS_SET",
    Operation.REMOVE_TAGS: "TAGS_DEL",
    Operation.REPLACE_SECONDARY: "INSTANCE_REPLACE_DISKS",
    Operation.MIGRATE: "INSTANCE_MIGRATE",
    Operation.FAILOVER: "INSTANCE_FAILOVER",
    Operation.RECREATE_DISKS: "INSTANCE_RECREATE_DISKS",
    Operation.REINSTALL: "INSTANCE_REINSTALL",
    Operation.MARK_DOWN: "INSTANCE_SET_PARAMS",
    Operation.MARK_OFFLINE: "INSTANCE_SET_PARAMS",
}
Script = Callable[[JobRequest], Exception | str | None]  # what becomes of a write: an error, a job status, or success


@dataclass
class FakeClient:
    """A Client whose jobs end at once, and whose cluster changes as they say.

    C(script) may turn a write into an error or into a job of another status; C(log) has every request, in order;
    C(room) is what nodes have free, as (disk, memory); C(failing) are errors for queries, by resource and first field.
    """

    cluster: Cluster
    script: Script = lambda request: None
    room: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    failing: dict[tuple[str, str], Exception] = field(default_factory=dict)
    next_job: int = 1000
    log: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def writes(self) -> list[JobRequest]:
        """The writes that were tried."""
        return [what for kind, what in self.log if kind == "submit"]

    @property
    def reads(self) -> list[str]:
        """What was read, by resource."""
        return [str(what) for kind, what in self.log if kind == "read"]

    def tags_of(self, name: str) -> set[str]:
        """The tags that stand on an instance now, without their common beginning."""
        found = next(one for one in self.cluster.instances if one.name == name)
        return {text.removeprefix(PREFIX) for text in found.tags}

    # the Client itself

    def cluster_info(self) -> Mapping[str, Any]:
        """See Client."""
        self.log.append(("read", "info"))
        return {"name": self.cluster.name, "tags": list(self.cluster.tags), "master": "node1"}

    def query(self, resource: str, fields: Sequence[str], qfilter: Sequence[Any] | None = None) -> Sequence[Row]:
        """See Client."""
        self.log.append(("read", resource))
        error = self.failing.get((resource, "live" if "dfree" in fields else "config"))
        if error:
            raise error
        objects = [one for one in self._objects(resource) if qfilter is None or matches(one, qfilter)]
        return [tuple((0, one[name]) if name in one else (1, None) for name in fields) for one in objects]

    def submit(self, request: JobRequest) -> int | None:
        """See Client."""
        self.log.append(("submit", request))
        answer = self.script(request)
        if isinstance(answer, Exception):
            raise answer
        self.next_job += 1
        failed = [number for number in request.after if self.cluster.jobs[number].status in ("error", "canceled")]
        waiting = [number for number in request.after if self.cluster.jobs[number].unfinished]
        status = "error" if failed else "waiting" if waiting else answer or "success"
        error = f"Dependency job {failed[0]} finished with status error" if failed else "it broke" * (status == "error")
        done = Job(
            self.next_job, status, (SUMMARIES[request.operation],), (request.name,), (request.reason,), error, "", NOW
        )
        self.cluster = replace(self.cluster, jobs={**self.cluster.jobs, done.id: done})
        if status == "success":
            self._apply(request)
        return done.id

    # what stands behind it

    def _objects(self, resource: str) -> list[Mapping[str, Any]]:
        if resource == "instance":
            return [instance_object(one) for one in self.cluster.instances]
        if resource == "group":
            return [{"name": one.name, "tags": list(one.tags)} for one in self.cluster.groups.values()]
        if resource == "job":
            return [job_object(one) for one in self.cluster.jobs.values()]
        return [node_object(one, self.room.get(one.name)) for one in self.cluster.nodes.values()]

    def _apply(self, request: JobRequest) -> None:
        """What the job of C(request) does to the cluster."""
        if request.operation in (Operation.ADD_TAGS, Operation.REMOVE_TAGS):
            self._tag(request)
            return
        moved = {one.name: one for one in self.cluster.instances}
        moved[request.name] = self._after(moved[request.name], request)
        self.cluster = replace(self.cluster, instances=tuple(moved.values()))

    def _tag(self, request: JobRequest) -> None:
        def changed(old: tuple[str, ...]) -> tuple[str, ...]:
            kept = tuple(text for text in old if text not in request.tags)
            return (*kept, *request.tags) if request.operation is Operation.ADD_TAGS else kept

        if request.kind == "instance":
            ours = tuple(
                replace(one, tags=changed(one.tags)) if one.name == request.name else one
                for one in self.cluster.instances
            )
            self.cluster = replace(self.cluster, instances=ours)
        elif request.kind == "group":
            group = Group(request.name, changed(self.cluster.groups[request.name].tags))
            self.cluster = replace(self.cluster, groups={**self.cluster.groups, group.name: group})
        else:
            self.cluster = replace(self.cluster, tags=changed(self.cluster.tags))

    def _after(self, one: Instance, request: JobRequest) -> Instance:
        online = [other.name for other in self.cluster.nodes.values() if other.state is ONLINE]
        spare = next((name for name in online if name not in (one.primary, *one.secondaries)), "")
        if request.operation is Operation.REPLACE_SECONDARY:
            return replace(one, secondaries=(spare,))
        if request.operation in (Operation.FAILOVER, Operation.MIGRATE):
            to = one.secondaries[0] if one.secondaries else spare
            return replace(one, primary=to, secondaries=(one.primary,) if one.secondaries else ())
        if request.operation is Operation.RECREATE_DISKS:
            chosen = request.parameters["nodes"]
            return replace(one, primary=chosen[0], secondaries=tuple(chosen[1:]))
        if request.operation is Operation.REINSTALL:
            return replace(one, admin_state="up" if request.parameters["start"] else "down")
        return replace(one, admin_state="down" if request.operation is Operation.MARK_DOWN else "offline")


def matches(one: Mapping[str, Any], qfilter: Sequence[Any]) -> bool:
    """Whether a query's filter lets an object by."""
    operator, *operands = qfilter
    if operator == "|":
        return any(matches(one, operand) for operand in operands)
    name, value = operands
    return value in one.get(name, ()) if operator == "=[]" else one.get(name) == value


def instance_object(one: Instance) -> Mapping[str, Any]:
    """An instance as queries know it."""
    known = {
        "name": one.name,
        "uuid": one.uuid,
        "disk_template": one.disk_template,
        "pnode": one.primary,
        "snodes": list(one.secondaries),
        "admin_state": one.admin_state,
        "tags": list(one.tags),
        "be/always_failover": one.always_failover,
        "be/maxmem": one.memory,
        "disk.sizes": list(one.disk_sizes),
    }
    return {name: value for name, value in known.items() if name not in one.unread}


def node_object(one: Node, room: tuple[int, int] | None) -> Mapping[str, Any]:
    """A node as queries know it."""
    flags = {"offline": one.state is OFFLINE, "drained": one.state is DRAINED}
    known = {"name": one.name, "group": one.group, "vm_capable": one.vm_capable}
    known |= flags if one.state is not UNKNOWN else {}
    return known | ({"dfree": room[0], "mfree": room[1]} if room else {})


def job_object(one: Job) -> Mapping[str, Any]:
    """A job as queries know it."""
    name = one.instances[0] if one.instances else ""
    trail = [["gnt:client", text, 1] for text in one.reasons]
    failed = one.status == "error"
    return {
        "id": one.id,
        "status": one.status,
        "summary": [f"{operation}({name})" for operation in one.operations],
        "ops": [
            {"kind": "instance", "name": name, "reason": trail}
            if operation.startswith("TAGS")
            else {"instance_name": name, "reason": trail}
            for operation in one.operations
        ],
        "opstatus": [one.status] * len(one.operations),
        "opresult": [["OpPrereqError", [one.error, one.error_code]] if failed else None] * len(one.operations),
        "end_ts": None if one.ended is None else [int(one.ended), 0],
    }


def settings(**more: Any) -> Settings:
    """Settings of a round whose repairs are called id1, id2, ... and that waits for nothing."""
    numbers = iter(range(1, 10_000))
    given: dict[str, Any] = {"reason": "", "iallocator": "", "sleep": lambda seconds: None}
    return Settings(**(given | {"new_id": lambda: f"id{next(numbers)}"} | more))
