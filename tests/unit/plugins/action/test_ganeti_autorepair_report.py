# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's part of the report: what it makes here, and what the module reads and writes on the task's host."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest
from unit.plugins.module_utils.scenes import large

from ansible_collections.ganeti.autorepair.plugins.action import ganeti_autorepair_report as plugin
from ansible_collections.ganeti.autorepair.plugins.module_utils.arguments import outcome
from ansible_collections.ganeti.autorepair.plugins.modules import ganeti_autorepair_report as module
from ansible_collections.ganeti.autorepair.plugins.plugin_utils.in_process import InProcessModuleAction, LocalModule

FACTS = large(20)
NAMES = ["index.html", "index.json", "ganeti_autorepair.prom", "clusters/big.html", "clusters/big.json"]


class Action(plugin.ActionModule):
    """The action plugin, and a host to which the module is sent by it."""

    def __init__(self, folder, transport="local", become=None, check_mode=False, diff=False, **args):
        own: Any = self
        own._connection = SimpleNamespace(transport=transport, become=become)
        args = {"folder": str(folder), "clusters": [{"name": "big", "facts": FACTS}], **args}
        own._task = SimpleNamespace(args=args, check_mode=check_mode, diff=diff, async_val=0)
        own._loader = SimpleNamespace(get_basedir=lambda: "/")
        own._find_needle = lambda kind, name: os.path.join(folder, kind, name)
        self.sent = []

    def _execute_module(self, module_args, **_):  # type: ignore[override]
        self.sent.append(sorted(module_args))
        self.folder = module_args["folder"]
        checked = self.checked(module_args)
        if checked is None:
            return {"failed": True, "msg": "wrong arguments"}
        return outcome(LocalModule(checked, self._task.check_mode), module.files)


@pytest.fixture(autouse=True)
def run_of_ansible(monkeypatch):
    """Nothing of Ansible's own is done."""
    monkeypatch.setattr(InProcessModuleAction.__bases__[0], "run", lambda *_: {})


ELSEWHERE = [{"transport": "ssh"}, {"become": object()}]


@pytest.mark.parametrize("where", [{}, *ELSEWHERE], ids=["here", "another host", "another user"])
def test_where_the_files_are(tmp_path, where):
    """The module reads and writes them there, and is only sent if it must be; what comes of it is the same."""
    action = Action(tmp_path, **where)
    result = action.run()
    assert result["changed"] and result["files"] == result["changed_files"] == [str(tmp_path / one) for one in NAMES]
    assert result["summary"]["clusters"] == 1 and result["report"][-1] == f"see {tmp_path}/index.html"
    assert result["invocation"] == {"module_args": {"folder": str(tmp_path)}}
    assert set(result) == {"changed", "files", "changed_files", "summary", "report", "invocation"}
    assert action.sent == ([["clusters", "folder"], ["clusters", "files", "folder"]] if where else [])
    assert sorted(str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*.*")) == sorted(NAMES)
    assert not Action(tmp_path, **where).run()["changed"]


@pytest.mark.parametrize("where", [{}, *ELSEWHERE], ids=["here", "another host", "another user"])
def test_check_mode(tmp_path, where):
    """Nothing is written, and with a diff it is told what would have been."""
    result = Action(tmp_path / "new", check_mode=True, diff=True, **where).run()
    assert result["changed"] and [one["after_header"] for one in result["diff"]] == [
        "index.json",
        "ganeti_autorepair.prom",
        "clusters/big.json",
    ]
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_no_path_from_the_root(tmp_path):
    """It is that of the play's folder, as for a module that runs here."""
    action = Action("report")
    action._loader.get_basedir = lambda: str(tmp_path)
    before = os.getcwd()
    assert action.run()["files"][0] == str(tmp_path / "report" / "index.html")
    assert (tmp_path / "report" / "index.html").exists() and os.getcwd() == before


def test_a_home(tmp_path, monkeypatch):
    """It is that of the user as whom the files are written."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Action("~/report").run()["files"][0] == str(tmp_path / "report" / "index.html")
    action = Action("~/report", become=object(), check_mode=True)
    action.run()
    assert action.folder == "~/report"


FAILURES = [
    ("no folder", {"clusters": [{"name": "x"}], "folder": "/proc/nowhere"}, "CannotWrite"),
    ("two of one name", {"clusters": [{"name": "x"}, {"name": "x"}]}, "BadOption"),
    ("strange facts", {"clusters": [{"name": "x", "facts": {"a": 1}}]}, "BadOption"),
    ("no templates", {"templates": "none"}, "BadOption"),
]


@pytest.mark.parametrize("where", [{}, *ELSEWHERE], ids=["here", "another host", "another user"])
@pytest.mark.parametrize(("case", "args", "kind"), FAILURES, ids=[case for case, _, _ in FAILURES])
def test_failures(tmp_path, case, args, kind, where):
    """Each is told by its kind, without the facts, and nothing is written."""
    result = Action(**{"folder": tmp_path, **where, **args}).run()
    assert (result["failed"], result["failure"]) == (True, kind)
    assert list(result["invocation"]["module_args"]) == ["folder"]
    assert list(tmp_path.iterdir()) == []


def test_wrong_arguments(tmp_path):
    """The module says what is wrong with them."""
    assert Action(tmp_path, clusters="x", nonsense=1).run()["msg"] == "wrong arguments"


def test_templates_of_ones_own(tmp_path):
    """They are looked for as those of Ansible's own template module, and are in the pages."""
    (tmp_path / "templates" / "ours").mkdir(parents=True)
    (tmp_path / "templates" / "ours" / "style.css").write_text("body { color: teal }")
    result = Action(tmp_path, templates="ours").run()
    assert result["changed"]
    for name in ("index.html", "clusters/big.html"):
        assert "<style>body { color: teal }</style>" in (tmp_path / name).read_text()
