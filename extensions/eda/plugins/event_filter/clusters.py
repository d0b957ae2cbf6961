# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turn what a webhook was sent into one event for each cluster in trouble, and let nothing else of it through."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

DOCUMENTATION = r"""
---
short_description: One event for each cluster in trouble
description:
  - Takes an Alertmanager notification, in which each alert that fires names its cluster by a label, or an object that
    says that a node was marked, such as C({"cluster"{:} "prod", "node"{:} "node3", "offline"{:} true}).
  - Each event is nothing but C({"cluster"{:} NAME}). What else a sender writes, template expressions among it, goes no
    further than here. Resolved alerts, and whatever is not understood, become no event.
options:
  label:
    description: The label that names an alert's cluster.
    type: str
    default: cluster
"""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")  # of an inventory's host; no pattern, list, range or template


def _named(payload: dict[str, Any], label: str) -> Iterator[object]:
    """What names a cluster in trouble in what was sent, whatever it is."""
    alerts = payload.get("alerts")
    if not isinstance(alerts, list):
        if payload.get("offline") is True or payload.get("drained") is True:
            yield payload.get("cluster")
        return
    for alert in alerts:
        if isinstance(alert, dict) and alert.get("status") == "firing" and isinstance(alert.get("labels"), dict):
            yield alert["labels"].get(label)


def main(event: dict[str, Any], label: str = "cluster") -> list[dict[str, str]]:
    """The events for what a webhook has received, each cluster once."""
    payload = event.get("payload")
    named = _named(payload, label) if isinstance(payload, dict) else ()
    clusters = [name for name in named if isinstance(name, str) and NAME.fullmatch(name)]
    return [{"cluster": cluster} for cluster in dict.fromkeys(clusters)]
