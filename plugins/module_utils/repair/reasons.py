# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reasons: every one that an instance can be left alone with, what it means, and what to do.

The long form is docs/why-it-did-not-repair.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class _Row:
    """A reason by its `name` in facts, results and the documentation: what it `means`, and what to `do`.

    One that `resolves_itself` goes while a run waits. Others take long, or somebody has to act; `for_people` are those
    for which a person has to act though the round only holds or waits.
    """

    name: str
    means: str
    do: str
    resolves_itself: bool = False
    for_people: bool = False


class Reason(Enum):
    """Why an instance is left alone, by the name that it has in facts, results and docs/why-it-did-not-repair.md."""

    _value_: str
    means: str
    do: str
    resolves_itself: bool
    for_people: bool

    HEALTHY = _Row(
        "healthy",
        "None of its nodes is marked offline or drained. With drained_secondaries: keep its secondary may be drained.",
        "Nothing. If a node is dead but not marked, make sure that it is off, then mark it offline.",
    )
    FORTHCOMING = _Row(
        "forthcoming",
        "It is a reservation, made by gnt-instance add --forthcoming, not an instance yet. Nothing touches it.",
        "Nothing. If it is reserved on a node that is lost, remove it and reserve it again.",
    )
    NOT_CHOSEN = _Row(
        "not_chosen",
        "The rounds are limited to other instances or node groups.",
        "Look at ganeti_autorepair_instances and ganeti_autorepair_groups in the inventory.",
    )
    # a person is needed
    REPAIR_FAILED = _Row(
        "repair_failed",
        "A repair failed for good. Nothing touches the instance while the tag of that failure exists.",
        "Check what its jobs say, fix the cause, then remove the tag with the command shown.",
    )
    UNREADABLE_TAG = _Row(
        "unreadable_tag",
        "A tag of ours is misspelt. It allows nothing, because somebody meant a limit by it.",
        "Remove the tag and set the correct one.",
    )
    NOT_KNOWN = _Row(
        "not_known",
        "A value, a node or a node group is missing from the cluster's answer. Nothing is guessed.",
        "Check the instance by hand: gnt-instance info, gnt-cluster verify.",
    )
    NO_SAFE_REPAIR = _Row(
        "no_safe_repair",
        "The only copy of its disks is on a drained node, which is alive. That copy is not given up.",
        "Move it with its data by the command shown, or keep the node: gnt-node modify --drained=no.",
    )
    NOT_ALLOWED = _Row(
        "not_allowed",
        "Its tags allow nothing, or less than it needs.",
        "Allow what it needs. A reinstall loses the data on its disks.",
    )
    OTHER_REPAIR = _Row(
        "other_repair",
        "Its disks would be given up, but somebody else's repair is pending there.",
        "Check what became of that repair's last job; if nobody is working on it any more, remove its tag.",
    )
    FLAPPING = _Row(
        "flapping",
        "It was repaired again and again within a short time, and is broken once more.",
        "Find out why its nodes go down. Later rounds try again after the time shown.",
    )
    LAST_COPY_DRAINED = _Row(
        "last_copy_drained",
        "The only good copy is on a drained node, and Ganeti does not fail over to a drained node.",
        "Remove the mark from that node; drain it again after the repair, if you want.",
        for_people=True,
    )
    BEHIND = _Row(
        "behind",
        "The copy of its disks that could be used is not known to hold its newest data.",
        "Find the copy that has its data, and use that one. Then remove the tag with the command shown.",
    )
    NODE_SILENT = _Row(
        "node_silent",
        "The allocator asks all nodes, and one that is not marked offline does not answer. The repair waits.",
        "If that node is dead: make sure that it is off, then gnt-node modify --offline=yes NODE. Otherwise repair it.",
        for_people=True,
    )
    NO_ALLOCATOR = _Row(
        "no_allocator",
        "The program that chooses nodes can't be run on the master. The repair waits.",
        "Install it, or name another one: -e ganeti_autorepair_iallocator=hail.",
        for_people=True,
    )
    SECONDARY_STATE = _Row(
        "secondary_state",
        "Its secondary was asked, and did not say that its copy is up to date. The dead primary may have newer data.",
        "Bring the primary back. To continue with the copy as it is: gnt-instance failover, or -e "
        "ganeti_autorepair_secondary_state=any.",
    )
    NO_NODE = _Row(
        "no_node",
        "No node of its group could take it, however much room there was.",
        "Add a node to the group or bring one back; if the report names a setting, change that.",
    )
    # of the cluster or a group
    WRONG_CLOCK = _Row(
        "wrong_clock",
        "A claim or a breaker on the cluster or a group ends later than a correct clock could have set.",
        "Correct the clock of the machine that left it, then remove the tag with the command shown.",
    )
    # something else comes first
    JOB_UNDER_WAY = _Row(
        "job_under_way",
        "A job of its repair has not ended.",
        "Nothing. gnt-job watch shows how it goes; gnt-job cancel ends the repair.",
        resolves_itself=True,
    )
    OTHER_JOB = _Row(
        "other_job",
        "Somebody else has a job on the instance that has not ended.",
        "Nothing. gnt-job info shows whose it is.",
        resolves_itself=True,
    )
    JUST_CHANGED = _Row(
        "just_changed",
        "It has changed so recently that the answer may be older than the change.",
        "Nothing. The next round looks again.",
        resolves_itself=True,
    )
    TRIED_AGAIN = _Row(
        "tried_again",
        "A job failed, but it is safe to try again, and that happens after a pause.",
        "Check what went wrong: gnt-job info. Fix the cause, and let the next round try.",
        resolves_itself=True,
    )
    NOT_IN_STEP = _Row(
        "not_in_step",
        "The copy that it would move to is not in sync with that on its primary, which is alive.",
        "Nothing while it resyncs: gnt-instance info. To connect disconnected copies: gnt-instance activate-disks.",
        resolves_itself=True,
    )
    NO_ROOM = _Row(
        "no_room",
        "No node of its group has room for it now.",
        "Check what is free: gnt-node list -o name,group,role,dfree,mfree. Then move instances away or add a node.",
        resolves_itself=True,
    )
    # brakes and gates
    STOPPED = _Row(
        "stopped",
        "Somebody has stopped the whole cluster. No repair starts; those that have started continue, but give up "
        "nothing more.",
        "Ask whoever did it. The playbook start, or gnt-cluster remove-tags with that tag, allows repairs again.",
    )
    SUSPENDED = _Row(
        "suspended",
        "The instance, its group or the cluster has a suspend tag.",
        "Ask whoever set it. Repairs resume when it is removed, or when its time has passed.",
    )
    BREAKER = _Row(
        "breaker",
        "So many nodes are offline that the network is more likely at fault than the nodes, or fewer than the "
        "minimum of unhealthy_range. No repair starts.",
        "Find out whether the nodes are dead. Those that are alive: gnt-node modify --offline=no. If they are dead: "
        "-e ganeti_autorepair_max_unhealthy=100% -e ganeti_autorepair_storm_cooldown=0 for one run.",
        for_people=True,
    )
    STORM_COOLDOWN = _Row(
        "storm_cooldown",
        "Too many nodes were offline recently, so repairs wait a little longer.",
        "Wait. To begin at once: -e ganeti_autorepair_storm_cooldown=0.",
        resolves_itself=True,
    )
    QUEUE_DRAINED = _Row(
        "queue_drained",
        "Ganeti's job queue is drained: it takes no jobs.",
        "When the maintenance is over: gnt-cluster queue undrain.",
        for_people=True,
    )
    WATCHER_PAUSED = _Row(
        "watcher_paused",
        "Somebody is working on the cluster and has paused Ganeti's watcher.",
        "Wait, or ask. gnt-cluster watcher continue ends the pause.",
    )
    SETTLE_TIME = _Row(
        "settle_time",
        "A node was marked offline only just now; the mark may be taken back.",
        "Wait. To begin at once: -e ganeti_autorepair_settle_time=0.",
        resolves_itself=True,
    )
    WINDOWS = _Row(
        "windows",
        "Repairs of this type begin only in the hours that were set for them.",
        "Wait. To begin at once: -e '{\"ganeti_autorepair_windows\": []}'.",
    )
    FENCING = _Row(
        "fencing",
        "Nothing proves that the node is off. If it runs, the instance would run twice.",
        'Switch the node off, make sure that it is off, then say so: -e \'{"ganeti_autorepair_fenced_nodes": '
        '["NODE"]}\', or gnt-node power off NODE.',
        for_people=True,
    )
    MIN_OFFLINE_AGE = _Row(
        "min_offline_age",
        "Its node was marked offline only just now, and the step gives up running state or data.",
        "Wait. To begin at once: -e ganeti_autorepair_min_offline_age=0.",
        resolves_itself=True,
    )
    MAX_IN_FLIGHT = _Row(
        "max_in_flight",
        "The limit on concurrent repairs in the cluster is reached.",
        "Nothing. To have more at once, raise ganeti_autorepair_max_in_flight.",
        resolves_itself=True,
    )
    MAX_PER_NODE = _Row(
        "max_per_node",
        "The limit on concurrent repairs on a node that it needs is reached.",
        "Nothing. To have more at once, raise ganeti_autorepair_max_per_node.",
        resolves_itself=True,
    )
    MAX_PER_GROUP = _Row(
        "max_per_group",
        "The limit on concurrent repairs in its group is reached.",
        "Nothing. To have more at once, raise ganeti_autorepair_max_per_group.",
        resolves_itself=True,
    )
    NOT_APPROVED = _Row(
        "not_approved",
        "It is not part of the approved plan.",
        "Have a new plan made and approved.",
    )
    CLAIMED = _Row(
        "claimed",
        "Another round is writing to the cluster, or was killed while it was.",
        "Nothing. Its claim runs out within five minutes.",
        resolves_itself=True,
    )
    CLAIM_OVER = _Row(
        "claim_over",
        "The round came to the end of its claim, after which it may not write.",
        "Nothing. The next round continues.",
        resolves_itself=True,
    )

    def __new__(cls, row: _Row) -> Reason:
        """The member of `row`."""
        member = object.__new__(cls)
        member._value_, member.means, member.do = row.name, row.means, row.do
        member.resolves_itself, member.for_people = row.resolves_itself, row.for_people
        return member
