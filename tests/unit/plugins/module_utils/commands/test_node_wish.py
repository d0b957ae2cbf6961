# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node wish: what a module's options ask for."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.node_wish import parse_wish
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.offline import Proof
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.readmission import Readmission

GIVEN: dict[str, Any] = {
    "fence": ["node3"],
    "even_if": None,
    "fenced": [],
    "confirmed_by": "",
    "readmit": [],
    "probation": 3600,
    "undrain": False,
    "looks": 3,
}
PROOF = {"node": "node3", "method": "m" * 99, "proven": True}


def test_a_fence() -> None:
    """Names are needed, and one proof of one kind; what a program calls itself is cut, as a tag is short."""
    with pytest.raises(BadOption, match="either fence has some, or readmit"):
        parse_wish({**GIVEN, "fence": []})
    with pytest.raises(BadOption, match="exclude each other"):
        parse_wish({**GIVEN, "fenced": [PROOF], "confirmed_by": "Anna"})
    assert parse_wish({**GIVEN, "fenced": [PROOF]}).proofs == (Proof("node3", "m" * 24, True),)
    assert parse_wish({**GIVEN, "confirmed_by": "Anna"}).words == "Anna"
    named = {**PROOF, "method": "person.Anna"}  # a file may be called so
    assert parse_wish({**GIVEN, "fenced": [named]}).proofs[0].method == "file-person.Anna"


def test_a_return() -> None:
    """It excludes a fence."""
    with pytest.raises(BadOption, match="either fence has some, or readmit"):
        parse_wish({**GIVEN, "readmit": ["node3"]})
    given = {**GIVEN, "fence": [], "readmit": ["node3"], "undrain": True}
    wish = parse_wish(given)
    assert wish.names == ("node3",) and wish.back == Readmission(3, 3600, undrain=True)
    with pytest.raises(BadOption, match="probation is -1; it takes a number of seconds"):
        parse_wish({**given, "probation": -1})
