# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tagging: what people wish is written, and what became of each object is told (laws 1, 4, 5 and 7)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.plugins.module_utils.builders import (
    OFFLINE,
    ONLINE,
    Placed,
    case_of,
    cluster,
    ended,
    job,
    pending,
    rbd,
    tag,
)
from unit.plugins.module_utils.fake import Clock, FakeClient, Stops, terms

from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.permissions import Permission, PermissionState
from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.requests import NOT_KNOWN, Change
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.apply import carry_out_changes, still
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import (
    AnswerLost,
    BadAnswer,
    Forbidden,
    QueueDrained,
    RequestRefused,
    Unreachable,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.waiter import CONFIRM_SECONDS
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.values import parse_tags

OLD, NEW = tag("migrate"), tag("failover")
NAMES = ("web1", "web2", "web3")
BOTH = pytest.mark.parametrize("multi_opcode", [False, True], ids=["a job a task", "joined"])
ALL_NEW = {name: ["failover"] for name in NAMES}
WISH = Permission(PermissionState.ENABLED, RepairType.FAILOVER)


def _client(script=lambda request: None, supports_multi_opcode_jobs=False, **more):
    return FakeClient(
        cluster(*(rbd(name, ONLINE, OLD) for name in NAMES)),
        script=script,
        supports_multi_opcode_jobs=supports_multi_opcode_jobs,
        **more,
    )


def _changes(client, permission=WISH, names=NAMES):
    tags = {one.name: one.tags for one in client.cluster.instances}
    return [permission.change("instance", name, parse_tags(tags[name])) for name in names]


def _carry_out(client, changes=None, reason=""):
    return carry_out_changes(_changes(client) if changes is None else changes, client, reason, terms(client.clock))


def _on(name, answer):
    """A script with an answer for the writes to one instance, or to all of them."""
    return lambda request: answer if name in (request.name, "*") else None


def _does(one, operation):
    return operation in [task.operation for task in one.tasks]


def _errors(result):
    return {one["name"]: one["error"] or "" for one in result["objects"]}


def _standing(client):
    return {name: sorted(client.tags_of(name)) for name in NAMES}


@BOTH
def test_all_is_written_and_told(multi_opcode):
    """The new tag comes before the old one goes; the second time there is nothing, and nothing is sent."""
    client = _client(supports_multi_opcode_jobs=multi_opcode)
    result = _carry_out(client, reason="rack 2 is to be rebuilt")
    assert _standing(client) == ALL_NEW
    assert [task.operation.value for one in client.sent for task in one.tasks] == ["add-tags", "remove-tags"] * 3
    assert {one.reason for one in client.sent} == {"ganeti.autorepair: rack 2 is to be rebuilt"}
    assert result["changed"]
    (told, *_) = result["objects"]
    jobs = [1001] if multi_opcode else [1001, 1002]
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
    assert set(client.reads) == {"job"}  # where all goes well, the tags are not read again
    before = len(client.log)
    again = _carry_out(client)
    assert len(client.log) == before
    assert (again["changed"], again["diff"]) == (False, [])
    assert again["report"] == [f"{name}: nothing to change" for name in NAMES]


@BOTH
def test_check_mode_tells_the_same_and_sends_nothing(multi_opcode):
    """But for the jobs, and that it would be so."""
    client = _client(supports_multi_opcode_jobs=multi_opcode)
    changes = _changes(client)
    dry = carry_out_changes(changes, DryRunClient(client), "", terms(client.clock))
    assert not client.log
    wet = _carry_out(client, changes)
    assert dry["objects"] == [dict(one, jobs=[]) for one in wet["objects"]]
    assert dry["report"][0] == f"web1: would add {NEW}; would remove {OLD}"
    assert (dry["changed"], dry["diff"]) == (wet["changed"], wet["diff"])


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
def test_an_error_with_one_object_leaves_the_others(multi_opcode, answer, words):
    """They are written; that one has its sentence, in the report too."""
    client = _client(_on("web2", answer), multi_opcode)
    result = _carry_out(client)
    assert words in _errors(result)["web2"]
    assert words in result["report"][1]
    assert (_errors(result)["web1"], _errors(result)["web3"]) == ("", "")
    assert _standing(client) == {"web1": ["failover"], "web2": ["migrate"], "web3": ["failover"]}
    assert result["changed"]


@pytest.mark.parametrize("answer", [row[1] for row in TROUBLE], ids=[row[0] for row in TROUBLE])
@BOTH
def test_what_was_wished_again_is_written_then(multi_opcode, answer):
    """Nothing that went wrong stands in the way of the next try."""
    client = _client(_on("web2", answer), multi_opcode)
    _carry_out(client)
    client.script = lambda request: None
    assert [one["name"] for one in _carry_out(client)["objects"] if one["tags_added"]] == ["web2"]
    assert _standing(client) == ALL_NEW


@BOTH
def test_a_tag_that_somebody_else_has_removed_meanwhile(multi_opcode):
    """Ganeti refuses to remove it again, but what was wished is so: no error. One query for all of them finds out."""
    client = _client(supports_multi_opcode_jobs=multi_opcode)
    changes = _changes(client)
    _carry_out(client, changes)
    before = len(client.log)
    result = _carry_out(client, changes)
    assert [what for kind, what in client.log[before:] if kind == "read"] == ["job", "instance"]
    assert not any(_errors(result).values())
    assert _standing(client) == ALL_NEW
    told = result["objects"][0]
    assert (told["tags_added"], told["tags_removed"]) == ([NEW], [])  # what is set twice is no error to Ganeti
    assert result["report"][0] == f"web1: added {NEW}; {OLD} had already been removed"
    assert not _carry_out(client)["changed"]


@BOTH
def test_where_nothing_was_left_to_do(multi_opcode):
    """Nothing has changed then."""
    client = _client(supports_multi_opcode_jobs=multi_opcode)
    changes = _changes(client, Permission(PermissionState.DISABLED))
    _carry_out(client, changes)
    result = _carry_out(client, changes)
    assert (result["changed"], result["diff"]) == (False, [])
    assert result["report"][0] == f"web1: nothing to change; {OLD} had already been removed"


@pytest.mark.parametrize("scope", ["group", "cluster"])
@BOTH
def test_other_objects_than_instances(multi_opcode, scope):
    """Are asked for their tags as well."""
    name = "default" if scope == "group" else ""
    client = FakeClient(
        cluster(rbd("web1", ONLINE), tags=[OLD], group_tags={"default": [OLD]}), supports_multi_opcode_jobs=multi_opcode
    )
    changes = [WISH.change(scope, name, parse_tags([OLD]))]
    assert _carry_out(client, changes)["objects"][0]["tags_removed"] == [OLD]
    result = _carry_out(client, changes)
    assert (result["objects"][0]["error"], result["objects"][0]["tags_removed"]) == (None, [])


@BOTH
def test_some_of_the_tags_have_gone(multi_opcode):
    """Ganeti removes all or none; what is left is removed by a second job."""
    client = FakeClient(cluster(rbd("web1", ONLINE, OLD, tag("reinstall"))), supports_multi_opcode_jobs=multi_opcode)
    changes = _changes(client, names=["web1"])
    _carry_out(client, [Change("instance", "web1", remove=(OLD,))])
    result = _carry_out(client, changes)
    assert client.tags_of("web1") == {"failover"}
    told = result["objects"][0]
    assert (told["error"], told["tags_removed"]) == (None, [tag("reinstall")])
    assert (told["tags_added"], len(told["jobs"])) == ([NEW], 2 if multi_opcode else 3)
    assert f"{OLD} had already been removed" in result["report"][0]


@BOTH
def test_what_stands_is_told_where_a_job_failed(multi_opcode):
    """The new tag only, if the removal failed; nothing, if the addition did."""
    for stops, added in ((Operation.REMOVE_TAGS, [NEW]), (Operation.ADD_TAGS, [])):
        client = _client(
            lambda one, at=stops: Stops(at) if one.name == "web2" and _does(one, at) else None, multi_opcode
        )
        result = _carry_out(client)
        told = result["objects"][1]
        assert "it broke" in told["error"]
        assert (told["tags_added"], told["tags_removed"]) == (added, [])
        assert client.tags_of("web2") == {"migrate"} | ({"failover"} if added else set())
        assert len(result["diff"]) == (3 if added else 2)


@BOTH
def test_where_the_tags_can_not_be_read_again(multi_opcode):
    """The job's own error stays."""
    client = _client(_on("web2", "error"), multi_opcode)
    changes = _changes(client)
    client.failing["instance", "config"] = Unreachable("cannot query instances: no connection")
    result = _carry_out(client, changes)
    assert FAILED in _errors(result)["web2"] and not _errors(result)["web1"]


@BOTH
def test_an_instance_that_has_gone(multi_opcode):
    """Its job's error stays, though its tags have gone with it."""
    client = _client(supports_multi_opcode_jobs=multi_opcode)
    changes = _changes(client, Permission(PermissionState.DISABLED))
    client.script = lambda one: "error" if one.name == "web2" else None
    gone = tuple(one for one in client.cluster.instances if one.name != "web2")
    client.cluster = replace(client.cluster, instances=gone)
    result = _carry_out(client, changes)
    assert [bool(error) for error in _errors(result).values()] == [False, True, False]


def test_what_is_not_known_is_not_written():
    """An error for that one, and for no other; in check mode as well."""
    client = _client(supports_multi_opcode_jobs=True)
    changes = [Change("instance", "web1", error=NOT_KNOWN), *_changes(client, names=["web2"])]
    for one in (DryRunClient(client), client):
        result = carry_out_changes(changes, one, "", terms(client.clock))
        assert _errors(result) == {"web1": NOT_KNOWN, "web2": ""}
        assert result["report"][0] == f"web1: {NOT_KNOWN}"
    assert [one.name for one in client.sent] == ["web2"]


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
    client = _client(_on("web2", error), supports_multi_opcode_jobs=True)
    done = Permission(PermissionState.ENABLED, RepairType.MIGRATE).change("group", "default", parse_tags([OLD]))
    result = _carry_out(client, [*_changes(client), done])
    assert [one.name for one in client.sent] == ["web1", "web2", "web3"][: 3 if tried else 2]
    told = "" if tried else "not tried, as nothing could be written any more"
    assert _errors(result) == {"web1": "", "web2": str(error), "web3": told, "default": ""}
    assert result["report"][3] == "group default: nothing to change"
    assert result["changed"]


@pytest.mark.parametrize("error", [row[1] for row in ENDS[:3]], ids=[row[0] for row in ENDS[:3]])
def test_when_nothing_can_be_written_at_all(error):
    """One sentence for all objects; one request finds out."""
    client = _client(_on("*", error))
    with pytest.raises(type(error)) as caught:
        _carry_out(client)
    assert caught.value is error and len(client.sent) == 1


def test_answers_that_stay_away():
    """After two in a row nothing more is tried: each would cost a time-out."""
    client = _client(_on("*", LOST))
    result = _carry_out(client)
    assert [one.name for one in client.sent] == ["web1", "web2"]
    assert _errors(result)["web3"].startswith("not tried")
    assert result["changed"]  # for all that anybody knows


def test_answers_that_stay_away_now_and_then():
    """Only those in a row count."""
    client = _client(
        lambda request: LOST if request.name in ("web1", "web3") else None, supports_multi_opcode_jobs=True
    )
    _carry_out(client, [*_changes(client), WISH.change("group", "default", parse_tags([]))])
    assert [one.name for one in client.sent] == [*NAMES, "default"]


def test_an_answer_that_is_lost_after_another():
    """It may still be carried out, so that its tag stands says nothing yet: the error stays."""
    client = _client(lambda one: LOST if one.name == "web2" and _does(one, Operation.REMOVE_TAGS) else None)
    changes = _changes(client)
    _carry_out(client, [Change("instance", "web2", remove=(OLD,))])
    client.log.clear()
    result = _carry_out(client, changes)
    assert (_errors(result)["web2"], result["objects"][1]["tags_added"]) == (str(LOST), [NEW])
    assert set(client.reads) == {"job", "instance"}


@pytest.mark.parametrize("status", ["queued", "waiting", "running"])
@BOTH
def test_a_job_that_does_not_end(multi_opcode, status):
    """It may wait behind a repair that holds its instance: after a minute that is told, with the job."""
    client = _client(_on("web2", status), multi_opcode)
    result = _carry_out(client)
    assert CONFIRM_SECONDS <= client.clock.now - Clock().now < CONFIRM_SECONDS + 3
    number = result["objects"][1]["jobs"][0]
    assert f"job {number}, which writes its tags, has not ended yet" in result["report"][1]
    assert set(_errors(result).values()) == {""}  # it will be done: no failure
    assert result["objects"][1]["tags_added"] == [NEW] and set(client.reads) == {"job"}


def test_a_job_that_takes_a_while():
    """It is waited for, and no longer than it takes."""
    client = _client(seconds=lambda request: 5)
    result = _carry_out(client)
    assert not any(_errors(result).values())
    assert 5 <= sum(client.clock.slept) < 15


@pytest.mark.parametrize("error", [Unreachable("cannot query jobs: no connection"), BadAnswer("no table")], ids=str)
def test_where_nobody_can_see_what_became_of_it(error):
    """That something was sent is told, and nothing of it as done."""
    client = _client()
    client.failing["job", "config"] = error
    changes = [*_changes(client), WISH.change("group", "default", parse_tags([NEW]))]
    result = _carry_out(client, changes)
    told = f"its tags were sent, but the outcome is not known: {error}"
    assert _errors(result) == {**dict.fromkeys(NAMES, told), "default": ""}
    assert result["changed"] and result["objects"][0]["tags_added"] == [] == result["diff"]
    assert _standing(client) == ALL_NEW


# --- what takes a request back ----------------------------------------------------------------------------------------

ASKED, MORE, NOTED = pending(repair="r1"), pending("reinstall", repair="r2", at=300), pending(jobs="7", repair="r1")
RUNNING = job(7, "running", "FAILOVER", repair="r1")
BEFORE, FIRST = Change("instance", "web1", remove=(ASKED,)), Change("instance", "web1", (MORE,), (ASKED,))
BOTH_ASKED = Change("instance", "web1", remove=(ASKED, MORE))
GOES_ON = "its repair has started in the meantime and continues; a suspend tag prevents its next step"

# sentence, what was to be written, the tags and jobs of web1 now, tags that go, words of the note, of the error
STILL = [
    ("nothing has changed", BEFORE, [ASKED], [], [ASKED], "", ""),
    ("it has begun", BEFORE, [NOTED], [RUNNING], [], "", GOES_ON),
    ("it has begun, and its job is not noted", BEFORE, [ASKED], [RUNNING], [], "", GOES_ON),
    ("it is being noted", BEFORE, [ASKED, NOTED], [RUNNING], [], "", GOES_ON),
    ("one of two has", BOTH_ASKED, [NOTED, MORE], [RUNNING], [], "", GOES_ON),
    ("somebody else took it back", BEFORE, [], [], [], f"{ASKED} had already been removed", ""),
    ("somebody else took one back", BOTH_ASKED, [MORE], [], [MORE], f"{ASKED} had already been removed", ""),
    ("it has ended", BEFORE, [ended("success", repair="r1")], [], [], f"{ASKED} had already been removed", ""),
    ("more is asked for", FIRST, [ASKED], [], [ASKED], "", ""),
    ("more is asked for, and less has begun", FIRST, [ASKED], [RUNNING], [], "the one that has started continues", ""),
]


@pytest.mark.parametrize(
    ("change", "tags", "jobs", "removed", "note", "error"), [row[1:] for row in STILL], ids=[row[0] for row in STILL]
)
def test_what_is_left_when_no_round_writes(change, tags, jobs, removed, note, error):
    """Of what was to be taken back, what has not begun."""
    left = still(change, case_of(cluster(rbd("web1", OFFLINE, *tags), jobs=jobs)))
    assert (list(left.remove), left.note) == (removed, note)
    assert left.add == (() if error else change.add)
    assert left.error.startswith(error) and bool(left.error) == bool(error)


def test_what_is_left_of_an_instance_that_nobody_sees():
    """Nothing is taken back: it has gone, or its tags did not come."""
    blind = replace(rbd("web1", OFFLINE).instance, missing_fields=("tags",))
    for case in (None, case_of(cluster(Placed(blind, rbd("web1", OFFLINE).nodes)))):
        assert still(BEFORE, case) == Change("instance", "web1", error=NOT_KNOWN)


@BOTH
def test_a_repair_that_has_begun_in_spite_of_the_claim(multi_opcode):
    """As harep knows none: its tag has gone for one that names its job. That is told, and not that it is withdrawn."""
    client = FakeClient(cluster(rbd("web1", OFFLINE, NOTED)), supports_multi_opcode_jobs=multi_opcode)
    result = _carry_out(client, [BEFORE])
    assert _errors(result) == {"web1": GOES_ON} and result["objects"][0]["tags_removed"] == []
    assert not result["changed"]
