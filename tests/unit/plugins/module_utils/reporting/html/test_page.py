# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Page: what it holds, and that nothing out of a cluster becomes code in it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from unit.plugins.module_utils.builders import NOW
from unit.plugins.module_utils.scenes import HOSTILE, hostile, large, night

from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.explanations import REASONS
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.html.markup import Html, code, el, text
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.html.page import page
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import (
    Look,
    report_of,
    without_healthy,
)

LOOKS = {
    "night": [Look("prod", night(), last_round=NOW - 60)],
    "hostile": [Look(HOSTILE[1], hostile())],
    "unread": [Look("lab", None, HOSTILE[0])],
    "empty": [Look("none", {**large(0), "instances": []})],
    "all": [Look("prod", night()), Look(HOSTILE[5], hostile()), Look("lab", None, HOSTILE[1])],
}
KINDS = {
    *("html", "head", "meta", "title", "style", "script", "body", "header", "main", "footer", "section", "aside"),
    *("h1", "h2", "h3", "p", "div", "span", "a", "b", "bdi", "br", "wbr", "small", "code", "time", "article"),
    *("ul", "ol", "li", "dl", "dt", "dd", "details", "summary", "button", "label", "input", "select", "option"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td"),
    *("svg", "symbol", "use", "path", "rect", "text", "defs", "marker"),
}


class Read(HTMLParser):
    """A page, read again: its elements with their attributes, its words, its scripts and styles."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words = ""
        self.code: dict[str, list[str]] = {"script": [], "style": []}
        self._inside = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._inside = tag if tag in self.code else ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.code[self._inside].append(data)
        else:
            self.words += data

    def values(self, name: str) -> list[str]:
        """The values of an attribute, wherever it stands."""
        return [attributes[name] for _, attributes in self.elements if name in attributes]


@cache
def made(which: str) -> str:
    """A page, and what it is of."""
    looks = LOOKS[which]
    report = report_of(looks, NOW)
    if len(looks) == 1:
        return page(report, looks[0].name, {}, up="../index.html")
    return page(
        without_healthy(report), "All clusters", {look.name: f"clusters/{at}.html" for at, look in enumerate(looks)}
    )


EVERY = pytest.mark.parametrize("which", LOOKS)


@EVERY
def test_nothing_becomes_code(which: str) -> None:
    """There is one style and one script, both our own; no element, attribute or link that we have not made."""
    read = Read(made(which))
    assert [len(read.code[kind]) for kind in ("style", "script")] == [1, 1]
    assert {tag for tag, _ in read.elements} <= KINDS
    attributes = {name for _, attributes in read.elements for name in attributes}
    assert not [name for name in attributes if name.startswith("on") or name in ("style", "src", "srcset", "action")]
    hrefs = [href for href in read.values("href") if not href.startswith("#")]
    assert [href for href in hrefs if not re.fullmatch(r"(\.\./)?[a-z0-9/]+\.html", href)] == []


@EVERY
def test_nothing_else_may_run_or_load(which: str) -> None:
    """The policy of the page lets its own style and script by, by their hashes, and nothing else."""
    read = Read(made(which))
    policy = next(one["content"] for tag, one in read.elements if one.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(read.code[kind][0].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "://" not in read.code["script"][0] + read.code["style"][0]
    assert "url(" not in read.code["style"][0]


@EVERY
def test_what_helps_a_screen_reader(which: str) -> None:
    """Ids are unique, references lead somewhere, headings skip no level, what can be filled in has a label."""
    source = made(which)
    read = Read(source)
    ids = Counter(read.values("id"))
    assert [name for name, number in ids.items() if number > 1] == []
    inside = [href[1:] for href in read.values("href") if href.startswith("#")]
    named = inside + read.values("aria-labelledby") + read.values("aria-controls")
    assert [name for name in named if name not in ids] == []
    levels = [int(tag[1]) for tag, _ in read.elements if tag in ("h1", "h2", "h3")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert [one for tag, one in read.elements if tag == "th" and one.get("scope") not in ("col", "row")] == []
    assert len(re.findall(r"<label>[^<]+<(?:input|select)", source)) == source.count("<input") + source.count("<select")
    assert 'lang="en"' in source
    assert {"header", "main", "footer"} <= {tag for tag, _ in read.elements}


def test_hostile_words_are_shown() -> None:
    """As they are, but for what would not show, or turn other text around."""
    words = Read(made("hostile")).words
    shown = [name for name in HOSTILE if "\u202e" not in name and "\ud800" not in name]
    assert [name for name in shown if name not in words] == []
    assert "x\ufffdgnp.exe" in words
    assert "\u202e" not in words
    made("hostile").encode()  # half a surrogate pair could not be written


def test_what_is_told() -> None:
    """Each instance that is not healthy, with its command, its jobs and the tags behind it."""
    words = " ".join(Read(made("night")).words.split())
    for sentence in (
        "4 instances need you",
        "6 under repair · 1 on hold · 14 of 25 healthy",
        "gnt-node modify --drained=no node4.example.com",
        "replace-disks under way, job 4715",
        "4702 (INSTANCE_FAILOVER): error",
        "Disk 0 on node2.example.com is degraded",
        "instance wiki.example.com ganeti:watcher:autorepair:suspend:1800018000 decides",
        "cluster cluster.example.com ganeti:watcher:autorepair:failover decides",
        "5 nodes: 1 offline, 4 online",
        REASONS["last_copy_drained"][1],
    ):
        assert sentence in words, sentence


def test_the_page_of_all() -> None:
    """It leads to each cluster, says which could not be read and why, and has no healthy instance."""
    read = Read(made("all"))
    assert [href for href in read.values("href") if href.endswith(".html")] == [
        f"clusters/{at}.html" for at in (2, 1, 0)
    ]
    assert "1 cluster could not be read" in read.words
    assert f"could not be read. {HOSTILE[1]}" in read.words
    assert "app1.example.com" not in read.words


def test_markup() -> None:
    """Text is escaped wherever it goes; only what is HTML already is not."""
    assert el("p", "<b>", Html("<b>"), title='"&') == '<p title="&quot;&amp;">&lt;b&gt;<b></p>'
    assert el("input", hidden=True, id=None, class_="x") == '<input hidden class="x">'
    assert text("a\x00\u202eb") == "a\ufffd\ufffdb"
    with pytest.raises(ValueError, match="holds </"):
        code("script", "x = '</script>'")
