# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules in Ansible's own process: a module that would run on the controller is called as a function.

Packing a module, starting Python and importing the engine take longer than reading a cluster, and most clusters are
read from the controller (`ansible_connection: local`). The code and the options are the same either way; see
docs/benchmarks.md.
"""

from __future__ import annotations

import gc
import os
import ssl
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from ansible import constants as C
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ansible_collections.ganeti.autorepair.plugins.module_utils.arguments import Module, outcome
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.client import RapiClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.session import REQUESTS_PROBLEM

# Ansible imports this file before it forks for each host, so all forks share this work: the client is imported, and the
# first context initialises OpenSSL.
READY = (RapiClient, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

DISCOVERED = ("auto", "auto_legacy", "auto_silent", "auto_legacy_silent")  # the user has not chosen a Python
# What one task passes to the next, or a person says once: none of it is a setting.
HANDED_ON = {"from_variables", "gathered", "carry_on", "observations", "fence", "fenced", "confirmed_by", "readmit"}


class LocalModule:
    """What the engine needs of an AnsibleModule: checked options, check mode, and a place for warnings."""

    def __init__(self, params: Mapping[str, Any], check_mode: bool) -> None:
        self.params = params
        self.check_mode = check_mode
        self.warnings: list[str] = []

    def warn(self, warning: str) -> None:
        """See AnsibleModule."""
        self.warnings.append(warning)


class InProcessModuleAction(ActionBase):
    """Action that runs the module of its name: in this process if the result is the same, else as Ansible does.

    A subclass sets `arguments`, the module's argument spec, and `work`, the function that does the module's work. Its
    `run` calls `run_module`, usually with `options`.
    """

    _supports_check_mode = True
    _supports_async = True
    _supports_diff = True

    arguments: ClassVar[Mapping[str, Any]]

    @staticmethod
    def work(module: Module) -> dict[str, Any]:
        """Return what the module returns. Raises AutorepairError where the module would fail."""
        raise NotImplementedError

    def options(self, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Return the task's options; with `from_variables`, missing ones come from the variables of their names.

        A file with fencing tasks implies `fencing: confirmed`, as it does in the role.
        """
        given = dict(self._task.args)
        if not boolean(given.get("from_variables", False), strict=False):
            return given
        del given["from_variables"]
        names = self.arguments.keys() - given.keys() - HANDED_ON | {"fence_tasks"}
        variables = {name: f"ganeti_autorepair_{name}" for name in sorted(names)}
        found = {name: task_vars[variable] for name, variable in variables.items() if variable in task_vars}
        found = _without(task_vars.get("omit", self), self._templar.template(found))
        fences = found.pop("fence_tasks", None) is not None and "fencing" in self.arguments
        return {**({"fencing": "confirmed"} if fences else {}), **found, **given}

    def run_module(self, args: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return what the module returns for `args`."""
        checked = self.checked(args) if self._is_in_process(task_vars) else None
        result: dict[str, Any]
        if checked is None:
            result = self._execute_module(module_args=args, task_vars=task_vars, wrap_async=self._task.async_val)
        else:
            result = remove_values(self._call(checked), self._secrets(checked))
        return result

    def _call(self, params: Mapping[str, Any]) -> dict[str, Any]:
        module = LocalModule(params, self._task.check_mode)
        with like_a_process_in(self._loader.get_basedir()):
            result = outcome(module, self.work)
        return {**result, "warnings": module.warnings, "invocation": {"module_args": params}}

    def _secrets(self, params: Mapping[str, Any]) -> list[str]:
        return [params[name] for name, spec in self.arguments.items() if spec.get("no_log") and params[name]]

    def _is_in_process(self, task_vars: Mapping[str, Any]) -> bool:
        """Return whether Ansible would run the module on this machine, as this user, with this Python or any, and with
        nothing added to its environment."""
        connection = self._connection
        python = self._templar.template(C.config.get_config_value("INTERPRETER_PYTHON", variables=task_vars))
        return (
            connection.transport == "local"
            and connection.become is None
            and not self._task.delegate_to  # that host has variables of its own
            and not self._task.async_val
            and not any(self._task.environment or ())
            and python in (*DISCOVERED, sys.executable)
        )

    def checked(self, args: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return `args` as the module gets them, with defaults; None if they are invalid, because the module reports
        that better.

        `ActionBase.validate_argument_spec` is not enough: it only checks the task's own arguments, includes Ansible's
        tags on their origin, and raises.
        """
        result = ArgumentSpecValidator(self.arguments).validate(_plain(args))
        params: dict[str, Any] = result.validated_parameters
        if result.error_messages:
            return None
        if params.get("transport") == "rapi" and REQUESTS_PROBLEM:
            return None  # the Python that Ansible finds for modules may have the library
        return params


def _without(omit: object, value: Any) -> Any:
    """Return `value` without the entries that are `omit`; before ansible-core 2.19 that is a string."""
    if isinstance(value, dict):
        return {key: _without(omit, each) for key, each in value.items() if each != omit}
    if isinstance(value, list):
        return [_without(omit, each) for each in value]
    return value


def _plain(value: Any) -> Any:
    """Return `value` as a module would get it through JSON: decrypted, and without Ansible's tags on its origin."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    return str(value)


@contextmanager
def like_a_process_in(folder: str) -> Iterator[None]:
    """Work in `folder`, and without the cyclic garbage collector, as the module itself does.

    Both are restored at the end: Ansible's process goes on, and may have switched the collector off itself.
    """
    folder_before, collected = os.getcwd(), gc.isenabled()
    os.chdir(folder)
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()
        os.chdir(folder_before)
