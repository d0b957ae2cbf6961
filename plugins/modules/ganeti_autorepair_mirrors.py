#!/usr/bin/python
# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ganeti_autorepair_mirrors
short_description: Look at the mirrors of Ganeti's drbd instances, and record which copies are behind
version_added: 0.1.0
description:
  - Nobody can tell whether the copy on the secondary of a drbd instance is current, except while its primary is alive.
    Afterwards DRBD itself reports an old copy as up to date, Ganeti fails over to it without a check, and what was
    written since is lost. So this module looks at the mirrors beforehand, and records in a tag of the instance which
    copy is behind, and since when. While that tag exists, no round fails the instance over to that copy.
  - The tag is written once. The look that sees the copy in sync removes it. If a look could not determine the state of
    a copy, it changes nothing and reports this.
  - The module asks the monitoring daemon (ganeti-mond) of each node with such instances once, over HTTP, for its DRBD
    devices. The machine on which the module runs must be able to reach it. For instances that the daemons do not
    report, at most 100, it asks Ganeti with jobs; not in check mode.
  - The tag contains the time, so the clock of the machine on which the module runs must agree with the master's within
    45 seconds. The module compares the clocks before it adds a tag.
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
        in any domain. The other options narrow the selection.
      - If a name matches nothing, the module fails before it asks any node.
    type: list
    elements: str
    default: ["*"]
  mond_port:
    description: Port of the monitoring daemons.
    type: int
    default: 1815
  probe_timeout:
    description:
      - Seconds to wait for the answer of each monitoring daemon. A daemon usually answers within milliseconds, but
        needs more than ten seconds while a master candidate does not respond. All daemons are asked at the same time.
    type: int
    default: 20
  reason:
    description: Text to add to the reason trail of the jobs.
    type: str
    default: ""
seealso:
  - module: ganeti.autorepair.ganeti_autorepair_step
  - module: ganeti.autorepair.ganeti_autorepair_request
"""

EXAMPLES = r"""
- name: Record which copies are behind
  ganeti.autorepair.ganeti_autorepair_mirrors:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
"""

RETURN = r"""
mirrors:
  description: The mirrors that the module looked at. It can't look at a mirror whose primary is marked offline.
  returned: success, and failure after something was written
  type: list
  elements: dict
  contains:
    instance:
      description: The instance.
      returned: success
      type: str
      sample: db1.example.com
    secondary:
      description: The node of its secondary.
      returned: success
      type: str
      sample: node2.example.com
    in_step:
      description: Whether the copy there is in sync, or null if that is unknown.
      returned: success
      type: bool
      sample: false
    words:
      description: The state that DRBD reports, or why it could not be determined; empty for a copy that is in sync.
      returned: success
      type: str
      sample: WFConnection, UpToDate/DUnknown
objects:
  description: The instances, each with the result for it.
  returned: success, and failure after something was written
  type: list
  elements: dict
  contains:
    scope:
      description: The kind of object, V(instance).
      returned: success
      type: str
      sample: instance
    name:
      description: Its name.
      returned: success
      type: str
      sample: db1.example.com
    tags_added:
      description: Tags that were added, or in check mode would be added.
      returned: success
      type: list
      elements: str
      sample: ["ganeti:watcher:nodewatch:behind:0a1b2c3d-0000-4000-8000-000000000000:1795259564"]
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
      description: The finding as text, or null; always null if there is an C(error).
      returned: success
      type: str
      sample: the copy on node2.example.com has been behind since 2026-11-21T11:12:44Z at the latest
    error:
      description: What went wrong with it, or null.
      returned: success
      type: str
      sample: null
report:
  description: >-
    The result as lines of text, with times in UTC. They name the instances whose copies are not in sync, or not known
    to be, and the last line counts all mirrors. In check mode they say what would be done.
  returned: success, and failure after something was written
  type: list
  elements: str
  sample: ["14 mirrors: 13 in sync, 1 behind, 0 not known"]
failure:
  description: The kind of error, for programs.
  returned: failure
  type: str
  sample: BadOption
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ganeti.autorepair.plugins.module_utils.arguments import CONNECTION, FILTER, run
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.run import remember_mirrors, terms


def main() -> None:
    """Look at the mirrors, record which copies are behind, and exit."""
    options = {
        "instances": {"type": "list", "elements": "str", "default": ["*"]},
        "mond_port": {"type": "int", "default": 1815},
        "probe_timeout": {"type": "int", "default": 20},
        "reason": {"type": "str", "default": ""},
    }
    module = AnsibleModule(argument_spec={**CONNECTION, **FILTER, **options}, supports_check_mode=True)
    run(module, lambda module: remember_mirrors(module, terms()))


if __name__ == "__main__":
    main()
