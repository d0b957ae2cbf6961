# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say what a round may touch."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules share."""

    DOCUMENTATION = r"""
options:
  instances:
    description:
      - Names or globs of the instances that the round is limited to; a name may leave its domain out. All if empty.
      - A name that matches no instance fails the module, before anything is written.
    type: list
    elements: str
    default: []
  groups:
    description:
      - Names or globs of the node groups whose instances the round is limited to; the group of the primary counts.
      - A name that matches no group fails the module, before anything is written.
    type: list
    elements: str
    default: []
  max_unhealthy:
    description:
      - How many nodes may be broken before no repair begins any more, as it is then more likely the network than the
        nodes. A number of nodes (V(3)), or a share of them (V(40%)). One node is always let through.
      - Counted are nodes that are marked offline, or whose state is not known, and that hold instances, against all
        that can hold some. It is counted for the cluster, and for each node group of three nodes or more, whose
        instances alone it then holds. Drained nodes do not count.
      - Repairs that have begun are followed to their end.
    type: str
    default: "40%"
  unhealthy_range:
    description:
      - In place of O(max_unhealthy), the numbers of broken nodes in the cluster with which repairs begin, such as
        V([1-3]); both are inside. The larger one holds for each node group of three nodes or more as well.
    type: str
  storm_cooldown:
    description:
      - Seconds for which no repair begins after too many nodes were broken, counted from the round that sees it over.
        It is remembered by a tag on the cluster or the node group, so it does not matter who plays that round.
      - A day (86400) at most, so that a tag which ends later is known to be from a wrong clock.
    type: int
    default: 600
  max_in_flight:
    description:
      - The number of repairs that may be under way at once. Repairs of instances that are down are counted apart from
        all others (resyncs to a new secondary, and moves of running instances), so that no instance stays down because
        others resync. A repair of an instance that is down no longer counts once its job has run for an hour or waited
        for ten minutes.
      - A failover begins also where its new secondary would be one resync too many; that then follows in its turn.
      - Instances that are down go first, then what was asked for longest ago, then what risks least.
    type: int
    default: 10
  max_per_node:
    description:
      - The number of repairs that may be under way at once on one node, counted as with O(max_in_flight). A repair
        counts for each node that works on it. These are the nodes of the instance that are not marked offline, and
        those that were chosen for it.
    type: int
    default: 5
  max_per_group:
    description:
      - The number of repairs that may be under way at once in a node group, counted as with O(max_in_flight). The group
        of the primary counts.
    type: int
    default: 10
  retries:
    description:
      - How often a step of a repair is taken again when its job has failed, before the repair ends with a failure. Only
        what is safe to repeat is repeated, after a pause of one minute that doubles each time.
      - A step that found no resources is taken again without end; the pauses grow to an hour, or to five minutes where
        the instance is down.
    type: int
    default: 2
  fencing:
    description:
      - What proves that a node is off, before an instance is failed over from it, or has its disks recreated elsewhere.
      - V(offline_flag) takes the administrator's word, which is the mark. V(powered_off) waits until Ganeti has the
        node as powered off, which it knows of nodes with an C(oob_program). V(confirmed) waits until O(fenced_nodes)
        names the node.
    type: str
    choices: [offline_flag, powered_off, confirmed]
    default: offline_flag
  fenced_nodes:
    description:
      - Names of nodes that are surely off, for O(fencing=confirmed); a name may leave its domain out.
      - A name that is not in the cluster fails the module, before anything is written.
    type: list
    elements: str
    default: []
  min_offline_age:
    description:
      - Seconds for which a node must have been marked offline before an instance is failed over from it, or has its
        disks recreated elsewhere. Any later change of the node, such as a new tag, begins the count anew.
    type: int
    default: 0
  settle_time:
    description:
      - Seconds for which a node must have been marked offline before any repair of its instances begins. Any later
        change of the node, such as a new tag, begins the count anew.
    type: int
    default: 0
  drained_secondaries:
    description:
      - What becomes of the secondary of a drbd instance on a drained node. V(replace) gives the instance a new one on
        another node. V(keep) leaves it there, for a short reboot; only the instances whose primary is drained move, and
        leave their secondary behind. Where both nodes are drained, one of them is replaced with either value, as Ganeti
        moves nothing to a drained node.
    type: str
    choices: [replace, keep]
    default: replace
  accept_behind:
    description:
      - Names or globs of instances that may be failed over to a copy of their disks that is known to be behind. What
        was written since then is lost by it. For all others such a failover is left to a person. The playbook
        C(request) does the same for one repair.
    type: list
    elements: str
    default: []
  secondary_state:
    description:
      - Which copy of its disks a mirrored instance may be failed over to when its primary is marked offline. Ganeti
        itself does not look at the mirror then, so the secondary's copy may be older than that on the dead primary.
      - V(any) takes the copy as it is. V(uptodate) asks the secondary for the state of its own devices before, by a job
        that changes nothing, and leaves the failover to a person unless every disk is there and up to date. What is not
        known within 30 seconds counts as not up to date, and so does a stopped instance, whose disks are not assembled.
      - In check mode, and by M(ganeti.autorepair.ganeti_autorepair_facts), nobody is asked; reasons say who will be.
      - A copy that lost its connection before its primary died says that it is up to date, too. That is seen only by
        looking at the mirror while both nodes are alive.
    type: str
    choices: [any, uptodate]
    default: any
  respect_watcher_pause:
    description:
      - Whether no repair begins while Ganeti's watcher is paused. Only O(transport=luxi) can tell.
    type: bool
    default: true
  max_repairs_per_window:
    description:
      - An instance that was repaired so often within O(repair_window) is left alone for that time, and reported.
    type: int
    default: 3
  repair_window:
    description:
      - Seconds for O(max_repairs_per_window); V(0) switches that limit off. The results of repairs stay on the instance
        as tags for so long.
    type: int
    default: 3600
  windows:
    description:
      - The times at which riskier repairs may begin, by the clock on a wall. Without one they may at any time.
      - For a repair those windows count that are for its type or, if there are none, for the next less destructive type
        that has some. Of several, one that is open is enough. A repair that has begun goes on outside of them, but for
        a step that is riskier than those before it.
    type: list
    elements: dict
    default: []
    suboptions:
      type:
        description: The type of repair, and of more destructive ones that have no window of their own.
        type: str
        required: true
        choices: [fix-storage, migrate, failover, reinstall]
      days:
        description: The days on which it opens, V(mon) to V(sun); all if empty.
        type: list
        elements: str
        default: []
      start:
        description: The time at which it opens, in quotes, as V("09:00").
        type: str
        required: true
      end:
        description:
          - The time at which it closes, in quotes, as V("17:00"), or V("24:00"). One that is before O(windows[].start)
            is of the next day.
        type: str
        required: true
      timezone:
        description: The time zone, as V(Europe/Berlin), in which these times are meant.
        type: str
        default: UTC
  choose_nodes:
    description:
      - Whether the target of a failover or a migration of an instance on shared storage is chosen here, from what the
        nodes of its node group have free and from the exclusion, location and migration tags that htools knows, in
        place of an allocator. The nodes for new disks always are.
      - Free disk is that of the cluster's main volume group.
    type: bool
    default: false
  retry_now:
    description:
      - Whether what waits for its pause after a try that failed, or that found no room, is tried again at once. It is
        for a round that a person starts; with O(ganeti.autorepair.ganeti_autorepair_step#module:wait) only the first
        round does so.
    type: bool
    default: false
  from_variables:
    description:
      - Whether each option of this module that the task leaves out, those of the connection included, is the variable
        C(ganeti_autorepair_) with the option's name, where that is set. So a playbook of your own goes by what the
        inventory says to the role and the playbooks of this collection.
      - Where the variable C(ganeti_autorepair_fence_tasks) is set, O(fencing) is then V(confirmed), as in the role. To
        play those tasks, and to read an approved plan from a file, is the role's alone.
    type: bool
    default: false
"""
