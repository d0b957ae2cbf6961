# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's part of the step: slices of a wait become one result, whatever happens in between."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure

from ansible_collections.ganeti.autorepair.plugins.action import ganeti_autorepair_step as step
from ansible_collections.ganeti.autorepair.plugins.plugin_utils.in_process import InProcessModuleAction


def _slice(left, **more):
    """What the module returns for a slice."""
    known = {"summary": {"healthy": 1}, "pending": 1, "failed_instances": [], "plan": {}, "left": left, "changed": True}
    deed = {"action": "submit", "error": None}
    return {**known, "actions": [deed], "report": ["a line"], "diff": [], "under_way": [], **more}


def _wait(monkeypatch, *answers, no_log=False, limit=100):
    """The result of a wait whose slices come out so, the slices' options, and the lines that were shown."""
    shown: list[str] = []
    given: list[dict[str, Any]] = []
    come = iter(answers)
    monkeypatch.setattr(step, "Display", lambda: SimpleNamespace(display=shown.append))

    def execute(module_args, task_vars):
        given.append(module_args)
        answer = next(come)
        if isinstance(answer, Exception):
            raise answer
        return answer

    action: Any = object.__new__(step.ActionModule)
    action._task = SimpleNamespace(no_log=no_log)
    action.run_module = execute
    args = {"wait": True, "wait_timeout": limit}
    return action._wait(args, {"inventory_hostname": "prod"}, time.monotonic()), given, shown


def test_slices_become_one_result(monkeypatch):
    """All deeds, how things stand last, and a line between two slices."""
    result, given, shown = _wait(monkeypatch, _slice(True), _slice(False, summary={"healthy": 2}))
    assert len(result["actions"]) == 2 and result["summary"] == {"healthy": 2} and result["changed"]
    assert [one["wait_timeout"] for one in given] == [20, 20]
    assert [line.startswith("prod: 0 of 100 s, 0 repairs under way") for line in shown] == [True]


def test_what_a_cluster_says_is_shown_and_not_obeyed(monkeypatch):
    """A job's error may hold what a terminal takes for a command."""
    waits = [{"instance": "web", "type": "failover", "reason": "job 7 failed (\x1b]0;owned\x07\x9b2J\r\nok \u202egnp)"}]
    _result, _given, shown = _wait(monkeypatch, _slice(True, under_way=waits), _slice(False))
    assert shown[0].endswith(
        "1 repair under way: web (failover): job 7 failed (\ufffd]0;owned\ufffd\ufffd2J  ok \ufffdgnp)"
    )


def test_a_short_wait_is_one_slice(monkeypatch):
    """However much is left."""
    _result, given, shown = _wait(monkeypatch, _slice(True), limit=7)
    assert [one["wait_timeout"] for one in given] in ([6], [7]) and shown == []


def test_nothing_is_shown_of_a_task_that_hides_its_output(monkeypatch):
    """Names and errors may be what it hides."""
    assert _wait(monkeypatch, _slice(True), _slice(False), no_log=True)[2] == []


def test_a_host_that_is_lost_later_takes_no_results_with_it(monkeypatch):
    """What was done stands in the result; how things stand now is not known."""
    result, _given, _shown = _wait(monkeypatch, _slice(True), AnsibleConnectionFailure("gone"))
    assert result["unreachable"] and "gone" in result["msg"]
    assert result["changed"] and result["actions"] and result["report"]
    assert result["summary"] is None and result["left"]


def test_a_host_that_is_lost_at_once_is_ansible_s_to_tell(monkeypatch):
    """As for any other module."""
    with pytest.raises(AnsibleConnectionFailure):
        _wait(monkeypatch, AnsibleConnectionFailure("gone"))


def test_a_later_slice_that_can_not_begin_fails_with_all_that_was_done(monkeypatch):
    """The words are those of the failure."""
    result, _given, _shown = _wait(monkeypatch, _slice(True), {"failed": True, "msg": "cannot reach it"})
    assert result["failed"] and result["msg"] == "cannot reach it"
    assert result["changed"] and result["actions"] and result["summary"] is None


def _noted(given, args, answer):
    given.append(args)
    return answer


def _run(gathered, **args):
    """What the action returns for `gathered`, and what its module was given, if it was run."""
    given: list[dict[str, Any]] = []
    action: Any = object.__new__(step.ActionModule)
    action._task = SimpleNamespace(check_mode=False, async_val=0, args={**args, "gathered": gathered}, no_log=False)
    action._task.diff, action._supports_check_mode = False, True
    action._connection = action._play_context = action._loader = action._templar = None
    action.run_module = lambda args, task_vars: _noted(given, args, _slice(False))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(InProcessModuleAction, "run", lambda self, tmp=None, task_vars=None: {}, raising=False)
        return action.run(task_vars={"inventory_hostname": "prod"}), given


def _gathered(writes, left, age=0):
    plan = {"actions": [{"instance": "web", "action": "hold"}], "fence": [], "hash": "0", "writes": writes}
    names = ("summary", "pending", "under_way", "failed_instances", "needs_person", "breaker", "held", "report")
    return {
        **dict.fromkeys(names, "x"),
        "stopped": None,
        "cluster": {"tags": ["a"]},
        "time": time.time() - age,
        "plan": plan,
        "left": left,
    }


@pytest.mark.parametrize(
    ("writes", "left", "args", "runs"),
    [
        (False, False, {}, False),
        (False, True, {}, False),
        (False, False, {"wait": True}, False),
        (False, True, {"wait": "yes"}, True),
        (True, True, {}, True),
        (False, False, {"approved_plan": "0" * 64}, True),
        (False, False, {"wait_timeout": "1h"}, True),
    ],
    ids=["nothing", "jobs run", "nothing to wait for", "jobs to wait for", "something", "an approved plan", "a slip"],
)
def test_facts_that_show_nothing_to_do_are_the_result(writes, left, args, runs):
    """Nobody is asked; else the module gets no more of them than it needs."""
    result, given = _run(_gathered(writes, left), **args)
    assert bool(given) is runs
    if runs:
        assert given[0]["gathered"].keys() == {"cluster", "time", "plan"}
        assert given[0]["gathered"]["plan"] == {"writes": writes}
    else:
        assert (result["changed"], result["summary"], result["actions"][0]["tags_added"]) == (False, "x", [])


@pytest.mark.parametrize("age", [60, -60], ids=["kept by somebody", "of a clock that is ahead"])
def test_facts_that_are_not_of_now(age):
    """They show nothing: the module looks for itself."""
    assert _run(_gathered(writes=False, left=False, age=age))[1]


@pytest.mark.parametrize("gathered", ["nonsense", {"plan": {}}, {"ansible_facts": {}}])
def test_facts_that_are_none_are_told(gathered):
    """No traceback."""
    with pytest.raises(AnsibleActionFail, match="gathered can't be used"):
        _run(gathered)


def test_facts_count_for_the_first_slice_of_a_wait_only():
    """Later ones look for themselves."""
    action: Any = object.__new__(step.ActionModule)
    given: list[dict[str, Any]] = []
    come = iter([_slice(True), _slice(False)])
    action._task = SimpleNamespace(no_log=True)
    action.run_module = lambda args, task_vars: _noted(given, args, next(come))
    action._wait({"wait": True, "gathered": {"time": 1}}, {"inventory_hostname": "prod"}, time.monotonic())
    assert [one["gathered"] for one in given] == [{"time": 1}, None]
