#!/usr/bin/python
# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ganeti_autorepair_request
short_description: Request a single repair of Ganeti instances, or withdraw the request
version_added: 0.1.0
description:
  - Requests one repair of each instance, up to a type, whatever its permission says. The next round starts it. A
    suspend, or a stop of the cluster, still holds it back, and C(note) says so. A repair that was already requested is
    not requested again.
  - A request contains the time, so the clock of the machine on which the module runs must agree with the master's
    within 45 seconds. The module first compares the clocks with a job, so not in check mode. If they differ, it fails
    and writes nothing.
  - The module can also withdraw requests whose repair has not started. To withdraw a request, or to extend one to a
    further type, it claims the cluster as a round does. While a round writes, it withdraws nothing and fails.
author:
  - ganeti.autorepair contributors (@ganeti)
extends_documentation_fragment:
  - ganeti.autorepair.attributes.writes
  - ganeti.autorepair.attributes.action_group
  - ganeti.autorepair.cluster
  - ganeti.autorepair.filter
options:
  instances:
    description:
      - Names or globs of the instances. A name may omit its domain, and then selects all instances that have this name
        in any domain. V(*) selects all. The other options narrow the selection, or replace this option.
      - If a name matches nothing, the module fails before it writes anything.
    type: list
    elements: str
    default: []
  type:
    description:
      - The type up to which the repair may go. Required with O(state=present). O(state=absent) withdraws any type.
    type: str
    choices: [fix-storage, migrate, failover, reinstall]
  state:
    description: V(present) requests repairs. V(absent) withdraws requests whose repairs have not started.
    type: str
    choices: [present, absent]
    default: present
  accept_behind:
    description:
      - Whether this one repair may use a copy of the disks that is known to be behind. What was written to the other
        copy since then is lost. The id of the repair shows this, in its tags and in reports.
    type: bool
    default: false
  reason:
    description: Text to add to the reason trail of the jobs.
    type: str
    default: ""
seealso:
  - module: ganeti.autorepair.ganeti_autorepair_step
"""

EXAMPLES = r"""
- name: Request a reinstall of one instance, though its tags allow no more than a failover
  ganeti.autorepair.ganeti_autorepair_request:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    instances: [build7.example.com]
    type: reinstall

- name: Withdraw the requests for all instances of a node
  ganeti.autorepair.ganeti_autorepair_request:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    nodes: [node3]
    state: absent
"""

RETURN = r"""
objects:
  description: The selected objects, each with the result for it.
  returned: success, and failure after something was written
  type: list
  elements: dict
  contains:
    scope:
      description: The kind of object, V(instance), V(group) or V(cluster).
      returned: success
      type: str
      sample: instance
    name:
      description: Its name; empty for the cluster.
      returned: success
      type: str
      sample: web1.example.com
    tags_added:
      description: Tags that were added, or in check mode would be added.
      returned: success
      type: list
      elements: str
      sample: ["ganeti:watcher:autorepair:pending:reinstall:9d0c8a0e-5b1f-4b55-8c56-7f6a4b3a1f27:1795259564:"]
    tags_removed:
      description: Tags that were removed, or in check mode would be removed, except those that were already gone.
      returned: success
      type: list
      elements: str
      sample: []
    jobs:
      description: The jobs that write the tags.
      returned: success
      type: list
      elements: int
      sample: [4711]
    note:
      description: Additional remark as text, or null; always null if there is an C(error).
      returned: success
      type: str
      sample: null
    error:
      description: What went wrong, or null. A tag that was already gone, or already there, is no error.
      returned: success
      type: str
      sample: null
report:
  description: All of this as lines of text, with times in UTC. In check mode they say what would be done.
  returned: success, and failure after something was written
  type: list
  elements: str
  sample: ["build7.example.com: a failover repair was already requested at 2026-11-21T11:12:44Z"]
failure:
  description: The kind of error, for programs.
  returned: failure
  type: str
  sample: BadOption
"""

import time
import uuid
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ganeti.autorepair.plugins.module_utils.arguments import CONNECTION, FILTER, run, wanted
from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.permissions import stopped_words
from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.requests import Change, request, withdraw
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.run import change, terms
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import Client
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.selection import cases_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.cluster import read_cluster

TYPES = {kind.label: kind for kind in RepairType}


def ask(module: AnsibleModule) -> dict[str, Any]:
    """Request or withdraw repairs, and return the result of the module."""
    given, now = module.params, time.time()

    def changes(client: Client) -> tuple[Change, ...]:
        cluster = read_cluster(client)
        cases = cases_of(cluster, wanted(module, "instances"), now)
        if given["state"] == "absent":
            return withdraw(cases)
        stopped = stopped_words(cluster)
        kind, accepts = TYPES[given["type"]], given["accept_behind"]
        return request(cases, kind, now, lambda: str(uuid.uuid4()), stopped, accepts)

    return change(module, changes, terms())


def main() -> None:
    """Request or withdraw repairs, and exit."""
    options = {
        "instances": {"type": "list", "elements": "str", "default": []},
        "type": {"type": "str", "choices": list(TYPES)},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "accept_behind": {"type": "bool", "default": False},
        "reason": {"type": "str", "default": ""},
    }
    module = AnsibleModule(
        argument_spec={**CONNECTION, **FILTER, **options},
        required_if=[("state", "present", ["type"])],
        supports_check_mode=True,
    )
    run(module, ask)


if __name__ == "__main__":
    main()
