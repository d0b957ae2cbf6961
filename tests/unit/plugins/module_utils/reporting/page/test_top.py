# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Top: how old the look is, whether somebody is needed, and what is to be read before all else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from unit.plugins.module_utils.builders import NOW
from unit.plugins.module_utils.scenes import large, looked_at, night

from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.page import top
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.page.parts import moment
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import Look, report_of

QUIET, NIGHT = large(0), night()
NOTICE = {"instance": None, "action": "report", "scope": "group", "name": "rack1", "reason": "two tags differ"}
STRAY = {"instance": "web1", "node": "node1", "primary": "node2"}
THREE = "1 node, 1 guest and 1 tag need you"
PROD, LAB = Look("prod", NIGHT), Look("lab", None, "no route")


def noticed(number: int, facts: Mapping[str, Any] = QUIET) -> Look:
    """A cluster with so many tags that need somebody."""
    return Look("tags", {**facts, "plan": {**facts["plan"], "actions": [NOTICE] * number}})


LOOKED = [
    ("nobody could ever read it", [LAB], "never read", None),
    ("it could be read before", [Look("lab", None, "no route", time=NOW - 60)], "last read", NOW - 60),
    ("it was read", [PROD], "looked at", NOW),
    ("more than one", [PROD, LAB], "2 clusters looked at", NOW),
]


@pytest.mark.parametrize(("case", "looks", "words", "when"), LOOKED, ids=lambda one: str(one)[:30])
def test_the_look(case: str, looks: Sequence[Look], words: str, when: int | None) -> None:
    """What it was, and when."""
    look = top.look_of(report_of(looks, NOW))
    assert (look.words, look.when) == (words, moment(when))


def test_the_last_round() -> None:
    """It is told of one cluster, if one was played."""
    played = Look("prod", NIGHT, last_round=NOW - 60)
    assert top.look_of(report_of([played], NOW)).last_round == moment(NOW - 60)
    assert top.look_of(report_of([PROD], NOW)).last_round is None


@pytest.mark.parametrize(
    ("drained", "paused", "note"),
    [
        (False, 0, ""),
        (True, 0, "the job queue is drained"),
        (None, 0, "RAPI does not say whether the job queue is drained or the watcher is paused"),
        (True, None, "RAPI does not say whether the job queue is drained or the watcher is paused"),
    ],
)
def test_the_cluster(drained: bool | None, paused: int | None, note: str) -> None:
    """What it says of itself, with a note on its job queue."""
    cluster = {**NIGHT["cluster"], "queue_drained": drained, "watcher_paused_until": paused}
    look = top.look_of(report_of([Look("prod", {**NIGHT, "cluster": cluster})], NOW))
    assert look.cluster == top.ClusterView("cluster.example.com", "3.0.2", "node1.example.com", note)


VERDICTS = [
    ([Look("quiet", QUIET, nodes=looked_at())], "healthy", "Nothing needs you"),
    ([Look("quiet", QUIET)], "unasked", "Nothing needs you, as far as the marks of the nodes say"),
    ([Look("quiet", QUIET, nodes=looked_at(node1="dark"))], "needs", "1 node needs you"),
    ([Look("quiet", QUIET, nodes=looked_at(node1="dark")), PROD], "needs", "4 instances and 1 node need you"),
    ([Look("quiet", QUIET, nodes={**looked_at(node1="returned"), "strays": [STRAY]}), noticed(1)], "needs", THREE),
    ([PROD], "needs", "4 instances need you"),
    ([noticed(1)], "needs", "1 tag needs you"),
    ([noticed(2)], "needs", "2 tags need you"),
    ([PROD, noticed(2)], "needs", "4 instances and 2 tags need you"),
    ([LAB], "unread", "1 cluster could not be read"),
    ([LAB, PROD], "unread", "1 cluster could not be read; 4 instances need you"),
    ([LAB, Look("quiet", QUIET, nodes=looked_at())], "unread", "1 cluster could not be read; nothing needs you"),
]


@pytest.mark.parametrize(("looks", "kind", "words"), VERDICTS, ids=lambda one: str(one)[:50])
def test_the_verdict(looks: Sequence[Look], kind: str, words: str) -> None:
    """Instances come first, and what could not be read before all; a node that nobody has asked is not well."""
    verdict = top.verdict_of(report_of(looks, NOW))
    assert (verdict.kind, verdict.words) == (kind, words)


def test_the_rest_in_numbers() -> None:
    """Of all clusters that could be read."""
    assert top.verdict_of(report_of([PROD, LAB], NOW)).rest == (
        "6 under repair · 1 on hold · 14 of 25 healthy · nobody has asked all nodes whether they answer"
    )
    asked = Look("prod", NIGHT, nodes=looked_at())
    assert top.verdict_of(report_of([asked, LAB], NOW)).rest == "6 under repair · 1 on hold · 14 of 25 healthy"


TRIPPED = {**QUIET["breaker"], "tripped": True, "reason": "5 of 9 nodes are broken"}
ALARMS = [  # what is so; what is said
    ("all is quiet", Look("prod", QUIET), []),
    (
        "a node and a guest",
        Look("prod", QUIET, nodes={**looked_at(node1="dark"), "strays": [STRAY]}),
        [
            "a guest runs where it does not belong. web1 runs on node1, but node2 is its primary node.",
            "a node is in trouble. nobody reaches node1.",
        ],
    ),
    (
        "many nodes",
        Look("prod", QUIET, nodes={**looked_at(**{f"node{at}": "unknown" for at in range(1, 8)}), "stopped": "lost"}),
        [
            "no silent node is judged. lost.",
            *(f"a node is in trouble. nobody reaches node{at}." for at in range(1, 6)),
            "more nodes are in trouble: node6.example.com, node7.example.com",
        ],
    ),
    ("nobody could read it", LAB, ["could not be read. no route"]),
    (
        "all is stopped",
        Look("prod", {**QUIET, "stopped": "the watcher is paused", "breaker": TRIPPED}),
        ["stopped. Nothing begins, as the watcher is paused."],
    ),
    ("a breaker", Look("prod", {**QUIET, "breaker": TRIPPED}), ["no repair begins. 5 of 9 nodes are broken"]),
    (
        "tags and nodes",
        noticed(1, {**QUIET, "plan": {**QUIET["plan"], "fence": ["node1", "node2"]}}),
        [
            "needs you. group rack1: two tags differ",
            "fencing. steps wait until these nodes are confirmed to be off: node1, node2.",
        ],
    ),
]


@pytest.mark.parametrize(("case", "look", "told"), ALARMS, ids=lambda one: str(one)[:30])
def test_alarms(case: str, look: Look, told: Sequence[str]) -> None:
    """What stops all comes first, and only the widest of it is told."""
    alarms = top.alarms_of(report_of([look], NOW))
    assert [f"{alarm.what} {alarm.words}" for alarm in alarms] == told


def test_whose_alarm_it_is() -> None:
    """The cluster is named where there are more."""
    assert [alarm.cluster for alarm in top.alarms_of(report_of([LAB], NOW))] == [""]
    assert [alarm.cluster for alarm in top.alarms_of(report_of([PROD, LAB], NOW))] == ["lab"]
