# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters of which so much is broken, and plans that go by it, for the tests of breakers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from unit.plugins.module_utils.builders import NOW, OFFLINE, ONLINE, Member, Placed, at_most, cluster, plan_of, rbd, tag

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import NodeState
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import Plan
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Limits

ALLOW = [tag("reinstall")]
NONE = at_most("0")  # one node is let through all the same


def nodes_of(number: int, total: int, group: str = "default", state: NodeState = OFFLINE) -> list[Placed]:
    """So many nodes of a group, each with an instance of its own, the first of them broken."""
    return [rbd(f"{group}-{at:02}", state if at < number else ONLINE, group=group) for at in range(total)]


def braked(
    *members: Member, now: float = NOW, tags: Iterable[str] = (), limits: dict[str, Any] | None = None, **more: Any
) -> Plan:
    """A plan for a cluster that allows everything, with the breaker that users have."""
    given = {"max_unhealthy": Limits().max_unhealthy, **(limits or {})}
    return plan_of(cluster(*members, tags=[*ALLOW, *tags], **more), now, **given)
