# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no right clock has written: a tag that ends later than its writer can have meant."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import NOW

from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.clocks import (
    LEASE,
    LONGEST_COOLDOWN,
    MAX_SKEW,
    is_beyond,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import breaker_tag, claim_tag
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.values import parse_tags


@pytest.mark.parametrize(("more", "beyond"), [(0, False), (2 * MAX_SKEW, False), (2 * MAX_SKEW + 1, True)])
def test_a_claim(more: int, beyond: bool) -> None:
    """Its lease, and both clocks' errors, one on each side."""
    (claim,) = parse_tags([claim_tag("me", NOW + LEASE + more)]).claims
    assert is_beyond(claim, NOW) is beyond


@pytest.mark.parametrize(("more", "beyond"), [(0, False), (2 * MAX_SKEW, False), (2 * MAX_SKEW + 1, True)])
def test_a_breaker(more: int, beyond: bool) -> None:
    """The longest cooldown that can be set, and both clocks' errors."""
    (breaker,) = parse_tags([breaker_tag(NOW + LONGEST_COOLDOWN + more)]).breakers
    assert is_beyond(breaker, NOW) is beyond


def test_a_breaker_without_an_end() -> None:
    """It ends with the storm, whenever that is."""
    (breaker,) = parse_tags([breaker_tag()]).breakers
    assert not is_beyond(breaker, NOW)
