# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which copies are behind, by what nodes and Ganeti say of their devices, and what of it is remembered."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    MISSING,
    NOW,
    OFFLINE,
    ONLINE,
    case_of,
    cluster,
    drbd,
    next_for,
    pending,
    plain,
    rbd,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import Instance
from ansible_collections.ganeti.autorepair.plugins.module_utils.mirrors.copies import (
    Device,
    Mirror,
    by_answer,
    by_devices,
    remember,
    to_look_at,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.action import ActionKind
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.case import cases_at
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import behind_tag

ONE = Instance("web1", disk_template="drbd", primary="node3", secondaries=("node2",), disk_sizes=(64,))
TWO = replace(ONE, disk_sizes=(64, 64))


# --- what the primary's node says -------------------------------------------------------------------------------------


def device(words: str = "Primary Connected UpToDate/UpToDate", instance: str = "web1") -> Device:
    """A device, from words that are nearly those of /proc/drbd."""
    role, connection, disks = words.split()
    return Device(instance, role, connection, *disks.split("/"))


GOOD = device()
OTHERS = (
    device("Secondary WFConnection UpToDate/DUnknown", "web2"),
    device("Primary StandAlone UpToDate/DUnknown", "w"),
)
# sentence, what real devices have said, whether the mirror is in sync, words
DEVICES = [
    ("in sync", "Primary Connected UpToDate/UpToDate", True, ""),
    ("the secondary was rebooted", "Primary WFConnection UpToDate/DUnknown", False, "WFConnection, UpToDate/DUnknown"),
    ("it was disconnected", "Primary StandAlone UpToDate/DUnknown", False, "StandAlone, UpToDate/DUnknown"),
    ("it resyncs", "Primary SyncSource UpToDate/Inconsistent", False, "SyncSource, UpToDate/Inconsistent"),
    ("it waits to resync", "Primary PausedSyncS UpToDate/Inconsistent", False, "PausedSyncS, UpToDate/Inconsistent"),
    ("the volumes there are gone", "Primary Connected UpToDate/Diskless", False, "Connected, UpToDate/Diskless"),
    ("the copy there is old", "Primary Connected UpToDate/Outdated", False, "Connected, UpToDate/Outdated"),
    ("it verifies", "Primary VerifyS UpToDate/UpToDate", False, "VerifyS, UpToDate/UpToDate"),
    (
        "a migration has just moved it",
        "Secondary Connected UpToDate/UpToDate",
        None,
        "is not both primary and up to date",
    ),
    (
        "... and the new primary went apart",
        "Secondary WFConnection UpToDate/DUnknown",
        None,
        "not both primary and up to date",
    ),
    ("nobody has opened it", "Secondary StandAlone UpToDate/DUnknown", None, "is not both primary and up to date"),
    ("its own copy is old", "Primary SyncTarget Inconsistent/UpToDate", None, "its own copy on node3 is not both"),
    ("its own volumes are gone", "Primary Connected Diskless/UpToDate", None, "its own copy on node3 is not both"),
    ("a word that is new", "Primary Connected UpToDate/Splendid", False, "Connected, UpToDate/Splendid"),
    ("words that are none", "? ? ?/?", None, "is not both primary and up to date"),
]


@pytest.mark.parametrize(("told", "in_step", "words"), [row[1:] for row in DEVICES], ids=[row[0] for row in DEVICES])
def test_what_one_device_says(told, in_step, words):
    """Beside devices of others, which are in no good state and mean nothing here."""
    found = by_devices(ONE, (OTHERS[0], device(told), OTHERS[1]))
    assert found.in_step is in_step
    assert words in found.words if words else found.words == ""


BAD = [row[1] for row in DEVICES if row[2] is not True]


@pytest.mark.parametrize("bad", BAD)
def test_one_of_two_disks_is_enough(bad):
    """Whichever it is: the copy is in sync only if each disk is."""
    alone = by_devices(ONE, (device(bad),)).in_step
    assert [by_devices(TWO, pair).in_step for pair in ((GOOD, device(bad)), (device(bad), GOOD))] == [alone, alone]
    assert by_devices(TWO, (GOOD, GOOD)).in_step is True


# sentence, what is told, words
UNTOLD = [
    ("the node did not answer", "timed out", "node3 did not report the state of its mirrors (timed out)"),
    ("no device at all", (), "node3 has no device for it: its disks are not assembled"),
    ("devices of others only", OTHERS, "node3 has no device for it"),
    (
        "one of an instance that is nearly called so",
        (device(instance="web1.example.com"),),
        "node3 has no device for it",
    ),
    ("too few", (GOOD,), "node3 reported 1 of its 2 disks"),
    ("too many", (GOOD, GOOD, GOOD), "node3 reported 3 of its 2 disks"),
]


@pytest.mark.parametrize(("told", "words"), [row[1:] for row in UNTOLD], ids=[row[0] for row in UNTOLD])
def test_what_was_not_told_is_not_known(told, words):
    """Neither behind nor in sync."""
    found = by_devices(TWO, told)
    assert found.in_step is None and found.words.startswith(words)


def test_the_disk_that_is_apart_counts_though_another_was_not_told_of():
    """One is enough to know that the copy is behind."""
    assert by_devices(TWO, (device("Primary WFConnection UpToDate/DUnknown"),)).in_step is False


# --- what Ganeti says -------------------------------------------------------------------------------------------------


def status(degraded=False, local=1, progress=None):
    """The state of a disk on a node, as Ganeti gives it."""
    return ["/dev/drbd0", 147, 0, progress, None, degraded, local]


def answer(*pairs, **more):
    """The answer about web1 with these states of its disks, on the primary and on the secondary."""
    disks = [{"iv_name": "disk/0", "pstatus": primary, "sstatus": secondary} for primary, secondary in pairs]
    return {"web1": {"name": "web1", "pnode": "node3", "snodes": ["node2"], "disks": disks, **more}}


OK, DEGRADED, RESYNC = status(), status(degraded=True), status(degraded=True, progress=17.7)
STILL = (OK, OK)
UNJUDGED = "its disks on node3 are not assembled, or not up to date"
# sentence, the states on primary and secondary, whether the mirror is in sync, words
ANSWERS = [
    ("in sync", (OK, OK), True, ""),
    ("disconnected on both sides", (DEGRADED, DEGRADED), False, "disk 0 is degraded or resyncs"),
    ("the secondary was rebooted", (DEGRADED, None), False, "disk 0 is degraded or resyncs"),
    ("it resyncs", (RESYNC, RESYNC), False, "disk 0 is degraded or resyncs"),
    ("a resync that is not degraded", (status(progress=99.9), OK), False, "disk 0 is degraded or resyncs"),
    ("the copy there resyncs", (DEGRADED, status(True, 2, 17.7)), False, "disk 0 is degraded or resyncs"),
    ("the copy there is faulty", (OK, status(local=4)), False, "disk 0 is degraded or resyncs"),
    ("no value for degraded", (OK, status(degraded=None)), False, "disk 0 is degraded or resyncs"),
    ("stopped", (None, None), None, UNJUDGED),
    ("its own copy resyncs", (status(True, 2, 17.7), DEGRADED), None, UNJUDGED),
    ("its own copy is faulty", (status(local=4), OK), None, UNJUDGED),
    ("its own state is too short", (OK[:6], OK), None, UNJUDGED),
    ("its own state is odd", (status(local="1"), OK), None, UNJUDGED),
    ("its own state is true", (status(local=True), OK), None, UNJUDGED),
    ("the other's state is odd", (OK, status(local="1")), False, "disk 0 is degraded or resyncs"),
]


@pytest.mark.parametrize(("pair", "in_step", "words"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_what_ganeti_says(pair, in_step, words):
    """Of one disk, and of one of two."""
    assert by_answer(ONE, answer(pair)) == Mirror(ONE, in_step, words)
    for pairs in ((pair, STILL), (STILL, pair)):
        assert by_answer(TWO, answer(*pairs)).in_step is in_step
    assert by_answer(TWO, answer(STILL, (DEGRADED, DEGRADED))).words == "disk 1 is degraded or resyncs"


NONE = "the answer is not about its disks"
# sentence, the whole answer, words
MALFORMED = [
    ("nothing", None, NONE),
    ("a list", [answer(STILL)], NONE),
    ("about another", {"web2": answer(STILL)["web1"]}, NONE),
    ("not a mapping", {"web1": "fine"}, NONE),
    ("no disks", answer(), NONE),
    ("disks that are no list", answer(disks={"0": STILL}), NONE),
    ("too many disks", answer(STILL, STILL), NONE),
    ("a disk that is none", answer(disks=[None]), UNJUDGED),
    ("it has failed over", answer(STILL, pnode="node2", snodes=["node3"]), "it has moved since"),
    ("another primary", answer(STILL, pnode="node1"), "it has moved since"),
    ("it has a new secondary", answer(STILL, snodes=["node4"]), "it has moved since"),
    ("it has no secondary any more", answer(STILL, snodes=[]), "it has moved since"),
    ("its nodes are not told", answer(STILL, pnode=None, snodes=None), "it has moved since"),
]


@pytest.mark.parametrize(("given", "words"), [row[1:] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
def test_an_answer_that_does_not_say_it(given, words):
    """It is not known."""
    assert by_answer(ONE, given) == Mirror(ONE, None, words)


# --- whose mirrors can be looked at -----------------------------------------------------------------------------------

LOOKED_AT = [
    ("both alive", drbd("web1", ONLINE, ONLINE), True),
    ("the secondary is dead", drbd("web1", ONLINE, OFFLINE), True),
    ("the primary is drained", drbd("web1", DRAINED, ONLINE), True),
    ("the primary is dead", drbd("web1", OFFLINE, ONLINE), False),
    ("the primary is not in the answer", drbd("web1", MISSING, ONLINE), False),
    ("a reservation", drbd("web1", ONLINE, ONLINE, forthcoming=True), False),
    ("its secondary is not known", drbd("web1", ONLINE, ONLINE, secondaries=()), False),
    ("one on shared storage", rbd("web1", ONLINE), False),
    ("a local one", plain("web1", ONLINE), False),
]


@pytest.mark.parametrize(("member", "looked"), [row[1:] for row in LOOKED_AT], ids=[row[0] for row in LOOKED_AT])
def test_whose_mirrors_are_looked_at(member, looked):
    """Only where somebody alive can tell, and there is a mirror."""
    one = cluster(member, drbd("web2", ONLINE, ONLINE))
    names = [case.instance.name for case in to_look_at(cases_at(one, NOW), one)]
    assert names == (["web1", "web2"] if looked else ["web2"])


# --- what is remembered -----------------------------------------------------------------------------------------------

PRIMARY, SECONDARY, ELSEWHERE = "uuid-web1-p", "uuid-web1-s", "uuid-of-another"
FOUND = {"in sync": True, "behind": False, "not known": None}
NOTED = ((), (500,), (500, 300))  # since when the secondary is noted as behind; one tag of it, or two
KNOWN = tuple(product((True, False), repeat=2))  # whether the UUIDs of the primary and of the secondary are known


def looked(found, noted, doubtful, known):
    """What is to be written after a look has found that, on an instance with such tags; another node has one, too."""
    tags = [behind_tag(SECONDARY, since) for since in noted] + [behind_tag(ELSEWHERE, 400)]
    tags += [behind_tag(PRIMARY, 450)] if doubtful else []
    member = drbd("web1", ONLINE, ONLINE, *tags)
    nodes = tuple(each if told else replace(each, uuid="") for each, told in zip(member.nodes, known, strict=True))
    one = cluster(replace(member, nodes=nodes))
    case = case_of(one)
    return remember(case, Mirror(case.instance, FOUND[found], "seen"), one, NOW + 0.9)


SPACE = list(product(FOUND, NOTED, (False, True), KNOWN))


@pytest.mark.parametrize(("found", "noted", "doubtful", "known"), SPACE)
def test_what_a_look_writes(found, noted, doubtful, known):
    """All cases there are, and one law: it writes only where both nodes are known and the primary is not in doubt; then
    a copy that is behind has its tag, once, and one in sync has none. Tags of other nodes stay as they are."""
    change = looked(found, noted, doubtful, known)
    told = not doubtful and all(known)
    added = (behind_tag(SECONDARY, NOW),) if told and found == "behind" and not noted else ()
    removed = tuple(sorted(behind_tag(SECONDARY, since) for since in noted)) if told and found == "in sync" else ()
    assert (change.scope, change.name, change.error, change.alone) == ("instance", "web1", "", False)
    assert change.add == added
    assert tuple(sorted(change.remove)) == removed
    assert change.note


@pytest.mark.parametrize("noted", NOTED)
def test_a_second_look_writes_nothing(noted):
    """What the first has written is what the second would write."""
    for found in FOUND:
        change = looked(found, noted, False, (True, True))
        after = ({behind_tag(SECONDARY, since) for since in noted} | set(change.add)) - set(change.remove)
        again = looked(found, [int(tag.rpartition(":")[2]) for tag in after], False, (True, True))
        assert not again.needed


NOTES = [
    ("in sync", (), False, "the copy on web1-s is in sync"),
    ("in sync", (500,), False, "the copy on web1-s is in sync again"),
    ("behind", (), False, "the copy on web1-s has been behind since 2027-01-15T08:00:00Z at the latest (seen)"),
    ("behind", (500, 300), False, "the copy on web1-s has been behind since 1970-01-01T00:05:00Z at the latest (seen)"),
    ("not known", (), False, "not known whether it is in sync: seen"),
    (
        "not known",
        (300,),
        False,
        f"not known whether it is in sync: seen; still noted as behind: {behind_tag(SECONDARY, 300)}",
    ),
    ("in sync", (500,), True, "the disks on its primary web1-p are in doubt themselves, so nothing is noted"),
    ("behind", (), True, "the disks on its primary web1-p are in doubt themselves, so nothing is noted"),
]


@pytest.mark.parametrize(("found", "noted", "doubtful", "note"), NOTES)
def test_what_people_are_told(found, noted, doubtful, note):
    """In one sentence."""
    assert looked(found, noted, doubtful, (True, True)).note == note


def test_where_its_tags_are_not_known_nothing_is_written():
    """Nobody knows what stands there already, nor whether its primary is in doubt."""
    one = cluster(drbd("web1", ONLINE, ONLINE, missing_fields=("tags",)))
    case = case_of(one)
    for found in FOUND.values():
        change = remember(case, Mirror(case.instance, found, "seen"), one, NOW)
        assert not change.needed and not change.error
        assert "did not return its tags" in change.note


def test_a_look_that_came_back_too_late_has_not_seen_the_secondary_of_now():
    """It is about the nodes that it was asked about: the tag of a new secondary stays."""
    one = cluster(drbd("web1", ONLINE, ONLINE, behind_tag("uuid-web1-new", 300)))
    case = case_of(one)
    assert not remember(case, Mirror(case.instance, True), one, NOW).needed


# --- what somebody has accepted ---------------------------------------------------------------------------------------

ASKED_AT = NOW - 1000
# sentence, when the copy was noted as behind, the id of the pending repair, whether it may be failed over to it
ACCEPTED = [
    ("noted before it was asked for", ASKED_AT - 500, "accept-behind-r1", True),
    ("noted just then, by another clock", ASKED_AT + 90, "accept-behind-r1", True),
    ("noted after that", ASKED_AT + 91, "accept-behind-r1", False),
    ("nobody has accepted anything", ASKED_AT - 500, "r1", False),
    ("the word is not at the beginning", ASKED_AT - 500, "r-accept-behind-1", False),
]


@pytest.mark.parametrize(("since", "repair", "over"), [row[1:] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_what_was_accepted_is_what_was_known(since, repair, over):
    """A request covers what had been noted by then, and for no other repair."""
    tags = (behind_tag(SECONDARY, since), pending(repair=repair, at=ASKED_AT))
    action = next_for(drbd("web1", OFFLINE, ONLINE, *tags))
    assert (action.kind is ActionKind.SUBMIT) is over
    assert action.accepts is over


def test_a_new_secondary_that_still_resyncs_is_not_accepted_with_the_old_copy():
    """The accepted copy is on the primary now; if that dies, too, its mirror is none to fail over to."""
    tags = (behind_tag(PRIMARY, ASKED_AT - 9), behind_tag(SECONDARY, ASKED_AT + 600))
    asked = pending(repair="accept-behind-r1", at=ASKED_AT)
    action = next_for(drbd("web1", OFFLINE, ONLINE, *tags, asked))
    assert (action.kind, action.why) == (ActionKind.REPORT, Reason.BEHIND)
    healthy = next_for(drbd("web1", ONLINE, ONLINE, *tags, asked))
    assert (healthy.kind, healthy.result) == (ActionKind.FINISH, None)
