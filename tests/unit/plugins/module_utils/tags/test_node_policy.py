# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node policy: the nearest tag decides, and what can't be read permits nothing."""

from __future__ import annotations

from itertools import product

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import NODEWATCH
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.node_policy import NodePolicy, node_policy
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.nodewatch import (
    UNREAD,
    NodePermission,
    NodeTags,
    parse_node_tags,
)

NOW = 1000.0
KINDS = ("node", "group", "cluster")
WORDS = ("", "restart", "fence", "readmit", "suspend", "suspend:999", "fenec", "suspect:u:1:off")


def policy_from(*words: str | NodeTags) -> NodePolicy:
    """The policy from the tags of a node, its group and its cluster: words joined by spaces, or tags."""
    tags = [
        each if isinstance(each, NodeTags) else parse_node_tags(NODEWATCH + word for word in each.split())
        for each in words
    ]
    return node_policy(zip(KINDS, tags, strict=True), NOW)


@pytest.mark.parametrize(
    ("tags", "level", "source"),
    [
        (("", "", "fence"), NodePermission.FENCE, "cluster"),
        (("restart", "", "fence"), NodePermission.RESTART, "node"),
        (("", "drain fence", "restart"), NodePermission.DRAIN, "group"),
        (("readmit", "", "fence"), NodePermission.FENCE, "cluster"),
        (("suspend:999", "", "fence"), NodePermission.FENCE, "cluster"),
        (("suspect:u:1:off", "", "fence"), NodePermission.FENCE, "cluster"),
        (("fence", "", "suspend"), NodePermission.FENCE, "node"),
        (("", "", ""), None, None),
    ],
)
def test_the_nearest_decides(tags: tuple[str, ...], level: NodePermission | None, source: str | None) -> None:
    """The least of several on one object; what is expired or only remembered does not count."""
    found = policy_from(*tags)
    assert (found.level, found.source, found.suspended_until) == (level, source, None)


@pytest.mark.parametrize("stop", ["suspend", "suspend:1001", "fenec", UNREAD])
@pytest.mark.parametrize("others", list(product(("", "fence readmit"), repeat=2)))
def test_a_stop_stops(stop: str | NodeTags, others: tuple[str, str]) -> None:
    """Whatever stands beside it and on the objects after it; also where the cluster did not give the tags."""
    beside = stop if isinstance(stop, NodeTags) else f"{stop} failover-master readmit"
    found = policy_from(beside, *others)
    assert (found.level, found.readmit, found.source) == (None, False, "node")
    assert found.suspended_until and bool(found.unreadable) == (stop in ("fenec", UNREAD))


@pytest.mark.parametrize("tags", list(product(WORDS, repeat=3)))
def test_nothing_is_permitted_that_no_tag_permits(tags: tuple[str, str, str]) -> None:
    """Neither a level nor a return, in any combination (N12)."""
    found, written = policy_from(*tags), " ".join(tags).split()
    assert found.level is None or found.level.label in written
    assert not found.readmit or "readmit" in written
    assert found.suspended_until is None or found.level is None
