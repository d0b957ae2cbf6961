# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report files: what is written, when that counts as a change, and that no reader ever sees half a file."""

from __future__ import annotations

import html
import json
import os
import re
import stat
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest
from unit.plugins.module_utils.builders import NOW
from unit.plugins.module_utils.scenes import HOSTILE, hostile, large, looked_at, night, plan
from unit.plugins.module_utils.scenes import write as write_looks

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.files import (
    Written,
    differences,
    file_name,
    lines,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import Look

SCHEMA = json.loads((Path(__file__).parents[5] / "docs" / "report.schema.json").read_text())
NIGHT, FOUR = night(), ["clusters/prod.html", "clusters/prod.json", "ganeti_autorepair.prom", "index.html"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test but those about it waits for the disk."""
    monkeypatch.setattr(os, "fsync", lambda number: None)


def at(seconds: int, name: str = "prod", **more: Any) -> Look:
    """A look at the cluster so many seconds later."""
    return Look(name, {**NIGHT, **more, "time": NOW + seconds})


def write(folder: Path, *looks: Look, now: int = NOW) -> Written:
    """Write the report, and return what was planned."""
    return write_looks(folder, looks, now)


def on_disk(folder: Path) -> dict[str, str]:
    """The files that are there."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_files(tmp_path: Path) -> None:
    """They are all there is, they can be read by others, and hold what was planned."""
    written = write(tmp_path / "new" / "report", at(0), Look("lab", None, "no route"))
    names = ["index.html", "index.json", "ganeti_autorepair.prom"]
    names += [f"clusters/{name}.{kind}" for name in ("prod", "lab") for kind in ("html", "json")]
    assert sorted(on_disk(tmp_path / "new" / "report")) == sorted(written.changed) == sorted(names)
    assert on_disk(tmp_path / "new" / "report") == written.files
    for path in (tmp_path / "new" / "report").rglob("*.*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o644, path


def test_the_same_again(tmp_path: Path) -> None:
    """It is no change, but the times in the files are new."""
    write(tmp_path, at(0))
    written = write(tmp_path, at(300), now=NOW + 301)
    assert written.changed == ()
    assert json.loads((tmp_path / "index.json").read_text())["clusters"][0]["time"] == NOW + 300
    assert f'look_timestamp_seconds{{cluster="prod"}} {NOW + 300}' in (tmp_path / "ganeti_autorepair.prom").read_text()
    assert list(differences(written)) == []


CHANGES = [  # what is another at the second time; the files that tell so
    ("the state", {"instances": NIGHT["instances"][:-1]}, {"clusters/prod.json", "index.json"}),
    ("the tags", {"groups": []}, {"clusters/prod.json", "index.json"}),
    ("the queue", {"cluster": {**NIGHT["cluster"], "queue_drained": True}}, {"clusters/prod.json", "index.json"}),
]


@pytest.mark.parametrize(("case", "more", "changed"), CHANGES, ids=lambda one: str(one)[:10])
def test_something_else(tmp_path: Path, case: str, more: dict[str, Any], changed: set[str]) -> None:
    """It is a change, and the diff shows it."""
    write(tmp_path, at(0))
    written = plan(tmp_path, [at(300, **more)], NOW + 300)
    assert set(written.changed) >= changed
    assert {one["after_header"] for one in differences(written)} >= changed
    assert json.loads((tmp_path / "index.json").read_text())["time"] == NOW, "nothing was written"


def test_a_file_that_was_touched(tmp_path: Path) -> None:
    """It is put right, and that is a change."""
    write(tmp_path, at(0))
    (tmp_path / "clusters" / "prod.html").write_text("x")
    (tmp_path / "ganeti_autorepair.prom").unlink()
    assert write(tmp_path, at(9)).changed == ("ganeti_autorepair.prom", "clusters/prod.html")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"clusters": 7}', '{"clusters": [{"time": "x"}], "time": null}'])
def test_a_former_file_that_is_none(tmp_path: Path, text: str) -> None:
    """It is replaced."""
    write(tmp_path, at(0))
    for name in ("index.json", "clusters/prod.json"):
        (tmp_path / name).write_text(text)
    assert write(tmp_path, at(9)).changed
    assert write(tmp_path, at(9)).changed == ()


def test_what_is_kept_of_before(tmp_path: Path) -> None:
    """When a cluster that is down was last read, and when a round was last played."""
    write(tmp_path, Look("prod", NIGHT, last_round=NOW - 60))
    down = Look("prod", None, "no route")
    assert write(tmp_path, down, now=NOW + 300).changed
    (one,) = json.loads((tmp_path / "index.json").read_text())["clusters"]
    assert (one["error"], one["time"], one["last_round"]) == ("no route", NOW, NOW - 60)
    assert write(tmp_path, down, now=NOW + 600).changed == ()
    assert write(tmp_path, at(900), now=NOW + 900).report["clusters"][0]["last_round"] == NOW - 60


def test_a_cluster_less(tmp_path: Path) -> None:
    """The files of one that is not in the run stay, but the page and the metrics of all are about this run."""
    write(tmp_path, at(0), at(0, "test"))
    write(tmp_path, at(0))
    assert (tmp_path / "clusters" / "test.html").exists()
    assert "test" not in (tmp_path / "ganeti_autorepair.prom").read_text()


def test_names_of_files(tmp_path: Path) -> None:
    """No name of a cluster leads out of the folder, and no two to one file."""
    names = [
        "../../etc/x",
        "..",
        ".",
        "a/b",
        "a%2Fb",
        "a b",
        "index",
        "ü",
        *[name for name in HOSTILE if len(name) < 99],
    ]
    written = write(tmp_path / "report", *[at(0, name) for name in names])
    assert len(written.files) == 3 + 2 * len(names)
    assert {path.parent for path in tmp_path.rglob("*.html")} == {tmp_path / "report", tmp_path / "report" / "clusters"}
    assert len({file_name(name) for name in names}) == len(names)


def test_names_that_are_too_long(tmp_path: Path) -> None:
    """They get a shorter one, each its own, and the others' reports are written."""
    long = ["x" * 300, "x" * 299 + "y", "ü" * 90, "x" * 250, "x" * 251]
    names = [*long, *[file_name(name) for name in long if len(file_name(name)) < 250], "prod"]
    written = write(tmp_path, *[at(0, name) for name in names])
    assert len({file_name(name) for name in names}) == len(names)
    assert on_disk(tmp_path) == written.files and len(written.files) == 3 + 2 * len(names)
    assert file_name("x" * 250) == "x" * 250, "as it was before there were shorter ones"
    links = re.findall(r'href="clusters/([^"]+)\.html"', written.files["index.html"])
    assert {unquote(html.unescape(link)) for link in links} == {file_name(name) for name in names}
    assert write(tmp_path, *[at(9, name) for name in names]).changed == ()


def test_what_others_wrote_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    """A diff goes to a terminal as it is."""
    write(tmp_path, at(0))
    (tmp_path / "ganeti_autorepair.prom").write_text("\x1b]0;owned\x07\n\u202e\n")
    (one,) = differences(plan(tmp_path, [at(0)], NOW))
    assert one["before"] == "\ufffd]0;owned\ufffd\n\ufffd\n"


def test_clusters_that_make_no_report(tmp_path: Path) -> None:
    """They are refused before anything is written."""
    for looks, words in (((at(0), at(1)), "two of one name"), ((), "nothing to report on")):
        with pytest.raises(BadOption, match=words):
            write(tmp_path, *looks)
    assert on_disk(tmp_path) == {}


def test_lines_for_people(tmp_path: Path) -> None:
    """One for each cluster, and where the rest is."""
    asked = Look("asked", NIGHT, nodes=looked_at(node1="dark"))
    report = plan(tmp_path, [at(0), asked, Look("lab", None, "no route")], NOW).report
    told = "4 need a person, 6 under repair, 1 on hold, 14 of 25 healthy"
    assert lines(report, tmp_path) == [
        f"prod: {told}, nodes not asked",
        f"asked: {told}, 1 of 9 nodes in trouble",
        "lab: could not be read: no route",
        f"see {tmp_path}/index.html",
    ]


NODES = {**looked_at(node1="dark"), "strays": [{"instance": "x", "node": "node1", "primary": None}]}
LOOKS = [
    [at(0)],
    [Look("prod", NIGHT, nodes=NODES)],
    [Look("x", hostile())],
    [Look("lab", None, "no route")],
    [Look("big", large(99), last_round=9)],
]


@pytest.mark.parametrize("looks", LOOKS, ids=lambda looks: looks[0].name)
def test_the_schema(tmp_path: Path, looks: list[Look]) -> None:
    """Each JSON file keeps to it; and it is not so wide that anything would."""
    valid = jsonschema.Draft202012Validator(SCHEMA)
    valid.check_schema(SCHEMA)
    files = {path: text for path, text in plan(tmp_path, looks, NOW).files.items() if path.endswith(".json")}
    assert len(files) == 1 + len(looks)
    for text in files.values():
        report = json.loads(text)
        valid.validate(report)
        assert not valid.is_valid({**report, "more": 1})
        assert not valid.is_valid({**report, "clusters": [{"name": "x"}]})
