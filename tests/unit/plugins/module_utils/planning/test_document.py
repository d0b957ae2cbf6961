# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as data: suspends, repairs, times and actions as facts and results have them."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    MISSING,
    NOW,
    OFFLINE,
    ONLINE,
    cluster,
    drbd,
    ended,
    pending,
    plan_of,
    rbd,
    tag,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import utc
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.document import plan_data
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import facts


@pytest.mark.parametrize(
    ("words", "wanted"),
    [((), None), (("suspend",), "forever"), ((f"suspend:{NOW + 5}",), NOW + 5), (("suspend:soon",), "forever")],
    ids=["not", "for ever", "until a time", "unreadable"],
)
def test_a_suspend_in_the_facts(words, wanted):
    """A number, the word, or null."""
    one = cluster(rbd("web1", ONLINE, *(tag(word) for word in words)))
    assert facts(plan_of(one))["instances"][0]["policy"]["suspended_until"] == wanted


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        ((), None),
        ((pending(jobs="7"),), {"type": "failover", "id": "r1", "timestamp": 100, "jobs": [7], "result": None}),
        (
            (ended("success"), pending(repair="r2", at=300)),
            {"type": "failover", "id": "r2", "timestamp": 300, "jobs": [], "result": None},
        ),
        (
            (ended("failure", repair="r0", at=1), pending()),
            {"type": "failover", "id": "r0", "timestamp": 1, "jobs": [], "result": "failure"},
        ),
        (
            (ended("success", repair="a", at=1), ended("enoperm", repair="b", at=2)),
            {"type": "failover", "id": "b", "timestamp": 2, "jobs": [], "result": "enoperm"},
        ),
    ],
    ids=["none", "pending", "pending before ended", "failed before pending", "the newest that ended"],
)
def test_the_repair_in_the_facts(texts, wanted):
    """The failed one, else the pending one, else the last that ended."""
    assert facts(plan_of(cluster(rbd("web1", ONLINE, *texts))))["instances"][0]["repair"] == wanted


def test_scope_and_instance_of_an_action():
    """An action on a group has no instance."""
    told = plan_data(plan_of(cluster(rbd("web1", ONLINE), group_tags={"default": [tag("suspend:1")]})))
    assert [(one["instance"], one["scope"], one["name"]) for one in told["actions"]] == [(None, "group", "default")]


def test_times_are_told_in_utc_and_the_far_future_as_a_number():
    """A suspend may name any number."""
    assert utc(NOW) == "2027-01-15T08:00:00Z"
    assert utc(999_999_999_999_999) == "999999999999999 seconds after 1970"


ON = [
    ("its nodes", drbd("web1", OFFLINE, DRAINED, tag("failover")), ["web1-p offline", "web1-s drained"], None),
    ("one that the cluster does not know", rbd("web1", MISSING), ["web1-p unknown"], None),
    ("its last repair", rbd("web1", OFFLINE, ended("success", repair="a", at=1), ended("enoperm", repair="b", at=2)),
     ["web1-p offline"], "b"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "on", "after"), [row[1:] for row in ON], ids=[row[0] for row in ON])
def test_an_action_tells_what_its_instance_is(one, on, after):
    """By which an approval knows it again."""
    (told,) = plan_data(plan_of(cluster(one, uuid="east"), repair_window=0))["actions"]
    assert (told["uuid"], told["on"], told["after"]) == ("uuid-web1", on, after)
