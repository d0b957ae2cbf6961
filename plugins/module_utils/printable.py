# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Printable: text from elsewhere as a terminal or a page can show it, so that it is read, and never obeyed."""

from __future__ import annotations

import re

REPLACED = "\ufffd"  # stands where a character can't be shown
# What a terminal obeys, what a browser may not show, and what makes other text appear in another order than it stands.
UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
_BREAK = re.compile("[\t\n\r\x85\u2028\u2029]")


def printable(text: str) -> str:
    """C(text) on one line: a line break or a tab is a space, and whatever else can't be shown is REPLACED."""
    if text.isascii() and text.isprintable():
        return text
    return UNSHOWABLE.sub(REPLACED, _BREAK.sub(" ", text))
