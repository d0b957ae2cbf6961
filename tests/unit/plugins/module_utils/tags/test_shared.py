# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tags of a cluster and its groups: each is parsed where it stands, and what it means depends on that."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import ONLINE, cluster, rbd, tag

from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.shared import SharedTags, shared_tags
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.values import TagSet, parse_tags

STOP, SUSPEND, ALLOW = tag("stop"), tag("suspend"), tag("migrate")
SHARED = [
    ("none", [], {}, TagSet(), {"default": TagSet()}),
    ("of the cluster", [ALLOW], {}, parse_tags([ALLOW]), {"default": TagSet()}),
    ("of a group", [], {"default": [SUSPEND]}, TagSet(), {"default": parse_tags([SUSPEND])}),
    (
        "of a group without nodes beside another",
        [],
        {"rack1": [SUSPEND]},
        TagSet(),
        {"default": TagSet(), "rack1": parse_tags([SUSPEND])},
    ),
    ("of somebody else", ["production"], {"default": ["rack"]}, TagSet(), {"default": TagSet()}),
]


@pytest.mark.parametrize(
    ("texts", "groups", "of_cluster", "of_groups"), [row[1:] for row in SHARED], ids=[row[0] for row in SHARED]
)
def test_shared_tags(
    texts: list[str], groups: dict[str, list[str]], of_cluster: TagSet, of_groups: dict[str, TagSet]
) -> None:
    """Each group has its own, by its name; those of instances are not among them."""
    one = cluster(rbd("web1", ONLINE, tag("failover")), tags=texts, group_tags=groups)
    assert shared_tags(one) == SharedTags(of_cluster, of_groups)


def test_a_stop_means_something_on_the_cluster_alone() -> None:
    """On a group it is a tag that can't be read."""
    found = shared_tags(cluster(rbd("web1", ONLINE), tags=[STOP], group_tags={"default": [STOP]}))
    assert [stop.tag for stop in found.cluster.stops] == [STOP]
    assert not found.cluster.malformed
    assert not found.groups["default"].stops
    assert [bad.tag for bad in found.groups["default"].malformed] == [STOP]
