# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Here: when a module is called in Ansible's own process, with what, and what comes of it."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.plugin_utils import in_process

SENT = {"sent": True}


class Text(str):
    """A text that Ansible has noted something about."""


class Secret:
    """A text that is decrypted where it is used."""

    def __str__(self):
        return "hunter2"


class Action(in_process.InProcessModuleAction):
    """An action whose module would be sent to a machine of its own."""

    _connection: Any
    _task: Any
    _templar: Any
    _loader: Any

    arguments = {  # noqa: RUF012
        "transport": {"type": "str", "choices": ["rapi", "luxi"], "default": "rapi"},
        "password": {"type": "str", "no_log": True},
        "retries": {"type": "int", "default": 2},
        "names": {"type": "list", "elements": "str", "default": []},
        "windows": {"type": "list", "elements": "dict"},
        "fencing": {"type": "str"},
        "gathered": {"type": "dict"},
        "from_variables": {"type": "bool"},
    }

    def __init__(self, work, **changes):
        own: dict[str, Any] = {"transport": "local", "become": None, "delegate_to": None, "async_val": 0}
        own |= {"environment": [{}], "check_mode": False, **changes}
        self.work = work
        self._connection = SimpleNamespace(transport=own["transport"], become=own["become"])
        self._task = SimpleNamespace(**{name: own[name] for name in ("delegate_to", "async_val", "environment")})
        self._task.check_mode = own["check_mode"]
        self._templar = SimpleNamespace(template=lambda text: text)
        self._loader = SimpleNamespace(get_basedir=lambda: "/")

    def run(self, tmp=None, task_vars=None):
        """See ActionBase."""

    def _execute_module(self, *_args, **_more):
        return SENT


def _run(args=None, python=None, work=lambda module: {"changed": False}, **changes):
    task_vars = {} if python is None else {"ansible_python_interpreter": python}
    return Action(work, **changes).run_module(args or {}, task_vars)


@pytest.mark.parametrize(
    ("changes", "is_here"),
    [
        ({}, True),
        ({"python": "auto_silent"}, True),
        ({"python": sys.executable}, True),
        ({"python": "/usr/bin/other-python"}, False),
        ({"transport": "ssh"}, False),
        ({"become": object()}, False),
        ({"delegate_to": "localhost"}, False),
        ({"async_val": 60}, False),
        ({"environment": [{"GANETI_RAPI_USER": "x"}]}, False),
        ({"args": {"retries": "many"}}, False),
        ({"args": {"nonsense": 1}}, False),
    ],
    ids=lambda value: str(value),
)
def test_where_it_runs(changes, is_here):
    """Here, unless that could come to something else, or the module has to say what is wrong with its arguments."""
    assert (_run(**changes) != SENT) is is_here


VARIABLES = {
    "ganeti_autorepair_password": "{{ secret }}",
    "ganeti_autorepair_retries": 5,
    "ganeti_autorepair_names": "__omit__",
    "ganeti_autorepair_windows": [{"type": "failover", "timezone": "__omit__"}],
    "ganeti_autorepair_nonsense": 1,
    "ganeti_autorepair_gathered": {"left over": True},
    "omit": "__omit__",
}
WINDOWS = [{"type": "failover"}]


@pytest.mark.parametrize(
    ("args", "come"),
    [
        ({}, {}),
        ({"from_variables": False, "retries": 3}, {"from_variables": False, "retries": 3}),
        ({"from_variables": "ture"}, {"from_variables": "ture"}),
        ({"from_variables": True}, {"password": "hunter2", "retries": 5, "windows": WINDOWS}),
        ({"from_variables": "yes", "retries": 3}, {"password": "hunter2", "retries": 3, "windows": WINDOWS}),
        (
            {"from_variables": True, "names": [], "windows": 1},
            {"password": "hunter2", "retries": 5, "names": [], "windows": 1},
        ),
    ],
    ids=["not asked for", "refused", "not understood", "all", "all but one", "all but an empty one"],
)
def test_options_from_variables(args, come):
    """Those that the task lacks, templated, unless they turn out to be left out; nothing if it has not asked."""
    assert _options(args, VARIABLES) == come


@pytest.mark.parametrize(
    ("args", "variables", "fencing"),
    [
        ({}, {"fence_tasks": "fence_ipmi.yml"}, "confirmed"),
        ({}, {"fence_tasks": "fence_ipmi.yml", "fencing": "powered_off"}, "powered_off"),
        ({"fencing": "offline_flag"}, {"fence_tasks": "fence_ipmi.yml"}, "offline_flag"),
        ({}, {"fence_tasks": "__omit__"}, None),
        ({}, {}, None),
    ],
    ids=["a file", "and a variable", "and an option", "a file that is left out", "no file"],
)
def test_a_file_that_fences(args, variables, fencing):
    """It means that nothing is failed over without proof, as in the role, unless somebody says otherwise."""
    task_vars = {f"ganeti_autorepair_{name}": value for name, value in variables.items()}
    given = _options({"from_variables": True, **args}, {**task_vars, "omit": "__omit__"})
    assert (given.get("fencing"), "fence_tasks" in given) == (fencing, False)


def test_a_module_that_has_no_such_option_is_given_none(monkeypatch):
    """A file that fences may be set for the same cluster."""
    action = Action(None)
    monkeypatch.setattr(Action, "arguments", {"retries": {"type": "int"}, "from_variables": {"type": "bool"}})
    action._task.args = {"from_variables": True}
    action._templar.template = dict
    assert action.options({"ganeti_autorepair_fence_tasks": "fence_ipmi.yml", "ganeti_autorepair_retries": 3}) == {
        "retries": 3
    }


@pytest.mark.parametrize("name", ["fence", "fenced", "confirmed_by", "observations", "gathered", "carry_on"])
def test_what_is_said_once_is_no_setting(name, monkeypatch):
    """A variable that somebody has left somewhere must not power a node off, or vouch for it."""
    action = Action(None)
    monkeypatch.setattr(Action, "arguments", {name: {"type": "raw"}, "from_variables": {"type": "bool"}})
    action._task.args = {"from_variables": True}
    action._templar.template = dict
    assert action.options({f"ganeti_autorepair_{name}": "node3"}) == {}


def _options(args, variables):
    action = Action(None)
    action._task.args = args
    action._templar.template = lambda found: {
        name: "hunter2" if value == "{{ secret }}" else value for name, value in found.items()
    }
    return action.options(variables)


@pytest.mark.parametrize(("transport", "is_here"), [("rapi", False), ("luxi", True)])
def test_without_requests(monkeypatch, transport, is_here):
    """The Python that Ansible finds for modules may have it."""
    monkeypatch.setattr(in_process, "REQUESTS_PROBLEM", ImportError("No module named 'requests'"))
    assert (_run({"transport": transport}) != SENT) is is_here


def test_what_the_module_is_given():
    """Checked, with defaults, as plain as JSON; in the folder in which Ansible starts a process; without a search for
    circles, which goes on afterwards."""
    seen: dict[str, Any] = {}

    def work(module):
        kinds = {type(value) for value in (module.params["password"], *module.params["names"])}
        seen.update(params=module.params, check=module.check_mode, kinds=kinds, folder=os.getcwd(), gc=gc.isenabled())
        return {}

    before = os.getcwd()
    given = {Text("password"): Secret(), "retries": Text("5"), "names": (Text("a"), "b")}
    _run(given, work=work, check_mode=True)
    given = {name: value for name, value in seen["params"].items() if value is not None}
    assert given == {"transport": "rapi", "password": "hunter2", "retries": 5, "names": ["a", "b"]}
    assert (seen["kinds"], seen["check"], seen["folder"], seen["gc"]) == ({str}, True, "/", False)
    assert (os.getcwd(), gc.isenabled()) == (before, True)


@pytest.mark.parametrize("switch", [gc.enable, gc.disable], ids=["on", "off"])
@pytest.mark.parametrize("error", [None, BadOption("foreseen"), KeyError("not foreseen")], ids=str)
def test_the_garbage_collector_is_left_as_it_was(switch, error):
    """On or off, whatever happens in between; and so is the folder."""

    def work(module):
        assert not gc.isenabled()
        if error:
            raise error
        return {}

    switch()
    try:
        expected = gc.isenabled(), os.getcwd()
        with pytest.raises(KeyError) if isinstance(error, KeyError) else nullcontext():
            _run(work=work)
        assert (gc.isenabled(), os.getcwd()) == expected
    finally:
        gc.enable()  # as it is in every other test


def test_what_comes_back():
    """Warnings beside the result; what no_log hides is hidden wherever it stands."""

    def work(module):
        module.warn("look out")
        return {"changed": True, "told": "the password is hunter2"}

    result = _run({"password": "hunter2"}, work=work)
    assert (result["changed"], result["warnings"]) == (True, ["look out"])
    assert result["invocation"]["module_args"]["retries"] == 2
    assert "hunter2" not in str(result) and "the password is" in result["told"]


def test_a_failure_that_was_foreseen():
    """As the module would tell it."""

    def work(module):
        raise BadOption("rapi_host is missing", more=1)

    result = _run(work=work)
    assert (result["failed"], result["msg"], result["failure"], result["more"]) == (
        True,
        "rapi_host is missing",
        "BadOption",
        1,
    )
