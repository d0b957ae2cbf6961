# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report's pages in a real browser: headless Chromium, with nothing but the files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, browser
from unit.plugins.module_utils.builders import NOW
from unit.plugins.module_utils.scenes import hostile, large, night, write

from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import Look

from .packages import install

PAGES = ("index", "clusters/prod", "clusters/thousand", "clusters/hostile", "clusters/lab")
EVERY = pytest.mark.parametrize("page", PAGES)
LOAD, FILTER = 3000, 100  # milliseconds that a page of 1,000 instances may take
SETTLED = "document.body.offsetHeight;"  # what was changed is laid out
SHOWN = "return [...document.querySelectorAll('tr.row')].filter(row => row.offsetHeight).length === arguments[0]"


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser for which it is one minute after the look."""
    folder = tmp_path_factory.mktemp("browser")
    log = folder / "apt.log"
    reason = install("chromium", "chromium", log) or install("chromedriver", "chromium-driver", log)
    if reason:
        pytest.skip(f"no page can be looked at without Chromium: {reason}")
    with browser(folder / "chromedriver.log") as window:
        window.devtools("Page.addScriptToEvaluateOnNewDocument", source=f"Date.now = () => {(NOW + 60) * 1000};")
        yield window


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on four clusters, one of which could not be read."""
    folder = tmp_path_factory.mktemp("report")
    looks = [
        Look("prod", night(), last_round=NOW - 60),
        Look("thousand", large(1000)),
        Look("hostile", hostile()),
        Look("lab", None, "cannot connect to https://lab.example.com:5080: Connection refused"),
    ]
    write(folder, looks, NOW)
    return folder


def opened(
    window: Browser, folder: Path, page: str = "clusters/prod", width: int = 1280, *, dark: bool = False
) -> Browser:
    """A window that shows a page."""
    window.look_like(width, dark=dark)
    window.open(folder / f"{page}.html")
    return window


def tally(window: Browser) -> str:
    """What the page says of how many instances are shown; it is the number of rows that are."""
    said: str = window.run("return document.getElementById('tally').textContent")
    window.until(SHOWN, int(said.partition(" ")[0].replace(",", "")))  # many rows come a few at a time
    return said


@EVERY
def test_alone(window: Browser, folder: Path, page: str) -> None:
    """It says nothing on the console, and asks for nothing, neither from the network nor from another file."""
    opened(window, folder, page)
    window.run("document.querySelectorAll('details, button.title').forEach(one => one.click()); " + SETTLED)
    assert window.requested() == []
    assert window.logged("browser") == []
    assert window.run("return document.images.length + document.querySelectorAll('iframe, object, link').length") == 0


def test_code_that_got_in_would_not_run(window: Browser, folder: Path) -> None:
    """The page's policy stands behind the escaping."""
    opened(window, folder)
    window.run("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 1\">')")
    window.run(
        "const one = document.createElement('script'); one.textContent = 'window.ran = 1'; document.body.append(one)"
    )
    assert window.run("return window.ran === undefined")
    said = [entry["message"] for entry in window.logged("browser")]
    assert len(said) >= 2
    assert all("Content Security Policy" in message for message in said)


WIDE = """
return [...document.querySelectorAll('main *')].filter(one => !one.closest('.unseen')
  && one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 99));
"""


@pytest.mark.parametrize(("page", "width"), [*((page, 320) for page in PAGES), ("clusters/prod", 768)])
def test_a_narrow_page(window: Browser, folder: Path, page: str, width: int) -> None:
    """Nothing has to be moved aside to be read."""
    opened(window, folder, page, width)
    window.run("document.querySelectorAll('button.title').forEach(one => one.click())")
    assert window.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert window.run(WIDE) == []
    rows = "return [...document.querySelectorAll('tr.row > th')].map(one => one.offsetWidth)"
    assert min(window.run(rows), default=width) > 100  # names are not broken into letters


CONTRAST = """
const luminance = colour => {
  const [r, g, b] = colour.map(value => value / 255)
    .map(value => value <= .03928 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
};
const numbers = text => text.match(/[\\d.]+/g).map(Number);
const behind = one => {
  for (; one; one = one.parentElement) {
    const inside = one.tagName === 'a' && one.querySelector('rect');
    if (inside) return numbers(getComputedStyle(inside).fill);
    const colour = numbers(getComputedStyle(one).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
const faint = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const one = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !one.getClientRects().length || one.closest('script, .unseen')) continue;
  const style = getComputedStyle(one), svg = one instanceof SVGElement;
  const [front, back] = [numbers(svg ? style.fill : style.color).slice(0, 3), behind(one).slice(0, 3)].map(luminance);
  const ratio = (Math.max(front, back) + .05) / (Math.min(front, back) + .05);
  if (ratio < 4.5) faint.push([walker.currentNode.data.trim().slice(0, 40), ratio]);
}
return faint;
"""


@pytest.mark.parametrize(("page", "dark"), [("index", False), ("clusters/prod", False), ("clusters/prod", True)])
def test_contrast(window: Browser, folder: Path, page: str, dark: bool) -> None:
    """All words stand out from what is behind them as WCAG AA wants it, in light and dark."""
    opened(window, folder, page, dark=dark)
    window.run("document.querySelectorAll('button.title, summary').forEach(one => one.click())")
    assert window.run(CONTRAST) == []


def background(window: Browser) -> str:
    """The page's."""
    colour: str = window.run("return getComputedStyle(document.body).backgroundColor")
    return colour


def test_light_and_dark(window: Browser, folder: Path) -> None:
    """As the system has it, or as a person has chosen, which is kept for the next page."""
    light, dark = "rgb(246, 247, 248)", "rgb(18, 22, 26)"
    assert background(opened(window, folder)) == light
    assert background(opened(window, folder, dark=True)) == dark
    window.click("#theme")
    assert (background(window), window.run("return document.getElementById('theme').textContent")) == (
        light,
        "Theme: light",
    )
    assert background(opened(window, folder, "index", dark=True)) == light
    window.click("#theme")
    assert background(opened(window, folder)) == dark
    window.click("#theme")
    assert background(opened(window, folder)) == light


FILTERS = [  # the field, what is typed there, and what the page says then
    ("text", ["mail"], "1 of 25 instances"),
    ("text", ["NODE7", "Space", "wiki"], "0 of 25 instances"),
    ("text", ["4711"], "1 of 25 instances"),
    ("state", ["repair f"], "1 of 25 instances"),
    ("needs", ["Down"], "4 of 25 instances"),
    ("group", ["rack1"], "21 of 25 instances"),
    ("node", ["node4"], "4 of 25 instances"),
]


@pytest.mark.parametrize(("field", "keys", "said"), FILTERS, ids=lambda one: str(one)[:20])
def test_filters_by_keyboard(window: Browser, folder: Path, field: str, keys: list[str], said: str) -> None:
    """They do what they say, and say it to a screen reader; Show all brings the rest back."""
    opened(window, folder)
    assert tally(window) == "25 instances"
    window.run("document.getElementById('f-' + arguments[0]).focus()", field)
    window.press(*keys)
    assert tally(window) == said
    assert window.run("return document.getElementById('tally').getAttribute('aria-live')") == "polite"
    window.run("document.getElementById('f-reset').focus()")
    window.press("Enter")
    assert tally(window) == "25 instances"
    assert window.run("return document.activeElement.id") == "f-text"


def test_everything_by_keyboard(window: Browser, folder: Path) -> None:
    """Tab leads to all that can be used, in the order in which it stands there, and shows where it is."""
    opened(window, folder)
    names, visible = [], True
    for _ in range(300):
        window.press("Tab")
        found = window.run(
            "const one = document.activeElement, style = getComputedStyle(one), rect = one.querySelector('rect');"
            "return [one.id || one.textContent.trim().slice(0, 20), style.outlineStyle !== 'none' ||"
            " (rect !== null && getComputedStyle(rect).strokeWidth === '3.5px'), one === document.body]"
        )
        if found[2]:
            break
        names.append(found[0])
        visible = visible and found[1]
    assert visible
    assert names[:4] == ["Skip to the report", "All clusters", "theme", "print"]
    wanted = window.run(
        "return [...document.querySelectorAll('a, button, input, select, summary')]"
        ".filter(one => one.checkVisibility()).length"
    )
    assert len(names) == wanted


def test_the_skip_link(window: Browser, folder: Path) -> None:
    """It leads past the head of the page."""
    opened(window, folder)
    window.press("Tab", "Enter", "Tab")
    assert window.run("return document.querySelector('main').contains(document.activeElement)")


def test_opening_a_row(window: Browser, folder: Path) -> None:
    """A row opens and closes by Enter, and says so; a link to an instance opens its row."""
    opened(window, folder)
    window.run("document.querySelector('button.title').focus()")
    state = "const one = document.activeElement; return [one.getAttribute('aria-expanded'),"
    state += " document.getElementById(one.getAttribute('aria-controls')).offsetHeight > 0]"
    assert window.run(state) == ["false", False]
    window.press("Enter")
    assert window.run(state) == ["true", True]
    window.press("Space")
    assert window.run(state) == ["false", False]
    window.click("#under-repair ~ .lot .cases a[href^='#i']")
    window.until("return document.activeElement.textContent === 'web1.example.com'")
    assert window.run(state) == ["true", True]


def test_pictures_lead_to_rows(window: Browser, folder: Path) -> None:
    """A state and a node show their instances."""
    opened(window, folder)
    window.click("a.state.is-pending_repair")
    assert tally(window) == "2 of 25 instances"
    window.click("a.node[title='node7.example.com']")
    assert tally(window) == "4 of 25 instances"
    assert window.run("return document.activeElement.id") == "instances"


def test_times(window: Browser, folder: Path) -> None:
    """Beside each stands how long ago that is."""
    opened(window, folder)
    times = dict(
        window.run(
            "return [...document.querySelectorAll('time')].map(one => [one.dataset.at, one.nextSibling.textContent])"
        )
    )
    assert times[str(NOW)] == " (1 min ago)"
    assert times[str(NOW - 7200)] == " (2 h ago)"
    assert times[str(NOW - 26 * 3600)] == " (1 day ago)"


def test_copying(window: Browser, folder: Path) -> None:
    """A command goes to the clipboard as it stands there."""
    window.devtools("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    opened(window, folder)
    window.run(
        "const button = document.querySelector('.copy'); button.focus(); window.words = [];"
        "const note = () => words.push(button.textContent);"
        "new MutationObserver(note).observe(button, {childList: true, characterData: true, subtree: true})"
    )
    window.press("Enter")
    window.until("return words.includes('Copied')")  # said for two seconds, once the clipboard has answered
    expected = window.run("return document.querySelector('.command code').textContent")
    window.run("document.getElementById('f-text').focus()")
    window.run("document.execCommand('paste')")
    assert window.run("return navigator.clipboard.readText()") == expected
    assert expected.startswith("gnt-")


def test_on_paper(window: Browser, folder: Path) -> None:
    """Nothing that is only to be pressed is printed, and the whole of each instance is."""
    opened(window, folder, dark=True)
    window.run("window.dispatchEvent(new Event('beforeprint'))")
    window.look_like(800, dark=True, media="print")
    heights = window.run(
        "return ['#theme', '.filters', '.copy', 'tr.more'].map(one => document.querySelector(one).offsetHeight > 0)"
    )
    assert heights == [False, False, False, True]
    assert background(window) == "rgb(246, 247, 248)"
    assert window.devtools("Page.printToPDF")["data"]
    window.run("window.dispatchEvent(new Event('afterprint'))")


TYPING = """
const field = document.getElementById('f-text'), times = [];
for (const text of ['i', 'inst9', 'inst99', '', 'node39', 'node39 offline', '']) {
  const begin = performance.now();
  field.value = text;
  field.dispatchEvent(new Event('input', { bubbles: true }));
  document.body.offsetHeight;
  times.push(performance.now() - begin);
}
return times;
"""


def test_a_thousand_instances(window: Browser, folder: Path, record_property: pytest.RecordProperty) -> None:
    """They are there in a moment, and each letter that is typed shows at once."""
    timing = "const [one] = performance.getEntriesByType('navigation'); return one.loadEventEnd"
    loaded = min(opened(window, folder, "clusters/thousand").run(timing) for _ in range(2))
    tries = [window.run(TYPING) for _ in range(5)]
    typed = [min(times) for times in zip(*tries, strict=True)]  # others may be at work on this machine
    assert tally(window) == "1,000 instances"
    record_property("milliseconds", {"load": loaded, "filter": typed})
    assert loaded < LOAD
    assert max(typed) < FILTER, typed
