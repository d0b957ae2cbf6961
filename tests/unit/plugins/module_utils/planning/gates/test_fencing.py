# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate `fencing`: a node that may be alive may run the instance still."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.plugins.module_utils.builders import DRAINED, OFFLINE, ONLINE, Placed, drbd, rbd
from unit.plugins.module_utils.planning.gates.cases import BOTH, LOSES, STEPS, action_of, next_step

from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Fencing

HELD = [
    "a failover",
    "a failover that was asked for",
    "a failover to the secondary",
    "new disks",
    "new disks on two nodes",
    *LOSES,
]


@pytest.mark.parametrize("what", STEPS)
def test_a_missing_proof_holds(what: str) -> None:
    """What gives up something that a dead node may have still."""
    action = next_step(what, limits={"fencing": Fencing.CONFIRMED})
    holds = what in HELD
    assert action.why is (Reason.FENCING if holds else None)
    assert (action.kind.value == "submit") is not holds


def _powered(one: Placed, *states: bool | None) -> Placed:
    """`one` on nodes of which Ganeti knows this."""
    nodes = tuple(replace(node, powered=powered) for node, powered in zip(one.nodes, states, strict=True))
    return replace(one, nodes=nodes)


WEB = rbd("web1.example.com", OFFLINE)


POWER = [
    ("it is off", WEB, (False,), ""),
    ("it is on", WEB, (True,), "Ganeti lists web1.example.com-p as powered on (fencing: powered_off)"),
    (
        "nobody knows",
        WEB,
        (None,),
        "Ganeti does not know whether web1.example.com-p is powered on: it has no oob_program (fencing: powered_off)",
    ),
    ("both are off", BOTH, (False, False), ""),
    ("the primary is on", BOTH, (True, False), "Ganeti lists web1-p as powered on"),
    ("the secondary is on", BOTH, (False, True), "Ganeti lists web1-s as powered on"),
    ("of the secondary nobody knows", BOTH, (False, None), "Ganeti does not know whether web1-s is powered"),
    ("one is on, of the other nobody knows", BOTH, (None, True), "Ganeti lists web1-p and web1-s as powered on"),
    ("a failover asks for the primary alone", drbd("web1", OFFLINE, ONLINE), (False, True), ""),
    ("and for that", drbd("web1", OFFLINE, ONLINE), (True, True), "Ganeti lists web1-p as powered on"),
    ("a replacement of the secondary asks for nothing", drbd("web1", ONLINE, OFFLINE), (True, True), ""),
    ("nor does a migration", drbd("web1", DRAINED, ONLINE), (True, True), ""),
    ("nor a replacement before a migration", drbd("web1", DRAINED, OFFLINE), (True, True), ""),
    ("nor a failover of a node that is alive", rbd("web1", DRAINED, always_failover=True), (True,), ""),
]


@pytest.mark.parametrize(("one", "states", "words"), [row[1:] for row in POWER], ids=[row[0] for row in POWER])
def test_powered_off(one: Placed, states: tuple[bool | None, ...], words: str) -> None:
    """What Ganeti knows; what it doesn't know is no proof."""
    action = action_of(_powered(one, *states), limits={"fencing": Fencing.POWERED_OFF})
    assert (action.kind.value, action.why) == (("hold", Reason.FENCING) if words else ("submit", None))
    assert f"; held: {words}" in action.reason or not words


CONFIRMED = [
    ("nobody has said anything", WEB, (), "nobody has confirmed that web1.example.com-p is off (fencing: confirmed)"),
    ("its name", rbd("web1", OFFLINE), ("web1-p",), ""),
    ("another's name", rbd("web1", OFFLINE), ("web2-p",), "nobody has confirmed that web1-p is off"),
    ("its name in capitals", rbd("web1", OFFLINE), ("WEB1-P",), ""),
    ("both", BOTH, ("web1-p", "web1-s"), ""),
    ("the primary alone", BOTH, ("web1-p",), "nobody has confirmed that web1-s is off"),
    ("the secondary alone", BOTH, ("web1-s",), "nobody has confirmed that web1-p is off"),
    ("neither", BOTH, (), "nobody has confirmed that web1-p and web1-s is off"),
    ("a failover asks for the primary alone", drbd("web1", OFFLINE, ONLINE), ("web1-p",), ""),
    ("and for that", drbd("web1", OFFLINE, ONLINE), ("web1-s",), "nobody has confirmed that web1-p is off"),
    ("what Ganeti knows does not count", _powered(BOTH, False, False), (), "nobody has confirmed that web1-p and"),
]


@pytest.mark.parametrize(("one", "names", "words"), [row[1:] for row in CONFIRMED], ids=[row[0] for row in CONFIRMED])
def test_confirmed(one: Placed, names: tuple[str, ...], words: str) -> None:
    """What a person says."""
    limits = {"fencing": Fencing.CONFIRMED, "fenced_nodes": names}
    action = action_of(one, rbd("web2", ONLINE), limits=limits)
    assert (action.kind.value, action.why) == (("hold", Reason.FENCING) if words else ("submit", None))
    assert f"; held: {words}" in action.reason or not words
