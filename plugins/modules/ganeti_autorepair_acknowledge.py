#!/usr/bin/python
# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ganeti_autorepair_acknowledge
short_description: Acknowledge failed repairs of Ganeti instances, after somebody has looked into them
version_added: 0.1.0
description:
  - An instance whose repair has failed is left alone until somebody has looked into the failure. This module removes
    the tags of such failures, so that repairs may start again. An instance without a failure is not changed, and the
    report says so.
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
  reason:
    description: Text to add to the reason trail of the jobs.
    type: str
    default: ""
seealso:
  - module: ganeti.autorepair.ganeti_autorepair_step
"""

EXAMPLES = r"""
- name: Acknowledge the failure of one instance
  ganeti.autorepair.ganeti_autorepair_acknowledge:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    instances: [web1.example.com]
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
      sample: []
    tags_removed:
      description: Tags that were removed, or in check mode would be removed, except those that were already gone.
      returned: success
      type: list
      elements: str
      sample: ["ganeti:watcher:autorepair:result:failover:9d0c8a0e:1795259564:failure:4711"]
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
  sample: ["web1.example.com: removed ganeti:watcher:autorepair:result:failover:9d0c8a0e:1795259564:failure:4711"]
failure:
  description: The kind of error, for programs.
  returned: failure
  type: str
  sample: BadOption
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ganeti.autorepair.plugins.module_utils.arguments import CONNECTION, FILTER, run, wanted
from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.requests import acknowledge
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.run import change, terms
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.selection import cases_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.cluster import read_cluster


def forgive(module: AnsibleModule) -> dict[str, Any]:
    """Acknowledge the failures, and return the result of the module."""
    return change(
        module,
        lambda client: acknowledge(cases_of(read_cluster(client), wanted(module, "instances"), time.time())),
        terms(),
    )


def main() -> None:
    """Acknowledge the failures, and exit."""
    options = {
        "instances": {"type": "list", "elements": "str", "default": []},
        "reason": {"type": "str", "default": ""},
    }
    run(AnsibleModule(argument_spec={**CONNECTION, **FILTER, **options}, supports_check_mode=True), forgive)


if __name__ == "__main__":
    main()
