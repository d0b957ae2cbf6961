# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Given: what a user passes in is used as it is, or refused with the place where it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import NodeState
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.given import (
    fields_of,
    flag,
    list_in,
    mapping_in,
    member_of,
    name_in,
    names_in,
    node_called,
    numbered,
    text_in,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.looks import Power


def test_what_is_right_is_used() -> None:
    """Each kind of part."""
    assert fields_of("x", {"a": 1, "b": None}, ("a", "b")) == {"a": 1}
    assert list_in("x", {"a": [1]}, "a") == [1] and list_in("x", {}, "a") == []
    assert list(numbered("x", {"a": ["p", "q"]}, "a")) == [(1, "p"), (2, "q")]
    assert names_in("x", {"a": ["node1"]}, "a") == ["node1"]
    assert mapping_in("x", {"a": {"node1": True}}, "a", flag) == {"node1": True}
    assert text_in("x", {"a": "b"}, "a") == "b" and text_in("x", {}, "a") == ""
    assert name_in("x", {"name": "node1"}) == "node1"
    assert member_of(NodeState)("x", "drained") is NodeState.DRAINED


@pytest.mark.parametrize(("text", "power"), [(True, Power.ON), (False, Power.OFF), ("off", Power.OFF)])
def test_what_yaml_made_of_on_and_off_is_understood(text: Any, power: Power) -> None:
    """Bare words there are true and false."""
    assert member_of(Power)("x", text) is power


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda: fields_of("x", [], ("a",)), r"x is \[\]; it takes a mapping"),
        (lambda: fields_of("x", {"c": 1, 2: 3}, ("a", "b")), "x has 2, c; it takes a, b"),
        (lambda: list_in("x", {"a": "b"}, "a"), "x: a is 'b'; it takes a list"),
        (lambda: names_in("x", {"a": ["no name"]}, "a"), "it takes a list of names"),
        (lambda: mapping_in("x", {"a": {1: 2}}, "a", flag), "it takes a mapping whose keys are names"),
        (lambda: mapping_in("x", {"a": {"n": 2}}, "a", flag), "x: a of n is 2; it takes true or false"),
        (lambda: text_in("x", {"a": 1}, "a"), "x: a is 1; it takes a text"),
        (lambda: name_in("x", {"name": ""}), "x: name is ''; it takes a name"),
        (lambda: name_in("x", {}), "x: name is None; it takes a name"),
        (lambda: member_of(NodeState)("x", "of"), "x is 'of'; it takes online, drained, offline, unknown"),
    ],
)
def test_what_is_wrong_is_refused(read: Callable[[], Any], words: str) -> None:
    """With its place, its value, and what it takes."""
    with pytest.raises(BadOption, match=words):
        read()


def test_a_node_is_called_by_its_name_or_the_part_before_the_first_dot() -> None:
    """And what is meant for one node is never taken for another."""
    nodes = ["node1.a.example", "node2.a.example", "node2.b.example", "node3"]
    assert node_called("x", "node1", nodes) == node_called("x", "Node1.A.example", nodes) == "node1.a.example"
    assert node_called("x", "node2.b", nodes) == "node2.b.example" and node_called("x", "node3", nodes) == "node3"
    for name, words in (("node2", "more than one node is called node2"), ("node", "no node"), ("", "no node")):
        with pytest.raises(BadOption, match=f"x: {words}"):
            node_called("x", name, nodes)
