# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parsed looks: the option `observations` becomes values, or an error that says where it is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.looks import (
    Answer,
    Finding,
    NodeLook,
    Observer,
    Power,
    Severity,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.parsed_looks import parse_looks

NODES = {name: [f"192.0.2.{name[-1]}"] for name in ("node1", "node3", "node4")}
GIVEN: dict[str, Any] = {
    "time": 1000,
    "live": {"node1": "boot-1", "node3": None},
    "asked": ["node1"],
    "observers": [
        {"name": "controller", "reach": {"node3": "silent"}},
        {
            "name": "node1",
            "master": "node1",
            "boot_id": "boot-1",
            "reach": {"node3": "accepts"},
            "replicates_with": ["node3"],
            "findings": [{"severity": "evacuate", "text": "its root file system is read-only"}],
        },
    ],
    "power": {"node3": "off"},
    "storage": {"node3": True},
    "isolation": {"192.0.2.1": True},
}


def test_a_look_is_parsed() -> None:
    """With everything that it may have."""
    (found,) = parse_looks([GIVEN], NODES)
    assert found == NodeLook(
        1000.0,
        {"node1": "boot-1", "node3": None},
        frozenset({"node1"}),
        (
            Observer("controller", {"node3": Answer.SILENT}),
            Observer(
                "node1",
                {"node3": Answer.ACCEPTS},
                "node1",
                "boot-1",
                frozenset({"node3"}),
                (Finding(Severity.EVACUATE, "its root file system is read-only"),),
            ),
        ),
        {"node3": Power.OFF},
        {"node3": True},
        {"192.0.2.1": True},
    )
    assert found.silent == {"node3"}


def test_the_oldest_look_is_the_first() -> None:
    """In whatever order they are given."""
    assert [look.time for look in parse_looks([{"time": 20}, {"time": 10, "live": None}], NODES)] == [10, 20]


def test_yaml_takes_on_and_off_for_flags() -> None:
    """So they mean power."""
    (found,) = parse_looks([{"time": 1, "power": {"node3": False, "node4": True}}], NODES)
    assert found.power == {"node3": Power.OFF, "node4": Power.ON}


# what is given instead of a part -> words of the error
WRONG = [
    ({"time": None}, "look 1: time is None"),
    ({"time": "noon"}, "time is 'noon'"),
    ({"lives": {}}, "has lives; it takes time, live"),
    ({"live": ["node1"]}, "live is ['node1']; it takes a mapping"),
    ({"live": {"node1": 7}}, "live of node1 is 7; it takes a boot id"),
    ({"observers": {}}, "observers is {}; it takes a list"),
    ({"observers": ["node1"]}, "observer 1 is 'node1'; it takes a mapping"),
    ({"observers": [{}]}, "observer 1: name is None"),
    ({"observers": [{"name": "node1"}, {"name": "node1"}]}, "two of one name"),
    ({"observers": [{"name": "node1", "master": 7}]}, "observer 1: master is 7"),
    (
        {"observers": [{"name": "node1", "reach": {"node3": "dead"}}]},
        "reach of node3 is 'dead'; it takes answers, accepts",
    ),
    ({"observers": [{"name": "node1", "replicates_with": "node3"}]}, "replicates_with is 'node3'; it takes a list"),
    ({"observers": [{"name": "node1", "findings": [{"severity": "bad", "text": ""}]}]}, "finding 1: severity is 'bad'"),
    ({"observers": [{"name": "node1", "findings": [{"severity": "warning"}]}]}, "finding 1: text is None"),
    ({"power": {"node3": "maybe"}}, "power of node3 is 'maybe'; it takes on, off, unknown"),
    ({"storage": {"node3": "yes"}}, "storage of node3 is 'yes'; it takes true or false"),
    ({"asked": [7]}, "asked is [7]; it takes a list of names"),
    ({"time": 0}, "time is 0"),
    ({"time": -5}, "time is -5"),
    ({"live": {"node1": ""}}, "live of node1 is ''; it takes a boot id"),
    ({"live": {"node1.example.com": "boot"}}, "speaks of node1.example.com; the cluster has node1, node3, node4"),
    ({"asked": ["node9"]}, "speaks of node9"),
    ({"power": {"NODE3": "off"}}, "speaks of NODE3"),
    ({"storage": {"node3.": True}}, "speaks of node3."),
    ({"observers": [{"name": "node9"}]}, "speaks of node9"),
    ({"observers": [{"name": "node1", "reach": {"192.0.2.3": "answers"}}]}, "speaks of 192.0.2.3"),
    ({"observers": [{"name": "node1", "replicates_with": ["node9"]}]}, "speaks of node9"),
    ({"answers": {"node9": "look 1\nend"}}, "speaks of node9"),
    ({"answers": {"node1": 7}}, "answers of node1 is 7; it takes a text"),
    ({"answers": {"node1": "look 1\nend"}}, "observers has two of one name"),
]


@pytest.mark.parametrize(("part", "words"), WRONG, ids=[row[1] for row in WRONG])
def test_what_is_wrong_is_said(part: dict[str, Any], words: str) -> None:
    """With where it is, and what it takes."""
    with pytest.raises(BadOption) as error:
        parse_looks([{**GIVEN, **part}], NODES)
    assert words in str(error.value)


def test_a_look_is_a_mapping() -> None:
    """Not a list, nor a text."""
    with pytest.raises(BadOption, match="observations, look 2 is 'x'"):
        parse_looks([GIVEN, "x"], NODES)


@pytest.mark.parametrize("given", [None, 5, "x", {"time": 1}])
def test_the_looks_are_a_list(given: object) -> None:
    """Of mappings."""
    with pytest.raises(BadOption, match="it takes a list of looks"):
        parse_looks(given, NODES)


def test_a_look_is_given_once() -> None:
    """Three times the same would be three equal looks."""
    with pytest.raises(BadOption, match="two looks of one time"):
        parse_looks([GIVEN, GIVEN], NODES)


@pytest.mark.parametrize("name", ["controller", "isolation"])
def test_no_node_is_called_as_something_else(name: str) -> None:
    """The word of this machine would count as a node's."""
    with pytest.raises(BadOption, match=f"a node is named {name}"):
        parse_looks([], {**NODES, name: []})


def test_what_the_script_printed_is_an_observer() -> None:
    """Beside those that are given as data; isolation addresses are the controller's."""
    said = "look 1\nreach node3 silent\noutside 192.0.2.1 answers\noutside 192.0.2.2 silent\nend"
    entry = {"time": 1, "live": {}, "observers": [{"name": "node4"}], "answers": {"controller": said, "node1": said}}
    (found,) = parse_looks([{**entry, "isolation": {"192.0.2.3": True}}], NODES)
    assert [observer.name for observer in found.observers] == ["node4", "controller", "node1"]
    assert found.isolation == {"192.0.2.1": True, "192.0.2.2": False, "192.0.2.3": True}
    (cut,) = parse_looks([{**entry, "answers": {"node1": "look 1\nreach node3 silent"}}], NODES)
    assert [observer.name for observer in cut.observers] == ["node4"]
