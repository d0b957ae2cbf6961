# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin of the module: it runs the module in Ansible's own process where it can."""

from __future__ import annotations

from typing import Any

from ansible_collections.ganeti.autorepair.plugins.modules import ganeti_autorepair_node_step as module
from ansible_collections.ganeti.autorepair.plugins.plugin_utils.in_process import InProcessModuleAction


class ActionModule(InProcessModuleAction):
    """Runs the module."""

    arguments = module.ARGUMENTS
    work = staticmethod(module.step)

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """See ActionBase."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        return self.run_module(self.options(variables), variables)
