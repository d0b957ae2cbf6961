# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Incident: a verdict counts after equal looks and an age, which a tag remembers; an answer in between ends it."""

from __future__ import annotations

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.incident import (
    Incident,
    Patience,
    Remembered,
    incidents_of,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.judge import Judged, Judgement, NodeVerdict

NOW = 1_000_000.0
NAMES = {verdict.value: verdict for verdict in NodeVerdict}
AN_HOUR = 3600


def incident(
    verdicts: str, remembered: str = "", patience: Patience | None = None, gap: float = 10, now: float = NOW
) -> Incident | None:
    """The incident of a node whose verdicts were these, `gap` seconds apart, the last one at NOW; `-` for none.

    `remembered` is what a tag says: a verdict, and how many seconds ago.
    """
    words = verdicts.split()
    looks = []
    for at, word in enumerate(words, 1):
        nodes = {} if word == "-" else {"node3": Judged(NAMES[word], word)}
        looks.append((NOW - gap * (len(words) - at), Judgement(nodes, "", (), ())))
    memory = {}
    if remembered:
        verdict, ago = remembered.split()
        memory["node3"] = Remembered(NOW - float(ago), NAMES[verdict])
    return incidents_of(looks, memory, patience or Patience(), now).get("node3")


DEAD = "isolated isolated isolated"
# what was seen -> the verdicts, what a tag says, since how many seconds it is so, what is missing
TABLE = [
    ("one look", "isolated", "", 0, "seen in 1 of 3 looks"),
    ("one look, and a tag", "isolated", "isolated 500", 500, "seen in 1 of 3 looks"),
    ("three looks", DEAD, "", 20, "so for 20 of 120 s"),
    ("three looks, and a tag", DEAD, "isolated 120", 120, ""),
    ("a tag that is too young", DEAD, "isolated 119", 119, "so for 119 of 120 s"),
    ("a tag that nobody may have confirmed", DEAD, f"isolated {AN_HOUR}", 20, "so for 20 of 120 s"),
    ("a tag from the future", DEAD, "isolated -5", 20, "so for 20 of 120 s"),
    ("a tag of another sickness without an answer", DEAD, "hung 500", 500, ""),
    ("a tag of a sickness with answers", DEAD, "deaf 500", 20, "so for 20 of 120 s"),
    ("a tag of a node that was not judged", DEAD, "unknown 500", 20, "so for 20 of 120 s"),
    ("an answer in between", f"isolated healthy {DEAD}", "isolated 500", 20, "so for 20 of 120 s"),
    ("cut off in between", f"isolated cut_off {DEAD}", "isolated 500", 20, "so for 20 of 120 s"),
    ("not judged in between", f"isolated unknown {DEAD}", "isolated 500", 20, "so for 20 of 120 s"),
    ("not seen in between", f"isolated - {DEAD}", "isolated 500", 20, "so for 20 of 120 s"),
    ("deaf, and then silent", f"deaf {DEAD}", "deaf 500", 20, "so for 20 of 120 s"),
    ("dark, and then its power answers", f"dark {DEAD}", "dark 500", 500, ""),
    ("another silence in between", "isolated dark isolated", "isolated 500", 500, "seen in 1 of 3 looks"),
    ("found off", "off off off", "off 30", 30, ""),
    ("found off just now", "off off off", "", 20, "so for 20 of 30 s"),
    ("hung as long as a dead one needs", "hung hung hung", "hung 120", 120, "so for 120 of 600 s"),
    ("degraded for long", "degraded degraded degraded", "degraded 600", 600, ""),
    ("degraded, after something else", "degraded degraded degraded", "deaf 600", 20, "so for 20 of 600 s"),
    ("deaf", "deaf deaf deaf", "", 20, ""),
    ("deaf, once", "deaf", "", 0, "seen in 1 of 3 looks"),
    ("back, once: a proof is void at once", "returned", "", 0, ""),
    ("its storage lives, once", "vetoed", "", 0, ""),
    ("cut off, once", "cut_off", "", 0, ""),
]


@pytest.mark.parametrize(
    ("verdicts", "remembered", "since", "missing"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_it_is_so_since(verdicts: str, remembered: str, since: float, missing: str) -> None:
    """And what is missing for the verdict to count is said."""
    found = incident(verdicts, remembered)
    assert found is not None
    assert (NOW - found.since, found.missing) == (since, missing)


@pytest.mark.parametrize("verdicts", ["healthy", f"{DEAD} healthy", "isolated -", "-", ""])
def test_there_is_none(verdicts: str) -> None:
    """Of a node that is healthy by the last look, or that it does not judge."""
    assert incident(verdicts, "isolated 500") is None


# how far apart the looks are, and how late it is -> what is missing
TIMES = [
    ("far apart", 61, 0, "seen in 1 of 3 looks"),
    ("just near enough", 60, 0, ""),
    ("too close", 2, 0, "seen in 1 of 3 looks"),
    ("just far enough", 5, 0, ""),
    ("of a minute ago", 10, 60, ""),
    ("older", 10, 61, "the last look is 61 s old"),
    ("of the future", 10, -1, "the last look is 1 s ahead of the clock"),
]


@pytest.mark.parametrize(("gap", "late", "missing"), [row[1:] for row in TIMES], ids=[row[0] for row in TIMES])
def test_looks_have_to_be(gap: float, late: float, missing: str) -> None:
    """Of now, and of several times."""
    found = incident(DEAD, "isolated 600" if gap <= 60 else "", Patience(), gap, NOW + late)
    assert found is not None
    assert found.missing == missing


def test_looks_count_in_the_order_of_their_times() -> None:
    """In whatever order they are given."""
    sick = Judgement({"node3": Judged(NodeVerdict.ISOLATED, "")}, "", (), ())
    well = Judgement({"node3": Judged(NodeVerdict.HEALTHY, "")}, "", (), ())
    assert incidents_of([(NOW, well), (NOW - 10, sick)], {}, Patience(), NOW) == {}


@pytest.mark.parametrize("looks", [1, 2, 5])
def test_no_verdict_counts_after_fewer_looks_than_asked_for(looks: int) -> None:
    """N5, whatever a tag remembers."""
    patience = Patience(looks=looks, dead_after=0)
    found = [incident(" ".join(["isolated"] * seen), "isolated 500", patience) for seen in range(1, 8)]
    assert [at for at, one in enumerate(found, 1) if one and not one.missing] == list(range(looks, 8))
