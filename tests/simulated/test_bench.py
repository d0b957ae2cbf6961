# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmark at its smallest: it measures something, and says whether that is enough."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import page, simulated
from bench.page import Row, plot, table


def test_planning(tmp_path: Path) -> None:
    """Its cost is that of a process, and grows with the cluster."""
    small, large = (simulated.planning(tmp_path / str(size), size, "rapi") for size in (60, 600))
    assert 0.05 < small.cpu < 10 and 10e6 < small.memory < 150e6
    assert small.memory < large.memory
    assert len(large.output) > 5 * len(small.output)


def test_many_repairs(tmp_path: Path) -> None:
    """More connections take less time for as many requests; an answer takes its 20 ms."""
    (one, requests), (four, as_many) = (
        simulated.many_repairs(tmp_path / str(connections), 30, connections, "luxi") for connections in (1, 4)
    )
    assert abs(requests - as_many) < 5 and requests > 30 * 2
    assert requests * simulated.ANSWER < one
    assert four < one


def test_a_healthy_cluster(tmp_path: Path) -> None:
    """The playbook, and as many tasks that do nothing."""
    whole, idle = simulated.healthy(tmp_path, "luxi")
    assert whole.output.count("\nTASK [") == idle.output.count("\nTASK [") == simulated.TASKS
    assert "failed=0" in whole.output and "15 instances: 15 healthy" in whole.output


def test_a_fleet(tmp_path: Path) -> None:
    """Each cluster is one host of the run; so it is in the empty playbook."""
    ((one, both, idle, idle_both),) = simulated.fleet(tmp_path, clusters=2, forks=2, tries=1)
    assert [run.output.count("failed=0") for run in (one, both, idle, idle_both)] == [1, 2, 1, 2]
    assert both.output.count("15 instances: 15 healthy") == 2


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came out stands in it, again and again in the same place, with its plot."""
    monkeypatch.setattr(page, "PAGE", tmp_path / "benchmarks.md")
    monkeypatch.setattr(page, "PLOT", tmp_path / "benchmarks.svg")
    page.PAGE.write_text("# Benchmarks\n\n<!-- measured -->\n<!-- /measured -->\n\nThe end.\n")
    drawn = plot({"rapi": [(60, 0.3), (600, 0.5)]})
    for number in (1.0, 2.0):
        page.write([Row.ratio("a", number, 2.0, 0.5), Row("b", "3")], drawn, times=3)
    text = page.PAGE.read_text()
    assert "| a | 1.00 (2.00 s to 2.00 s) | 0.5 | no |\n| b | 3 |  |  |\n" in text
    assert text.count("<!-- measured -->") == 1 and text.endswith("The end.\n")
    assert ElementTree.fromstring(page.PLOT.read_bytes()).tag.endswith("svg")
    assert "src=" not in page.PLOT.read_text()


def test_the_verdict() -> None:
    """A ratio is reached up to its limit."""
    assert [Row.ratio("", ours, 4.0, 1.25).verdict for ours in (4.9, 5.0, 5.1)] == ["yes", "yes", "no"]
    assert "| x | 11.50 | 11 | no |" in table([Row.of("x", 11.5, 11.0)])
