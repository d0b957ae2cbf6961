# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Incident: a verdict counts after equal looks and an age, which a tag remembers; an answer in between ends it."""

from __future__ import annotations

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.incident import (
    LONGEST_MEMORY,
    Incident,
    Patience,
    incidents_of,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.judge import Judged, Judgement, NodeVerdict

NOW = 1_000_000.0
NAMES = {verdict.value: verdict for verdict in NodeVerdict}


def incident(verdicts: str, remembered: float | None = None, patience: Patience | None = None) -> Incident | None:
    """The incident of a node whose verdicts were these, ten seconds apart, the last one at NOW; `-` for none."""
    words = verdicts.split()
    looks = []
    for at, word in enumerate(words, 1):
        nodes = {} if word == "-" else {"node3": Judged(NAMES[word], word)}
        looks.append((NOW - 10 * (len(words) - at), Judgement(nodes, "", (), ())))
    memory = {} if remembered is None else {"node3": remembered}
    return incidents_of(looks, memory, patience or Patience()).get("node3")


# what was seen -> the verdicts, when a tag says that it began, since when it is so, what is missing
TABLE = [
    ("one look", "isolated", None, NOW, "seen in 1 of 3 looks"),
    ("one look, and a tag", "isolated", NOW - 500, NOW - 500, "seen in 1 of 3 looks"),
    ("three looks", "isolated isolated isolated", None, NOW - 20, "so for 20 of 120 s"),
    ("three looks, and a tag", "isolated isolated isolated", NOW - 120, NOW - 120, ""),
    ("a tag that is too young", "isolated isolated isolated", NOW - 119, NOW - 119, "so for 119 of 120 s"),
    (
        "a tag of the day before",
        "isolated isolated isolated",
        NOW - 2 * LONGEST_MEMORY,
        NOW - 20,
        "so for 20 of 120 s",
    ),
    ("a tag from the future", "isolated isolated isolated", NOW + 5, NOW - 20, "so for 20 of 120 s"),
    ("an answer in between", "isolated healthy isolated isolated isolated", NOW - 500, NOW - 20, "so for 20 of 120 s"),
    ("not seen in between", "isolated - isolated isolated isolated", NOW - 500, NOW - 20, "so for 20 of 120 s"),
    ("another sickness in between", "isolated unknown isolated", NOW - 500, NOW - 500, "seen in 1 of 3 looks"),
    ("a sickness that became another", "deaf isolated isolated isolated", NOW - 500, NOW - 500, ""),
    ("found off", "off off off", NOW - 30, NOW - 30, ""),
    ("found off just now", "off off off", None, NOW - 20, "so for 20 of 30 s"),
    ("hung as long as a dead one needs", "hung hung hung", NOW - 120, NOW - 120, "so for 120 of 600 s"),
    ("degraded for long", "degraded degraded degraded", NOW - 600, NOW - 600, ""),
    ("cut off, for which nobody waits", "cut_off cut_off cut_off", None, NOW - 20, ""),
]


@pytest.mark.parametrize(
    ("verdicts", "remembered", "since", "missing"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_it_is_so_since(verdicts: str, remembered: float | None, since: float, missing: str) -> None:
    """And what is missing for the verdict to count is said."""
    found = incident(verdicts, remembered)
    assert found is not None
    assert (found.since, found.missing) == (since, missing)


@pytest.mark.parametrize("verdicts", ["healthy", "isolated isolated isolated healthy", "isolated -", "-", ""])
def test_there_is_none(verdicts: str) -> None:
    """Of a node that is healthy by the last look, or that it does not judge."""
    assert incident(verdicts, NOW - 500) is None


@pytest.mark.parametrize("looks", [1, 2, 5])
def test_no_verdict_counts_after_fewer_looks_than_asked_for(looks: int) -> None:
    """N5, whatever a tag remembers."""
    patience = Patience(looks=looks, dead_after=0)
    counts = [seen for seen in range(1, 8) if not found_missing(" ".join(["isolated"] * seen), patience)]
    assert counts == list(range(looks, 8))


def found_missing(verdicts: str, patience: Patience) -> str:
    """What is missing for a verdict to count."""
    found = incident(verdicts, NOW - 500, patience)
    assert found is not None
    return found.missing
