# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node change: whether there is something to write."""

from __future__ import annotations

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import Node, NodeState
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.node_change import NodeChange, all_but
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.nodewatch import NodeStage, Staged

NODE = Node("node3", "default", NodeState.OFFLINE)


@pytest.mark.parametrize("part", [{"add": ("tag",)}, {"remove": ("tag",)}, {"marks": (Operation.MARK_NODE_DRAINED,)}])
def test_a_change_is_needed_if_it_writes_anything(part: dict[str, tuple[str, ...]]) -> None:
    """Words alone write nothing."""
    assert NodeChange(NODE, **part).needed  # type: ignore[arg-type]
    assert not NodeChange(NODE, note="it is well", error="or not", volumes=(("xenvg/a", "web1"),)).needed


def test_all_but_one_tag() -> None:
    """The order stays."""
    own = [Staged(tag, NodeStage.FENCED, "uuid", 5) for tag in ("a", "b", "c")]
    assert all_but("b", own) == ("a", "c") and all_but("", own) == ("a", "b", "c")
