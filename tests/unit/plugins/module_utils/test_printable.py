# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text from others becomes text that any terminal can show."""

from __future__ import annotations

import json

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadAnswer
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.answers import decoded
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
