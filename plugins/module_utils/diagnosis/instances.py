# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances: what is broken about one, and the steps that would heal it (design, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType

from ..ganeti.model import TEMPLATE_CLASSES, Instance, Node, NodeState, RepairType, TemplateClass, utc
from ..ganeti.operations import Operation
from ..tags.values import Behind


@dataclass(frozen=True)
class Step:
    """One job of a repair, and the repair type that has to be allowed for it."""

    operation: Operation
    needs: RepairType


def _step(operation: Operation) -> Step:
    kind = operation.row.type
    assert kind is not None, f"{operation.value} is no step of a repair"
    return Step(operation, kind)


REPLACE_SECONDARY = _step(Operation.REPLACE_SECONDARY)
MIGRATE = _step(Operation.MIGRATE)
MOVE_STOPPED = Step(Operation.FAILOVER, RepairType.MIGRATE)  # it has no running state to lose
FAILOVER = _step(Operation.FAILOVER)
RECREATE_DISKS = _step(Operation.RECREATE_DISKS)
REINSTALL = _step(Operation.REINSTALL)
MARK_DOWN = _step(Operation.MARK_DOWN)
MARK_OFFLINE = _step(Operation.MARK_OFFLINE)


class DrainedSecondaries(Enum):
    """What becomes of the secondary of an instance on a drained node: a new one, or it stays for a short reboot."""

    REPLACE = "replace"
    KEEP = "keep"


def together(steps: tuple[Step, ...], joins: bool) -> tuple[Step, ...]:
    """Those of C(steps) that are submitted at once: the first and what belongs to it.

    To a move belongs the new secondary that it makes necessary. To a recreation belongs all of the reinstall, where the
    transport C(joins) tasks to a job: the instance should not rest without its disks or its mark in between.
    """
    if any(step.operation.is_reinstall for step in steps):
        return steps if joins else steps[:1]
    moved = steps[0].operation in (Operation.FAILOVER, Operation.MIGRATE)
    return steps[:2] if moved and steps[1:2] == (REPLACE_SECONDARY,) else steps[:1]


def off_by_failover(health: Health) -> Health:
    """C(health) of an instance that does not run: Ganeti does not migrate it, and it has no running state to lose, so
    a failover takes it off a drained node (design, section 3)."""
    steps = tuple(MOVE_STOPPED if step is MIGRATE else step for step in health.steps)
    return replace(health, steps=steps)


@dataclass(frozen=True)
class Health:
    """A judgement of one instance.

    C(problem) says what is broken and is empty for a whole instance; C(steps) lead from here to health. Where there are
    none for a broken instance, C(advice) says why and what a person can do, and ends with a C(command) for it.
    C(behind) says that it is so because of a copy that does not hold the newest data, C(accepted) that somebody has
    accepted one. C(waits_for) is what must happen before the first step can be taken. C(unknown) says what is not
    known: then nothing else is.
    """

    problem: str = ""
    steps: tuple[Step, ...] = ()
    advice: str = ""
    command: str = ""
    behind: bool = False
    accepted: bool = False
    waits_for: str = ""
    unknown: str = ""

    @property
    def whole(self) -> bool:
        """Whether nothing is known to be broken, and nothing is unknown."""
        return not self.problem and not self.unknown

    @property
    def needs(self) -> RepairType | None:
        """The repair type that has to be allowed for all steps."""
        return max((step.needs for step in self.steps), default=None)


def judge(
    instance: Instance,
    nodes: Mapping[str, Node],
    drained: DrainedSecondaries = DrainedSecondaries.REPLACE,
    behind: Mapping[str, Behind] = MappingProxyType({}),
    accepts: float = 0.0,
) -> Health:
    """What is broken about C(instance), from the states of the nodes that it is on.

    C(drained) says what a drained secondary means; C(behind) has the nodes whose copy of its disks does not hold the
    newest data, each with the tag that says so. What was noted until C(accepts) (seconds since the epoch) somebody has
    accepted to lose; what was noted after that nobody has.
    """
    accepted = [name for name in instance.nodes if name in behind and behind[name].since <= accepts]
    if accepted and not _runs_from_dead_copy(instance, nodes, behind):
        others = {name: tag for name, tag in behind.items() if name not in accepted}
        health, old = judge(instance, nodes, drained, others), accepted[0]
        words = f"the copy on {old} is behind since {utc(behind[old].since)} at the latest, which was accepted"
        return replace(health, problem=health.problem and f"{health.problem}; {words}", accepted=bool(health.problem))
    if instance.forthcoming:  # a reservation has nothing that could be broken
        return Health()
    unknown = _unknown(instance, nodes)
    if unknown:
        return Health(unknown=unknown)
    primary = nodes[instance.primary]
    kind = TEMPLATE_CLASSES[instance.disk_template]
    if primary.name in behind:
        return _primary_behind(instance, behind)
    if kind is TemplateClass.MIRRORED:
        secondary = nodes[instance.secondaries[0]]
        if primary.state is not NodeState.ONLINE and secondary.state is NodeState.ONLINE and secondary.name in behind:
            return _secondary_behind(instance, primary, behind[secondary.name])
        health = _mirrored(instance, primary, secondary)
        return _kept(health, primary, secondary) if drained is DrainedSecondaries.KEEP else health
    if primary.state is NodeState.ONLINE:
        return Health()
    if kind is TemplateClass.SHARED:
        return _shared(instance, primary)
    return _local(instance, primary)


def _unknown(instance: Instance, nodes: Mapping[str, Node]) -> str:
    """Why C(instance) can't be judged, or an empty text."""
    if instance.unread:
        return "the cluster gave no usable value for its {}".format(", ".join(instance.unread))
    kind = TEMPLATE_CLASSES.get(instance.disk_template)
    if kind is None:
        return f"its disk template {instance.disk_template} is not known here"
    if instance.admin_state not in ("up", "down", "offline"):
        return f"its admin state {instance.admin_state} is not known here"
    copies = 1 if kind is TemplateClass.MIRRORED else 0
    if len(instance.secondaries) != copies:
        return f"it has {len(instance.secondaries)} secondaries, its disk template has {copies}"
    for name in (instance.primary, *instance.secondaries):
        if name not in nodes:
            return f"the node {name} is not in the cluster's answer"
        if nodes[name].state is NodeState.UNKNOWN:
            return f"the state of the node {name} is not known"
    return ""


def _primary_behind(instance: Instance, behind: Mapping[str, Behind]) -> Health:
    """The disks that it would run from are empty, old or not in step: a step stopped half-way, or somebody has failed
    it over to a copy that was behind."""
    tags = [behind[name].tag for name in instance.nodes if name in behind]
    since = utc(behind[instance.primary].since)
    command = f"gnt-instance remove-tags {instance.name} {' '.join(tags)}"
    advice = (
        f"a step stopped half-way there, or that copy was not in step, since {since} at the latest; so nothing is done "
        "by itself, and no copy is given up; find the one that has its data, or have it "
        f"installed (gnt-instance reinstall {instance.name}); when it is as you want it: {command}"
    )
    problem = f"the disks on its primary {instance.primary} are not known to hold its data"
    return Health(problem, advice=advice, command=command, behind=True)


def _runs_from_dead_copy(instance: Instance, nodes: Mapping[str, Node], behind: Mapping[str, Behind]) -> bool:
    """Whether the copy that was accepted, and that it has run from since, is on a dead node: what it wrote there nobody
    has accepted to lose."""
    primary = nodes.get(instance.primary)
    return primary is not None and primary.name in behind and primary.state is NodeState.OFFLINE


def _secondary_behind(instance: Instance, primary: Node, tag: Behind) -> Health:
    """A move would make old data the truth, and the newer data on the primary would be lost."""
    (secondary,) = instance.secondaries
    if primary.state is NodeState.DRAINED:
        command = f"gnt-instance activate-disks {instance.name}"
        advice = (
            f"the copy on its secondary {secondary} is behind since {utc(tag.since)} at the latest, so nothing moves "
            "there; once they are in step, a look at the mirrors (the playbook mirrors) takes that back; to connect "
            f"them: {command}"
        )
        return Health(f"primary {primary.name} is drained", advice=advice, command=command, behind=True)
    command = f"gnt-node modify --offline=no {instance.primary}"
    advice = (
        f"the copy on its secondary {secondary} is behind since {utc(tag.since)} at the latest, so its newest data is "
        f"on {instance.primary}; to go on without what was written since then, which is lost: ansible-playbook "
        f"ganeti.autorepair.request -e ganeti_autorepair_instances={instance.name} -e ganeti_autorepair_type=failover "
        f"-e ganeti_autorepair_accept_behind=true; else bring that node back: {command}"
    )
    return Health(f"primary {instance.primary} is offline", advice=advice, command=command, behind=True)


def _mirrored(instance: Instance, primary: Node, secondary: Node) -> Health:
    """The rows C(mirrored) of the design's table."""
    problem = " and ".join(
        f"{role} {node.name} is {node.state.value}"
        for role, node in (("primary", primary), ("secondary", secondary))
        if node.state is not NodeState.ONLINE
    )
    if primary.state is NodeState.ONLINE:
        return Health(problem, (REPLACE_SECONDARY,) if problem else ())
    if primary.state is NodeState.DRAINED:
        move = (_move(instance), REPLACE_SECONDARY)
        return Health(problem, move if secondary.state is NodeState.ONLINE else (REPLACE_SECONDARY, *move))
    if secondary.state is NodeState.ONLINE:
        return Health(problem, (FAILOVER, REPLACE_SECONDARY))
    if secondary.state is NodeState.DRAINED:  # it holds the last copy, and Ganeti refuses failover to a drained node
        waits_for = f"node {secondary.name} to be no longer drained: it holds the only copy"
        return Health(problem, (FAILOVER, REPLACE_SECONDARY), waits_for=waits_for)
    return Health(problem, _anew(instance))  # no copy of the disks is left


def _kept(health: Health, primary: Node, secondary: Node) -> Health:
    """C(health) where a secondary may stay on a drained node: it is as good as online there, and so is the one that a
    move leaves behind. But nothing moves to a drained node, so its secondary is replaced before a move, as ever."""
    if primary.state is NodeState.ONLINE and secondary.state is NodeState.DRAINED:
        return Health()
    if primary.state is NodeState.DRAINED:
        return replace(health, steps=health.steps[:-1])  # the last is the new secondary after the move
    return health


def _shared(instance: Instance, primary: Node) -> Health:
    step = FAILOVER if primary.state is NodeState.OFFLINE else _move(instance)
    return Health(f"primary {primary.name} is {primary.state.value}", (step,))


def _local(instance: Instance, primary: Node) -> Health:
    problem = f"primary {primary.name} is {primary.state.value}"
    if primary.state is NodeState.OFFLINE:
        return Health(problem, _anew(instance))
    command = f"gnt-instance move -n NODE {instance.name}"
    advice = (
        "no automatic repair keeps the data of a {} instance on a drained node; a person can move it with its data: {}"
    )
    return Health(problem, advice=advice.format(instance.disk_template, command), command=command)


def _anew(instance: Instance) -> tuple[Step, ...]:
    """The steps that give C(instance) new disks, installed again."""
    if instance.admin_state == "offline":
        return RECREATE_DISKS, MARK_DOWN, REINSTALL, MARK_OFFLINE
    return RECREATE_DISKS, REINSTALL


def _move(instance: Instance) -> Step:
    """The step that takes C(instance) off a node that is alive."""
    if not instance.meant_to_run:
        return MOVE_STOPPED
    return FAILOVER if instance.always_failover else MIGRATE
