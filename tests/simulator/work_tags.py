# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tags: set and delete, on the cluster, groups, nodes and instances.

Tag jobs on an instance take its lock (Ganeti: cmdlib/tags.py), so they wait for a running repair.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from simulator.errors import NOT_KNOWN, OpError, failed, refused
from simulator.model import Tagged, find
from simulator.work import Log, Work

if TYPE_CHECKING:
    from simulator.cluster import Cluster

MAX_TAG_LENGTH = 128
VALID_TAG = re.compile(r"[\w.+*/:@-]+\Z", re.ASCII)
UNKNOWN = {
    "instance": "Instance '{}' not known",
    "node": "Node '{}' not known",
    "nodegroup": "Node group '{}' not found",
    "network": "Network '{}' not found",
}


NO_GROUP = "More than one node group exists. Target group must be specified explicitly."


class TagWork(Work):
    """What setting and deleting have in common."""

    def locks(self, cluster: Cluster) -> frozenset[str]:
        """Lock the instance or node; groups and the cluster need none."""
        kind, found = self.op["kind"], self.find(cluster)
        return frozenset({f"{kind}/{found.name}"} if found and kind in ("instance", "node") else ())

    def find(self, cluster: Cluster) -> Tagged | None:
        """Return the object that is meant, or None."""
        if self.op["kind"] == "cluster":
            return cluster
        return find(cluster.tagged.get(self.op["kind"], {}), self.op.get("name"))

    def target(self, cluster: Cluster) -> Tagged:
        """Return the object that is meant; raise OpError if there is none."""
        found, name = self.find(cluster), self.op.get("name")
        if found is None and name is None and self.op["kind"] == "nodegroup":
            raise OpError("OpPrereqError", NO_GROUP)
        if found is None and name is None:
            raise failed("'NoneType' object has no attribute 'upper'")
        if found is None:
            raise refused(UNKNOWN[self.op["kind"]].format(self.op.get("name")), NOT_KNOWN)
        return found

    def check(self, cluster: Cluster, log: Log, now: float) -> None:
        """Refuse an unknown object, and tags that can't be."""
        self.target(cluster)
        for tag in self.op["tags"]:
            if len(tag) > MAX_TAG_LENGTH:
                raise OpError("TagError", f"Tag too long (>{MAX_TAG_LENGTH} characters)")
            if not VALID_TAG.match(tag):
                raise OpError("TagError", "Tag contains invalid characters")


class SetTags(TagWork):
    """OP_TAGS_SET: tags that are set already are no error."""

    def apply(self, cluster: Cluster, log: Log, now: float) -> object:
        """Add the tags."""
        target = self.target(cluster)
        target.tags.update(self.op["tags"])
        target.touch(now)
        return None


class DeleteTags(TagWork):
    """OP_TAGS_DEL: one tag that is not set, and none is deleted."""

    def check(self, cluster: Cluster, log: Log, now: float) -> None:
        """Refuse also what is not set."""
        super().check(cluster, log, now)
        missing = sorted(set(self.op["tags"]) - self.target(cluster).tags)
        if missing:
            names = ", ".join(f"'{tag}'" for tag in missing)
            raise refused(f"Tag(s) {names} not found", NOT_KNOWN)

    def apply(self, cluster: Cluster, log: Log, now: float) -> object:
        """Take the tags away."""
        target = self.target(cluster)
        target.tags.difference_update(self.op["tags"])
        target.touch(now)
        return None
