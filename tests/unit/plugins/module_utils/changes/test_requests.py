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
    SAME,
    Permission,
    Wish,
    parse_permission,
    permissions,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.requests import (
    NOT_KNOWN,
    acknowledge,
    request,
    withdraw,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.selection import Filter
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.case import make_cases
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import PREFIX
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.values import FOREVER, parse_tags

LATER, SOON = NOW + 7200, NOW + 60
SUSPENDED = "suspended until 2027-01-15T10:00:00Z"
TWO_HOURS = Permission(Wish.SUSPENDED, until=LATER, slack=SAME)
EXACT = Permission(Wish.SUSPENDED, until=LATER)
FOR_EVER = Permission(Wish.SUSPENDED)
DISABLED, RESUMED = Permission(Wish.DISABLED), Permission(Wish.RESUMED)


def _enabled(kind):
    return Permission(Wish.ENABLED, kind)


def _tags(words):
    return [tag(word) for word in words.split()]


# sentence, what is wished, the tags that stand, those that come, those that go, words of the note
PERMISSIONS = [
    ("nothing is allowed yet", _enabled(FAILOVER), "", "failover", "", ""),
    ("it is allowed already", _enabled(FAILOVER), "failover", "", "", ""),
    ("more is allowed", _enabled(REINSTALL), "failover", "reinstall", "failover", ""),
    ("less is allowed", _enabled(RepairType.FIX_STORAGE), "failover", "fix-storage", "failover", ""),
    ("several stand beside it", _enabled(MIGRATE), "failover migrate reinstall", "", "failover reinstall", ""),
    ("other kinds of tags are left", _enabled(MIGRATE), f"suspend:{LATER} breaker claim:x:9", "migrate", "", ""),
    ("one that can't be read is kept and told", _enabled(MIGRATE), "Migrate", "migrate", "", "Migrate is no repair"),
    ("so are all of them", _enabled(MIGRATE), "migrate restart", "", "", "restart is no repair type; it stays"),
    ("a suspend that can't be read is not of it", _enabled(MIGRATE), "suspend:x", "migrate", "", ""),
    ("nothing is to be allowed", DISABLED, "failover reinstall suspend", "", "failover reinstall", ""),
    ("nothing was allowed", DISABLED, "suspend", "", "", ""),
    ("what can't be read goes on", DISABLED, "failover x", "", "failover", "x is no repair type; it stays in force"),
    ("suspended for ever", FOR_EVER, "failover", "suspend", "", "suspended until it is resumed"),
    ("suspended already", FOR_EVER, "suspend", "", "", "suspended until it is resumed"),
    ("suspended already, in harep's other spelling", FOR_EVER, "suspend:", "", "", "suspended until it is resumed"),
    ("in both spellings", FOR_EVER, "suspend suspend:", "", "suspend:", "until it is resumed"),
    ("for longer than it was", FOR_EVER, f"suspend:{LATER}", "suspend", f"suspend:{LATER}", "until it is resumed"),
    ("until a time", EXACT, "", f"suspend:{LATER}", "", SUSPENDED),
    ("until that time already", EXACT, f"suspend:{LATER}", "", "", SUSPENDED),
    ("in another spelling", EXACT, f"suspend:00{LATER}", "", "", SUSPENDED),
    ("a second more", EXACT, f"suspend:{LATER - 1}", f"suspend:{LATER}", f"suspend:{LATER - 1}", SUSPENDED),
    ("a second less", EXACT, f"suspend:{LATER + 1}", f"suspend:{LATER}", f"suspend:{LATER + 1}", SUSPENDED),
    ("no longer for ever", EXACT, "suspend", f"suspend:{LATER}", "suspend", SUSPENDED),
    ("others go", EXACT, f"suspend:1 suspend:{LATER} suspend", "", "suspend suspend:1", SUSPENDED),
    ("said a minute ago", TWO_HOURS, f"suspend:{LATER - SAME}", "", "", "suspended until 2027-01-15T09:59:00Z"),
    ("by a clock that is ahead", TWO_HOURS, f"suspend:{LATER + SAME}", "", "", "until 2027-01-15T10:01:00Z"),
    (
        "said more than a minute ago",
        TWO_HOURS,
        f"suspend:{LATER - SAME - 1}",
        f"suspend:{LATER}",
        f"suspend:{LATER - SAME - 1}",
        SUSPENDED,
    ),
    ("a span is not as good as for ever", TWO_HOURS, "suspend", f"suspend:{LATER}", "suspend", SUSPENDED),
    ("one that is over goes", TWO_HOURS, f"suspend:{NOW - 1}", f"suspend:{LATER}", f"suspend:{NOW - 1}", SUSPENDED),
    ("enables stay", TWO_HOURS, "failover Migrate", f"suspend:{LATER}", "", SUSPENDED),
    ("a suspend that can't be read is kept", EXACT, "suspend:soon", f"suspend:{LATER}", "", "soon is no timestamp in"),
    ("resumed", RESUMED, f"suspend suspend:{LATER} suspend:1 failover", "", f"suspend suspend:{LATER} suspend:1", ""),
    ("there was nothing to resume", RESUMED, "failover", "", "", ""),
    ("it can't be resumed", RESUMED, "suspend:soon suspend", "", "suspend", "soon is no timestamp in seconds; it"),
    ("a misspelt suspend too", RESUMED, "Suspended", "", "", "Suspended is not spelt as suspend"),
]
ALL = _enabled(FAILOVER), _enabled(MIGRATE), DISABLED, FOR_EVER, EXACT, TWO_HOURS, RESUMED


def _table(rows, *names):
    return pytest.mark.parametrize(names, [row[1:] for row in rows], ids=[row[0] for row in rows])


def _after(tags, change):
    assert not set(change.add) & set(tags), "adds what is there"
    assert set(change.remove) <= set(tags), "removes what is not there"
    return [text for text in (*tags, *change.add) if text not in change.remove]


@pytest.mark.parametrize(("scope", "said"), [("instance", False), ("group", True), ("cluster", True)])
def test_a_suspend_that_others_may_lift_says_so(scope, said):
    """A nearer permission goes on, which people may not expect."""
    note = FOR_EVER.change(scope, "", parse_tags([])).note
    assert ("what has a permission of its own goes on" in note) is said


@_table(PERMISSIONS, "permission", "words", "added", "removed", "note")
def test_what_becomes_of_a_permission(permission, words, added, removed, note):
    """Just the tags that have to change; said again, nothing."""
    tags = _tags(words)
    change = permission.change("group", "rack2", parse_tags(tags))
    assert (change.scope, change.name) == ("group", "rack2")
    assert (sorted(change.add), sorted(change.remove)) == (_tags(added), sorted(_tags(removed)))
    assert (note in change.note) if note else not change.note
    again = permission.change("group", "rack2", parse_tags(_after(tags, change)))
    assert not again.needed and again.note == change.note


@pytest.mark.parametrize("second", ALL, ids=str)
@pytest.mark.parametrize("first", ALL, ids=str)
def test_the_last_word_counts(first, second):
    """Whatever was said before; an enable and a suspend stand side by side. No tag is left of which nobody knows."""
    tags = _tags("reinstall suspend:5 suspend:x other")
    for permission in (first, second, second):
        tags = _after(tags, permission.change("cluster", "", parse_tags(tags)))
    assert not second.change("cluster", "", parse_tags(tags)).needed
    assert set(_tags("suspend:x other")) <= set(tags)
    read = parse_tags(tags)
    if second.wish in (Wish.ENABLED, Wish.DISABLED):
        assert [enable.type for enable in read.enables] == ([second.kind] if second.kind else [])
    else:
        ends = [suspend.until for suspend in read.suspends]
        assert ends == ([] if second is RESUMED else ends[:1])
        assert second is RESUMED or abs(ends[0] - second.until) <= second.slack or ends[0] == second.until


# sentence, options (state, allow, until), what they mean
MEANT = [
    ("allow", ("enabled", "failover", None), _enabled(FAILOVER)),
    ("take away", ("disabled", None, None), DISABLED),
    ("suspend", ("suspended", None, None), FOR_EVER),
    ("suspend, as a form sends what was left empty", ("suspended", "", ""), FOR_EVER),
    ("suspend for a while", ("suspended", None, "+2h"), TWO_HOURS),
    ("suspend until a moment", ("suspended", None, "2027-01-15T11:00:00+01:00"), EXACT),
    ("suspend until a timestamp", ("suspended", None, str(LATER)), EXACT),
    ("resume", ("resumed", None, None), RESUMED),
]
REFUSED = [
    ("allow nothing", ("enabled", None, None), "state: enabled needs allow, the type up to which"),
    ("take a type away", ("disabled", "migrate", None), "state: disabled takes no allow"),
    ("suspend a type", ("suspended", "migrate", "+2h"), "state: suspended takes no allow"),
    ("allow for a while", ("enabled", "migrate", "+2h"), "until is for state: suspended, but state is enabled"),
    ("resume later", ("resumed", None, "+2h"), "until is for state: suspended, but state is resumed"),
    ("suspend until yesterday", ("suspended", None, "2027-01-14T00:00:00Z"), "that has passed"),
    ("suspend until some day", ("suspended", None, "some day"), "until is some day; it takes"),
    ("suspend until a blank", ("suspended", None, " "), "it takes a timestamp"),
]


@_table(MEANT, "options", "wanted")
def test_what_options_mean(options, wanted):
    """Together."""
    state, allow, until = options
    assert parse_permission(state, allow, until, NOW) == wanted


@_table(REFUSED, "options", "words")
def test_options_that_contradict_each_other(options, words):
    """Nobody guesses which of them was meant."""
    state, allow, until = options
    with pytest.raises(BadOption) as caught:
        parse_permission(state, allow, until, NOW)
    assert words in str(caught.value)


# --- once-off repairs -----------------------------------------------------------------------------------------------

ASKED = pending("failover", "", "asked", 100)
NEW = tag(f"pending:{{}}:new1:{NOW}:")
SINCE = "since 1970-01-01T00:01:40Z"
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
        "it is suspended by its own tag until 2027-01-15T10:00:00Z, and begins after that",
    ),
    (
        "a healthy one that is suspended",
        ONLINE,
        [tag("suspend")],
        [],
        FAILOVER,
        "failover",
        [],
        "it is suspended by its own tag until the suspend tag is removed, and begins after that",
    ),
    (
        "one with a suspend that can't be read",
        OFFLINE,
        [tag("suspend:x")],
        [],
        FAILOVER,
        "failover",
        [],
        "and begins after that; the tag ganeti:watcher:autorepair:suspend:x can't be read",
    ),
    (
        "the same is asked for, and suspended",
        OFFLINE,
        [ASKED, tag("suspend")],
        [],
        FAILOVER,
        "",
        [],
        f"a failover repair was asked for already, {SINCE}; it is suspended by its own tag",
    ),
    (
        "the same is under way, and suspended",
        OFFLINE,
        [pending(jobs="7"), tag("suspend")],
        [RUNNING],
        FAILOVER,
        "",
        [],
        "until the suspend tag is removed, and goes on after that",
    ),
    ("the same is asked for", OFFLINE, [ASKED], [], FAILOVER, "", [], f"repair was asked for already, {SINCE}"),
    ("more is asked for", OFFLINE, [ASKED], [], MIGRATE, "", [], "a failover repair was asked for already"),
    ("less is asked for", OFFLINE, [ASKED], [], REINSTALL, "reinstall", [ASKED], ""),
    ("the same is under way", OFFLINE, [pending(jobs="7")], [RUNNING], FAILOVER, "", [], "repair is under way already"),
    ("more is under way", OFFLINE, [pending(jobs="7")], [DONE], MIGRATE, "", [], f"under way already, {SINCE}"),
    ("less is under way, which goes on", OFFLINE, [pending(jobs="7")], [RUNNING], REINSTALL, "reinstall", [], ""),
    ("less is under way, whose job was not noted", OFFLINE, [ASKED], [LOST], REINSTALL, "reinstall", [], ""),
    ("the same, whose job was not noted", OFFLINE, [ASKED], [LOST], FAILOVER, "", [], "is under way already"),
    (
        "less is under way, and enough is asked for",
        OFFLINE,
        [pending(jobs="7"), pending("reinstall", repair="more", at=200)],
        [RUNNING],
        REINSTALL,
        "",
        [],
        "a reinstall repair was asked for already, since 1970-01-01T00:03:20Z",
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
    ("none", [tag("failover")], [], [], "no repair is asked for"),
    ("one that has ended", [ended("success"), ended("failure", repair="r2")], [], [], "no repair is asked for"),
    ("what can't be read", [tag("pending:x")], [], [], "no repair is asked for; the tag ganeti:watcher:"),
    ("one beside what can't be read", [ASKED, tag("pending:x")], [], [ASKED], "pending:x can't be read"),
    (
        "one that waits for another, which goes on",
        [pending(jobs="7"), pending("reinstall", repair="more", at=200)],
        [RUNNING],
        [pending("reinstall", repair="more", at=200)],
        "the one that has begun goes on",
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


@_table(REQUESTS, "primary", "tags", "jobs", "kind", "added", "removed", "note")
def test_a_repair_is_asked_for(primary, tags, jobs, kind, added, removed, note):
    """Once, whatever else is asked for or under way; asked again, nothing."""
    change = _request(tags, jobs, kind, primary)
    assert (change.scope, change.name) == ("instance", "web1")
    assert list(change.add) == ([NEW.format(added)] if added else [])
    assert sorted(change.remove) == sorted(removed)
    assert (note in change.note) if note else not change.note
    again = _request(_after(tags, change), jobs, kind, primary)
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


@_table(WITHDRAWALS, "tags", "jobs", "removed", "note")
def test_a_repair_is_withdrawn(tags, jobs, removed, note):
    """If it has not begun."""
    (change,) = withdraw([_case(tags, jobs)])
    assert (change.add, sorted(change.remove)) == ((), sorted(removed))
    assert (note in change.note) if note else not change.note


@_table(BEGUN, "tags", "jobs")
def test_a_repair_that_has_begun_is_not_withdrawn(tags, jobs):
    """Nor is that of any other instance; the sentence says how to stop it."""
    with pytest.raises(BadOption, match=r"the repair of web1 has begun, .*; a suspend tag keeps .*; nothing was done$"):
        withdraw([_case([ASKED]), _case(tags, jobs)])


@_table(FAILURES, "tags", "removed", "note")
def test_failures_are_acknowledged(tags, removed, note):
    """All of them go, with whatever carries their ids; nothing else does."""
    (change,) = acknowledge([_case(tags, [job(7, "error", "FAILOVER")])])
    assert (change.add, sorted(change.remove)) == ((), sorted(removed))
    assert (note in change.note) if note else not change.note
    (again,) = acknowledge([_case(_after(tags, change))])
    assert not again.needed and "no repair of it has failed" in again.note


# sentence, tags of the group and of the cluster, words of the note
FARTHER = [
    ("the group", ["suspend"], ["failover"], "it is suspended by its group until the suspend tag is removed, and beg"),
    ("the cluster", [], [f"suspend:{LATER}"], "it is suspended by the cluster until 2027-01-15T10:00:00Z, and begins"),
    ("the group lifts the cluster's", ["migrate"], ["suspend"], ""),
    ("the suspend is over", [f"suspend:{NOW}"], [], ""),
]


@_table(FARTHER, "group", "tags", "note")
def test_a_farther_suspend_holds_what_is_asked_for(group, tags, note):
    """Said at once, as the request is taken all the same."""
    group_tags = {"default": [tag(word) for word in group]}
    found = cluster(rbd("web1", OFFLINE), group_tags=group_tags, tags=[tag(word) for word in tags])
    (change,) = request([case_of(found)], FAILOVER, NOW, lambda: "new1")
    assert change.add and note in change.note and bool(note) == bool(change.note)


def test_a_group_whose_tags_are_not_known():
    """Nobody knows then whether it is suspended, and that is said."""
    found = replace(cluster(rbd("web1", OFFLINE)), groups={})
    (change,) = request([case_of(found)], FAILOVER, NOW, lambda: "new1")
    assert change.add and change.note.endswith("is not in the cluster's answer; it begins when that is known")


# sentence, what is said of instances
SAID = [
    ("a request", lambda cases: request(cases, FAILOVER, NOW, lambda: "new1")),
    ("a withdrawal", lambda cases: withdraw(cases)),
    ("an acknowledgement", acknowledge),
]


@_table(SAID, "say")
def test_tags_that_are_not_known(say):
    """That is not the same as none: an error for this one; the other is served."""
    tags = [pending("fix-storage", "", "less")] if say is not acknowledge else [FAILED]
    unread = replace(drbd("web1", OFFLINE, ONLINE).instance, unread=("tags",))
    found = cluster(Placed(unread, drbd("web1", OFFLINE, ONLINE).nodes), rbd("web2", OFFLINE, *tags))
    blind, served = say(make_cases(found, NOW))
    assert (blind.error, blind.needed, blind.name) == (NOT_KNOWN, False, "web1")
    assert served.needed and not served.error


@pytest.mark.parametrize("permission", ALL, ids=str)
def test_permissions_where_tags_are_not_known(permission):
    """Of an instance, of a group, which only its nodes tell of then; groups are found by '*' all the same."""
    unread = replace(rbd("web1", ONLINE).instance, unread=("tags",))
    found = cluster(Placed(unread, rbd("web1", ONLINE).nodes), rbd("web2", ONLINE, group="rack2"), tags=_tags("x"))
    found = replace(found, groups={"default": found.groups["default"]})
    for scope, blind, served in (("instance", "web1", "web2"), ("group", "rack2", "default")):
        told = {one.name: one for one in permissions(found, scope, Filter(("*",)), permission)}
        assert (told[blind].error, told[blind].needed) == (NOT_KNOWN, False)
        assert not told[served].error
        assert told[served] == permission.change(scope, served, parse_tags([]))
    (change,) = permissions(found, "cluster", Filter(), permission)
    assert change == permission.change("cluster", "", parse_tags(_tags("x")))


def test_a_repair_of_a_reservation():
    """It is refused for this one, and said why; the other is served."""
    found = cluster(rbd("web1", OFFLINE, forthcoming=True), rbd("web2", OFFLINE))
    reserved, served = request(make_cases(found, NOW), FAILOVER, NOW, lambda: "new1")
    assert not reserved.needed and reserved.error.startswith("it is forthcoming, a reservation and no instance yet")
    assert served.needed and not served.error


@pytest.mark.parametrize("permission", ALL, ids=str)
def test_a_permission_of_a_reservation(permission):
    """It may have one, for when it is an instance; that nothing is done before is said."""
    found = cluster(rbd("web1", OFFLINE, forthcoming=True), rbd("web2", OFFLINE))
    reserved, other = permissions(found, "instance", Filter(("*",)), permission)
    assert reserved.add == other.add and not reserved.error
    assert "it is forthcoming" in reserved.note and "it is forthcoming" not in other.note


def test_each_tag_has_room():
    """Ganeti refuses one of more than 128 characters."""
    change = request([_case([])], RepairType.FIX_STORAGE, NOW, lambda: "9d0c8a0e-5b1f-4b55-8c56-7f6a4b3a1f27")[0]
    late = Permission(Wish.SUSPENDED, until=253_402_300_799).change("cluster", "", parse_tags([]))
    assert all(len(text) <= 128 for text in (*change.add, *late.add))
    assert late.add == (f"{PREFIX}suspend:253402300799",)
    assert FOR_EVER.until == FOREVER
