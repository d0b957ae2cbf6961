#!/usr/bin/python
# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ganeti_autorepair_node_facts
short_description: Look at the nodes of a Ganeti cluster, and judge which of them are dead, cut off or sick
version_added: 0.2.0
description:
  - Asks the cluster once which of its nodes answer, whatever their marks say. Returns for each node what it is, since
    when, by whose word, and what comes next.
  - With O(observations), it asks nobody. It judges what was observed before, with what others have added to it.
  - The module only reads. It asks for configuration, and sends one live query for a cluster of any size. That takes
    0.2 seconds if all nodes answer, and 5 seconds if any does not.
  - A node that does not answer the master is not called dead by that alone. Without other observers it is V(unknown).
author:
  - ganeti.autorepair contributors (@ganeti)
extends_documentation_fragment:
  - ganeti.autorepair.attributes.action_group
  - ganeti.autorepair.cluster
options:
  observations:
    description:
      - What was observed, in the form of RV(ansible_facts.ganeti_autorepair_nodes.observations). The connection options
        are not needed then.
      - Each of its C(looks) has the C(time) (seconds since the epoch), C(live) (each node that the master asked, with
        its boot id, or null if it did not answer), C(asked) (the witnesses that were asked), and C(observers).
      - An observer has a C(name) (a node, or C(controller) for the machine on which Ansible runs), C(reach) (each node
        that it tried, with V(answers), V(accepts), V(refuses) or V(silent)), C(master) (the node that it takes for the
        master), C(boot_id), C(replicates_with) (the nodes with which its DRBD is connected) and C(findings) (each with
        a C(severity), V(evacuate) or V(warning), and a C(text)), C(guests) (what runs there), and C(whole) (whether it
        has said all of this). List only observers that answered.
      - C(answers) has what the script of the role C(ganeti.autorepair.nodes) printed on each observer, by its name.
        These count as observers as well, except one on which the script did not get to its end.
      - C(deep) has the nodes that were asked about themselves, and C(moving) the instances that unfinished jobs were
        about.
      - A look may also have C(power) (V(on), V(off) or V(unknown) for each node), C(storage) (whether the storage of a
        node shows that it lives), and C(isolation) (whether each address answered the controller).
    type: dict
  looks:
    description: The number of equal looks in one run, at least five seconds apart, that a verdict takes.
    type: int
    default: 3
  dead_after:
    description: Seconds for which nobody must have had an answer from a node before V(isolated) counts.
    type: int
    default: 120
  hung_after:
    description: Seconds for which a node must have accepted connections without an answer before V(hung) counts.
    type: int
    default: 600
  degraded_after:
    description: Seconds for which a node must have had a finding that its guests should leave it, before V(degraded)
      counts.
    type: int
    default: 600
  witnesses:
    description: The number of nodes, spread over the node groups, to ask about nodes that do not answer the master.
    type: int
    default: 7
  witness_quorum:
    description:
      - The number of witnesses that must have looked at a node before it is called dead. By default more than half of
        those that were asked.
      - V(0) lets this machine judge alone, but only in a cluster of two nodes, and only if an isolation address answers
        it.
    type: int
  isolation_addresses:
    description:
      - Addresses outside of the cluster that answer this machine if its own network is well, such as a gateway, or the
        RAPI of another cluster. If none of them answers, nobody is judged.
    type: list
    elements: str
    default: []
  deep:
    description:
      - Whether every node is to be asked over SSH about itself, which RV(ansible_facts.ganeti_autorepair_nodes.probes)
        then says. It may be degraded, or run guests that belong elsewhere. The module asks the cluster then where
        instances belong, and which of them jobs are about.
    type: bool
    default: false
  fence:
    description:
      - The nodes that a person wants to fence, by name. The part before the first dot is enough.
      - Others are asked about these even if they answer, or are marked offline.
    type: list
    elements: str
    default: []
  readmit:
    description:
      - The nodes that are to come back, by name. The part before the first dot is enough.
      - Others are asked about these, and these about themselves, even if all nodes answer.
    type: list
    elements: str
    default: []
  probe_timeout:
    description: Seconds to wait for the answer to the live query.
    type: int
    default: 20
  from_variables:
    description:
      - Whether each option that is not given comes from the variable of its name, such as C(ganeti_autorepair_looks)
        for O(looks), if that is set.
    type: bool
    default: false
attributes:
  check_mode:
    description: Can run in check mode, and returns the same as otherwise.
    support: full
  diff_mode:
    description: Shows what has changed.
    support: none
    details: The module changes nothing.
seealso:
  - module: ganeti.autorepair.ganeti_autorepair_facts
"""

EXAMPLES = r"""
- name: Look at the nodes of a cluster
  ganeti.autorepair.ganeti_autorepair_node_facts:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    rapi_ca_path: /etc/ssl/certs/example-ca.pem

- name: Show the nodes that do not answer
  ansible.builtin.debug:
    msg: "{{ item.name }} is {{ item.verdict }}: {{ item.reason }}"
  loop: "{{ ansible_facts.ganeti_autorepair_nodes.nodes | rejectattr('verdict', 'in', ['healthy', none]) }}"
  loop_control:
    label: "{{ item.name }}"

- name: Judge a recorded look again
  ganeti.autorepair.ganeti_autorepair_node_facts:
    observations: "{{ lookup('ansible.builtin.file', 'looks/cluster.json') | from_json }}"
"""

RETURN = r"""
ansible_facts:
  description: The facts, all of them below C(ganeti_autorepair_nodes).
  returned: success
  type: dict
  contains:
    ganeti_autorepair_nodes:
      description: The nodes, and what comes next for them.
      returned: success
      type: dict
      contains:
        time:
          description: When the nodes were looked at last, in seconds since the epoch.
          returned: success
          type: int
          sample: 1795259564
        observers:
          description: Who answered us in the last look, besides the master.
          returned: success
          type: list
          elements: str
          sample: ["controller", "node1.example.com", "node2.example.com"]
        nodes:
          description: The nodes, by name.
          returned: success
          type: list
          elements: dict
          contains:
            name:
              description: Its name.
              returned: success
              type: str
              sample: node3.example.com
            uuid:
              description: Its UUID.
              returned: success
              type: str
              sample: 0f4bbd0d-5d5a-4b0c-a0a7-4f6c1c1a3cfa
            group:
              description: Its node group.
              returned: success
              type: str
              sample: default
            state:
              description: How it is marked, V(online), V(drained), V(offline), or V(unknown).
              returned: success
              type: str
              sample: online
            verdict:
              description:
                - What it is by all that was seen in the last look. V(healthy), V(degraded) (it answers, but its guests
                  should leave it), V(deaf) (only its node daemon is silent), V(cut_off) (the master does not reach it,
                  others do), V(hung) (connections are accepted or refused, and nobody gets an answer), V(isolated)
                  (nobody reaches it, and its power is on), V(off), V(dark) (nobody reaches it, and its power device
                  says nothing), V(vetoed) (nobody reaches it, but its storage is alive), V(returned) (it is marked
                  offline, and lives) or V(unknown).
                - Null if nobody was asked about it, as it is marked offline.
              returned: success
              type: str
              sample: isolated
            since:
              description:
                - Since when it has been so, as far as is known, in seconds since the epoch; null if it is well.
              returned: success
              type: int
              sample: 1795259444
            why:
              description: The reason for the verdict.
              returned: success
              type: str
              sample: nobody reaches node3.example.com, and its power is on
            evidence:
              description: Who saw what of it.
              returned: success
              type: list
              elements: str
              sample: ["controller: silent", "node1.example.com: silent", "power: on"]
            next:
              description:
                - What comes next. V(none), V(wait) (the verdict does not count yet), V(hold) (a suspend holds it back),
                  V(report) (a person is needed), or what the tags permit, V(restart) (its node daemon), V(drain),
                  V(fence) (power it off, then mark it), V(mark) (it is off) or V(readmit). This module does none of
                  them.
              returned: success
              type: str
              sample: wait
            reason:
              description: The reason for C(next), as text.
              returned: success
              type: str
              sample: nobody reaches node3.example.com, and its power is on; so for 20 of 120 s
            command:
              description: The command by which a person does it, or null.
              returned: success
              type: str
              sample: null
            policy:
              description: What the tags permit.
              returned: success
              type: dict
              contains:
                level:
                  description: V(restart), V(drain), V(fence), V(failover-master), or null.
                  returned: success
                  type: str
                  sample: fence
                readmit:
                  description: Whether it may be brought back.
                  returned: success
                  type: bool
                  sample: false
                suspended_until:
                  description: Seconds since the epoch, V(forever), or null if nothing is suspended.
                  returned: success
                  type: raw
                  sample: null
                source:
                  description: The kind of object whose tags decided, V(node), V(group) or V(cluster), or null.
                  returned: success
                  type: str
                  sample: cluster
            incident:
              description: What a tag of the cluster remembers of it, or null.
              returned: success
              type: dict
              contains:
                id:
                  description: The incident's id; null for a suspect.
                  returned: success
                  type: str
                  sample: null
                stage:
                  description: V(suspect), V(fencing), V(fenced), V(failed) or V(probation).
                  returned: success
                  type: str
                  sample: suspect
                since:
                  description: When it came to this stage, in seconds since the epoch.
                  returned: success
                  type: int
                  sample: 1795259444
        summary:
          description: The number of nodes with each verdict; C(not_asked) are those without one.
          returned: success
          type: dict
          sample:
            healthy: 4
            isolated: 1
        strays:
          description:
            - The guests that run on a node that is not the primary node of their instance, in every look in which the
              node said what runs there. Each has C(instance), C(node) and C(primary), which is null if the cluster does
              not know the instance. An instance that a job is about is left out.
            - Null if nobody was asked; see O(deep).
          returned: success
          type: list
          elements: dict
          sample: null
        stopped:
          description: Why no silent node is judged, or null.
          returned: success
          type: str
          sample: null
        partition:
          description: The parts into which the network has fallen, the master's first; empty if it has not.
          returned: success
          type: list
          elements: list
          sample: []
        masters:
          description: The nodes that somebody takes for the master.
          returned: success
          type: list
          elements: str
          sample: ["node1.example.com"]
        plan:
          description: What comes next.
          returned: success
          type: dict
          contains:
            actions:
              description: The nodes for which something is to be done or said.
              returned: success
              type: list
              elements: dict
              sample:
                - node: node3.example.com
                  uuid: 0f4bbd0d-5d5a-4b0c-a0a7-4f6c1c1a3cfa
                  action: fence
                  verdict: isolated
                  reason: nobody reaches node3.example.com, and its power is on
                  command: null
            cluster:
              description: The UUID of the cluster.
              returned: success
              type: str
              sample: f28c8385-349f-4e0f-b09a-44e74726a076
            hash:
              description:
                - A hash over what a round would do. The same hash means the same steps for the same nodes by the same
                  verdicts.
              returned: success
              type: str
              sample: 6a0d6bb7ab22cfcd4d3c2b5a5e0f4a56a6d6b54c4f2c9fd6a5a1a6e3c8f0f3d1
        probes:
          description: Whom to ask for the next look; all empty if every node that is not offline answers, and the look
            is not deep.
          returned: success
          type: dict
          contains:
            targets:
              description: The nodes that they try to reach.
              returned: success
              type: list
              elements: str
              sample: ["node3.example.com", "node1.example.com"]
            observers:
              description:
                - The machine on which Ansible runs (C(controller)) and the witnesses, and in a deep look all nodes.
                - Each has its IP address, the arguments that the script of the role C(ganeti.autorepair.nodes) gets
                  there, whether it is asked about others (C(witness)), and whether it is asked about itself (C(deep)).
              returned: success
              type: list
              elements: dict
              sample:
                - name: controller
                  address: localhost
                  arguments: node3.example.com=192.0.2.13 node1.example.com=192.0.2.11 isolation=192.0.2.1
                  witness: true
                  deep: false
                - name: node1.example.com
                  address: 192.0.2.11
                  arguments: node3.example.com=192.0.2.13
                  witness: true
                  deep: false
        observations:
          description:
            - What all of this rests on, in the form of O(observations). Kept in a file, it can be judged again on any
              machine.
          returned: success
          type: dict
          contains:
            cluster:
              description: The cluster itself.
              returned: success
              type: dict
              sample:
                name: cluster.example.com
                uuid: f28c8385-349f-4e0f-b09a-44e74726a076
                master: node1.example.com
                version: 3.0.2
                tags: []
                maintain_node_health: false
                volume_group: xenvg
            groups:
              description: The node groups, each with its name and its tags.
              returned: success
              type: list
              elements: dict
              sample:
                - name: default
                  tags: []
            nodes:
              description: The configuration of the nodes.
              returned: success
              type: list
              elements: dict
              sample:
                - name: node3.example.com
                  uuid: 0f4bbd0d-5d5a-4b0c-a0a7-4f6c1c1a3cfa
                  group: default
                  state: online
                  role: C
                  addresses: ["192.0.2.13"]
                  tags: []
                  changed: 1795000000.0
            instances:
              description: The primary node of each instance; null unless the look is deep.
              returned: success
              type: dict
              sample: null
            looks:
              description: The looks, the oldest first.
              returned: success
              type: list
              elements: dict
              sample:
                - time: 1795259564.5
                  live:
                    node1.example.com: 9d241a89-ade2-450e-89a8-7d6fda6dc591
                    node3.example.com: null
        report:
          description: All of this as text, one line each.
          returned: success
          type: list
          elements: str
          sample: ["5 nodes: 4 healthy, 1 isolated"]
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ganeti.autorepair.plugins.module_utils.arguments import CONNECTION, Module, connect, run
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.observed import parse_observations
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.plan import plan_nodes
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.probes import probes_for
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.nodes import look_at_nodes
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.node_results import node_facts
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.node_options import (
    NODE_SPECS,
    parse_node_options,
)

ARGUMENTS: dict[str, Any] = {
    **CONNECTION,
    **NODE_SPECS,
    "fence": {"type": "list", "elements": "str", "default": []},
    "readmit": {"type": "list", "elements": "str", "default": []},
    "observations": {"type": "dict"},
    "from_variables": {"type": "bool", "default": False},
}


def gather(module: Module) -> dict[str, Any]:
    """Return the facts about the nodes, by the observations that are given, or by a look at them now."""
    options = parse_node_options(module.params)
    observations, fence, readmit = (module.params[name] for name in ("observations", "fence", "readmit"))
    if observations is None:
        deep = options.deep or bool(readmit)
        observations = look_at_nodes(connect(module), time.time, options.probe_timeout, deep)
    observed = parse_observations(observations)
    plan, probes = plan_nodes(observed, options, observed.time), probes_for(observed, options, fence, readmit)
    return {"ansible_facts": {"ganeti_autorepair_nodes": node_facts(plan, probes, observations)}}


def main() -> None:
    """Gather, and exit."""
    run(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), gather)


if __name__ == "__main__":
    main()
