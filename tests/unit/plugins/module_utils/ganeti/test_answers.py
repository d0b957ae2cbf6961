# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers: JSON from a cluster becomes values that can be shown, with no number in them that is none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.answers import decoded
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.usable import number
from ansible_collections.ganeti.autorepair.plugins.module_utils.printable import printable


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e300", "9007199254740993.0"])
def test_what_is_no_number(text: str) -> None:
    """It is neither a number nor a text nor nothing, wherever it stands."""
    (found,) = decoded(f"[{text}]".encode())
    assert found == {"no number": text} and number(found) is None


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe\xfa", b"[" * 100_000, b"9" * 5000], ids=lambda body: str(body)[:9]
)
def test_what_is_no_json(body: bytes) -> None:
    """One kind of error, also for what is nested too deep and for endless numbers."""
    with pytest.raises(ValueError):
        decoded(body)


@given(some.recursive(some.none() | some.booleans() | some.integers(-(2**53), 2**53) | some.text(), some.lists))
def test_all_else_is_as_it_was_sent(value: object) -> None:
    """And the same, however it was spelt."""
    long, short = json.dumps(value).encode(), json.dumps(value, ensure_ascii=False).encode()
    assert decoded(long) == decoded(short)
    if printable(short.decode()) == short.decode() and b"\\" not in short:
        assert decoded(long) == value
