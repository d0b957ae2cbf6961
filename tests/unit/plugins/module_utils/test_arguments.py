# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules arrive in the engine, and what nobody sets is what it has by itself."""

from __future__ import annotations

from decimal import Decimal

import pytest
from unit.plugins.module_utils.builders import fingerprint_in
from unit.plugins.module_utils.settings.test_limits import HASH, PLAN, WINDOW, limits_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.diagnosis.instances import DrainedSecondaries
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.approval import Approved
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import (
    Fencing,
    Limits,
    MaxUnhealthy,
    SecondaryState,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.windows import parse_windows


def test_what_nobody_sets_is_what_the_engine_has_by_itself():
    """The defaults stand in two places."""
    assert limits_of() == Limits()


SET = [
    ("instances", ["web1", "db*"], "instances", ("web1", "db*")),
    ("groups", ["rack1"], "groups", ("rack1",)),
    ("retries", 0, "retries", 0),
    ("max_unhealthy", "3", "max_unhealthy", MaxUnhealthy("3", number=3)),
    ("max_unhealthy", "33.3%", "max_unhealthy", MaxUnhealthy("33.3%", percent=Decimal("33.3"))),
    ("unhealthy_range", "[1-3]", "unhealthy_range", (1, 3)),
    ("storm_cooldown", 0, "storm_cooldown", 0),
    ("max_in_flight", 1, "max_in_flight", 1),
    ("max_per_node", 2, "max_per_node", 2),
    ("max_per_group", 3, "max_per_group", 3),
    ("fencing", "offline_flag", "fencing", Fencing.OFFLINE_FLAG),
    ("fencing", "powered_off", "fencing", Fencing.POWERED_OFF),
    ("fencing", "confirmed", "fencing", Fencing.CONFIRMED),
    ("min_offline_age", 4, "min_offline_age", 4),
    ("settle_time", 5, "settle_time", 5),
    ("secondary_state", "any", "secondary_state", SecondaryState.ANY),
    ("secondary_state", "uptodate", "secondary_state", SecondaryState.UPTODATE),
    ("respect_watcher_pause", False, "respect_watcher_pause", False),
    ("max_repairs_per_window", 1, "max_repairs_per_window", 1),
    ("repair_window", 6, "repair_window", 6),
    ("windows", [WINDOW], "windows", parse_windows([WINDOW])),
    ("choose_nodes", True, "choose_nodes", True),
    ("drained_secondaries", "keep", "drained_secondaries", DrainedSecondaries.KEEP),
    ("retry_now", True, "retry_now", True),
    ("approved_plan", HASH, "approved", Approved(HASH)),
    ("approved_plan", f" {HASH}\n", "approved", Approved(HASH)),
    ("approved_plan", PLAN, "approved", Approved(PLAN["hash"], fingerprint_in(PLAN))),
    ("approved_plan", None, "approved", None),
]


@pytest.mark.parametrize(("option", "given", "name", "wanted"), SET, ids=[f"{row[0]}: {row[1]!r}" for row in SET])
def test_an_option_arrives(option, given, name, wanted):
    """As a value of its type; nothing else changes with it."""
    limits = limits_of(**{option: given})
    assert getattr(limits, name) == wanted
    others = {field for field in Limits.__dataclass_fields__ if getattr(limits, field) != getattr(Limits(), field)}
    assert others <= {name}


def test_nodes_that_are_off_arrive():
    """With the kind of fencing that they are for."""
    assert limits_of(fencing="confirmed", fenced_nodes=["node1"]).fenced_nodes == ("node1",)
