# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's part of the module of this name: it makes the files, and the module reads and writes them."""

from __future__ import annotations

import time
from pathlib import Path

from ansible_collections.ganeti.autorepair.plugins.module_utils.arguments import outcome
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.files import differences, lines, plan_files
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import Look
from ansible_collections.ganeti.autorepair.plugins.modules import ganeti_autorepair_report as module
from ansible_collections.ganeti.autorepair.plugins.plugin_utils.here import (
    Called,
    RunsHere,
    like_a_process_in,
)
from ansible_collections.ganeti.autorepair.plugins.plugin_utils.report.render import renderer


class ActionModule(RunsHere):
    """Makes the files here, whose folder may be elsewhere."""

    arguments = module.ARGUMENTS
    work = staticmethod(module.files)
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        """See ActionBase."""
        super().run(tmp, task_vars)
        given = self.checked(self._task.args)
        if given is None or given["files"] is not None:
            return self.run_module(self._task.args, task_vars)
        result = outcome(Called(given, self._task.check_mode), lambda called: self._report(called.params, task_vars))
        folder = result.pop("folder", given["folder"])
        return {**result, "invocation": {"module_args": {"folder": folder}}}  # else all facts would go into logs

    def _report(self, given, task_vars):
        """Make and write them; what the module returns, and its `folder`."""
        render = renderer(self._own_templates(given["templates"]))
        folder, clusters = self._task.args["folder"], given["clusters"]  # as it is written: a ~ is the host's
        found = self.run_module({"folder": folder, "clusters": [{"name": one["name"]} for one in clusters]}, task_vars)
        if found.get("failed"):
            return found
        looks = [Look(one["name"], one["facts"], one["error"] or "", last_round=one["last_round"]) for one in clusters]
        with like_a_process_in(self._loader.get_basedir()):  # in which circles are not looked for among all the values
            written = plan_files(found["files"], looks, int(time.time()), render)
        if not self._task.check_mode:
            done = self.run_module({"folder": folder, "clusters": [], "files": dict(written.files)}, task_vars)
            if done.get("failed"):
                return done
        return self._result(Path(found["folder"]), written)

    def _own_templates(self, folder):
        return None if folder is None else Path(self._find_needle("templates", folder))

    def _result(self, folder, written):
        shown = {"diff": list(differences(written))} if self._task.diff else {}  # it may be long
        return {
            **shown,
            "folder": str(folder),
            "changed": bool(written.changed),
            "files": [str(folder / path) for path in written.files],
            "changed_files": [str(folder / path) for path in written.changed],
            "summary": written.report["summary"],
            "report": lines(written.report, folder),
        }

    def _is_here(self, task_vars):
        """Whether the folder is on this machine, and this user's; with which Python it is written does not matter."""
        return self._connection.transport == "local" and self._connection.become is None
