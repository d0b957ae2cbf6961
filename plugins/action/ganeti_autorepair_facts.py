# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's part of the module of this name: it runs the module in Ansible's own process where it can."""

from __future__ import annotations

from ansible_collections.ganeti.autorepair.plugins.modules import ganeti_autorepair_facts as module
from ansible_collections.ganeti.autorepair.plugins.plugin_utils.here import RunsHere


class ActionModule(RunsHere):
    """Runs the module."""

    arguments = module.ARGUMENTS
    work = staticmethod(module.gather)

    def run(self, tmp=None, task_vars=None):
        """See ActionBase."""
        super().run(tmp, task_vars)
        return self.run_module(self.options(task_vars), task_vars)
