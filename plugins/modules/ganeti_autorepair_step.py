#!/usr/bin/python
# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ganeti_autorepair_step
short_description: Carry out one round of repairs on a Ganeti cluster
version_added: 0.1.0
description:
  - Brings broken instances one step closer to health, as far as the auto-repair tags of the instance, its node group
    and the cluster allow. It records its progress in the instance's tags.
  - A repair can take several rounds. Each round reads the cluster again, follows the jobs of earlier rounds, whoever
    submitted them, and submits the next step. If nothing has changed, a round writes nothing.
  - An instance that can't be repaired does not fail the module. A cluster that can't be reached, or that refuses
    requests, does.
author:
  - ganeti.autorepair contributors (@ganeti)
extends_documentation_fragment:
  - ganeti.autorepair.attributes.writes
  - ganeti.autorepair.attributes.action_group_round
  - ganeti.autorepair.cluster
  - ganeti.autorepair.round
options:
  wait:
    description:
      - Whether to run one round after another until nothing is left to do or O(wait_timeout) has passed. One request
        covers all the jobs that the module waits for. It shows a line of progress from time to time, and writes the
        results of repairs together.
      - Check mode runs one round only. The module does not wait for repairs that need a person or a time window.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds after which no further round starts. Repairs that are then still under way continue in the cluster.
        RV(under_way) lists them, and the next run follows them.
    type: int
    default: 3600
  connections:
    description:
      - Number of actions to execute in parallel. Reads are sequential.
      - Ganeti's RAPI serves 20 clients at a time in total; further clients wait.
    type: int
    default: 4
  approved_plan:
    description:
      - The plan that somebody approved, as the facts return it below C(plan), or just its hash. The module carries out
        exactly this plan, or fails before it writes anything and reports how the current plan differs. If only the hash
        is given, it can only report what it would do now.
      - The hash covers what would be done, but not when, and not the nodes that are chosen for new disks.
      - With O(wait), the repairs of the approved plan are followed to their end. No other repair starts.
    type: raw
  carry_on:
    description:
      - The value that an earlier run of this module returned as RV(carry_on), to continue where that run stopped. It
        replaces O(approved_plan) and O(fenced_nodes). O(wait) uses this between lines of progress; you do not need it
        otherwise.
    type: dict
  gathered:
    description:
      - The facts that M(ganeti.autorepair.ganeti_autorepair_facts) has just returned below C(ganeti_autorepair), for
        the same options. If they show that there is nothing to do, the module returns what they show and sends no
        request. If they show that there is something to do, it claims the cluster at once.
      - The facts decide nothing else, and facts older than ten seconds are ignored. A round always reads the cluster
        itself before it writes.
    type: dict
  reason:
    description:
      - Text to add to the reason trail of every submitted job, beside the id of the repair.
    type: str
    default: ""
  iallocator:
    description:
      - The allocator that chooses new secondaries, and new primaries of instances on shared storage.
      - If not set, the cluster's own default, or C(hail) if it has none.
    type: str
notes:
  - To recreate disks, and with O(choose_nodes) to move an instance on shared storage, the module asks the online nodes
    of the node group for their free disk space and memory, for at most 20 seconds. All other reads ask for
    configuration only.
seealso:
  - module: ganeti.autorepair.ganeti_autorepair_facts
"""

EXAMPLES = r"""
- name: Run one round
  ganeti.autorepair.ganeti_autorepair_step:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    rapi_ca_path: /etc/ssl/certs/example-ca.pem
    reason: nightly repair
  register: round

- name: Show what it did
  ansible.builtin.debug:
    msg: "{{ round.report }}"

- name: Run rounds for the web servers of one group until nothing is left to do, for at most half an hour
  ganeti.autorepair.ganeti_autorepair_step:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    instances:
      - web*
    groups:
      - rack2
    max_in_flight: 2
    wait: true
    wait_timeout: 1800

- name: Require more proof before running state or data is given up
  ganeti.autorepair.ganeti_autorepair_step:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    max_unhealthy: 2
    fencing: confirmed
    fenced_nodes:
      - node3.example.com
    windows:
      - type: reinstall
        days: [mon, tue, wed, thu, fri]
        start: "09:00"
        end: "17:00"
        timezone: Europe/Berlin

- name: Carry out exactly the approved plan
  ganeti.autorepair.ganeti_autorepair_step:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    approved_plan: "{{ lookup('ansible.builtin.file', 'plan.json') | from_json }}"

- name: Run a round on the master itself, over Ganeti's own socket
  ganeti.autorepair.ganeti_autorepair_step:
    transport: luxi
  become: true
"""

RETURN = r"""
actions:
  description: >-
    What was done, or in check mode would be done, for each instance that is not healthy. Instances for which nothing
    was done are included.
  returned: success, and failure after the round had begun
  type: list
  elements: dict
  contains:
    instance:
      description: The instance; null for an action on a group or the cluster.
      returned: success
      type: str
      sample: web1.example.com
    scope:
      description: The kind of object, V(instance), V(group) or V(cluster).
      returned: success
      type: str
      sample: instance
    name:
      description: The name of the object; empty for the cluster.
      returned: success
      type: str
      sample: web1.example.com
    action:
      description: V(submit), V(wait), V(finish), V(lift), V(refuse), V(hold) or V(report).
      returned: success
      type: str
      sample: submit
    type:
      description: The type of the repair.
      returned: success
      type: str
      sample: failover
    id:
      description: The id of the repair that it continued; null for a new repair.
      returned: success
      type: str
      sample: null
    why:
      description:
        - Why nothing was done, as one of the names that docs/why-it-did-not-repair.md explains; null if something was
          done.
      returned: success
      type: str
      sample: null
    steps:
      description:
        - The remaining steps. The first was submitted. Over LUXI, a recreation of disks and the steps after it are one
          job.
      returned: success
      type: list
      elements: str
      sample: ["failover", "replace-disks"]
    permitted:
      description: The steps that the permission covers, up to the first that it does not cover.
      returned: success
      type: list
      elements: str
      sample: ["failover", "replace-disks"]
    nodes:
      description: The nodes chosen for new disks, the primary first; on shared storage, the target node.
      returned: success
      type: list
      elements: str
      sample: []
    result:
      description: The result that was written, V(success), V(failure) or V(enoperm), or null.
      returned: success
      type: str
      sample: null
    cancel:
      description: The jobs that it cancels. They are jobs of this collection that still wait and are no longer needed.
      returned: success
      type: list
      elements: int
      sample: []
    remove:
      description: The tags that it removes.
      returned: success
      type: list
      elements: str
      sample: []
    add:
      description:
        - The tags that it adds as a record, such as of a storm, of a copy that is in doubt, or of the suspend of an
          instance whose failover was canceled. The tags of a repair are not listed here; they are created when it
          starts.
      returned: success
      type: list
      elements: str
      sample: []
    reason:
      description: The reason for the action, as text.
      returned: success
      type: str
      sample: primary node3.example.com is offline
    command:
      description: A command that a person can run, or null.
      returned: success
      type: str
      sample: null
    jobs:
      description: The jobs of the repair.
      returned: success
      type: list
      elements: int
      sample: [4711]
    tags_added:
      description: Tags that were added.
      returned: success
      type: list
      elements: str
      sample: ["ganeti:watcher:autorepair:pending:failover:9d0c8a0e-5b1f-4b55-8c56-7f6a4b3a1f27:1795259564:4711"]
    tags_removed:
      description: Tags that were removed.
      returned: success
      type: list
      elements: str
      sample: []
    error:
      description: What went wrong with this action, or null.
      returned: success
      type: str
      sample: null
summary:
  description: The number of instances in each state after the round; null if the cluster could not be read then.
  returned: success, and failure after the round had begun
  type: dict
  sample:
    healthy: 12
    needs_repair: 0
    pending_repair: 2
    repair_disallowed: 1
    repair_failed: 0
    suspended: 0
pending:
  description: The number of repairs under way after the round; null if the cluster could not be read then.
  returned: success, and failure after the round had begun
  type: int
  sample: 2
under_way:
  description: >-
    The repairs under way after the round, and what each waits for; null if the cluster could not be read then.
  returned: success, and failure after the round had begun
  type: list
  elements: dict
  sample:
    - instance: web1.example.com
      type: failover
      reason: job 4711 (INSTANCE_FAILOVER) is in progress
breaker:
  description: >-
    The breaker, which keeps repairs from starting while too many nodes are broken. It is the one that has tripped, or
    else that of the cluster.
  returned: success, and failure after the round had begun
  type: dict
  contains:
    tripped:
      description: Whether the breaker keeps repairs from starting.
      returned: success
      type: bool
      sample: true
    counted:
      description:
        - The number of nodes that hold instances and are offline, or whose state is unknown. It includes nodes that
          were marked offline within the last hour and hold no instances any more.
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
  description: The brakes and gates that hold something back, each with its name and the instances that it holds.
  returned: success, and failure after the round had begun
  type: list
  elements: dict
  sample:
    - why: max_in_flight
      instances: ["web1.example.com", "web2.example.com"]
carry_on:
  description:
    - What a further run needs as its O(carry_on). C(follow) lists the repairs of an approved plan that have started, or
      is null if no plan was given. C(fenced_nodes) lists the fenced nodes that have not changed since, each with the
      time of its last change.
  returned: success, and failure after the round had begun
  type: dict
  sample:
    follow: null
    fenced_nodes: {}
left:
  description: Whether a later round still has something to do, or a repair to follow to its end.
  returned: success, and failure after the round had begun
  type: bool
  sample: true
failed_instances:
  description: The instances with a failed repair. They are left alone until the tag of the failure is removed.
  returned: success, and failure after the round had begun
  type: list
  elements: str
  sample: []
needs_person:
  description:
    - The instances that need a person for the next step; RV(report) says what to do.
    - Also V(cluster), or V(group) and its name, if a person has to remove a tag there.
  returned: success, and failure after the round had begun
  type: list
  elements: str
  sample: []
stopped:
  description: What stops the whole cluster, so that no repair starts there, or null.
  returned: success, and failure after the round had begun
  type: str
  sample: null
plan:
  description: The plan that was carried out, with C(actions), C(cluster), C(fence) and C(hash), as in the facts.
  returned: success, failure after the round had begun, and failure because it is not the approved plan
  type: dict
  sample:
    actions: []
    cluster: f28c8385-349f-4e0f-b09a-44e74726a076
    fence: []
    hash: 4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945
report:
  description: All of this as lines of text.
  returned: success, and failure after the round had begun
  type: list
  elements: str
  sample: ["cluster.example.com, 2026-12-01T00:00:00Z", "", "15 instances: 15 healthy"]
differences:
  description:
    - How the plan differs from the approved one, a line for each object. If only a hash was given, the actions of the
      current plan.
  returned: failure because the plan is not the approved one
  type: list
  elements: str
  sample: ["web1.example.com: approved was submit failover, now it is nothing"]
failure:
  description: The kind of error, for programs.
  returned: failure
  type: str
  sample: Unreachable
"""

import socket
import time
import uuid
from collections.abc import Iterable
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ganeti.autorepair.plugins.module_utils.arguments import (
    CONNECTION,
    ROUND,
    STEP,
    Module,
    connect,
    limits,
    run,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import AutorepairError
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.handoff import tags_if_fresh
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import (
    Round,
    dry_run,
    result,
    run_round,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.waiting import merged, run_until_done
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import resume_limits
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import ExecutionOptions, RunContext


def step(module: Module) -> dict[str, Any]:
    """Run one round, or more, and return the result of the module."""
    given = module.params
    options = ExecutionOptions(
        given["reason"], given["iallocator"] or "", lambda: str(uuid.uuid4()), given["connections"]
    )
    wanted, client = resume_limits(limits(module), given["carry_on"]), connect(module)
    if module.check_mode:
        return tell(module, [dry_run(DryRunClient(client), wanted, options, time.time())])
    terms = RunContext(f"{socket.gethostname()[:50]}-{uuid.uuid4().hex[:8]}", time.time, time.sleep)
    tags = tags_if_fresh(given["gathered"], time.time()) if given["gathered"] else None
    if not given["wait"]:
        return tell(module, [run_round(client, wanted, options, terms, tags)])
    return tell(module, run_until_done(client, wanted, options, terms, given["wait_timeout"], tags))


def tell(module: Module, rounds: Iterable[Round]) -> dict[str, Any]:
    """Return the result of the module for `rounds`; the error of a round that broke off carries all results so far."""
    results: list[dict[str, Any]] = []
    trouble: AutorepairError | None = None
    try:
        for played in rounds:
            for warning in played.before.warnings if not results else ():
                module.warn(warning)
            results.append(result(played, module.check_mode))
            trouble = played.trouble
    except AutorepairError as error:
        if not results:
            raise
        trouble = error
    if trouble:
        trouble.details = {**trouble.details, **merged(results)}
        raise trouble
    return merged(results)


def main() -> None:
    """Run the step, and exit."""
    run(AnsibleModule(argument_spec={**CONNECTION, **ROUND, **STEP}, supports_check_mode=True), step)


if __name__ == "__main__":
    main()
