# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of an answer can be used: a number is one, or it is not there."""

from __future__ import annotations

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.usable import number

NUMBERS = [
    (0, 0.0),
    (1.5, 1.5),
    (-7, -7.0),
    (True, None),
    (10**400, None),
    (float("nan"), None),
    ("7", None),
    (None, None),
]


@pytest.mark.parametrize(("value", "found"), NUMBERS)
def test_numbers(value: object, found: float | None) -> None:
    """What can be reckoned with."""
    assert number(value) == found
