# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strays: guests that run where they do not belong, which only deep looks can see."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.plugins.module_utils.node_builders import NAMES, NOW, deep_look, observed_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.strays import Stray, strays_of

CUT = {"name": "node3", "findings": []}  # it did not get so far as to say what runs there
HOMES = {"web1": "node1", "web2": "node2"}


def found(*looks: dict[str, Any], **changes: Any) -> list[str]:
    """The strays, as sentences."""
    return [str(stray) for stray in strays_of(observed_of(*looks, **{"instances": HOMES, **changes}))]


def test_a_guest_that_runs_twice() -> None:
    """On its own node it is no stray; the other one is, whatever the node is marked."""
    look = deep_look(node1="web1", node2="web2", node3="web1 Web2 other")
    told = [
        "Web2 runs on node3, but node2 is its primary node",
        "other runs on node3, and the cluster does not know this instance",
        "web1 runs on node3, but node1 is its primary node",
    ]
    assert found(look) == told
    assert found(look, nodes={"node3": {"state": "offline"}}) == told


@pytest.mark.parametrize(
    ("looks", "why"),
    [
        ([deep_look(NOW - 9, node3=""), deep_look(node3="web1")], "it has just come: somebody may be moving it"),
        ([deep_look(NOW - 9, node3="web1"), deep_look(node3="")], "it has left"),
        ([deep_look(NOW - 9, node3="web1"), deep_look(node1="web1")], "nobody knows whether it is still there"),
        ([{**deep_look(node3="web1"), "deep": []}], "the node was not asked"),
        ([{**deep_look(node3="web1"), "moving": ["web1"]}], "a job is about it"),
        ([{**deep_look(NOW - 9, node3="web1"), "moving": ["web1"]}, deep_look(node3="web1")], "a job was about it"),
        ([deep_look(node3="")], "nothing runs there"),
        ([deep_look(NOW - 9, node3="web1"), {**deep_look(), "deep": ["node3"], "observers": [CUT]}], "it was cut off"),
    ],
)
def test_what_is_no_stray(looks: list[dict[str, Any]], why: str) -> None:
    """Nobody is alarmed by an instance that is being moved."""
    assert found(*looks) == [], why


def test_one_that_was_there_in_each_look() -> None:
    """A node that was silent in between has said nothing else."""
    first, last = deep_look(NOW - 20, node3="web1"), deep_look(node3="web1")
    assert len(found(first, deep_look(NOW - 9, node1=""), last)) == 1
    assert len(found(first, {**deep_look(NOW - 9), "deep": ["node3"], "observers": [CUT]}, last)) == 1


def test_where_an_instance_belongs_may_not_be_known() -> None:
    """The cluster gave no usable name: that says nothing."""
    assert found(deep_look(node3="web1"), instances={"web1": ""}) == []


def test_without_knowing_where_instances_belong_there_are_none() -> None:
    """As in a look that was not deep."""
    assert found(deep_look(node3="web1"), instances=None) == []


@given(st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(["web1", "web2", "x"]))))
def test_every_guest_is_at_home_or_a_stray(guests: dict[str, set[str]]) -> None:
    """Whoever runs where."""
    look = deep_look(NOW, **{name: " ".join(sorted(told)) for name, told in guests.items()})
    strays = strays_of(observed_of(look, instances=HOMES))
    away = {(guest, name) for name, told in guests.items() for guest in told if HOMES.get(guest) != name}
    assert {(stray.instance, stray.node) for stray in strays} == away
    assert all(stray == Stray(stray.instance, stray.node, HOMES.get(stray.instance, "")) for stray in strays)
