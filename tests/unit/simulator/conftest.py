# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small cluster for the simulator's own tests: three nodes in a group, two in another."""

from __future__ import annotations

import pytest

from simulator import Cluster, Simulator


@pytest.fixture
def cluster() -> Cluster:
    """Return a healthy cluster on a virtual clock."""
    cluster = Cluster()
    cluster.add_group("default")
    cluster.add_group("rack2")
    for number in range(1, 6):
        cluster.add_node(f"node{number}.example.com", "default" if number < 4 else "rack2")
    cluster.add_instance("web.example.com", "drbd", "node1", "node2")
    cluster.add_instance("db.example.com", "plain", "node1")
    cluster.add_instance("home.example.com", "sharedfile", "node4")
    return cluster


@pytest.fixture
def simulator(cluster: Cluster) -> Simulator:
    """Return a simulator of it that serves no socket."""
    return Simulator(cluster)
