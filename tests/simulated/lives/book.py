# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the design says of one instance: its tags, its state, and what it needs; without a line of the engine's."""

from __future__ import annotations

from collections.abc import Mapping

from simulator import Cluster
from simulator.job import Job
from simulator.model import Instance, Node

TAG = "ganeti:watcher:autorepair:"
BEHIND = "ganeti:watcher:nodewatch:behind:"
RANKS = {"fix-storage": 1, "migrate": 2, "failover": 3, "reinstall": 4}
DESTROYERS = ("OP_INSTANCE_RECREATE_DISKS", "OP_INSTANCE_REINSTALL")
REPEATABLE = ("OP_INSTANCE_ACTIVATE_DISKS", "OP_INSTANCE_FAILOVER", "OP_INSTANCE_REPLACE_DISKS")


def in_force(claim: str, now: float) -> bool:
    """Whether a claim has not run out."""
    return bool(claim) and int(claim.rpartition(":")[2]) > now


def repair_of(job: Job) -> str:
    """The id of the repair that a job's reason trail names; RAPI writes none for a reinstall."""
    texts = [entry[1] for step in job.steps for entry in step.op["reason"]]
    return next((str(text).split(" ")[0] for text in texts if str(text).startswith("ganeti.autorepair:")), "")


def words(tags: set[str]) -> list[list[str]]:
    """The auto-repair tags, without what they all begin with, each cut at its colons."""
    return [tag.removeprefix(TAG).split(":") for tag in sorted(tags) if tag.startswith(TAG)]


def allowed(cluster: Cluster, instance: Instance) -> int:
    """The rank of what the tags allow, whatever is suspended: the nearest object decides, and of several the least."""
    group = cluster.groups[cluster.node(instance.primary).group]
    for tags in (words(instance.tags), words(group.tags), words(cluster.tags)):
        if ranks := [RANKS[tag[0]] for tag in tags if tag[0] in RANKS]:
            return min(ranks)
    return 0


def about(job: Job, instance: Instance) -> bool:
    """Whether a job is about this very instance, and not about another of its name."""
    ops = [step.op for step in job.steps]
    names = {op.get("instance_name", op.get("name") if op.get("kind") == "instance" else None) for op in ops}
    uuids = {op["instance_uuid"] for op in ops if "instance_uuid" in op}
    return instance.uuid in uuids if uuids else instance.name in names


def foreign(tag: list[str], instance: Instance, jobs: Mapping[int, Job]) -> bool:
    """Whether a tag names a job, of these, that is about another instance: nobody can tell what it means."""
    numbers = [int(number) for number in tag[-1].split("+") if number.isdigit()] if tag[0] == "pending" else []
    return any(number in jobs and not about(jobs[number], instance) for number in numbers)


def may_give_up(cluster: Cluster, instance: Instance) -> bool:
    """Whether somebody allows, or has asked, to reinstall an instance."""
    asked = [tag for tag in words(instance.tags) if tag[:2] == ["pending", "reinstall"] and len(tag) == 5]
    asked = [tag for tag in asked if not foreign(tag, instance, cluster.queue.jobs)]
    return bool(asked) or allowed(cluster, instance) >= RANKS["reinstall"]


def pending_ids(instance: Instance) -> list[str]:
    """The ids of the repairs of an instance that have no result, each once."""
    tags = words(instance.tags)
    ended = {tag[2] for tag in tags if tag[0] == "result"}
    return sorted({tag[2] for tag in tags if tag[0] == "pending" and len(tag) == 5} - ended)


def state_of(cluster: Cluster, instance: Instance, now: float) -> str:
    """The name of an instance's state at a time by the design's section 4, without a line of the engine's."""
    own, allowed = words(instance.tags), 0
    if any(tag[0] == "result" and tag[4] == "failure" for tag in own):
        return "repair_failed"
    group = cluster.groups[cluster.node(instance.primary).group]
    for tags in (own, words(group.tags), words(cluster.tags)):
        if any(tag[0] == "suspend" and not (tag[-1].isdigit() and int(tag[1]) <= now) for tag in tags):
            return "suspended"
        if allowed := min((RANKS[tag[0]] for tag in tags if tag[0] in RANKS), default=0):
            break
    if pending_ids(instance):
        return "pending_repair"
    needed = needs(cluster, instance)
    if needed == 0:
        return "healthy"
    return "needs_repair" if needed <= allowed else "repair_disallowed"


def needs(cluster: Cluster, instance: Instance) -> int:
    """The rank of the repair that the table of the design's section 3 names: 0 for none, 5 for one that nobody has."""
    primary, *others = (says(cluster.node(name)) for name in instance.nodes)
    behind = [is_behind(cluster, instance, name) for name in instance.nodes]
    if behind[0] or (primary != "online" and others == ["online"] and behind[1]):
        return 5
    move = 3 if instance.admin_state == "up" and cluster.always_fails_over(instance) else 2
    if instance.kind == "mirrored":
        lost = 4 if others == ["offline"] else 3
        return {"online": 0 if others == ["online"] else 1, "drained": move, "offline": lost}[primary]
    if instance.kind == "shared":
        return {"online": 0, "drained": move, "offline": 3}[primary]
    return {"online": 0, "drained": 5, "offline": 4}[primary]


def is_behind(cluster: Cluster, instance: Instance, name: str) -> bool:
    """Whether a tag of the instance remembers that its copy on a node is not its newest data."""
    head = f"{BEHIND}{cluster.node(name).uuid}:"
    return any(tag.startswith(head) for tag in instance.tags)


def says(node: Node) -> str:
    """What the administrator says of a node."""
    return "offline" if node.offline else "drained" if node.drained else "online"
