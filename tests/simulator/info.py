# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What GET /2/info says of a cluster: the part of it that clients read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.policy import ipolicy

if TYPE_CHECKING:
    from simulator.cluster import Cluster

VERSION = "3.0.2"


def cluster_info(cluster: Cluster) -> dict[str, object]:
    """Return the cluster's configuration. Neither a drained queue nor a paused watcher shows here, as in Ganeti."""
    cluster.sync()
    return {
        "software_version": VERSION,
        "protocol_version": 3000000,
        "config_version": 3000000,
        "os_api_version": 20,
        "name": cluster.name,
        "master": cluster.master,
        "uuid": cluster.uuid,
        "tags": sorted(cluster.tags),
        "ctime": cluster.ctime,
        "mtime": cluster.mtime,
        "default_hypervisor": "fake",
        "enabled_hypervisors": ["fake"],
        "enabled_disk_templates": list(cluster.enabled_disk_templates),
        "ipolicy": ipolicy(cluster),
        "default_iallocator": cluster.default_iallocator,
        "candidate_pool_size": 3,
        "volume_group_name": "xenvg",
        "maintain_node_health": False,
        "max_running_jobs": 20,
        "beparams": {
            "default": {
                "minmem": 128,
                "maxmem": 128,
                "vcpus": 1,
                "auto_balance": True,
                "always_failover": cluster.always_failover,
                "spindle_use": 1,
            }
        },
    }
