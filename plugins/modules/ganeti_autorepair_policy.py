#!/usr/bin/python
# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ganeti_autorepair_policy
short_description: Set which repairs are allowed on a Ganeti cluster, its node groups and instances
version_added: 0.1.0
description:
  - Grants, revokes, suspends and resumes the permission for repairs, with the auto-repair tags of the cluster, of node
    groups or of instances. It can also stop all repairs on the cluster. Objects that are already in the wanted state
    are not changed.
  - The nearest object decides. An instance's own tags come before those of its group, and these before the cluster's.
author:
  - ganeti.autorepair contributors (@ganeti)
extends_documentation_fragment:
  - ganeti.autorepair.attributes.writes
  - ganeti.autorepair.attributes.action_group
  - ganeti.autorepair.cluster
  - ganeti.autorepair.filter
options:
  object:
    description: The kind of object whose permission is set.
    type: str
    choices: [cluster, group, instance]
    required: true
  names:
    description:
      - Names or globs of the node groups or instances. A name may omit its domain, and then selects all objects that
        have this name in any domain. V(*) selects all. With O(object=instance) the other options narrow the selection,
        or replace this option.
      - If a name matches nothing, the module fails before it writes anything.
    type: list
    elements: str
    default: []
  state:
    description:
      - V(enabled) allows repairs up to O(allow), and no others. V(disabled) removes the object's own permission, so
        that the permission of the group or the cluster counts.
      - V(suspended) keeps repairs from starting, until O(until) if that is given. V(resumed) lifts the suspend.
      - V(stopped), with O(object=cluster), keeps all repairs on the cluster from starting, whatever other tags say.
        Repairs under way continue, but give up no running state and no disks. V(started) lifts the stop.
    type: str
    choices: [enabled, disabled, suspended, resumed, stopped, started]
    default: enabled
  allow:
    description:
      - The type up to which repairs are allowed. Each type includes those before it. Required with O(state=enabled).
    type: str
    choices: [fix-storage, migrate, failover, reinstall]
  until:
    description:
      - When a suspend ends, as a timestamp in seconds, as ISO 8601 with a time zone (V(2026-12-01T06:00:00Z)), or
        relative to now (V(+2h), V(+1d12h), in units of C(s), C(m), C(h), C(d) and C(w)).
      - If the object already has a suspend that ends within a minute of such a relative time, that suspend is not
        changed.
      - The clock of the machine on which the module runs must agree with the master's within 45 seconds. Before the
        module writes a time, it compares the clocks with a job, so not in check mode. If the clocks differ, it fails
        and writes nothing.
    type: str
  reason:
    description: Text to add to the reason trail of the jobs.
    type: str
    default: ""
seealso:
  - module: ganeti.autorepair.ganeti_autorepair_step
"""

EXAMPLES = r"""
- name: Allow all instances to be failed over
  ganeti.autorepair.ganeti_autorepair_policy:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    rapi_ca_path: /etc/ssl/certs/example-ca.pem
    object: cluster
    allow: failover

- name: Allow the build hosts of one group to be reinstalled
  ganeti.autorepair.ganeti_autorepair_policy:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    object: instance
    names: [build*]
    groups: [rack2]
    disk_templates: [plain]
    allow: reinstall

- name: Suspend repairs of a group during maintenance
  ganeti.autorepair.ganeti_autorepair_policy:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    object: group
    names: [rack2]
    state: suspended
    until: +2h

- name: Stop all repairs on the cluster, whatever any tag allows
  ganeti.autorepair.ganeti_autorepair_policy:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    object: cluster
    state: stopped
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
      sample: ["ganeti:watcher:autorepair:failover"]
    tags_removed:
      description: Tags that were removed, or in check mode would be removed, except those that were already gone.
      returned: success
      type: list
      elements: str
      sample: ["ganeti:watcher:autorepair:migrate"]
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
  sample: ["web1.example.com: added ganeti:watcher:autorepair:failover"]
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
from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.permissions import (
    PermissionState,
    parse_permission,
    permissions,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.run import change, terms
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.cluster import read_cluster


def set_policy(module: AnsibleModule) -> dict[str, Any]:
    """Set the permission, and return the result of the module."""
    given = module.params
    permission = parse_permission(given["state"], given["allow"], given["until"], time.time())

    return change(
        module,
        lambda client: permissions(read_cluster(client), given["object"], wanted(module, "names"), permission),
        terms(),
    )


def main() -> None:
    """Set the permission, and exit."""
    options = {
        "object": {"type": "str", "choices": ["cluster", "group", "instance"], "required": True},
        "names": {"type": "list", "elements": "str", "default": []},
        "state": {"type": "str", "choices": [wish.value for wish in PermissionState], "default": "enabled"},
        "allow": {"type": "str", "choices": [kind.label for kind in RepairType]},
        "until": {"type": "str"},
        "reason": {"type": "str", "default": ""},
    }
    run(AnsibleModule(argument_spec={**CONNECTION, **FILTER, **options}, supports_check_mode=True), set_policy)


if __name__ == "__main__":
    main()
