# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Explanations: every reason in two sentences, for pages that are read without a network.

The long form is docs/why-it-did-not-repair.md; the names are those of C(Why).
"""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, tuple[str, str]] = {  # what it means, and what to do
    "healthy": (
        "None of its nodes is marked offline or drained. With drained_secondaries: keep its secondary may be drained.",
        "Nothing. If a node is dead but not marked, make sure that it is off, then mark it offline.",
    ),
    "forthcoming": (
        "It is a reservation, made by gnt-instance add --forthcoming, and no instance yet. Nothing touches it.",
        "Nothing. If a node that it is reserved on is lost, remove it, and reserve anew.",
    ),
    "not_chosen": (
        "The rounds are limited to other instances or node groups.",
        "Look at ganeti_autorepair_instances and ganeti_autorepair_groups in the inventory.",
    ),
    "not_approved": (
        "It is not a part of the plan that was approved.",
        "Have a new plan made and approved.",
    ),
    "repair_failed": (
        "A repair failed for good. Nothing touches the instance while the tag of that failure stands.",
        "See what its jobs say, put it right, then take the tag away with the command that is shown.",
    ),
    "unreadable_tag": (
        "A tag is not spelt as one of ours. It allows nothing, for somebody meant a limit by it.",
        "Remove the tag and set the right one.",
    ),
    "not_known": (
        "A value, a node or a node group is missing from the cluster's answer. It is not guessed at.",
        "Look at the instance by hand: gnt-instance info, gnt-cluster verify.",
    ),
    "no_safe_repair": (
        "The only copy of its disks is on a drained node, which is alive. That copy is not given up.",
        "Move it with its data by the command that is shown, or keep the node: gnt-node modify --drained=no.",
    ),
    "not_allowed": (
        "Its tags allow nothing, or less than it needs.",
        "Allow what it needs. A reinstall loses the data on its disks.",
    ),
    "other_repair": (
        "Its disks would be given up, and somebody else's repair is pending there.",
        "See what became of that repair's last job; if nobody is at it any more, take its tag away.",
    ),
    "flapping": (
        "It was repaired again and again within a short time, and is broken once more.",
        "Find out why its nodes go down. Later rounds try again after the time that is named.",
    ),
    "last_copy_drained": (
        "The only good copy is on a drained node, and Ganeti fails over to no drained node.",
        "Take the mark off that node; drain it again after the repair, if you want.",
    ),
    "behind": (
        "The copy of its disks that could be used is not known to hold its newest data.",
        "Find the copy that has its data, and use that one. Then take the tag away by the command that is shown.",
    ),
    "node_silent": (
        "The allocator asks all nodes, and one that is not marked offline does not answer. The repair waits.",
        "If that node is dead: make sure that it is off, then gnt-node modify --offline=yes NODE. Else mend it.",
    ),
    "no_allocator": (
        "The program that chooses nodes can't be run on the master. The repair waits.",
        "Install it, or name another one: -e ganeti_autorepair_iallocator=hail.",
    ),
    "secondary_state": (
        "Its secondary was asked, and did not say that its copy is up to date. The dead primary may have newer data.",
        "Bring the primary back. To go on with the copy as it is: gnt-instance failover, or "
        "-e ganeti_autorepair_secondary_state=any.",
    ),
    "job_under_way": (
        "A job of its repair has not ended.",
        "Nothing. gnt-job watch shows how it goes; gnt-job cancel ends the repair.",
    ),
    "other_job": (
        "Somebody else has a job on the instance that has not ended.",
        "Nothing. gnt-job info shows whose it is.",
    ),
    "just_changed": (
        "It has changed so recently that the answer may be older than the change.",
        "Nothing. The next round looks again.",
    ),
    "tried_again": (
        "A job failed, but trying it again is safe, and is done after a pause.",
        "See what went wrong: gnt-job info. Put it right, and let it try.",
    ),
    "not_in_step": (
        "The copy that it would move to is not in step with that on its primary, which is alive.",
        "Nothing while it resyncs: gnt-instance info. Copies that are apart: gnt-instance activate-disks.",
    ),
    "no_room": (
        "No node of its group has room for it now.",
        "See what is free: gnt-node list -o name,group,role,dfree,mfree. Then move instances away or add a node.",
    ),
    "no_node": (
        "No node of its group could take it, however much room there were.",
        "Add a node to the group or bring one back; where the report names a setting, change that.",
    ),
    "wrong_clock": (
        "A claim or a breaker on the cluster or a group ends later than a right clock can have set it.",
        "Set the clock of the machine that left it, then remove the tag with the command that is shown.",
    ),
    "stopped": (
        "Somebody has stopped the whole cluster. Nothing begins; what has begun goes on, but gives up nothing more.",
        "Ask whoever did it. The playbook start, or gnt-cluster remove-tags with that tag, lets repairs begin again.",
    ),
    "suspended": (
        "A suspend tag stands on the instance, on its group or on the cluster.",
        "Ask whoever set it. Rounds begin again when it is removed, or when its time has passed.",
    ),
    "breaker": (
        "So many nodes are offline that it is more likely the network than the nodes. No repair begins.",
        "Find out whether the nodes are dead. Those that are alive: gnt-node modify --offline=no. If they are dead: "
        "-e ganeti_autorepair_max_unhealthy=100% -e ganeti_autorepair_storm_cooldown=0 for one run.",
    ),
    "storm_cooldown": (
        "Too many nodes were offline until just now, so repairs wait a little longer.",
        "Wait. To begin at once: -e ganeti_autorepair_storm_cooldown=0.",
    ),
    "queue_drained": (
        "Ganeti's job queue is drained: it takes no jobs.",
        "When the maintenance is over: gnt-cluster queue undrain.",
    ),
    "watcher_paused": (
        "Somebody works on the cluster, and has paused Ganeti's watcher.",
        "Wait, or ask. gnt-cluster watcher continue ends the pause.",
    ),
    "settle_time": (
        "A node was marked offline only just now; the mark may be taken back.",
        "Wait. To begin at once: -e ganeti_autorepair_settle_time=0.",
    ),
    "windows": (
        "Repairs of this type begin only in the hours that were set for them.",
        "Wait. To begin at once: -e '{\"ganeti_autorepair_windows\": []}'.",
    ),
    "fencing": (
        "Nothing proves that the node is off. If it runs, the instance would run twice.",
        "Switch the node off, make sure that it is off, then say so: "
        '-e \'{"ganeti_autorepair_fenced_nodes": ["NODE"]}\', or gnt-node power off NODE.',
    ),
    "min_offline_age": (
        "Its node was marked offline only just now, and the step gives up running state or data.",
        "Wait. To begin at once: -e ganeti_autorepair_min_offline_age=0.",
    ),
    "max_in_flight": (
        "As many repairs are under way in the cluster as may be.",
        "Nothing. To have more at once, raise ganeti_autorepair_max_in_flight.",
    ),
    "max_per_node": (
        "As many repairs are under way on a node that it needs as may be.",
        "Nothing. To have more at once, raise ganeti_autorepair_max_per_node.",
    ),
    "max_per_group": (
        "As many repairs are under way in its group as may be.",
        "Nothing. To have more at once, raise ganeti_autorepair_max_per_group.",
    ),
    "claimed": (
        "Another round writes to the cluster, or was killed while it did.",
        "Nothing. Its claim runs out within five minutes.",
    ),
    "claim_over": (
        "The round came to the end of the time for which it may write.",
        "Nothing. The next round goes on.",
    ),
}

# Of these somebody has to do something; others pass, or are somebody's plan.
FOR_PEOPLE = ("last_copy_drained", "node_silent", "no_allocator", "breaker", "fencing", "queue_drained")
