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
  - Each event is just C({"cluster"{:} NAME}). Everything else that a sender writes, such as template expressions, is
    dropped here. Resolved alerts, and payloads that the filter does not understand, produce no event.
options:
  label:
    description: The label that names an alert's cluster.
    type: str
    default: cluster
"""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")  # a host of an inventory; no pattern, list, range or template


def _named(payload: dict[str, Any], label: str) -> Iterator[object]:
    """Yield whatever the payload gives as the names of clusters in trouble, of any type."""
    alerts = payload.get("alerts")
    if not isinstance(alerts, list):
        if payload.get("offline") is True or payload.get("drained") is True:
            yield payload.get("cluster")
        return
    for alert in alerts:
        if isinstance(alert, dict) and alert.get("status") == "firing" and isinstance(alert.get("labels"), dict):
            yield alert["labels"].get(label)


def main(event: dict[str, Any], label: str = "cluster") -> list[dict[str, str]]:
    """Return the events for what a webhook received, one for each cluster."""
    payload = event.get("payload")
    named = _named(payload, label) if isinstance(payload, dict) else ()
    clusters = [name for name in named if isinstance(name, str) and NAME.fullmatch(name)]
    return [{"cluster": cluster} for cluster in dict.fromkeys(clusters)]
