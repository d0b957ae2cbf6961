# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers: JSON from a cluster becomes values that can be shown, with no number in them that is none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadAnswer
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.answers import decoded
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.usable import number
from ansible_collections.ganeti.autorepair.plugins.module_utils.printable import REPLACED, printable

SHOWN = [
    ("plain text", "web1 is down", "web1 is down"),
    ("other languages", "Gerät ü 名前 \U0001f600", "Gerät ü 名前 \U0001f600"),
    ("a terminal's escape", "\x1b[31mred\x1b[0m", f"{REPLACED}[31mred{REPLACED}[0m"),
    ("its eight-bit form", "\x9b31m", f"{REPLACED}31m"),
    ("a bell, a delete", "\x07\x7f", REPLACED * 2),
    ("a line that is written over", "failed\rdone", "failed done"),
    ("line breaks, a tab", "a\nb\tc\u2028d\u2029e\x85f", "a b c d e f"),
    ("text from right to left", "\u202egnp.\u2066x\u2069\u061c", f"{REPLACED}gnp.{REPLACED}x{REPLACED}{REPLACED}"),
    ("half of a character", "\ud800", REPLACED),
]


@pytest.mark.parametrize(("text", "shown"), [row[1:] for row in SHOWN], ids=[row[0] for row in SHOWN])
def test_text_is_shown(text: str, shown: str) -> None:
    """By itself, in an answer, as the key of an object, and in the words of an error."""
    assert printable(text) == shown
    for dump in (json.dumps, lambda value: json.dumps(value, ensure_ascii=False)):
        body = dump([text, {"a": [text], text: 1}]).encode(errors="surrogatepass")
        if text != "\ud800" or dump is json.dumps:  # else it is no UTF-8
            assert decoded(body) == [shown, {"a": [shown], shown: 1}]
    assert str(BadAnswer(f"it said {text}")) == f"it said {shown}"


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e300", "9007199254740993.0"])
def test_what_is_no_number(text: str) -> None:
    """It is neither a number nor a text nor nothing, wherever it stands."""
    (found,) = decoded(f"[{text}]".encode())
    assert found == {"no number": text} and number(found) is None


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
