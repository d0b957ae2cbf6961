#!/usr/bin/python
# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ganeti_autorepair_report
short_description: Write a report on Ganeti clusters and their repairs to files
version_added: 0.1.0
description:
  - Writes a report for people and for programs, from the facts that M(ganeti.autorepair.ganeti_autorepair_facts)
    returned for one or more clusters. The report includes clusters that could not be read.
  - Writes C(index.html) and C(index.json) for all clusters together, C(clusters/NAME.html) and C(clusters/NAME.json)
    for each, and C(ganeti_autorepair.prom) with metrics for the textfile collector of Prometheus' node exporter.
  - The pages need no network and no other file. C(index.json) only counts healthy instances and does not list them.
    C(docs/report.schema.json) of this collection describes the JSON.
  - Each file is first written under another name, and then replaces the old file as a whole. Files of clusters that are
    not in O(clusters) are not changed.
  - The module does not contact any cluster. The files are rendered where Ansible runs, which has Jinja2, and written on
    the host of the task.
author:
  - ganeti.autorepair contributors (@ganeti)
options:
  folder:
    description:
      - Folder for the files. It is created if it is missing, and may be a symbolic link.
      - Below it the module follows no symbolic link. It replaces whatever has the name of one of its files. If
        C(clusters) is a link, or not a folder, the module writes the other files and then fails.
    type: path
    required: true
  clusters:
    description: The clusters, each with its facts.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the cluster, as in the inventory. Each name must be unique.
        type: str
        required: true
      facts:
        description:
          - Its RV(ganeti.autorepair.ganeti_autorepair_facts#module:ansible_facts.ganeti_autorepair). Without facts it
            counts as a cluster that could not be read.
        type: dict
      nodes:
        description:
          - Its RV(ganeti.autorepair.ganeti_autorepair_node_facts#module:ansible_facts.ganeti_autorepair_nodes). Without
            these, its nodes count as not asked whether they answer.
        type: dict
      error:
        description: Why it could not be read.
        type: str
      last_round:
        description:
          - When a round was last run on it, in seconds since the epoch. If not given, the value in the existing file of
            the cluster is kept.
        type: int
  templates:
    description:
      - Folder with your own templates for the pages, on the machine where Ansible runs. Ansible searches for it in the
        same places as for the C(src) of the task C(ansible.builtin.template).
      - A file in this folder replaces the file with the same name, such as C(style.css), in
        C(plugins/plugin_utils/report/templates) of this collection.
    type: path
  files:
    description:
      - Rendered files, as a map from path to text. The module then only writes them. The action plugin sets this
        option; you do not need it.
    type: dict
attributes:
  async:
    description: Can run in the background, with C(async).
    support: none
  check_mode:
    description: Can run in check mode. It then writes nothing, and returns what it would have changed.
    support: full
  diff_mode:
    description: Shows the JSON and the metrics, before and after.
    support: full
  idempotent:
    description: Reports no change if it finds the same as in the last run.
    support: full
    details: The files are written nevertheless, with new times.
seealso:
  - module: ganeti.autorepair.ganeti_autorepair_facts
  - module: ganeti.autorepair.ganeti_autorepair_node_facts
"""

EXAMPLES = r"""
- name: Gather the state of the cluster
  ganeti.autorepair.ganeti_autorepair_facts:
    rapi_host: cluster.example.com
    rapi_user: repair
    rapi_password: "{{ vault_rapi_password }}"
    rapi_ca_path: /etc/ssl/certs/example-ca.pem

- name: Write the report where ansible runs
  ganeti.autorepair.ganeti_autorepair_report:
    folder: /var/www/autorepair
    clusters:
      - name: "{{ inventory_hostname }}"
        facts: "{{ ansible_facts.ganeti_autorepair }}"
  delegate_to: localhost
"""

RETURN = r"""
files:
  description: The paths of the report's files.
  returned: success
  type: list
  elements: str
  sample: ["/var/www/autorepair/index.html", "/var/www/autorepair/index.json"]
changed_files:
  description: The paths of the files whose content has changed, apart from the time.
  returned: success
  type: list
  elements: str
  sample: []
summary:
  description: The content of the report, in numbers.
  returned: success
  type: dict
  contains:
    clusters:
      description: The number of clusters.
      returned: success
      type: int
      sample: 2
    unread:
      description: The number of clusters that could not be read.
      returned: success
      type: int
      sample: 1
    states:
      description: The number of instances in each state.
      returned: success
      type: dict
      sample:
        healthy: 12
        needs_repair: 2
        pending_repair: 0
        repair_disallowed: 1
        repair_failed: 0
        suspended: 0
    attention:
      description: The number of instances that need a person, that are under repair, and that are held back.
      returned: success
      type: dict
      sample:
        person: 1
        repair: 2
        hold: 0
report:
  description: A line of text for each cluster, and one for the files.
  returned: success
  type: list
  elements: str
  sample:
    - "prod: 1 needs a person, 2 under repair, 0 on hold, 12 of 15 healthy, 1 of 5 nodes in trouble"
    - see /var/www/autorepair/index.html
failure:
  description: The kind of error, for programs.
  returned: failure
  type: str
  sample: CannotWrite
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ganeti.autorepair.plugins.module_utils.arguments import Module, run
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.files import (
    paths_of,
    read_files,
    write_files,
)

CLUSTER = {
    "name": {"type": "str", "required": True},
    "facts": {"type": "dict"},
    "nodes": {"type": "dict"},
    "error": {"type": "str"},
    "last_round": {"type": "int"},
}
ARGUMENTS = {
    "folder": {"type": "path", "required": True},
    "clusters": {"type": "list", "elements": "dict", "required": True, "options": CLUSTER},
    "templates": {"type": "path"},
    "files": {"type": "dict"},
}


def files(module: Module) -> dict[str, Any]:
    """Write the files, or read the existing ones, for the action plugin of this name, which makes them."""
    folder, made = Path(module.params["folder"]).absolute(), module.params["files"]
    told = {"folder": str(folder), "invocation": {"module_args": {"folder": str(folder)}}}
    if made is None:
        paths = paths_of([cluster["name"] for cluster in module.params["clusters"]])
        return {**told, "changed": False, "files": read_files(folder, paths)}
    if not module.check_mode:
        write_files(folder, made)
    return {**told, "changed": True}


def main() -> None:
    """Read or write the files, and exit."""
    run(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), files)


if __name__ == "__main__":
    main()
