# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts: the small things that a report's page is made of: names, times, states, commands."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ...ganeti.model import utc
from .markup import Content, Html, el, join

STATES: Mapping[str, str] = {  # as people read them, from the best to the worst
    "healthy": "healthy",
    "suspended": "suspended",
    "needs_repair": "needs repair",
    "repair_disallowed": "repair disallowed",
    "pending_repair": "pending repair",
    "repair_failed": "repair failed",
}
STEP_STATES: Mapping[str, str] = {
    "done": "done",
    "running": "under way",
    "failed": "failed",
    "canceled": "canceled",
    "to_come": "to come",
    "not_allowed": "not allowed",
}
# Each state has a shape of its own, so that none is told by its colour alone; all on a grid of 16 by 16.
_SHAPES: Mapping[str, str] = {
    "healthy": "M3 8.5l3.2 3.2L13 4.8",
    "suspended": "M5.5 3.5v9M10.5 3.5v9",
    "needs_repair": "M8 2.5v7M8 12.6v.9",
    "repair_disallowed": "M3.4 3.4l9.2 9.2M8 1.8a6.2 6.2 0 1 0 .01 0",
    "pending_repair": "M13.2 8a5.2 5.2 0 1 1-1.7-3.8M13.4 1.8v3h-3",
    "repair_failed": "M3.8 3.8l8.4 8.4M12.2 3.8l-8.4 8.4",
    "to_come": "M8 2.6a5.4 5.4 0 1 0 .01 0",
    "drained": "M8 2.5v8M4.4 7.2L8 10.8l3.6-3.6M3.5 13.5h9",
    "unknown": "M5.4 5.8a2.7 2.7 0 1 1 3.9 2.4c-.9.5-1.3 1-1.3 1.9M8 12.8v.6",
    "copy": "M6 5.5h7.5V14H6zM10.5 5.5V2.5H2.5V11H6",
}
_ALIKE = {
    "done": "healthy",
    "running": "pending_repair",
    "failed": "repair_failed",
    "canceled": "repair_failed",
    "not_allowed": "repair_disallowed",
    "online": "healthy",
    "offline": "repair_failed",
}


def shapes() -> Html:
    """The shapes, once for a page; C(icon) refers to them."""
    drawn = [el("symbol", el("path", d=path), id=f"s-{name}", viewBox="0 0 16 16") for name, path in _SHAPES.items()]
    return el("svg", *drawn, class_="shapes", aria_hidden="true", focusable="false")


def icon(name: str, **attributes: Content) -> Html:
    """The shape of a state; what it means has to stand beside it in words."""
    use = el("use", href="#s-" + _ALIKE.get(name, name))
    return el("svg", use, class_="icon", aria_hidden="true", focusable="false", **attributes)


def badge(state: str, words: str = "") -> Html:
    """A state by shape, colour and word."""
    return el("span", icon(state), words or STATES.get(state, state), class_=f"badge is-{state}")


def name(value: object, whole: str | None = None) -> Html:
    """A name out of a cluster; whatever it is made of, it does not disturb the text around it. Where C(value) is only
    its beginning, C(whole) is all of it."""
    head, dot, domain = str(value).partition(".")  # a narrow page can break it there
    return el("bdi", head, el("wbr") if dot else None, dot + domain, class_="name", title=whole)


def short_names(names: Sequence[str]) -> Mapping[str, str]:
    """The names without their domains, where that leaves them different."""
    heads = Counter(one.partition(".")[0] for one in names)
    return {one: one.partition(".")[0] if heads[one.partition(".")[0]] == 1 else one for one in names}


def breakable(line: str) -> Html:
    """A command or a tag, with places at which a narrow page can break it."""
    return join(re.split(r"(?<=:)", line), el("wbr"))


def moment(seconds: int | None, before: str = "") -> Html | None:
    """A time; the page's script says beside it how long ago that is."""
    if seconds is None:
        return None
    told = utc(seconds)
    readable = told.replace("T", " ").replace(":00Z", " UTC") if told.endswith(":00Z") else told.replace("T", " ")
    shown = el("time", readable.replace("Z", " UTC"), datetime=told, data_at=seconds)
    return join([before + " " if before else None, shown])


def command(line: str) -> Html:
    """A command that can be copied by one key."""
    label = f"Copy the command {line}"
    button = el("button", icon("copy"), el("span", "Copy"), type="button", class_="copy", aria_label=label)
    return el("div", el("code", breakable(line)), button, class_="command")


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def reason_link(why: str) -> Html:
    """The name of a reason, leading to what the page says of it."""
    return el("a", why, href=f"#why-{why}", class_="why")


def tags_of(tags: Any) -> Html:
    """Tags, or that there are none."""
    if not tags:
        return el("span", "no tag", class_="quiet")
    return join([el("code", breakable(tag)) for tag in tags], " ")
