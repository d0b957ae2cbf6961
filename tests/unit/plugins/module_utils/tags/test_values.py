# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags: every form that may stand in a cluster, and every neighbour that may not (design, section 2)."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as some
from unit.plugins.module_utils.builders import FAILOVER, FIX_STORAGE, MIGRATE, REINSTALL, ended, pending, tag

from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.values import (
    FOREVER,
    KINDS,
    Behind,
    Breaking,
    Claim,
    Enable,
    Malformed,
    Pending,
    Result,
    Stop,
    Suspend,
    Tag,
    parse_tag,
    parse_tags,
)

UUID = "9d0c8a0e-5b1f-4b55-8c56-7f6a4b3a1f27"

READABLE = [
    ("fix-storage", Enable(tag("fix-storage"), FIX_STORAGE)),
    ("migrate", Enable(tag("migrate"), MIGRATE)),
    ("failover", Enable(tag("failover"), FAILOVER)),
    ("reinstall", Enable(tag("reinstall"), REINSTALL)),
    ("suspend", Suspend(tag("suspend"), FOREVER)),
    ("suspend:", Suspend(tag("suspend:"), FOREVER)),
    ("suspend:0", Suspend(tag("suspend:0"), 0)),
    ("suspend:1800000000", Suspend(tag("suspend:1800000000"), 1_800_000_000)),
    ("suspend:" + "9" * 15, Suspend(tag("suspend:" + "9" * 15), 999_999_999_999_999)),
    ("pending:failover:r1:100:", Pending(tag("pending:failover:r1:100:"), FAILOVER, "r1", 100, ())),
    ("pending:migrate:r1:100:7", Pending(tag("pending:migrate:r1:100:7"), MIGRATE, "r1", 100, (7,))),
    ("pending:migrate:r1:100:7+12", Pending(tag("pending:migrate:r1:100:7+12"), MIGRATE, "r1", 100, (7, 12))),
    (
        f"pending:reinstall:{UUID}:1795259564:4711",
        Pending(tag(f"pending:reinstall:{UUID}:1795259564:4711"), REINSTALL, UUID, 1795259564, (4711,)),
    ),
    (
        "result:failover:r1:100:success:7",
        Result(tag("result:failover:r1:100:success:7"), FAILOVER, "r1", 100, "success", (7,)),
    ),
    (
        "result:failover:r1:100:failure:7+8",
        Result(tag("result:failover:r1:100:failure:7+8"), FAILOVER, "r1", 100, "failure", (7, 8)),
    ),
    (
        "result:fix-storage:r1:100:enoperm:",
        Result(tag("result:fix-storage:r1:100:enoperm:"), FIX_STORAGE, "r1", 100, "enoperm", ()),
    ),
    ("claim:me:1800000300", Claim(tag("claim:me:1800000300"), "me", 1_800_000_300)),
    ("claim:node1.a.org-1a2b:0", Claim(tag("claim:node1.a.org-1a2b:0"), "node1.a.org-1a2b", 0)),
    ("stop", Stop(tag("stop"))),
    ("breaker", Breaking(tag("breaker"), None)),
    ("breaker:0", Breaking(tag("breaker:0"), 0)),
    ("breaker:1800000600", Breaking(tag("breaker:1800000600"), 1_800_000_600)),
    ("breaker:" + "9" * 15, Breaking(tag("breaker:" + "9" * 15), 999_999_999_999_999)),
]

UNREADABLE = [
    ("a claim alone", "claim", "claim", "it needs a holder and a timestamp"),
    ("a claim without a time", "claim:me", "claim", "it needs a holder and a timestamp"),
    ("a claim with an empty time", "claim:me:", "claim", "it needs"),
    ("a claim of nobody", "claim::5", "claim", "it needs"),
    ("a claim until a word", "claim:me:soon", "claim", "it needs"),
    ("a claim until a negative time", "claim:me:-5", "claim", "it needs"),
    ("a claim with more than that", "claim:me:5:6", "claim", "it needs"),
    ("a claim in capitals", "Claim:me:5", "enable", "not a repair type"),
    ("a breaker with an empty time", "breaker:", "breaker", "nothing is not a timestamp"),
    ("a breaker until a word", "breaker:soon", "breaker", "soon is not a timestamp"),
    ("a breaker until a negative time", "breaker:-5", "breaker", "-5 is not a timestamp"),
    ("a breaker until a fraction", "breaker:1.5", "breaker", "1.5 is not a timestamp"),
    ("a breaker with two times", "breaker:1:2", "breaker", "1:2 is not a timestamp"),
    ("a breaker until a number of 16 digits", "breaker:" + "9" * 16, "breaker", "not a timestamp"),
    ("a breaker with a newline behind", "breaker:5\n", "breaker", "not a timestamp"),
    ("a breaker in capitals", "Breaker", "enable", "not a repair type"),
    ("stop in capitals, which must not pass for nothing", "STOP", "stop", "STOP should be spelled stop"),
    ("stop in the past tense", "stopped", "stop", "stopped should be spelled stop"),
    ("stop with a colon behind", "stop:", "stop", "stop: should be spelled stop"),
    ("stop until a time", "stop:1800000000", "stop", "stop:1800000000 should be spelled stop"),
    ("stop with a newline behind", "stop\n", "stop", "should be spelled stop"),
    ("stop with a space before", " stop", "enable", "not a repair type"),
    ("no word at all", "", "enable", "nothing is not a repair type"),
    ("an unknown word", "restart", "enable", "restart is not a repair type"),
    ("a type in capitals", "Migrate", "enable", "Migrate is not a repair type"),
    ("a type with an underscore", "fix_storage", "enable", "fix_storage"),
    ("a type with a newline behind", "migrate\n", "enable", "not a repair type"),
    ("a type with a space before", " migrate", "enable", "not a repair type"),
    ("a type with a colon behind", "migrate:", "enable", "migrate: is not a repair type"),
    ("a type with an argument", "migrate:now", "enable", "migrate:now"),
    ("suspend in capitals, which must not pass for nothing", "Suspend", "suspend", "Suspend"),
    ("suspend in the past tense", "suspended", "suspend", "suspended"),
    ("suspend until a word", "suspend:tomorrow", "suspend", "tomorrow is not a timestamp"),
    ("suspend until a negative time", "suspend:-1", "suspend", "-1"),
    ("suspend until a time with a sign", "suspend:+1", "suspend", "+1"),
    ("suspend until a fraction", "suspend:1.5", "suspend", "1.5"),
    ("suspend until a power", "suspend:1e9", "suspend", "1e9"),
    ("suspend until a spaced number", "suspend: 1", "suspend", "not a timestamp"),
    ("suspend until a number in Arabic digits", "suspend:\u0661\u0662", "suspend", "not a timestamp"),
    ("suspend until a superscript", "suspend:\u00b2", "suspend", "not a timestamp"),
    ("suspend until a number with a newline", "suspend:12\n", "suspend", "not a timestamp"),
    ("suspend until a number of 16 digits", "suspend:" + "9" * 16, "suspend", "not a timestamp"),
    ("suspend with two times", "suspend:1:2", "suspend", "1:2"),
    ("pending alone", "pending", "pending", "type, id, timestamp and jobs"),
    ("pending with a field missing", "pending:migrate:r1:100", "pending", "type, id, timestamp and jobs"),
    ("pending with a field too many", "pending:migrate:r1:100:7:8", "pending", "type, id, timestamp and jobs"),
    ("pending with an empty type", "pending::r1:100:7", "pending", "nothing is not a repair type"),
    ("pending with an unknown type", "pending:restart:r1:100:7", "pending", "restart is not a repair type"),
    ("pending with an empty id", "pending:migrate::100:7", "pending", "the id is empty"),
    ("pending with a space in its id", "pending:migrate:r 1:100:7", "pending", "Ganeti does not allow in tags"),
    (
        "pending with an id that can't be shown",
        "pending:migrate:r\ufffd:100:7",
        "pending",
        "Ganeti does not allow in tags",
    ),
    ("pending with an empty timestamp", "pending:migrate:r1::7", "pending", "nothing is not a timestamp"),
    ("pending with a word for a timestamp", "pending:migrate:r1:now:7", "pending", "now is not a timestamp"),
    ("pending with a negative timestamp", "pending:migrate:r1:-100:7", "pending", "-100"),
    ("pending with Arabic digits", "pending:migrate:r1:\u0661\u0660\u0660:7", "pending", "not a timestamp"),
    ("pending with a huge timestamp", "pending:migrate:r1:1" + "0" * 15 + ":7", "pending", "not a timestamp"),
    ("pending with a word for a job", "pending:migrate:r1:100:seven", "pending", "seven is not a list of job ids"),
    ("pending with a plus too many", "pending:migrate:r1:100:7+", "pending", "7+ is not a list"),
    ("pending with only a plus", "pending:migrate:r1:100:+", "pending", "+ is not a list"),
    ("pending with a comma", "pending:migrate:r1:100:7,8", "pending", "7,8 is not a list"),
    ("pending with a negative job", "pending:migrate:r1:100:-7", "pending", "-7 is not a list"),
    ("pending with a newline behind its jobs", "pending:migrate:r1:100:7\n", "pending", "not a list"),
    ("pending with a newline behind nothing", "pending:migrate:r1:100:\n", "pending", "not a list"),
    ("pending with a superscript for a job", "pending:migrate:r1:100:\u00b2", "pending", "not a list"),
    ("result alone", "result", "result", "type, id, timestamp, result and jobs"),
    ("result with a field missing", "result:migrate:r1:100:success", "result", "type, id, timestamp, result and jobs"),
    ("result with a field too many", "result:migrate:r1:100:success:7:8", "result", "type, id, timestamp"),
    ("result that is empty", "result:migrate:r1:100::7", "result", "nothing is not one of success, failure, enoperm"),
    (
        "result that is unknown",
        "result:migrate:r1:100:fine:7",
        "result",
        "fine is not one of success, failure, enoperm",
    ),
    ("result in capitals", "result:migrate:r1:100:Success:7", "result", "Success is not one of"),
    ("result with an unknown type", "result:restart:r1:100:success:7", "result", "restart is not a repair type"),
    ("result with an empty id", "result:migrate::100:success:7", "result", "the id is empty"),
    ("result with a word for a timestamp", "result:migrate:r1:now:success:7", "result", "now is not a timestamp"),
    ("result with a word for a job", "result:migrate:r1:100:success:seven", "result", "seven is not a list"),
]


@pytest.mark.parametrize(("text", "value"), READABLE, ids=[row[0] for row in READABLE])
def test_a_tag_reads_as(text, value):
    """Every form of the design's table has its value."""
    assert parse_tag(tag(text)) == value


@pytest.mark.parametrize(("text", "kind", "words"), [row[1:] for row in UNREADABLE], ids=[row[0] for row in UNREADABLE])
def test_a_tag_that_can_not_be_read_is_kept_and_says_why(text, kind, words):
    """It is never dropped: those who see it decide for the safe side, and people read what is wrong with it."""
    value = parse_tag(tag(text))
    assert isinstance(value, Malformed)
    assert (value.tag, value.kind) == (tag(text), kind)
    assert words in value.problem
    assert str(value) == f"the tag {tag(text)} can't be read: {value.problem}"


@pytest.mark.parametrize(
    "text", ["", "production", "ganeti:watcher:", "Ganeti:watcher:autorepair:migrate", "x" + tag("migrate")]
)
def test_tags_of_others_are_left_out(text):
    """Only what begins with our prefix is ours."""
    assert parse_tags([text]) == parse_tags([])


def test_tags_are_sorted_by_kind_and_in_an_order_that_does_not_depend_on_the_cluster_s():
    """One of each kind, given in two orders."""
    texts = [tag("migrate"), tag("suspend"), pending(), ended("success"), tag("breaker"), tag("nonsense"), "other"]
    found = parse_tags(texts)
    assert found == parse_tags(reversed(texts))
    assert [one.type for one in found.enables] == [MIGRATE]
    assert [one.until for one in found.suspends] == [FOREVER]
    assert [one.id for one in found.pendings] == ["r1"]
    assert [one.result for one in found.results] == ["success"]
    assert [one.until for one in found.breakers] == [None]
    assert [one.tag for one in found.malformed] == [tag("nonsense")]


@pytest.mark.parametrize(
    ("word", "stops", "unread"),
    [("stop", 1, ""), ("Stop", 0, "stop"), ("stop:5", 0, "stop"), ("suspend:x", 0, "suspend"), ("x", 0, "enable")],
)
def test_a_stop_has_its_meaning_on_the_cluster(word, stops, unread):
    """Anywhere else it is a permission that can't be read: somebody meant a limit."""
    of_cluster, elsewhere = parse_tags([tag(word)], of_cluster=True), parse_tags([tag(word)])
    assert len(of_cluster.stops) == stops and [one.kind for one in of_cluster.malformed] == [unread] * bool(unread)
    assert not elsewhere.stops
    assert [one.kind for one in elsewhere.malformed] == ["suspend" if unread == "suspend" else "enable"]


@pytest.mark.parametrize(
    ("until", "now", "holds"),
    [
        (100, 99, True),
        (100, 99.9, True),
        (100, 100, False),
        (100, 101, False),
        (FOREVER, 10.0**15, True),
        (0, 0, False),
    ],
    ids=["a second before", "a moment before", "in the very second", "a second after", "for ever", "until the epoch"],
)
def test_a_suspend_holds_until_the_second_that_it_names(until, now, holds):
    """As with harep."""
    assert Suspend("", until).in_force(now) is holds


# --- writing --------------------------------------------------------------------------------------------------------


@given(some.text(max_size=60))
def test_no_text_breaks_the_parser_and_none_is_lost(text):
    """Whatever stands behind the prefix, it has a value, and the value keeps its text."""
    assert parse_tag(tag(text)).tag == tag(text)


@given(
    some.lists(
        some.sampled_from(["suspend", "pending", "result", "breaker", ":", "+", "1", "r", "migrate", "success", "-"])
    )
)
def test_what_is_nearly_a_tag_never_breaks_the_parser(parts):
    """Nonsense that is made of the right words."""
    found = parse_tags([tag("".join(parts))])
    kinds = (found.enables, found.suspends, found.pendings, found.results, found.claims, found.breakers)
    assert sum(map(len, (*kinds, found.malformed))) == 1


def test_every_kind_of_tag_has_its_place_in_a_set() -> None:
    """One that is parsed and put nowhere would be as if it did not stand there."""
    assert set(get_args(Tag)) == set(KINDS.values())


def test_every_kind_of_tag_is_in_the_documentation() -> None:
    """People set them, and find them on their objects."""
    page = (Path(__file__).parents[5] / "docs" / "permissions.md").read_text()
    words = {Enable: "failover", Suspend: "suspend", Stop: "stop", Pending: "pending:", Result: "result:"}
    words |= {Claim: "claim:", Breaking: "breaker", Behind: "behind:"}
    assert set(words) == set(get_args(Tag)) - {Malformed}
    assert [kind.__name__ for kind, word in words.items() if word not in page] == []
