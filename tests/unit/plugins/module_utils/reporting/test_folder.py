# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files are written whole, and only where they belong."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.module_utils.reporting.test_files import at, on_disk, write

from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.files import (
    CannotWrite,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.folder import MOST

SYNC = os.fsync


def test_a_write_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old file stays whole, and nothing is left beside it."""
    write(tmp_path, at(0))
    before = on_disk(tmp_path)

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotWrite, match=f"cannot write the report to {tmp_path}: .*No space left"):
        write(tmp_path, at(300))
    assert on_disk(tmp_path) == before


def test_readers_see_whole_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new text is on the disk before it takes the old one's place."""
    write(tmp_path, at(0))
    synced: list[str] = []
    rename = os.replace

    def note(number: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{number}"))
        SYNC(number)

    def check(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        assert synced[-1] == f"{os.readlink(f'/proc/self/fd/{src_dir_fd}')}/{source}"
        assert src_dir_fd == dst_dir_fd and "/" not in target
        rename(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(os, "replace", check)
    write(tmp_path, at(300))
    assert {str(tmp_path / "clusters"), str(tmp_path)} < set(synced)
    assert len(synced) == 5 + 2


BAD = [
    ("a file where the folder is to be", lambda folder: folder.write_text("x")),
    ("a folder where a file is to be", lambda folder: (folder / "index.html").mkdir(parents=True)),
]


@pytest.mark.parametrize(("case", "prepare"), BAD, ids=lambda one: str(one)[:20])
def test_a_folder_that_can_not_be_used(tmp_path: Path, case: str, prepare: Any) -> None:
    """One sentence says so."""
    prepare(tmp_path / "report")
    with pytest.raises(CannotWrite, match=f"cannot .*{tmp_path}/report"):
        write(tmp_path / "report", at(0))


SECRET = "somebody else's"


def a_link(path: Path, outside: Path) -> None:
    """In the place of a file there is a link to one outside."""
    path.symlink_to(outside)


def a_hard_link(path: Path, outside: Path) -> None:
    """The file has another name outside."""
    path.hardlink_to(outside)


def a_fifo(path: Path, outside: Path) -> None:
    """Whoever opens it waits for its other end."""
    os.mkfifo(path)


def a_socket(path: Path, outside: Path) -> None:
    """It can't be opened."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def a_dangling_link(path: Path, outside: Path) -> None:
    """It leads to where a file could be made."""
    path.symlink_to(outside.with_name("new"))


def a_large_file(path: Path, outside: Path) -> None:
    """It has more than anybody wants to read."""
    with path.open("wb") as file:
        file.truncate(MOST + 1)


def endless_json(path: Path, outside: Path) -> None:
    """It is nested so deep that it can't be read."""
    path.write_text("[" * 100_000)


STANDS = [a_link, a_hard_link, a_fifo, a_socket, a_dangling_link, a_large_file, endless_json]


@pytest.mark.parametrize("stand", STANDS)
@pytest.mark.parametrize("name", ["index.json", "index.html", "ganeti_autorepair.prom", "clusters/prod.json"])
def test_what_others_put_in_the_place_of_a_file(tmp_path: Path, name: str, stand: Any) -> None:
    """It is neither followed nor waited for nor read: the report stands there afterwards, and nothing else changed."""
    outside, folder = tmp_path / "outside", tmp_path / "report"
    outside.write_text(json.dumps({"clusters": [{"last_round": 7}], "time": 7, "words": SECRET}))
    before = outside.read_text()
    (folder / "clusters").mkdir(parents=True)
    stand(folder / name, outside)
    written = write(folder, at(0))
    assert written.before[name] == "" or stand in (a_hard_link, endless_json)
    assert (folder / name).is_file() and not (folder / name).is_symlink()
    assert on_disk(folder) == written.files
    assert outside.read_text() == before and sorted(os.listdir(tmp_path)) == ["outside", "report"]
    assert write(folder, at(9)).changed == ()


@pytest.mark.parametrize("below", ["a link", "a dangling link", "a file"])
def test_a_folder_of_clusters_that_is_none(tmp_path: Path, below: str) -> None:
    """Nothing is written through it; what stands beside it is written, and the error says what to do."""
    outside, folder = tmp_path / "outside", tmp_path / "report"
    folder.mkdir()
    outside.mkdir()
    (outside / "prod.json").write_text(json.dumps({"clusters": [{"last_round": 7}]}))
    if below == "a file":
        (folder / "clusters").write_text(SECRET)
    else:
        (folder / "clusters").symlink_to(outside if below == "a link" else tmp_path / "nowhere")
    with pytest.raises(CannotWrite, match=r"cannot write 2 of 5 files of the report to .*clusters if it is a link"):
        write(folder, at(0))
    assert json.loads((folder / "index.json").read_text())["clusters"][0]["last_round"] is None
    assert on_disk(outside).keys() == {"prod.json"} and sorted(os.listdir(tmp_path)) == ["outside", "report"]


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    """Whoever names it chooses where it is."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "report").symlink_to(tmp_path / "disk")
    written = write(tmp_path / "report", at(0))
    assert on_disk(tmp_path / "disk") == written.files


def test_one_file_that_can_not_be_written(tmp_path: Path) -> None:
    """All others are."""
    (tmp_path / "clusters" / "lab.html").mkdir(parents=True)
    with pytest.raises(CannotWrite, match=r"cannot write 1 of 7 files .*: clusters/lab.html \(Is a directory\)"):
        write(tmp_path, at(0), at(0, "lab"))
    assert len(on_disk(tmp_path)) == 6
