#!/usr/bin/python
# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ganeti_autorepair_node_step
short_description: Record what is done about nodes of a Ganeti cluster, and mark them
version_added: 0.2.0
description:
  - Writes what a person has decided about nodes, and what came of it, as tags of the cluster; marks nodes offline that
    are proven to be off; and brings them back. It never switches power itself; the playbooks C(ganeti.autorepair.fence)
    and C(ganeti.autorepair.readmit) chain this module with the tasks that do.
  - Called with O(fence) alone, it checks that nothing speaks against powering the nodes off, and records that somebody
    is about to. Called again with O(fenced), once that has happened and others have looked again, it marks those that
    are off, and records which attempts have failed. With O(confirmed_by), it marks nodes by a person's word.
  - Called with O(readmit), it takes the next step by which nodes come back. A node that is marked offline becomes
    drained, in one request, and is on probation; the disks of instances whose mirrors are there are activated. A
    node whose probation is over becomes regular, and its tags go.
  - If one of the nodes is refused, the module fails, and writes nothing for any.
  - A run that was interrupted can be repeated from the start. Nothing is done twice.
author:
  - ganeti.autorepair contributors (@ganeti)
extends_documentation_fragment:
  - ganeti.autorepair.attributes.writes
  - ganeti.autorepair.attributes.action_group
  - ganeti.autorepair.cluster
options:
  observations:
    description:
      - What was observed, in the form that M(ganeti.autorepair.ganeti_autorepair_node_facts) returns and takes. Its
        last look may be two minutes old at most, and somebody besides the master must have looked at each of the nodes.
      - The module asks the cluster once more. A node that answers by then is alive.
    type: dict
    required: true
  fence:
    description:
      - The nodes to fence, by name. The part before the first dot is enough. Either these or O(readmit) are given.
    type: list
    elements: str
    default: []
  even_if:
    description:
      - The verdict by which a node may be powered off although it may be alive, such as V(cut_off). By default a node
        is refused if anybody gets an answer from it, or if nobody can tell.
      - The master is refused in any case.
    type: str
    choices: [healthy, degraded, deaf, cut_off, vetoed, returned, unknown]
  fenced:
    description: What came of powering the nodes off. Without any, nothing has been tried yet.
    type: list
    elements: dict
    default: []
    suboptions:
      node:
        description: The node, by its full name.
        type: str
        required: true
      method:
        description: How it was powered off, for the tag. The first 24 characters count.
        type: str
        required: true
      proven:
        description: Whether its power device said that it is off.
        type: bool
        required: true
  confirmed_by:
    description:
      - Who has seen that the nodes are off, and how, such as V(Anna pulled both plugs). The tag keeps these words; it
        has room for some 30 characters.
      - The nodes are refused if anything shows that they live.
    type: str
    default: ""
  readmit:
    description:
      - The nodes that are to come back, by name. The part before the first dot is enough.
      - A node is refused unless, in the last O(looks) looks, this machine and all nodes that looked at it got an
        answer, the nodes from each of its addresses; and unless it told about itself in the last one, and nothing is
        wrong with it. One that is marked offline is also refused if a guest runs there, if DRBD is primary there, or
        if it has not booted since it was said to be off.
      - Volumes there of instances that have no disk there any more are named, and left alone.
    type: list
    elements: str
    default: []
  probation:
    description: Seconds for which a node that is back stays drained.
    type: int
    default: 3600
  undrain:
    description: Whether a node that is on probation is used again now. It must have been looked at since it came back.
    type: bool
    default: false
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
    description: Whether every node was asked over SSH about itself. It makes no difference here.
    type: bool
    default: false
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
seealso:
  - module: ganeti.autorepair.ganeti_autorepair_node_facts
"""

EXAMPLES = r"""
- name: Record that a node is about to be powered off, after others have looked at it
  ganeti.autorepair.ganeti_autorepair_node_step:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    rapi_ca_path: /etc/ssl/certs/example-ca.pem
    observations: "{{ ansible_facts.ganeti_autorepair_nodes.observations }}"
    fence:
      - node3

- name: Mark it offline, as its power device said that it is off, and others have looked again
  ganeti.autorepair.ganeti_autorepair_node_step:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    rapi_ca_path: /etc/ssl/certs/example-ca.pem
    observations: "{{ ansible_facts.ganeti_autorepair_nodes.observations }}"
    fence:
      - node3
    fenced:
      - node: node3.example.com
        method: fence_agent
        proven: true

- name: Bring it back, after others have looked at it, and it has told about itself
  ganeti.autorepair.ganeti_autorepair_node_step:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    rapi_ca_path: /etc/ssl/certs/example-ca.pem
    observations: "{{ ansible_facts.ganeti_autorepair_nodes.observations }}"
    readmit:
      - node3
"""

RETURN = r"""
nodes:
  description: What was done with each of the nodes, or in check mode would be.
  returned: success, and failure after something was written
  type: list
  elements: dict
  contains:
    name:
      description: The node.
      returned: success
      type: str
      sample: node3.example.com
    incident:
      description: The id of the incident, which all its tags have; null if there is none.
      returned: success
      type: str
      sample: 5d0c8a0e
    tags_added:
      description: Tags of the cluster that were added.
      returned: success
      type: list
      elements: str
      sample: ["ganeti:watcher:nodewatch:fencing:0f4bbd0d-5d5a-4b0c-a0a7-4f6c1c1a3cfa:5d0c8a0e:1795259564"]
    tags_removed:
      description: Tags of the cluster that were removed.
      returned: success
      type: list
      elements: str
      sample: []
    marked:
      description: What it was marked as, V(offline), V(drained), V(regular), or V(master-candidate), or null.
      returned: success
      type: str
      sample: offline
    jobs:
      description: The jobs that did it.
      returned: success
      type: list
      elements: int
      sample: [4711]
    note:
      description: What this means, as text, or null.
      returned: success
      type: str
      sample: may be powered off
    error:
      description: What went wrong, or null.
      returned: success
      type: str
      sample: null
report:
  description: All of this as lines of text.
  returned: success, and failure after something was written
  type: list
  elements: str
  sample: ["node3.example.com: may be powered off; added ganeti:watcher:nodewatch:fencing:..."]
failure:
  description: The kind of error, for programs.
  returned: failure
  type: str
  sample: BadOption
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ganeti.autorepair.plugins.module_utils.arguments import CONNECTION, Module, connect, run
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.node_outcome import tell
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.node_step import carry_out_wish
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.node_wish import parse_wish
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.run import terms
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.offline import EVEN_IF
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.node_options import (
    NODE_SPECS,
    parse_node_options,
)

PROOF = {
    "node": {"type": "str", "required": True},
    "method": {"type": "str", "required": True},
    "proven": {"type": "bool", "required": True},
}
ARGUMENTS: dict[str, Any] = {
    **CONNECTION,
    **NODE_SPECS,
    "observations": {"type": "dict", "required": True},
    "fence": {"type": "list", "elements": "str", "default": []},
    "even_if": {"type": "str", "choices": list(EVEN_IF)},
    "fenced": {"type": "list", "elements": "dict", "default": [], "options": PROOF},
    "confirmed_by": {"type": "str", "default": ""},
    "readmit": {"type": "list", "elements": "str", "default": []},
    "probation": {"type": "int", "default": 3600},
    "undrain": {"type": "bool", "default": False},
    "from_variables": {"type": "bool", "default": False},
}


def step(module: Module) -> dict[str, Any]:
    """Write what a person has decided about nodes, and return the result of the module."""
    given = module.params
    wish, options = parse_wish(given), parse_node_options(given)
    client = connect(module)
    writer = DryRunClient(client) if module.check_mode else client
    return tell(carry_out_wish(wish, given["observations"], options, writer, terms()), module.check_mode)


def main() -> None:
    """Run the step, and exit."""
    run(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), step)


if __name__ == "__main__":
    main()
