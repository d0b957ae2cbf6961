# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tagging: what people wish is written, and what became of each object is told (laws 1, 4, 5 and 7)."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import ONLINE, cluster, rbd, tag
from unit.plugins.module_utils.fake import Clock, FakeClient

from ansible_collections.ganeti.autorepair.plugins.module_utils.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.confirm import CONFIRM_SECONDS
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import (
    AnswerLost,
    BadAnswer,
    Forbidden,
    QueueDrained,
    RequestRefused,
    Unreachable,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.model import RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.tagging import carry_out_changes
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags import parse_tags
from ansible_collections.ganeti.autorepair.plugins.module_utils.wishes import Permission, Wish

OLD, NEW = tag("migrate"), tag("failover")
NAMES = ("web1", "web2", "web3")
BOTH = pytest.mark.parametrize("joins", [False, True], ids=["a job a task", "joined"])
ALL_NEW = {name: ["failover"] for name in NAMES}
WISH = Permission(Wish.ENABLED, RepairType.FAILOVER)


def _client(script=lambda request: None, joins=False, **more):
    return FakeClient(cluster(*(rbd(name, ONLINE, OLD) for name in NAMES)), script=script, joins=joins, **more)


def _changes(client, permission=WISH, names=NAMES):
    tags = {one.name: one.tags for one in client.cluster.instances}
    return [permission.change("instance", name, parse_tags(tags[name])) for name in names]


def _carry_out(client, changes=None, reason=""):
    return carry_out_changes(_changes(client) if changes is None else changes, client, reason, client.clock.sleep)


def _on(name, answer):
    """A script with an answer for the writes to one instance, or to all of them."""
    return lambda request: answer if name in (request.name, "*") else None


def _errors(result):
    return {one["name"]: one["error"] or "" for one in result["objects"]}


def _standing(client):
    return {name: sorted(client.tags_of(name)) for name in NAMES}


@BOTH
def test_all_is_written_and_told(joins):
    """The new tag comes before the old one goes; the second time there is nothing, and nothing is sent."""
    client = _client(joins=joins)
    result = _carry_out(client, reason="rack 2 is to be rebuilt")
    assert _standing(client) == ALL_NEW
    assert [task.operation.value for one in client.sent for task in one.tasks] == ["add-tags", "remove-tags"] * 3
    assert {one.reason for one in client.sent} == {"ganeti.autorepair: rack 2 is to be rebuilt"}
    assert result["changed"]
    (told, *_) = result["objects"]
    jobs = [1001] if joins else [1001, 1002]
    assert told == {
        "scope": "instance",
        "name": "web1",
        "tags_added": [NEW],
        "tags_removed": [OLD],
        "jobs": jobs,
        "note": None,
        "error": None,
    }
    assert result["report"][0] == f"web1: added {NEW}; removed {OLD}"
    assert result["diff"][0] == {
        "before_header": "instance web1",
        "after_header": "instance web1",
        "before": f"{OLD}\n",
        "after": f"{NEW}\n",
    }
    before = len(client.log)
    again = _carry_out(client)
    assert len(client.log) == before
    assert (again["changed"], again["diff"]) == (False, [])
    assert again["report"] == [f"{name}: nothing to change" for name in NAMES]


@BOTH
def test_check_mode_tells_the_same_and_sends_nothing(joins):
    """But for the jobs."""
    client = _client(joins=joins)
    changes = _changes(client)
    dry = carry_out_changes(changes, DryRunClient(client), "", client.clock.sleep)
    assert not client.log
    wet = _carry_out(client, changes)
    assert dry["objects"] == [dict(one, jobs=[]) for one in wet["objects"]]
    assert {key: value for key, value in dry.items() if key != "objects"} == {
        key: value for key, value in wet.items() if key != "objects"
    }


REFUSED = RequestRefused("cannot submit add-tags of instance web2: RAPI answered 500 (Too many)")
LOST = AnswerLost("cannot tell whether add-tags of instance web2 was submitted: no answer came")
FAILED = "which writes its tags, ended as error (it broke)"

# sentence, what comes back for web2, words of its error
TROUBLE = [
    ("a request is refused", REFUSED, "RAPI answered 500 (Too many)"),
    ("an answer is lost", LOST, "cannot tell whether add-tags of instance web2 was submitted"),
    ("the job fails", "error", FAILED),
    ("the job is canceled", "canceled", "which writes its tags, ended as canceled ("),
]


@pytest.mark.parametrize(("answer", "words"), [row[1:] for row in TROUBLE], ids=[row[0] for row in TROUBLE])
@BOTH
def test_an_error_with_one_object_leaves_the_others(joins, answer, words):
    """They are written; that one has its sentence, in the report too."""
    client = _client(_on("web2", answer), joins)
    result = _carry_out(client)
    assert words in _errors(result)["web2"]
    assert words in result["report"][1]
    assert (_errors(result)["web1"], _errors(result)["web3"]) == ("", "")
    assert _standing(client) == {"web1": ["failover"], "web2": ["migrate"], "web3": ["failover"]}
    assert result["changed"]


@pytest.mark.parametrize("answer", [row[1] for row in TROUBLE], ids=[row[0] for row in TROUBLE])
@BOTH
def test_what_was_wished_again_is_written_then(joins, answer):
    """Nothing that went wrong stands in the way of the next try."""
    client = _client(_on("web2", answer), joins)
    _carry_out(client)
    client.script = lambda request: None
    assert [one["name"] for one in _carry_out(client)["objects"] if one["tags_added"]] == ["web2"]
    assert _standing(client) == ALL_NEW


@BOTH
def test_a_tag_that_somebody_else_has_removed_meanwhile(joins):
    """Ganeti refuses to remove it again; that is told, and said again, there is nothing to do."""
    client = _client(joins=joins)
    changes = _changes(client)
    _carry_out(client, _changes(client, names=["web2"]))
    result = _carry_out(client, changes)
    assert "not found" in _errors(result)["web2"]
    assert _standing(client) == ALL_NEW
    assert not _carry_out(client)["changed"]


# sentence, error of the second write, whether the third is tried
ENDS = [
    ("the job queue is drained", QueueDrained("cannot submit add-tags: the job queue is drained"), False),
    ("nobody answers", Unreachable("cannot submit add-tags: no connection"), False),
    ("the user may not", Forbidden("cannot submit add-tags: needs write access"), False),
    ("this one is refused", REFUSED, True),
]


@pytest.mark.parametrize(("error", "tried"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
def test_when_nothing_can_be_written_any_more(error, tried):
    """It is not tried for each object; each says so, but for one that has nothing to write."""
    client = _client(_on("web2", error), joins=True)
    done = Permission(Wish.ENABLED, RepairType.MIGRATE).change("group", "default", parse_tags([OLD]))
    result = _carry_out(client, [*_changes(client), done])
    assert [one.name for one in client.sent] == ["web1", "web2", "web3"][: 3 if tried else 2]
    told = "" if tried else "not tried, as nothing could be written any more"
    assert _errors(result) == {"web1": "", "web2": str(error), "web3": told, "default": ""}
    assert result["report"][3] == "group default: nothing to change"
    assert result["changed"]


def test_a_drained_queue():
    """Nothing was written, so nothing has changed."""
    client = _client(_on("*", QueueDrained("the job queue is drained")))
    result = _carry_out(client)
    assert (result["changed"], len(client.sent)) == (False, 1)
    assert all(_errors(result).values())


def test_answers_that_stay_away():
    """After two in a row nothing more is tried: each would cost a time-out."""
    client = _client(_on("*", LOST))
    result = _carry_out(client)
    assert [one.name for one in client.sent] == ["web1", "web2"]
    assert _errors(result)["web3"].startswith("not tried")
    assert result["changed"]  # for all that anybody knows


def test_answers_that_stay_away_now_and_then():
    """Only those in a row count."""
    client = _client(lambda request: LOST if request.name in ("web1", "web3") else None, joins=True)
    _carry_out(client, [*_changes(client), WISH.change("group", "default", parse_tags([]))])
    assert [one.name for one in client.sent] == [*NAMES, "default"]


@pytest.mark.parametrize("status", ["queued", "waiting", "running"])
@BOTH
def test_a_job_that_does_not_end(joins, status):
    """It may wait behind a repair that holds its instance: after a minute that is told, with the job."""
    client = _client(_on("web2", status), joins)
    result = _carry_out(client)
    assert CONFIRM_SECONDS <= client.clock.now - Clock().now < CONFIRM_SECONDS + 3
    number = result["objects"][1]["jobs"][0]
    assert f"job {number}, which writes its tags, has not ended yet" in result["report"][1]
    assert set(_errors(result).values()) == {""}  # it will be done: no failure


def test_a_job_that_takes_a_while():
    """It is waited for, and no longer than it takes."""
    client = _client(seconds=lambda request: 5)
    result = _carry_out(client)
    assert not any(_errors(result).values())
    assert 5 <= sum(client.clock.slept) < 15


@pytest.mark.parametrize("error", [Unreachable("cannot query jobs: no connection"), BadAnswer("no table")], ids=str)
def test_where_nobody_can_see_what_became_of_it(error):
    """What was sent is still told."""
    client = _client()
    client.failing["job", "config"] = error
    changes = [*_changes(client), WISH.change("group", "default", parse_tags([NEW]))]
    result = _carry_out(client, changes)
    told = f"its tags were sent, but what became of them is not known: {error}"
    assert _errors(result) == {**dict.fromkeys(NAMES, told), "default": ""}
    assert result["changed"] and result["objects"][0]["tags_added"] == [NEW]
    assert _standing(client) == ALL_NEW
