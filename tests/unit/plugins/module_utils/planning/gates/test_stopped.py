# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate `stopped`: in a cluster that is stopped nothing begins, and what has begun gives nothing up."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import OFFLINE, rbd, tag
from unit.plugins.module_utils.planning.gates.cases import ALLOW, BEGINS, LOSES, STEPS, action_of, next_step

from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason

HELD = [*BEGINS, *LOSES, "a failover off a drained node after a replacement"]


@pytest.mark.parametrize("what", STEPS)
def test_a_stopped_cluster_holds(what: str) -> None:
    """Also a failover off a node that is alive: the running state is lost there as well."""
    action = next_step(what, tags=[*ALLOW, tag("stop")])
    holds = what in HELD
    assert action.why is (Reason.STOPPED if holds else None)
    assert (action.kind.value == "submit") is not holds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stop", "the cluster is stopped by its tag ganeti:watcher:autorepair:stop"),
        ("Stop", ":Stop, which can't be read"),
    ],
)
def test_the_reason_names_the_tag(text: str, words: str) -> None:
    """So that somebody finds what is to be removed; one that can't be read stops as well."""
    assert action_of(rbd("web1", OFFLINE), tags=[*ALLOW, tag(text)]).reason.endswith(words)
