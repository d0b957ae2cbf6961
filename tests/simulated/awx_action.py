# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module of awx.awx as it is, but in ansible's own process: a fifth of the time, for some dozens of tasks.

A copy of this file is the action plugin of each of these modules in the tests.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
from typing import Any

from ansible.module_utils.testing import patch_module_args
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):  # type: ignore[misc]
    """Calls the module's `main()`."""

    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """See ActionBase."""
        name = self._task.action.rpartition(".")[2]
        module = importlib.import_module(f"ansible_collections.awx.awx.plugins.modules.{name}")
        said = io.StringIO()
        args = {**self._task.args, "_ansible_check_mode": self._task.check_mode}
        with patch_module_args(args), contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            module.main()
        result: dict[str, Any] = json.loads(said.getvalue())
        return result
