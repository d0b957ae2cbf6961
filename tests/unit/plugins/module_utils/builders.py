# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small language for clusters, so that tests read as tables of sentences.

`drbd("web1", ONLINE, OFFLINE)` is an instance with nodes of its own, web1-p and web1-s, in these states;
`cluster(...)` joins such instances to a cluster that was read in one consistent look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import (
    TEMPLATE_CLASSES,
    Cluster,
    Group,
    Instance,
    Job,
    Node,
    NodeState,
    RepairType,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.gating import apply_gates
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import Plan, make_draft
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.throttle import limit_concurrency
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.action import Action
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.case import Case, cases_at
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.decide import decide
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.history import repairs_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.approval import Fingerprint, FingerprintEntry
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import MaxUnhealthy
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import ExecutionOptions
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import PREFIX
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.values import parse_tags
from unbraked import unbraked

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
    """A pending tag; `jobs` as they are written, `7+8`."""
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


Member = Placed | Node  # of a cluster


def node(name: str, state: NodeState = ONLINE, group: str = "default", vm_capable: bool = True) -> Node:
    """A node, online unless said otherwise."""
    return Node(name, group, state, vm_capable, uuid=f"uuid-{name}")


def placed(name: str, template: str, *states: NodeState | None, group: str = "default", **more: Any) -> Placed:
    """An instance named `name` on nodes of its own in `states`, the primary first; `more` are its other fields."""
    names = [f"{name}-{role}" for role, _state in zip("ps", states, strict=False)]
    nodes = tuple(node(at, state, group) for at, state in zip(names, states, strict=True) if state is not MISSING)
    fields: dict[str, Any] = {"disk_template": template, "primary": names[0], "secondaries": tuple(names[1:])}
    fields |= {"uuid": f"uuid-{name}", "memory": 512, "disk_sizes": (1024,), **more}
    return Placed(Instance(name, **fields), nodes)


def marked(one: Placed, **more: Any) -> Placed:
    """`one` on nodes of which so much is known: `changed`, when they were marked, and `powered`."""
    return replace(one, nodes=tuple(replace(node, **more) for node in one.nodes))


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


def job(number: int, status: str, operations: str, instance: str = "web1", repair: str = "r1", **more: Any) -> Job:
    """A job with `operations` (`"RECREATE_DISKS"`), on an instance, with the reason that the repair's jobs carry;
    empty for somebody else's, and for a reinstall over RAPI.

    Of one that did not succeed, `done` is the number of operations that did. Disks were recreated just before NOW, and
    held by a node that is no more.
    """
    names = tuple(name if name.startswith("TAGS") else f"INSTANCE_{name}" for name in operations.split())
    known: dict[str, Any] = {"error_class": "OpExecError"} if status == "error" else {}
    recreates = "RECREATE_DISKS" in operations
    mark = f"ganeti.autorepair:{repair}" + " held-by=gone" * recreates
    alone = operations.startswith(("REINSTALL", "SHUTDOWN REINSTALL"))  # RAPI writes no reason for it
    known |= {"instances": (instance,) if instance else (), "reasons": (mark,) * bool(repair and not alone)}
    done = len(names) if status == "success" else more.pop("done", 0)
    known |= {"ended": NOW - 100} if recreates and done else {}
    known["begun"] = len(names) if status == "success" else done + (status in ("error", "running"))
    return Job(number, status, names, names[:done], **(known | more))


def no_room(number: int, at: float = NOW, operations: str = "REPLACE_DISKS", **more: Any) -> Job:
    """A job for which there were no resources."""
    words = {"error": "not enough disk", "error_class": "OpPrereqError", "error_code": "insufficient_resources"}
    return job(number, "error", operations, **(words | {"ended": at} | more))


# --- clusters -------------------------------------------------------------------------------------------------------


def cluster(
    *members: Member,
    tags: Iterable[str] = (),
    group_tags: Mapping[str, Iterable[str]] | None = None,
    jobs: Iterable[Job] = (),
    unseen: bool = False,
    **more: Any,
) -> Cluster:
    """A cluster, as one look shows it; `unseen`: its pending repairs have come since the jobs were read."""
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
        enabled_disk_templates=tuple(TEMPLATE_CLASSES),
        jobs={one.id: one for one in jobs},
        queried_job_ids=frozenset() if unseen else frozenset(number for repair in repairs for number in repair.jobs),
        tracked_repair_ids=frozenset() if unseen else frozenset(repair.id for repair in repairs),
        **more,
    )


def case_of(one: Cluster, now: float = NOW) -> Case:
    """The case of the first instance."""
    return cases_at(one, now)[0]


def next_for(*members: Member, now: float = NOW, retries: int = 0, **more: Any) -> Action:
    """What comes next for the first instance of such a cluster."""
    one = cluster(*members, **more)
    return decide(case_of(one, now), one, now, unbraked(retries=retries))


def at_most(text: str) -> MaxUnhealthy:
    """How many nodes may be broken, of `40%` or `3`."""
    if text.endswith("%"):
        return MaxUnhealthy(text, percent=Decimal(text[:-1]))
    return MaxUnhealthy(text, number=int(text))


def plan_of(one: Cluster, now: float = NOW, **limits: Any) -> Plan:
    """The plan for `one` within `limits`."""
    return limit_concurrency(apply_gates(make_draft(one, unbraked(**limits), now)))


def fingerprint_in(plan: Mapping[str, Any]) -> Fingerprint:
    """What a plan does, from the plan as data."""
    return Fingerprint(plan["cluster"], tuple(map(FingerprintEntry.of_data, plan["actions"])))


def hash_of(actions: Sequence[Mapping[str, Any]], uuid: str) -> str:
    """The hash of a plan for such a cluster with such actions."""
    return fingerprint_in({"actions": actions, "cluster": uuid}).hash


def deeds(plan: Plan) -> dict[str, str]:
    """What a plan does with each instance, in a word."""
    return {case.instance.name: action.kind.value for case, action in plan.rows}


def steps(action: Action) -> list[str]:
    """The names of an action's steps."""
    return [step.operation.value for step in action.steps]


# --- objects as queries know them -----------------------------------------------------------------------------------


def matches(one: Mapping[str, Any], qfilter: Sequence[Any]) -> bool:
    """Whether a query's filter lets an object by."""
    operator, *operands = qfilter
    if operator in ("|", "&"):
        return (any if operator == "|" else all)(matches(one, operand) for operand in operands)
    name, value = operands
    if operator == ">":
        return bool(one[name] > value)
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
        "forthcoming": one.forthcoming,
    }
    return {name: value for name, value in known.items() if name not in one.missing_fields}


def node_object(one: Node, room: tuple[int, int] | None) -> Mapping[str, Any]:
    """A node as queries know it."""
    flags = {"offline": one.state is OFFLINE, "drained": one.state is DRAINED}
    known = {"name": one.name, "group": one.group, "vm_capable": one.vm_capable, "uuid": one.uuid}
    known |= flags if one.state is not UNKNOWN else {}
    known |= {"mtime": one.changed} if one.changed is not None else {}
    known |= {"powered": one.powered} if one.powered is not None else {}
    known |= {"tags": list(one.tags)} if one.tags is not None else {}
    return known | ({"dfree": room[0], "mfree": room[1]} if room else {})


def job_object(one: Job) -> dict[str, Any]:
    """A job as queries know it."""
    name = one.instances[0] if one.instances else ""
    trail = [[one.sources[0] if one.sources else "gnt:client", text, 1] for text in one.reasons]
    todo = len(one.operations) - len(one.done)
    rest = "error" if one.status in ("error", "canceled") else "queued"
    failed = one.status == "error"
    return {
        "id": one.id,
        "status": one.status,
        "summary": [f"{operation}({name})" for operation in one.operations],
        "ops": [_op(operation, name) | {"reason": trail} for operation in one.operations],
        "opstatus": ["success"] * len(one.done) + ([one.status] + [rest] * (todo - 1)) * bool(todo),
        "opresult": [None] * len(one.done)
        + ([[one.error_class, [one.error, one.error_code]] if failed else None] + [None] * (todo - 1)) * bool(todo),
        "opexec": [[1, 1] if at < one.begun else None for at in range(len(one.operations))],
        "received_ts": _time(one.received),
        "start_ts": _time(one.started),
        "end_ts": _time(one.ended),
    }


def _time(seconds: float | None) -> list[int] | None:
    return None if seconds is None else [int(seconds), int(seconds % 1 * 1e6)]


def _op(operation: str, name: str) -> dict[str, Any]:
    if operation.startswith("TAGS"):
        return {"kind": "instance" if name else "cluster", "name": name or None}
    return {"instance_name": name}


def settings(**more: Any) -> ExecutionOptions:
    """The options of a round whose repairs are called id1, id2, ..."""
    numbers = iter(range(1, 10_000))
    given: dict[str, Any] = {"reason": "", "iallocator": ""}
    return ExecutionOptions(**(given | {"new_id": lambda: f"id{next(numbers)}"} | more))


def no_sleep(seconds: float) -> None:
    """Wait no time at all."""
