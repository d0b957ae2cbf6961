# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turn a webhook's payload into one event for each cluster in trouble, and drop everything else in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

DOCUMENTATION = r"""
---
short_description: One event for each cluster in trouble
description:
  - Takes an Alertmanager notification, in which each firing alert names its cluster in a label, or an object that
    reports a marked node, such as C({"cluster"{:} "prod", "node"{:} "node3", "offline"{:} true}).
  - Each event is just C({"cluster"{:} NAME}). For an alert with the label C(look) and the value V(nodes) it is
    C({"cluster"{:} NAME, "look"{:} "nodes"}). Everything else that a sender writes, such as template expressions, is
    dropped here. Resolved alerts, and payloads that the filter does not understand, produce no event.
options:
  label:
    description: The label that names an alert's cluster.
    type: str
    default: cluster
"""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")  # a host of an inventory; no pattern, list, range or template


def _named(payload: dict[str, Any], label: str) -> Iterator[tuple[object, bool]]:
    """Yield whatever the payload gives as the names of clusters in trouble, of any type, and whether only their nodes
    are to be looked at."""
    alerts = payload.get("alerts")
    if not isinstance(alerts, list):
        if payload.get("offline") is True or payload.get("drained") is True:
            yield payload.get("cluster"), False
        return
    for alert in alerts:
        if isinstance(alert, dict) and alert.get("status") == "firing" and isinstance(alert.get("labels"), dict):
            yield alert["labels"].get(label), alert["labels"].get("look") == "nodes"


def main(event: dict[str, Any], label: str = "cluster") -> list[dict[str, str]]:
    """Return the events for what a webhook received, one for each cluster and what is to be done there."""
    payload = event.get("payload")
    named = _named(payload, label) if isinstance(payload, dict) else ()
    clusters = [(name, looks) for name, looks in named if isinstance(name, str) and NAME.fullmatch(name)]
    return [{"cluster": name, **({"look": "nodes"} if looks else {})} for name, looks in dict.fromkeys(clusters)]
