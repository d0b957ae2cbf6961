# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Handoff: reuse of facts gathered moments ago, so that the step can skip its first read (docs/exactly-once.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..tags.values import parse_tags

FRESH = 10  # seconds for which facts may be reused
BOTH = (
    "summary", "pending", "under_way", "left", "failed_instances", "needs_person", "stopped", "breaker", "held",
    "plan", "report",
)  # fmt: skip


def is_fresh(gathered: Mapping[str, Any], now: float) -> bool:
    """Whether facts were `gathered` just before `now`: not cached by the user, and not from a clock that runs ahead."""
    return 0 <= now - float(gathered["time"]) <= FRESH


def result_without_changes(gathered: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a round with nothing to do, from facts `gathered` just before."""
    undone: dict[str, Any] = {"jobs": [], "tags_added": [], "tags_removed": [], "error": None}
    actions = [{**action, **undone} for action in gathered["plan"]["actions"]]
    anew: dict[str, Any] = {"follow": None, "fenced_nodes": {}}
    return {
        **{name: gathered[name] for name in BOTH},
        "changed": False,
        "actions": actions,
        "diff": [],
        "carry_on": anew,
    }


def tags_if_fresh(gathered: Mapping[str, Any], now: float) -> list[str] | None:
    """The cluster's tags as `gathered`, if that was just before `now`, the plan has something to write, and nobody
    has claimed the cluster; otherwise None."""
    tags = list(gathered["cluster"]["tags"])
    fresh = gathered["plan"]["writes"] and is_fresh(gathered, now)
    found = parse_tags(tags)
    claimed = found.claims or any(tag.kind == "claim" for tag in found.malformed)
    return tags if fresh and not claimed else None
