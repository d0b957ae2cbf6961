# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node plan: nothing comes next that no verdict, no age and no tag asks for together."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from unit.plugins.module_utils.node_builders import (
    NAMES,
    NOW,
    dead_looks,
    look_data,
    observations,
    observed_of,
    tags_of,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.judge import NodeVerdict
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.observed import parse_observations
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.plan import (
    NodePlan,
    NodeRow,
    NodeStep,
    plan_nodes,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.node_options import NodeOptions
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.nodewatch import NodeStage

SINCE = int(NOW) - 900
SICK = f"suspect:uuid-node3:{SINCE}:isolated"
ON, OFF, DARK = ({"node3": word} for word in ("on", "off", "unknown"))
BAD = {"findings": [{"severity": "evacuate", "text": "its root file system is read-only"}]}


def planned(*looks: dict[str, Any], **changes: Any) -> NodePlan:
    """What comes next."""
    return plan_nodes(observed_of(*looks, **changes), NodeOptions(), NOW)


def row_of(plan: NodePlan, name: str = "node3") -> NodeRow:
    """The row of a node."""
    return next(row for row in plan.rows if row.node.name == name)


def reached(answer: str, by: str) -> list[dict[str, Any]]:
    """Looks in which an observer got an answer from node3."""
    looks = dead_looks()
    for observer in (observer for look in looks for observer in look["observers"] if observer["name"] == by):
        observer["reach"] = {**observer["reach"], "node3": answer}
    return looks


def degraded() -> list[dict[str, Any]]:
    """Looks in which node3 says that its guests should leave it."""
    looks = [look_data(NOW - 10 * at) for at in (2, 1, 0)]
    for observer in (observer for look in looks for observer in look["observers"] if observer["name"] == "node3"):
        observer.update(BAD)
    return looks


SCENES: dict[NodeVerdict, tuple[list[dict[str, Any]], NodeStep]] = {
    NodeVerdict.ISOLATED: (dead_looks(power=ON), NodeStep.FENCE),
    NodeVerdict.OFF: (dead_looks(power=OFF), NodeStep.MARK),
    NodeVerdict.DARK: (dead_looks(power=DARK), NodeStep.REPORT),
    NodeVerdict.VETOED: (dead_looks(storage={"node3": True}), NodeStep.REPORT),
    NodeVerdict.HUNG: (reached("accepts", "node2"), NodeStep.FENCE),
    NodeVerdict.CUT_OFF: (reached("answers", "node2"), NodeStep.REPORT),
    NodeVerdict.DEAF: (reached("answers", "node1"), NodeStep.RESTART),
    NodeVerdict.DEGRADED: (degraded(), NodeStep.DRAIN),
    NodeVerdict.UNKNOWN: (dead_looks(observed=False), NodeStep.REPORT),
    NodeVerdict.HEALTHY: ([look_data()], NodeStep.NONE),
}
EVERY = ("failover-master", "readmit")
LEVELS = {NodeStep.RESTART: "restart", NodeStep.DRAIN: "drain", NodeStep.FENCE: "fence", NodeStep.MARK: "fence"}


def remembered(verdict: NodeVerdict) -> str:
    """The tag by which a node has been so for a quarter of an hour."""
    return f"suspect:uuid-node3:{SINCE}:{verdict.value}"


@pytest.mark.parametrize("verdict", SCENES)
def test_each_verdict_has_its_step(verdict: NodeVerdict) -> None:
    """If it is old enough, and the tags permit everything."""
    looks, step = SCENES[verdict]
    found = row_of(planned(*looks, tags=(remembered(verdict), *EVERY)))
    assert found.judged and (found.judged.verdict, found.next.step) == (verdict, step), found


@pytest.mark.parametrize("verdict", [verdict for verdict, (looks, step) in SCENES.items() if step.acts])
@pytest.mark.parametrize("level", ["", "restart", "drain", "fence", "failover-master", "suspend", "fenec"])
def test_nothing_acts_without_a_tag_of_its_level(verdict: NodeVerdict, level: str) -> None:
    """The report says which tag that would be (N10, N12)."""
    looks, step = SCENES[verdict]
    order = ["restart", "drain", "fence", "failover-master"]
    enough = level in order and order.index(level) >= order.index(LEVELS[step])
    found = row_of(planned(*looks, tags=(remembered(verdict), *filter(None, [level]))))
    held = NodeStep.HOLD if level in ("suspend", "fenec") else NodeStep.REPORT
    assert found.next.step is (step if enough else held)
    if held is NodeStep.REPORT and not enough:
        assert f"({LEVELS[step]})" in found.next.reason


@pytest.mark.parametrize("verdict", [verdict for verdict, (looks, step) in SCENES.items() if step.acts])
@pytest.mark.parametrize("age", ["one look", "nothing remembered", "another sickness"])
def test_nothing_acts_too_early(verdict: NodeVerdict, age: str) -> None:
    """Neither by one look nor by the memory of one run (N5), unless no age is asked for."""
    looks, step = SCENES[verdict]
    tags = {"one look": remembered(verdict), "another sickness": remembered(NodeVerdict.CUT_OFF)}.get(age)
    found = row_of(planned(*looks[-1 if age == "one look" else 0 :], tags=(*filter(None, [tags]), *EVERY)))
    at_once = verdict is NodeVerdict.DEAF and age != "one look"
    assert found.next.step is (step if at_once else NodeStep.WAIT), found.next


def test_one_that_is_back_is_brought_back_by_its_own_word_only() -> None:
    """`readmit` is apart from all levels."""
    looks = [back(NOW - 10 * at) for at in (2, 1, 0)]
    marked = {"node3": {"state": "offline"}}
    for tags, step in [(("failover-master",), NodeStep.REPORT), (("readmit",), NodeStep.READMIT)]:
        found = row_of(planned(*looks, nodes=marked, tags=tags))
        assert found.judged and (found.judged.verdict, found.next.step) == (NodeVerdict.RETURNED, step)


def back(time: float) -> dict[str, Any]:
    """A look in which node3, which is marked offline, answers all but the master, which does not ask it."""
    return look_data(time, live={name: f"boot-{name}" for name in NAMES if name != "node3"})


def only_alive(time: float, **changes: Any) -> dict[str, Any]:
    """A look in which node3, which is marked offline, answers nobody."""
    live = {name: f"boot-{name}" for name in NAMES if name != "node3"}
    return look_data(time, "node3", **{"live": live, **changes})


def refused(time: float) -> dict[str, Any]:
    """A look in which it refuses a connection."""
    look = only_alive(time)
    look["observers"][1]["reach"] = {**look["observers"][1]["reach"], "node3": "refuses"}
    return look


@pytest.mark.parametrize(
    "looks",
    [[back(NOW)], [refused(NOW - at) for at in (20, 10, 0)], [only_alive(NOW - at, power=ON) for at in (20, 10, 0)]],
    ids=["one look", "a refusal", "its power"],
)
def test_a_sign_of_life_is_not_yet_a_return(looks: list[dict[str, Any]]) -> None:
    """It voids every proof that the node is off (N6), and brings nothing back."""
    found = row_of(planned(*looks, nodes={"node3": {"state": "offline"}}, tags=EVERY))
    assert found.judged and (found.judged.verdict, found.next.step) == (NodeVerdict.RETURNED, NodeStep.WAIT)


def two_masters(looks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same looks; node2 takes itself for the master."""
    return [
        dict(look, observers=[dict(o, master="node2") if o["name"] == "node2" else o for o in look["observers"]])
        for look in looks
    ]


ACTING = [verdict for verdict, (looks, step) in SCENES.items() if step.acts]
HOLDING: dict[str, dict[str, Any]] = {
    "no step in its failed tag": {"more": (f"failed:uuid-node3:0a0b0c0d:{SINCE}",)},
    "a colon too much": {"more": (f"failed:uuid-node3:0a0b0c0d:{SINCE}:power:off",)},
    "somebody fences it": {"more": (f"fencing:uuid-node3:0a0b0c0d:{SINCE}",)},
    "it was fenced": {"more": (f"fenced:uuid-node3:0a0b0c0d:{SINCE}:agent",)},
    "it is watched": {"more": (f"probation:uuid-node3:0a0b0c0d:{SINCE}",)},
    "its UUID is another's": {"nodes": {"node2": {"uuid": "uuid-node3"}}},
}


@pytest.mark.parametrize("verdict", ACTING)
@pytest.mark.parametrize("why", HOLDING)
def test_doubts_about_its_incident_hold_everything(verdict: NodeVerdict, why: str) -> None:
    """What can't be read is no permission, and one incident is one."""
    looks, _step = SCENES[verdict]
    case = HOLDING[why]
    tags = (remembered(verdict), *case.get("more", ()), *EVERY)
    assert row_of(planned(*looks, tags=tags, nodes=case.get("nodes", {}))).next.step is NodeStep.HOLD


@pytest.mark.parametrize("verdict", ACTING)
def test_nothing_acts_while_two_are_taken_for_the_master(verdict: NodeVerdict) -> None:
    """Nor while this machine is cut off, or has not tried whether it is."""
    looks, _step = SCENES[verdict]
    tags = (remembered(verdict), *EVERY)
    assert not row_of(planned(*two_masters(looks), tags=tags)).next.step.acts
    observed = observed_of(*looks, tags=tags)
    cut_off = plan_nodes(observed, NodeOptions(isolation_addresses=("192.0.2.1",)), NOW)
    assert not any(row.next.step.acts for row in cut_off.rows) or verdict is NodeVerdict.DEGRADED


@pytest.mark.parametrize("name", ["x;reboot", "-oProxyCommand=sh", "$(id)"])
def test_a_name_that_a_shell_could_mean_otherwise_is_in_no_command(name: str) -> None:
    """A person copies it."""
    given = observations(*dead_looks(power=OFF), tags=(remembered(NodeVerdict.OFF),))
    text = json.dumps(given).replace('"node3"', json.dumps(name))
    found = row_of(plan_nodes(parse_observations(json.loads(text)), NodeOptions(), NOW), name)
    assert found.judged and found.judged.verdict is NodeVerdict.OFF and found.next.command == ""


def test_one_that_is_marked_and_silent_is_left_alone() -> None:
    """Nobody was asked about it, and that is what is said: no verdict."""
    found = row_of(
        planned(
            look_data(live={"node1": "b", "node2": "b", "node4": "b"}, observers=[], asked=[]),
            nodes={"node3": {"state": "offline"}},
        )
    )
    assert found.judged is None and found.next.step is NodeStep.NONE


@pytest.mark.parametrize("stage", ["fencing", "probation", "suspect", "fenced"])
def test_one_that_has_failed_is_left_to_a_person(stage: str) -> None:
    """Whatever else is remembered of it."""
    other = f"{stage}:uuid-node3:{SINCE}:off" if stage == "suspect" else f"{stage}:uuid-node3:0a0b0c0d:{SINCE}"
    other += ":agent" if stage == "fenced" else ""
    tags = (SICK, other, f"failed:uuid-node3:0a0b0c0d:{SINCE}:fence", *EVERY)
    found = row_of(planned(*dead_looks(power=ON), tags=tags))
    assert found.stage and found.stage.stage is NodeStage.FAILED and found.next.step is NodeStep.REPORT
    assert "failed:uuid-node3:0a0b0c0d" in found.next.reason


def test_tags_of_another_node_do_not_count() -> None:
    """A suspicion is by UUID: a new machine of an old name starts anew (law 11)."""
    found = row_of(planned(*dead_looks(power=ON), tags=(f"suspect:uuid-node2:{SINCE}:isolated", *EVERY)))
    assert found.next.step is NodeStep.WAIT
    unnamed = row_of(planned(*dead_looks(power=ON), tags=(SICK, *EVERY), nodes={"node3": {"uuid": ""}}))
    assert unnamed.next.step is NodeStep.WAIT


def test_the_master_is_a_person_s() -> None:
    """Nothing but its node daemon is touched (N8)."""
    for power, answer in product((ON, OFF), ("silent", "accepts")):
        looks = dead_looks(power=power)
        found = planned(*looks, tags=(SICK, *EVERY))
        assert all(not row.next.step.acts for row in found.rows if row.node.name == "node1"), answer


def test_one_that_is_drained_is_not_drained_again() -> None:
    """A person looks at it."""
    tags = (remembered(NodeVerdict.DEGRADED), *EVERY)
    found = row_of(planned(*degraded(), tags=tags, nodes={"node3": {"state": "drained"}}))
    assert found.next.step is NodeStep.REPORT and "drained already" in found.next.reason


def test_the_hash_is_of_what_is_done() -> None:
    """Not of the time, nor of what is only said."""
    fenced = planned(*dead_looks(power=ON), tags=(SICK, "fence"))
    later = planned(*(dict(look, time=look["time"] - 5) for look in dead_looks(power=ON)), tags=(SICK, "fence"))
    others = [
        planned(*dead_looks(power=OFF), tags=(SICK, "fence")),
        planned(*dead_looks(power=ON), tags=(SICK, "drain")),
        planned(
            *dead_looks(power=ON),
            tags=(SICK, "fence"),
            nodes={"node2": {"uuid": "new"}, "node3": {"uuid": "uuid-node3"}},
        ),
    ]
    assert fenced.hash == later.hash == others[2].hash
    assert len({fenced.hash, others[0].hash, others[1].hash}) == 3
    assert [row.node.name for row in fenced.actions] == ["node3"]


def test_tags_on_the_node_and_its_group_count() -> None:
    """The nearest decides."""
    scenes = [
        ({"node3": {"tags": tags_of("drain")}}, {}),
        ({}, {"default": tags_of("suspend")}),
        ({}, {"default": None}),
    ]
    for nodes, groups in scenes:
        found = row_of(planned(*dead_looks(power=ON), tags=(SICK, "fence"), nodes=nodes, group_tags=groups))
        assert not found.next.step.acts
