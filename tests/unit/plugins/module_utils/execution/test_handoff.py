# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gathered: what facts that were returned just before spare the step (docs/exactly-once.md)."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import NOW, OFFLINE, ONLINE, cluster, node, rbd, settings, tag
from unit.plugins.module_utils.fake import FakeClient, terms

from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.handoff import (
    FRESH,
    result_without_changes,
    tags_if_fresh,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import result, run_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.planner import plan_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import facts
from unbraked import unbraked


def _gathered(*members):
    return facts(plan_round(FakeClient(cluster(*members, tags=[tag("failover")])), unbraked(), NOW))


@pytest.mark.parametrize("member", [rbd("web1", ONLINE), rbd("web1", OFFLINE, tag("suspend"))], ids=["well", "held"])
def test_a_quiet_round_returns_what_a_round_would(member):
    """All that stands in the result of one; the report is that of the facts."""
    client = FakeClient(cluster(member, tags=[tag("failover")]))
    played = result(run_round(client, unbraked(), settings(), terms(client.clock, "me")), check_mode=False)
    told = result_without_changes(_gathered(member))
    assert told.keys() == played.keys()
    same = told.keys() - {"actions", "plan", "report"}
    assert {name: told[name] for name in same} == {name: played[name] for name in same}
    assert told["plan"]["hash"] == played["plan"]["hash"]
    for one, more in zip(played["actions"], told["actions"], strict=True):
        assert one.items() <= more.items()


@pytest.mark.parametrize(
    ("age", "counts"), [(0, True), (FRESH, True), (FRESH + 1, False), (-1, False)], ids=["now", "just", "old", "ahead"]
)
def test_what_was_noticed_counts_for_some_seconds(age, counts):
    """A clock that goes wrong, or facts out of a cache, tell nothing."""
    assert (tags_if_fresh(_gathered(rbd("web1", OFFLINE), node("spare")), NOW + age) == [tag("failover")]) is counts


@pytest.mark.parametrize("claim", [f"claim:other:{NOW + 9}", f"claim:other:{NOW - 9}", "claim:broken"])
def test_nothing_is_noticed_where_somebody_may_be_writing(claim):
    """They may have let go since, or died: a look tells."""
    gathered = _gathered(rbd("web1", OFFLINE), node("spare"))
    gathered["cluster"]["tags"].append(tag(claim))
    assert tags_if_fresh(gathered, NOW) is None


def test_nothing_is_noticed_where_nothing_is_to_be_written():
    """So a round over facts that show nothing looks for itself before it claims anything."""
    assert tags_if_fresh(_gathered(rbd("web1", ONLINE)), NOW) is None
