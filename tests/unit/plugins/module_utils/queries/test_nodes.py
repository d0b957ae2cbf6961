# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes: one live query whatever the size; what can't be used is never taken for health or silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from unit.plugins.module_utils.node_builders import NAMES

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadAnswer, Unreachable
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import Row
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.observed import parse_observations
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.nodes import look_at_nodes

INFO = {"name": "cluster", "uuid": "uuid", "master": "node1", "software_version": "3.0.2", "tags": ["a"]}


@dataclass
class Told:
    """A Client that gives these tables; `cells` replaces cells of nodes: (name, field) to cell."""

    info: Mapping[str, Any] = field(default_factory=lambda: INFO)
    cells: Mapping[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)
    groups: Sequence[Row] = (((0, "default"), (0, ["b"])),)
    tables: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    asked: list[tuple[str, float | None]] = field(default_factory=list)

    def cluster_info(self) -> Mapping[str, Any]:
        """The cluster's data."""
        return self.info

    def query(self, resource: str, fields: Sequence[str], qfilter: Any = None, seconds: float | None = None) -> Any:
        """The groups, the nodes, the jobs, or the instances."""
        self.asked.append((resource, seconds))
        if resource in self.tables:
            return [[(0, row.get(at)) for at in fields] for row in self.tables[resource]]
        return self.groups if resource == "group" else [self.row(name, fields) for name in NAMES]

    def row(self, name: str, fields: Sequence[str]) -> Row:
        """A node as Ganeti returns it."""
        values: dict[str, Any] = {"name": name, "uuid": "u-" + name, "offline": False, "drained": False, "role": "C"}
        values |= {"pip": "192.0.2.1", "sip": "198.51.100.1", "group": "default", "tags": [], "mtime": 7.5}
        values["bootid"] = "boot-" + name
        return tuple(self.cells.get((name, at), (0, values[at])) for at in fields)


def looked(**changes: Any) -> Any:
    """What a look returns."""
    client: Any = Told(**changes)
    return look_at_nodes(client, lambda: 1000.5, 20)


def test_a_look_is_one_live_query() -> None:
    """And one for the groups; with a limit of time for the live one (N11)."""
    client: Any = Told()
    found = look_at_nodes(client, lambda: 1000.5, 20)
    assert client.asked == [("group", None), ("node", 20)]
    assert found["cluster"]["master"] == "node1" and found["groups"] == [{"name": "default", "tags": ["b"]}]
    assert found["nodes"][1] == {
        "name": "node2",
        "uuid": "u-node2",
        "group": "default",
        "state": "online",
        "role": "C",
        "addresses": ["192.0.2.1", "198.51.100.1"],
        "tags": [],
        "changed": 7.5,
    }
    assert found["looks"] == [{"time": 1000.5, "live": {name: f"boot-{name}" for name in NAMES}}]
    assert found["instances"] is None and parse_observations(found).time == 1000.5


def test_a_deep_look_asks_where_instances_belong() -> None:
    """After it has asked for jobs: one that has just moved an instance has ended then, or is in the list."""
    migrating = {"OP_ID": "OP_INSTANCE_MIGRATE", "instance_name": "Web1"}
    job: dict[str, Any] = {"id": 7, "status": "running", "summary": ["INSTANCE_MIGRATE(Web1)"], "ops": [migrating]}
    other = {"id": 8, "status": "waiting", "summary": ["X"], "ops": [{**migrating, "instance_name": "what ever"}]}
    instances: list[dict[str, Any]] = [{"name": "web1", "pnode": "node1"}, {"name": "web2", "pnode": None}]
    client: Any = Told(tables={"job": [job, other], "instance": instances})
    found = look_at_nodes(client, lambda: 1000.5, 20, instances=True)
    assert [resource for resource, _seconds in client.asked] == ["group", "node", "job", "instance"]
    assert found["looks"][0]["moving"] == ["web1"] and found["instances"] == {"web1": "node1", "web2": ""}
    assert parse_observations(found).looks[0].moving == {"web1"}


@pytest.mark.parametrize(
    ("cell", "live"),
    [
        ((0, "x"), "x"),
        ((2, None), None),
        ((4, None), "-"),
        ((3, None), "-"),
        ((1, None), "-"),
        ((0, 7), "-"),
        ((0, ""), "-"),
    ],
)
def test_what_a_node_answered(cell: tuple[int, Any], live: str | None) -> None:
    """A boot id, or no data: then it is silent. Everything else is neither, as Ganeti did not ask it."""
    found = looked(cells={("node3", "bootid"): cell})
    assert found["looks"][0]["live"].get("node3", "-") == live


@pytest.mark.parametrize(
    ("flags", "state"),
    [
        (((0, True), (0, False)), "offline"),
        (((0, False), (0, True)), "drained"),
        (((0, True), (0, True)), "offline"),
        (((2, None), (0, False)), "unknown"),
        (((0, "no"), (0, False)), "unknown"),
    ],
)
def test_how_a_node_is_marked(flags: tuple[tuple[int, Any], tuple[int, Any]], state: str) -> None:
    """By its two flags; without one of them, nobody knows."""
    found = looked(cells={("node3", "offline"): flags[0], ("node3", "drained"): flags[1]})
    assert found["nodes"][2]["state"] == state


def test_what_is_missing_stays_missing() -> None:
    """Tags above all."""
    found = looked(cells={("node3", at): (2, None) for at in ("tags", "uuid", "pip", "sip", "mtime", "role", "group")})
    node = found["nodes"][2]
    assert node["tags"] is None and node["addresses"] == [] and node["changed"] is None and node["uuid"] == ""
    assert looked(groups=[((0, "default"), (2, None))])["groups"] == [{"name": "default", "tags": None}]


@pytest.mark.parametrize("flag", [True, False])
def test_whether_nodes_heal_themselves_is_told(flag: bool) -> None:
    """If the cluster says so."""
    assert looked(info={**INFO, "maintain_node_health": flag})["cluster"]["maintain_node_health"] is flag
    assert looked(info={**INFO, "maintain_node_health": "yes"})["cluster"]["maintain_node_health"] is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cells": {("node3", "name"): (0, "no\ufffdname")}}, "a node has the name"),
        ({"cells": {("node3", "name"): (2, None)}}, "a node has the name"),
        ({"groups": [((0, ""), (0, []))]}, "a group has the name ''"),
        ({"info": {**INFO, "master": "node9"}}, "the master is 'node9', which is none of them"),
        ({"info": {**INFO, "tags": None}}, "it has no tags"),
    ],
)
def test_without_it_nothing_is_said(changes: dict[str, Any], words: str) -> None:
    """What is missing must not look healthy."""
    with pytest.raises(BadAnswer, match=words):
        looked(**changes)


def test_an_error_is_not_hidden() -> None:
    """That of the client comes through."""

    class Gone(Told):
        def cluster_info(self) -> Mapping[str, Any]:
            raise Unreachable("gone")

    client: Any = Gone()
    with pytest.raises(Unreachable):
        look_at_nodes(client, lambda: 1.0, 20)
