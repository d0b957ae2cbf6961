# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The room of each node: what fits, and what is said where nothing does."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import (
    OFFLINE,
    deeds,
    drbd,
    node,
    placed,
    plain,
)
from unit.plugins.module_utils.planning.test_placement import ONE, TWO, nodes_of, plan_for, waits_for


def test_what_one_instance_takes_the_next_can_not_have():
    """Three of 1024 MiB on two nodes with room for one each."""
    members = [plain(f"web{number}", OFFLINE) for number in (1, 2, 3)]
    plan, _client = plan_for(*members, node("a"), node("b"), room={"a": (2000, 2000), "b": (1500, 1500)})
    assert nodes_of(plan) == {"web1": ("a",), "web2": ("b",)}
    assert deeds(plan)["web3"] == "wait"


def test_memory_that_one_takes_is_taken_too():
    """Disk alone would suffice."""
    plan, _client = plan_for(plain("web1", OFFLINE), plain("web2", OFFLINE), node("a"), room={"a": (9000, 1000)})
    assert deeds(plan) == {"web1": "submit", "web2": "wait"}


def test_an_instance_without_room_waits_and_says_how_much_it_needs():
    """With numbers, for a person who could make room."""
    plan, _client = plan_for(drbd("web1", OFFLINE, OFFLINE), node("a"), node("b"), room={"a": (9000, 9000)})
    ((_case, action),) = plan.rows
    assert action.kind.value == "wait"
    for words in ("no room in group default", "2 node", "1152 MiB of disk", "512 MiB of memory"):
        assert words in action.reason


# --- what is said where there is no room ----------------------------------------------------------------------------

LACKS = [
    ("both", ONE, {"a": (1000, 500)}, "a: 24 MiB of disk missing and 12 MiB of memory missing"),
    ("disk", ONE, {"a": (1023, 512)}, "a: 1 MiB of disk missing"),
    ("memory", ONE, {"a": (1024, 511)}, "a: 1 MiB of memory missing"),
    ("nobody", ONE, {}, "none of its nodes can be asked"),
    (
        "memory, where disk is the same to it",
        ONE,
        {"a": (9000, 100), "b": (1024, 500), "c": (1025, 0)},
        "b: 12 MiB of memory missing; a: 412 MiB of memory missing; c: 512 MiB of memory missing",
    ),
    ("one of two", TWO, {"a": (9000, 9000), "b": (9000, 0)}, "a: fits; b: 512 MiB of memory missing"),
    (
        "five, of which three are named",
        ONE,
        {"a": (0, 512), "b": (1, 512), "c": (2, 512), "d": (3, 512), "e": (0, 511)},
        "d: 1021 MiB of disk missing; c: 1022 MiB of disk missing; b: 1023 MiB of disk missing; 2 more",
    ),
]


@pytest.mark.parametrize(("one", "free", "words"), [row[1:] for row in LACKS], ids=[row[0] for row in LACKS])
def test_what_is_missing_is_told(one, free, words):
    """On the nodes where the least is."""
    plan, _client = plan_for(one, *(node(name) for name in free), room=free)
    told = f" MiB of memory free ({words}); disk is counted in the cluster's main volume group only"
    assert waits_for(plan).endswith(told)


def test_a_node_whose_disk_nobody_knows_has_none():
    """It may take an instance whose disks are files, of whose room Ganeti tells nothing."""
    for one, word in ((ONE, "wait"), (placed("web1", "file", OFFLINE), "submit")):
        plan, _client = plan_for(one, node("a"), room={"a": (None, 512)})
        assert deeds(plan) == {"web1": word}


def test_a_node_whose_disk_nobody_knows_has_not_even_one():
    """Of the smallest size."""
    plan, _client = plan_for(plain("web1", OFFLINE, disk_sizes=(1,)), node("a"), room={"a": (None, 512)})
    assert deeds(plan) == {"web1": "wait"}


def test_an_instance_in_files_needs_its_memory():
    """And a node."""
    plan, _client = plan_for(placed("web1", "file", OFFLINE), node("a"), room={"a": (9000, 511)})
    assert waits_for(plan).endswith(
        "no room in group default: it needs a node with 512 MiB of memory free (a: 1 MiB of memory missing)"
    )
