# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fields that queries can ask for: title, kind and description as Ganeti gives them, and where the value is from.

Fields of real Ganeti that are missing here answer as unknown ones do; README.md says which matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from simulator.model import Group, Instance, Node, nice
from simulator.policy import ipolicy

if TYPE_CHECKING:
    from simulator.cluster import Cluster

Item = TypeVar("Item")
NORMAL, UNKNOWN, NO_DATA, UNAVAILABLE, OFFLINE = range(5)  # result statuses (Ganeti: RS_*)


@dataclass(frozen=True)
class Absent:
    """There is no value; the status says why."""

    status: int


@dataclass(frozen=True)
class Field(Generic[Item]):
    """A field of an item. A `live` one is asked of the node, which costs time if that is dead."""

    title: str
    kind: str
    doc: str
    value: Callable[[Cluster, Item], Any]
    live: bool = False


Fields = Mapping[str, Field[Any]]


def live(read: Callable[[Cluster, Node], object]) -> Callable[[Cluster, Node], object]:
    """Return a reader of what only the node itself knows: a dead node gives no data, an offline one isn't asked."""

    def ask(cluster: Cluster, node: Node) -> object:
        if node.offline:
            return Absent(OFFLINE)
        return read(cluster, node) if node.alive else Absent(NO_DATA)

    return ask


def role(cluster: Cluster, node: Node) -> str:
    """Return M, O, D, C or R."""
    if node.name == cluster.master:
        return "M"
    flags = {"O": node.offline, "D": node.drained, "C": node.master_candidate}
    return next((letter for letter, on in flags.items() if on), "R")


def powered(cluster: Cluster, node: Node) -> object:
    """Return what the administrator says of its power: nothing without an out-of-band program. No node is asked."""
    return Absent(UNAVAILABLE) if node.powered is None else node.powered


def primaries(cluster: Cluster, node: Node) -> list[str]:
    """Return the names of the instances whose primary a node is."""
    return sorted((i.name for i in cluster.instances.values() if i.primary == node.name), key=nice)


def secondaries(cluster: Cluster, node: Node) -> list[str]:
    """Return the names of the instances whose secondary a node is."""
    return sorted((i.name for i in cluster.instances.values() if node.name in i.secondaries), key=nice)


def runs(cluster: Cluster, instance: Instance) -> object:
    """Return whether any node says that it runs the instance; without the primary's word there is no answer."""
    if not_reachable(cluster.nodes[instance.primary]):
        return Absent(NO_DATA)
    return any(not not_reachable(cluster.nodes[name]) for name in instance.running_on)


def not_reachable(node: Node) -> bool:
    """Whether a node can't be asked."""
    return node.offline or not node.alive


def running_value(
    read: Callable[[Instance], object],
) -> Callable[[Cluster, Instance], object]:
    """Return a reader of what a running instance has."""

    def ask(cluster: Cluster, instance: Instance) -> object:
        primary = cluster.nodes[instance.primary]
        if not_reachable(primary):
            return Absent(OFFLINE if primary.offline else NO_DATA)
        return read(instance) if runs(cluster, instance) is True else Absent(UNAVAILABLE)

    return ask


def status(cluster: Cluster, instance: Instance) -> str:
    """Return the status as `gnt-instance list` shows it: the node's state outweighs the instance's."""
    primary = cluster.nodes[instance.primary]
    if primary.offline:
        return "ERROR_nodeoffline"
    if not primary.alive:
        return "ERROR_nodedown"
    if primary.name in instance.running_on:
        return "running" if instance.admin_state == "up" else "ERROR_up"
    if runs(cluster, instance) is True:
        return "ERROR_wrongnode"
    return {"up": "ERROR_down", "down": "ADMIN_down"}.get(instance.admin_state, "ADMIN_offline")


def common(subject: str) -> dict[str, Field[Any]]:
    """Return the fields that nodes, instances and groups have in common."""
    serial = f"{subject} object serial number, incremented on each modification"
    return {
        "uuid": Field("UUID", "text", f"{subject} UUID", lambda c, x: x.uuid),
        "tags": Field("Tags", "other", "Tags", lambda c, x: sorted(x.tags)),
        "serial_no": Field("SerialNo", "number", serial, lambda c, x: x.serial_no),
        "ctime": Field("CTime", "timestamp", "Creation timestamp", lambda c, x: x.ctime),
        "mtime": Field("MTime", "timestamp", "Modification timestamp", lambda c, x: x.mtime),
    }


ROLES = ('"M" for master', '"C" for master candidate', '"R" for regular', '"D" for drained', '"O" for offline')
NODE_FIELDS: Fields = common("Node") | {
    "name": Field("Node", "text", "Node name", lambda c, n: n.name),
    "offline": Field("Offline", "bool", "Whether node is marked offline", lambda c, n: n.offline),
    "drained": Field("Drained", "bool", "Whether node is drained", lambda c, n: n.drained),
    "master_candidate": Field("MasterC", "bool", "Whether node is a master candidate", lambda c, n: n.master_candidate),
    "master_capable": Field("MasterCapable", "bool", "Whether node can become a master candidate", lambda c, n: True),
    "vm_capable": Field("VMCapable", "bool", "Whether node can host instances", lambda c, n: n.vm_capable),
    "role": Field("Role", "text", f"Node role; {', '.join(ROLES)}", role),
    "master": Field("IsMaster", "bool", "Whether node is master", lambda c, n: n.name == c.master),
    "pip": Field("PrimaryIP", "text", "Primary IP address", lambda c, n: n.ip),
    "sip": Field("SecondaryIP", "text", "Secondary IP address", lambda c, n: n.ip),
    "group": Field("Group", "text", "Node group", lambda c, n: n.group),
    "group.uuid": Field("GroupUUID", "text", "UUID of node group", lambda c, n: c.groups[n.group].uuid),
    "powered": Field("Powered", "bool", "Whether node is thought to be powered on", powered),
    "pinst_cnt": Field(
        "Pinst", "number", "Number of instances with this node as primary", lambda c, n: len(primaries(c, n))
    ),
    "sinst_cnt": Field(
        "Sinst", "number", "Number of instances with this node as secondary", lambda c, n: len(secondaries(c, n))
    ),
    "pinst_list": Field("PriInstances", "other", "List of instances with this node as primary", primaries),
    "sinst_list": Field("SecInstances", "other", "List of instances with this node as secondary", secondaries),
    "bootid": Field(
        "BootID",
        "text",
        "Random UUID renewed for each system reboot, can be used for detecting reboots by tracking changes",
        live(lambda c, n: n.boot_id),
        True,
    ),
    "mtotal": Field("MTotal", "unit", "Total amount of memory of physical machine", live(lambda c, n: n.memory), True),
    "mnode": Field(
        "MNode", "unit", "Amount of memory used by node (dom0 for Xen)", live(lambda c, n: n.memory_of_node), True
    ),
    "mfree": Field(
        "MFree", "unit", "Memory available for instance allocations", live(lambda c, n: c.memory_free(n)), True
    ),
    "dtotal": Field(
        "DTotal",
        "unit",
        "Total storage space on storage unit for instance disk allocation",
        live(lambda c, n: n.storage),
        True,
    ),
    "dfree": Field(
        "DFree", "unit", "Available storage space on storage unit", live(lambda c, n: c.storage_free(n)), True
    ),
    "sptotal": Field(
        "SpTotal",
        "number",
        "Total spindles in volume group (exclusive storage only)",
        live(lambda c, n: 0),
        True,
    ),
    "spfree": Field(
        "SpFree",
        "number",
        "Available spindles in volume group (exclusive storage only)",
        live(lambda c, n: 0),
        True,
    ),
    "ctotal": Field("CTotal", "number", "Number of logical processors", live(lambda c, n: n.cpus), True),
}

STATUS_DOC = (
    'Instance status; "running" if instance is set to be running and actually is, "ADMIN_down" if instance is stopped'
    ' and is not running, "ERROR_wrongnode" if instance running, but not on its designated primary node, "ERROR_up" if'
    ' instance should be stopped, but is actually running, "ERROR_down" if instance should run, but doesn\'t,'
    ' "ERROR_nodedown" if instance\'s primary node is down, "ERROR_nodeoffline" if instance\'s primary node is marked'
    ' offline, "ADMIN_offline" if instance is offline and does not use dynamic resources'
)


def backend(name: str) -> str:
    """Return the description of a backend parameter."""
    return f'The "{name}" backend parameter'


def groups_of_secondaries(cluster: Cluster, instance: Instance) -> list[Group]:
    """Return the groups of the secondaries, each once."""
    names = dict.fromkeys(cluster.nodes[name].group for name in instance.secondaries)
    return [cluster.groups[name] for name in names]


INSTANCE_FIELDS: Fields = common("Instance") | {
    "name": Field("Instance", "text", "Instance name", lambda c, i: i.name),
    "pnode": Field("Primary_node", "text", "Primary node", lambda c, i: i.primary),
    "snodes": Field(
        "Secondary_Nodes",
        "other",
        "Secondary nodes; usually this will just be one node",
        lambda c, i: list(i.secondaries),
    ),
    "pnode.group": Field("PrimaryNodeGroup", "text", "Primary node's group", lambda c, i: c.nodes[i.primary].group),
    "pnode.group.uuid": Field(
        "PrimaryNodeGroupUUID",
        "text",
        "Primary node's group UUID",
        lambda c, i: c.groups[c.nodes[i.primary].group].uuid,
    ),
    "snodes.group": Field(
        "SecondaryNodesGroups",
        "other",
        "Node groups of secondary nodes",
        lambda c, i: [group.name for group in groups_of_secondaries(c, i)],
    ),
    "snodes.group.uuid": Field(
        "SecondaryNodesGroupsUUID",
        "other",
        "Node group UUIDs of secondary nodes",
        lambda c, i: [group.uuid for group in groups_of_secondaries(c, i)],
    ),
    "disk_template": Field("Disk_template", "text", "Instance disk template", lambda c, i: i.disk_template),
    "disk.sizes": Field("Disk_sizes", "other", "List of disk sizes", lambda c, i: list(i.disks)),
    "disk.count": Field("Disks", "number", "Number of disks", lambda c, i: len(i.disks)),
    "disk_usage": Field(
        "DiskUsage",
        "unit",
        "Total disk space used by instance on each of its nodes; this is not the disk size visible to the instance,"
        " but the usage on the node",
        lambda c, i: i.disk_usage,
    ),
    "admin_state": Field("InstanceState", "text", "Desired state of instance", lambda c, i: i.admin_state),
    "status": Field("Status", "text", STATUS_DOC, status, True),
    "oper_state": Field("Running", "bool", "Actual state of instance", runs, True),
    "oper_ram": Field(
        "Memory", "unit", "Actual memory usage as seen by hypervisor", running_value(lambda i: i.memory), True
    ),
    "oper_vcpus": Field(
        "VCPUs",
        "number",
        "Actual number of VCPUs as seen by hypervisor",
        running_value(lambda i: i.vcpus),
        True,
    ),
    "forthcoming": Field("Forthcoming", "bool", "whether the Instance is forthcoming", lambda c, i: i.forthcoming),
    "os": Field("OS", "text", "Operating system", lambda c, i: "noop"),
    "hypervisor": Field("Hypervisor", "text", "Hypervisor name", lambda c, i: "fake"),
    "be/memory": Field("ConfigMaxMem", "unit", backend("maxmem"), lambda c, i: i.memory),
    "be/maxmem": Field("ConfigMaxMem", "unit", backend("maxmem"), lambda c, i: i.memory),
    "be/minmem": Field("ConfigMinMem", "unit", backend("minmem"), lambda c, i: i.memory),
    "be/vcpus": Field("ConfigVCPUs", "number", backend("vcpus"), lambda c, i: i.vcpus),
    "be/always_failover": Field(
        "be/always_failover", "bool", backend("always_failover"), lambda c, i: c.always_fails_over(i)
    ),
}

GROUP_FIELDS: Fields = common("Group") | {
    "name": Field("Group", "text", "Group name", lambda c, g: g.name),
    "alloc_policy": Field("AllocPolicy", "text", "Allocation policy for group", lambda c, g: g.alloc_policy),
    "ipolicy": Field("InstancePolicy", "other", "Instance policy limitations (merged)", ipolicy),
    "node_cnt": Field("Nodes", "number", "Number of nodes", lambda c, g: len(nodes_of(c, g))),
    "node_list": Field("NodeList", "other", "List of nodes", lambda c, g: nodes_of(c, g)),
    "pinst_cnt": Field("Instances", "number", "Number of primary instances", lambda c, g: len(instances_of(c, g))),
    "pinst_list": Field("InstanceList", "other", "List of primary instances", lambda c, g: instances_of(c, g)),
}


def nodes_of(cluster: Cluster, group: Group) -> list[str]:
    """Return the names of a group's nodes."""
    return [node.name for node in cluster.nodes.values() if node.group == group.name]


def instances_of(cluster: Cluster, group: Group) -> list[str]:
    """Return the names of the instances whose primary is in a group."""
    names = set(nodes_of(cluster, group))
    return sorted((i.name for i in cluster.instances.values() if i.primary in names), key=nice)
