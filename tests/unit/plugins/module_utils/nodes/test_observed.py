# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observed: a record becomes values, or an error that says where it is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from unit.plugins.module_utils.node_builders import NAMES, NOW, look_data, observations, observed_of, tags_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import NodeState
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.observed import parse_observations
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.nodewatch import UNREAD, parse_node_tags


def test_a_record_is_parsed() -> None:
    """With everything that it has; looks come in the order of their times."""
    found = observed_of(
        look_data(NOW),
        look_data(NOW - 10),
        tags=("fence",),
        nodes={"node4": {"state": "offline", "tags": tags_of("drain")}},
        group_tags={"rack2": None},
    )
    assert (found.name, found.uuid, found.master, found.time) == ("cluster", "uuid", "node1", NOW)
    assert [look.time for look in found.looks] == [NOW - 10, NOW]
    assert tuple(found.nodes) == NAMES and found.nodes["node4"].state is NodeState.OFFLINE
    assert found.tags == parse_node_tags(tags_of("fence"))
    assert found.node_tags["node4"] == parse_node_tags(tags_of("drain"))
    assert found.group_tags == {"default": parse_node_tags([]), "rack2": UNREAD}
    assert found.addresses["node2"] == ("192.0.2.12",) and found.heals_itself is True


def test_a_record_survives_a_file() -> None:
    """As JSON."""
    given = observations(look_data(silent="node3"), tags=("fence",))
    assert parse_observations(json.loads(json.dumps(given))) == parse_observations(given)


def test_tags_that_are_missing_are_not_taken_for_none() -> None:
    """Nobody knows what is allowed then."""
    given = observations(nodes={"node2": {"tags": None}})
    del given["cluster"]["tags"]
    found = parse_observations(given)
    assert found.tags is UNREAD and found.node_tags["node2"] is UNREAD


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"looks": []}, "observations has no looks; it takes at least one"),
    ({"looks": None}, "observations is None; it takes a list of looks"),
    ({"nodes": []}, "observations, cluster: master is 'node1'; it takes one of"),
    ({"nodes": [{"name": "node1", "state": "online"}] * 2}, "observations has two nodes, or two groups, of one name"),
    ({"groups": [{"name": "default"}] * 2}, "observations has two nodes, or two groups, of one name"),
    ({"groups": [{"name": "default", "tags": "x"}]}, "observations, group 1: tags is 'x'; it takes a list of texts"),
    ({"nodes": [{"name": "node1", "state": "on"}]}, "observations, node 1: state is 'on'; it takes online, drained"),
    ({"nodes": [{"name": "node1", "state": "online", "addresses": [1]}]}, "node 1: addresses is"),
    ({"nodes": [{"name": "node1", "state": "online", "addresses": ["-oProxyCommand=x"]}]}, "a list of IP addresses"),
    ({"cluster": {"master": "node1", "maintain_node_health": "no"}}, "maintain_node_health is 'no'"),
    ({"cluster": None}, "observations, cluster is None; it takes a mapping"),
    ({"cluster": {"master": 1}}, "observations, cluster: master is 1; it takes a text"),
    ({"instances": []}, "observations: instances is []; it takes a mapping whose keys are names"),
    ({"instances": {"web1": 1}}, "instances of web1 is 1; it takes the name of a node"),
    ({"jobs": []}, "observations has jobs; it takes cluster, groups, nodes, looks, instances"),
]


@pytest.mark.parametrize(("part", "words"), WRONG, ids=[row[1] for row in WRONG])
def test_what_is_wrong_is_said(part: dict[str, Any], words: str) -> None:
    """With where it is, and what it takes."""
    with pytest.raises(BadOption) as error:
        parse_observations({**observations(), **part})
    assert words in str(error.value)


@pytest.mark.parametrize("given", [None, [], "x", 1, True])
def test_what_is_no_record_is_said(given: Any) -> None:
    """In one sentence."""
    with pytest.raises(BadOption, match=r"^observations is .*; it takes a mapping$"):
        parse_observations(given)
