# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fence: what options ask for, and what is told; tests/simulated/test_fences.py has the rest."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.fence import NodeOutcome, parse_wish, tell
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption, FenceFailed
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import Node, NodeState
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.offline import NodeChange, Proof

GIVEN: dict[str, Any] = {"fence": ["node3"], "even_if": None, "fenced": [], "confirmed_by": ""}
PROOF = {"node": "node3", "method": "m" * 99, "proven": True}
NODE = Node("node3", "default", NodeState.ONLINE)


def test_what_options_ask_for() -> None:
    """Names are needed, and one proof of one kind; what a program calls itself is cut, as a tag is short."""
    with pytest.raises(BadOption, match="fence is empty"):
        parse_wish({**GIVEN, "fence": []})
    with pytest.raises(BadOption, match="exclude each other"):
        parse_wish({**GIVEN, "fenced": [PROOF], "confirmed_by": "Anna"})
    assert parse_wish({**GIVEN, "fenced": [PROOF]}).proofs == (Proof("node3", "m" * 24, True),)
    assert parse_wish({**GIVEN, "confirmed_by": "Anna"}).words == "Anna"
    named = {**PROOF, "method": "person.Anna"}  # a file may be called so
    assert parse_wish({**GIVEN, "fenced": [named]}).proofs[0].method == "file-person.Anna"


def test_what_is_told() -> None:
    """What was written, or would be; the mark shows in the diff."""
    change = NodeChange(NODE, "0000abcd", ("tag:new",), ("tag:old",), True, "is known to be off; marked offline")
    done = NodeOutcome(change, ("tag:new",), ("tag:old",), True, [7])
    told = tell([done], dry=False)
    assert told["report"] == [
        "node3: is known to be off; marked offline; added tag:new; marked it offline; removed tag:old"
    ]
    assert told["changed"] and told["nodes"][0]["jobs"] == [7] and told["nodes"][0]["error"] is None
    (diff,) = told["diff"]
    assert (diff["before"], diff["after"]) == ("tag:old\nonline\n", "tag:new\noffline\n")
    assert "would mark it offline" in tell([done], dry=True)["report"][0]
    assert not tell([NodeOutcome(change)], dry=False)["changed"]


def test_an_error_carries_what_was_done() -> None:
    """And stands before all else."""
    done = NodeOutcome(NodeChange(NODE), added=("tag:failed",), error="it lives")
    with pytest.raises(FenceFailed, match="node3: it lives") as raised:
        tell([done], dry=False)
    assert raised.value.details["changed"] and raised.value.details["nodes"][0]["tags_added"] == ["tag:failed"]
