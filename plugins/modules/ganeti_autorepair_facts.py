#!/usr/bin/python
# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ganeti_autorepair_facts
short_description: Return the state of every instance of a Ganeti cluster, and what a repair round would do
version_added: 0.1.0
description:
  - Reads a cluster and its auto-repair tags. Returns for each instance its state, which repair it needs, which repairs
    are allowed, what comes next, and why.
  - The module only reads. It sends the same few requests for a cluster of any size, and asks for configuration only, so
    it does not wait for dead nodes. There is one exception. If disks are to be recreated, or if an instance on shared
    storage is to move with O(choose_nodes), it asks the online nodes of the node group once, for at most 20 seconds,
    for their free resources.
author:
  - ganeti.autorepair contributors (@ganeti)
extends_documentation_fragment:
  - ganeti.autorepair.attributes.action_group_round
  - ganeti.autorepair.cluster
  - ganeti.autorepair.round
options:
  instances_in_facts:
    description:
      - Which instances the facts list. V(unhealthy) omits healthy instances without remarks, V(none) omits all. The
        summary, the plan and the report always cover all instances.
      - A cluster of 6,000 instances has 3 MB of facts, most of them about healthy instances. Ansible passes them from
        task to task.
    type: str
    choices: [all, unhealthy, none]
    default: all
attributes:
  check_mode:
    description: Can run in check mode, and returns the same as otherwise.
    support: full
  diff_mode:
    description: Shows what has changed.
    support: none
    details: The module changes nothing.
seealso:
  - module: ganeti.autorepair.ganeti_autorepair_step
"""

EXAMPLES = r"""
- name: Gather the state of a cluster
  ganeti.autorepair.ganeti_autorepair_facts:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    rapi_ca_path: /etc/ssl/certs/example-ca.pem

- name: Show the instances that need a person
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.reason }}"
  loop: "{{ ansible_facts.ganeti_autorepair.instances | selectattr('next', 'eq', 'report') }}"
  loop_control:
    label: "{{ item.name }}"

- name: Gather the state of the instances of one group, with the certificate that Ganeti created
  ganeti.autorepair.ganeti_autorepair_facts:
    rapi_host: 192.0.2.10
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    rapi_fingerprint: "{{ rapi_sha256 }}"
    groups:
      - rack2
"""

RETURN = r"""
ansible_facts:
  description: The facts, all of them below C(ganeti_autorepair).
  returned: success
  type: dict
  contains:
    ganeti_autorepair:
      description: The cluster, its instances, and the plan.
      returned: success
      type: dict
      contains:
        cluster:
          description: The cluster itself. A value that the transport does not provide is null.
          returned: success
          type: dict
          contains:
            name:
              description: Its name.
              returned: success
              type: str
              sample: cluster.example.com
            master:
              description: Its master node.
              returned: success
              type: str
              sample: node1.example.com
            version:
              description: The version of Ganeti.
              returned: success
              type: str
              sample: 3.0.2
            uuid:
              description: Its UUID.
              returned: success
              type: str
              sample: f28c8385-349f-4e0f-b09a-44e74726a076
            queue_drained:
              description: Whether the job queue accepts no jobs. Null over RAPI, which does not show this.
              returned: success
              type: bool
              sample: null
            watcher_paused_until:
              description:
                - When the pause of the watcher ends, in seconds since the epoch; 0 without a pause.
                - Null over RAPI, which does not show this. Null does not mean that the watcher is not paused.
              returned: success
              type: int
              sample: null
            tags:
              description: Its tags.
              returned: success
              type: list
              elements: str
              sample: ["ganeti:watcher:autorepair:failover"]
        time:
          description: The time for which the plan was made, in seconds since the epoch.
          returned: success
          type: int
          sample: 1795259564
        summary:
          description: The number of instances in each state.
          returned: success
          type: dict
          sample:
            healthy: 12
            needs_repair: 2
            pending_repair: 0
            repair_disallowed: 1
            repair_failed: 0
            suspended: 0
        groups:
          description: The node groups.
          returned: success
          type: list
          elements: dict
          contains:
            name:
              description: Its name.
              returned: success
              type: str
              sample: default
            tags:
              description: Its tags that matter for repairs.
              returned: success
              type: list
              elements: str
              sample: ["ganeti:watcher:autorepair:migrate"]
        nodes:
          description: The nodes.
          returned: success
          type: list
          elements: dict
          contains:
            name:
              description: Its name.
              returned: success
              type: str
              sample: node3.example.com
            group:
              description: Its node group.
              returned: success
              type: str
              sample: default
            state:
              description: V(online), V(drained), V(offline), or V(unknown) if the cluster gave no state.
              returned: success
              type: str
              sample: offline
            vm_capable:
              description: Whether it can hold instances.
              returned: success
              type: bool
              sample: true
            powered:
              description:
                - Whether Ganeti records the node as powered on; null if Ganeti does not know, because the node has no
                  C(oob_program).
              returned: success
              type: bool
              sample: null
            changed:
              description:
                - When its configuration was last changed, in seconds since the epoch. An offline node was marked at
                  this time or earlier.
              returned: success
              type: int
              sample: 1795259564
        instances:
          description: The instances, by name.
          returned: success
          type: list
          elements: dict
          contains:
            name:
              description: Its name.
              returned: success
              type: str
              sample: web1.example.com
            uuid:
              description: Its UUID.
              returned: success
              type: str
              sample: ef7c0e0d-7ce2-4856-855e-2a38335f49a1
            group:
              description: The node group of its primary; empty if the primary is unknown.
              returned: success
              type: str
              sample: default
            disk_template:
              description: Its disk template.
              returned: success
              type: str
              sample: drbd
            primary:
              description: Its primary node.
              returned: success
              type: str
              sample: node3.example.com
            secondaries:
              description: Its secondary nodes.
              returned: success
              type: list
              elements: str
              sample: ["node1.example.com"]
            admin_state:
              description: The state that its administrator wants, V(up), V(down) or V(offline).
              returned: success
              type: str
              sample: up
            tags:
              description: Its tags that matter for repairs.
              returned: success
              type: list
              elements: str
              sample: ["ganeti:watcher:autorepair:failover"]
            state:
              description:
                - The first of V(repair_failed), V(suspended), V(pending_repair), V(repair_disallowed), V(needs_repair)
                  and V(healthy) that holds.
                - An instance is also V(repair_disallowed) if too little is known about it, or if no repair would keep
                  its data.
              returned: success
              type: str
              sample: needs_repair
            policy:
              description: What the tags allow.
              returned: success
              type: dict
              contains:
                allowed:
                  description: The repair type up to which repairs are allowed, or null.
                  returned: success
                  type: str
                  sample: failover
                suspended_until:
                  description: Seconds since the epoch, V(forever), or null if repairs are not suspended.
                  returned: success
                  type: raw
                  sample: null
                source:
                  description: The kind of object whose tags decided, V(instance), V(group) or V(cluster), or null.
                  returned: success
                  type: str
                  sample: cluster
            repair:
              description: The repair that failed, or is pending, or was the last to end; or null.
              returned: success
              type: dict
              contains:
                type:
                  description: Its type.
                  returned: success
                  type: str
                  sample: failover
                id:
                  description: Its id.
                  returned: success
                  type: str
                  sample: 9d0c8a0e-5b1f-4b55-8c56-7f6a4b3a1f27
                timestamp:
                  description: When it started, or if it has a result, when it ended, in seconds since the epoch.
                  returned: success
                  type: int
                  sample: 1795259564
                jobs:
                  description: Its jobs.
                  returned: success
                  type: list
                  elements: int
                  sample: [4711]
                result:
                  description: V(success), V(failure), V(enoperm), or null while it is pending.
                  returned: success
                  type: str
                  sample: null
            needs:
              description: The repair type that would have to be allowed to heal it, or null.
              returned: success
              type: str
              sample: failover
            next:
              description:
                - What comes next. V(none), V(submit) (a repair job), V(wait), V(finish) (write a result), V(lift)
                  (remove an expired suspend), V(refuse) (record that permission is missing), V(hold) (a limit or a
                  suspend holds it back), or V(report) (a person is needed).
              returned: success
              type: str
              sample: submit
            why:
              description:
                - Why nothing is done now, as one of the names that docs/why-it-did-not-repair.md explains; null if
                  something is done.
              returned: success
              type: str
              sample: null
            reason:
              description: The reason for C(next), as text.
              returned: success
              type: str
              sample: primary node3.example.com is offline
        jobs:
          description: The jobs of pending and failed repairs that are still in the queue.
          returned: success
          type: list
          elements: dict
          contains:
            id:
              description: Its number.
              returned: success
              type: int
              sample: 4711
            status:
              description: Its status, as Ganeti names it.
              returned: success
              type: str
              sample: running
            operations:
              description: Its opcodes.
              returned: success
              type: list
              elements: str
              sample: ["INSTANCE_FAILOVER"]
            done:
              description: How many of its opcodes have succeeded, counted from the first.
              returned: success
              type: int
              sample: 0
            error:
              description: Its error, or null.
              returned: success
              type: str
              sample: null
            ended:
              description: When it ended, in seconds since the epoch, or null.
              returned: success
              type: int
              sample: null
        plan:
          description: What a round would do now.
          returned: success
          type: dict
          contains:
            actions:
              description:
                - Its actions. Actions on the cluster and on groups have no C(instance). C(steps) lists all remaining
                  steps, C(permitted) the steps that the permission covers, C(cancel) the waiting jobs of this
                  collection that are no longer needed. C(command) is a command that a person can run.
                - An approval of the plan also covers C(uuid), C(on) and C(after), which identify the instance, its
                  nodes with their states, and its last repair that has ended.
              returned: success
              type: list
              elements: dict
              sample:
                - action: submit
                  after: null
                  cancel: []
                  command: null
                  id: null
                  instance: web1.example.com
                  name: web1.example.com
                  nodes: []
                  "on": ["node3.example.com offline", "node1.example.com online"]
                  permitted: ["failover", "replace-disks"]
                  reason: primary node3.example.com is offline
                  remove: []
                  add: []
                  result: null
                  scope: instance
                  steps: ["failover", "replace-disks"]
                  type: failover
                  uuid: ef7c0e0d-7ce2-4856-855e-2a38335f49a1
                  why: null
            cluster:
              description: The UUID of the cluster that the plan is for.
              returned: success
              type: str
              sample: f28c8385-349f-4e0f-b09a-44e74726a076
            fence:
              description: The nodes for which steps wait only because nobody has confirmed that they are off.
              returned: success
              type: list
              elements: str
              sample: []
            hash:
              description: A hash of everything that the plan would write. Plans with the same hash do the same.
              returned: success
              type: str
              sample: 4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945
            writes:
              description: Whether a round would write anything.
              returned: success
              type: bool
              sample: true
        pending:
          description: The number of repairs under way.
          returned: success
          type: int
          sample: 1
        under_way:
          description: The repairs under way, and what each waits for.
          returned: success
          type: list
          elements: dict
          sample:
            - instance: web1.example.com
              type: failover
              reason: job 4711 (INSTANCE_FAILOVER) is in progress
        left:
          description: Whether this or a later round still has something to do, or a repair to follow to its end.
          returned: success
          type: bool
          sample: true
        failed_instances:
          description: The instances with a failed repair. They are left alone until the tag of the failure is removed.
          returned: success
          type: list
          elements: str
          sample: []
        needs_person:
          description:
            - The instances that need a person for the next step, as their C(reason) says.
            - Also V(cluster), or V(group) and its name, if a person has to remove a tag there.
          returned: success
          type: list
          elements: str
          sample: []
        stopped:
          description: What stops the whole cluster, so that no repair starts there, or null.
          returned: success
          type: str
          sample: null
        breaker:
          description:
            - The breaker, which keeps repairs from starting while too many nodes are broken. It is the one that has
              tripped, or else that of the cluster.
          returned: success
          type: dict
          contains:
            tripped:
              description: Whether the breaker keeps repairs from starting.
              returned: success
              type: bool
              sample: true
            counted:
              description:
                - The number of nodes that hold instances and are offline, or whose state is unknown. It includes nodes
                  that were marked offline within the last hour and hold no instances any more.
              returned: success
              type: int
              sample: 3
            limit:
              description: The number of them that is tolerated.
              returned: success
              type: int
              sample: 2
            total:
              description: The number of nodes that can hold instances.
              returned: success
              type: int
              sample: 5
            scope:
              description: V(cluster) or V(group).
              returned: success
              type: str
              sample: cluster
            name:
              description: The name of the node group; empty for the cluster.
              returned: success
              type: str
              sample: ""
            until:
              description: After a storm, when repairs start again, in seconds since the epoch; otherwise null.
              returned: success
              type: int
              sample: null
            reason:
              description: Why it has tripped, as text; null if it has not.
              returned: success
              type: str
              sample: 3 of 5 nodes hold instances and are offline; max_unhealthy (40%) allows 2
        held:
          description:
            - The brakes and gates that hold something back, each with its name and the instances that it holds.
          returned: success
          type: list
          elements: dict
          sample:
            - why: max_in_flight
              instances: ["web1.example.com", "web2.example.com"]
        report:
          description: The state and the plan as lines of text.
          returned: success
          type: list
          elements: str
          sample: ["cluster.example.com, 2026-12-01T00:00:00Z", "", "15 instances: 15 healthy"]
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ganeti.autorepair.plugins.module_utils.arguments import (
    CONNECTION,
    ROUND,
    Module,
    connect,
    limits,
    run,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.planner import plan_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import WHICH, facts

ARGUMENTS = {
    **CONNECTION,
    **ROUND,
    "instances_in_facts": {"type": "str", "choices": list(WHICH), "default": "all"},
}


def gather(module: Module) -> dict[str, Any]:
    """Return the facts about the cluster as it is now."""
    wanted = limits(module)
    plan = plan_round(connect(module), wanted, time.time())
    for warning in plan.warnings:
        module.warn(warning)
    return {"ansible_facts": {"ganeti_autorepair": facts(plan, module.params["instances_in_facts"])}}


def main() -> None:
    """Gather, and exit."""
    run(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), gather)


if __name__ == "__main__":
    main()
