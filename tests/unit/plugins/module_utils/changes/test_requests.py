# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wishes: what people say to repairs by tags (design, sections 2 and 6)."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
from unit.plugins.module_utils.builders import (
    FAILOVER,
    MIGRATE,
    NOW,
    OFFLINE,
    ONLINE,
    REINSTALL,
    Placed,
    case_of,
    cluster,
    drbd,
    ended,
    job,
    pending,
    rbd,
    tag,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.permissions import (
    Permission,
    PermissionState,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.requests import (
    NOT_KNOWN,
    acknowledge,
    request,
    withdraw,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.case import cases_at
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import PREFIX
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.values import FOREVER, parse_tags

LATER, SOON = NOW + 7200, NOW + 60
FOR_EVER = Permission(PermissionState.SUSPENDED)


def table(rows, *names):
    return pytest.mark.parametrize(names, [row[1:] for row in rows], ids=[row[0] for row in rows])


def after(tags, change):
    assert not set(change.add) & set(tags), "adds what is there"
    assert set(change.remove) <= set(tags), "removes what is not there"
    return [text for text in (*tags, *change.add) if text not in change.remove]


# --- once-off repairs -----------------------------------------------------------------------------------------------

ASKED = pending("failover", "", "asked", 100)
NEW = tag(f"pending:{{}}:new1:{NOW}:")
AT = "1970-01-01T00:01:40Z"
RUNNING, DONE = job(7, "running", "FAILOVER"), job(7, "success", "FAILOVER")
LOST = job(7, "running", "FAILOVER", repair="asked")  # its number did not get into the tag

# sentence, state of the primary, tags, jobs, type, the type that is asked for anew, tags that go, words of the note
REQUESTS = [
    ("a broken one", OFFLINE, [], [], FAILOVER, "failover", [], ""),
    ("a healthy one", ONLINE, [], [], MIGRATE, "migrate", [], "it is healthy, so the next round ends"),
    (
        "one that is suspended",
        OFFLINE,
        [tag(f"suspend:{LATER}")],
        [],
        FAILOVER,
        "failover",
        [],
        "it is suspended by its own tag until 2027-01-15T10:00:00Z, and starts after that",
    ),
    (
        "a healthy one that is suspended",
        ONLINE,
        [tag("suspend")],
        [],
        FAILOVER,
        "failover",
        [],
        "it is suspended by its own tag until the suspend tag is removed, and starts after that",
    ),
    (
        "one with a suspend that can't be read",
        OFFLINE,
        [tag("suspend:x")],
        [],
        FAILOVER,
        "failover",
        [],
        "and starts after that; the tag ganeti:watcher:autorepair:suspend:x can't be read",
    ),
    (
        "the same is asked for, and suspended",
        OFFLINE,
        [ASKED, tag("suspend")],
        [],
        FAILOVER,
        "",
        [],
        f"a failover repair was already requested at {AT}; it is suspended by its own tag",
    ),
    (
        "the same is under way, and suspended",
        OFFLINE,
        [pending(jobs="7"), tag("suspend")],
        [RUNNING],
        FAILOVER,
        "",
        [],
        "until the suspend tag is removed, and continues after that",
    ),
    ("the same is asked for", OFFLINE, [ASKED], [], FAILOVER, "", [], f"repair was already requested at {AT}"),
    ("more is asked for", OFFLINE, [ASKED], [], MIGRATE, "", [], "a failover repair was already requested"),
    ("less is asked for", OFFLINE, [ASKED], [], REINSTALL, "reinstall", [ASKED], ""),
    (
        "the same is under way",
        OFFLINE,
        [pending(jobs="7")],
        [RUNNING],
        FAILOVER,
        "",
        [],
        "repair is already in progress",
    ),
    ("more is under way", OFFLINE, [pending(jobs="7")], [DONE], MIGRATE, "", [], f"is already in progress, since {AT}"),
    ("less is under way, which goes on", OFFLINE, [pending(jobs="7")], [RUNNING], REINSTALL, "reinstall", [], ""),
    ("less is under way, whose job was not noted", OFFLINE, [ASKED], [LOST], REINSTALL, "reinstall", [], ""),
    ("the same, whose job was not noted", OFFLINE, [ASKED], [LOST], FAILOVER, "", [], "is already in progress"),
    (
        "less is under way, and enough is asked for",
        OFFLINE,
        [pending(jobs="7"), pending("reinstall", repair="more", at=200)],
        [RUNNING],
        REINSTALL,
        "",
        [],
        "a reinstall repair was already requested at 1970-01-01T00:03:20Z",
    ),
    (
        "less is asked for, twice",
        OFFLINE,
        [ASKED, pending("migrate", repair="too", at=200)],
        [],
        REINSTALL,
        "reinstall",
        [ASKED, pending("migrate", repair="too", at=200)],
        "",
    ),
    ("one whose repair has ended", OFFLINE, [ended("success")], [], FAILOVER, "failover", [], ""),
    ("one whose repair was refused", OFFLINE, [ended("enoperm")], [], FAILOVER, "failover", [], ""),
    ("one whose own permission can't be read", OFFLINE, [tag("Migrate")], [], FAILOVER, "failover", [], ""),
]
# sentence, tags, jobs, tags that go, words of the note
WITHDRAWALS = [
    ("one that was asked for", [ASKED, tag("failover")], [], [ASKED], ""),
    ("two that were", [ASKED, pending(repair="too", at=200)], [], [ASKED, pending(repair="too", at=200)], ""),
    ("none", [tag("failover")], [], [], "no repair is requested"),
    ("one that has ended", [ended("success"), ended("failure", repair="r2")], [], [], "no repair is requested"),
    ("what can't be read", [tag("pending:x")], [], [], "no repair is requested; the tag ganeti:watcher:"),
    ("one beside what can't be read", [ASKED, tag("pending:x")], [], [ASKED], "pending:x can't be read"),
    (
        "one that waits for another, which goes on",
        [pending(jobs="7"), pending("reinstall", repair="more", at=200)],
        [RUNNING],
        [pending("reinstall", repair="more", at=200)],
        "the one that has started continues",
    ),
]
BEGUN = [
    ("its job runs", [pending(jobs="7")], [RUNNING]),
    ("its job is done", [pending(jobs="7")], [DONE]),
    ("its job has gone from the queue", [pending(jobs="7")], []),
    ("its job was not noted", [ASKED], [LOST]),
]
# sentence, tags, tags that go, words of the note
FAILED, FAILED_TOO = ended("failure", jobs="7"), ended("failure", "migrate", "", "r2", 300)
FAILURES = [
    ("one", [FAILED, tag("failover")], [FAILED], ""),
    ("several", [FAILED, FAILED_TOO, ended("success", repair="r3")], [FAILED, FAILED_TOO], ""),
    ("one beside the pending tag that it replaces", [FAILED, pending(jobs="7")], [FAILED, pending(jobs="7")], ""),
    ("one beside another repair that is asked for", [FAILED, ASKED], [FAILED], ""),
    ("none", [ended("success"), tag("suspend")], [], "no repair of it has failed"),
    ("no tag at all", [], [], "no repair of it has failed"),
    ("what can't be read", [tag("result:x")], [], "no repair of it has failed; the tag ganeti:watcher:"),
]


def _case(tags, jobs=(), primary=OFFLINE):
    return case_of(cluster(rbd("web1", primary, *tags), drbd("web2", ONLINE, ONLINE), jobs=jobs))


def _request(tags, jobs, kind, primary=OFFLINE):
    numbers = count(1)
    (change,) = request([_case(tags, jobs, primary)], kind, NOW, lambda: f"new{next(numbers)}")
    return change


@table(REQUESTS, "primary", "tags", "jobs", "kind", "added", "removed", "note")
def test_a_repair_is_asked_for(primary, tags, jobs, kind, added, removed, note):
    """Once, whatever else is asked for or under way; asked again, nothing."""
    change = _request(tags, jobs, kind, primary)
    assert (change.scope, change.name) == ("instance", "web1")
    assert list(change.add) == ([NEW.format(added)] if added else [])
    assert sorted(change.remove) == sorted(removed)
    assert (note in change.note) if note else not change.note
    again = _request(after(tags, change), jobs, kind, primary)
    assert not again.needed and "already" in again.note


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ([ended("failure")], "a repair of web1 has failed; acknowledge it first; nothing was done"),
        ([ended("failure"), ASKED], "a repair of web1 has failed; acknowledge it first"),
        ([tag("pending:x")], "pending:x can't be read: it needs type, id, timestamp and jobs; remove it first"),
        ([tag("result:x"), ASKED], "web1: the tag ganeti:watcher:autorepair:result:x can't be read"),
    ],
    ids=["one that failed", "one that failed and is asked for", "a pending tag in doubt", "a result in doubt"],
)
def test_a_repair_that_would_not_begin(tags, words):
    """Nothing is asked for, of no instance."""
    good = case_of(cluster(rbd("web2", OFFLINE)))
    with pytest.raises(BadOption) as caught:
        request([good, _case(tags)], FAILOVER, NOW, lambda: "new")
    assert words in str(caught.value) and str(caught.value).endswith("nothing was done")


@table(WITHDRAWALS, "tags", "jobs", "removed", "note")
def test_a_repair_is_withdrawn(tags, jobs, removed, note):
    """If it has not begun."""
    (change,) = withdraw([_case(tags, jobs)])
    assert (change.add, sorted(change.remove)) == ((), sorted(removed))
    assert (note in change.note) if note else not change.note


@table(BEGUN, "tags", "jobs")
def test_a_repair_that_has_begun_is_not_withdrawn(tags, jobs):
    """Nor is that of any other instance; the sentence says how to stop it."""
    with pytest.raises(
        BadOption, match=r"the repair of web1 has started .*; a suspend tag prevents .*; nothing was done$"
    ):
        withdraw([_case([ASKED]), _case(tags, jobs)])


@table(FAILURES, "tags", "removed", "note")
def test_failures_are_acknowledged(tags, removed, note):
    """All of them go, with whatever carries their ids; nothing else does."""
    (change,) = acknowledge([_case(tags, [job(7, "error", "FAILOVER")])])
    assert (change.add, sorted(change.remove)) == ((), sorted(removed))
    assert (note in change.note) if note else not change.note
    (again,) = acknowledge([_case(after(tags, change))])
    assert not again.needed and "no repair of it has failed" in again.note


# sentence, tags of the group and of the cluster, words of the note
FARTHER = [
    ("the group", ["suspend"], ["failover"], "it is suspended by its group until the suspend tag is removed, and sta"),
    ("the cluster", [], [f"suspend:{LATER}"], "it is suspended by the cluster until 2027-01-15T10:00:00Z, and starts"),
    ("the group lifts the cluster's", ["migrate"], ["suspend"], ""),
    ("the suspend is over", [f"suspend:{NOW}"], [], ""),
]


@table(FARTHER, "group", "tags", "note")
def test_a_farther_suspend_holds_what_is_asked_for(group, tags, note):
    """Said at once, as the request is taken all the same."""
    group_tags = {"default": [tag(word) for word in group]}
    found = cluster(rbd("web1", OFFLINE), group_tags=group_tags, tags=[tag(word) for word in tags])
    (change,) = request([case_of(found)], FAILOVER, NOW, lambda: "new1")
    assert change.add and note in change.note and bool(note) == bool(change.note)


# sentence, what is said of instances
SAID = [
    ("a request", lambda cases: request(cases, FAILOVER, NOW, lambda: "new1")),
    ("a withdrawal", lambda cases: withdraw(cases)),
    ("an acknowledgement", acknowledge),
]


@table(SAID, "say")
def test_tags_that_are_not_known(say):
    """That is not the same as none: an error for this one; the other is served."""
    tags = [pending("fix-storage", "", "less")] if say is not acknowledge else [FAILED]
    unread = replace(drbd("web1", OFFLINE, ONLINE).instance, missing_fields=("tags",))
    found = cluster(Placed(unread, drbd("web1", OFFLINE, ONLINE).nodes), rbd("web2", OFFLINE, *tags))
    blind, served = say(cases_at(found, NOW))
    assert (blind.error, blind.needed, blind.name) == (NOT_KNOWN, False, "web1")
    assert served.needed and not served.error


def test_a_repair_of_a_reservation():
    """It is refused for this one, and said why; the other is served."""
    found = cluster(rbd("web1", OFFLINE, forthcoming=True), rbd("web2", OFFLINE))
    reserved, served = request(cases_at(found, NOW), FAILOVER, NOW, lambda: "new1")
    assert not reserved.needed and reserved.error.startswith("it is forthcoming: a reservation, not an instance yet")
    assert served.needed and not served.error


def test_each_tag_has_room():
    """Ganeti refuses one of more than 128 characters."""
    change = request([_case([])], RepairType.FIX_STORAGE, NOW, lambda: "9d0c8a0e-5b1f-4b55-8c56-7f6a4b3a1f27")[0]
    late = Permission(PermissionState.SUSPENDED, until=253_402_300_799).change("cluster", "", parse_tags([]))
    assert all(len(text) <= 128 for text in (*change.add, *late.add))
    assert late.add == (f"{PREFIX}suspend:253402300799",)
    assert FOR_EVER.until == FOREVER
