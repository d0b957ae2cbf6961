# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of repair: their labels, and their order by what they destroy."""

from __future__ import annotations

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import RepairType


@pytest.mark.parametrize("kind", RepairType)
def test_each_type_is_read_by_its_label_only(kind):
    """`fix-storage`, not `FIX_STORAGE`."""
    assert RepairType.parse(kind.label) is kind
    assert RepairType.parse(kind.label.upper()) is None


def test_types_are_ordered_by_what_they_destroy():
    """The design's order."""
    assert [kind.label for kind in sorted(RepairType)] == ["fix-storage", "migrate", "failover", "reinstall"]
