# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an administrator says of a node: offline, drained, master candidate, powered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.errors import WRONG_INPUT, WRONG_STATE, refused
from simulator.model import Node, find
from simulator.work import Log, Work, call_error, lost_seconds, node_of

if TYPE_CHECKING:
    from simulator.cluster import Cluster

FLAGS = ("master_candidate", "drained", "offline")
POOL_SIZE = 3
TOO_FEW = (
    "Not enough master candidates, please pass auto promote option to allow promotion"
    " (--auto-promote or RAPI auto_promote=True)"
)


class SetNode(Work):
    """OP_NODE_SET_PARAMS. At most one flag may become true; the others then turn false."""

    def locks(self, cluster: Cluster) -> frozenset[str]:
        """Lock the node."""
        node = find(cluster.nodes, self.op["node_name"])
        return frozenset({f"node/{node.name}"} if node else ())

    def node(self, cluster: Cluster) -> Node:
        """Return the node, and write its full name and UUID into the opcode as Ganeti does."""
        node = node_of(cluster, self.op["node_name"])
        self.op["node_name"], self.op["node_uuid"] = node.name, node.uuid
        return node

    def check(self, cluster: Cluster, log: Log, now: float) -> None:
        """Refuse what Ganeti refuses; drop what is so already; promote a node that comes back."""
        node = self.node(cluster)
        wanted = [self.op.get(flag) for flag in FLAGS]
        if wanted == [None, None, None]:
            raise refused("Please pass at least one modification", WRONG_INPUT)
        if wanted.count(True) > 1:
            raise refused("Can't set the node into more than one state at the same time", WRONG_INPUT)
        if node.name == cluster.master:
            raise refused("The master role can be changed only via master-failover", WRONG_INPUT)
        might_demote = self.op.get("master_candidate") is False or self.op.get("drained") or self.op.get("offline")
        if node.master_candidate and might_demote and not self.op["auto_promote"] and missing(cluster, node):
            raise refused(TOO_FEW, WRONG_STATE)
        for flag in FLAGS:
            if self.op.get(flag) is False and not getattr(node, flag):
                log.note(f" - INFO: Ignoring request to unset flag {flag}, already unset", now)
                del self.op[flag]
        self.check_power(node)
        self.check_return(cluster, node, log, now)

    def check_power(self, node: Node) -> None:
        """Refuse to speak of power without an out-of-band program, and to use a node again that is powered off."""
        powered = self.op.get("powered")
        if node.powered is None and powered is not None:
            text = f"Unable to change powered state for node {self.op['node_name']} as it does not support"
            raise refused(f"{text} out-of-band handling", WRONG_STATE)
        if node.powered is False and self.op.get("offline") is False and not powered:
            text = f"Node {self.op['node_name']} needs to be turned on before its offline status can be reset"
            raise refused(text, WRONG_STATE)

    def check_return(self, cluster: Cluster, node: Node, log: Log, now: float) -> None:
        """Look at a node that shall be used again: it must answer, and may become a master candidate."""
        returns = self.op.get("offline") is False or self.op.get("drained") is False
        if returns and missing(cluster, node, joining=1):
            self.op["master_candidate"] = True
            log.note(" - INFO: Auto-promoting node to master candidate", now)
        if node.offline and (returns or self.op.get("drained") or self.op.get("master_candidate")):
            if not node.alive:
                back = Node(node.name, ip=node.ip, alive=False)
                text = f"Node {node.name} is being de-offlined but fails to report its version"
                raise refused(f"{text}: {call_error(back)}", WRONG_STATE, lost_seconds(cluster, back))
            log.note(" - WARNING: Transitioning node from offline to online state without using re-add.", now)

    def apply(self, cluster: Cluster, log: Log, now: float) -> object:
        """Set the flags, and whether it is powered; return [flag, value] of each flag that changed."""
        node = self.node(cluster)
        if self.op.get("powered") is not None:
            node.powered = self.op["powered"]
        before = {flag: getattr(node, flag) for flag in FLAGS}
        true = next((flag for flag in FLAGS if self.op.get(flag)), None)
        for flag in FLAGS:
            if true is not None or self.op.get(flag) is not None:
                setattr(node, flag, flag == true)
        node.touch(now)
        self.promote_others(cluster, log, now)
        return [[flag, str(getattr(node, flag))] for flag in FLAGS if getattr(node, flag) != before[flag]]

    def promote_others(self, cluster: Cluster, log: Log, now: float) -> None:
        """Fill the pool of master candidates, where that was asked for. Ganeti leaves their `mtime` as it is."""
        for other in cluster.nodes.values():
            regular = not (other.offline or other.drained or other.master_candidate)
            if self.op["auto_promote"] and regular and missing(cluster, None):
                other.master_candidate = True
                other.serial_no += 1
                log.note(f" - INFO: Promoted nodes to master candidate role: {other.name}", now)


def missing(cluster: Cluster, without: Node | None, joining: int = 0) -> bool:
    """Whether there are fewer master candidates than there could be, not counting one node, or counting it in."""
    usable = [n for n in cluster.nodes.values() if not (n.offline or n.drained) and n is not without]
    candidates = sum(node.master_candidate for node in usable)
    return candidates < min(POOL_SIZE, len(usable) + joining)
