# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Printable: makes untrusted text safe to show on a terminal or a page."""

from __future__ import annotations

import re

REPLACED = "\ufffd"  # replaces a character that can't be shown
# Terminal control characters, characters that browsers must not show, and those that reorder other text.
UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
_BREAK = re.compile("[\t\n\r\x85\u2028\u2029]")


def printable(text: str) -> str:
    """`text` on one line: line breaks and tabs become spaces, other characters that can't be shown become REPLACED."""
    if text.isascii() and text.isprintable():
        return text
    return UNSHOWABLE.sub(REPLACED, _BREAK.sub(" ", text))
