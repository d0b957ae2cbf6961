# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people may say of permissions, and the tags that come of it."""

from __future__ import annotations

from dataclasses import replace

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
    rbd,
    tag,
)
from unit.plugins.module_utils.changes.test_requests import FOR_EVER, LATER, after, table

from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.permissions import (
    SAME,
    Permission,
    PermissionState,
    parse_permission,
    permissions,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.requests import (
    NOT_KNOWN,
    request,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.selection import Filter
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.values import parse_tags

SUSPENDED = "suspended until 2027-01-15T10:00:00Z"
TWO_HOURS = Permission(PermissionState.SUSPENDED, until=LATER, slack=SAME)
EXACT = Permission(PermissionState.SUSPENDED, until=LATER)
DISABLED, RESUMED = Permission(PermissionState.DISABLED), Permission(PermissionState.RESUMED)


def _enabled(kind):
    return Permission(PermissionState.ENABLED, kind)


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
    ("one that can't be read is kept and told", _enabled(MIGRATE), "Migrate", "migrate", "", "Migrate is not a repair"),
    ("so are all of them", _enabled(MIGRATE), "migrate restart", "", "", "restart is not a repair type; it stays"),
    ("a suspend that can't be read is not of it", _enabled(MIGRATE), "suspend:x", "migrate", "", ""),
    ("nothing is to be allowed", DISABLED, "failover reinstall suspend", "", "failover reinstall", ""),
    ("nothing was allowed", DISABLED, "suspend", "", "", ""),
    ("what can't be read goes on", DISABLED, "failover x", "", "failover", "x is not a repair type; it stays in force"),
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
    (
        "a suspend that can't be read is kept",
        EXACT,
        "suspend:soon",
        f"suspend:{LATER}",
        "",
        "soon is not a timestamp in",
    ),
    ("resumed", RESUMED, f"suspend suspend:{LATER} suspend:1 failover", "", f"suspend suspend:{LATER} suspend:1", ""),
    ("there was nothing to resume", RESUMED, "failover", "", "", ""),
    ("it can't be resumed", RESUMED, "suspend:soon suspend", "", "suspend", "soon is not a timestamp in seconds; it"),
    ("a misspelt suspend too", RESUMED, "Suspended", "", "", "Suspended should be spelled suspend"),
]
ALL = _enabled(FAILOVER), _enabled(MIGRATE), DISABLED, FOR_EVER, EXACT, TWO_HOURS, RESUMED


@pytest.mark.parametrize(("scope", "said"), [("instance", False), ("group", True), ("cluster", True)])
def test_a_suspend_that_others_may_lift_says_so(scope, said):
    """A nearer permission goes on, which people may not expect."""
    note = FOR_EVER.change(scope, "", parse_tags([])).note
    assert ("whatever has its own permission continues" in note) is said


@table(PERMISSIONS, "permission", "words", "added", "removed", "note")
def test_what_becomes_of_a_permission(permission, words, added, removed, note):
    """Just the tags that have to change; said again, nothing."""
    tags = _tags(words)
    change = permission.change("group", "rack2", parse_tags(tags))
    assert (change.scope, change.name) == ("group", "rack2")
    assert (sorted(change.add), sorted(change.remove)) == (_tags(added), sorted(_tags(removed)))
    assert (note in change.note) if note else not change.note
    again = permission.change("group", "rack2", parse_tags(after(tags, change)))
    assert not again.needed and again.note == change.note


@pytest.mark.parametrize("second", ALL, ids=str)
@pytest.mark.parametrize("first", ALL, ids=str)
def test_the_last_word_counts(first, second):
    """Whatever was said before; an enable and a suspend stand side by side. No tag is left of which nobody knows."""
    tags = _tags("reinstall suspend:5 suspend:x other")
    for permission in (first, second, second):
        tags = after(tags, permission.change("cluster", "", parse_tags(tags)))
    assert not second.change("cluster", "", parse_tags(tags)).needed
    assert set(_tags("suspend:x other")) <= set(tags)
    read = parse_tags(tags)
    if second.wanted in (PermissionState.ENABLED, PermissionState.DISABLED):
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


@table(MEANT, "options", "wanted")
def test_what_options_mean(options, wanted):
    """Together."""
    state, allow, until = options
    assert parse_permission(state, allow, until, NOW) == wanted


@table(REFUSED, "options", "words")
def test_options_that_contradict_each_other(options, words):
    """Nobody guesses which of them was meant."""
    state, allow, until = options
    with pytest.raises(BadOption) as caught:
        parse_permission(state, allow, until, NOW)
    assert words in str(caught.value)


def test_a_group_whose_tags_are_not_known():
    """Nobody knows then whether it is suspended, and that is said."""
    found = replace(cluster(rbd("web1", OFFLINE)), groups={})
    (change,) = request([case_of(found)], FAILOVER, NOW, lambda: "new1")
    assert change.add and change.note.endswith("is not in the cluster's answer; it starts when that is known")


@pytest.mark.parametrize("permission", ALL, ids=str)
def test_permissions_where_tags_are_not_known(permission):
    """Of an instance, of a group, which only its nodes tell of then; groups are found by '*' all the same."""
    unread = replace(rbd("web1", ONLINE).instance, missing_fields=("tags",))
    found = cluster(Placed(unread, rbd("web1", ONLINE).nodes), rbd("web2", ONLINE, group="rack2"), tags=_tags("x"))
    found = replace(found, groups={"default": found.groups["default"]})
    for scope, blind, served in (("instance", "web1", "web2"), ("group", "rack2", "default")):
        told = {one.name: one for one in permissions(found, scope, Filter(("*",)), permission)}
        assert (told[blind].error, told[blind].needed) == (NOT_KNOWN, False)
        assert not told[served].error
        assert told[served] == permission.change(scope, served, parse_tags([]))
    (change,) = permissions(found, "cluster", Filter(), permission)
    assert change == permission.change("cluster", "", parse_tags(_tags("x")))


@pytest.mark.parametrize("permission", ALL, ids=str)
def test_a_permission_of_a_reservation(permission):
    """It may have one, for when it is an instance; that nothing is done before is said."""
    found = cluster(rbd("web1", OFFLINE, forthcoming=True), rbd("web2", OFFLINE))
    reserved, other = permissions(found, "instance", Filter(("*",)), permission)
    assert reserved.add == other.add and not reserved.error
    assert "it is forthcoming" in reserved.note and "it is forthcoming" not in other.note
