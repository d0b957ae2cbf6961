# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Single rounds, played by the module alone: what they returned, and what they left alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from playbook import end_step, start_step

from .conftest import TRANSPORTS, Cluster


def steps(cluster: Cluster, check: bool = False, **options: object) -> Mapping[str, Any]:
    """Play one round by the module alone, and return what it returned; what the proxy has seen is forgotten first."""
    cluster.proxy.seen.clear()
    return end_step(start_step({**cluster.options(), "_ansible_check_mode": check, **options}))


def both(cluster: Cluster, check: bool = False, **options: object) -> list[Mapping[str, Any]]:
    """The same over RAPI and over LUXI, for rounds that are to write nothing."""
    before, results = cluster.transport, []
    for cluster.transport in TRANSPORTS:
        results.append(steps(cluster, check, **options))
        assert check or not [write for write in cluster.proxy.writes if write.status == 200]
    cluster.transport = before
    return results


def held(result: Mapping[str, Any]) -> dict[str, str | None]:
    """Why each instance was left alone, by its short name."""
    actions = [action for action in result["actions"] if action["scope"] == "instance"]
    return {action["name"].partition(".")[0]: action["why"] for action in actions}


def gnt(cluster: Cluster, *words: str) -> str:
    """Run a command of Ganeti's on the master."""
    return str(cluster.lab.run("node1", [*words]).stdout)


def each(cluster: Cluster, kind: str = "*", **options: object) -> dict[str, Mapping[str, Any]]:
    """Play a round over each transport for the instances (of a kind) whose names end in it; what each returned.

    Two stories go on in one cluster so, and a reset is spared.
    """
    results = {}
    for cluster.transport in TRANSPORTS:
        limits = {"max_in_flight": 20, "max_per_node": 20, "max_per_group": 20, **options}
        results[cluster.transport] = steps(cluster, instances=[f"{kind}-{cluster.transport}"], **limits)
    return results


def for_each(*kinds: str) -> list[str]:
    """Return the names of the instances of these kinds."""
    return [f"{kind}-{transport}" for kind in kinds for transport in TRANSPORTS]
