#!/usr/bin/python
# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ganeti_autorepair_request
short_description: Ask for a once-off repair of Ganeti instances, or withdraw one
version_added: 0.1.0
description:
  - Asks for one repair of each instance, up to a type, whatever its permission says; the next round begins it. A
    suspend still holds it, as does a cluster that is stopped, and C(note) says so. What was asked for already is left
    as it is.
  - A request has the time in it, so the clock of the machine that this runs on has to agree with the master's within 45
    seconds. It is compared first, by a job, so not in check mode; if it is wrong the module fails, and nothing is
    written.
  - Or withdraws repairs that were asked for and have not begun. Then, and where more is asked for than was before, the
    cluster is claimed as by a round. While a round writes, nothing is taken back, and the module fails.
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
      - Names or globs of the instances; a name may leave its domain out, and then means all that begin so. V(*) is all
        of them. The other options narrow it down, or take its place.
      - A name that matches nothing fails the module, before anything is written.
    type: list
    elements: str
    default: []
  type:
    description: The type up to which the repair may go. Needed with O(state=present); V(absent) withdraws any type.
    type: str
    choices: [fix-storage, migrate, failover, reinstall]
  state:
    description: V(present) asks for repairs, V(absent) withdraws those that have not begun.
    type: str
    choices: [present, absent]
    default: present
  accept_behind:
    description:
      - Whether this one repair may go on with a copy of the disks that is known to be behind. What the other copy holds
        since then is lost by it. The id of the repair says so, in its tags and in reports.
    type: bool
    default: false
  reason:
    description: Words for the reason trail of the jobs.
    type: str
    default: ""
seealso:
  - module: ganeti.autorepair.ganeti_autorepair_step
"""

EXAMPLES = r"""
- name: Have one instance reinstalled, though its permission ends at failover
  ganeti.autorepair.ganeti_autorepair_request:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    instances: [build7.example.com]
    type: reinstall

- name: Withdraw what was asked for on a node
  ganeti.autorepair.ganeti_autorepair_request:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    nodes: [node3]
    state: absent
"""

RETURN = r"""
objects:
  description: The objects that were meant, each with what became of it.
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
      description: Tags that were added; in check mode those that would be.
      returned: success
      type: list
      elements: str
      sample: ["ganeti:watcher:autorepair:pending:reinstall:9d0c8a0e-5b1f-4b55-8c56-7f6a4b3a1f27:1795259564:"]
    tags_removed:
      description: Tags that were removed, but for those that had gone already; in check mode those that would be.
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
      description: What is to be known of it besides, for people, or null; always null where there is an C(error).
      returned: success
      type: str
      sample: null
    error:
      description: What went wrong with it, or null. That a tag had gone already, or was there, is no error.
      returned: success
      type: str
      sample: null
report:
  description: All of this as lines for people, with times in UTC; in check mode they say what would be done.
  returned: success, and failure after something was written
  type: list
  elements: str
  sample: ["build7.example.com: a failover repair was asked for already, since 2026-11-21T11:12:44Z"]
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
    """Ask, or withdraw; what the module returns."""
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
    """Ask, and exit."""
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
