# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gathered: what facts that were returned just before spare the step (docs/exactly-once.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..tags.values import parse_tags

FRESH = 10  # seconds that facts spare anything
BOTH = (
    "summary", "pending", "under_way", "left", "failed_instances", "needs_person", "stopped", "breaker", "held",
    "plan", "report",
)  # fmt: skip


def is_fresh(gathered: Mapping[str, Any], now: float) -> bool:
    """Whether facts were C(gathered) just before C(now): not kept by somebody, nor told by a clock that is ahead."""
    return 0 <= now - float(gathered["time"]) <= FRESH


def quiet(gathered: Mapping[str, Any]) -> dict[str, Any]:
    """What a round would return that has nothing to do, from the facts that were C(gathered) just before."""
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


def noticed(gathered: Mapping[str, Any], now: float) -> list[str] | None:
    """The cluster's tags as they were C(gathered), where that was just before C(now), and shows something to write and
    nobody who writes."""
    tags = list(gathered["cluster"]["tags"])
    fresh = gathered["plan"]["writes"] and is_fresh(gathered, now)
    found = parse_tags(tags)
    claimed = found.claims or any(tag.kind == "claim" for tag in found.malformed)
    return tags if fresh and not claimed else None
