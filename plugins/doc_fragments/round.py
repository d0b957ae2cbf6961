# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of a round: the options that restrict what it may do."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules share."""

    DOCUMENTATION = r"""
options:
  instances:
    description:
      - Limit the round to these instances, given as names or globs. A name may omit its domain. All instances if empty.
      - If a name matches no instance, the module fails before it writes anything.
    type: list
    elements: str
    default: []
  groups:
    description:
      - Limit the round to the instances of these node groups, given as names or globs. The group of the primary counts.
      - If a name matches no group, the module fails before it writes anything.
    type: list
    elements: str
    default: []
  max_unhealthy:
    description:
      - Maximum number of broken nodes, as a number of nodes (V(3)) or a percentage of them (V(40%)). If more are
        broken, no repair starts, because the network is then more likely to be at fault than the nodes. One broken node
        is always allowed.
      - A node counts as broken if it is marked offline, or its state is unknown, and it holds instances, or was marked
        offline within the last hour. The percentage is of all nodes that can hold instances. Drained nodes do not
        count.
      - The limit applies to the whole cluster, and separately to each node group of at least three nodes, where it
        holds only that group's instances.
      - Repairs under way continue, but take no step that gives up running state or disks.
    type: str
    default: "40%"
  unhealthy_range:
    description:
      - Repairs start only if the number of broken nodes in the cluster is in this range, such as V([1-3]), both ends
        included. It replaces O(max_unhealthy). The upper end also applies to each node group of at least three nodes.
    type: str
  storm_cooldown:
    description:
      - Seconds for which no repair starts after too many nodes were broken, counted from the first round that finds
        fewer of them. A tag on the cluster or the node group records this, so it does not matter which machine runs
        that round.
      - At most one day (86400), so that a tag that ends later is known to come from a wrong clock.
    type: int
    default: 600
  max_in_flight:
    description:
      - Maximum number of repairs under way at once. Repairs of instances that are down are counted separately from all
        others (resyncs to a new secondary, and moves of running instances), so that no instance stays down because
        others resync. A repair of an instance that is down no longer counts once its job has run for an hour or waited
        for ten minutes.
      - A failover starts even if its new secondary would be one resync too many; the new secondary then follows in its
        turn.
      - Instances that are down go first, then the oldest requests, then the repairs that risk least.
    type: int
    default: 10
  max_per_node:
    description:
      - Maximum number of repairs under way at once on one node, counted as for O(max_in_flight). A repair counts on
        each node that works on it, which are the nodes of the instance that are not marked offline, and the nodes
        chosen for it.
    type: int
    default: 5
  max_per_group:
    description:
      - Maximum number of repairs under way at once in a node group, counted as for O(max_in_flight). The group of the
        primary counts.
    type: int
    default: 10
  retries:
    description:
      - How often a step is retried after its job has failed, before the repair ends with a failure. Only steps that are
        safe to repeat are retried, after a pause of one minute that doubles each time.
      - A step that found no resources is retried indefinitely. Its pauses grow to an hour, or to five minutes if the
        instance is down.
    type: int
    default: 2
  fencing:
    description:
      - What proves that a node is off before an instance is failed over from it, or has its disks recreated elsewhere.
      - V(offline_flag) accepts the administrator's offline mark. V(powered_off) waits until Ganeti records the node as
        powered off, which it does only for nodes with an C(oob_program). V(confirmed) waits until O(fenced_nodes)
        contains the node.
    type: str
    choices: [offline_flag, powered_off, confirmed]
    default: offline_flag
  fenced_nodes:
    description:
      - Names of nodes that you confirm to be off, for O(fencing=confirmed). A name may omit its domain.
      - If a name is not in the cluster, the module fails before it writes anything.
    type: list
    elements: str
    default: []
  min_offline_age:
    description:
      - Seconds that a node must have been marked offline before an instance is failed over from it, or has its disks
        recreated elsewhere. Any later change of the node, such as a new tag, restarts the count.
    type: int
    default: 0
  settle_time:
    description:
      - Seconds that a node must have been marked offline before any repair of its instances starts. Any later change of
        the node, such as a new tag, restarts the count.
    type: int
    default: 0
  drained_secondaries:
    description:
      - What to do with the secondary of a drbd instance on a drained node. V(replace) gives the instance a new
        secondary on another node. V(keep) leaves the secondary there, for a short reboot. Then only instances whose
        primary is drained move, and they leave their secondary on the drained node. If both nodes of an instance are
        drained, one of them is replaced with either value, because Ganeti moves nothing to a drained node.
    type: str
    choices: [replace, keep]
    default: replace
  accept_behind:
    description:
      - Names or globs of instances that may be failed over to a copy of their disks that is known to be behind. What
        was written since then is lost. For all other instances such a failover is left to a person. The playbook
        C(request) can allow it for one repair.
    type: list
    elements: str
    default: []
  secondary_state:
    description:
      - Which copy of its disks a mirrored instance may be failed over to when its primary is marked offline. Ganeti
        itself does not check the mirror in this case, so the secondary's copy may be older than the one on the dead
        primary.
      - V(any) uses the copy as it is. V(uptodate) first asks the secondary for the state of its devices, with a job
        that changes nothing, and leaves the failover to a person unless every disk is there and up to date. A state
        that is unknown after 30 seconds counts as not up to date. So does that of a stopped instance, whose disks are
        not assembled.
      - Check mode and M(ganeti.autorepair.ganeti_autorepair_facts) do not ask the secondary. Their reasons name the
        node that will be asked.
      - A copy that lost its connection before its primary died also reports itself as up to date. Only a look at the
        mirror while both nodes are alive can detect this.
    type: str
    choices: [any, uptodate]
    default: any
  respect_watcher_pause:
    description:
      - Whether repairs must not start while Ganeti's watcher is paused. Only O(transport=luxi) shows the pause.
    type: bool
    default: true
  max_repairs_per_window:
    description:
      - Maximum number of repairs of an instance within O(repair_window). An instance that reaches it is left alone and
        reported until the window has passed.
    type: int
    default: 3
  repair_window:
    description:
      - Length of the window for O(max_repairs_per_window) in seconds; V(0) disables that limit. The results of repairs
        stay on the instance as tags for this time, and for at least an hour.
    type: int
    default: 3600
  windows:
    description:
      - The times at which riskier repairs may start, in local time. Without windows they may start at any time.
      - The windows of a repair are those for its type or, if there are none, those for the next less destructive type
        that has windows. If there are several, one open window is enough. A repair that is under way continues outside
        of its windows, except for a step that is riskier than those before it.
    type: list
    elements: dict
    default: []
    suboptions:
      type:
        description: The type of repair. The window also applies to riskier types without a window of their own.
        type: str
        required: true
        choices: [fix-storage, migrate, failover, reinstall]
      days:
        description: The days of the week on which the window opens, V(mon) to V(sun). Every day if empty.
        type: list
        elements: str
        default: []
      start:
        description: The time at which the window opens, in quotes, such as V("09:00").
        type: str
        required: true
      end:
        description:
          - The time at which the window closes, in quotes, such as V("17:00") or V("24:00"). If it is before
            O(windows[].start), the window closes on the next day.
        type: str
        required: true
      timezone:
        description: The time zone of these times, such as V(Europe/Berlin).
        type: str
        default: UTC
  choose_nodes:
    description:
      - Whether this collection, instead of an allocator, chooses the target node when an instance on shared storage is
        failed over or migrated. It uses the free resources of the nodes in the instance's node group, and the
        exclusion, location and migration tags of htools. The nodes for new disks are always chosen this way.
      - Free disk space is that of the cluster's main volume group.
    type: bool
    default: false
  retry_now:
    description:
      - Whether to retry at once, without waiting for the pause, steps that failed or that found no room. This is meant
        for a round that a person starts. With O(ganeti.autorepair.ganeti_autorepair_step#module:wait) only the first
        round does so.
    type: bool
    default: false
  from_variables:
    description:
      - Whether to take each option that the task omits, including the connection options, from the variable
        C(ganeti_autorepair_) plus the option's name, if that is set. Your own playbooks then use the same settings in
        the inventory as the role and the playbooks of this collection.
      - If the variable C(ganeti_autorepair_fence_tasks) is set, O(fencing) is then V(confirmed), as in the role. Only
        the role runs those tasks, and only the role reads an approved plan from a file.
    type: bool
    default: false
"""
