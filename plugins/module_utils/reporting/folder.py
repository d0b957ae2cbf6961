# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folder: reads and replaces files in a folder that others may write to, and nowhere else.

The path of the folder itself may contain links. Below it no link is followed: each file is opened relative to its open
folder and replaced by a new file, so the target of a link is neither read nor written. Only regular files are read.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

MOST = 64 * 1024 * 1024  # bytes; a larger file is none of ours
MODE = 0o644  # the node exporter and a web server are other users
_HERE = os.O_CLOEXEC | os.O_NOFOLLOW


def read_text(folder: Path, path: str) -> str:
    """The text of the file `path` in `folder`; empty if it is not there, can't be read, or is no regular file.

    Raises OSError where the folder itself can't be opened.
    """
    try:
        with _opened(folder, os.path.dirname(path)) as inside, suppress(OSError):
            return _content(os.path.basename(path), inside).decode("utf-8", "replace")
    except FileNotFoundError:
        pass
    except OSError:
        with _opened(folder, ""):  # it is the folder below that can't be used, and writing to it says so
            pass
    return ""


def write_texts(folder: Path, files: Mapping[str, str]) -> Mapping[str, OSError]:
    """Write `files`, by their paths in `folder`, each whole or not at all; return the errors of those that failed.

    Raises OSError where the folder itself can't be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    failed: dict[str, OSError] = {}
    for below in sorted({os.path.dirname(path) for path in files}, reverse=True):
        mine = {path: text for path, text in files.items() if os.path.dirname(path) == below}
        try:
            failed.update(_write_below(folder, below, mine))
        except OSError as error:
            if not below:
                raise
            failed.update(dict.fromkeys(mine, error))
    return failed


def _write_below(folder: Path, below: str, files: Mapping[str, str]) -> Mapping[str, OSError]:
    if below:
        with _opened(folder, "") as top, suppress(FileExistsError):
            os.mkdir(below, dir_fd=top)
    failed: dict[str, OSError] = {}
    with _opened(folder, below) as inside:
        for path, text in files.items():
            try:
                _write(os.path.basename(path), text, inside)
            except OSError as error:
                failed[path] = error
        os.fsync(inside)  # so that the new names survive a crash
    return failed


@contextmanager
def _opened(folder: Path, below: str) -> Iterator[int]:
    """A file descriptor of `folder`, or of the folder `below` in it, which must not be a link."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if below:
            top, number = number, os.open(below, os.O_RDONLY | os.O_DIRECTORY | _HERE, dir_fd=number)
            os.close(top)
        yield number
    finally:
        os.close(number)


def _content(name: str, inside: int) -> bytes:
    """The content of a file; empty if it is not a regular file, or larger than MOST."""
    number = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _HERE, dir_fd=inside)  # a FIFO would wait for its writer
    with os.fdopen(number, "rb") as source:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            return b""
        found = source.read(MOST + 1)
    return found if len(found) <= MOST else b""


def _write(name: str, text: str, inside: int) -> None:
    """Write one file atomically: readers see the old one or the new one, even after a crash."""
    beside = f".{name[:100]}.{secrets.token_hex(8)}.new"
    number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _HERE, 0o600, dir_fd=inside)
    try:
        with os.fdopen(number, "wb") as output:
            output.write(text.encode("utf-8", "replace"))
            output.flush()
            os.fchmod(number, MODE)
            os.fsync(number)
        os.replace(beside, name, src_dir_fd=inside, dst_dir_fd=inside)  # a link is replaced itself
    except BaseException:
        with suppress(OSError):
            os.unlink(beside, dir_fd=inside)
        raise
