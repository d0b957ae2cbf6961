# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render: what a page holds, that nothing out of a cluster becomes code in it, and templates of one's own."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from unit.plugins.module_utils.builders import NOW
from unit.plugins.module_utils.scenes import HOSTILE, hostile, html_of, large, night

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.printable import UNSHOWABLE
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.page.page import page_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import (
    Look,
    report_of,
    without_healthy,
)
from ansible_collections.ganeti.autorepair.plugins.plugin_utils.report.render import (
    TEMPLATES,
    after_colons,
    before_dot,
    renderer,
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
        return html_of(report, looks[0].name, up="../index.html")
    return html_of(
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
        Reason.LAST_COPY_DRAINED.do,
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


def test_places_to_break() -> None:
    """A name breaks before its domain, a line after its colons; both are escaped."""
    assert before_dot("<b>.example.com") == "&lt;b&gt;<wbr>.example.com"
    assert after_colons("a:b:<i>") == "a:<wbr>b:<wbr>&lt;i&gt;"


@pytest.mark.parametrize("path", sorted(TEMPLATES.iterdir()), ids=lambda path: path.name)
def test_our_templates_are_shown_as_they_are(path: Path) -> None:
    """Nothing in them is replaced, and none of them says that a text is safe."""
    source = path.read_text()
    assert not UNSHOWABLE.search(source)
    assert "safe" not in source and "Markup" not in source


# --- templates of one's own ------------------------------------------------------------------------------------------


def own(folder: Path, which: str = "hostile", **files: str) -> str:
    """A page with these files in place of ours; an underscore stands for a dot of a name."""
    for name, source in files.items():
        (folder / name.replace("_", ".")).write_text(source)
    (look,) = LOOKS[which]
    return renderer(folder)(page_of(report_of([look], NOW), look.name, {}, up="../index.html"))


def test_a_style_of_ones_own(tmp_path: Path) -> None:
    """It takes the place of ours, the page's policy lets it by, and all else stays."""
    read = Read(own(tmp_path, style_css="body { color: red }\r\n\0"))
    assert read.code["style"] == ["body { color: red }\n\ufffd"]
    assert read.code["script"] == Read(made("hostile")).code["script"]
    policy = next(one["content"] for tag, one in read.elements if one.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256(read.code["style"][0].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert read.words == Read(made("hostile")).words


def test_a_page_of_ones_own(tmp_path: Path) -> None:
    """What it puts in is escaped, and what does not show is replaced, whatever it says of its safety."""
    source = "{{ page.cases | length }} in {{ page.title }}"
    source += "{% for case in page.cases %}{{ case.name | safe }}{% endfor %}"
    html = own(tmp_path, page_html_j2=source)
    assert html.startswith("25 in &#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;")
    assert not UNSHOWABLE.search(html)


def test_a_part_of_ones_own(tmp_path: Path) -> None:
    """The rest of the page is ours."""
    html = own(tmp_path, top_html_j2="<header>ACME: {{ page.title }}</header>")
    assert "<header>ACME: " in html and "All instances" in html


WRONG = [  # what is in the folder, and what is said of it
    ({"readme_txt": ""}, "none of its files has the name of one in "),
    ({"style_css": "</style>"}, "cannot use .*/style.css: it holds </"),
    ({"page_html_j2": "{{ page.titel }}"}, r"page.html.j2, line 1: .* has no attribute 'titel'"),
    ({"top_html_j2": "\n{% if %}"}, r"top.html.j2, line 2: Expected an expression"),
    ({"top_html_j2": "{{ 1 / 0 }}"}, r"top.html.j2, line 1: division by zero"),
    ({"page_html_j2": "{% include 'more.html' %}"}, r"more.html"),
]


@pytest.mark.parametrize(("files", "words"), WRONG, ids=lambda one: str(one)[:30])
def test_templates_that_can_not_be_used(tmp_path: Path, files: dict[str, str], words: str) -> None:
    """One sentence says so, with the folder, the file and the line."""
    with pytest.raises(BadOption, match=words) as caught:
        own(tmp_path, **files)
    assert str(tmp_path) in str(caught.value)
