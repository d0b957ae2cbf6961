# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Limits for tests of something else: as a user has them, but nothing counts what is broken, or how often."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Limits, MaxUnhealthy


def unbraked(**more: Any) -> Limits:
    """Limits without a breaker and without the guard against flapping, with these changes."""
    return Limits(**{"max_unhealthy": MaxUnhealthy("100%", percent=Decimal(100)), "repair_window": 0, **more})
