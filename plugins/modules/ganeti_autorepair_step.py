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
  - Brings broken instances one step nearer to health, as far as the auto-repair tags of the instance, its node group
    and the cluster allow it, and keeps the account of it in the instance's tags.
  - A repair can take several rounds; each looks at the cluster afresh, follows the jobs of the rounds before it,
    whoever submitted them, and submits what comes next. A round over a cluster that has not changed writes nothing.
  - An instance that can't be repaired is no failure of the module. A cluster that can't be reached, or refuses, is.
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
      - Whether to carry on, round after round, until nothing is left to do or O(wait_timeout) has passed. The jobs that
        are waited for are asked after in one request. A line of progress is shown from time to time. The ends of
        repairs are written down together.
      - Check mode plays one round only. What waits for a person, or for a time window, is not waited for.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds after which no further round is begun. What is then still under way goes on in the cluster, stands in
        RV(under_way), and is followed by the next run.
    type: int
    default: 3600
  connections:
    description:
      - Number of repairs that are begun, or otherwise written about, at the same time. Reads come one after the other.
      - Ganeti's RAPI serves 20 clients at a time, all of them together; more wait.
    type: int
    default: 4
  approved_plan:
    description:
      - The plan that somebody has approved, as the facts return it below C(plan), or its hash alone. The step carries
        out exactly that, or fails, before anything is written, and says what differs; with the hash alone it can only
        say what it would do now.
      - The hash is over what would be done, not over when, nor over the nodes that are chosen for new disks.
      - With O(wait), the repairs of the approved plan are followed to their end; no other begins.
    type: raw
  carry_on:
    description:
      - What a run of this module has returned as RV(carry_on), to go on where it has stopped. It takes the place of
        O(approved_plan) and O(fenced_nodes). With O(wait) this is done from one line of progress to the next; there is
        no other need for it.
    type: dict
  gathered:
    description:
      - What M(ganeti.autorepair.ganeti_autorepair_facts) has just returned below C(ganeti_autorepair), for the same
        options. Where it shows that nothing is to be done, this returns what it shows, and asks the cluster nothing.
        Where it shows that something is, the cluster is claimed at once.
      - It decides nothing else, and nothing at all when it is older than ten seconds. Before it writes, a round looks
        at the cluster for itself.
    type: dict
  reason:
    description:
      - Words for the reason trail of every job that is submitted, beside the id of the repair.
    type: str
    default: ""
  iallocator:
    description:
      - The allocator that chooses new secondaries, and new primaries of instances on shared storage.
      - If not set, the cluster's own default, or C(hail) where it has none.
    type: str
notes:
  - To recreate disks, and with O(choose_nodes) to move an instance on shared storage, it asks the online nodes of the
    node group for their free disk and memory, for 20 seconds at most. All other reads are of configuration.
seealso:
  - module: ganeti.autorepair.ganeti_autorepair_facts
"""

EXAMPLES = r"""
- name: Play one round
  ganeti.autorepair.ganeti_autorepair_step:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    rapi_ca_path: /etc/ssl/certs/example-ca.pem
    reason: nightly repair
  register: round

- name: Read what it did
  ansible.builtin.debug:
    msg: "{{ round.report }}"

- name: Play rounds for the web servers of one group until nothing is left to do, for half an hour at most
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

- name: Ask more before running state or data is lost
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

- name: Do what was approved, and nothing else
  ganeti.autorepair.ganeti_autorepair_step:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    approved_plan: "{{ lookup('ansible.builtin.file', 'plan.json') | from_json }}"

- name: Play a round on the master itself, over Ganeti's own socket
  ganeti.autorepair.ganeti_autorepair_step:
    transport: luxi
  become: true
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode, and what was left, for each instance that is not healthy.
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
      description: The id of the repair that it went on with; null for a new one.
      returned: success
      type: str
      sample: null
    why:
      description:
        - Why nothing was done, by the name that docs/why-it-did-not-repair.md explains; null where something was.
      returned: success
      type: str
      sample: null
    steps:
      description:
        - The steps to come. The first was submitted; over LUXI a recreation of disks and the steps after it are one
          job.
      returned: success
      type: list
      elements: str
      sample: ["failover", "replace-disks"]
    permitted:
      description: Those of the steps that the permission covers, up to the first that it does not.
      returned: success
      type: list
      elements: str
      sample: ["failover", "replace-disks"]
    nodes:
      description: The nodes that were chosen for new disks, the primary first; or the target on shared storage.
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
      description: The jobs that it cancels; they are of this collection, still wait, and are not needed any more.
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
        - The tags that it adds to remember something, such as a storm, a copy that is in doubt, or the suspend of an
          instance whose failover was canceled. The tags of a repair are made when it begins.
      returned: success
      type: list
      elements: str
      sample: []
    reason:
      description: Why, in words.
      returned: success
      type: str
      sample: primary node3.example.com is offline
    command:
      description: What a person can run, or null.
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
  description: The number of instances in each state after the round; null if it could not be looked at any more.
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
  description: The number of repairs under way after the round; null if it could not be looked at any more.
  returned: success, and failure after the round had begun
  type: int
  sample: 2
under_way:
  description: The repairs under way after the round, with what each waits for; null if it could not be looked at.
  returned: success, and failure after the round had begun
  type: list
  elements: dict
  sample:
    - instance: web1.example.com
      type: failover
      reason: job 4711 (INSTANCE_FAILOVER) is under way
breaker:
  description: Whether too much is broken for repairs to begin, in the scope that has tripped, or else the cluster.
  returned: success, and failure after the round had begun
  type: dict
  contains:
    tripped:
      description: Whether no repair begins.
      returned: success
      type: bool
      sample: true
    counted:
      description:
        - The nodes that hold instances and are offline, or whose state is not known; also nodes marked offline
          within the last hour that hold none any more.
      returned: success
      type: int
      sample: 3
    limit:
      description: The number of them that is tolerated.
      returned: success
      type: int
      sample: 2
    total:
      description: The nodes that can hold instances.
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
      description: After a storm, when repairs begin again, in seconds since the epoch; else null.
      returned: success
      type: int
      sample: null
    reason:
      description: Why it has tripped, in words; null where it has not.
      returned: success
      type: str
      sample: 3 of 5 nodes hold instances and are offline, and max_unhealthy (40%) lets 2 be
held:
  description: The brakes and gates that hold something back, each by its name, with the instances that it holds.
  returned: success, and failure after the round had begun
  type: list
  elements: dict
  sample:
    - why: max_in_flight
      instances: ["web1.example.com", "web2.example.com"]
carry_on:
  description:
    - What a further run needs to know, as its O(carry_on). C(follow) are the repairs of an approved plan that have
      begun, or null where none was given; C(fenced_nodes) those that have stayed as they were, each with the time of
      its last change.
  returned: success, and failure after the round had begun
  type: dict
  sample:
    follow: null
    fenced_nodes: {}
left:
  description: Whether a later round has something to do, or to see the end of.
  returned: success, and failure after the round had begun
  type: bool
  sample: true
failed_instances:
  description: The instances with a repair that failed, which are left alone until its tag is removed.
  returned: success, and failure after the round had begun
  type: list
  elements: str
  sample: []
needs_person:
  description:
    - The instances for which only a person can do what comes next; RV(report) says what that is.
    - Also V(cluster), or V(group) and its name, for a tag there that a person has to remove.
  returned: success, and failure after the round had begun
  type: list
  elements: str
  sample: []
stopped:
  description: What stops the whole cluster, so that nothing begins there, or null.
  returned: success, and failure after the round had begun
  type: str
  sample: null
plan:
  description: The plan that was carried out, with C(actions), C(cluster), C(fence) and C(hash), as in the facts.
  returned: success, and failure after the round had begun, and where it is not the approved plan
  type: dict
  sample:
    actions: []
    cluster: f28c8385-349f-4e0f-b09a-44e74726a076
    fence: []
    hash: 4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945
report:
  description: All of this as lines for people.
  returned: success, and failure after the round had begun
  type: list
  elements: str
  sample: ["cluster.example.com, 2026-12-01T00:00:00Z", "", "15 instances: 15 healthy"]
differences:
  description:
    - How the plan differs from the approved one, a line for each object; its deeds, where only a hash was given.
  returned: failure, as the plan is not the approved one
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
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.gathered import noticed
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import Round, play, rehearse, result
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.waiting import merged, play_on
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import resume_limits
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import Settings, Terms


def step(module: Module) -> dict[str, Any]:
    """Play one round, or more; what the module returns for it."""
    given = module.params
    settings = Settings(given["reason"], given["iallocator"] or "", lambda: str(uuid.uuid4()), given["connections"])
    wanted, client = resume_limits(limits(module), given["carry_on"]), connect(module)
    if module.check_mode:
        return tell(module, [rehearse(DryRunClient(client), wanted, settings, time.time())])
    terms = Terms(f"{socket.gethostname()[:50]}-{uuid.uuid4().hex[:8]}", time.time, time.sleep)
    tags = noticed(given["gathered"], time.time()) if given["gathered"] else None
    if not given["wait"]:
        return tell(module, [play(client, wanted, settings, terms, tags)])
    return tell(module, play_on(client, wanted, settings, terms, given["wait_timeout"], tags))


def tell(module: Module, rounds: Iterable[Round]) -> dict[str, Any]:
    """What the module returns for `rounds`; fails it when one of them, but not the first, could not be played."""
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
    """Play, and exit."""
    run(AnsibleModule(argument_spec={**CONNECTION, **ROUND, **STEP}, supports_check_mode=True), step)


if __name__ == "__main__":
    main()
