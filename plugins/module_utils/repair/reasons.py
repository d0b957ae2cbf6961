# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reasons: every one that an instance can be left alone with (docs/why-it-did-not-repair.md says what to do)."""

from __future__ import annotations

from enum import Enum


class Why(Enum):
    """A reason, by the name that it has in facts, results and docs/why-it-did-not-repair.md."""

    HEALTHY = "healthy"
    FORTHCOMING = "forthcoming"
    NOT_CHOSEN = "not_chosen"
    # a person is needed
    REPAIR_FAILED = "repair_failed"
    UNREADABLE_TAG = "unreadable_tag"
    NOT_KNOWN = "not_known"
    NO_SAFE_REPAIR = "no_safe_repair"
    NOT_ALLOWED = "not_allowed"
    OTHER_REPAIR = "other_repair"
    FLAPPING = "flapping"
    LAST_COPY_DRAINED = "last_copy_drained"
    BEHIND = "behind"
    NODE_SILENT = "node_silent"
    NO_ALLOCATOR = "no_allocator"
    SECONDARY_STATE = "secondary_state"
    NO_NODE = "no_node"
    WRONG_CLOCK = "wrong_clock"  # of the cluster or a group
    # something else comes first
    JOB_UNDER_WAY = "job_under_way"
    OTHER_JOB = "other_job"
    JUST_CHANGED = "just_changed"
    TRIED_AGAIN = "tried_again"
    NOT_IN_STEP = "not_in_step"
    NO_ROOM = "no_room"
    # brakes and gates
    STOPPED = "stopped"
    SUSPENDED = "suspended"
    BREAKER = "breaker"
    STORM_COOLDOWN = "storm_cooldown"
    QUEUE_DRAINED = "queue_drained"
    WATCHER_PAUSED = "watcher_paused"
    SETTLE_TIME = "settle_time"
    WINDOWS = "windows"
    FENCING = "fencing"
    MIN_OFFLINE_AGE = "min_offline_age"
    MAX_IN_FLIGHT = "max_in_flight"
    MAX_PER_NODE = "max_per_node"
    MAX_PER_GROUP = "max_per_group"
    NOT_APPROVED = "not_approved"
    CLAIMED = "claimed"
    CLAIM_OVER = "claim_over"

    @property
    def passes(self) -> bool:
        """Whether it goes by itself while a run waits; of the others somebody has to see to it, or it takes long."""
        return self in _PASSING


_PASSING = frozenset(
    {
        Why.JOB_UNDER_WAY,
        Why.OTHER_JOB,
        Why.JUST_CHANGED,
        Why.TRIED_AGAIN,
        Why.NOT_IN_STEP,
        Why.NO_ROOM,
        Why.STORM_COOLDOWN,
        Why.SETTLE_TIME,
        Why.MIN_OFFLINE_AGE,
        Why.MAX_IN_FLIGHT,
        Why.MAX_PER_NODE,
        Why.MAX_PER_GROUP,
        Why.CLAIMED,
        Why.CLAIM_OVER,
    }
)
