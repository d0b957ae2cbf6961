# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy: what the tags of an instance, its group and its cluster allow together (design, section 2)."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import FAILOVER, FIX_STORAGE, MIGRATE, NOW, REINSTALL, tag

from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import PREFIX
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.policy import (
    Policy,
    effective_policy,
    expired,
    stop_of,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.values import FOREVER, parse_tags

LATER, MUCH_LATER, BEFORE = NOW + 60, NOW + 600, NOW - 60


def _policy(instance="", group="", cluster=""):
    """The policy that such tags make, each a list of words."""
    objects = (("instance", instance), ("group", group), ("cluster", cluster))
    return effective_policy([(kind, parse_tags(tag(word) for word in words.split())) for kind, words in objects], NOW)


# sentence, tags on (instance, group, cluster), (allowed, suspended until, who decides)
TABLE = [
    ("no tag anywhere allows nothing", ("", "", ""), (None, None, None)),
    ("a claim is no permission and no limit", ("", "", f"claim:me:{LATER}"), (None, None, None)),
    ("nor is one that can't be read", ("", "", "claim:me failover"), (FAILOVER, None, "cluster")),
    ("the cluster alone decides", ("", "", "failover"), (FAILOVER, None, "cluster")),
    ("the group beats the cluster, be it narrower", ("", "migrate", "reinstall"), (MIGRATE, None, "group")),
    ("the group beats the cluster, be it wider", ("", "reinstall", "migrate"), (REINSTALL, None, "group")),
    ("the instance beats the group", ("fix-storage", "reinstall", "failover"), (FIX_STORAGE, None, "instance")),
    ("the instance beats the cluster", ("reinstall", "", "failover"), (REINSTALL, None, "instance")),
    (
        "of several enables the least destructive counts",
        ("reinstall migrate failover", "", ""),
        (MIGRATE, None, "instance"),
    ),
    ("a suspend beats every enable beside it", ("reinstall suspend", "", ""), (None, FOREVER, "instance")),
    ("a suspend with a time too", (f"migrate suspend:{LATER}", "", ""), (None, LATER, "instance")),
    ("suspend and suspend: are the same", ("suspend:", "", ""), (None, FOREVER, "instance")),
    ("a suspend without a time beats one with", (f"suspend:{LATER} suspend", "", ""), (None, FOREVER, "instance")),
    (
        "of several times the latest counts",
        (f"suspend:{MUCH_LATER} suspend:{LATER}", "", ""),
        (None, MUCH_LATER, "instance"),
    ),
    ("a suspend of the group holds its instances", ("", "suspend", "failover"), (None, FOREVER, "group")),
    ("a suspend of the cluster holds all", ("", "", "failover suspend"), (None, FOREVER, "cluster")),
    ("a nearer enable lifts an outer suspend", ("migrate", "suspend", "suspend"), (MIGRATE, None, "instance")),
    ("a group's enable lifts the cluster's suspend", ("", "migrate", "suspend"), (MIGRATE, None, "group")),
    (
        "a nearer suspend holds though the outer enables",
        ("suspend", "failover", "failover"),
        (None, FOREVER, "instance"),
    ),
    ("an expired suspend says nothing", (f"suspend:{BEFORE}", "", ""), (None, None, None)),
    (
        "an expired suspend leaves the enable beside it",
        (f"migrate suspend:{BEFORE}", "", ""),
        (MIGRATE, None, "instance"),
    ),
    (
        "an expired suspend lets the outer object decide",
        (f"suspend:{BEFORE}", "failover", ""),
        (FAILOVER, None, "group"),
    ),
    ("a suspend expires in the very second", (f"suspend:{NOW}", "failover", ""), (FAILOVER, None, "group")),
    ("one second more and it holds", (f"suspend:{NOW + 1}", "failover", ""), (None, NOW + 1, "instance")),
    (
        "an expired suspend does not shorten another",
        (f"suspend:{BEFORE} suspend:{LATER}", "", ""),
        (None, LATER, "instance"),
    ),
    ("pending and result tags are no policy", ("pending:failover:r1:1:", "", "migrate"), (MIGRATE, None, "cluster")),
    ("malformed pending tags are no policy", ("pending:nonsense", "", "migrate"), (MIGRATE, None, "cluster")),
]

# the same, and which tags are doubted: what can't be read never allows more
DOUBTS = [
    (
        "a suspend that can't be read suspends",
        ("suspend:soon", "", "failover"),
        (None, FOREVER, "instance"),
        ["suspend:soon"],
    ),
    ("also beside an enable", ("migrate suspend:soon", "", ""), (None, FOREVER, "instance"), ["suspend:soon"]),
    (
        "also beside a suspend with a time",
        (f"suspend:{LATER} suspend:soon", "", ""),
        (None, FOREVER, "instance"),
        ["suspend:soon"],
    ),
    ("also on the group", ("", "suspend:soon", "failover"), (None, FOREVER, "group"), ["suspend:soon"]),
    ("also on the cluster", ("", "", "failover suspend:soon"), (None, FOREVER, "cluster"), ["suspend:soon"]),
    ("an enable that can't be read allows nothing", ("Migrate", "", "failover"), (None, None, "instance"), ["Migrate"]),
    ("not even what stands beside it", ("failover Migrate", "", ""), (None, None, "instance"), ["Migrate"]),
    ("also on the group", ("", "restart", "failover"), (None, None, "group"), ["restart"]),
    (
        "beside a suspend, the suspend decides",
        (f"restart suspend:{LATER}", "", ""),
        (None, LATER, "instance"),
        ["restart"],
    ),
    ("a stop of an instance allows nothing", ("failover stop", "", "failover"), (None, None, "instance"), ["stop"]),
    ("nor does one of a group", ("", "Stop", "failover"), (None, None, "group"), ["Stop"]),
    ("several are all told", ("a b suspend:x", "", ""), (None, FOREVER, "instance"), ["a", "b", "suspend:x"]),
]


@pytest.mark.parametrize(("tags", "wanted"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_nearest_object_decides(tags, wanted):
    """Within one object suspend before enable; across objects the nearest that says anything."""
    policy = _policy(*tags)
    assert (policy.allowed, policy.suspended_until, policy.source) == wanted
    assert policy.suspended == (wanted[1] is not None)
    assert policy.unreadable_tags == ()


@pytest.mark.parametrize(
    ("tags", "wanted", "doubted"), [row[1:] for row in DOUBTS], ids=[f"{i}: {row[0]}" for i, row in enumerate(DOUBTS)]
)
def test_what_can_not_be_read_allows_nothing(tags, wanted, doubted):
    """Fail closed, and say which tags."""
    policy = _policy(*tags)
    assert (policy.allowed, policy.suspended_until, policy.source) == wanted
    assert [doubt.split()[2] for doubt in policy.unreadable_tags] == [tag(word) for word in doubted]


def test_a_nearer_readable_tag_makes_an_outer_unreadable_one_harmless():
    """The outer object is not asked."""
    assert _policy("migrate", "suspend:soon", "restart") == Policy(MIGRATE, None, "instance")


@pytest.mark.parametrize(
    ("words", "over"),
    [
        (f"suspend:{BEFORE}", [BEFORE]),
        (f"suspend:{NOW}", [NOW]),
        (f"suspend:{NOW + 1}", []),
        (f"suspend:{BEFORE} suspend:{LATER} suspend", [BEFORE]),
        (f"suspend:{BEFORE} suspend:{NOW}", [BEFORE, NOW]),
        ("suspend suspend: suspend:soon migrate", []),
    ],
    ids=["past", "this very second", "one second to go", "one of three", "two of them", "none has a time"],
)
def test_the_suspends_whose_time_has_passed(words, over):
    """They are what a round removes; one that can't be read never is."""
    assert [suspend.until for suspend in expired(parse_tags(tag(word) for word in words.split()), NOW)] == over


STOPS = [
    ("nothing", "failover suspend breaker", ""),
    ("a stop", "failover stop", "the cluster is stopped by its tag {}stop"),
    ("one that can't be read", "Stop", "the cluster is stopped by its tag {}Stop, which can't be read"),
    ("both", "stop stop:5", "the cluster is stopped by its tag {}stop"),
]


@pytest.mark.parametrize(("words", "told"), [row[1:] for row in STOPS], ids=[row[0] for row in STOPS])
def test_what_stops_the_cluster(words, told):
    """As the end of a sentence. The policy of its instances stays what it was."""
    tags = parse_tags([tag(word) for word in words.split()], of_cluster=True)
    assert stop_of(tags) == told.format(PREFIX)
    rest = parse_tags([tag(word) for word in words.split() if not word.lower().startswith("stop")], of_cluster=True)
    assert effective_policy([("cluster", tags)], NOW) == effective_policy([("cluster", rest)], NOW)
