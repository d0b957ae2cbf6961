# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits: what users may set, what it means, and the sentence that they get for what can't be meant."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils.builders import hash_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.arguments import ROUND
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import (
    Limits,
    parse_limits,
)

DEFAULTS = {name: spec.get("default") for name, spec in ROUND.items()}
WINDOW = {"type": "failover", "start": "09:00", "end": "17:00", "timezone": "UTC"}
HASH = "0123456789abcdef" * 4
PLAN: dict[str, Any] = {"actions": [], "cluster": "uuid", "hash": hash_of([], "uuid")}


def limits_of(**given):
    """The limits that a user gets who sets these options."""
    return parse_limits({**DEFAULTS, **given})


# --- how many nodes a limit lets be broken --------------------------------------------------------------------------

# limit, of so many nodes, lets so many
LETS = [
    ("40%", 0, 1),
    ("40%", 1, 1),
    ("40%", 2, 1),
    ("40%", 3, 1),
    ("40%", 4, 1),
    ("40%", 5, 2),
    ("40%", 7, 2),
    ("40%", 8, 3),
    ("40%", 10, 4),
    ("33.3%", 3, 1),
    ("33.3%", 6, 1),
    ("33.4%", 6, 2),
    ("66.6%", 3, 1),
    ("66.7%", 3, 2),
    ("49.9%", 4, 1),
    ("50%", 4, 2),
    ("99.9%", 4, 3),
    ("100%", 2, 2),
    ("100%", 3, 3),
    ("100%", 4, 4),
    ("29%", 100, 29),  # in floating point it would be 28
    ("0.5%", 400, 2),
    ("0.5%", 399, 1),
    ("0%", 100, 1),
    ("0", 100, 1),
    ("1", 100, 1),
    ("2", 100, 2),
    ("3", 2, 3),
    ("150", 1000, 150),
    (" 40 % ", 5, 2),
    (" 2 ", 5, 2),
]


@pytest.mark.parametrize(("text", "total", "lets"), LETS, ids=[f"{row[0]} of {row[1]}" for row in LETS])
def test_max_unhealthy_lets_be_broken(text, total, lets):
    """A share is rounded down; one node is always let through."""
    assert limits_of(max_unhealthy=text).max_unhealthy.of(total) == lets


RANGES = [
    ("[1-3]", (1, 3)),
    ("[2-2]", (2, 2)),
    ("[0-0]", (0, 0)),
    ("[0-999999]", (0, 999_999)),
    (" [ 1 - 3 ]\n", (1, 3)),
    ("", None),
    (None, None),
]


@pytest.mark.parametrize(("text", "wanted"), RANGES, ids=[repr(row[0]) for row in RANGES])
def test_a_range_of_unhealthy_nodes(text, wanted):
    """Two numbers, the smaller first; both may be the same."""
    assert limits_of(unhealthy_range=text).unhealthy_range == wanted


# --- what follows from a limit --------------------------------------------------------------------------------------

COVERS = [
    ("no limit", {}, "cluster", "", True),
    ("no limit", {}, "group", "rack1", True),
    ("some instances", {"instances": ("*",)}, "cluster", "", False),
    ("some instances", {"instances": ("*",)}, "group", "rack1", False),
    ("its group", {"groups": ("rack1",)}, "group", "rack1", True),
    ("its group, in capitals", {"groups": ("Rack1",)}, "group", "rack1", True),
    ("a glob of groups", {"groups": ("db*", "rack*")}, "group", "rack1", True),
    ("another group", {"groups": ("rack2",)}, "group", "rack1", False),
    ("all groups by a glob", {"groups": ("*",)}, "cluster", "", False),
    ("some instances of its group", {"groups": ("rack1",), "instances": ("web1",)}, "group", "rack1", False),
]


@pytest.mark.parametrize(
    ("limits", "scope", "name", "covered"),
    [row[1:] for row in COVERS],
    ids=[f"{row[0]}: {row[2]} {row[3]}" for row in COVERS],
)
def test_a_round_covers(limits, scope, name, covered):
    """All of the cluster, or of a group, or less than that."""
    assert Limits(**limits).covers(scope, name) is covered


@pytest.mark.parametrize(("window", "kept"), [(0, 3600), (3599, 3600), (3600, 3600), (3601, 3601)])
def test_results_are_kept_for_an_hour_at_least(window, kept):
    """Others may count by them."""
    assert Limits(repair_window=window).kept_results == kept


# --- what can't be meant --------------------------------------------------------------------------------------------

SHARES = ("140%", "100.1%", "-1%", "nan%", "inf%", "1e3%", "40%%", "%", "%40", "forty%", "40% or so")
NUMBERS = ("-1", "2.5", "abc", "nan", "inf", "", " ", "1/3", "4 0", "0x10", "[1-3]", "1e30", "9" * 40)
BAD_RANGES = (
    "[3-1]", "3-5", "[a-b]", "[1-]", "[-3]", "[1]", "[]", "[1-2-3]", "[1.5-3]", "[-1-3]", "(1-3)", "[1 3]", "[1-3] or",
    "[1-3]%", "[0-1000000]", " ", "3",
)  # fmt: skip
BAD: list[tuple[str, Any, str]] = [
    ("max_unhealthy", text, f"max_unhealthy is {text}; it takes a number") for text in (*SHARES, *NUMBERS)
]
BAD += [("unhealthy_range", text, f"unhealthy_range is {text}; it takes two numbers") for text in BAD_RANGES]
LEAST = {
    "max_in_flight": 0,
    "max_per_node": 0,
    "max_per_group": 0,
    "retries": 0,
    "storm_cooldown": 0,
    "min_offline_age": 0,
    "settle_time": 0,
    "repair_window": 0,
    "max_repairs_per_window": 1,
}
BAD += [(name, least - 1, f"{name} is {least - 1}; it takes a number") for name, least in LEAST.items()]
BAD += [(name, -1000, f"{name} is -1000; it takes a number") for name in LEAST]
BAD += [
    ("windows", [{**WINDOW, "start": "25:00"}], "windows, entry 1: start is '25:00'; it takes hours and minutes"),
    ("windows", [WINDOW, {"type": "failover"}], "windows, entry 2 has no start and no end and no timezone"),
]


@pytest.mark.parametrize(("option", "given", "words"), BAD, ids=[f"{row[0]}: {row[1]!r}" for row in BAD])
def test_what_can_not_be_meant_is_refused(option, given, words):
    """In one sentence, which begins with the option and the value."""
    with pytest.raises(BadOption) as caught:
        limits_of(**{option: given})
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)
    assert ". " not in str(caught.value)


@pytest.mark.parametrize(("option", "least"), LEAST.items())
def test_the_least_that_a_number_may_be_is_taken(option, least):
    """Where 0 has a meaning, it is one to be said, not a mistake."""
    assert getattr(limits_of(**{option: least}), option) == least


@pytest.mark.parametrize("fencing", ["offline_flag", "powered_off"])
def test_nodes_that_are_off_mean_nothing_to_another_fencing(fencing):
    """Somebody expects them to count."""
    with pytest.raises(BadOption, match=f"^fenced_nodes is for fencing: confirmed, but fencing is {fencing}$"):
        limits_of(fencing=fencing, fenced_nodes=["node1"])


DEED = {"scope": "instance", "name": "web1", "action": "submit", "steps": ["failover"]}
TAMPERED = "approved_plan was changed after it was made"
UNLIKE_A_PLAN = "approved_plan is a mapping without a list of actions"
NO_PLAN = "approved_plan takes a plan as the facts have it, or its hash of 64 hexadecimal digits"
BAD_PLANS = [
    ("a number", 5, NO_PLAN),
    ("zero", 0, NO_PLAN),
    ("no", False, NO_PLAN),
    ("yes", True, NO_PLAN),
    ("a list", [PLAN], NO_PLAN),
    ("an empty list", [], NO_PLAN),
    ("a word", "yes", NO_PLAN),
    ("nothing", "", NO_PLAN),
    ("blanks", " ", NO_PLAN),
    ("a hash that is too short", HASH[:-1], NO_PLAN),
    ("a hash that is too long", HASH + "0", NO_PLAN),
    ("a hash in capitals", HASH.upper(), NO_PLAN),
    ("a hash with a letter that no number has", HASH[:-1] + "g", NO_PLAN),
    ("a hash that is cut in two", HASH[:32] + "\n" + HASH[32:], NO_PLAN),
    ("two hashes", f"{HASH} {HASH}", NO_PLAN),
    ("an empty mapping", {}, UNLIKE_A_PLAN),
    ("a plan without actions", {"hash": PLAN["hash"]}, UNLIKE_A_PLAN),
    ("a plan whose actions are a mapping", {**PLAN, "actions": {}}, UNLIKE_A_PLAN),
    ("a plan with a word for an action", {**PLAN, "actions": ["submit"]}, UNLIKE_A_PLAN),
    ("all of the facts", {"plan": PLAN, "time": 1}, UNLIKE_A_PLAN),
    ("a plan without its hash", {"actions": []}, TAMPERED),
    ("a plan for another cluster", {**PLAN, "cluster": "another"}, TAMPERED),
    ("a plan with another's hash", {**PLAN, "hash": HASH}, TAMPERED),
    ("a plan with one deed more than its hash knows", {**PLAN, "actions": [DEED]}, TAMPERED),
    ("a plan with one deed less than its hash knows", {**PLAN, "hash": hash_of([DEED], "uuid")}, TAMPERED),
]


@pytest.mark.parametrize(("given", "words"), [row[1:] for row in BAD_PLANS], ids=[row[0] for row in BAD_PLANS])
def test_what_is_no_approval_is_refused(given, words):
    """It must not pass for none at all: then anything would be done."""
    with pytest.raises(BadOption) as caught:
        limits_of(approved_plan=given)
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)
