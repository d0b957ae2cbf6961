# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node results: a plan for nodes as data, which can be judged again."""

from __future__ import annotations

import json
from typing import Any

from unit.plugins.module_utils.node_builders import NAMES, NOW, dead_looks, deep_look, look_data, observations

from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.observed import parse_observations
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.plan import plan_nodes
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.probes import probes_for
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.node_results import node_facts
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.node_options import NodeOptions

SINCE = int(NOW) - 900


ABOUT_OTHERS = {"witness": True, "deep": False}


def facts_of(given: Any, **options: Any) -> Any:
    """The facts from a record."""
    observed, chosen = parse_observations(given), NodeOptions(isolation_addresses=("192.0.2.1",), **options)
    return node_facts(plan_nodes(observed, chosen, NOW), probes_for(observed, chosen), given)


def test_a_dead_node_is_data() -> None:
    """What it is, since when, by whom, what is permitted and remembered, and what comes next."""
    tags = (f"suspect:uuid-node3:{SINCE}:isolated", "fence")
    found = facts_of(observations(*dead_looks(power={"node3": "on"}, isolation={"192.0.2.1": True}), tags=tags))
    assert found["nodes"][2] == {
        "name": "node3",
        "uuid": "uuid-node3",
        "group": "default",
        "state": "online",
        "verdict": "isolated",
        "since": SINCE,
        "why": "nobody reaches node3, and its power is on",
        "evidence": [f"{name}: silent" for name in ("controller", "node1", "node2", "node4")] + ["power: on"],
        "next": "fence",
        "reason": "nobody reaches node3, and its power is on",
        "command": None,
        "policy": {"level": "fence", "readmit": False, "suspended_until": None, "source": "cluster"},
        "incident": {"id": None, "stage": "suspect", "since": SINCE},
    }
    assert found["summary"] == {"healthy": 3, "isolated": 1} and found["time"] == NOW
    assert found["observers"] == ["controller", "node1", "node2", "node4"] and found["masters"] == ["node1"]
    assert [action["action"] for action in found["plan"]["actions"]] == ["fence"]
    assert found["probes"]["targets"] == ["node3", "node1", "node4", "node2"]
    words = "node3=192.0.2.13 node1=192.0.2.11 node4=192.0.2.14 node2=192.0.2.12"
    assert found["probes"]["observers"][:2] == [
        {"name": "controller", "address": "localhost", "arguments": words + " isolation=192.0.2.1", **ABOUT_OTHERS},
        {"name": "node1", "address": "192.0.2.11", "arguments": words.replace("node1=192.0.2.11 ", ""), **ABOUT_OTHERS},
    ]


def test_a_deep_look_asks_each_node_about_itself() -> None:
    """Also one that is marked offline, and nobody about others where all answer; what does not belong is told."""
    given = observations(deep_look(node3="web1"), nodes={"node4": {"state": "offline"}}, instances={"web1": "node1"})
    found = facts_of(given, deep=True)
    about_itself = {"arguments": "deep=xenvg", "witness": False, "deep": True}
    assert found["probes"]["observers"] == [
        {"name": name, "address": f"192.0.2.{11 + at}", **about_itself} for at, name in enumerate(NAMES)
    ]
    assert found["strays"] == [{"instance": "web1", "node": "node3", "primary": "node1"}]
    assert any(line.startswith("DANGER web1 runs on node3, but node1 is") for line in found["report"])


def test_the_facts_can_be_judged_again() -> None:
    """Through JSON, with the same outcome."""
    found = facts_of(observations(*dead_looks(power={"node3": "on"}, isolation={"192.0.2.1": True})))
    assert facts_of(json.loads(json.dumps(found))["observations"]) == found


def test_what_nobody_was_asked_about_has_no_verdict() -> None:
    """Null, which no filter takes for healthy."""
    live = {name: "boot" for name in NAMES if name != "node3"}
    seen = look_data(live=live, observers=[], asked=[])
    found = facts_of(observations(seen, nodes={"node3": {"state": "offline"}}, tags=("suspend:2000000",)))
    assert found["nodes"][2]["verdict"] is None and found["summary"] == {"healthy": 3, "not_asked": 1}
    assert found["nodes"][0]["policy"]["suspended_until"] == 2000000
    assert found["plan"]["actions"] == [] and found["partition"] == [] and found["stopped"] is None
