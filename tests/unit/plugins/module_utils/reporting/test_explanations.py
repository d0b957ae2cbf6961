# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every reason has an explanation for the page."""

from __future__ import annotations

from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Why
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.explanations import FOR_PEOPLE, REASONS


def test_every_reason_is_explained() -> None:
    """In the order of the code; and what passes by itself is for nobody to do."""
    assert set(REASONS) == {why.value for why in Why}
    assert not [why for why in Why if why.value in FOR_PEOPLE and why.passes]
