# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks: what was seen, as values."""

from __future__ import annotations

from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.looks import NodeLook


def test_who_did_not_answer_the_master_is_silent() -> None:
    """Whom it did not ask is not."""
    assert NodeLook(1.0, {"node1": "boot", "node3": None}).silent == {"node3"}
