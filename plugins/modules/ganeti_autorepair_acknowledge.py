#!/usr/bin/python
# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ganeti_autorepair_acknowledge
short_description: Take the failures of Ganeti instances away, after somebody has looked into them
version_added: 0.1.0
description:
  - An instance whose repair has failed is left alone until somebody has looked into it. This takes the tags of such
    failures away, so that repairs may begin again. An instance without one is left as it is, and said so.
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
  reason:
    description: Words for the reason trail of the jobs.
    type: str
    default: ""
seealso:
  - module: ganeti.autorepair.ganeti_autorepair_step
"""

EXAMPLES = r"""
- name: Somebody has looked into the failure of one instance
  ganeti.autorepair.ganeti_autorepair_acknowledge:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    instances: [web1.example.com]
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
      sample: []
    tags_removed:
      description: Tags that were removed, but for those that had gone already; in check mode those that would be.
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
    """Take the failures away; what the module returns."""
    return change(
        module,
        lambda client: acknowledge(cases_of(read_cluster(client), wanted(module, "instances"), time.time())),
        terms(),
    )


def main() -> None:
    """Acknowledge, and exit."""
    options = {
        "instances": {"type": "list", "elements": "str", "default": []},
        "reason": {"type": "str", "default": ""},
    }
    run(AnsibleModule(argument_spec={**CONNECTION, **FILTER, **options}, supports_check_mode=True), forgive)


if __name__ == "__main__":
    main()
