# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""RAPI in requests: what each operation is in its words, and what is made of its answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import AnswerLost, BadAnswer, Unreachable
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.job_request import JobRequest, Task
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi import client as rapi
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.client import (
    READ_RETRIES,
    RETRIES_ONCE_CONNECTED,
    RapiClient,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.options import RapiOptions

WEB, TAGGED = "/2/instances/web1/", {"tags": ("a", "b")}
REQUESTS: list[tuple[Operation, dict[str, Any], str, str, dict[str, Any] | None]] = [
    (Operation.ADD_TAGS, TAGGED, "PUT", "tags", {}),
    (Operation.REMOVE_TAGS, TAGGED, "DELETE", "tags", {}),
    (Operation.REPLACE_SECONDARY, {}, "POST", "replace-disks", {"mode": "replace_new_secondary"}),
    (Operation.MIGRATE, {}, "PUT", "migrate", {}),
    (Operation.ACTIVATE_DISKS, {}, "PUT", "activate-disks", {}),
    (Operation.FAILOVER, {"parameters": {"ignore_consistency": True}}, "PUT", "failover", {"ignore_consistency": True}),
    (Operation.RECREATE_DISKS, {"parameters": {"nodes": ["n1"]}}, "POST", "recreate-disks", {"nodes": ["n1"]}),
    (Operation.MARK_DOWN, {}, "PUT", "modify", {"offline": False}),
    (Operation.MARK_OFFLINE, {}, "PUT", "modify", {"offline": True}),
    (Operation.QUERY_DEVICES, {}, "GET", "info", None),
]


@dataclass
class Sessions:
    """In the place of sessions: `answer` gives the body of each answer; the requests, and how patient each was."""

    answer: Callable[[str, str], object] = lambda method, url: 7
    sent: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, options: RapiOptions, trusted: object, again: int) -> Any:
        """See session."""

        def request(method: str, url: str, **more: Any) -> Any:
            self.sent.append({"method": method, "path": url.partition(":5080")[2], "again": again, **more})
            body = self.answer(method, url)
            if isinstance(body, Exception):
                raise body
            text = body if isinstance(body, str) else json.dumps(body)
            return SimpleNamespace(status_code=200, content=text.encode(), text=text)

        return SimpleNamespace(request=request)


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> Sessions:
    """What is sent and answered."""
    made = Sessions()
    monkeypatch.setattr(rapi, "build_session", made)
    return made


def ask(operation: Operation, name: str = "web1", kind: str = "instance", **task: Any) -> JobRequest:
    """Return a request for one task, with a reason, after another job."""
    return JobRequest(kind, name, (Task(operation, **task),), after=(3,), reason="why")


@pytest.mark.parametrize(("operation", "task", "method", "path", "body"), REQUESTS, ids=lambda value: str(value))
def test_a_write(
    sessions: Sessions, operation: Operation, task: dict[str, Any], method: str, path: str, body: dict[str, Any] | None
) -> None:
    """With its reason, after the jobs that must have succeeded; it is sent once, whatever happens."""
    assert RapiClient(RapiOptions("cluster")).submit(ask(operation, **task)) == 7
    (sent,) = sessions.sent
    assert (sent["method"], sent["path"]) == (method, WEB + path)
    assert sent["params"] == [*(("tag", tag) for tag in task.get("tags", ())), ("reason", "why")]
    assert sent["json"] == (None if body is None else {**body, "depends": [[3, ["success"]]]})
    assert sent["again"] == (0 if method != "GET" else READ_RETRIES)


def test_a_reinstall(sessions: Sessions) -> None:
    """It takes no reason, and waits for no job."""
    RapiClient(RapiOptions("cluster")).submit(ask(Operation.REINSTALL, parameters={"os": "debian"}))
    (sent,) = sessions.sent
    assert (sent["path"], sent["params"], sent["json"]) == (WEB + "reinstall", [], {"os": "debian"})


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [("cluster", "", "/2/tags"), ("group", "rack 2/a", "/2/groups/rack%202%2Fa/tags")],
)
def test_an_object_s_path(sessions: Sessions, kind: str, name: str, path: str) -> None:
    """Whatever its name holds."""
    RapiClient(RapiOptions("cluster")).submit(ask(Operation.ADD_TAGS, name, kind))
    assert sessions.sent[0]["path"] == path


@pytest.mark.parametrize("answer", [None, True, '"7"', {"job": 7}, '"not JSON'])
def test_a_write_whose_answer_is_no_job(sessions: Sessions, answer: object) -> None:
    """It may have been carried out."""
    sessions.answer = lambda method, url: answer
    with pytest.raises(AnswerLost):
        RapiClient(RapiOptions("cluster")).submit(ask(Operation.FAILOVER))


def test_a_query(sessions: Sessions) -> None:
    """Of all objects, or of those that a filter lets through."""
    sessions.answer = lambda method, url: {"data": [[[0, "web1"], [0, []]]]}
    client = RapiClient(RapiOptions("cluster"))
    assert client.query("instance", ("name", "tags")) == [((0, "web1"), (0, []))]
    first = sessions.sent[0]
    assert (first["method"], first["path"], first["params"]) == ("GET", "/2/query/instance", {"fields": "name,tags"})
    client.query("instance", ("name", "tags"), ["=", "name", "web1"])
    second = sessions.sent[1]
    assert (second["method"], second["json"]["qfilter"]) == ("PUT", ["=", "name", "web1"])


def test_patience(sessions: Sessions) -> None:
    """Whoever has answered before is waited for longer, and a read with a time of its own is tried once."""
    sessions.answer = lambda method, url: {"data": []}
    client = RapiClient(RapiOptions("cluster", timeout=5))
    for seconds in (None, None, 20):
        client.query("node", ("name",), seconds=seconds)
    assert [sent["again"] for sent in sessions.sent] == [READ_RETRIES, RETRIES_ONCE_CONNECTED, 0]
    assert [sent["timeout"] for sent in sessions.sent] == [(5, 5), (5, 5), (5, 20)]


def test_an_answer_that_is_none(sessions: Sessions) -> None:
    """Each says whose it was."""
    client = RapiClient(RapiOptions("cluster"))
    sessions.answer = lambda method, url: []
    with pytest.raises(
        BadAnswer, match="cannot read the cluster's data: RAPI at https://cluster:5080 did not send an object"
    ):
        client.cluster_info()
    sessions.answer = lambda method, url: "<html>"
    with pytest.raises(BadAnswer, match="is not JSON"):
        client.cluster_info()
    sessions.answer = lambda method, url: ConnectionRefusedError(111, "Connection refused")
    with pytest.raises(Unreachable, match="Connection refused"):
        client.cluster_info()
