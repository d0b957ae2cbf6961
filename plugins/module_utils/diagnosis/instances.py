# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances: diagnosis of one instance, and the steps that would repair it (design, section 3)."""

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
    if kind is None:
        raise ValueError(f"{operation.value} is no step of a repair")
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
    """What happens to a secondary on a drained node: it is replaced, or kept (for a short reboot of the node)."""

    REPLACE = "replace"
    KEEP = "keep"


def submitted_together(steps: tuple[Step, ...], multi_opcode: bool) -> tuple[Step, ...]:
    """The steps to submit in this round: the first, plus any that must follow it immediately.

    A move is followed by the new secondary that it makes necessary. Where one job can hold several opcodes
    (`multi_opcode`), recreating disks is followed by the whole reinstall: the instance should not stay without its
    disks or its mark.
    """
    if any(step.operation.is_reinstall for step in steps):
        return steps if multi_opcode else steps[:1]
    moved = steps[0].operation in (Operation.FAILOVER, Operation.MIGRATE)
    return steps[:2] if moved and steps[1:2] == (REPLACE_SECONDARY,) else steps[:1]


def off_by_failover(health: Diagnosis) -> Diagnosis:
    """`health` with a failover instead of a migration, for an instance that does not run: Ganeti refuses to migrate it,
    and it has no running state to lose (design, section 3)."""
    steps = tuple(MOVE_STOPPED if step is MIGRATE else step for step in health.steps)
    return replace(health, steps=steps)


@dataclass(frozen=True)
class Diagnosis:
    """The diagnosis of one instance.

    `problem` says what is broken, and is empty for a healthy instance; `steps` repair it. If a broken instance has no
    steps, `advice` says why and what a person can do, and ends with a `command` for it. `behind` says that the reason
    is a copy without the newest data; `accepted` that a user has accepted such a copy. `waits_for` is the condition
    for the first step. `unknown` says what is not known; then all other fields are empty.
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
    def is_healthy(self) -> bool:
        """Whether nothing is known to be broken, and nothing is unknown."""
        return not self.problem and not self.unknown

    @property
    def needs(self) -> RepairType | None:
        """The repair type that has to be allowed for all steps."""
        return max((step.needs for step in self.steps), default=None)


def diagnose(
    instance: Instance,
    nodes: Mapping[str, Node],
    drained: DrainedSecondaries = DrainedSecondaries.REPLACE,
    behind: Mapping[str, Behind] = MappingProxyType({}),
    accepts: float = 0.0,
) -> Diagnosis:
    """What is broken about `instance`, from the states of the nodes that it is on.

    `drained` says what a drained secondary means; `behind` maps the nodes whose copy of its disks lacks the newest data
    to the tags that say so. A user has accepted the copies noted as behind until `accepts` (seconds since the epoch),
    but not those noted later.
    """
    accepted = [name for name in instance.nodes if name in behind and behind[name].since <= accepts]
    if accepted and not _runs_from_dead_copy(instance, nodes, behind):
        others = {name: tag for name, tag in behind.items() if name not in accepted}
        health, old = diagnose(instance, nodes, drained, others), accepted[0]
        words = f"the copy on {old} has been behind since {utc(behind[old].since)} at the latest, which was accepted"
        return replace(health, problem=health.problem and f"{health.problem}; {words}", accepted=bool(health.problem))
    if instance.forthcoming:  # a reservation has nothing that could be broken
        return Diagnosis()
    unknown = _unknown(instance, nodes)
    if unknown:
        return Diagnosis(unknown=unknown)
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
        return Diagnosis()
    if kind is TemplateClass.SHARED:
        return _shared(instance, primary)
    return _local(instance, primary)


def _unknown(instance: Instance, nodes: Mapping[str, Node]) -> str:
    """Why `instance` can't be diagnosed; empty if it can."""
    if instance.missing_fields:
        return "the cluster returned no usable value for its {}".format(", ".join(instance.missing_fields))
    kind = TEMPLATE_CLASSES.get(instance.disk_template)
    if kind is None:
        return f"unsupported disk template {instance.disk_template}"
    if instance.admin_state not in ("up", "down", "offline"):
        return f"unknown admin state {instance.admin_state}"
    copies = 1 if kind is TemplateClass.MIRRORED else 0
    if len(instance.secondaries) != copies:
        return f"it has {len(instance.secondaries)} secondaries, but its disk template needs {copies}"
    for name in (instance.primary, *instance.secondaries):
        if name not in nodes:
            return f"the node {name} is not in the cluster's answer"
        if nodes[name].state is NodeState.UNKNOWN:
            return f"the state of the node {name} is not known"
    return ""


def _primary_behind(instance: Instance, behind: Mapping[str, Behind]) -> Diagnosis:
    """The diagnosis if the primary's disks are empty, old or not in sync: a step stopped half-way, or somebody failed
    the instance over to a copy that was behind."""
    tags = [behind[name].tag for name in instance.nodes if name in behind]
    since = utc(behind[instance.primary].since)
    command = f"gnt-instance remove-tags {instance.name} {' '.join(tags)}"
    advice = (
        f"a step stopped half-way there, or that copy was not in sync, since {since} at the latest; nothing is done "
        "automatically, and no copy is given up; find the one that has its data, or reinstall it "
        f"(gnt-instance reinstall {instance.name}); when it is as you want it: {command}"
    )
    problem = f"the disks on its primary {instance.primary} are not known to hold its data"
    return Diagnosis(problem, advice=advice, command=command, behind=True)


def _runs_from_dead_copy(instance: Instance, nodes: Mapping[str, Node], behind: Mapping[str, Behind]) -> bool:
    """Whether the accepted copy, from which it has run since, is on a dead node: nobody has accepted the loss of what
    was written there."""
    primary = nodes.get(instance.primary)
    return primary is not None and primary.name in behind and primary.state is NodeState.OFFLINE


def _secondary_behind(instance: Instance, primary: Node, tag: Behind) -> Diagnosis:
    """The diagnosis if a move would make old data current, and would lose the newer data on the primary."""
    (secondary,) = instance.secondaries
    if primary.state is NodeState.DRAINED:
        command = f"gnt-instance activate-disks {instance.name}"
        advice = (
            f"the copy on its secondary {secondary} has been behind since {utc(tag.since)} at the latest, so nothing "
            "moves "
            "there; once the copies are in sync, a check of the mirrors (the playbook mirrors) clears this; to "
            f"connect them: {command}"
        )
        return Diagnosis(f"primary {primary.name} is drained", advice=advice, command=command, behind=True)
    command = f"gnt-node modify --offline=no {instance.primary}"
    advice = (
        f"the copy on its secondary {secondary} has been behind since {utc(tag.since)} at the latest, so its newest "
        "data is "
        f"on {instance.primary}; to continue without what was written since then, which is lost: ansible-playbook "
        f"ganeti.autorepair.request -e ganeti_autorepair_instances={instance.name} -e ganeti_autorepair_type=failover "
        f"-e ganeti_autorepair_accept_behind=true; otherwise bring that node back: {command}"
    )
    return Diagnosis(f"primary {instance.primary} is offline", advice=advice, command=command, behind=True)


def _mirrored(instance: Instance, primary: Node, secondary: Node) -> Diagnosis:
    """The diagnosis of a mirrored instance: the rows `mirrored` of the design's table."""
    problem = " and ".join(
        f"{role} {node.name} is {node.state.value}"
        for role, node in (("primary", primary), ("secondary", secondary))
        if node.state is not NodeState.ONLINE
    )
    if primary.state is NodeState.ONLINE:
        return Diagnosis(problem, (REPLACE_SECONDARY,) if problem else ())
    if primary.state is NodeState.DRAINED:
        move = (_move(instance), REPLACE_SECONDARY)
        return Diagnosis(problem, move if secondary.state is NodeState.ONLINE else (REPLACE_SECONDARY, *move))
    if secondary.state is NodeState.ONLINE:
        return Diagnosis(problem, (FAILOVER, REPLACE_SECONDARY))
    if secondary.state is NodeState.DRAINED:  # it holds the last copy, and Ganeti refuses failover to a drained node
        waits_for = f"node {secondary.name} is no longer drained: it holds the only copy"
        return Diagnosis(problem, (FAILOVER, REPLACE_SECONDARY), waits_for=waits_for)
    return Diagnosis(problem, _reinstall_steps(instance))  # no copy of the disks is left


def _kept(health: Diagnosis, primary: Node, secondary: Node) -> Diagnosis:
    """`health` if a secondary may stay on a drained node: it counts as online there, and so does the one that a move
    leaves behind. But Ganeti moves nothing to a drained node, so a drained secondary is replaced before a move."""
    if primary.state is NodeState.ONLINE and secondary.state is NodeState.DRAINED:
        return Diagnosis()
    if primary.state is NodeState.DRAINED:
        return replace(health, steps=health.steps[:-1])  # the last is the new secondary after the move
    return health


def _shared(instance: Instance, primary: Node) -> Diagnosis:
    step = FAILOVER if primary.state is NodeState.OFFLINE else _move(instance)
    return Diagnosis(f"primary {primary.name} is {primary.state.value}", (step,))


def _local(instance: Instance, primary: Node) -> Diagnosis:
    problem = f"primary {primary.name} is {primary.state.value}"
    if primary.state is NodeState.OFFLINE:
        return Diagnosis(problem, _reinstall_steps(instance))
    command = f"gnt-instance move -n NODE {instance.name}"
    advice = (
        "no automatic repair preserves the data of a {} instance on a drained node; you can move it with its data: {}"
    )
    return Diagnosis(problem, advice=advice.format(instance.disk_template, command), command=command)


def _reinstall_steps(instance: Instance) -> tuple[Step, ...]:
    """Steps that recreate the disks of `instance` and reinstall it."""
    if instance.admin_state == "offline":
        return RECREATE_DISKS, MARK_DOWN, REINSTALL, MARK_OFFLINE
    return RECREATE_DISKS, REINSTALL


def _move(instance: Instance) -> Step:
    """The step that moves `instance` off a node that is alive."""
    if not instance.meant_to_run:
        return MOVE_STOPPED
    return FAILOVER if instance.always_failover else MIGRATE
