# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node outcome: what is told of what was written about nodes."""

from __future__ import annotations

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.node_outcome import NodeOutcome, tell
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import NodeStepFailed
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import Node, NodeState
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.node_change import NodeChange

NODE = Node("node3", "default", NodeState.ONLINE)
OFFLINE = (Operation.MARK_NODE_OFFLINE,)


def test_what_is_told() -> None:
    """What was written, or would be; the mark shows in the diff."""
    change = NodeChange(NODE, "0000abcd", ("tag:new",), ("tag:old",), OFFLINE, "is known to be off")
    done = NodeOutcome(change, ("tag:new",), ("tag:old",), OFFLINE, [7], notes=["look at its disks"])
    told = tell([done], dry=False)
    assert told["report"] == [
        "node3: is known to be off; added tag:new; marked it offline; removed tag:old; look at its disks"
    ]
    assert told["changed"] and told["nodes"][0]["jobs"] == [7] and told["nodes"][0]["error"] is None
    assert told["nodes"][0]["marked"] == "offline"
    assert told["nodes"][0]["note"] == "is known to be off; look at its disks"
    (diff,) = told["diff"]
    assert (diff["before"], diff["after"]) == ("tag:old\nonline\n", "tag:new\noffline\n")
    assert "would mark it offline" in tell([done], dry=True)["report"][0]
    assert not tell([NodeOutcome(change)], dry=False)["changed"]


def test_two_marks() -> None:
    """Both are told, and the last one is what the node is."""
    marks = (Operation.MARK_NODE_CANDIDATE, Operation.MARK_NODE_REGULAR)
    told = tell([NodeOutcome(NodeChange(NODE, note="is used again"), marked=marks)], dry=False)
    assert told["report"] == ["node3: is used again; marked it master-candidate; marked it regular"]
    assert told["nodes"][0]["marked"] == "regular"


def test_an_error_carries_what_was_done() -> None:
    """And stands before all else."""
    done = NodeOutcome(NodeChange(NODE), added=("tag:failed",), error="it lives")
    with pytest.raises(NodeStepFailed, match="node3: it lives") as raised:
        tell([done], dry=False)
    assert raised.value.details["changed"] and raised.value.details["nodes"][0]["tags_added"] == ["tag:failed"]
