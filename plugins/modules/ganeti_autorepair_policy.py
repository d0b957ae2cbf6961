#!/usr/bin/python
# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ganeti_autorepair_policy
short_description: Set what repairs are allowed on a Ganeti cluster, its node groups and instances
version_added: 0.1.0
description:
  - Sets, takes away, suspends and resumes the permission for repairs, by the auto-repair tags of the cluster, of node
    groups or of instances; or stops the whole cluster. What is so already is left as it is.
  - The nearest object decides; an instance's own tags come before those of its group, and these before the cluster's.
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
      - Names or globs of the node groups or instances; a name may leave its domain out, and then means all that begin
        so. V(*) is all of them. With O(object=instance) the other options narrow it down, or take its place.
      - A name that matches nothing fails the module, before anything is written.
    type: list
    elements: str
    default: []
  state:
    description:
      - V(enabled) allows repairs up to O(allow), and nothing else. V(disabled) takes the object's own permission away;
        that of a farther object then counts.
      - V(suspended) lets nothing begin, until O(until) if that is given. V(resumed) takes that back.
      - V(stopped), with O(object=cluster), lets nothing begin on the whole cluster, whatever other tags say. What has
        begun goes on, but gives up no running state and no disks. V(started) takes that back.
    type: str
    choices: [enabled, disabled, suspended, resumed, stopped, started]
    default: enabled
  allow:
    description: The type up to which repairs are allowed; each includes those before it. Needed with O(state=enabled).
    type: str
    choices: [fix-storage, migrate, failover, reinstall]
  until:
    description:
      - When a suspend ends. A timestamp in seconds, ISO 8601 with a time zone (V(2026-12-01T06:00:00Z)), or a time from
        now on (V(+2h), V(+1d12h), of C(s), C(m), C(h), C(d) and C(w)).
      - A suspend that stands and ends within a minute of such a time from now on is left as it is.
      - The clock of the machine that this runs on has to agree with the master's within 45 seconds. It is compared
        before a time is written, by a job of its own, so not in check mode; if it is wrong the module fails, and
        nothing is written.
    type: str
  reason:
    description: Words for the reason trail of the jobs.
    type: str
    default: ""
seealso:
  - module: ganeti.autorepair.ganeti_autorepair_step
"""

EXAMPLES = r"""
- name: Allow everything to be failed over
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

- name: Keep hands off a group while it is worked on
  ganeti.autorepair.ganeti_autorepair_policy:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    object: group
    names: [rack2]
    state: suspended
    until: +2h

- name: Let nothing begin on the whole cluster, whatever any tag allows
  ganeti.autorepair.ganeti_autorepair_policy:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    object: cluster
    state: stopped
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
      sample: ["ganeti:watcher:autorepair:failover"]
    tags_removed:
      description: Tags that were removed, but for those that had gone already; in check mode those that would be.
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
    Wish,
    parse_permission,
    permissions,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.run import change, terms
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.cluster import read_cluster


def set_policy(module: AnsibleModule) -> dict[str, Any]:
    """Set it; what the module returns."""
    given = module.params
    permission = parse_permission(given["state"], given["allow"], given["until"], time.time())

    return change(
        module,
        lambda client: permissions(read_cluster(client), given["object"], wanted(module, "names"), permission),
        terms(),
    )


def main() -> None:
    """Set it, and exit."""
    options = {
        "object": {"type": "str", "choices": ["cluster", "group", "instance"], "required": True},
        "names": {"type": "list", "elements": "str", "default": []},
        "state": {"type": "str", "choices": [wish.value for wish in Wish], "default": "enabled"},
        "allow": {"type": "str", "choices": [kind.label for kind in RepairType]},
        "until": {"type": "str"},
        "reason": {"type": "str", "default": ""},
    }
    run(AnsibleModule(argument_spec={**CONNECTION, **FILTER, **options}, supports_check_mode=True), set_policy)


if __name__ == "__main__":
    main()
