# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Markup: HTML that is made of values, so that text from a cluster can never become a part of the page's own code.

Whatever goes into an element is escaped, unless it is Html, and only this file makes that.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Union

from ...printable import REPLACED, UNSHOWABLE

_VOID = ("br", "input", "meta", "wbr")


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = Union[str, int, None]  # Html is a str; a plain one is escaped


def text(value: object) -> Html:
    """C(value) as it can stand in an element or in a quoted attribute."""
    if isinstance(value, Html):
        return value
    return Html(html.escape(UNSHOWABLE.sub(REPLACED, str(value)), quote=True))


def join(parts: Iterable[Content], between: str = "") -> Html:
    """C(parts) one after the other; None is left out."""
    return Html(text(between).join([text(part) for part in parts if part is not None]))


def el(tag: str, /, *content: Content, **attributes: Content) -> Html:
    """An element. C(class_) is the attribute C(class), C(data_at) is C(data-at); True stands for an attribute without
    a value, None and False for none."""
    given = [(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items()]
    shown = [f" {key}" if value is True else f' {key}="{text(value)}"' for key, value in given if not _absent(value)]
    start = Html("<{}{}>".format(tag, "".join(shown)))
    return start if tag in _VOID else Html(f"{start}{join(content)}</{tag}>")


def _absent(value: Content) -> bool:
    return value is None or value is False


def code(name: str, source: str) -> Html:
    """A C(style) or C(script) element with our own C(source), which must not hold what would end it."""
    if "</" in source:
        raise ValueError(f"the source of a {name} element holds </")
    return Html(f"<{name}>{source}</{name}>")
