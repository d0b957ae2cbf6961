# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Here: a module that would be sent to the machine on which Ansible runs is called in Ansible's own process.

To pack a module, start a Python and read the engine takes longer than a look at a cluster; most clusters are asked from
here (C(ansible_connection: local)). The same code does the same work, with the same options; see docs/benchmarks.md.
"""

from __future__ import annotations

import gc
import os
import ssl
import sys
from contextlib import contextmanager

from ansible import constants as C
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ansible_collections.ganeti.autorepair.plugins.module_utils.arguments import outcome
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.client import RapiClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.session import REQUESTS_PROBLEM

# Ansible reads this file before it forks for each host, so what is done here is done once for all of them: the client
# is read, and OpenSSL started, which it is with its first context.
READY = (RapiClient, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

DISCOVERED = ("auto", "auto_legacy", "auto_silent", "auto_legacy_silent")  # nobody has chosen a Python
HANDED_ON = {"from_variables", "gathered", "carry_on"}  # from one task to the next, no settings


class Called:
    """What the engine needs of an AnsibleModule."""

    def __init__(self, params, check_mode):
        self.params = params
        self.check_mode = check_mode
        self.warnings = []

    def warn(self, warning):
        """See AnsibleModule."""
        self.warnings.append(warning)


class RunsHere(ActionBase):
    """An action that runs the module of its name: here where that comes to the same, else where Ansible would.

    A subclass has the module's own C(arguments) and C(work).
    """

    _supports_check_mode = True
    _supports_async = True
    _supports_diff = True

    def options(self, task_vars):
        """The task's options; with C(from_variables) those that it lacks are the variables of their names, if set.

        A file that fences nodes means C(fencing: confirmed), as in the role.
        """
        given = dict(self._task.args)
        if not boolean(given.get("from_variables", False), strict=False):
            return given
        del given["from_variables"]
        names = self.arguments.keys() - given.keys() - HANDED_ON | {"fence_tasks"}
        variables = {name: f"ganeti_autorepair_{name}" for name in sorted(names)}
        found = {name: task_vars[variable] for name, variable in variables.items() if variable in task_vars}
        found = _without(task_vars.get("omit", self), self._templar.template(found))
        fencing = {"fencing": "confirmed"} if found.pop("fence_tasks", None) is not None else {}
        return {**fencing, **found, **given}

    def run_module(self, args, task_vars):
        """What the module returns for C(args)."""
        checked = self.checked(args) if self._is_here(task_vars) else None
        if checked is None:
            return self._execute_module(module_args=args, task_vars=task_vars, wrap_async=self._task.async_val)
        called = Called(checked, self._task.check_mode)
        with like_a_process_in(self._loader.get_basedir()):
            result = outcome(called, self.work)
        secrets = [checked[name] for name, spec in self.arguments.items() if spec.get("no_log") and checked[name]]
        result = {**result, "warnings": called.warnings, "invocation": {"module_args": checked}}
        return remove_values(result, secrets)

    def _is_here(self, task_vars):
        """Whether the module would run on this machine, as this user, with this Python or whichever there is, and with
        nothing else in its environment."""
        connection = self._connection
        python = self._templar.template(C.config.get_config_value("INTERPRETER_PYTHON", variables=task_vars))
        return (
            connection.transport == "local"
            and connection.become is None
            and not self._task.delegate_to  # whose variables are others
            and not self._task.async_val
            and not any(self._task.environment or ())
            and python in (*DISCOVERED, sys.executable)
        )

    def checked(self, args):
        """C(args) as the module gets them, with defaults; None if something is wrong with them, which the module says
        better."""
        checked = ArgumentSpecValidator(self.arguments).validate(_plain(args))
        if checked.error_messages:
            return None
        if checked.validated_parameters.get("transport") == "rapi" and REQUESTS_PROBLEM:
            return None  # the Python that Ansible finds for modules may have the library
        return checked.validated_parameters


def _without(omit, value):
    """C(value) without what is C(omit) in its mappings: before core 2.19 a text stands for what is left out."""
    if isinstance(value, dict):
        return {key: _without(omit, each) for key, each in value.items() if each != omit}
    if isinstance(value, list):
        return [_without(omit, each) for each in value]
    return value


def _plain(value):
    """C(value) without what Ansible notes of its origin, decrypted if need be: as JSON would bring it to a module."""
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
def like_a_process_in(folder):
    """Work in C(folder) for a while, and without a search for circles, as the module itself does."""
    before = os.getcwd()
    os.chdir(folder)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        os.chdir(before)
