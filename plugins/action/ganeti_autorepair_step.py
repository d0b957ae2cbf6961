# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin of the module: it runs the module in Ansible's own process where it can, and shows the progress of
a long `wait`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display

from ansible_collections.ganeti.autorepair.plugins.module_utils.arguments import CONNECTION, ROUND, STEP, Module
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.handoff import (
    is_fresh,
    result_without_changes,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.printable import printable
from ansible_collections.ganeti.autorepair.plugins.plugin_utils.in_process import InProcessModuleAction

SLICE = 20  # seconds of waiting between two lines of progress


class ActionModule(InProcessModuleAction):
    """Runs the module once; with `wait`, repeatedly for a short time each, with a line of progress in between."""

    arguments = {**CONNECTION, **ROUND, **STEP}  # noqa: RUF012

    @staticmethod
    def work(module: Module) -> dict[str, Any]:
        """See the module. Its imports are delayed, as most rounds have nothing to do."""
        from ansible_collections.ganeti.autorepair.plugins.modules.ganeti_autorepair_step import step

        return step(module)

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """See ActionBase."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        args = self.options(variables)
        gathered, wait = args.pop("gathered", None), boolean(args.get("wait", False), strict=False)
        try:
            spared = gathered and not args.get("approved_plan") and is_fresh(gathered, time.time())
            if spared and _is_quiet(gathered, wait) and self.checked(args):
                return result_without_changes(gathered)
            if gathered:
                args["gathered"] = {name: gathered[name] for name in ("cluster", "time")}
                args["gathered"]["plan"] = {"writes": gathered["plan"]["writes"]}
        except (KeyError, TypeError, ValueError) as error:
            words = "it takes ansible_facts.ganeti_autorepair, as ganeti_autorepair_facts has just returned it"
            raise AnsibleActionFail(f"gathered can't be used ({error!r}); {words}") from error
        if self._task.check_mode or self._task.async_val or not wait:
            return self.run_module(args, variables)
        return self._wait(args, variables, time.monotonic())

    def _wait(self, args: Mapping[str, Any], task_vars: dict[str, Any], started: float) -> dict[str, Any]:
        """Run the module until nothing is left to do, the time is over, or it fails; return one merged result."""
        from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.waiting import merged, unseen

        results: list[dict[str, Any]] = []
        limit = _seconds(args.get("wait_timeout", 3600))
        while True:
            left = max(limit - (time.monotonic() - started), 0)
            result = self._run_for(min(left, SLICE), args, task_vars, bool(results))
            if "summary" not in result:  # it failed before its first round
                return {**merged([*results, unseen(results[-1])]), **result} if results else result
            results.append(result)
            args = {**args, "carry_on": result.get("carry_on"), "gathered": None}
            if result.get("failed") or not result["left"] or left <= SLICE:
                return merged(results)
            if not self._task.no_log:
                Display().display(_progress(result, task_vars["inventory_hostname"], time.monotonic() - started, limit))

    def _run_for(
        self, seconds: float, args: Mapping[str, Any], task_vars: dict[str, Any], later: bool
    ) -> dict[str, Any]:
        """Run the module with a wait of `seconds`. If the host is lost in a `later` run, earlier results stay."""
        try:
            return self.run_module({**args, "wait_timeout": int(seconds)}, task_vars)
        except AnsibleConnectionFailure as error:
            if not later:
                raise
            return {"unreachable": True, "msg": f"the host was lost while it waited: {error}; the next run carries on"}


def _is_quiet(gathered: Mapping[str, Any], wait: bool) -> bool:
    """Whether a round, or a wait, would find nothing to do after facts that were `gathered` just before."""
    return not (gathered["plan"]["writes"] or (wait and gathered["left"]))


def _seconds(given: Any) -> int:
    try:
        return int(given)
    except (TypeError, ValueError) as error:
        raise AnsibleActionFail(f"wait_timeout is {given!r}; it takes a number of seconds") from error


def _progress(result: Mapping[str, Any], host: str, passed: float, limit: int) -> str:
    """A line of progress: which repairs are under way."""
    waits = "; ".join(
        f"{repair['instance']} ({repair['type']}): {repair['reason']}" for repair in result["under_way"] or []
    )
    count = len(result["under_way"] or [])
    repairs = "1 repair" if count == 1 else f"{count} repairs"
    return printable(f"{host}: {passed:.0f} of {limit} s, {repairs} under way" + (f": {waits}" if waits else ""))
