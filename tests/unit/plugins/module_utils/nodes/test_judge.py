# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge: what a node is by one look, as a table of sentences, and laws that hold whatever was seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, product
from random import Random
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import Node, NodeState
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.judge import Judgement, NodeVerdict, judge
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.looks import (
    CONTROLLER,
    Answer,
    Finding,
    NodeLook,
    Observer,
    Power,
    Severity,
)

Item = TypeVar("Item")
NAMES = tuple(f"node{number}" for number in range(1, 7))
MASTER = "node1"
ANSWERS, ACCEPTS, REFUSES, SILENT = Answer
SICK = Finding(Severity.EVACUATE, "disk 0 of web1 is detached from DRBD")


def cluster(offline: str = "") -> Mapping[str, Node]:
    """Node1 to node4 in one group, node5 and node6 in another."""
    states = {name: NodeState.OFFLINE if name in offline.split() else NodeState.ONLINE for name in NAMES}
    return {name: Node(name, "default" if name < "node5" else "rack2", states[name], uuid=name) for name in NAMES}


def look(silent: str = "node3", reach: str = "", offline: str = "", **changes: object) -> NodeLook:
    """A look in which the nodes of `silent` do not answer the master, and all others are witnesses that answered us.

    `reach` says who saw what of a silent node, where not silence: `node2>node3 answers, ...`.
    """
    quiet, gone = silent.split(), offline.split()
    live = {name: None if name in quiet else f"boot-{name}" for name in NAMES if name not in gone}
    every = {name: SILENT if name in quiet or name in gone else ANSWERS for name in NAMES}
    seen = {name: {other: every[other] for other in NAMES if other != name} for name in (CONTROLLER, *NAMES)}
    for told in filter(None, reach.split(", ")):
        observer, node, answer = told.replace(">", " ").split()
        seen[observer][node] = Answer(answer)
    alive = [name for name in (CONTROLLER, *NAMES) if name not in quiet and name not in gone]
    observers = tuple(Observer(name, seen[name], master=MASTER if name in NAMES else "") for name in alive)
    found = NodeLook(1000.0, live, frozenset(alive) - {CONTROLLER}, observers)
    return replace(found, **changes)  # type: ignore[arg-type]


def with_observer(found: NodeLook, name: str, **changes: object) -> NodeLook:
    """The look, in which an observer is another one; it is added where it was not there."""
    others = [observer for observer in found.observers if observer.name != name]
    mine = next((observer for observer in found.observers if observer.name == name), Observer(name))
    return replace(found, observers=(*others, replace(mine, **changes)))  # type: ignore[arg-type]


def only(found: NodeLook, *names: str) -> NodeLook:
    """The look, in which of all observers only these answered us."""
    return replace(found, observers=tuple(observer for observer in found.observers if observer.name in names))


def unseen(found: NodeLook) -> NodeLook:
    """The look, in which no node has looked at node3: the probe was cut short."""
    keep = [replace(o, reach={n: a for n, a in o.reach.items() if n != "node3"}) for o in found.observers]
    return replace(found, observers=tuple(keep))


def lonely(found: NodeLook) -> NodeLook:
    """The look, in which no observer got an answer from anybody: their probe does not work."""
    return replace(found, observers=tuple(replace(o, reach=dict.fromkeys(o.reach, SILENT)) for o in found.observers))


ON, OFF = {"node3": Power.ON}, {"node3": Power.OFF}
# what is so -> the look, what node3 is
TABLE = [
    ("all answer the master", look(""), NodeVerdict.HEALTHY),
    ("it says that its disks are failing", with_observer(look(""), "node3", findings=(SICK,)), NodeVerdict.DEGRADED),
    ("its node daemon is stopped", look(reach="node1>node3 answers, node2>node3 answers"), NodeVerdict.DEAF),
    ("only it reaches the master", with_observer(look(), "node3", reach={"node1": ANSWERS}), NodeVerdict.CUT_OFF),
    ("the link to the master is cut", look(reach="node2>node3 answers"), NodeVerdict.CUT_OFF),
    ("only we reach it", look(reach="controller>node3 answers"), NodeVerdict.CUT_OFF),
    ("it answers us, and reaches nobody", with_observer(look(), "node3"), NodeVerdict.CUT_OFF),
    ("DRBD is connected", with_observer(look(), "node2", replicates_with=frozenset({"node3"})), NodeVerdict.CUT_OFF),
    ("its programs hang", look(reach="node2>node3 accepts", power=ON), NodeVerdict.HUNG),
    ("nobody reaches it, its power is on", look(power=ON), NodeVerdict.ISOLATED),
    ("nobody reaches it, its power is off", look(power=OFF), NodeVerdict.OFF),
    ("nobody reaches it, its power can't be asked", look(), NodeVerdict.DARK),
    ("nobody reaches it, its power is unknown", look(power={"node3": Power.UNKNOWN}), NodeVerdict.DARK),
    ("its storage is alive, though its power is off", look(power=OFF, storage={"node3": True}), NodeVerdict.VETOED),
    ("its storage is silent", look(power=ON, storage={"node3": False}), NodeVerdict.ISOLATED),
    ("no witness answered us", only(look(power=OFF), CONTROLLER), NodeVerdict.UNKNOWN),
    ("half of the witnesses answered us", only(look(power=ON), "node1", "node2"), NodeVerdict.UNKNOWN),
    ("witnesses of one group alone answered us", only(look(power=ON), "node1", "node2", "node4"), NodeVerdict.UNKNOWN),
    ("witnesses of both groups", only(look(power=ON), "node1", "node2", "node6"), NodeVerdict.ISOLATED),
    ("half of all nodes are silent", look("node2 node3 node4", power=ON), NodeVerdict.UNKNOWN),
    ("two are silent", look("node3 node4", power=ON), NodeVerdict.ISOLATED),
    ("no isolation address answers us", look(power=OFF, isolation={"192.0.2.1": False}), NodeVerdict.UNKNOWN),
    ("one of two does", look(power=OFF, isolation={"192.0.2.1": False, "192.0.2.2": True}), NodeVerdict.OFF),
    ("it accepts, though its power is off", look(reach="node2>node3 accepts", power=OFF), NodeVerdict.UNKNOWN),
    ("it refuses, though its power is off", look(reach="node2>node3 refuses", power=OFF), NodeVerdict.UNKNOWN),
    ("it refuses", look(reach="node2>node3 refuses", power=ON), NodeVerdict.HUNG),
    ("its power is off, as is that of a living node", look(power={**OFF, "node2": Power.OFF}), NodeVerdict.DARK),
    ("no witness has looked at it", unseen(look(power=ON)), NodeVerdict.UNKNOWN),
    ("no witness reaches anybody", lonely(look(power=ON)), NodeVerdict.UNKNOWN),
    ("the master does not say", replace(look(power=ON), live={"node1": "boot", "node2": "boot"}), NodeVerdict.UNKNOWN),
    ("one of its group is cut off", with_observer(look("node3 node4", power=ON), "node4"), NodeVerdict.UNKNOWN),
    ("one of another group is", with_observer(look("node3 node5", power=ON), "node5"), NodeVerdict.ISOLATED),
    ("two masters", with_observer(look(power=OFF), "node4", master="node4"), NodeVerdict.UNKNOWN),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "verdict"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_node3_is(seen: NodeLook, verdict: NodeVerdict) -> None:
    """Said in words, too."""
    found = judge(seen, cluster(), MASTER).nodes["node3"]
    assert (found.verdict, bool(found.why)) == (verdict, True)


def test_a_silent_group_is_rather_its_switch() -> None:
    """Until the power of one of them is off."""
    found = judge(look("node5 node6", power={"node5": Power.OFF, "node6": Power.ON}), cluster(), MASTER)
    assert found.nodes["node5"].verdict is NodeVerdict.OFF
    assert found.nodes["node6"].verdict is NodeVerdict.UNKNOWN
    assert "its switch" in found.nodes["node6"].why


def racks_apart() -> NodeLook:
    """Node1 to node4 and node5 and node6 do not reach each other; we reach all."""
    found = look("node5 node6", power={"node5": Power.ON, "node6": Power.ON})
    for name, other in (("node5", "node6"), ("node6", "node5")):
        found = with_observer(found, name, reach={other: ANSWERS, MASTER: SILENT})
    return found


def test_a_partition_is_told_and_nobody_is_dead() -> None:
    """Those on the other side answer us."""
    found = judge(racks_apart(), cluster(), MASTER)
    assert found.parts == (NAMES[:4], NAMES[4:])
    assert "fallen apart" in found.stopped
    assert {found.nodes[name].verdict for name in ("node5", "node6")} == {NodeVerdict.CUT_OFF}


def test_a_dead_node_beside_a_partition_is_unknown() -> None:
    """Somebody may reach it who does not reach us."""
    nodes = {**cluster(), "node7": Node("node7", "default", NodeState.ONLINE)}
    seen = with_observer(look("node4 node5 node6", power={"node4": Power.OFF}), "node5", reach={"node6": ANSWERS})
    found = judge(replace(seen, live={**seen.live, "node7": "boot"}), nodes, MASTER)
    assert found.nodes["node4"].verdict is NodeVerdict.UNKNOWN
    assert "fallen apart" in found.nodes["node4"].why


def test_an_offline_node_that_nobody_reaches_is_not_judged() -> None:
    """Ganeti does not ask it."""
    assert "node3" not in judge(look("", offline="node3"), cluster("node3"), MASTER).nodes


@pytest.mark.parametrize("by", [CONTROLLER, "node2"])
def test_an_offline_node_that_answers_is_returned(by: str) -> None:
    """Whoever got the answer."""
    seen = look("", reach=f"{by}>node3 answers", offline="node3")
    assert judge(seen, cluster("node3"), MASTER).nodes["node3"].verdict is NodeVerdict.RETURNED


@pytest.mark.parametrize(
    "seen",
    [
        look("", reach="node2>node3 accepts", offline="node3"),
        look("", reach="node2>node3 refuses", offline="node3"),
        look("", offline="node3", power=ON),
        look("", offline="node3", storage={"node3": True}),
        replace(look("", offline="node3"), live=dict.fromkeys(NAMES, "boot")),
    ],
)
def test_a_proof_is_void_by_any_sign_of_life(seen: NodeLook) -> None:
    """N6: a refusal, power, storage, or an answer to the master, as somebody has just marked it."""
    assert judge(seen, cluster("node3"), MASTER).nodes["node3"].verdict is NodeVerdict.RETURNED


def test_the_master_itself_is_not_judged_by_its_own_word() -> None:
    """It gave the answer that says it is silent."""
    found = judge(look("node1", power={"node1": Power.OFF}), cluster(), MASTER)
    assert found.nodes["node1"].verdict is NodeVerdict.CUT_OFF or found.nodes["node1"].verdict is NodeVerdict.UNKNOWN
    assert "does not answer itself" in found.stopped


def test_a_node_whose_flags_are_unknown_is_neither_dead_nor_alive() -> None:
    """Unless it answers."""
    nodes = {**cluster(), "node3": replace(cluster()["node3"], state=NodeState.UNKNOWN)}
    assert judge(look(power=OFF), nodes, MASTER).nodes["node3"].verdict is NodeVerdict.UNKNOWN
    assert judge(look(""), nodes, MASTER).nodes["node3"].verdict is NodeVerdict.HEALTHY


def test_evidence_says_who_saw_what() -> None:
    """In the words of the observers."""
    seen = only(look(reach="node2>node3 accepts", power=ON, storage={"node3": False}), CONTROLLER, "node2")
    found = judge(seen, cluster(), MASTER).nodes["node3"]
    assert found.evidence == ("controller: silent", "node2: accepts", "power: on", "storage: silent")


def test_a_living_node_whose_power_is_off_is_told() -> None:
    """Its device is that of another machine."""
    found = judge(look("", power={"node2": Power.OFF}), cluster(), MASTER).nodes["node2"]
    assert (found.verdict, "of another machine" in found.why) == (NodeVerdict.HEALTHY, True)


def test_what_a_returned_node_believes_is_not_asked() -> None:
    """It still takes itself for the master that it was (measured)."""
    seen = with_observer(look("node4", offline="node3", power={"node4": Power.OFF}), "node3", master="node3")
    found = judge(seen, cluster("node3"), MASTER)
    assert (found.masters, found.nodes["node4"].verdict) == ((MASTER,), NodeVerdict.OFF)


PAIR = {name: node for name, node in cluster().items() if name in ("node1", "node2")}


@pytest.mark.parametrize(
    ("quorum", "power", "verdict"),
    [
        (None, Power.OFF, NodeVerdict.UNKNOWN),
        (1, Power.OFF, NodeVerdict.UNKNOWN),
        (0, Power.OFF, NodeVerdict.OFF),
        (0, Power.ON, NodeVerdict.ISOLATED),
        (0, Power.UNKNOWN, NodeVerdict.DARK),
    ],
)
def test_two_nodes_have_no_quorum(quorum: int | None, power: Power, verdict: NodeVerdict) -> None:
    """Unless the user lets one machine judge."""
    assert judge(of_two(power), PAIR, MASTER, quorum).nodes["node2"].verdict is verdict


def of_two(power: Power, **changes: object) -> NodeLook:
    """A look at two nodes, of which node2 is silent; an isolation address answers us."""
    seen = {"node1": ANSWERS, "node2": SILENT}
    observers = (Observer(CONTROLLER, seen), Observer("node1", {"node2": SILENT}, MASTER))
    live, asked = {"node1": "boot", "node2": None}, frozenset({"node1"})
    found = NodeLook(0, live, asked, observers, {"node2": power}, {}, {"192.0.2.1": True})
    return replace(found, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "seen",
    [
        of_two(Power.OFF, isolation={}),
        of_two(Power.OFF, observers=()),
        of_two(Power.OFF, observers=(Observer("node1", {"node2": SILENT}, MASTER),)),
        of_two(Power.OFF, live={"node1": None, "node2": None}),
    ],
)
def test_one_machine_judges_alone_only_if_it_is_sure_of_itself(seen: NodeLook) -> None:
    """It has looked, an isolation address answers it, and the master answers."""
    assert judge(seen, PAIR, MASTER, 0).nodes["node2"].verdict is NodeVerdict.UNKNOWN


def test_in_a_larger_cluster_nobody_judges_alone() -> None:
    """Whatever the user has set."""
    seen = replace(only(look(power=OFF), CONTROLLER), isolation={"192.0.2.1": True})
    assert judge(seen, cluster(), MASTER, 0).nodes["node3"].verdict is NodeVerdict.UNKNOWN


# --- laws, over whatever may be seen ---


def some(random: Random, what: Sequence[Item], most: int) -> list[Item]:
    """A few of them, in any order."""
    return random.sample(what, random.randint(0, min(most, len(what))))


def any_look(seed: int) -> tuple[NodeLook, Mapping[str, Node]]:
    """Any look at a cluster some of whose nodes are offline."""
    random = Random(seed)  # drawing each part by hypothesis takes fifty times as long
    nodes = cluster(" ".join(some(random, NAMES[1:], 2)))
    online = [name for name, node in nodes.items() if node.state is NodeState.ONLINE]
    silent = some(random, online, 3)
    observers = [
        Observer(
            name,
            {
                other: random.choices(list(Answer), [3, 4, 3, 90] if other in silent else [90, 4, 3, 3])[0]
                for other in NAMES
                if other != name and random.random() < 0.95
            },
            random.choices([MASTER, "", "node2"], [96, 2, 2])[0],
            replicates_with=frozenset(some(random, NAMES, 1) if random.random() < 0.05 else ()),
        )
        for name in (CONTROLLER, *NAMES)
        if random.random() < (0.1 if name in silent else 0.9)
    ]
    seen = NodeLook(
        time=0,
        live={name: None if name in silent else "boot" for name in (online if random.random() < 0.9 else NAMES[:4])},
        asked=frozenset(some(random, NAMES, 6) if random.random() < 0.3 else NAMES),
        observers=tuple(observers),
        power={name: random.choice(list(Power)) for name in some(random, NAMES, 6)},
        storage={name: random.random() < 0.3 for name in some(random, NAMES, 2)},
        isolation={address: random.random() < 0.9 for address in some(random, ["192.0.2.1", "192.0.2.2"], 2)},
    )
    return seen, nodes


def looks() -> st.SearchStrategy[tuple[NodeLook, Mapping[str, Node]]]:
    """Any looks."""
    return st.integers(0, 2**32).map(any_look)


QUORUM = st.sampled_from([None, None, 0, 1, 2])
MANY = settings(max_examples=1000, deadline=None, derandomize=True)


def anybody_reaches(seen: NodeLook, name: str) -> bool:
    """Whether anybody got an answer from a node, by the words of the law."""
    others = [observer for observer in seen.observers if observer.name != name]
    return (
        seen.live.get(name) is not None
        or len(others) < len(seen.observers)
        or any(observer.reach.get(name) is ANSWERS or name in observer.replicates_with for observer in others)
    )


def test_the_looks_are_about_all_verdicts() -> None:
    """Each comes out of some of them, but for what a node says of itself."""
    seen = [any_look(seed) for seed in range(3000)]
    found = {node.verdict for look, nodes in seen for node in judge(look, nodes, MASTER).nodes.values()}
    assert found == set(NodeVerdict) - {NodeVerdict.DEGRADED}


@MANY
@given(looks(), QUORUM)
def test_who_answers_anybody_is_never_dead(seen: tuple[NodeLook, Mapping[str, Node]], quorum: int | None) -> None:
    """N2: one observer who reaches a node outweighs all who don't."""
    found = judge(seen[0], seen[1], MASTER, quorum)
    assert not [name for name, node in found.nodes.items() if node.verdict.is_silent and anybody_reaches(seen[0], name)]


@MANY
@given(looks(), QUORUM)
def test_who_shows_any_sign_of_life_is_neither_off_nor_isolated(
    seen: tuple[NodeLook, Mapping[str, Node]], quorum: int | None
) -> None:
    """A kernel that accepts or refuses connections has power."""
    found = judge(seen[0], seen[1], MASTER, quorum).nodes
    dead = [name for name, node in found.items() if node.verdict in (NodeVerdict.OFF, NodeVerdict.ISOLATED)]
    signs = [observer.reach.get(name) for name in dead for observer in seen[0].observers if observer.name != name]
    assert set(signs) <= {None, SILENT}
    assert not [name for name in dead if seen[0].storage.get(name)]


@MANY
@given(looks(), QUORUM, st.sampled_from(NAMES), st.sampled_from((CONTROLLER, *NAMES)))
def test_an_answer_more_never_makes_a_node_more_dead(
    seen: tuple[NodeLook, Mapping[str, Node]], quorum: int | None, name: str, by: str
) -> None:
    """Whoever gets it."""
    before, nodes = seen
    mine = next((observer.reach for observer in before.observers if observer.name == by), {})
    after = with_observer(before, by, reach={**mine, name: ANSWERS})
    found = judge(after, nodes, MASTER, quorum).nodes.get(name)
    assert found is None or not found.verdict.is_silent or by == name


@MANY
@given(looks(), QUORUM, st.randoms())
def test_the_order_of_observers_does_not_matter(
    seen: tuple[NodeLook, Mapping[str, Node]], quorum: int | None, random: object
) -> None:
    """Nor which is asked first."""
    look, nodes = seen
    mixed = list(look.observers)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert verdicts(judge(look, nodes, MASTER, quorum)) == verdicts(
        judge(replace(look, observers=tuple(mixed)), nodes, MASTER, quorum)
    )


def verdicts(found: Judgement) -> Mapping[str, NodeVerdict]:
    """The verdict on each node."""
    return {name: node.verdict for name, node in found.nodes.items()}


@MANY
@given(looks())
def test_nobody_is_dead_without_a_witness(seen: tuple[NodeLook, Mapping[str, Node]]) -> None:
    """N3, N5: the silence of those who do not answer us is no observation, and one observer is none."""
    alone = replace(seen[0], observers=tuple(o for o in seen[0].observers if o.name in (CONTROLLER, "node2")))
    found = judge(alone, seen[1], MASTER)
    assert not [
        name for name, node in found.nodes.items() if node.verdict.is_silent and node.verdict is not NodeVerdict.VETOED
    ]


FAR_SIDES = [set(far) for size in range(1, 6) for far in combinations(NAMES[1:], size)]


@pytest.mark.parametrize("quorum", [None, 0, 1, 2])
@pytest.mark.parametrize("far", FAR_SIDES, ids=lambda far: "+".join(sorted(far)))
def test_a_partition_of_living_nodes_never_ends_in_a_death(far: set[str], quorum: int | None) -> None:
    """Whichever nodes are on the other side of it; all of them answer us."""
    sides = [set(NAMES) - far, far]
    observers = [Observer(CONTROLLER, dict.fromkeys(NAMES, ANSWERS))]
    for side in sides:
        observers += [Observer(name, {o: ANSWERS if o in side else SILENT for o in NAMES}, MASTER) for name in side]
    seen = NodeLook(0, {name: None if name in far else "boot" for name in NAMES}, frozenset(NAMES), tuple(observers))
    found = judge(seen, cluster(), MASTER, quorum)
    assert not [name for name, node in found.nodes.items() if node.verdict.is_silent]
    assert {name for name, node in found.nodes.items() if node.verdict is NodeVerdict.CUT_OFF} == far


# --- all that may be seen of one node of three ---

TRIO = {name: node for name, node in cluster().items() if name in ("node1", "node2", "node3")}
SEEN_BY = [None, *Answer]  # None: it did not answer us


def all_looks_at_node3() -> Iterator[tuple[NodeLook, int | None]]:
    """Each with each quorum that may be asked for: 18,000."""
    for live, connected, storage, quorum in product(("boot", None), (False, True), (None, False, True), (None, 0, 1)):
        for power, *answers in product((None, *Power), SEEN_BY, SEEN_BY, SEEN_BY):
            observers = tuple(
                Observer(
                    name,
                    {"node3": answer, "node2" if name == "node1" else "node1": ANSWERS},
                    MASTER,
                    replicates_with=frozenset({"node3"} if connected else ()),
                )
                for name, answer in zip((CONTROLLER, "node1", "node2"), answers, strict=True)
                if answer
            )
            yield (
                NodeLook(
                    time=0,
                    live={"node1": "boot", "node2": "boot", "node3": live},
                    asked=frozenset({"node1", "node2"}),
                    observers=observers,
                    power={"node3": power} if power else {},
                    storage={} if storage is None else {"node3": storage},
                ),
                quorum,
            )


def test_of_all_looks_at_one_node_none_breaks_a_law() -> None:
    """Who answers anybody is not dead, nobody is without a witness, and only what its power says makes a node off."""
    found = dict.fromkeys(NodeVerdict, 0)
    for seen, quorum in all_looks_at_node3():
        verdict = judge(seen, TRIO, MASTER, quorum).nodes["node3"].verdict
        found[verdict] += 1
        witnesses = {observer.name for observer in seen.observers} - {CONTROLLER}
        if verdict.is_silent:
            assert not anybody_reaches(seen, "node3"), seen
            assert witnesses or verdict is NodeVerdict.VETOED, seen
        assert verdict is not NodeVerdict.OFF or seen.power["node3"] is Power.OFF, seen
        assert verdict is not NodeVerdict.ISOLATED or seen.power["node3"] is Power.ON, seen
    never = {NodeVerdict.DEGRADED, NodeVerdict.RETURNED}  # of a node that says nothing of itself, and is not offline
    assert {verdict for verdict, number in found.items() if number} == set(NodeVerdict) - never
