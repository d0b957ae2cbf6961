# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was measured, as a table for people and as docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pygal
from pygal.style import Style

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
PLOT = PAGE.parent / "images" / "benchmarks.svg"
MARKS = re.compile(r"(?<=<!-- measured -->\n).*(?=<!-- /measured -->)", re.S)


@dataclass(frozen=True)
class Row:
    """One measure: what came out, what was to be reached, and whether it was."""

    what: str
    came: str
    goal: str = ""
    reached: bool | None = None

    @classmethod
    def ratio(cls, what: str, ours: float, theirs: float, most: float | None = None) -> Row:
        """The ratio of two times, which is not to be larger than `most`."""
        came = f"{ours / theirs:.2f} ({ours:.2f} s to {theirs:.2f} s)"
        return cls(what, came) if most is None else cls(what, came, f"{most:.3g}", ours / theirs <= most)

    @classmethod
    def of(cls, what: str, number: float, most: float) -> Row:
        """A number that is not to be larger than `most`."""
        return cls(what, f"{number:.2f}", f"{most:.3g}", number <= most)

    @property
    def verdict(self) -> str:
        """Whether the goal was reached, in a word."""
        return {None: "", True: "yes", False: "no"}[self.reached]


def table(rows: Iterable[Row]) -> str:
    """The rows as a table of Markdown, which people can read as it stands."""
    cells = [("measure", "came out", "at most", "reached"), ("---",) * 4]
    cells += [(row.what, row.came, row.goal, row.verdict) for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def plot(points: Mapping[str, Sequence[tuple[int, float]]]) -> bytes:
    """The seconds of CPU against the number of instances, both on logarithmic axes, as SVG."""
    style = Style(background="white", plot_background="white", font_family="sans-serif", colors=("#0b6e99", "#c2410c"))
    chart = pygal.XY(
        logarithmic=True, xrange=None, style=style, js=(), width=720, height=420, dots_size=4, pretty_print=True
    )
    chart.title = "Gathering and planning: seconds of CPU by instances"
    chart.x_labels = sorted({size for line in points.values() for size, _ in line})
    for name, line in points.items():
        chart.add(name, list(line))
    drawn: bytes = chart.render(force_uri_protocol="https")
    return drawn


def write(rows: Sequence[Row], drawn: bytes, times: int) -> None:
    """Put the rows into the page, between its marks, and the plot beside it."""
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    machine += f", ansible-core {version('ansible-core')}"
    said = f"{datetime.now(UTC):%Y-%m-%d}, {machine}; on the lab the median of {times}.\n\n"
    PAGE.write_text(MARKS.sub(lambda _: f"\n{said}{table(rows)}\n\n", PAGE.read_text()))
    PLOT.write_bytes(drawn)
