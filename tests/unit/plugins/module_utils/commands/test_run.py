# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of the modules by which people speak: options, a look, what is written, and what the module returns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from unit.plugins.module_utils.builders import ONLINE, cluster, rbd, tag
from unit.plugins.module_utils.fake import FakeClient, terms

from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.requests import Change
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands import run
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import Client

CHANGES = [Change("instance", "web1", add=(tag("migrate"),)), Change("instance", "web2", error="it is reserved")]


class FailJson(Exception):
    """What an AnsibleModule ends with."""


class Module:
    """As much of an AnsibleModule as is used."""

    params: dict[str, Any] = {"reason": "by hand"}  # noqa: RUF012

    def __init__(self, check_mode: bool = False) -> None:
        self.check_mode = check_mode

    def fail_json(self, **result: Any) -> None:
        """See AnsibleModule."""
        raise FailJson(result)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    """A cluster, to which the module's options lead."""
    client = FakeClient(cluster(rbd("web1", ONLINE), rbd("web2", ONLINE)))
    monkeypatch.setattr(run, "connect", lambda module: client)
    return client


def change(client: FakeClient, changes: Iterable[Change], **more: bool) -> dict[str, Any]:
    """Carry out changes, and return what the module would."""
    module: Any = Module(**more)

    def found(connected: Client) -> Iterable[Change]:
        assert connected is client
        return changes

    return run.change(module, found, terms(client.clock))


def test_a_change_is_written(client: FakeClient) -> None:
    """With the user's words in its reason."""
    result = change(client, CHANGES[:1])
    assert result["changed"] and result["report"] == [f"web1: added {tag('migrate')}"]
    assert client.tags_of("web1") and "by hand" in client.writes[0].reason


def test_check_mode_writes_nothing(client: FakeClient) -> None:
    """And tells the same."""
    result = change(client, CHANGES[:1], check_mode=True)
    assert result["changed"] and result["report"] == [f"web1: would add {tag('migrate')}"]
    assert client.sent == []


def test_an_error_fails_the_module_after_the_others_were_written(client: FakeClient) -> None:
    """The failure has the whole result."""
    with pytest.raises(FailJson) as caught:
        change(client, CHANGES)
    (result,) = caught.value.args
    assert result["msg"] == "web2: it is reserved"
    assert [one["error"] for one in result["objects"]] == [None, "it is reserved"]
    assert client.tags_of("web1")


def test_each_run_claims_by_a_name_of_its_own() -> None:
    """Two on one machine must not take each other for themselves; harep and the tag's length bear the name."""
    holders = {run.terms().holder for _ in range(10)}
    assert len(holders) == 10 and all(len(holder) <= 59 for holder in holders)
