# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin of the module: it makes the files, and the module reads and writes them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.ganeti.autorepair.plugins.module_utils.arguments import outcome
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.files import (
    Written,
    differences,
    lines,
    plan_files,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import Look
from ansible_collections.ganeti.autorepair.plugins.modules import ganeti_autorepair_report as module
from ansible_collections.ganeti.autorepair.plugins.plugin_utils.in_process import (
    InProcessModuleAction,
    LocalModule,
    like_a_process_in,
)
from ansible_collections.ganeti.autorepair.plugins.plugin_utils.report.render import renderer


class ActionModule(InProcessModuleAction):
    """Makes the files on the controller; their folder may be on another host."""

    arguments = module.ARGUMENTS
    work = staticmethod(module.files)
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """See ActionBase."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        given = self.checked(self._task.args)
        if given is None or given["files"] is not None:
            return self.run_module(self._task.args, variables)
        called = LocalModule(given, self._task.check_mode)
        result = outcome(called, lambda local: self._report(local.params, variables))
        folder = result.pop("folder", given["folder"])
        return {**result, "invocation": {"module_args": {"folder": folder}}}  # not the facts, which would fill the logs

    def _report(self, given: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Make and write the files; return the result of the module, and its `folder`."""
        render = renderer(self._own_templates(given["templates"]))
        folder, clusters = self._task.args["folder"], given["clusters"]  # unexpanded: a ~ is the home on that host
        names = [{"name": cluster["name"]} for cluster in clusters]
        found = self.run_module({"folder": folder, "clusters": names}, task_vars)
        if found.get("failed"):
            return found
        looks = [
            Look(
                name=cluster["name"],
                facts=cluster["facts"],
                error=cluster["error"] or "",
                last_round=cluster["last_round"],
                nodes=cluster["nodes"],
            )
            for cluster in clusters
        ]
        with like_a_process_in(self._loader.get_basedir()):  # the garbage collector would scan all values
            written = plan_files(found["files"], looks, int(time.time()), render)
        if not self._task.check_mode:
            done = self.run_module({"folder": folder, "clusters": [], "files": dict(written.files)}, task_vars)
            if done.get("failed"):
                return done
        return self._result(Path(found["folder"]), written)

    def _own_templates(self, folder: str | None) -> Path | None:
        find: Any = self._find_needle  # Ansible's own method, which is not typed
        return None if folder is None else Path(find("templates", folder))

    def _result(self, folder: Path, written: Written) -> dict[str, Any]:
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

    def _is_in_process(self, task_vars: Mapping[str, Any]) -> bool:
        """Return whether the folder is local and written as this user; which Python writes it does not matter."""
        return bool(self._connection.transport == "local" and self._connection.become is None)
