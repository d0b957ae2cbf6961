#!/usr/bin/python
# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ganeti_autorepair_mirrors
short_description: Look at the mirrors of Ganeti's drbd instances, and remember which copies are behind
version_added: 0.1.0
description:
  - Only while the primary of a drbd instance lives can anybody tell whether the copy on its secondary is current.
    Afterwards DRBD itself calls an old copy up to date, Ganeti fails over to it without a look, and what was written
    since is lost. So this looks before, and remembers by a tag of the instance which copy is behind, and since when.
    While that tag stands no round fails the instance over to that copy.
  - The tag is written once, and removed by the look that sees the copy in step. What a look could not find out changes
    nothing, and is told.
  - Each node whose instances are looked at is asked once, over HTTP, what its monitoring daemon (ganeti-mond) says of
    its DRBD devices. The machine on which the module runs has to reach it. What the daemons do not tell Ganeti is asked
    by jobs, for 100 instances at most; not in check mode.
  - The tag has the time in it, so the clock of the machine that this runs on has to agree with the master's within 45
    seconds. It is compared before a tag is added.
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
      - Names or globs of the instances; a name may leave its domain out, and then means all that begin so. The other
        options narrow it down.
      - A name that matches nothing fails the module, before anything is asked.
    type: list
    elements: str
    default: ["*"]
  mond_port:
    description: Port of the monitoring daemons.
    type: int
    default: 1815
  probe_timeout:
    description:
      - Seconds that each monitoring daemon has for its answer. It needs milliseconds, but more than ten seconds while a
        master candidate does not answer. All are asked at the same time.
    type: int
    default: 20
  reason:
    description: Words for the reason trail of the jobs.
    type: str
    default: ""
seealso:
  - module: ganeti.autorepair.ganeti_autorepair_step
  - module: ganeti.autorepair.ganeti_autorepair_request
"""

EXAMPLES = r"""
- name: Remember which copies are behind
  ganeti.autorepair.ganeti_autorepair_mirrors:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
"""

RETURN = r"""
mirrors:
  description: The mirrors that were looked at; one whose primary is marked offline can't be.
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
      description: Whether the copy there is in step, or null where that is not known.
      returned: success
      type: bool
      sample: false
    words:
      description: What was seen, in DRBD's words, or why nothing was; empty for a copy that is in step.
      returned: success
      type: str
      sample: WFConnection, UpToDate/DUnknown
objects:
  description: The instances, each with what became of it.
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
      description: Tags that were added; in check mode those that would be.
      returned: success
      type: list
      elements: str
      sample: ["ganeti:watcher:nodewatch:behind:0a1b2c3d-0000-4000-8000-000000000000:1795259564"]
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
      description: What was found, for people, or null; always null where there is an C(error).
      returned: success
      type: str
      sample: the copy on node2.example.com is behind since 2026-11-21T11:12:44Z at the latest
    error:
      description: What went wrong with it, or null.
      returned: success
      type: str
      sample: null
report:
  description: >-
    Lines for people, with times in UTC: the instances whose copies are not in step, or not known to be, and a last line
    on all. In check mode they say what would be done.
  returned: success, and failure after something was written
  type: list
  elements: str
  sample: ["14 mirrors: 13 in step, 1 behind, 0 not known"]
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
    """Look, remember, and exit."""
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
